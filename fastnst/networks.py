"""The networks that repaint a photo in one pass."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastnst.errors import ConfigError, ImageError


class Statistics(NamedTuple):
    """Mean and variance of every channel in one instance normalisation, ``(1, C, 1, 1)`` each."""

    mean: Tensor
    variance: Tensor


class InstanceNorm(nn.Module):
    """Instance normalisation whose statistics can be recorded and put in place of a picture's own.

    Ulyanov et al. (2016), https://arxiv.org/abs/1607.08022. The statistics see the whole picture, so parts of
    it done apart get colours of their own; with those of one pass over a thumbnail they agree: Chen et al.
    (2021), https://arxiv.org/abs/2103.11784.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = 1e-5
        self.record: list[Statistics] | None = None
        self.frozen: Statistics | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(B, C, H, W)``."""
        if self.record is not None:
            variance, mean = torch.var_mean(x.float(), dim=(0, 2, 3), correction=0, keepdim=True)
            self.record.append(Statistics(mean, variance))
        if self.frozen is None:
            return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)
        gain = self.weight.view(1, -1, 1, 1) * torch.rsqrt(self.frozen.variance + self.eps)  # (1, C, 1, 1)
        return x * gain + (self.bias.view(1, -1, 1, 1) - self.frozen.mean * gain)


class StyleNetwork(nn.Module):
    """What every network of fastnst promises: a picture in, a picture of the same size out.

    A subclass sets ``stride``, the factor by which its sides must divide, and ``paint``, which maps
    ``(B, 3, H, W)`` in [0, 1] with such sides to the same shape.
    """

    min_size = 16  # px: at a quarter of it, reflection padding still has pixels to reflect
    stride = 1

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
        if min(height, width) < self.min_size:
            raise ImageError(f"picture is {width}x{height} px; at least {self.min_size} px a side are needed")
        padded = F.pad(pictures, (0, -width % self.stride, 0, -height % self.stride), mode="reflect")
        return self.paint(padded)[..., :height, :width]

    def paint(self, pictures: Tensor) -> Tensor:
        """Repaint ``(B, 3, H, W)`` whose sides divide by ``stride``."""
        raise NotImplementedError

    def statistics(self, pictures: Tensor) -> list[Statistics]:
        """Statistics of every instance normalisation over one pass, pooled over the batch, in their order."""
        record: list[Statistics] = []
        norms = [module for module in self.modules() if isinstance(module, InstanceNorm)]
        for norm in norms:
            norm.record = record
        try:
            with torch.no_grad():
                self(pictures)
        finally:
            for norm in norms:
                norm.record = None
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


def _conv(inputs: int, outputs: int, size: int, *, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the sides (over ``stride``) by reflection."""
    return nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, padding_mode="reflect")


class ResidualBlock(nn.Module):
    """Two convolutions beside the identity, no rectification after the sum.

    Johnson et al. (2016), supplementary material, after Gross & Wilber (2016).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            _conv(channels, channels, 3),
            InstanceNorm(channels),
            nn.ReLU(inplace=True),
            _conv(channels, channels, 3),
            InstanceNorm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same shape."""
        y: Tensor = x + self.branch(x)
        return y


class Johnson(StyleNetwork):
    """The transformer of Johnson et al. (2016), supplementary material, table 1.

    Three departures, each the field's cure for an artefact: instance for batch normalisation (Ulyanov et al.,
    2016); reflection padding at every convolution, not 40 px at the start and none in the blocks; nearest
    neighbour and a convolution for the fractionally strided ones, which leave a checkerboard (Odena et al.,
    2016, https://distill.pub/2016/deconv-checkerboard).

    Args:
        width: channels of the first layer (the paper's: 32); the blocks have four times as many.
        blocks: residual blocks (the paper's: 5).

    Raises:
        ConfigError: an argument is not a positive number.
    """

    stride = 4

    def __init__(self, *, width: int, blocks: int) -> None:
        super().__init__()
        for name, value in (("width", width), ("blocks", blocks)):
            if not isinstance(value, int) or not 1 <= value <= 1024:
                raise ConfigError(
                    f"{name} of the johnson network must be a number from 1 to 1024, not {value!r}"
                )
        self.layers = nn.Sequential(
            _conv(3, width, 9),
            InstanceNorm(width),
            nn.ReLU(inplace=True),
            _conv(width, 2 * width, 3, stride=2),
            InstanceNorm(2 * width),
            nn.ReLU(inplace=True),
            _conv(2 * width, 4 * width, 3, stride=2),
            InstanceNorm(4 * width),
            nn.ReLU(inplace=True),
            *[ResidualBlock(4 * width) for _ in range(blocks)],
            nn.Upsample(scale_factor=2, mode="nearest"),
            _conv(4 * width, 2 * width, 3),
            InstanceNorm(2 * width),
            nn.ReLU(inplace=True),
            nn.Upsample(scale_factor=2, mode="nearest"),
            _conv(2 * width, width, 3),
            InstanceNorm(width),
            nn.ReLU(inplace=True),
            _conv(width, 3, 9),
        )

    def paint(self, pictures: Tensor) -> Tensor:
        """``(B, 3, H, W)`` to the same shape; a scaled tanh ends it, as in the paper."""
        y: Tensor = (self.layers(pictures).tanh() + 1) / 2
        return y


NETWORKS: dict[str, type[StyleNetwork]] = {"johnson": Johnson}


def build(name: str, arguments: Mapping[str, Any]) -> StyleNetwork:
    """The network that a style file or conf/network names.

    Raises:
        ConfigError: there is no such network, or it does not take these arguments.
    """
    if name not in NETWORKS:
        raise ConfigError(f"there is no network {name!r}; there are {', '.join(sorted(NETWORKS))}")
    try:
        return NETWORKS[name](**arguments)
    except TypeError as err:
        raise ConfigError(f"network {name} does not take {dict(arguments)}: {err}") from err
