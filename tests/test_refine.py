"""On from a network's picture."""

import numpy as np
import pytest
import tiny_style
import torch
from PIL import Image

from fastnst import cli, losses, memory, strokes, style_file, style_targets, tiled_loss, vgg_weights
from fastnst.blend import blend
from fastnst.engines import open_engine
from fastnst.images import load
from fastnst.refine import refiner
from fastnst.repaint import repaint
from fastnst.settings import recorded_loss

LOSS = {
    "content_layers": {"relu2_1": 1.0},
    "style_layers": {"relu1_1": 0.5, "relu2_1": 0.5},
    "content_weight": 1.0,
    "style_weight": 100.0,
    "tv_weight": 0.0,
    "pooling": "max",
}


@pytest.fixture
def style(tiny_weights, home, monkeypatch):
    """``with.safetensors``, which holds the targets of a painting of noise."""
    monkeypatch.setattr(vgg_weights, "load", lambda source, *, convention="auto": tiny_weights)
    loss = losses.build(recorded_loss({"loss": LOSS}), tiny_weights, strength=1, dtype=torch.float32)
    painting = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    target = style_targets.factors(loss.style_target(painting))
    weights = tiny_style.weights() | {name: each.numpy() for name, each in target.items()}
    style_file.write("with.safetensors", weights, {**tiny_style.RECORD, "loss": LOSS})
    return style_file.read("with.safetensors")


def total(style, tiny_weights, photo, picture):
    loss = losses.build(recorded_loss(style.record), tiny_weights, strength=1, dtype=torch.float32)
    photo, picture = (
        torch.from_numpy(np.float32(each.transpose(2, 0, 1) / 255))[None] for each in (photo, picture)
    )
    return loss(picture, loss.content_target(photo), style_targets.stored(style, tiny_weights)).total.item()


def test_refining_lowers_the_styles_own_loss(style, tiny_weights):
    photo = load("photo.png")
    engine = open_engine(style, device="cpu")
    plain = repaint(photo, engine).pixels
    refined = repaint(photo, engine, refine=refiner(style, 20, device="cpu")).pixels
    before, after = (total(style, tiny_weights, photo.pixels, each) for each in (plain, refined))
    assert after < 0.7 * before


def test_one_evaluation_is_the_networks_picture(style):
    photo = load("photo.png")
    engine = open_engine(style, device="cpu")
    plain = repaint(photo, engine).pixels
    assert np.array_equal(repaint(photo, engine, refine=refiner(style, 1, device="cpu")).pixels, plain)


def test_the_command_refines_several_photos(style, capsys):
    tiny_style.save("more/a.png", tiny_style.noise(24, 32))
    tiny_style.save("more/b.png", tiny_style.noise(32, 24))
    argv = ["stylise", "more", "-s", "with.safetensors", "--refine", "30", "--device", "cpu"]
    assert cli.main([*argv, "-o", "out/"]) == 0
    assert cli.main([*argv[:4], "-o", "plain/"]) == 0
    for name in ("a.png", "b.png"):
        with Image.open(f"out/{name}") as refined, Image.open(f"plain/{name}") as plain:
            assert refined.size == plain.size
            assert np.abs(np.array(refined).astype(int) - np.array(plain)).max() > 2


def test_refining_goes_on_from_one_pass_however_large_the_photo(style, monkeypatch):
    tiny_style.save("large.png", tiny_style.noise(48, 64))
    monkeypatch.setattr(strokes, "SUITED", 24)
    argv = ["stylise", "large.png", "-s", "with.safetensors", "--device", "cpu"]
    for name, options in (("refined", ["--refine", "1"]), ("pass", ["--stroke", "1"]), ("usual", [])):
        assert cli.main([*argv, *options, "-o", f"{name}.png"]) == 0
    refined, one_pass, usual = (load(f"{name}.png").pixels for name in ("refined", "pass", "usual"))
    assert np.array_equal(refined, one_pass)
    assert not np.array_equal(usual, one_pass)


def test_one_photos_progress_is_that_of_its_evaluations(style, capsys):
    options = ["-s", "with.safetensors", "--refine", "4", "--device", "cpu"]
    argv = ["stylise", "photo.png", *options, "-o", "out.png"]
    assert cli.main(argv) == 0
    err = capsys.readouterr().err
    assert "gatys: 4 of 4 evaluations" in err
    assert "stylising" not in err


def test_what_does_not_fit_is_done_in_tiles_with_a_shorter_memory(style, capsys, monkeypatch):
    argv = [
        "stylise",
        "photo.png",
        "-s",
        "with.safetensors",
        "--device",
        "cpu",
        "--size",
        "96",
        "--refine",
        "5",
    ]
    assert cli.main([*argv, "-o", "whole.png"]) == 0
    monkeypatch.setattr(memory, "free_memory", lambda: 3_000_000)
    monkeypatch.setattr(tiled_loss, "SIDE", 48)
    assert cli.main([*argv, "-o", "tiled.png"]) == 0
    assert "L-BFGS remembers 6 steps, not 20" in capsys.readouterr().err
    with Image.open("whole.png") as whole, Image.open("tiled.png") as tiled:
        assert np.abs(np.array(whole).astype(int) - np.array(tiled)).mean() < 0.5  # VGG-19's may be bfloat16


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (
            ["-s", "tiny.safetensors", "--refine", "5"],
            1,
            "does not hold what its network was trained to match",
        ),
        (
            ["-s", "both.safetensors", "--refine", "5"],
            1,
            "both.safetensors is a blend, which was trained for",
        ),
        (["-s", "with.safetensors", "--refine", "0"], 2, "'--refine'"),
        (
            ["-s", "with.safetensors", "--refine", "5", "--strength", "0.5"],
            2,
            "not with --strength or --stroke",
        ),
        (["-s", "with.safetensors", "--refine", "5", "--stroke", "2"], 2, "not with --strength or --stroke"),
        (["-s", "with.safetensors", "--refine", "5", "--workers", "3"], 2, "not with --workers"),
    ],
)
def test_a_mistake_is_named(style, capsys, arguments, status, message):
    blend(style, style, 0.5, "both.safetensors")
    capsys.readouterr()
    assert cli.main(["stylise", "photo.png", "-o", "out.png", *arguments]) == status
    assert message in capsys.readouterr().err
