"""How alike two pictures are, and how fine one is, without a loss network."""

import numpy as np

from fastnst.images import resize
from fastnst.pixels import LUMA, Floats


def correlation(one: Floats, other: Floats) -> float:
    """Of all values of two pictures, -1 to 1; 0 if one is flat."""
    if not one.std() or not other.std():
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def levels(one: Floats, other: Floats) -> float:
    """Root mean square difference of two pictures, of 255 levels."""
    return 255 * float(np.sqrt(np.mean(np.square(one - other))))


def grain(picture: Floats) -> float:
    """The grain of a picture, px: the distance at which its autocorrelation falls below a half."""
    grey = np.tensordot(np.asarray(LUMA), picture, 1)
    height, width = grey.shape
    if not grey.std():
        return 0.0
    # Padded with zeros, since a picture does not go on at its other side.
    power = np.abs(np.fft.rfft2(grey - grey.mean(), s=(2 * height, 2 * width))) ** 2
    alike = np.fft.irfft2(power)
    right = alike[0, : width // 2] / np.arange(width, width - width // 2, -1)
    down = alike[: height // 2, 0] / np.arange(height, height - height // 2, -1)
    length = min(right.size, down.size)
    mean = right[:length] / right[0] + down[:length] / down[0]  # falls from 2
    below = np.flatnonzero(mean < 1)
    if not below.size:
        return float(length)
    i = int(below[0])
    return float(i - (1 - mean[i]) / (mean[i - 1] - mean[i]))


def stretched(painting: Floats, picture: Floats) -> Floats:
    """The painting in the size of the picture, stretched."""
    return resize(painting, picture.shape[1], picture.shape[2])
