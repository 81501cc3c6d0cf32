"""Kernels rearranged: 3x3 convolutions of a large side as convolutions of a small one, of 2x2 px to a block.

Exact but for rounding. Rows and columns are rearranged alike, so everything here is told of one of them.
"""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Order: TypeAlias = Literal["depth_first", "blocks_first"]
"""Of channels and blocks: the px of one channel lie beside each other, or the channels of one px."""

NEAREST = np.array(
    [
        [[1, 0, 0], [0, 1, 1], [0, 0, 0]],
        [[0, 0, 0], [1, 1, 0], [0, 0, 1]],
    ],
    np.float32,
)
"""What the taps of a kernel (last axis) take of px i - 1, i and i + 1 (second axis) for px 2i and 2i + 1
(first axis) of a side that nearest neighbours make twice as large."""

NEAREST_BETWEEN = np.array(
    [
        [[1, 1, 0], [0, 0, 1]],
        [[1, 0, 0], [0, 1, 1]],
    ],
    np.float32,
)
"""The same for px 2i - 1 and 2i, which need px i - 1 and i alone: four places of a kernel instead of nine."""

BILINEAR = np.array(
    [
        [[0.75, 0.25, 0], [0.25, 0.75, 0.75], [0, 0, 0.25]],
        [[0.25, 0, 0], [0.75, 0.75, 0.25], [0, 0.25, 0.75]],
    ],
    np.float32,
)
"""As ``NEAREST``, of a side that bilinear interpolation makes twice as large."""


def enlarging(kernel: Floats, phases: Floats, order: Order) -> Floats:
    """The kernel that makes 2x2 blocks of the large side from the small side.

    Args:
        kernel: of the large side, ``(outputs, inputs, 3, 3)``.
        phases: how the side is enlarged, ``(2, S, 3)``: see ``NEAREST``.
        order: of the result's channels.

    Returns:
        ``(4 * outputs, inputs, S, S)``.
    """
    axes = "pst,quv,oitv->pqoisu" if order == "blocks_first" else "pst,quv,oitv->opqisu"
    blocks = np.einsum(axes, phases, phases, kernel)
    return np.ascontiguousarray(blocks.reshape(-1, *blocks.shape[3:]), np.float32)


def per_block(values: Floats, order: Order) -> Floats:
    """``(C,)`` for each of the px of a 2x2 block, ``(4 * C,)``."""
    return np.tile(values, 4) if order == "blocks_first" else values.repeat(4)


def between(kernel: Floats) -> Floats:
    """The kernel of 2x2 blocks whose result is the blocks that lie between them.

    Px 2i - 1 and 2i need px 2i - 2 to 2i + 1, which are blocks i - 1 and i.

    Args:
        kernel: of px, ``(outputs, inputs, 3, 3)``.

    Returns:
        ``(4 * outputs, 4 * inputs, 2, 2)``: outputs blocks_first, inputs depth_first.
    """
    outputs, inputs = kernel.shape[:2]
    taps = np.zeros((2, 2, 2, 3), np.float32)  # of block d, px p, for px a of the result
    for a, d, p in np.ndindex(2, 2, 2):
        if 0 <= (tap := 2 * d + p - a) < 3:
            taps[a, d, p, tap] = 1
    blocks = np.einsum("adpt,beqv,oitv->aboipqde", taps, taps, kernel)
    return np.ascontiguousarray(blocks.reshape(4 * outputs, 4 * inputs, 2, 2), np.float32)
