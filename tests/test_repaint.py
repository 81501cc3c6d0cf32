"""One photo through an engine: colours, alpha; and the same in tiles."""

import numpy as np
import pytest
import tiny_style
from made_pictures import noise

from fastnst import big_pictures, strokes, style_file
from fastnst.engines import open_engine
from fastnst.grain import grained
from fastnst.images import Photo
from fastnst.repaint import repaint


@pytest.fixture
def photo():
    return Photo(noise(70, 131), noise(70, 131, 1)[..., 0], ("a note",))


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    path = tiny_style.write(tmp_path_factory.mktemp("style"))
    return open_engine(style_file.read(path), device="cpu", precision="float32")


def test_a_picture_is_the_networks_and_keeps_the_rest(photo, engine):
    picture = repaint(photo, engine, grain=0)
    np.testing.assert_array_equal(picture.pixels, engine.stylise(photo.pixels[None])[0])
    usual = repaint(photo, engine)
    np.testing.assert_array_equal(usual.pixels, engine.stylise(grained(photo.pixels, 4)[None])[0])
    assert picture.alpha is photo.alpha
    assert picture.notes == photo.notes


def test_keeping_colours_takes_y_from_the_picture_and_i_and_q_from_the_photo(engine):
    yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    photo = Photo((noise(60, 60) // 8 + 112).astype(np.uint8))
    painted = engine.stylise(photo.pixels[None])[0]
    inside = np.abs((painted - photo.pixels.astype(float)) @ yiq[0]) < 100  # nothing is clipped there
    kept = repaint(photo, engine, keep_colours=True, grain=0).pixels @ yiq.T
    expected = np.concatenate([(painted @ yiq.T)[..., :1], (photo.pixels @ yiq.T)[..., 1:]], -1)
    assert inside.mean() > 0.1
    np.testing.assert_allclose(kept[inside], expected[inside], atol=1)


@pytest.mark.parametrize(
    "options",
    [{}, {"keep_colours": True}, {"stroke": 1.5, "keep_colours": True}],
)
def test_tiles_change_nothing(photo, engine, monkeypatch, options):
    monkeypatch.setattr(big_pictures, "SMALLEST_TILE", 64)
    whole, tiles = (repaint(photo, engine, memory=memory, **options) for memory in (None, 1))
    assert np.abs(whole.pixels.astype(int) - tiles.pixels).max() <= 2
    assert tiles.alpha is photo.alpha
    assert tiles.notes == photo.notes


def test_strips_change_nothing(photo, engine, monkeypatch):
    whole = repaint(photo, engine, keep_colours=True)
    monkeypatch.setattr("fastnst.repaint._STRIP", 1000)
    strips = repaint(photo, engine, keep_colours=True)
    np.testing.assert_array_equal(strips.pixels, whole.pixels)


def test_the_photo_is_left_alone(photo, engine):
    before = photo.pixels.copy()
    repaint(photo, engine, keep_colours=True, stroke=0.7, memory=1)
    np.testing.assert_array_equal(photo.pixels, before)


def test_large_photos_get_their_usual_strokes_unless_they_are_refined(photo, engine, monkeypatch):
    monkeypatch.setattr(strokes, "SUITED", 35)
    usual, twice, one_pass = (repaint(photo, engine, stroke=stroke).pixels for stroke in (None, 2, 1))
    np.testing.assert_array_equal(usual, twice)
    assert not np.array_equal(usual, one_pass)
    refined = repaint(photo, engine, refine=lambda photo, picture: picture).pixels
    np.testing.assert_array_equal(refined, one_pass)
