"""Several paintings in one picture: how much of each, and where.

Everywhere, paintings are mixed by their Gram matrices: a weighted mean of squared distances to several
matrices is the squared distance to their weighted mean, but for a constant. Masks give regions, each with
paintings of its own: Gatys et al. (2017), https://arxiv.org/abs/1611.07865, section 4.1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fastnst import config, images, samples
from fastnst.coarse_to_fine import Target, resized
from fastnst.errors import ConfigError, ImageError
from fastnst.losses import PerceptualLoss
from fastnst.pixels import Floats
from fastnst.settings import PaintingSettings

_EMPTY = 1e-3  # of the picture: a region smaller than that is none


@dataclass(frozen=True, eq=False)
class Part:
    """One painting of a mixture.

    Args:
        painting: (1, 3, h, w) in [0, 1], of the size at which its style is measured for the whole picture.
        weight: beside the others of its region.
        mask: where it belongs, (1, 1, H, W) of 0 to 1; None for where no mask is. Paintings with the same
            tensor share a region.
    """

    painting: Tensor
    weight: float
    mask: Tensor | None = None


def chosen(
    own: PaintingSettings, several: Mapping[str, float], masks: Mapping[str, str]
) -> dict[str, tuple[PaintingSettings, float]]:
    """The settings and the weight of each painting, by the name that the user gave it.

    Args:
        own: the run's ``painting``, and what others have in common with it: size, folder, strength.
        several: weights by preset name or file; empty for ``own`` alone, which may be one of them, too.
        masks: files by the same names.

    Raises:
        ConfigError: a weight is negative, all are 0, ``own`` is none of several, or a mask belongs to none.
    """
    for name, weight in several.items():
        if not 0 <= weight < float("inf"):
            raise ConfigError(f"the weight of the painting {name} must be 0 or more, not {weight}")
    if several and not any(several.values()):
        raise ConfigError(f"the weights of {', '.join(several)} are all 0: nothing would be painted")
    alone = own.name or own.image
    if masks and not several:
        if not alone:
            raise ConfigError("masks say where each of paintings={FILE: 1, ...} belongs, and there are none")
        several = {own.image if own.image and own.image in masks else alone: 1.0}
    if several and alone and not {own.name, own.image} & set(several):
        raise ConfigError(f"painting={alone} is none of paintings={{...}}: put it in there, or leave it out")
    if own.name != own.image and {own.name, own.image} <= set(several):
        raise ConfigError(f"paintings={{...}}: {own.name} and {own.image} are one painting: leave one out")
    if strangers := sorted(set(masks) - set(several)):
        known = ", ".join(several) or "none"
        raise ConfigError(f"masks.{strangers[0]} belongs to no painting of paintings={{...}} ({known})")
    if not several:
        return {own.name or "painting": (own, 1.0)}
    found = {}
    for name, weight in several.items():
        if weight:
            if name in (own.name, own.image):
                settings = own
            elif name in config.choices("painting") and name != "own":
                settings = replace(config.painting(name, own.dir), size=own.size, strength=own.strength)
            else:
                settings = replace(
                    own, image=name, name=None, title=None, artist=None, year=None, source=None, rights=None
                )
            found[name] = (settings, weight)
    return found


def read_mask(path: str, height: int, width: int) -> Tensor:
    """A mask as (1, 1, height, width), 0 where it is black or transparent and 1 where it is white.

    Raises:
        ImageError: it cannot be read, is all black, or has another shape than the photo.
    """
    picture = images.read(samples.resolve(path))
    rows, columns = picture.rgb.shape[1:]
    if abs(rows * width - columns * height) > max(width, height, rows, columns):  # one px of rounding
        raise ImageError(
            f"the mask {path} is {columns}x{rows} px: a mask has the photo's shape, {width}x{height} or so"
        )
    white = picture.rgb if picture.alpha is None else picture.rgb * picture.alpha
    grey: Floats = images.resize(white, height, width).mean(axis=0)
    if grey.mean() < _EMPTY:
        raise ImageError(f"the mask {path} is black: white is where its painting belongs")
    return torch.from_numpy(np.ascontiguousarray(grey))[None, None].clamp(0, 1)


def targets(parts: Sequence[Part], loss: PerceptualLoss, height: int) -> Callable[[int, int], Target]:
    """What to match at each size of the picture: paintings are made smaller with it.

    Args:
        parts: at least one.
        loss: whose style layers count.
        height: of the picture at full size, px, for which paintings have their right size.

    Raises:
        ConfigError: masks leave nothing of the picture to a painting without one.
    """
    groups: dict[int | None, list[Part]] = {}
    for part in parts:
        groups.setdefault(None if part.mask is None else id(part.mask), []).append(part)
    device = parts[0].painting.device
    masks = {key: group[0].mask.to(device) for key, group in groups.items() if group[0].mask is not None}
    rest = None
    if masks:
        rest = (1 - torch.stack(list(masks.values())).sum(dim=0)).clamp(0, 1)
        if None in groups and rest.mean() < _EMPTY:
            raise ConfigError("the masks cover the whole picture: nothing is left for a painting without one")

    def at(rows: int, columns: int) -> Target:
        mixed = {key: _mixed(loss, group, rows / height) for key, group in groups.items()}
        if rest is None:
            return Target(mixed[None])
        regions = torch.cat([rest if key is None else masks[key] for key in mixed])
        style = {layer: torch.cat([each[layer] for each in mixed.values()]) for layer in loss.style_layers}
        return Target(style, F.adaptive_avg_pool2d(regions, (rows, columns)))

    return at


def _grams(loss: PerceptualLoss, part: Part, scale: float) -> dict[str, Tensor]:
    """The Gram matrices of a painting, made smaller with the picture."""
    painting = part.painting
    if scale < 1:
        painting = resized(painting, [max(32, round(side * scale)) for side in painting.shape[-2:]]).clamp(
            0, 1
        )
    return loss.style_target(painting)


def _mixed(loss: PerceptualLoss, group: Sequence[Part], scale: float) -> dict[str, Tensor]:
    """The weighted mean of the Gram matrices of a region's paintings."""
    whole = sum(part.weight for part in group)
    total: dict[str, Tensor] = {}
    for part in group:
        for layer, gram in _grams(loss, part, scale).items():
            total[layer] = total.get(layer, 0) + part.weight / whole * gram
    return total
