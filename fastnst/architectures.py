"""What each network consists of, said once and without torch.

``networks`` makes PyTorch modules of it, ``graphs`` an OpenVINO model; both name weights by a layer's place.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastnst.errors import ConfigError

Statistics: TypeAlias = tuple[NDArray[np.float32], ...]
"""What each instance normalisation of a network saw, in their order: ``(2, C)``, means and variances."""

Border: TypeAlias = Literal["reflect", "replicate"]

Box: TypeAlias = tuple[int, int, int, int]
"""Top, left, bottom and right of a part of a picture, px."""

EPS = 1e-5
"""Added to the variance in every instance normalisation."""

MIN_SIZE = 16
"""px: at an eighth of the shortest side, reflection still has a pixel to reflect."""


@dataclass(frozen=True)
class Conv:
    """A convolution that keeps the sides (over ``stride``).

    Args:
        inputs: channels.
        outputs: channels.
        size: of the kernel, px; odd.
        stride: by which the sides shrink.
        border: what it sees beyond the edges: the inside mirrored, or the last px again.
    """

    inputs: int
    outputs: int
    size: int
    stride: int = 1
    border: Border = "reflect"


@dataclass(frozen=True)
class Norm:
    """Instance normalisation with a weight and a bias a channel: see ``networks.InstanceNorm``."""

    channels: int


@dataclass(frozen=True)
class Relu:
    """Rectification."""


@dataclass(frozen=True)
class Unshuffle:
    """Every block of ``factor`` x ``factor`` px becomes channels: Shi et al. (2016), arXiv 1609.05158."""

    factor: int


@dataclass(frozen=True)
class Upsample:
    """Each px becomes ``factor`` x ``factor`` px, by nearest neighbours, or if ``smooth`` bilinearly."""

    factor: int
    smooth: bool = False


@dataclass(frozen=True)
class Residual:
    """Layers beside the identity, no rectification after the sum: Gross & Wilber (2016)."""

    branch: tuple["Layer", ...]


@dataclass(frozen=True)
class Beside:
    """What the layers make, as channels in front of what they were given."""

    branch: tuple["Layer", ...]


Layer: TypeAlias = Conv | Norm | Relu | Unshuffle | Upsample | Residual | Beside


@dataclass(frozen=True)
class Architecture:
    """A network.

    Args:
        layers: from the photo's three channels to the picture's.
        stride: by which the sides of what enters the first layer must divide.
        output: what brings its three channels into [-1, 1], from where (x + 1) / 2 is the picture.
    """

    layers: tuple[Layer, ...]
    stride: int
    output: Literal["tanh", "clip"]

    @property
    def reach(self) -> int:
        """How far, in px, a px of the photo can change the picture, instance normalisation apart."""
        return _reach(self.layers, 1)[0]

    @property
    def widest(self) -> float:
        """How many numbers of a layer's result there are to a px of the photo, at most; upsampling apart."""
        return max(width for width, _, _ in _widths(self.layers, 3, 1))


def _widths(layers: tuple[Layer, ...], channels: int, side: float) -> Iterator[tuple[float, int, float]]:
    """Of each layer's result: numbers to a px of the photo, channels, and the photo's px to one of them."""
    for layer in layers:
        if isinstance(layer, Conv):
            channels, side = layer.outputs, side * layer.stride
        elif isinstance(layer, Unshuffle):
            channels, side = channels * layer.factor**2, side * layer.factor
        elif isinstance(layer, Upsample):
            side /= layer.factor
            continue
        elif isinstance(layer, Residual | Beside):
            given = channels
            for result in _widths(layer.branch, channels, side):
                yield result
                _, channels, side = result
            channels += given * isinstance(layer, Beside)
        yield channels / side**2, channels, side


def _reach(layers: tuple[Layer, ...], scale: float) -> tuple[int, float]:
    """How far layers reach, in px of the photo, and how many of those one px spans after them."""
    reach = 0.0
    for layer in layers:
        if isinstance(layer, Conv):
            reach += layer.size // 2 * scale
            scale *= layer.stride
        elif isinstance(layer, Unshuffle):
            scale *= layer.factor
            reach += scale - 1
        elif isinstance(layer, Upsample):
            reach += scale * (1 + layer.smooth) - scale / layer.factor
            scale /= layer.factor
        elif isinstance(layer, Residual | Beside):
            inner, _ = _reach(layer.branch, scale)
            reach += inner
    return math.ceil(reach), scale


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """The shape of every weight, by its name in ``networks.StyleNetwork``."""
    return dict(_shapes(architecture.layers, "layers"))


def _shapes(layers: tuple[Layer, ...], place: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    for index, layer in enumerate(layers):
        name = f"{place}.{index}"
        if isinstance(layer, Conv):
            yield f"{name}.weight", (layer.outputs, layer.inputs, layer.size, layer.size)
            yield f"{name}.bias", (layer.outputs,)
        elif isinstance(layer, Norm):
            yield f"{name}.weight", (layer.channels,)
            yield f"{name}.bias", (layer.channels,)
        elif isinstance(layer, Residual | Beside):
            yield from _shapes(layer.branch, f"{name}.branch")


def fits(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the weights of one network, ``{"name": ..., "arguments": ...}``, can be those of another.

    Raises:
        ConfigError: see ``architecture``.
    """
    first, second = (shapes(architecture(each["name"], each["arguments"])) for each in (one, other))
    return first == second


def johnson(*, width: int, blocks: int) -> Architecture:
    """The transformer of Johnson et al. (2016), supplementary material, table 1.

    Three departures, each the field's cure for an artefact: instance for batch normalisation (Ulyanov et al.,
    2016); reflection padding at every convolution, not 40 px at the start and none in the blocks; nearest
    neighbour and a convolution for the fractionally strided ones, which leave a checkerboard (Odena et al.,
    2016, https://distill.pub/2016/deconv-checkerboard).

    Args:
        width: channels of the first layer (the paper's: 32); the blocks have four times as many.
        blocks: residual blocks (the paper's: 5).
    """
    return Architecture(
        (
            *_painted(3, width, 9),
            *_painted(width, 2 * width, 3, stride=2),
            *_painted(2 * width, 4 * width, 3, stride=2),
            *(_block(4 * width) for _ in range(blocks)),
            Upsample(2),
            *_painted(4 * width, 2 * width, 3),
            Upsample(2),
            *_painted(2 * width, width, 3),
            Conv(width, 3, 9),
        ),
        stride=4,
        output="tanh",
    )


def fast(
    *, width: int, blocks: int, deep: int, deep_blocks: int, half: int, full: int, smooth: int = 0
) -> Architecture:
    """Ours: nearly all of the work at a quarter and an eighth of the resolution, where big strokes are near.

    The photo enters as blocks of 4x4 px and leaves by upsampling and convolutions of few channels. What is
    deep stands beside the identity, as in the U-Net of Ronneberger et al. (2015),
    https://arxiv.org/abs/1505.04597, and the last convolution sees the photo too, so that the body need not
    carry its details.

    Args:
        width: channels at a quarter of the resolution.
        blocks: residual blocks there, before and again after the deep part.
        deep: channels at an eighth of the resolution.
        deep_blocks: residual blocks there.
        half: channels at half the resolution.
        full: channels at full resolution, beside the photo's three.
        smooth: 1 to upsample bilinearly. 0, by nearest neighbours, is how networks were made that do not
            say: so few convolutions follow that the px' edges stay, and strokes are hatched across and down.
    """
    up = Upsample(2, smooth=bool(smooth))
    border: Border = "replicate" if smooth else "reflect"
    inner = Residual(
        (
            *_painted(width, deep, 3, stride=2),
            *(_block(deep) for _ in range(deep_blocks)),
            up,
            Conv(deep, width, 3, border=border),
            Norm(width),
        )
    )
    body = (
        Unshuffle(4),
        *_painted(48, width, 3),
        *(_block(width) for _ in range(blocks)),
        inner,
        *(_block(width) for _ in range(blocks)),
        up,
        *_painted(width, half, 3, border=border),
        up,
        Conv(half, full, 3, border=border),
        Relu(),
    )
    return Architecture((Beside(body), Conv(full + 3, 3, 3)), stride=8, output="clip")


def _painted(
    inputs: int, outputs: int, size: int, *, stride: int = 1, border: Border = "reflect"
) -> tuple[Layer, ...]:
    """A convolution, normalised and rectified."""
    return (Conv(inputs, outputs, size, stride, border), Norm(outputs), Relu())


def _block(channels: int) -> Residual:
    """A residual block: Johnson et al. (2016), supplementary material, after Gross & Wilber (2016)."""
    return Residual((*_painted(channels, channels, 3), Conv(channels, channels, 3), Norm(channels)))


ARCHITECTURES: dict[str, Callable[..., Architecture]] = {"johnson": johnson, "fast": fast}


def architecture(name: str, arguments: Mapping[str, Any]) -> Architecture:
    """The architecture that a style file or conf/network names.

    Raises:
        ConfigError: there is no such network, or it does not take these arguments.
    """
    if name not in ARCHITECTURES:
        raise ConfigError(f"there is no network {name!r}; there are {', '.join(sorted(ARCHITECTURES))}")
    for argument, value in arguments.items():
        least, most = (0, 1) if argument == "smooth" else (1, 1024)
        if type(value) is not int or not least <= value <= most:
            raise ConfigError(
                f"{argument} of the {name} network must be a number from {least} to {most}, not {value!r}"
            )
    try:
        return ARCHITECTURES[name](**arguments)
    except TypeError as err:
        raise ConfigError(f"network {name} does not take {dict(arguments)}: {err}") from err


def in_full(network: Mapping[str, Any]) -> dict[str, Any]:
    """A network, ``{"name": ..., "arguments": ...}``, with the defaults of what it does not say."""
    parameters = signature(ARCHITECTURES[network["name"]]).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    return {**network, "arguments": {**defaults, **network["arguments"]}}
