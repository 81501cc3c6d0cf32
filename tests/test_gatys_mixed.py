"""`fastnst gatys` with several paintings, masks, colours, levels, limits and a network's picture."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_style
from PIL import Image

from fastnst import big_pictures, cli, gatys_run, vgg_weights

SMALL = ["size=48", "painting.size=48", "steps=6", "vgg.precision=float32", "device=cpu"]


@pytest.fixture
def run(tiny_weights, home, monkeypatch, capsys):
    """The command on the tiny VGG-19 in ``home``, with two paintings and a mask of the left half."""
    monkeypatch.setattr(vgg_weights, "load", lambda source, *, convention="auto": tiny_weights)
    monkeypatch.setattr(gatys_run, "trace_plot", lambda *arguments, **options: None)  # takes most of the time
    for name, colour in (("red.png", (230, 20, 20)), ("blue.png", (20, 20, 230))):
        noisy = np.clip(np.array(colour) + np.random.default_rng(1).normal(0, 25, (48, 48, 3)), 0, 255)
        tiny_style.save(name, noisy.astype(np.uint8))
    mask = np.zeros((24, 32), np.uint8)
    mask[:, :16] = 255
    tiny_style.save("left.png", mask)

    def call(*argv):
        given = {argument.partition("=")[0] for argument in argv}
        small = [each for each in SMALL if each.partition("=")[0] not in given]
        status = cli.main(["gatys", "content=photo.png", "out=out.png", *small, *argv])
        return status, capsys.readouterr().err

    return call


def picture():
    with Image.open("out.png") as image:
        return np.array(image).astype(float)


def record():
    return json.loads(Path("out.trace.json").read_text())


def test_a_mixture_names_its_paintings(run):
    assert run("paintings={red.png: 1, blue.png: 0.5}")[0] == 0
    assert [each["name"] for each in record()["paintings"]] == ["red", "blue"]


def test_the_heaviest_painting_alone_is_weighed(run, monkeypatch):
    tried = []
    calibrate = gatys_run.calibration.calibrate

    def watched(*arguments, **options):
        tried.append(calibrate(*arguments, **options))
        return tried[-1]

    monkeypatch.setattr(gatys_run.calibration, "calibrate", watched)
    quick = ["calibration.evaluations=1", "calibration.photo_size=32", "calibration.style_weights=[2]"]
    assert run("paintings={red.png: 0.5, blue.png: 1}", "loss.style_weight=auto", *quick)[0] == 0
    assert [len(each.trials) for each in tried] == [0, 1]
    assert record()["settings"]["loss"]["style_weight"] == tried[1].loss.style_weight


def test_masks_tell_paintings_where_they_belong(run):
    strong = ["steps=40", "loss.content_weight=0.0", "init=noise"]
    assert run("paintings={red.png: 1, blue.png: 1}", "masks={red.png: left.png}", *strong)[0] == 0
    found = picture()
    redder = found[..., 0] - found[..., 2]
    assert redder[:, :16].mean() > redder[:, 32:].mean() + 60


@pytest.mark.parametrize("colours", ["photo", "match"])
def test_colours_stay_the_photos(run, colours):
    far = []
    with Image.open("photo.png") as image:
        grown = np.array(image.resize((48, 36))).reshape(-1, 3)
    for way in ("painting", colours):
        strong = ["painting.image=red.png", "steps=30", "loss.content_weight=0.0", "init=style"]
        assert run(f"colours={way}", *strong)[0] == 0
        far.append(np.abs(picture().reshape(-1, 3).mean(axis=0) - grown.mean(axis=0)).max())
    assert far[1] < far[0] / 3


def test_a_larger_style_scale_measures_a_larger_painting(run):
    losses = []
    for scale in (1.0, 2.0):
        assert run("painting.image=red.png", f"style_scale={scale}")[0] == 0
        losses.append(record()["trace"][0]["style"])
    assert losses[0] != losses[1]


def test_a_file_given_for_a_preset_is_what_is_painted(run):
    own = ["painting=starry_night", "painting.image=red.png"]
    assert run(*own, "masks={starry_night: left.png}")[0] == 0
    assert run(*own, "paintings={starry_night: 1, blue.png: 1}")[0] == 0
    assert [each["name"] for each in record()["paintings"]] == ["starry_night", "blue"]
    assert run(*own, "masks={red.png: left.png}")[0] == 0
    assert [each["name"] for each in record()["paintings"]] == ["starry_night"]
    status, err = run(*own, "paintings={starry_night: 1, red.png: 1}")
    assert (status, err.splitlines()) == (
        1,
        ["fastnst: paintings={...}: starry_night and red.png are one painting: leave one out"],
    )


def test_a_photo_too_large_for_memory_begins_in_tiles(run, monkeypatch):
    tiled, begun = [], []
    in_tiles = big_pictures._in_tiles
    monkeypatch.setattr(big_pictures, "_in_tiles", lambda *given: tiled.append(1) or in_tiles(*given))

    def paint(*arguments, **options):
        begun.append(big_pictures.paint(*arguments, **options))
        return begun[-1]

    monkeypatch.setattr(gatys_run, "paint", paint)
    begin = ["painting.image=red.png", "init=style:tiny.safetensors", "steps=1"]
    assert run(*begin)[0] == 0
    assert not tiled
    monkeypatch.setattr("fastnst.openvino_engine.budget", lambda: 1)
    assert run(*begin)[0] == 0
    assert tiled
    whole, in_parts = (picture.astype(float) for picture in begun)  # a step would widen how they differ
    assert whole.std() > 20
    assert np.abs(in_parts - whole).max() <= 6  # in bfloat16, where the processor has it, 3


def test_it_may_begin_with_a_networks_picture(run):
    assert run("painting.image=red.png", "init=style:tiny.safetensors", "steps=1")[0] == 0
    status = cli.main(["stylise", "photo.png", "-s", "tiny.safetensors", "-o", "fast.png", "--size", "48"])
    assert status == 0
    with Image.open("fast.png") as image:
        fast = np.array(image).astype(float)
    assert np.abs(picture() - fast).mean() < 2  # photos are made smaller in floats there, in bytes here


def test_levels_and_their_sizes_are_in_the_trace(run, monkeypatch):
    monkeypatch.setattr("fastnst.coarse_to_fine.SMALLEST", 16)
    assert run("painting.image=red.png", "levels=2")[0] == 0
    assert [step["size"] for step in record()["trace"]] == [24] + [48] * 5
    assert picture().shape == (36, 48, 3)


def test_time_may_be_limited(run):
    assert run("painting.image=red.png", "seconds=0.000000001", "steps=500")[0] == 0
    assert record()["evaluations"] == 1


def test_normalised_gradients_lower_the_loss_too(run):
    assert run("painting.image=red.png", "normalise_gradients=true", "optimizer=adam", "steps=10")[0] == 0
    trace = record()["trace"]
    assert trace[-1]["total"] < 0.9 * trace[0]["total"]


def test_tiles_make_the_same_picture(run):
    pictures = []
    for tile in ("null", "64"):
        assert run("painting.image=red.png", "size=160", f"tile={tile}", "init=noise", "steps=4")[0] == 0
        pictures.append(picture())
    assert np.abs(pictures[0] - pictures[1]).max() <= 2


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["paintings={red.png: 0}"], "the weights of red.png are all 0"),
        (["paintings={red.png: -1}"], "the weight of the painting red.png must be 0 or more, not -1.0"),
        (["paintings={red.png: 1}", "masks={blue.png: left.png}"], "masks.blue.png belongs to no painting"),
        (["paintings={none.png: 1}"], "there is no painting at none.png"),
        (["paintings={red.png: 1}", "masks={red.png: none.png}"], "there is no file none.png"),
        (["paintings={red.png: 1}", "masks={red.png: blue.png}"], "a mask has the photo's shape, 48x36"),
        (
            ["paintings={red.png: 1}", "masks={red.png: left.png}", "out=left.png"],
            "would overwrite the mask",
        ),
        (
            ["painting.image=red.png", "colours=sepia"],
            "colours must be painting, match or photo",
        ),
        (["painting.image=red.png", "levels=0"], "levels must be auto or from 1 to 8, not 0"),
        (["painting.image=red.png", "seconds=0"], "seconds must be above 0 and finite, or null, not 0.0"),
        (["painting.image=red.png", "tile=8"], "tile must be auto, null or a number from 64 px, not 8"),
        (["painting.image=red.png", "precondition=maybe"], "precondition: Value 'maybe' is not a valid bool"),
        (["painting.image=red.png", "style_scale=0"], "style_scale must be from 0.1 to 10, not 0.0"),
        (["painting.image=red.png", "steps=0"], "steps must be at least 1, not 0"),
        (["painting.image=red.png", "init=style:nope"], "there is no style 'nope'"),
        (
            ["painting.image=red.png", "~loss.style_layers.relu1_1", "+loss.style_layers.relu9_9=1"],
            "VGG-19 has no relu9_9",
        ),
    ],
)
def test_a_mistake_is_one_line(run, argv, message):
    status, err = run(*argv)
    assert status == 1
    assert message in err
    assert err.count("\n") == 1
