"""Tiles against the whole: the same picture, whatever memory there is and however large the strokes are."""

import numpy as np
import pytest
import tiny_style
from negative import Negative
from PIL import Image

from fastnst import big_pictures, images, samples, style_file
from fastnst.big_pictures import at_once, paint
from fastnst.engines import open_engine
from fastnst.errors import ImageError

LITTLE = 1  # byte: as many tiles as there can be


@pytest.fixture(scope="module", params=["openvino", "torch"])
def engine(request, tmp_path_factory):
    path = tiny_style.write(tmp_path_factory.mktemp("style"))
    return open_engine(style_file.read(path), engine=request.param, device="cpu", precision="float32")


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(big_pictures, "SMALLEST_TILE", 64)


def photo(height, width):
    """Noise over a gradient, so that every tile has statistics of its own."""
    shade = np.linspace(0, 1, width)[None, :, None] * np.linspace(0.3, 1, height)[:, None, None]
    return (tiny_style.noise(height, width) * shade).astype(np.uint8)


def apart(one, other):
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize(("height", "width"), [(67, 141), (130, 64), (17, 150), (33, 20)])
def test_tiles_are_the_whole(engine, height, width):
    pixels = photo(height, width)
    whole = paint(pixels, engine)
    np.testing.assert_array_equal(whole, engine.stylise(pixels[None])[0])
    assert apart(paint(pixels, engine, memory=LITTLE), whole) <= 1


def test_statistics_of_a_thumbnail_would_not_do(engine):
    """What the passes over all tiles are for."""
    pixels = photo(150, 201)
    known = engine.statistics(np.ascontiguousarray(pixels[None, ::2, ::2]))
    assert apart(engine.stylise(pixels[None], statistics=known)[0], paint(pixels, engine)) > 10


@pytest.mark.parametrize("stroke", [0.6, 1.7])
def test_tiles_are_the_whole_with_strokes_of_any_size(engine, stroke):
    pixels = photo(75, 130)
    whole = paint(pixels, engine, stroke=stroke)
    assert whole.shape == pixels.shape
    assert apart(paint(pixels, engine, stroke=stroke, memory=LITTLE), whole) <= 2


def test_memory_decides_between_tiles_and_whole(engine, monkeypatch):
    seen = []
    monkeypatch.setattr(
        engine, "stylise", lambda pictures, *, statistics=None: (seen.append(pictures.shape), pictures)[1]
    )
    pixels = photo(100, 140)
    enough = engine.memory(100, 140) + 6 * pixels[..., 0].size
    paint(pixels, engine, memory=enough)
    assert seen == [(1, 100, 140, 3)]
    paint(pixels, engine, memory=enough - 1)
    assert len(seen) > 2


def test_a_broad_brush_comes_first_and_shines_through(engine, monkeypatch):
    seen = []
    monkeypatch.setattr(
        engine, "stylise", lambda pictures, *, statistics=None: (seen.append(pictures[0]), 255 - pictures)[1]
    )
    pixels = photo(60, 90)
    picture = paint(pixels, engine, stroke=2.5)
    assert [one.shape for one in seen] == [(24, 36, 3), (60, 90, 3)]
    broad = np.asarray(Image.fromarray(255 - seen[0]).resize((90, 60), Image.Resampling.BICUBIC))
    assert np.abs(seen[1] - (pixels.astype(int) + broad) / 2).max() <= 2
    np.testing.assert_array_equal(picture, 255 - seen[1])


@pytest.mark.parametrize(("strength", "most"), [(0.05, 3), (1, 40)])
def test_with_less_strength_less_shines_through(strength, most):
    class Mirror(Negative):
        def stylise(self, pictures, *, statistics=None):
            return pictures

    engine, pixels = Mirror(), tiny_style.noise(90, 120)
    engine.strength = strength
    blurred = np.abs(paint(pixels, engine, stroke=3).astype(int) - pixels).mean()
    assert most / 3 < blurred < most


def test_tiles_are_the_whole_where_a_sample_is_measured_below_broad_strokes(engine, monkeypatch):
    pixels = photo(130, 190)
    monkeypatch.setattr(big_pictures, "MEASURED", 1)
    monkeypatch.setattr(big_pictures, "SAMPLED", 10**9)
    whole = paint(pixels, engine, stroke=2)
    assert np.abs(paint(pixels, engine, stroke=2, memory=LITTLE).astype(int) - whole).mean() < 2


def test_broad_strokes_take_as_much_again_for_both_reduced(engine):
    one_pass = at_once(60, 90, engine)
    assert at_once(60, 90, engine, 2) - one_pass == 6 * 60 * 90
    assert at_once(60, 90, engine, 0.5) == engine.memory(120, 180) + 6 * 60 * 90
    engine = Negative()
    engine.strength = 0
    assert at_once(60, 90, engine, 2) == at_once(60, 90, engine, 0.5) == at_once(60, 90, engine)


def test_what_is_too_much_is_so_for_the_photo_not_for_the_photo_reduced():
    engine = Negative(batch=0)
    with pytest.raises(ImageError, match="90x60 px"):
        paint(photo(60, 90), engine, stroke=2)


def test_of_a_huge_picture_a_sample_is_measured(engine, monkeypatch):
    pixels = photo(140, 200)
    monkeypatch.setattr(big_pictures, "MEASURED", 140 * 200 - 1)
    monkeypatch.setattr(big_pictures, "SAMPLED", 64 * 64 * 3)
    measured = []
    statistics = engine.statistics

    def count(pictures, **options):
        measured.append(options.get("kept"))
        return statistics(pictures, **options)

    monkeypatch.setattr(engine, "statistics", count)
    picture = paint(pixels, engine, memory=LITTLE)
    norms = len(statistics(pixels[None]))
    assert len(measured) == 1 + 3 * norms
    assert picture.shape == pixels.shape


def test_a_photo_too_small_for_its_strokes_is_told_so(engine):
    with pytest.raises(ImageError, match="20x30 px; at stroke 2 at least 32 px a side are needed"):
        paint(photo(30, 20), engine, stroke=2)
    assert paint(photo(30, 20), engine, stroke=0.5).shape == (30, 20, 3)
    with pytest.raises(ImageError, match="at least 16 px a side are needed"):
        paint(photo(15, 20), engine)


def test_the_shipped_style_paints_tiles_as_the_whole(monkeypatch):
    monkeypatch.setattr(big_pictures, "SMALLEST_TILE", 160)
    engine = open_engine(style_file.read(style_file.find("starry_night")), precision="float32", device="cpu")
    pixels = images.load(samples.photo("chelsea"), size=300).pixels
    pixels = np.ascontiguousarray(pixels[:150])
    whole = paint(pixels, engine)
    tiles = paint(pixels, engine, memory=LITTLE)
    assert apart(tiles, whole) <= 2
    difference = np.abs(tiles.astype(float) - whole)
    assert difference.mean() < 0.1
