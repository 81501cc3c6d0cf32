"""Strokes larger or smaller than a network paints them.

A network's strokes have a size in px, so on large photos they are too fine to be seen. Painters begin with a
broad brush: for larger strokes the network paints the photo reduced, and then the photo with that picture
under it, half and half, at its own size. Broad strokes come of the one, crisp ones within them of the other.
Wang et al. (2017), "Multimodal Transfer", https://arxiv.org/abs/1612.01895, section 3, train a network for
each size; here one does them all. For smaller strokes it is shown the photo enlarged.
"""

import math

import numpy as np
from PIL import Image

from fastnst.architectures import Box
from fastnst.pixels import Bytes

SUITED = 450
"""Px of a picture's shorter side for which strokes have the right size as the network paints them."""
LEAST = 1.25
"""Times that size: pictures nearer to it are not worth a second pass."""
UNDERPAINTING = 0.5
"""Of what the network sees last, the share of the broad brush's picture; the rest is the photo."""

LANCZOS = 3  # px that Lanczos reaches, at the smaller of two scales


def usual(height: int, width: int) -> float:
    """The size of strokes, times what the network paints, that keeps their share of the shorter side."""
    times = min(height, width) / SUITED
    return times if times >= LEAST else 1.0


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
        self.margin = 0 if self.same else math.ceil(LANCZOS * max(1, self.down, self.across)) + 1
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


class Underpainted(Scaled):
    """A photo with what a broad brush made of it shining through, of which only parts are ever made.

    Args:
        photo: uint8 (H, W, 3).
        broad: uint8 (h, w, 3): the network's picture of the photo reduced.
        share: of ``broad``; of the photo it is the rest.
    """

    def __init__(self, photo: Bytes, broad: Bytes, share: float = UNDERPAINTING) -> None:
        super().__init__(photo, 1)
        self.broad, self.share = broad, share
        self.scales = broad.shape[0] / self.height, broad.shape[1] / self.width

    def part(self, box: Box) -> Bytes:
        """A part of it, uint8 (bottom - top, right - left, 3)."""
        above = Image.fromarray(np.ascontiguousarray(super().part(box)))
        below = Image.fromarray(_resized(self.broad, (0, 0), box, self.scales))
        return np.array(Image.blend(above, below, self.share))


def brought_back(painted: Bytes, corner: tuple[int, int], scaled: Scaled, box: Box) -> Bytes:
    """A part of the picture of a photo that was enlarged, or left as it is, at the photo's own size.

    Args:
        painted: uint8 (h, w, 3): the network's picture of a part of ``scaled``, ``scaled.margin`` around it.
        corner: top and left of that part, px of ``scaled``.
        scaled: the photo as the network saw it.
        box: the part wanted, px of the photo.

    Returns:
        uint8 (bottom - top, right - left, 3).
    """
    if scaled.same:
        top, left, bottom, right = box
        return painted[top - corner[0] : bottom - corner[0], left - corner[1] : right - corner[1]]
    return _resized(painted, corner, box, (scaled.down, scaled.across))


def _resized(pixels: Bytes, corner: tuple[int, int], box: Box, scales: tuple[float, float]) -> Bytes:
    """A part of a picture at another size, the same whatever part is asked for and however much is at hand.

    Args:
        pixels: uint8 (h, w, 3): at least what ``box`` and the filter's reach need.
        corner: their top and left in the picture that they are of, px.
        box: the part wanted, px of the resized picture.
        scales: px of the picture they are of for each px of the resized one, down and across.

    Returns:
        uint8 (bottom - top, right - left, 3).
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

    image = Image.fromarray(np.ascontiguousarray(pixels))
    # Rows apart from columns: in which order Pillow does both depends on the part's size, and rounds.
    wide = image.resize((columns, image.height), method, box=(region[0], 0, region[2], image.height))
    return np.array(wide.resize((columns, rows), method, box=(0, region[1], columns, region[3])))
