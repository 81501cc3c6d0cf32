"""The networks that repaint a photo in one pass."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastnst.architectures import (
    EPS,
    MIN_SIZE,
    Architecture,
    Beside,
    Box,
    Conv,
    Layer,
    Norm,
    Relu,
    Residual,
    Unshuffle,
    Upsample,
    architecture,
)
from fastnst.errors import ImageError


class Statistics(NamedTuple):
    """Mean and variance of every channel in one instance normalisation, ``(1, C, 1, 1)`` each."""

    mean: Tensor
    variance: Tensor


class InstanceNorm(nn.Module):
    """Instance normalisation whose statistics can be recorded and put in place of a picture's own.

    Ulyanov et al. (2016), https://arxiv.org/abs/1607.08022. The statistics see the whole picture, so parts of
    it done apart get colours of their own; with those of the whole picture they agree: ``big_pictures``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = EPS
        self.record: list[Statistics] | None = None
        self.kept: tuple[float, float, float, float] | None = None
        self.frozen: Statistics | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(B, C, H, W)``."""
        if self.record is not None:
            seen = x if self.kept is None else _part(x, self.kept)
            variance, mean = torch.var_mean(seen.float(), dim=(0, 2, 3), correction=0, keepdim=True)
            self.record.append(Statistics(mean, variance))
        if self.frozen is None:
            return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)
        gain = self.weight.view(1, -1, 1, 1) * torch.rsqrt(self.frozen.variance + self.eps)  # (1, C, 1, 1)
        return x * gain + (self.bias.view(1, -1, 1, 1) - self.frozen.mean * gain)


def _part(x: Tensor, shares: tuple[float, float, float, float]) -> Tensor:
    """``(B, C, H, W)`` from top and left to bottom and right, which are shares of its sides."""
    height, width = x.shape[-2:]
    top, left, bottom, right = shares
    return x[..., round(top * height) : round(bottom * height), round(left * width) : round(right * width)]


class StyleNetwork(nn.Module):
    """A network that gives every picture back in its own size.

    Args:
        architecture: its layers.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.layers = _sequence(architecture.layers)
        if sees_the_photo(architecture):
            self._begin_with_its_tones()

    def normalisations(self) -> list[str]:
        """The names of the weights and biases of every instance normalisation, in their order."""
        places = [place for place, module in self.named_modules() if isinstance(module, InstanceNorm)]
        return [f"{place}.{kind}" for place in places for kind in ("weight", "bias")]

    def _begin_with_its_tones(self) -> None:
        """Give the photo half a voice at the start: without it, one network in a few learns light for dark.

        The losses can hardly tell the two apart: their activations are of edges, rectified.
        """
        last = self.layers[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        weight, bias = photo_taps(last.weight, gain=0.5)
        with torch.no_grad():
            last.weight[:, -3:] = weight[:, -3:]
            last.bias.copy_(bias)

    def forward(self, pictures: Tensor) -> Tensor:
        """Repaint a batch.

        Args:
            pictures: ``(B, 3, H, W)``, RGB in [0, 1], any size from 16 px a side.

        Returns:
            ``(B, 3, H, W)``, RGB in [0, 1].

        Raises:
            ImageError: a side is shorter than 16 px.
        """
        height, width = pictures.shape[-2:]
        if min(height, width) < MIN_SIZE:
            raise ImageError(f"picture is {width}x{height} px; at least {MIN_SIZE} px a side are needed")
        stride = self.architecture.stride
        padded = F.pad(pictures, (0, -width % stride, 0, -height % stride), mode="reflect")
        y = self.layers(padded)
        y = y.tanh() if self.architecture.output == "tanh" else _Clip.apply(y)
        picture: Tensor = (y + 1) / 2
        return picture[..., :height, :width]

    def statistics(self, pictures: Tensor, kept: Box | None = None) -> list[Statistics]:
        """Statistics of every instance normalisation over one pass, pooled over the batch, in their order.

        Args:
            pictures: as for ``forward``.
            kept: the part that counts, where not all does: its sides multiples of the stride, or at the end.
        """
        record: list[Statistics] = []
        stride = self.architecture.stride
        shares = None
        if kept is not None:
            height, width = (-(-side // stride) for side in pictures.shape[-2:])
            top, left, bottom, right = (-(-side // stride) for side in kept)
            shares = (top / height, left / width, bottom / height, right / width)
        norms = [module for module in self.modules() if isinstance(module, InstanceNorm)]
        for norm in norms:
            norm.record, norm.kept = record, shares
        try:
            with torch.no_grad():
                self(pictures)
        finally:
            for norm in norms:
                norm.record = norm.kept = None
        return record

    @contextmanager
    def frozen(self, statistics: list[Statistics]) -> Iterator[None]:
        """Inside the block, normalise with ``statistics`` in place of a picture's own."""
        norms = [module for module in self.modules() if isinstance(module, InstanceNorm)]
        for norm, known in zip(norms, statistics, strict=True):
            norm.frozen = known
        try:
            yield
        finally:
            for norm in norms:
                norm.frozen = None


def sees_the_photo(architecture: Architecture) -> bool:
    """Whether the last convolution sees the photo beside all else, and can give it as it is."""
    first, last = architecture.layers[0], architecture.layers[-1]
    return isinstance(first, Beside) and isinstance(last, Conv) and architecture.output == "clip"


def photo_taps(weight: Tensor, *, gain: float) -> tuple[Tensor, Tensor]:
    """Weight and bias of a last convolution, of that shape, that give ``gain`` times the photo around grey.

    The photo comes as its last three channels, in [0, 1], and the picture is wanted in [-1, 1].
    """
    taps = torch.zeros_like(weight)  # (3, C, size, size)
    middle = weight.shape[-1] // 2
    for channel in range(3):
        taps[channel, channel - 3, middle, middle] = 2 * gain
    return taps, torch.full((3,), -float(gain))


class _Clip(torch.autograd.Function):
    """Clips to [-1, 1]. Where it did, gradients pass that lead back, none that lead further out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(-1, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        outwards = ((x < -1) & (gradient > 0)) | ((x > 1) & (gradient < 0))
        return gradient.masked_fill(outwards, 0)


class _Residual(nn.Module):
    def __init__(self, branch: nn.Sequential) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.branch(x)
        return y


class _Beside(nn.Module):
    def __init__(self, branch: nn.Sequential) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch(x), x], dim=1)


def _sequence(layers: tuple[Layer, ...]) -> nn.Sequential:
    return nn.Sequential(*map(_module, layers))


def _module(layer: Layer) -> nn.Module:
    match layer:
        case Conv(inputs, outputs, size, stride, border):
            return nn.Conv2d(inputs, outputs, size, stride, size // 2, padding_mode=border)
        case Norm(channels):
            return InstanceNorm(channels)
        case Relu():
            return nn.ReLU(inplace=True)
        case Unshuffle(factor):
            return nn.PixelUnshuffle(factor)
        case Upsample(factor, smooth):
            return nn.Upsample(scale_factor=factor, mode="bilinear" if smooth else "nearest")
        case Residual(branch):
            return _Residual(_sequence(branch))
        case Beside(branch):
            return _Beside(_sequence(branch))


def build(name: str, arguments: Mapping[str, Any]) -> StyleNetwork:
    """The network that a style file or conf/network names, with fresh weights.

    Raises:
        ConfigError: see ``architectures.architecture``.
    """
    return StyleNetwork(architecture(name, arguments))
