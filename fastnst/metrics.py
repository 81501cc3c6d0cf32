"""What can be measured of a picture without a loss network."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from fastnst.pixels import Floats

PERIODS = (2, 4, 8)  # px: of the grids that upsampling by 2, three times over, can leave
AROUND = 12  # bins of the spectrum to each side that a peak is compared with


def grid_peaks(pictures: Iterable[Floats], periods: Sequence[int] = PERIODS) -> dict[str, float]:
    """How far a picture's power at the frequencies of a grid stands above that of those beside them.

    A grid that upsampling leaves repeats every few px all over the picture, so its power lies at whole
    multiples of ``1 / period`` in x, in y or in both, in bins one or two wide, while strokes and edges spread
    over many: Odena et al. (2016), https://distill.pub/2016/deconv-checkerboard. The spectra of all pictures
    are averaged. What lies beside is the median along the row and along the column of the spectrum, whichever
    is larger, since a photo's upright and level edges raise the axes.

    Args:
        pictures: RGB ``(3, H, W)`` in [0, 1], each side at least 64 px.
        periods: px.

    Returns:
        By name, as "4y" or "8xy": power at the grid over power beside it; about 1 where there is no grid.
    """
    totals: dict[str, list[NDArray[np.float64]]] = {}
    for picture in pictures:
        power = _power(picture)
        height, width = power.shape
        for period in periods:
            for name, x, y in ((f"{period}x", 1, 0), (f"{period}y", 0, 1), (f"{period}xy", 1, 1)):
                patch = _patch(power, y * height // period, x * width // period)
                totals.setdefault(name, []).append(patch / np.median(patch))
    return {name: _ratio(np.mean(patches, axis=0)) for name, patches in totals.items()}


def _power(picture: Floats) -> NDArray[np.float64]:
    """Power of the lightness by frequency, of a part whose sides divide by 16, faded to its borders."""
    grey = picture.mean(axis=0, dtype=np.float64)
    height, width = (side // 16 * 16 for side in grey.shape)
    grey = grey[:height, :width]
    fade = np.outer(np.hanning(height), np.hanning(width))
    power: NDArray[np.float64] = np.abs(np.fft.fft2((grey - grey.mean()) * fade)) ** 2
    return power


def _patch(power: NDArray[np.float64], y: int, x: int) -> NDArray[np.float64]:
    """The bins around one, ``(2 * AROUND + 1, 2 * AROUND + 1)``; frequencies wrap around."""
    reach = np.arange(-AROUND, AROUND + 1)
    return power[np.ix_((y + reach) % power.shape[0], (x + reach) % power.shape[1])]


def _ratio(patch: NDArray[np.float64]) -> float:
    """Mean of the middle 3 x 3 bins over the larger median of the bands through them."""
    middle = slice(AROUND - 1, AROUND + 2)
    beside = np.r_[0 : AROUND - 2, AROUND + 3 : 2 * AROUND + 1]
    row, column = patch[middle][:, beside].mean(axis=0), patch[:, middle][beside].mean(axis=1)
    return float(patch[middle, middle].mean() / max(np.median(row), np.median(column)))
