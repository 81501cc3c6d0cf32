"""Pictures of any size and any size of strokes, through a network in bounded memory.

Instance normalisation sees the whole picture, so tiles need its statistics: done apart they get colours of
their own. Chen et al. (2021), https://arxiv.org/abs/2103.11784, take those of a thumbnail. Here that is not
enough: reducing changes variances, and each of fifteen normalisations multiplies the errors before it.
On a photo of 0.9 megapixels a thumbnail of 512 px moves the picture by 10/255 on average, and by up to 118;
passes over all tiles that correct all statistics at once diverge. So they are measured exactly, one
normalisation after the other, each in a pass over the tiles that has those before it frozen.

One kind of photo has no picture of its own: of a single colour there is no variance, and what is normalised
is rounding, so tiles, whole and engines differ there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fastnst.architectures import Box, Statistics
from fastnst.errors import ImageError
from fastnst.grain import grained
from fastnst.memory import too_large
from fastnst.pixels import Bytes
from fastnst.strokes import UNDERPAINTING, Scaled, Underpainted, brought_back
from fastnst.tiling import Tile, pooled, spread, tiles

if TYPE_CHECKING:
    from fastnst.engines import Engine

LARGEST_TILE = 2_000_000  # px: larger ones save little
SMALLEST_TILE = 128  # px a side that is kept, however little memory there may be
MEASURED = 16_000_000  # px: of larger pictures a sample is measured
SAMPLED = 8_000_000  # px of that sample
SAMPLED_SIDE = 512  # px of its tiles
SIDE = 1024  # px of the pieces that are brought back from another scale
PIXEL_BYTES = 6  # of the photo and of its picture


def paint(
    photo: Bytes, engine: Engine, *, stroke: float = 1.0, grain: float = 0.0, memory: int | None = None
) -> Bytes:
    """The network's picture of a photo: at once if memory allows, in tiles if not, the same but for rounding.

    At strength 0 it is the photo, whatever ``stroke`` says: there are no strokes.

    Args:
        photo: uint8 (H, W, 3).
        engine: the network.
        stroke: size of the strokes, times what it is by itself: see ``strokes``.
        grain: of what the network sees, at strength 1 and above: see ``grain``; at 0 there is none.
        memory: bytes to get along with, photo and picture among them, as far as tiles of ``SMALLEST_TILE``
            do; None for as many as it needs.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ImageError: the photo is too small, or too large for the memory that there is.
    """
    stroke = stroke if engine.strength else 1.0
    scaled = Scaled(photo, 1 / stroke)
    if min(scaled.height, scaled.width) < engine.min_size:
        need = math.ceil(engine.min_size * stroke)
        raise ImageError(
            f"picture is {photo.shape[1]}x{photo.shape[0]} px; at stroke {stroke:g} at least {need} px "
            "a side are needed"
        )
    if stroke > 1:
        reduced = scaled.part((0, 0, scaled.height, scaled.width))
        left = None if memory is None else memory - PIXEL_BYTES * photo[..., 0].size
        try:
            broad = paint(reduced, engine, grain=grain, memory=left)
        except ImageError as err:  # which speaks of the photo reduced
            raise ImageError(too_large(*photo.shape[:2])) from err
        scaled = Underpainted(photo, broad, UNDERPAINTING * min(1.0, engine.strength))

    def part(box: Box) -> Bytes:
        seen = scaled.part(box)
        amount = grain * min(1.0, engine.strength)
        return grained(seen, amount, corner=box[:2]) if amount else seen

    if memory is None or at_once(photo.shape[0], photo.shape[1], engine, stroke) <= memory:
        painted: Bytes = engine.stylise(part((0, 0, scaled.height, scaled.width))[None])[0]
        if scaled.same:
            return painted
        picture = np.empty_like(photo)
        for tile in tiles(*photo.shape[:2], side=SIDE, overlap=0):
            top, left, bottom, right = tile.kept
            picture[top:bottom, left:right] = brought_back(painted, (0, 0), scaled, tile.kept)
        return picture
    try:
        return _in_tiles(scaled, part, engine, memory - _pixel_bytes(stroke) * photo[..., 0].size)
    except ImageError as err:  # which speaks of a tile
        raise ImageError(too_large(*photo.shape[:2])) from err


def at_once(height: int, width: int, engine: Engine, stroke: float = 1.0) -> int:
    """Bytes with which ``paint`` does a picture of so many px at once, photo and picture among them."""
    stroke = stroke if engine.strength else 1.0
    seen = min(1.0, stroke)
    return engine.memory(int(height / seen), int(width / seen)) + _pixel_bytes(stroke) * height * width


def _pixel_bytes(stroke: float) -> int:
    """Of the photo and of its picture; with larger strokes of both reduced, too, at most as much."""
    return PIXEL_BYTES * (2 if stroke > 1 else 1)


def _in_tiles(scaled: Scaled, part: Callable[[Box], Bytes], engine: Engine, free: int) -> Bytes:
    overlap = engine.reach + scaled.margin
    side = _side(engine, overlap, free)
    statistics = measured(part, scaled.height, scaled.width, engine, side=side)
    picture = np.empty_like(scaled.photo)
    ratio = scaled.photo.shape[0] / scaled.height
    for tile in tiles(*scaled.photo.shape[:2], side=max(1, int(side * ratio)), overlap=0):
        top, left, bottom, right = tile.kept
        seen = scaled.around(tile.kept, overlap, engine.stride)
        painted: Bytes = engine.stylise(part(seen)[None], statistics=statistics)[0]
        picture[top:bottom, left:right] = brought_back(painted, seen[:2], scaled, tile.kept)
    return picture


def measured(
    part: Callable[[Box], Bytes], height: int, width: int, engine: Engine, *, side: int
) -> Statistics:
    """The statistics of a picture's instance normalisations, from tiles of it.

    Args:
        part: gives any part of the picture.
        height: of the picture, px.
        width: of the picture, px.
        engine: the network.
        side: of the tiles, px.
    """
    if height * width <= MEASURED:
        cut = tiles(height, width, side=side, overlap=engine.reach, stride=engine.stride)
    else:
        side = min(side, SAMPLED_SIDE)  # many, from everywhere
        # What lies further away than half the reach has hardly any weight: 0.01/255 in the picture.
        cut = tiles(height, width, side=side, overlap=engine.reach // 2, stride=engine.stride)
        cut = spread(cut, max(1, SAMPLED // side**2))
    top, left, bottom, right = cut[0].seen
    small = (top, left, min(bottom, top + SMALLEST_TILE), min(right, left + SMALLEST_TILE))
    statistics = engine.statistics(part(small)[None])  # a beginning, of which nothing will be left

    def look(tile: Tile, known: Statistics) -> tuple[int, Statistics]:
        seen = engine.statistics(part(tile.seen)[None], given=known, kept=tile.kept_in_seen)
        top, left, bottom, right = (-(-side // engine.stride) for side in tile.kept)
        return (bottom - top) * (right - left), seen

    for index in range(len(statistics)):
        known = statistics
        exact = pooled(look(tile, known) for tile in cut)
        statistics = (*known[:index], exact[index], *known[index + 1 :])
    return statistics


def _side(engine: Engine, overlap: int, free: int) -> int:
    """The side, px, of what a tile may keep; a multiple of the stride."""
    # An engine may keep what it measured in while it paints.
    pixel = (engine.memory(256, 256, measuring=True) + engine.memory(256, 256)) / 256**2
    seen = math.sqrt(min(LARGEST_TILE, max(free, 0) / pixel))
    return max(SMALLEST_TILE, int(seen - 2 * overlap) // engine.stride * engine.stride)
