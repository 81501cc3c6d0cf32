"""What a brush leaves on a canvas: the hand of the embedded painting, whose eye is ``fastnst.brushstrokes``.

A layer of strokes is a z-buffer of brush samples: where two strokes meet, the later covers the earlier. The
layer's paint then mixes with what lies below, and its thickness is lit at the end.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]  # float32 throughout

OVERSAMPLING = 2  # strokes are drawn this much larger and reduced: their edges are smooth
_SPACING = 0.8  # px between the samples of a stroke: below 1, so that it has no holes
_STREAK = 6  # samples along a stroke that share one row of a brush mark
_BRUSHES = 12  # different marks in a layer
_CHUNK = 300_000  # samples drawn at a time: they stay in the cache


@dataclass(frozen=True)
class Strokes:
    """A layer of N strokes in painting order; places and lengths are fractions of the picture's height."""

    path_x: Array  # (N, points)
    path_y: Array  # (N, points)
    length: Array  # (N,)
    width: Array  # (N,)
    first: Array  # (N, 3), the two colours on the brush
    second: Array  # (N, 3)
    thickness: float  # of the paint


@dataclass(frozen=True)
class Marks:
    """What the brushes of a layer leave, each ``(_BRUSHES, streaks, across)``."""

    there: NDArray[np.bool_]  # False where the bristles have run dry
    mix: Array  # 0 to 1: from the first colour to the second
    opacity: Array
    thickness: Array


class Canvas:
    """Paint and its relief, ``OVERSAMPLING`` times as large as the picture."""

    def __init__(self, colour: Array) -> None:
        self.rows, self.columns = colour.shape[:2]
        self.colour = colour.reshape(-1, 3)  # (pixels, 3)
        self.relief = np.zeros((len(self.colour), 1), np.float32)  # fractions of the picture's height

    def lay(self, strokes: Strokes, rng: np.random.Generator) -> None:
        """Lay one layer of strokes over what is there."""
        along = max(_STREAK, round(float(strokes.length.max()) * self.rows / _SPACING))
        across = max(3, round(float(strokes.width.max()) * self.rows / _SPACING))
        marks = _marks(rng, -(-along // _STREAK), across)
        brush = rng.integers(_BRUSHES, size=len(strokes.length))
        streak = np.arange(along) // _STREAK
        top = self._top(strokes, marks.there[:, streak], brush)
        seen = np.flatnonzero(top >= 0)
        stroke, sample = np.divmod(top[seen], along * across)
        row, column = np.divmod(sample, across)
        texel = (brush[stroke] * marks.there.shape[1] + streak[row]) * across + column
        mixed = strokes.first[stroke]
        mixed += (strokes.second[stroke] - mixed) * marks.mix.reshape(-1, 1)[texel]
        under = self.colour[seen]
        self.colour[seen] = under + (mixed - under) * marks.opacity.reshape(-1, 1)[texel]
        thickness = strokes.thickness * marks.thickness.reshape(-1, 1)[texel]
        self.relief[seen] = 0.4 * self.relief[seen] + thickness  # soft paint gives way

    def _top(self, strokes: Strokes, there: NDArray[np.bool_], brush: NDArray[np.int64]) -> NDArray[np.int32]:
        """The brush sample seen at each pixel ``(pixels,)``, counted through all strokes; -1 is none."""
        _, along, across = there.shape
        rows, columns = self.rows, self.columns
        side_x, side_y = _sides(strokes.path_x, strokes.path_y)
        reach = (0.5 * rows) * strokes.width[:, None] * _profile(along)  # (strokes, along)
        side = np.linspace(-1, 1, across, dtype=np.float32)
        node, part = split(np.linspace(0, strokes.path_x.shape[1] - 1.001, along, dtype=np.float32))
        top = np.full(rows * columns + 1, -1, np.int32)  # the last one takes what falls outside
        step = max(1, _CHUNK // (along * across))
        for start in range(0, len(brush), step):
            now = slice(start, start + step)
            column, row = (
                (
                    (rows * _between(path[now], node, part))[..., None]
                    + (reach[now] * _between(sides[now], node, part))[..., None] * side
                ).astype(np.int32)
                for path, sides in ((strokes.path_x, side_x), (strokes.path_y, side_y))
            )  # (strokes, along, across) each
            inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows) & there[brush[now]]
            pixel = np.where(inside, row * columns + column, rows * columns).reshape(-1)
            first = start * along * across
            # Of repeated pixels the last sample stays: the later stroke.
            top[pixel] = np.arange(first, first + len(pixel), dtype=np.int32)
        return _filled(top[:-1].reshape(rows, columns), along * across).reshape(-1)

    def lit(self) -> Array:
        """The picture ``(height, width, 3)``, lit from the upper left: ridges shine and throw a shade."""
        colour = _reduced(self.colour.reshape(self.rows, self.columns, 3))
        relief = _reduced(self.relief.reshape(self.rows, self.columns, 1))
        slope_y, slope_x = np.gradient(relief * len(relief), axis=(0, 1))
        facing = 0.12 * np.clip(slope_x + slope_y, -1.5, 1.5)
        bright = np.maximum(facing, 0)
        picture: Array = np.clip(colour * (1 + facing) + 1.5 * bright * bright, 0, 1)
        return picture


def _marks(rng: np.random.Generator, streaks: int, across: int) -> Marks:
    """Streaks of bristles, paint that thins towards the end, ridges at the sides, a lump at the start."""
    u = np.linspace(0, 1, streaks, dtype=np.float32)[:, None]
    v = np.linspace(-1, 1, across, dtype=np.float32)
    hairs = max(3, across // 4)
    bristle = np.stack([noise(rng, streaks, across, 5, hairs) for _ in range(_BRUSHES)])
    clump = np.stack([noise(rng, streaks, across, 3, max(2, hairs // 4)) for _ in range(_BRUSHES)])
    texture = 0.6 * bristle + 0.4 * clump
    return Marks(
        there=texture > 0.7 * u * u - 0.3 + 0.14 * v * v,
        mix=np.clip(1.6 * clump + 0.4 * bristle - 0.5, 0, 1),
        opacity=np.clip(0.9 - 0.5 * u * u + 0.3 * texture, 0, 1),
        thickness=0.25 + 0.9 * texture + 0.45 * v * v * v * v + 0.4 / (1 + 60 * u * u) - 0.3 * u,
    )


def _profile(along: int) -> Array:
    """Half width along a stroke, 0 to 1: a round start and a long taper."""
    u = np.linspace(0, 1, along, dtype=np.float32)
    profile: Array = np.sqrt(np.minimum(u / 0.07, 1)) * np.sqrt(np.minimum((1 - u) / 0.5, 1))
    return profile


def _sides(path_x: Array, path_y: Array) -> tuple[Array, Array]:
    """Unit vectors across each path: x and y, ``(N, points)``."""
    along_x, along_y = np.gradient(path_x, axis=1), np.gradient(path_y, axis=1)
    length = np.sqrt(along_x * along_x + along_y * along_y) + 1e-9
    return -along_y / length, along_x / length


def _between(paths: Array, node: NDArray[np.int32], part: Array) -> Array:
    """``paths`` (N, points) at ``node + part`` (along,): ``(N, along)``."""
    return paths[:, node] * (1 - part) + paths[:, node + 1] * part


def _filled(top: NDArray[np.int32], samples: int) -> NDArray[np.int32]:
    """``top`` (rows, columns) without the pinholes where a curve spreads a stroke's samples apart."""
    stroke = top // samples
    for pixels, strokes in ((top, stroke), (top.T, stroke.T)):
        hole = (strokes[:-2] == strokes[2:]) & (strokes[1:-1] < strokes[2:])
        np.copyto(pixels[1:-1], pixels[:-2], where=hole)
    return top


def _reduced(canvas: Array) -> Array:
    """Mean of blocks of ``OVERSAMPLING``: ``(rows, columns, C)`` to ``(height, width, C)``."""
    s = OVERSAMPLING
    total = np.zeros_like(canvas[::s, ::s])
    for i in range(s * s):
        total += canvas[i // s :: s, i % s :: s]
    return total / (s * s)


def noise(rng: np.random.Generator, rows: int, columns: int, cells_y: int, cells_x: int) -> Array:
    """Smooth noise in [0, 1], ``(rows, columns)``, with about ``cells_y`` x ``cells_x`` bumps."""
    lattice = rng.random((cells_y + 2, cells_x + 2), dtype=np.float32)
    row, part_y = split(np.arange(rows, dtype=np.float32) * (cells_y / rows))
    column, part_x = split(np.arange(columns, dtype=np.float32) * (cells_x / columns))
    part_y, part_x = smooth(part_y)[:, None], smooth(part_x)
    lines = lattice[:, column] * (1 - part_x) + lattice[:, column + 1] * part_x
    blend: Array = lines[row] * (1 - part_y) + lines[row + 1] * part_y
    return blend


def smooth(part: Array) -> Array:
    """An S-shaped ramp from 0 to 1."""
    return part * part * (3 - 2 * part)


def split(position: Array) -> tuple[NDArray[np.int32], Array]:
    """Whole and fractional part of positions from 0 on."""
    whole = np.floor(position)
    return whole.astype(np.int32), position - whole
