import hashlib

import numpy as np
import pytest

from fastnst.brushstrokes import paint


@pytest.fixture(scope="module")
def picture():
    return paint(height=192, width=256)


def digest(rgb):
    return hashlib.sha256((rgb * 255 + 0.5).astype(np.uint8).tobytes()).hexdigest()


def test_a_painting_is_float_rgb_of_the_size_asked_for(picture):
    assert picture.dtype == np.float32
    assert picture.shape == (3, 192, 256)
    assert picture.flags.c_contiguous
    assert picture.min() >= 0
    assert picture.max() <= 1


def test_a_seed_gives_the_same_bytes_twice(picture):
    assert paint(height=192, width=256).tobytes() == picture.tobytes()


def test_another_seed_gives_another_painting():
    first, second = paint(height=64, width=96, seed=1), paint(height=64, width=96, seed=2)
    assert np.abs(first - second).mean() > 0.05


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_every_quarter_has_strokes_and_contrast(picture, corner):
    row, column = corner
    quarter = picture[:, row * 96 : row * 96 + 96, column * 128 : column * 128 + 128]
    grey = quarter.mean(axis=0)
    assert grey.std() > 0.1
    flat = np.lib.stride_tricks.sliding_window_view(grey, (8, 8))[::8, ::8].std(axis=(-1, -2)) < 0.01
    assert flat.mean() < 0.05  # no empty background


def test_the_borders_are_painted_like_the_middle(picture):
    grey = picture.mean(axis=0)
    for border in (grey[:4], grey[-4:], grey[:, :4], grey[:, -4:]):
        assert np.abs(np.diff(border, axis=int(border.shape[1] > 4))).mean() > 0.01


def test_warm_and_cool_regions_face_each_other(picture):
    warmth = picture[0] - picture[2]
    assert (warmth > 0.2).mean() > 0.15
    assert (warmth < -0.2).mean() > 0.25


def test_paint_leaves_no_grid(picture):
    # Strokes are drawn from samples on a lattice of their own: no single frequency may stand out for it.
    grey = picture.mean(axis=0)
    spectrum = np.abs(np.fft.rfft2(grey - grey.mean())) ** 2
    fine = spectrum[48:-48, 32:]
    assert fine.max() < 0.02 * fine.sum()


def test_a_small_painting_shows_the_large_one(picture):
    small = paint(height=48, width=64)
    shrunk = picture.reshape(3, 48, 4, 64, 4).mean(axis=(2, 4))
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.4


@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 100), (100, 33)])
def test_any_shape_can_be_painted(height, width):
    assert paint(height=height, width=width).shape == (3, height, width)


@pytest.mark.parametrize(("height", "width"), [(15, 64), (64, 4097)])
def test_impossible_sizes_are_refused(height, width):
    with pytest.raises(ValueError, match=f"not {width}x{height} px"):
        paint(height=height, width=width)
