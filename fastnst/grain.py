"""Grain for smooth parts of photos, out of which networks can make brushwork.

A network paints what it sees: where a photo shows nothing, in a sky or in what is out of focus, it has
nothing to begin a stroke with, and leaves the place empty or draws its edges on, across and down. Ulyanov et
al. (2016), "Texture Networks", https://arxiv.org/abs/1603.03417, section 3, give generators noise to make
texture of. Here the photo gets it.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fastnst.pixels import Bytes

USUAL = 4.0
"""Levels of 255 at which smooth parts get most of what grain can give, and losses stay as they are."""
COARSEST = 32.0
"""Levels of 255: with more, little is left of photos."""

_STRIP = 1 << 18  # px that are drawn at once


def grained(
    photo: Bytes, grain: float = USUAL, *, corner: tuple[int, int] = (0, 0), width: int | None = None
) -> Bytes:
    """A photo, or a part of one, with grain of a single px, the same in all channels.

    Args:
        photo: ``(H, W, 3)``.
        grain: its standard deviation, levels of 255, to the nearest that whole levels allow. It is uniform.
        corner: top and left of the part, px.
        width: of the whole photo, px; all photos of a width have the same grain. None: it is ``photo``.

    Returns:
        ``(H, W, 3)``.

    Raises:
        ValueError: the grain is not from 0 to ``COARSEST``.
    """
    if not 0 <= grain <= COARSEST:
        raise ValueError(f"grain must be from 0 to {COARSEST:g} levels, not {grain}")
    reach = round(((12 * grain**2 + 1) ** 0.5 - 1) / 2)  # of so many whole levels on either side of 0
    (top, left), whole = corner, width or photo.shape[1]
    rows = max(1, _STRIP // whole)
    result = np.empty_like(photo)
    for number in range(top // rows, -(-(top + photo.shape[0]) // rows)):
        first, last = max(top, number * rows), min(top + photo.shape[0], (number + 1) * rows)
        noise = _noise(number, rows, whole, reach)[first - number * rows : last - number * rows]
        strip = slice(first - top, last - top)
        mixed = photo[strip] + noise[:, left : left + photo.shape[1]]
        np.clip(mixed, 0, 255, out=result[strip], casting="unsafe")
    return result


@lru_cache(maxsize=16)
def _noise(number: int, rows: int, width: int, reach: int) -> NDArray[np.int16]:
    """Grain of one strip of photos of a width, ``(rows, width, 1)``."""
    return np.random.default_rng(number).integers(-reach, reach, (rows, width, 1), np.int16, endpoint=True)
