"""Each score tells its own defect, made by hand, and is silent without it."""

import numpy as np
import pytest
import torch
from PIL import Image

from fastnst import samples
from fastnst.artefacts import KINDS, artefacts, warnings


@pytest.fixture(scope="module")
def photos():
    found = []
    for name in samples.PHOTOS:
        with Image.open(samples.photo(name)) as image:
            square = image.convert("RGB").crop((100, 50, 350, 300)).resize((192, 192))
        found.append(np.asarray(square, np.float32).transpose(2, 0, 1) / 255)
    return found


@pytest.fixture(scope="module")
def painting(photos):
    upside_down = photos[1][:, ::-1, :]
    low, high = upside_down.min(), upside_down.max()
    return 0.08 + 0.84 * (upside_down - low) / (high - low)


def with_grid(picture):
    pattern = np.zeros((8, 8), np.float32)
    pattern[:4, :4] = 12 / 255
    return picture + np.tile(pattern, (24, 24))


def with_dead_parts(picture):
    spoilt = picture.copy()
    for y, x in ((16, 16), (80, 100), (130, 40)):
        spoilt[:, y : y + 40, x : x + 40] = 0.5
    return spoilt


def with_spots(picture):
    spoilt = picture.copy()
    spoilt[:, 60:100, 60:100] = np.random.default_rng(0).random((3, 40, 40)) * 0.02
    spoilt[:, 60:100, 120:160] = 1 - spoilt[:, 60:100, 60:100]
    return spoilt


def with_a_border(picture):
    spoilt = picture.copy()
    for side in (np.s_[:, :8], np.s_[:, -8:], np.s_[:, :, :8], np.s_[:, :, -8:]):
        spoilt[side] += 0.1
    return spoilt


def burnt(picture):
    return np.clip((picture - 0.5) * 3 + 0.5, 0, 1)


def test_photos_themselves_have_no_artefacts(photos):
    scores = artefacts(photos, photos, photos[1])
    assert scores.keys() == KINDS.keys() - {"droplets"}
    assert warnings(scores) == []
    assert scores["border"] == scores["clipping"] == scores["dead"] == 0


@pytest.mark.parametrize(
    ("defect", "spoil"),
    [
        ("grid", with_grid),
        ("dead", with_dead_parts),
        ("spots", with_spots),
        ("border", with_a_border),
        ("clipping", burnt),
    ],
)
def test_a_defect_is_told_and_what_to_try(photos, painting, defect, spoil):
    muted = [photo * 0.8 + 0.1 for photo in photos]
    before = artefacts(photos, muted, painting)
    after = artefacts(photos, [spoil(picture).astype(np.float32) for picture in muted], painting)
    limit = KINDS[defect].limit
    assert before[defect] < limit < after[defect]
    (line,) = [line for line in warnings(after) if line.startswith(f"{defect}: ")]
    assert KINDS[defect].advice in line


def test_a_painting_may_be_flat(photos):
    flat = [np.full_like(photo, 0.5) for photo in photos]
    assert artefacts(photos, flat, photos[0])["dead"] > KINDS["dead"].limit
    assert artefacts(photos, flat, np.full((3, 64, 64), 0.4, np.float32))["dead"] == 0


def test_of_pictures_too_small_for_a_grid_none_is_told(photos, painting):
    small, large = [photo[:, :78, :78] for photo in photos], [photo[:, :79, :79] for photo in photos]
    assert "grid" not in artefacts(small, small, painting)
    assert artefacts(large, large, painting).keys() - artefacts(small, small, painting).keys() == {"grid"}


def test_noise_is_no_grid():
    noise = [
        torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(seed)).numpy() for seed in range(4)
    ]
    assert artefacts(noise, noise, noise[0])["grid"] < KINDS["grid"].limit


def test_a_sky_lighter_than_the_painting_is_no_spot(photos, painting):
    dull = [photo * 0.5 + 0.2 for photo in photos]
    skies = [np.where(np.arange(192)[:, None] < 96, 1.0, picture).astype(np.float32) for picture in dull]
    suns = [with_spots(picture).astype(np.float32) for picture in dull]
    assert artefacts(dull, suns, painting)["spots"] > KINDS["spots"].limit
    assert artefacts(dull, skies, painting)["spots"] < KINDS["spots"].limit / 10
