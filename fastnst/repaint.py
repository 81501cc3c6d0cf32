"""One photo repainted: through the network, faded with the photo, or in the photo's own colours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastnst.big_pictures import paint
from fastnst.pixels import LUMA

if TYPE_CHECKING:
    from fastnst.engines import Engine
    from fastnst.images import Photo
    from fastnst.pixels import Bytes

_STRIP = 1 << 20  # px that are floats at once


def repaint(
    photo: Photo,
    engine: Engine,
    *,
    strength: float = 1.0,
    keep_colours: bool = False,
    stroke: float = 1.0,
    memory: int | None = None,
) -> Photo:
    """Repaint one photo; its alpha and notes stay as they are.

    Args:
        photo: what to repaint.
        engine: the network.
        strength: 1 is the network's picture, 0 the photo, and what lies between is a cross-fade of the two,
            pixel by pixel. It is not a weaker style: half-strong strokes lie over a sharp photo.
        keep_colours: take only the picture's lightness (the Y of YIQ) and the photo's colours, as Gatys et
            al. (2016) did with luminance, "Preserving Color in Neural Artistic Style Transfer",
            https://arxiv.org/abs/1606.05897, section 5. They bring the painting to the photo's luminance
            before the transfer; here the painting is in the network already, so that step is left out.
        stroke: size of the strokes, times what the network paints: see ``strokes``.
        memory: bytes that this may take, photo and picture among them: larger pictures are done in tiles.
            None for as many as it needs.

    Raises:
        ImageError: the picture is too small, or too large for the memory.
    """
    picture = paint(photo.pixels, engine, stroke=stroke, memory=memory)
    if keep_colours or strength != 1:
        picture = _mixed(photo.pixels, picture, strength, keep_colours)
    return replace(photo, pixels=picture)


def _mixed(photo: Bytes, picture: Bytes, strength: float, keep_colours: bool) -> Bytes:
    """The photo changed towards the picture, (H, W, 3)."""
    mixed = np.empty_like(photo)
    rows = max(1, _STRIP // photo.shape[1])
    for top in range(0, photo.shape[0], rows):
        strip = slice(top, top + rows)
        before = photo[strip].astype(np.float32)
        change = picture[strip] - before
        if keep_colours:
            # I and Q stay, so R, G and B all change by the change of Y.
            change = (change @ np.array(LUMA, np.float32))[..., None]
        after = before + np.float32(strength) * change
        mixed[strip] = np.rint(after.clip(0, 255, out=after))
    return mixed
