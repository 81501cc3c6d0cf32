"""Grain that smooth parts of photos get."""

import numpy as np
import pytest
import tiny_style
from negative import Negative

from fastnst import cli, config, images
from fastnst import grain as grain_module
from fastnst.grain import grained
from fastnst.repaint import repaint

GREY = np.full((300, 400, 3), 128, np.uint8)


@pytest.mark.parametrize("grain", [2, 8, 32])
def test_grain_has_the_deviation_asked_for_and_no_colour(grain):
    noise = grained(GREY, grain).astype(int) - 128
    assert noise.std() == pytest.approx(grain, rel=0.04)
    assert abs(noise.mean()) < 0.2
    assert (noise == noise[..., :1]).all()
    beside = np.corrcoef(noise[:, 1:, 0].ravel(), noise[:, :-1, 0].ravel())[0, 1]
    assert abs(beside) < 0.02


def test_every_block_has_grain_of_its_own_and_parts_are_those_of_the_whole(monkeypatch):
    monkeypatch.setattr(grain_module, "_SIDE", 50)
    whole = grained(GREY, 8)
    corners = [(top, left) for top in range(0, 300, 50) for left in range(0, 400, 50)]
    blocks = [whole[top : top + 50, left : left + 50].astype(int) - 128 for top, left in corners]
    assert min(noise.std() for noise in blocks) > 7
    assert len({noise.tobytes() for noise in blocks}) == 48
    part = grained(GREY[37:93, 21:305], 8, corner=(37, 21))
    np.testing.assert_array_equal(part, whole[37:93, 21:305])


def test_what_the_network_sees_has_the_grain_whatever_the_strokes():
    class Seeing(Negative):
        def stylise(self, pictures, *, statistics=None):
            self.seen.append(pictures)
            return np.full_like(pictures, 128)

    grey = images.Photo(np.full((200, 300, 3), 128, np.uint8))
    engine = Seeing()
    for stroke, passes in ((0.5, 1), (1, 1), (2, 2)):
        engine.seen = []
        repaint(grey, engine, stroke=stroke, grain=8)
        assert [seen.std() for seen in engine.seen] == pytest.approx([8] * passes, rel=0.05)
    for strength, expected in ((0, 0), (0.5, 4), (1.5, 8)):
        engine.strength = strength
        repaint(grey, engine, grain=8)
        assert engine.seen[-1].std() == pytest.approx(expected, rel=0.1)


def test_grain_is_the_same_every_time_and_none_is_none():
    photo = tiny_style.noise(40, 60)
    np.testing.assert_array_equal(grained(photo, 8), grained(photo, 8))
    np.testing.assert_array_equal(grained(photo, 0), photo)


def test_light_and_dark_are_clipped():
    assert grained(np.full_like(GREY, 255), 8).min() == 242
    assert grained(np.zeros_like(GREY), 8).max() == 13


@pytest.mark.parametrize("grain", [-1, 33, float("nan")])
def test_a_grain_out_of_range_is_an_error(grain):
    with pytest.raises(ValueError, match="grain must be from 0 to 32 levels"):
        grained(GREY, grain)


@pytest.fixture
def stylise(home):
    def call(photo, out, *options):
        argv = ["stylise", photo, "-s", "tiny.safetensors", "--device", "cpu", "-o", out, *options]
        return cli.main([*argv, "--precision", "float32"])

    return call


def test_networks_are_trained_with_the_usual_grain():
    trained = {
        config.load("train", [f"data={name}"])["data"]["grain"] for name in ("coco", "folder", "samples")
    }
    assert trained == {grain_module.USUAL}


def test_the_command_paints_the_photo_with_grain(stylise):
    tiny_style.save("grained.png", grained(images.load("photo.png").pixels, 8))
    runs = {
        "plain": ("photo.png", "--grain", "0"),
        "usual": ("photo.png",),
        "four": ("photo.png", "--grain", "4"),
        "eight": ("photo.png", "--grain", "8"),
        "tiles": ("photo.png", "--grain", "8", "--memory", "1kB"),
        "same": ("grained.png", "--grain", "0"),
    }
    pictures = {}
    for name, (photo, *options) in runs.items():
        assert stylise(photo, f"{name}.png", *options) == 0
        pictures[name] = images.load(f"{name}.png").pixels.astype(int)
    np.testing.assert_array_equal(pictures["usual"], pictures["four"])
    np.testing.assert_array_equal(pictures["eight"], pictures["same"])
    assert np.abs(pictures["eight"] - pictures["tiles"]).max() <= 2
    assert np.abs(pictures["plain"] - pictures["eight"]).mean() > 1


@pytest.mark.parametrize("value", ["33", "-1", "nan"])
def test_a_grain_that_makes_no_sense_is_one_line(stylise, capsys, value):
    assert stylise("photo.png", "out.png", "--grain", value) == 2
    assert "'--grain'" in capsys.readouterr().err
