"""What it means for a picture to keep its content and take on a style.

One loss serves both ways of making a picture: training a network (``fastnst.training``) and
optimising a single picture (``fastnst.gatys``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastnst.errors import ConfigError
from fastnst.settings import LossSettings
from fastnst.vgg import VGG19Features
from fastnst.vgg_weights import VGGWeights


def gram_matrix(activations: Tensor) -> Tensor:
    """Channel correlations, averaged over positions and channels.

    ``G[c, d] = sum_hw a_c a_d / (C H W)``: Johnson et al. (2016), https://arxiv.org/abs/1603.08155, eq. 3.
    Computed in float32 whatever the input: the sum of a 64x256x256 layer overflows half precision.

    Args:
        activations: ``(B, C, H, W)``.

    Returns:
        ``(B, C, C)``, symmetric, float32.
    """
    b, c, h, w = activations.shape
    flat = activations.float().reshape(b, c, h * w)
    with torch.autocast(flat.device.type, enabled=False):  # which would take the product in half precision
        return flat @ flat.mT / (c * h * w)


def content_distance(activations: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of activations: Johnson et al. (2016), eq. 2.

    Gatys et al. (2016), eq. 1, take half the sum, which grows with the picture; the mean does not.

    Args:
        activations: ``(B, C, H, W)``.
        target: ``(B, C, H, W)`` or ``(1, C, H, W)``.

    Returns:
        ``()``.
    """
    return (activations.float() - target.float()).square().mean()


def style_distance(gram: Tensor, target: Tensor) -> Tensor:
    """Squared Frobenius norm of the difference of Gram matrices: Johnson et al. (2016), eq. 4.

    With this Gram matrix it is 4 times the ``E_l`` of Gatys et al. (2016), eq. 4, when both pictures have
    the same size. Johnson's released code takes the mean over the C^2 entries instead, by which a layer of
    512 channels weighs 64 times less beside one of 64.

    Args:
        gram: ``(B, C, C)``.
        target: ``(1, C, C)``.

    Returns:
        ``()``, the mean over the batch.
    """
    return (gram - target).square().sum(dim=(1, 2)).mean()


def total_variation(images: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels: 0 for a flat picture, whatever its size.

    Johnson et al. (2016), section 3.2, refer to the sum of Mahendran & Vedaldi (2015), which grows with the
    picture; the mean does not.

    Args:
        images: ``(B, 3, H, W)``.

    Returns:
        ``()``.
    """
    down = images[..., 1:, :] - images[..., :-1, :]
    right = images[..., :, 1:] - images[..., :, :-1]
    return down.square().mean() + right.square().mean()


def grid_power(images: Tensor, *, period: int = 8, window: int = 24) -> Tensor:
    """Power of what repeats every ``period`` px from one window to another: the grid that upsampling leaves.

    Ours. Networks learn such a grid although their upsampling is smooth (nearest neighbours): rectification
    makes it of textures, and the Gram matrices of the first layers take it for brushwork: Odena et al. (2016)
    describe it, https://distill.pub/2016/deconv-checkerboard. Each window's mean block of ``period`` px is
    multiplied by that of the windows a knight's move away: texture is as often of the one sign as of the
    other, an edge seldom runs through both, and a grid is the same in both.

    Args:
        images: ``(B, 3, H, W)``; with sides under ``3 * window + period`` px there is nothing to compare.
        period: px; grids of its divisors are seen too.
        window: px, a multiple of ``period``.

    Returns:
        ``()``, at least 0, the mean over the batch.
    """
    half = period // 2
    # Without what is slower than a period: over a block, shading would look like a grid.
    fine = images[..., half : 1 - half, half : 1 - half] - F.avg_pool2d(images, period, stride=1)
    down, right = (side // window for side in fine.shape[-2:])
    if min(down, right) < 3:
        return images.new_zeros(())
    blocks = window // period
    parts = fine[..., : down * window, : right * window].reshape(
        *fine.shape[:2], down, blocks, period, right, blocks, period
    )
    grid = parts.mean(dim=(3, 6)).movedim(4, 3)  # (B, 3, down, right, period, period)
    pairs = []
    for y, x in ((1, 2), (2, 1)):
        upper, lower = grid[:, :, :-y], grid[:, :, y:]
        pairs += [upper[:, :, :, :-x] * lower[:, :, :, x:], upper[:, :, :, x:] * lower[:, :, :, :-x]]
    return torch.stack([pair.mean() for pair in pairs]).mean().clamp_min(0)


@dataclass(frozen=True)
class LossTerms:
    """One loss, taken apart; every tensor is ``()``, the mean over the batch.

    Args:
        content, style, tv: weighted terms, whose sum is what is minimised.
        content_layers, style_layers: raw distance of each layer, before any weight.
        raw_tv: total variation before its weight.
    """

    content: Tensor
    style: Tensor
    tv: Tensor
    content_layers: Mapping[str, Tensor]
    style_layers: Mapping[str, Tensor]
    raw_tv: Tensor

    @property
    def total(self) -> Tensor:
        """Sum of the weighted terms, ``()``."""
        return self.content + self.style + self.tv

    def named(self) -> dict[str, Tensor]:
        """Every number by a flat name: ``total``, ``content``, ``raw/content/relu4_2`` and so on."""
        named = {"total": self.total, "content": self.content, "style": self.style, "tv": self.tv}
        named |= {f"raw/content/{layer}": value for layer, value in self.content_layers.items()}
        named |= {f"raw/style/{layer}": value for layer, value in self.style_layers.items()}
        named["raw/tv"] = self.raw_tv
        return named

    def values(self) -> dict[str, float]:
        """``named`` as plain numbers."""
        return {name: value.item() for name, value in self.named().items()}


class PerceptualLoss(nn.Module):
    """Content, style and smoothness of a picture, measured on VGG-19.

    It keeps no targets: callers compute them once and pass them in, so that one loss can serve many
    pictures and a call never depends on an earlier one.

    Args:
        features: computes at least the layers named below.
        content_layers: weight of each layer in the content term.
        style_layers: weight of each layer in the style term.
        coarse_weight: of the content layers, measured once more on pictures made smaller, beside the others.
            Ours. Layers that keep edges do not see what changes slowly, and so style puts colours that it
            lacks into flat parts as large soft blobs, or makes dark of light; made smaller, those are edges.
        coarse_factor: how many times smaller.
        content_weight, style_weight, tv_weight: weight of each term; 0 switches it off.

    Raises:
        ConfigError: a weight is negative, or all are 0.
    """

    def __init__(
        self,
        features: VGG19Features,
        *,
        content_layers: Mapping[str, float],
        style_layers: Mapping[str, float],
        content_weight: float,
        style_weight: float,
        tv_weight: float,
        coarse_weight: float = 0.0,
        coarse_factor: int = 1,
    ) -> None:
        super().__init__()
        named = {
            "content_weight": content_weight,
            "style_weight": style_weight,
            "tv_weight": tv_weight,
            "coarse_weight": coarse_weight,
        }
        for name, weight in {**named, **content_layers, **style_layers}.items():
            if not 0 <= weight < float("inf"):
                raise ConfigError(f"the weight of {name} must be 0 or more, not {weight}")
        content = content_weight * sum(content_layers.values())
        if content + style_weight * sum(style_layers.values()) + tv_weight == 0:
            raise ConfigError("every weight of the loss is 0: nothing would be optimised")
        self.features = features
        self.content_layers = dict(content_layers)
        self.style_layers = dict(style_layers)
        self.content_weight = content_weight
        self.style_weight = style_weight
        self.tv_weight = tv_weight
        self.coarse_factor = coarse_factor
        self._content = dict(content_layers)  # weights by the names that targets have
        if coarse_weight:
            self._content |= {_coarse(name): coarse_weight * w for name, w in content_layers.items()}

    def content_target(self, images: Tensor) -> dict[str, Tensor]:
        """Activations to keep: ``{layer: (B, C, H, W)}``; those of smaller pictures as ``layer_coarse``."""
        activations = self.features(images, self.content_layers) | self._coarsely(images)
        return {name: activation.detach() for name, activation in activations.items()}

    def _coarsely(self, images: Tensor) -> dict[str, Tensor]:
        """The content layers of smaller pictures, if they count."""
        if len(self._content) == len(self.content_layers):
            return {}
        smaller = F.avg_pool2d(images, self.coarse_factor, ceil_mode=True)
        return {_coarse(name): each for name, each in self.features(smaller, self.content_layers).items()}

    def style_target(self, painting: Tensor) -> dict[str, Tensor]:
        """Gram matrices to match: ``{layer: (1, C, C)}``."""
        activations = self.features(painting, self.style_layers)
        return {name: gram_matrix(activation).detach() for name, activation in activations.items()}

    def forward(
        self, images: Tensor, content: Mapping[str, Tensor], style: Mapping[str, Tensor]
    ) -> LossTerms:
        """How far ``images``, ``(B, 3, H, W)`` in [0, 1], are from both targets."""
        activations = self.features(images)
        kept = activations | self._coarsely(images)
        content_layers = {name: content_distance(kept[name], content[name]) for name in self._content}
        style_layers = {
            name: style_distance(gram_matrix(activations[name]), style[name]) for name in self.style_layers
        }
        raw_tv = total_variation(images)
        zero = images.new_zeros(())
        return LossTerms(
            content=self.content_weight
            * sum((w * content_layers[name] for name, w in self._content.items()), zero),
            style=self.style_weight
            * sum((w * style_layers[name] for name, w in self.style_layers.items()), zero),
            tv=self.tv_weight * raw_tv,
            content_layers=content_layers,
            style_layers=style_layers,
            raw_tv=raw_tv,
        )


def _coarse(layer: str) -> str:
    return f"{layer}_coarse"


def build(
    settings: LossSettings, weights: VGGWeights, *, strength: float, dtype: torch.dtype
) -> PerceptualLoss:
    """The loss that conf/loss describes, on these VGG-19 weights.

    Args:
        settings: layers and weights, each a number: ``fastnst.calibration`` finds those that are ``auto``.
        weights: from ``fastnst.vgg_weights.load``.
        strength: the painting's; multiplies the style weight.
        dtype: of VGG-19's convolutions.

    Raises:
        ConfigError: a layer is unknown or a weight impossible.
    """
    layers = [*settings.content_layers, *settings.style_layers]
    return on(VGG19Features(weights, layers, pooling=settings.pooling, dtype=dtype), settings, strength)


def on(features: VGG19Features, settings: LossSettings, strength: float = 1) -> PerceptualLoss:
    """The loss that conf/loss describes, on a VGG-19 that is there: see ``build``."""
    return PerceptualLoss(
        features,
        content_layers=settings.content_layers,
        style_layers=settings.style_layers,
        content_weight=settings.content_weight,
        style_weight=settings.style_weight * strength,
        tv_weight=settings.tv_weight,
        coarse_weight=settings.coarse_weight,
        coarse_factor=settings.coarse_factor,
    )
