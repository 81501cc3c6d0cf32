"""3x3 convolutions by fixed weights, with a quarter of the multiplications.

Winograd's F(4x4, 3x3), Lavin and Gray (2016, https://arxiv.org/abs/1509.09308), sections 4.1 and 4.3: tiles
of 6x6 px, each two px into the next, are taken to 36 numbers by one matrix; there a convolution is a product
of channels at each of the 36; another matrix takes what comes out to 4x4 px.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

STEP, SIDE = 4, 6
"""Px from tile to tile, and of a tile."""

TILES = 256
"""At once: more would not stay in a processor's cache, fewer make for poor products."""

LEAST = 16
"""Tiles below which reading the transformed weights, four times as large, takes longer than is saved."""

EVERYWHERE = 7  # of the 36 numbers, the one that is added to each of the 4x4 px: a bias goes there


def _both_ways(rows: list[list[float]]) -> Tensor:
    """The matrix that does along both axes of a flattened tile what ``rows`` does along one."""
    one = torch.tensor(rows, dtype=torch.float64)
    return torch.kron(one, one)


OF_PIXELS = _both_ways(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
).float()
OF_WEIGHTS = _both_ways(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
TO_PIXELS = _both_ways(
    [
        [1, 1, 1, 1, 1, 0],
        [0, 1, -1, 2, -2, 0],
        [0, 1, 1, 4, 4, 0],
        [0, 1, -1, 8, -8, 1],
    ]
).float()
"""(36, 36), (36, 9) and (16, 36): to the 36 numbers, and from them."""


def pays(weight: Tensor, x: Tensor) -> bool:
    """Whether ``x``, ``(B, I, H, W)``, is convolved by ``weight``, ``(O, I, 3, 3)``, faster than directly.

    As measured with one and two threads on a processor with AVX-512: benchmarks/README.md.
    """
    here = weight.device.type == "cpu" and weight.dtype == torch.float32
    batch_size, _, height, width = x.shape
    return here and sum(weight.shape[:2]) > 128 and batch_size * _tiles(height) * _tiles(width) >= LEAST


def transformed(weight: Tensor) -> Tensor:
    """Weights ``(O, I, 3, 3)`` as ``convolve`` and ``gradient`` take them: ``(36, I, O)``, float32."""
    return torch.einsum("tk,oik->tio", OF_WEIGHTS, weight.double().flatten(2)).float().contiguous()


def convolve(x: Tensor, weight: Tensor, bias: Tensor, padding: str) -> Tensor:
    """``F.conv2d(F.pad(x, (1, 1, 1, 1), padding), weight, bias)``, within rounding.

    Args:
        x: ``(B, I, H, W)``, float32.
        weight: ``transformed``.
        bias: ``(O,)``.
        padding: a mode of ``F.pad``.

    Returns:
        ``(B, O, H, W)``, channels last.
    """
    batch_size, channels, height, width = x.shape
    rows, columns = _tiles(height), _tiles(width)
    around = (1, columns * STEP - width + 1, 1, rows * STEP - height + 1)
    x = F.pad(x, around, mode=padding).permute(0, 2, 3, 1)
    tiles = x.unfold(1, SIDE, STEP).unfold(2, SIDE, STEP).permute(4, 5, 0, 1, 2, 3)
    out_channels = weight.shape[2]
    shape = (batch_size, out_channels, rows * STEP, columns * STEP)
    out = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    out_tiles = out.permute(0, 2, 3, 1).view(batch_size, rows, STEP, columns, STEP, out_channels)
    for photos, some in _blocks(batch_size, rows, columns):
        part = tiles[:, :, photos, some]
        products = (OF_PIXELS @ part.reshape(SIDE**2, -1)).view(SIDE**2, -1, channels) @ weight
        products[EVERYWHERE] += bias
        pixels = (TO_PIXELS @ products.view(SIDE**2, -1)).view(STEP, STEP, *part.shape[2:5], out_channels)
        out_tiles[photos, some] = pixels.permute(2, 3, 0, 4, 1, 5)
    if out.shape[2:] == (height, width):
        return out
    return out[:, :, :height, :width].clone(memory_format=torch.channels_last)


def gradient(of_out: Tensor, weight: Tensor) -> Tensor:
    """``F.conv_transpose2d(of_out, weight)``, within rounding: the gradient of what ``convolve`` has padded.

    Args:
        of_out: ``(B, O, H, W)``, float32.
        weight: ``transformed``.

    Returns:
        ``(B, I, H + 2, W + 2)``, a view.
    """
    batch_size, out_channels, height, width = of_out.shape
    rows, columns = _tiles(height), _tiles(width)
    missing = (columns * STEP - width, rows * STEP - height)
    if any(missing):
        of_out = F.pad(of_out, (0, missing[0], 0, missing[1]))
    tiles = of_out.permute(0, 2, 3, 1).unfold(1, STEP, STEP).unfold(2, STEP, STEP).permute(4, 5, 0, 1, 2, 3)
    channels = weight.shape[1]
    out = of_out.new_empty(batch_size, rows + 1, STEP, columns + 1, STEP, channels)
    out[:, -1] = 0
    out[:, :, :, -1] = 0
    for photos, some in reversed(list(_blocks(batch_size, rows, columns))):  # from below: += comes after =
        part = tiles[:, :, photos, some]
        products = (TO_PIXELS.t() @ part.reshape(STEP**2, -1)).view(SIDE**2, -1, out_channels)
        pixels = OF_PIXELS.t() @ (products @ weight.mT).view(SIDE**2, -1)
        pixels = pixels.view(SIDE, SIDE, *part.shape[2:5], channels).permute(2, 3, 0, 4, 1, 5)
        below, over = slice(some.start + 1, some.stop + 1), SIDE - STEP
        out[photos, some, :, :-1] = pixels[:, :, :STEP, :, :STEP]
        out[photos, some, :, 1:, :over] += pixels[:, :, :STEP, :, STEP:]
        out[photos, below, :over, :-1] += pixels[:, :, STEP:, :, :STEP]
        out[photos, below, :over, 1:, :over] += pixels[:, :, STEP:, :, STEP:]
    return out.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)[:, :, : height + 2, : width + 2]


def _tiles(side: int) -> int:
    return -(-side // STEP)


def _blocks(batch_size: int, rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """Which photos and which rows of tiles to take at once: all of some photos, or some of one's."""
    photos = max(1, TILES // (rows * columns))
    some = min(rows, max(1, TILES // columns))
    for photo in range(0, batch_size, photos):
        for row in range(0, rows, some):
            yield slice(photo, photo + photos), slice(row, min(row + some, rows))
