"""``fastnst stylise --memory`` and ``--stroke``."""

import numpy as np
import pytest
import tiny_style

from fastnst import big_pictures, images, strokes, stylise
from fastnst.cli import main

STYLISE = ["stylise", "photo.png", "-s", "tiny.safetensors", "--precision", "float32", "--device", "cpu"]


@pytest.fixture
def large(home):
    tiny_style.save("photo.png", tiny_style.noise(90, 150))
    return home


def picture(name):
    return images.load(name).pixels.astype(int)


def test_little_memory_gives_the_same_picture(large, monkeypatch, capsys):
    monkeypatch.setattr(big_pictures, "SMALLEST_TILE", 64)
    assert main([*STYLISE, "-o", "whole.png"]) == 0
    assert "tiles" not in capsys.readouterr().err
    assert main([*STYLISE, "-o", "tiles.png", "--memory", "100kB"]) == 0
    assert "photo.png: done in tiles, many times slower; with --memory 0.1GB it is not" in (
        capsys.readouterr().err
    )
    assert np.abs(picture("tiles.png") - picture("whole.png")).max() <= 2


def test_more_than_a_format_holds_is_refused_before_the_work(large, monkeypatch, capsys):
    monkeypatch.setitem(images._LONGEST, "WEBP", 100)
    monkeypatch.setattr(stylise, "repaint", lambda *arguments, **options: pytest.fail("worked before"))
    assert main([*STYLISE, "-o", "out.webp"]) == 1
    assert "150x90 px are more than WEBP holds; .png and .tif can" in capsys.readouterr().err


def test_strokes_of_another_size_give_another_picture_of_the_same_size(large):
    for stroke in ("0.5", "1", "2"):
        assert main([*STYLISE, "-o", f"{stroke}.png", "--stroke", stroke]) == 0
    assert main([*STYLISE, "-o", "plain.png"]) == 0
    np.testing.assert_array_equal(picture("1.png"), picture("plain.png"))
    assert picture("2.png").shape == picture("0.5.png").shape == picture("1.png").shape
    assert np.abs(picture("2.png") - picture("1.png")).mean() > 2
    assert np.abs(picture("0.5.png") - picture("1.png")).mean() > 2


def test_strokes_are_usual_ones_unless_told_otherwise(large, monkeypatch, capsys):
    monkeypatch.setattr(strokes, "SUITED", 45)
    assert main([*STYLISE, "-o", "usual.png"]) == 0
    assert " px, stroke 2, " in capsys.readouterr().err
    assert main([*STYLISE, "-o", "twice.png", "--stroke", "2"]) == 0
    assert " px, stroke 2, " in capsys.readouterr().err
    assert main([*STYLISE, "-o", "plain.png", "--stroke", "1"]) == 0
    assert "stroke" not in capsys.readouterr().err
    np.testing.assert_array_equal(picture("usual.png"), picture("twice.png"))
    assert np.abs(picture("usual.png") - picture("plain.png")).mean() > 2


def test_the_photo_itself_has_no_strokes(large, capsys):
    whole = ["stylise", "photo.png", "-s", "starry_night", "--stroke", "1.5", "-o", "out.png"]
    assert main(whole) == 0
    assert " px, stroke 1.5, " in capsys.readouterr().err
    assert main([*whole, "--strength", "0"]) == 0
    assert "stroke" not in capsys.readouterr().err
    np.testing.assert_array_equal(picture("out.png"), picture("photo.png"))


def test_the_help_says_where_broad_strokes_begin(capsys):
    assert main(["stylise", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"the shorter side has {strokes.SUITED} px, where that is {strokes.LEAST} or more" in said


@pytest.mark.parametrize(("option", "value", "status", "message"), [
    ("--stroke", "33", 2, "33.0 is not in the range 0.5<=x<=32"),
    ("--stroke", "nan", 2, "nan is not a number"),
    ("--memory", "lots", 1, "fastnst: 'lots' is no size of memory: write 2GB or 500MB"),
])  # fmt: skip
def test_what_makes_no_sense_is_one_line(large, capsys, option, value, status, message):
    assert main([*STYLISE, "-o", "out.png", option, value]) == status
    assert message in capsys.readouterr().err
    assert not (large / "out.png").exists()


def test_a_photo_too_small_for_its_strokes_is_told_so(home, capsys):
    assert main([*STYLISE, "-o", "out.png", "--stroke", "2"]) == 1
    assert "photo.png: picture is 32x24 px; at stroke 2 at least 32 px a side are needed" in (
        capsys.readouterr().err
    )
