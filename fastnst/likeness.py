"""How alike two pictures are, pixel by pixel."""

import numpy as np

from fastnst.images import resize
from fastnst.pixels import Floats


def correlation(one: Floats, other: Floats) -> float:
    """Of all values of two pictures, -1 to 1; 0 if one is flat."""
    if not one.std() or not other.std():
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def levels(one: Floats, other: Floats) -> float:
    """Root mean square difference of two pictures, of 255 levels."""
    return 255 * float(np.sqrt(np.mean(np.square(one - other))))


def stretched(painting: Floats, picture: Floats) -> Floats:
    """The painting in the size of the picture, stretched."""
    return resize(painting, picture.shape[1], picture.shape[2])
