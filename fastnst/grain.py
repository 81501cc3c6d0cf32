"""Grain for smooth parts of photos, out of which networks can make brushwork.

A network paints what it sees: where a photo shows nothing, in a sky or in what is out of focus, it has
nothing to begin a stroke with, and leaves the place empty or draws its edges on, across and down. Ulyanov et
al. (2016), "Texture Networks", https://arxiv.org/abs/1603.03417, section 3, give generators noise to make
texture of. Here the photo gets it.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fastnst.pixels import Bytes

USUAL = 4.0
"""Levels of 255 at which smooth parts get most of what grain can give, and losses stay as they are."""
COARSEST = 32.0
"""Levels of 255: with more, little is left of photos."""

_SIDE = 512  # px of the blocks that are drawn at once: tiles of large photos need no more than their own


def grained(photo: Bytes, grain: float = USUAL, *, corner: tuple[int, int] = (0, 0)) -> Bytes:
    """A photo, or a part of one, with grain of a single px, the same in all channels and for all photos.

    Args:
        photo: ``(H, W, 3)``.
        grain: its standard deviation, levels of 255, to the nearest that whole levels allow. It is uniform.
        corner: top and left of the part, px.

    Returns:
        ``(H, W, 3)``.

    Raises:
        ValueError: the grain is not from 0 to ``COARSEST``.
    """
    if not 0 <= grain <= COARSEST:
        raise ValueError(f"grain must be from 0 to {COARSEST:g} levels, not {grain}")
    reach = round(((12 * grain**2 + 1) ** 0.5 - 1) / 2)  # of so many whole levels on either side of 0
    result = np.empty_like(photo)
    for row, above, down in _blocks(corner[0], photo.shape[0]):
        for column, before, across in _blocks(corner[1], photo.shape[1]):
            mixed = photo[down, across] + _noise(row, column, _SIDE, reach)[above, before]
            np.clip(mixed, 0, 255, out=result[down, across], casting="unsafe")
    return result


def _blocks(start: int, length: int) -> Iterator[tuple[int, slice, slice]]:
    """Along one side: a block's number, what of it lies in the part, and where in the part that is."""
    for number in range(start // _SIDE, -(-(start + length) // _SIDE)):
        first, last = max(start, number * _SIDE), min(start + length, (number + 1) * _SIDE)
        yield number, slice(first - number * _SIDE, last - number * _SIDE), slice(first - start, last - start)


@lru_cache(maxsize=16)
def _noise(row: int, column: int, side: int, reach: int) -> NDArray[np.int16]:
    """Grain of one block, ``(side, side, 1)``."""
    random = np.random.default_rng((row, column))
    return random.integers(-reach, reach, (side, side, 1), np.int16, endpoint=True)
