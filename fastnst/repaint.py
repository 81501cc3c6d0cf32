"""One photo repainted, in the network's colours or in its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastnst.big_pictures import paint
from fastnst.grain import USUAL
from fastnst.pixels import LUMA, Bytes
from fastnst.strokes import usual

if TYPE_CHECKING:
    from fastnst.engines import Engine
    from fastnst.images import Photo

Refine = Callable[[Bytes, Bytes], Bytes]  # photo and picture, (H, W, 3) each, to a better picture

_STRIP = 1 << 20  # px that are floats at once


def repaint(
    photo: Photo,
    engine: Engine,
    *,
    keep_colours: bool = False,
    stroke: float | None = None,
    grain: float = USUAL,
    memory: int | None = None,
    refine: Refine | None = None,
) -> Photo:
    """Repaint one photo; its alpha and notes stay as they are.

    Args:
        photo: what to repaint.
        engine: the network.
        keep_colours: take only the picture's lightness (the Y of YIQ) and the photo's colours, as Gatys et
            al. (2016) did with luminance, "Preserving Color in Neural Artistic Style Transfer",
            https://arxiv.org/abs/1606.05897, section 5. They bring the painting to the photo's luminance
            before the transfer; here the painting is in the network already, so that step is left out.
        stroke: size of the strokes, times what the network paints: see ``strokes``. None for ``usual``, or
            with ``refine``, which knows the style as it was trained, for 1.
        grain: what the network sees has so much of it: see ``grain``; 0 for none. Below strength 1 there is
            less. The photo's colours and alpha, and what ``refine`` is given, have none.
        memory: bytes that this may take, photo and picture among them: larger pictures are done in tiles.
            None for as many as it needs.
        refine: goes on from the network's picture: ``fastnst.refine``.

    Raises:
        ImageError: the picture is too small, or too large for the memory.
    """
    stroke = settled(stroke, photo.height, photo.width, refined=refine is not None)
    picture = paint(photo.pixels, engine, stroke=stroke, grain=grain, memory=memory)
    if refine is not None:
        picture = refine(photo.pixels, picture)
    if keep_colours:
        picture = _in_colours_of(photo.pixels, picture)
    return replace(photo, pixels=picture)


def settled(stroke: float | None, height: int, width: int, *, refined: bool) -> float:
    """The size of the strokes that ``repaint`` gives a picture of so many px."""
    if stroke is None:
        return 1.0 if refined else usual(height, width)
    return stroke


def _in_colours_of(photo: Bytes, picture: Bytes) -> Bytes:
    """The photo with the picture's lightness, (H, W, 3)."""
    mixed = np.empty_like(photo)
    rows = max(1, _STRIP // photo.shape[1])
    for top in range(0, photo.shape[0], rows):
        strip = slice(top, top + rows)
        before = photo[strip].astype(np.float32)
        # I and Q stay, so R, G and B all change by the change of Y.
        after = before + ((picture[strip] - before) @ np.array(LUMA, np.float32))[..., None]
        mixed[strip] = np.rint(after.clip(0, 255, out=after))
    return mixed
