"""What it means for a picture to keep its content and take on a style.

One loss serves both ways of making a picture: training a network (``fastnst.training``) and
optimising a single picture (``fastnst.gatys``).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastnst.distances import content_distance, gram_matrix, style_distance, total_variation
from fastnst.errors import ConfigError
from fastnst.settings import LossSettings
from fastnst.vgg import VGG19Features
from fastnst.vgg_weights import VGGWeights


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
        normalise_gradients: give every layer's gradient the length (L1) of its weight, whatever its distance:
            the ``-normalize_gradients`` of J. Johnson's neural-style. Such a gradient is not the total's.
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
        normalise_gradients: bool = False,
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
        self.normalise_gradients = normalise_gradients
        self.content_weights = dict(content_layers)  # by the names that targets have
        if coarse_weight:
            self.content_weights |= {_coarse(name): coarse_weight * w for name, w in content_layers.items()}

    def content_target(self, images: Tensor) -> dict[str, Tensor]:
        """Activations to keep: ``{layer: (B, C, H, W)}``; those of smaller pictures as ``layer_coarse``."""
        activations = self.features(images, self.content_layers) | self.coarsely(images)
        return {name: activation.detach() for name, activation in activations.items()}

    def coarsely(self, images: Tensor) -> dict[str, Tensor]:
        """The content layers of smaller pictures, if they count."""
        if len(self.content_weights) == len(self.content_layers):
            return {}
        smaller = F.avg_pool2d(images, self.coarse_factor, ceil_mode=True)
        return {_coarse(name): each for name, each in self.features(smaller, self.content_layers).items()}

    def style_target(self, painting: Tensor) -> dict[str, Tensor]:
        """Gram matrices to match: ``{layer: (1, C, C)}``."""
        activations = self.features(painting, self.style_layers)
        return {name: gram_matrix(activation).detach() for name, activation in activations.items()}

    def forward(
        self,
        images: Tensor,
        content: Mapping[str, Tensor],
        style: Mapping[str, Tensor],
        *,
        regions: Tensor | None = None,
    ) -> LossTerms:
        """How far pictures are from both targets.

        Args:
            images: ``(B, 3, H, W)`` in [0, 1].
            content: ``content_target(photos)``.
            style: ``style_target(painting)``, or with ``regions`` ``{layer: (R, C, C)}``.
            regions: where each style belongs, (R, 1, H, W) of 0 to 1, for one picture. Areas weigh.
        """
        activations = self.features(images)
        kept = activations | self.coarsely(images)
        shares = None if regions is None else areas(regions)
        content_layers, style_layers = {}, {}
        for name, weight in self.content_weights.items():
            seen = self._seen(kept[name], self.content_weight * weight)
            content_layers[name] = content_distance(seen, content[name])
        for name, weight in self.style_layers.items():
            seen = self._seen(activations[name], self.style_weight * weight)
            style_layers[name] = style_distance(gram_matrix(seen, regions), style[name], shares)
        return self.terms(images, content_layers, style_layers)

    def terms(
        self, images: Tensor, content_layers: Mapping[str, Tensor], style_layers: Mapping[str, Tensor]
    ) -> LossTerms:
        """The loss from the distance of each layer."""
        raw_tv = total_variation(images)
        zero = images.new_zeros(())
        return LossTerms(
            content=self.content_weight
            * sum((w * content_layers[name] for name, w in self.content_weights.items()), zero),
            style=self.style_weight
            * sum((w * style_layers[name] for name, w in self.style_layers.items()), zero),
            tv=self.tv_weight * raw_tv,
            content_layers=content_layers,
            style_layers=style_layers,
            raw_tv=raw_tv,
        )

    def _seen(self, activation: Tensor, weight: float) -> Tensor:
        """The activation, whose gradient may be given the length of the weight."""
        return _WithGradientOf.apply(activation, weight) if self.normalise_gradients else activation


class _WithGradientOf(torch.autograd.Function):
    """The same activation; its gradient made as long, in L1, as a number."""

    @staticmethod
    def forward(ctx: Any, activation: Tensor, length: float) -> Tensor:
        """See the class."""
        ctx.length = length
        return activation.view_as(activation)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """See the class."""
        total = gradient.float().abs().sum().clamp_min(torch.finfo(torch.float32).tiny)
        return (gradient * (ctx.length / total)).to(gradient.dtype), None


def areas(regions: Tensor) -> Tensor:
    """The share of each region, (R, 1, H, W), in the area of all: (R,)."""
    each = regions.mean(dim=(1, 2, 3))
    return each / each.sum()


def _coarse(layer: str) -> str:
    return f"{layer}_coarse"


def build(
    settings: LossSettings,
    weights: VGGWeights,
    *,
    strength: float,
    dtype: torch.dtype,
    normalise_gradients: bool = False,
) -> PerceptualLoss:
    """The loss that conf/loss describes, on these VGG-19 weights.

    Args:
        settings: layers and weights, each a number: ``fastnst.calibration`` finds those that are ``auto``.
        weights: from ``fastnst.vgg_weights.load``.
        strength: the painting's; multiplies the style weight.
        dtype: of VGG-19's convolutions.
        normalise_gradients: as in ``PerceptualLoss``.

    Raises:
        ConfigError: a layer is unknown or a weight impossible.
    """
    features = ruler(settings, weights, dtype=dtype)
    return on(features, settings, strength, normalise_gradients=normalise_gradients)


def ruler(
    settings: LossSettings, weights: VGGWeights, *, dtype: torch.dtype, also: Collection[str] = ()
) -> VGG19Features:
    """The VGG-19 that conf/loss describes, with its layers and those of ``also``."""
    layers = [*settings.content_layers, *settings.style_layers, *also]
    return VGG19Features(weights, layers, pooling=settings.pooling, padding=settings.padding, dtype=dtype)


def on(
    features: VGG19Features, settings: LossSettings, strength: float = 1, *, normalise_gradients: bool = False
) -> PerceptualLoss:
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
        normalise_gradients=normalise_gradients,
    )
