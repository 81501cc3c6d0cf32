"""The embedded painting: an oil sketch drawn by code, so that a style can be learned with no file at hand.

Strokes follow the level lines of a stream function with a few vortices, in layers from a broad underpainting
to fine accents. Only ``+ - * /``, square roots and the PCG64 generator are used, all of them defined to the
bit, and nothing is summed in an order that a machine could choose: a seed gives the same picture everywhere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastnst.brush import OVERSAMPLING, Array, Canvas, Strokes, noise, smooth, split

_GRID = 192  # rows on which the composition is worked out, whatever the size of the picture
_POINTS = 16  # of the line that a stroke follows

# Pigments from dark to light, sRGB.
_COOL = "0d1440 14287a 1c52a6 0f7088 2f9c9c 9fcdbd f1e9cd"
_WARM = "3a0f1e 8a1c20 cc3d22 e2742a e8a433 f3d077 fcf0cf"

# Vortices: centre (fractions of width and height), radius (of the height), sense. The first is the sun.
_VORTICES = ((0.70, 0.33, 0.26, 1), (0.24, 0.40, 0.22, -1), (0.46, 0.76, 0.15, 1), (0.90, 0.80, 0.16, -1))


@dataclass(frozen=True)
class Layer:
    """One round of strokes. Lengths are fractions of the picture's height."""

    width: float
    length: float
    cover: float  # how many times the strokes' area covers the picture
    variety: float  # how far a stroke's colour strays from the composition's
    thickness: float  # of the paint
    focus: float  # 0: strokes everywhere, 1: only where the composition is busy


_LAYERS = (
    Layer(width=0.100, length=0.50, cover=2.4, variety=0.25, thickness=0.020, focus=0.0),
    Layer(width=0.050, length=0.32, cover=1.8, variety=0.40, thickness=0.016, focus=0.1),
    Layer(width=0.026, length=0.20, cover=1.5, variety=0.55, thickness=0.012, focus=0.4),
    Layer(width=0.014, length=0.12, cover=0.9, variety=0.75, thickness=0.009, focus=0.7),
    Layer(width=0.008, length=0.07, cover=0.3, variety=1.00, thickness=0.007, focus=0.9),
)


@dataclass(frozen=True)
class Composition:
    """What the painter has in mind before the first stroke, each ``(_GRID, columns)``."""

    flow_x: Array
    flow_y: Array
    tone: Array  # 0 dark to 1 light: bands along the flow
    warmth: Array  # 0 cool to 1 warm
    focus: Array  # 0 quiet to 1 busy


def paint(*, height: int = 768, width: int = 1024, seed: int = 0) -> NDArray[np.float32]:
    """Paint the picture: ``(3, height, width)`` float32 RGB in [0, 1].

    Strokes scale with ``height``: a small picture is the large one seen from further away.
    """
    if min(height, width) < 16 or max(height, width) > 4096:
        raise ValueError(f"the painting can be 16 to 4096 px high and wide, not {width}x{height} px")
    rng = np.random.Generator(np.random.PCG64(seed))
    scene = _compose(rng, width / height)
    canvas = Canvas(_wash(scene, height * OVERSAMPLING, width * OVERSAMPLING))
    for layer in _LAYERS:
        canvas.lay(_strokes(layer, scene, rng, width / height), rng)
    return np.ascontiguousarray(canvas.lit().transpose(2, 0, 1), dtype=np.float32)


def _compose(rng: np.random.Generator, aspect: float) -> Composition:
    """Think of a picture: where it flows, where it is light, warm and busy."""
    columns = max(8, round(_GRID * aspect))
    y = ((np.arange(_GRID, dtype=np.float32) + 0.5) / _GRID)[:, None]
    x = ((np.arange(columns, dtype=np.float32) + 0.5) / _GRID)[None]

    def clouds(cells: int) -> Array:
        return noise(rng, _GRID, columns, cells, max(1, round(cells * aspect)))

    stream = 0.55 * y + 0.20 * clouds(3)  # a river from left to right, which the vortices stir
    warmth = 1.6 * clouds(3) - 0.65 + 0.35 * (y - 0.5)
    focus = 0.8 * clouds(5) - 0.15
    for u, v, radius, sense in _VORTICES:
        du, dv, grow = (rng.random(3, dtype=np.float32) - 0.5).tolist()
        radius = radius * (1 + 0.3 * grow)
        dx, dy = x - (u + 0.12 * du) * aspect, y - (v + 0.12 * dv)
        near = 1 / (1 + (dx * dx + dy * dy) / (radius * radius))
        stream = stream + 1.5 * sense * radius * near
        warmth = warmth + (1.1 if sense > 0 else -0.5) * near
        focus = focus + 0.9 * near
    slope_y, slope_x = np.gradient(stream)
    speed = np.sqrt(slope_x * slope_x + slope_y * slope_y) + 1e-6
    bands = 6.0 * stream + 0.8 * clouds(6)
    wave = smooth(np.abs(bands - np.floor(bands) - 0.5) * 2)
    return Composition(
        flow_x=slope_y / speed,
        flow_y=-slope_x / speed,
        tone=np.clip(0.75 * wave + 0.6 * clouds(4) - 0.18, 0, 1),
        warmth=smooth(np.clip(warmth, 0, 1)),
        focus=np.clip(focus, 0, 1),
    )


def _wash(scene: Composition, rows: int, columns: int) -> Array:
    """The composition in thin, dark paint, ``(rows, columns, 3)``: what shows where no stroke falls."""
    y, x = np.arange(rows) * scene.tone.shape[0] // rows, np.arange(columns) * scene.tone.shape[1] // columns
    thin = _pigments(0.7 * scene.tone.reshape(-1), scene.warmth.reshape(-1) > 0.5)
    wash: Array = thin.reshape(*scene.tone.shape, 3)[y[:, None], x]
    return wash


def _strokes(layer: Layer, scene: Composition, rng: np.random.Generator, aspect: float) -> Strokes:
    """Choose place, path, size and colours of a layer's strokes; some lie outside, so borders are full."""
    margin = 0.5 * layer.length
    area = (1 + 2 * margin) * (aspect + 2 * margin)
    count = round(layer.cover * area / (0.75 * layer.width * layer.length))
    x = rng.random(count, dtype=np.float32) * (aspect + 2 * margin) - margin
    y = rng.random(count, dtype=np.float32) * (1 + 2 * margin) - margin
    wanted = 1 - layer.focus * (1 - _at(scene.focus, x, y))
    kept = rng.random(count, dtype=np.float32) < wanted
    x, y = x[kept], y[kept]
    size = 0.65 + 0.7 * rng.random(len(x), dtype=np.float32)
    lean = 0.5 * (rng.random(len(x), dtype=np.float32) - 0.5)
    path_x, path_y = _trace(scene, x, y, layer.length * size, lean)
    stray = layer.variety * (rng.random((3, len(x)), dtype=np.float32) - 0.5)
    tone = np.clip(_at(scene.tone, x, y) + 0.45 * stray[0], 0, 1)
    other = np.clip(tone + 0.22 * (rng.random(len(x), dtype=np.float32) - 0.5) + 0.2 * stray[2], 0, 1)
    warm = _at(scene.warmth, x, y) + 0.35 * stray[1] > 0.5
    return Strokes(
        path_x=path_x,
        path_y=path_y,
        length=layer.length * size,
        width=layer.width * size,
        first=_pigments(tone, warm),
        second=_pigments(other, warm),
        thickness=layer.thickness,
    )


def _trace(scene: Composition, x: Array, y: Array, length: Array, lean: Array) -> tuple[Array, Array]:
    """The lines along the flow whose middles are ``x, y`` (N,): x and y, each ``(N, _POINTS)``."""
    step = length / (_POINTS - 1)
    for _ in range(_POINTS // 2):  # back to where the stroke begins
        x, y = _follow(scene, x, y, -step, lean)
    path_x, path_y = [x], [y]
    for _ in range(_POINTS - 1):
        x, y = _follow(scene, x, y, step, lean)
        path_x.append(x)
        path_y.append(y)
    return np.stack(path_x, axis=1), np.stack(path_y, axis=1)


def _follow(scene: Composition, x: Array, y: Array, step: Array, lean: Array) -> tuple[Array, Array]:
    """One step along the flow by the midpoint method, and ``lean`` times as far aside: no hand is exact."""
    at_x, at_y = x, y
    for part in (0.5, 1.0):
        flow_x, flow_y = _at(scene.flow_x, at_x, at_y), _at(scene.flow_y, at_x, at_y)
        at_x = x + part * step * (flow_x - lean * flow_y)
        at_y = y + part * step * (flow_y + lean * flow_x)
    return at_x, at_y


def _at(field: Array, x: Array, y: Array) -> Array:
    """``field`` at points in fractions of the height; outside, what its border has."""
    row = np.clip((y * _GRID).astype(np.int32), 0, field.shape[0] - 1)
    column = np.clip((x * _GRID).astype(np.int32), 0, field.shape[1] - 1)
    values: Array = field[row, column]
    return values


def _pigments(tone: Array, warm: NDArray[np.bool_]) -> Array:
    """Colours ``(N, 3)`` of each ``tone`` (N,) between the pigments of the warm or the cool row."""
    rows = [list(bytes.fromhex(row)) for row in (_COOL, _WARM)]
    palette = (np.array(rows, np.float32) / 255).reshape(2, -1, 3)
    low, part = split(tone * (palette.shape[1] - 1.001))
    row, part = warm.astype(np.int32), part[:, None]
    colours: Array = palette[row, low] * (1 - part) + palette[row, low + 1] * part
    return colours
