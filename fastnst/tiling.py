"""Tiles of a picture that is too large to be done at once: where they lie, and what each is good for."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fastnst.architectures import Box, Statistics

_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Tile:
    """A part of a picture.

    Args:
        kept: what is taken of the tile's result.
        seen: what the network must be shown for that: ``kept`` and what lies around it in the picture.
    """

    kept: Box
    seen: Box

    @property
    def kept_in_seen(self) -> Box:
        """``kept`` from the corner of ``seen``, px."""
        top, left = self.seen[:2]
        return self.kept[0] - top, self.kept[1] - left, self.kept[2] - top, self.kept[3] - left


def tiles(height: int, width: int, *, side: int, overlap: int, stride: int = 1) -> tuple[Tile, ...]:
    """Cut a picture into tiles of about one size, row by row.

    Args:
        height: of the picture, px.
        width: of the picture, px.
        side: the longest side of what a tile keeps, px; up to a stride more where strides do not fit it.
        overlap: px that a tile must see around what it keeps; rounded up to the stride.
        stride: tiles begin at multiples of it, kept and seen, so that the network sees one grid.
    """
    overlap = -(-overlap // stride) * stride
    rows, columns = _cuts(height, side, stride), _cuts(width, side, stride)
    return tuple(
        Tile(
            (top, left, bottom, right),
            (
                max(0, top - overlap),
                max(0, left - overlap),
                min(height, bottom + overlap),
                min(width, right + overlap),
            ),
        )
        for top, bottom in rows
        for left, right in columns
    )


def _cuts(length: int, side: int, stride: int) -> list[tuple[int, int]]:
    count = max(1, min(-(-length // side), length // stride))
    cuts = [round(index * length / count / stride) * stride for index in range(count)] + [length]
    return list(pairwise(cuts))


def spread(tiles: Sequence[Tile], count: int) -> tuple[Tile, ...]:
    """Some of the tiles, evenly from everywhere; all of them if they are no more than ``count``."""
    if len(tiles) <= count:
        return tuple(tiles)
    places = np.arange(len(tiles)) * _GOLDEN % 1
    return tuple(tiles[index] for index in sorted(np.argsort(places)[:count]))


def pooled(parts: Iterable[tuple[int, Statistics]]) -> Statistics:
    """Statistics of parts together, which are those of the whole when no part lies in two.

    Args:
        parts: how many px (or blocks of them) each part has, and its statistics.
    """
    total = 0
    sums: list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = []  # (2, C): of values, of their squares
    for size, statistics in parts:
        moments = [seen.astype(np.float64) for seen in statistics]
        weighted = [size * np.stack([mean, variance + mean**2]) for mean, variance in moments]
        sums = [so_far + more for so_far, more in zip(sums, weighted, strict=True)] if sums else weighted
        total += size
    means = [both / total for both in sums]
    return tuple(np.stack([mean, (square - mean**2).clip(0)]).astype(np.float32) for mean, square in means)
