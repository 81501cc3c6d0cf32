import numpy as np
import pytest

from fastnst.metrics import grid_peaks


def pictures(count=8, size=128):
    """Noise whose power falls with frequency, as a photo's does."""
    noise = np.random.default_rng(0).standard_normal((count, 3, size, size))
    distance = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None]) + 0.02
    smooth = np.fft.ifft2(np.fft.fft2(noise) / distance).real
    return (0.5 + smooth / smooth.std() / 8).clip(0, 1).astype(np.float32)


def test_pictures_without_a_grid_have_no_peak():
    peaks = grid_peaks(pictures())
    assert peaks.keys() == {f"{period}{way}" for period in (2, 4, 8) for way in ("x", "y", "xy")}
    assert all(0.6 < peak < 1.6 for peak in peaks.values()), peaks


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_faint_grid_is_found_at_its_period_and_direction(period):
    wave = np.cos(2 * np.pi * np.arange(128) / period).astype(np.float32)
    for name, pattern in (("x", wave[None]), ("y", wave[:, None]), ("xy", wave[:, None] * wave)):
        peaks = grid_peaks(pictures() + np.float32(0.015) * pattern)
        assert peaks.pop(f"{period}{name}") > 3
        assert all(peak < 1.6 for peak in peaks.values()), peaks


def test_an_edge_is_no_grid():
    house = pictures()
    house[..., 40:100] *= 0.5
    assert all(peak < 1.8 for peak in grid_peaks(house).values())
