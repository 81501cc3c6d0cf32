"""Strokes larger or smaller than a network paints them: it sees the photo at another scale.

A network's strokes have a size in px. So it is shown the photo reduced for larger strokes, enlarged for
smaller ones, and its picture is brought back to the photo's size. A picture painted small lacks the photo's
finest detail. That is added where, and as strongly as, the picture follows the photo: by the gain from
luminance to picture in a small window, the a of the guided filter (He et al., 2013,
https://doi.org/10.1109/TPAMI.2012.213, section 3). Where strokes go their own way the gain is about zero, so
that no contour is drawn twice.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fastnst.architectures import Box
from fastnst.pixels import LUMA, Bytes, Floats

RADIUS = 4  # px of the scaled photo, of the window in which a gain is measured
NOISE = 6.0  # levels of luminance: what varies less than this brings nothing back
LANCZOS = 3  # px that Lanczos reaches, at the smaller of two scales


class Scaled:
    """A photo at another size, of which only the parts that are asked for are ever made.

    Args:
        photo: uint8 (H, W, 3).
        scale: by which its sides are multiplied.
    """

    def __init__(self, photo: Bytes, scale: float) -> None:
        self.photo = photo
        self.height, self.width = (max(1, round(side * scale)) for side in photo.shape[:2])
        self.down, self.across = self.height / photo.shape[0], self.width / photo.shape[1]
        self.same = (self.height, self.width) == photo.shape[:2]
        support = math.ceil(LANCZOS * max(1, self.down, self.across)) + 1
        self.margin = 0 if self.same else support + (2 * RADIUS if self.down < 1 else 0)
        """px around a part that ``brought_back`` needs."""

    def part(self, box: Box) -> Bytes:
        """A part of the scaled photo, uint8 (bottom - top, right - left, 3)."""
        if self.same:
            top, left, bottom, right = box
            return self.photo[top:bottom, left:right]
        return _resized(self.photo, (0, 0), box, (1 / self.down, 1 / self.across))

    def around(self, box: Box, overlap: int, stride: int = 1) -> Box:
        """What the network must see, in px of the scaled photo, for a part of the photo itself.

        Args:
            box: the part, px of the photo.
            overlap: around it, px of the scaled photo.
            stride: of which the beginnings must be multiples, and the ends too but for the photo's own.
        """
        top, left = (
            max(0, math.floor(start * scale - overlap) // stride * stride)
            for start, scale in zip(box[:2], (self.down, self.across), strict=True)
        )
        bottom, right = (
            min(length, -(-math.ceil(end * scale + overlap) // stride) * stride)
            for end, scale, length in zip(
                box[2:], (self.down, self.across), (self.height, self.width), strict=True
            )
        )
        return top, left, bottom, right


def brought_back(painted: Bytes, corner: tuple[int, int], scaled: Scaled, box: Box) -> Bytes:
    """A part of the picture at the photo's own size.

    Args:
        painted: uint8 (h, w, 3): the network's picture of a part of ``scaled``, ``scaled.margin`` around it.
        corner: top and left of that part, px of ``scaled``.
        scaled: the photo as the network saw it.
        box: the part wanted, px of the photo.

    Returns:
        uint8 (bottom - top, right - left, 3).
    """
    top, left, bottom, right = box
    if scaled.same:
        return painted[top - corner[0] : bottom - corner[0], left - corner[1] : right - corner[1]]
    scales = scaled.down, scaled.across
    picture = _resized(painted, corner, box, scales)
    if scaled.down >= 1:
        return picture
    near = scaled.around(box, scaled.margin)
    inner = painted[near[0] - corner[0] : near[2] - corner[0], near[1] - corner[1] : near[3] - corner[1]]
    small = _luma(scaled.part(near))
    gains = _gains(small, inner.astype(np.float32))  # (h, w, 3)
    fine = _luma(scaled.photo[top:bottom, left:right]) - _resized(small, near[:2], box, scales)
    change = _resized(gains, near[:2], box, scales)
    change *= fine[..., None]
    change += picture
    levels: Bytes = np.rint(change.clip(0, 255, out=change)).astype(np.uint8)
    return levels


def _gains(guide: Floats, picture: Floats) -> Floats:
    """How much of a change of the guide (h, w) each channel of the picture (h, w, 3) has, 0 to 1.5."""
    mean = _window(guide)
    variance = _window(guide * guide) - mean * mean
    gains = np.empty_like(picture)
    for channel in range(3):
        values = picture[..., channel]
        covariance = _window(guide * values) - mean * _window(values)
        gains[..., channel] = covariance / (variance + NOISE**2)
    return gains.clip(0, 1.5, out=gains)


def _window(values: Floats) -> Floats:
    """Means over windows of ``RADIUS`` px to each side, of as much of them as there is."""
    for axis in (0, 1):
        length = values.shape[axis]
        sums = np.concatenate([np.zeros_like(values.take([0], axis)), values.cumsum(axis, np.float64)], axis)
        ends = np.minimum(np.arange(length) + RADIUS + 1, length)
        starts = np.maximum(np.arange(length) - RADIUS, 0)
        counts = (ends - starts).reshape((-1, 1) if axis == 0 else (1, -1))
        values = ((sums.take(ends, axis) - sums.take(starts, axis)) / counts).astype(np.float32)
    return values


def _luma(pixels: Bytes) -> Floats:
    """``(H, W, 3)`` to ``(H, W)``, in levels."""
    luma: Floats = np.matmul(pixels, np.array(LUMA, np.float32), dtype=np.float32)
    return luma


def _resized(
    pixels: NDArray[Any], corner: tuple[int, int], box: Box, scales: tuple[float, float]
) -> NDArray[Any]:
    """A part of a picture at another size, the same whatever part is asked for and however much is at hand.

    Args:
        pixels: (h, w) floats, (h, w, 3) bytes or floats: at least what ``box`` and the filter's reach need.
        corner: their top and left in the picture that they are of, px.
        box: the part wanted, px of the resized picture.
        scales: px of the picture they are of for each px of the resized one, down and across.

    Returns:
        (bottom - top, right - left) or (bottom - top, right - left, 3).
    """
    down, across = scales
    top, left, bottom, right = box
    reach_down, reach_across = (math.ceil(LANCZOS * max(1, scale)) + 1 for scale in scales)
    first_row = max(0, math.floor(top * down) - corner[0] - reach_down)
    first_column = max(0, math.floor(left * across) - corner[1] - reach_across)
    pixels = pixels[
        first_row : math.ceil(bottom * down) - corner[0] + reach_down,
        first_column : math.ceil(right * across) - corner[1] + reach_across,
    ]
    y, x = corner[0] + first_row, corner[1] + first_column
    region = (
        max(0.0, left * across - x),
        max(0.0, top * down - y),
        min(float(pixels.shape[1]), right * across - x),
        min(float(pixels.shape[0]), bottom * down - y),
    )
    method = Image.Resampling.LANCZOS if down > 1 else Image.Resampling.BICUBIC
    rows, columns = bottom - top, right - left

    def resize(plane: NDArray[Any]) -> NDArray[Any]:
        image = Image.fromarray(np.ascontiguousarray(plane))
        # Rows apart from columns: in which order Pillow does both depends on the part's size, and rounds.
        wide = image.resize((columns, image.height), method, box=(region[0], 0, region[2], image.height))
        return np.array(wide.resize((columns, rows), method, box=(0, region[1], columns, region[3])))

    if pixels.dtype == np.uint8 or pixels.ndim == 2:
        return resize(pixels)
    return np.stack([resize(pixels[..., channel]) for channel in range(pixels.shape[2])], -1)
