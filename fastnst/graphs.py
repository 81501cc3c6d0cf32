"""A style's network as an OpenVINO model, made from its architecture and its weights. Needs no torch.

Bytes go in and come out: conversion, padding, cropping and rounding are OpenVINO's work. Three things make
the graph cheaper than the layers as they are written, and change its numbers by rounding alone:

* What is upsampled and then convolved is convolved on the small side, by a kernel for each of the phases.
* Px that are to be shuffled out of channels stay there as long as they can: the last convolution, of few
  channels at full size, is done on blocks of 2x2 px as channels, which fill the CPU's registers.
* Bytes are whole numbers, which bfloat16 holds exactly: the division by 255 is done in the kernels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastnst.quiet_openvino import core  # first of all: ``import openvino`` alone calls home

# isort: split
from openvino import Model, Node
from openvino import opset13 as op

from fastnst.architectures import (
    EPS,
    Architecture,
    Beside,
    Conv,
    Layer,
    Norm,
    Relu,
    Residual,
    Unshuffle,
    Upsample,
)
from fastnst.phases import BILINEAR, NEAREST, NEAREST_BETWEEN, Floats, Order, between, enlarging, per_block

Mode: TypeAlias = Literal["own", "recorded", "frozen", "measured"]


@dataclass(frozen=True)
class _Value:
    """What lies between two layers.

    Args:
        node: ``(B, C * blocks ** 2, H / blocks, W / blocks)``.
        blocks: side of the blocks of px that are channels beside each other, px.
        border: px around it that do not belong to it.
        upsample: how many times larger it is still to become.
        smooth: bilinearly, then.
        scale: ``(C,)``, by which it is still to be multiplied.
        order: of its channels, where there are blocks.
    """

    node: Node
    blocks: int = 1
    border: int = 0
    upsample: int = 1
    smooth: bool = False
    scale: Floats | None = None
    order: Order = "depth_first"

    def plain(self) -> Node:
        """``(B, C, H, W)`` with nothing left to be done."""
        node = self.node
        if self.blocks > 1:
            node = op.depth_to_space(node, self.order, self.blocks)
        if self.border:
            ends = _ints(self.border, self.border)
            node = op.slice(node, ends, -ends, _ints(1, 1), _ints(2, 3))
        if self.scale is not None:
            node = op.multiply(node, _per_channel(self.scale))
        if self.upsample > 1:
            node = op.interpolate(
                node,
                np.array([self.upsample] * 2, np.float32),
                "linear_onnx" if self.smooth else "nearest",
                "scales",
                coordinate_transformation_mode="half_pixel" if self.smooth else "asymmetric",
                nearest_mode="floor",
                axes=_ints(2, 3),
            )
        return node

    def blocked(self, blocks: int) -> Node:
        """``(B, C * blocks ** 2, H / blocks, W / blocks)``, still to be multiplied by the scale."""
        if (self.blocks, self.border, self.order) == (blocks, 0, "depth_first"):
            return self.node
        return op.space_to_depth(replace(self, scale=None).plain(), "depth_first", blocks)

    def scales(self) -> Floats:
        """``(C,)``, of ones if there is nothing to be multiplied."""
        if self.scale is not None:
            return self.scale
        channels = self.node.get_output_partial_shape(0)[1].get_length() // self.blocks**2
        return np.ones(channels, np.float32)


def model(architecture: Architecture, weights: Mapping[str, Floats], mode: Mode = "own") -> Model:
    """Build the network.

    Args:
        architecture: its layers.
        weights: by their names in ``networks.StyleNetwork``.
        mode: "own" normalises with each picture's own statistics; "recorded" too, and gives those of the
            batch as further outputs, ``(3, C)`` each: means, what is to be added to them, and variances;
            "frozen" takes further inputs: means, what is to be added, and inverse standard deviations. Each
            mean comes in two parts, since bfloat16 has 8 bits and colours hang on it. "measured" does both:
            it takes what "frozen" takes, after ``(2, 2)``, the top, left, bottom and right of the part that
            counts in multiples of the stride, and gives what "recorded" gives of that part.

    Returns:
        uint8 ``(B, H, W, 3)`` to the same, of any B, and any H and W from ``architectures.MIN_SIZE``.
    """
    photos = op.parameter([-1, -1, -1, 3], np.uint8)
    sides = op.gather(op.shape_of(photos), _ints(1, 2), _ints(0))  # H, W
    x = op.convert(op.transpose(photos, _ints(0, 3, 1, 2)), np.float32)
    stride = _ints(architecture.stride, architecture.stride)
    padded = op.multiply(op.divide(op.add(sides, stride - 1), stride), stride)
    x = op.pad(x, _ints(0, 0, 0, 0), op.concat([_ints(0, 0), op.subtract(padded, sides)], 0), "reflect")

    builder = _Builder(weights, mode)
    if mode == "measured":
        builder.kept = [op.parameter([2, 2], np.int64), op.divide(padded, stride)]
    *body, last = architecture.layers
    y = builder.sequence(_Value(x, scale=np.full(3, 1 / 255, np.float32)), tuple(body), "layers")
    place = f"layers.{len(body)}"
    if isinstance(last, Conv) and (last.size, last.border, y.blocks) == (3, "reflect", 2):
        blocks = _bytes(builder.between(y, place), architecture.output)  # (B, 2 * 2 * 3, padded / 2 + 1)
        batch = op.gather(op.shape_of(photos), _ints(0), _ints(0))
        height, width = op.split(
            op.add(op.divide(padded, _ints(2, 2)), _ints(1, 1)), _ints(0)[0], 2
        ).outputs()
        rows = op.reshape(blocks, op.concat([batch, _ints(2, 6), height, width], 0), False)
        large = op.concat([batch, op.add(padded, _ints(2, 2)), _ints(3)], 0)
        pictures = op.reshape(op.transpose(rows, _ints(0, 3, 1, 4, 2)), large, False)
        start = _ints(1, 1)
    else:
        pictures = op.transpose(
            _bytes(builder.layer(y, last, place).plain(), architecture.output), _ints(0, 2, 3, 1)
        )
        start = _ints(0, 0)
    cropped = op.slice(pictures, start, op.add(sides, start), _ints(1, 1), _ints(1, 2))
    return Model([cropped, *builder.recorded], [photos, *builder.kept[:1], *builder.frozen], "fastnst")


def compile_model(model: Model, settings: Mapping[str, Any]) -> bytes:
    """The model compiled for the CPU, as OpenVINO's ``Core.import_model`` takes it."""
    blob = core().compile_model(model, "CPU", dict(settings)).export_model()
    return blob if isinstance(blob, bytes) else blob.getvalue()


class _Builder:
    def __init__(self, weights: Mapping[str, Floats], mode: Mode) -> None:
        self.weights = weights
        self.mode = mode
        self.recorded: list[Node] = []
        self.frozen: list[Node] = []
        self.kept: list[Node] = []  # the part that counts, and the sides, in multiples of the stride

    def sequence(self, x: _Value, layers: tuple[Layer, ...], place: str) -> _Value:
        for index, layer in enumerate(layers):
            normalised = isinstance(layers[min(index + 1, len(layers) - 1)], Norm)
            x = self.layer(x, layer, f"{place}.{index}", normalised)
        return x

    def layer(self, x: _Value, layer: Layer, place: str, normalised: bool = False) -> _Value:
        match layer:
            case Conv(size=3, stride=1) if x.upsample == 2 and (not x.smooth or layer.border == "replicate"):
                return self.enlarged(x, place, normalised)
            case Conv():
                return self.convolution(x, layer, place)
            case Norm(channels):
                return _Value(self.normalisation(x.plain(), channels, place))
            case Relu():
                x = _Value(x.plain()) if x.smooth else x
                return replace(x, node=op.relu(x.node))
            case Unshuffle(factor):
                scale = None if x.scale is None else x.scale.repeat(factor**2)
                return _Value(x.blocked(factor), scale=scale)
            case Upsample(factor, smooth):
                return _Value(x.plain(), upsample=factor, smooth=smooth)
            case Residual(branch):
                identity = x.plain()
                y = self.sequence(_Value(identity), branch, f"{place}.branch")
                return _Value(op.add(identity, y.plain()))
            case Beside(branch):
                y = self.sequence(x, branch, f"{place}.branch")
                node = op.concat([y.blocked(y.blocks), x.blocked(y.blocks)], 1)
                return _Value(node, blocks=y.blocks, scale=np.concatenate([y.scales(), x.scales()]))

    def convolution(self, x: _Value, conv: Conv, place: str) -> _Value:
        kernel = self.weights[f"{place}.weight"]
        if x.scale is not None:
            kernel, x = kernel * x.scale[:, None, None], replace(x, scale=None)
        node = x.plain()
        if reach := conv.size // 2:
            around = _ints(0, 0, reach, reach)
            node = op.pad(node, around, around, "reflect" if conv.border == "reflect" else "edge")
        node = op.convolution(node, kernel, [conv.stride] * 2, [0, 0], [0, 0], [1, 1])
        return _Value(op.add(node, _per_channel(self.weights[f"{place}.bias"])))

    def enlarged(self, x: _Value, place: str, normalised: bool) -> _Value:
        """A 3x3 convolution of what is to be twice as large, before it is.

        Of nearest neighbours it makes no difference whether the last px is mirrored or repeated.
        """
        small = replace(x, upsample=1).plain()
        if x.smooth:
            return self.phases(small, BILINEAR, place, "blocks_first" if normalised else "depth_first")
        if not normalised:
            return self.phases(small, NEAREST, place, "depth_first")
        # Shuffled apart at once, for which blocks_first is fastest, and cut, as a normalisation counts px.
        return replace(self.phases(small, NEAREST_BETWEEN, place, "blocks_first"), border=1)

    def phases(self, x: Node, phases: Floats, place: str, order: Order) -> _Value:
        """A 3x3 convolution of the larger side, as blocks of 2x2 px from the smaller."""
        x = op.pad(x, _ints(0, 0, 1, 1), _ints(0, 0, 1, 1), "edge")
        kernel = enlarging(self.weights[f"{place}.weight"], phases, order)
        x = op.convolution(x, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
        x = op.add(x, _per_channel(per_block(self.weights[f"{place}.bias"], order)))
        return _Value(x, blocks=2, order=order)

    def between(self, x: _Value, place: str) -> Node:
        """A 3x3 convolution of blocks of 2x2 px, to the blocks that lie between them.

        Beyond the border the nearest block is repeated: the kernel needs only what reflection puts there.

        Returns:
            ``(B, 2 * 2 * outputs, H / 2 + 1, W / 2 + 1)``: rows, columns and channels of px from -1 on.
        """
        kernel = between(self.weights[f"{place}.weight"] * x.scales()[:, None, None])
        padded = op.pad(x.blocked(2), _ints(0, 0, 1, 1), _ints(0, 0, 1, 1), "edge")
        y = op.convolution(padded, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
        return op.add(y, _per_channel(per_block(self.weights[f"{place}.bias"], "blocks_first")))

    def normalisation(self, x: Node, channels: int, place: str) -> Node:
        gain, bias = (self.weights[f"{place}.{kind}"] for kind in ("weight", "bias"))
        if self.mode in ("recorded", "measured"):
            self.record(x, channels)
        if self.mode in ("frozen", "measured"):
            known = op.parameter([3, channels], np.float32)
            self.frozen.append(known)
            high, low, scale = (
                op.reshape(part, _ints(1, channels, 1, 1), False)
                for part in op.split(known, _ints(0)[0], 3).outputs()
            )
            one = np.ones(channels, np.float32)
            x = op.subtract(op.subtract(x, _channels_last(high, one)), _channels_last(low, one))
            return op.add(op.multiply(x, _channels_last(scale, gain)), _per_channel(bias))
        x = op.mvn(x, _ints(2, 3), True, EPS, "INSIDE_SQRT")
        return op.add(op.multiply(x, _per_channel(gain)), _per_channel(bias))

    def record(self, x: Node, channels: int) -> None:
        if self.kept:
            kept, sides = self.kept
            larger = op.divide(op.gather(op.shape_of(x), _ints(2, 3), _ints(0)), sides)
            start, stop = op.split(op.multiply(kept, larger), _ints(0)[0], 2).outputs()
            x = op.slice(
                x,
                op.reshape(start, _ints(2), False),
                op.reshape(stop, _ints(2), False),
                _ints(1, 1),
                _ints(2, 3),
            )
        mean = op.reduce_mean(x, _ints(0, 2, 3), True)
        rest = op.reduce_mean(op.subtract(x, mean), _ints(0, 2, 3), True)
        deviation = op.subtract(op.subtract(x, mean), rest)
        variance = op.reduce_mean(op.multiply(deviation, deviation), _ints(0, 2, 3), True)
        seen = op.concat([mean, rest, variance], 0)
        self.recorded.append(op.reshape(seen, _ints(3, channels), False))


def _bytes(x: Node, output: str) -> Node:
    """What the last convolution gives, as bytes: 255 (x + 1) / 2, squashed or clipped."""
    if output == "tanh":
        levels = op.multiply(op.sigmoid(op.multiply(x, np.float32(2))), np.float32(255))
    else:
        levels = op.clamp(op.add(op.multiply(x, np.float32(127.5)), np.float32(127.5)), 0.0, 255.0)
    return op.convert(op.round(levels, "half_to_even"), np.uint8)


def _channels_last(values: Node, factors: Floats) -> Node:
    """``(1, C, 1, 1)`` times ``(C,)``, by a convolution, since those give OpenVINO's channels_last.

    Beside a value in another order, what is multiplied with it would be brought to that: a quarter of the
    time of the whole network.
    """
    kernel = factors.reshape(-1, 1, 1, 1, 1)
    return op.group_convolution(values, kernel, [1, 1], [0, 0], [0, 0], [1, 1])


def _per_channel(values: Floats) -> Node:
    return op.constant(values.reshape(1, -1, 1, 1))


def _ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)
