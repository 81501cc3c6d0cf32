"""From a network's picture on, by the optimiser that needs no network: between milliseconds and minutes.

Johnson et al. (2016), section 4.1, find a network's picture worth 50 to 100 evaluations of L-BFGS from the
photo. So what the optimiser would do first has been done, and a few evaluations more go where a network
cannot: the loss is the style's own, and what it was trained to match lies in its file.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fastnst import config, devices, losses, style_targets, vgg_weights
from fastnst.gatys import optimise
from fastnst.pixels import Bytes, packed, unpacked
from fastnst.progress import Report
from fastnst.repaint import Refine
from fastnst.settings import OptimiserSettings, recorded_loss, require
from fastnst.style_file import Style
from fastnst.tiled_loss import affordable_history, fitting
from fastnst.vgg import choose_dtype


@dataclass
class RefineSettings(OptimiserSettings):
    """conf/refine/default.yaml."""

    precision: str


def refiner(style: Style, evaluations: int, *, device: str = "auto", report: Report | None = None) -> Refine:
    """What refines pictures of a style.

    Args:
        style: must hold what it was trained to match, as those that training writes do.
        evaluations: of the loss, for each picture.
        device: see ``fastnst.devices.choose``.
        report: is told of every evaluation.

    Raises:
        ConfigError: the style does not tell its loss or its target, or there is no such device.
        StyleFileError: the style cannot be read.
        WeightsError: VGG-19's weights cannot be read.
    """
    require(evaluations >= 1, f"refining needs at least 1 evaluation, not {evaluations}")
    settings = config.plain(RefineSettings, "refine/default")
    where = devices.choose(device)
    dtype = choose_dtype(settings.precision, where.type)
    weights = vgg_weights.load("original")
    stored = style_targets.stored(style, weights)
    loss = losses.build(recorded_loss(style.record), weights, strength=1, dtype=dtype).to(where)
    target = {layer: gram.to(where) for layer, gram in stored.items()}

    @devices.enough_memory("try a smaller --size")
    def refined(photo: Bytes, picture: Bytes) -> Bytes:
        pixels = picture.shape[0] * picture.shape[1]
        result = optimise(
            _tensor(photo, where),
            target,
            fitting(loss, pixels),
            init=_tensor(picture, where),
            how=replace(settings, history=affordable_history(settings.history, pixels, where)),
            steps=evaluations,
            report=report,
        )
        return packed(result.picture[0].cpu().numpy())

    return refined


def _tensor(pixels: Bytes, device: torch.device) -> Tensor:
    """(H, W, 3) to (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(unpacked(pixels))[None].to(device)
