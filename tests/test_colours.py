"""The photo's colours."""

import numpy as np
import pytest

from fastnst import colours


@pytest.fixture
def two():
    rng = np.random.default_rng(0)
    mix = np.array([[0.2, 0.1, 0.0], [0.1, 0.15, 0.05], [0.0, 0.1, 0.2]])
    painting = (0.5 + np.einsum("cd,dhw->chw", mix, rng.standard_normal((3, 40, 50)) / 4)).clip(0, 1)
    photo = (0.4 + 0.08 * rng.standard_normal((3, 30, 20)) * [[[1]], [[0.5]], [[0.2]]]).clip(0, 1)
    return painting.astype(np.float32), photo.astype(np.float32)


def test_matching_gives_mean_and_covariance_of_the_photo(two):
    painting, photo = two
    moved = colours.matched(painting, photo)
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved.mean(axis=(1, 2)), photo.mean(axis=(1, 2)), atol=1e-3)
    np.testing.assert_allclose(np.cov(moved.reshape(3, -1)), np.cov(photo.reshape(3, -1)), atol=2e-4)


def test_matching_its_own_colours_changes_nothing(two):
    painting, _ = two
    np.testing.assert_allclose(colours.matched(painting, painting), painting, atol=1e-4)


def test_a_grey_painting_can_be_matched(two):
    _, photo = two
    grey = np.full((3, 10, 10), 0.5, np.float32)
    np.testing.assert_allclose(
        colours.matched(grey, photo), photo.mean(axis=(1, 2))[:, None, None] + 0 * grey, atol=1e-3
    )


def test_lightness_has_the_mean_and_spread_of_another(two):
    painting, photo = two
    light, wanted = colours.lightness(painting, photo), colours.lightness(photo)
    assert np.array_equal(light[0], light[1])
    assert light.mean() == pytest.approx(wanted.mean(), abs=1e-3)
    assert light.std() == pytest.approx(wanted.std(), rel=0.02)


def test_a_photo_keeps_its_colours(two):
    _, photo = two
    np.testing.assert_allclose(colours.in_colours_of(photo, photo), photo, atol=1e-6)
    darker = colours.in_colours_of(photo, photo - 0.1)
    np.testing.assert_allclose(photo - darker, 0.1, atol=1e-5)
