"""What each painting needs: on the tiny VGG-19, with few evaluations, and once on the real one."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from fastnst import calibration, cli, config, vgg_weights
from fastnst.calibrated import Trial, restored
from fastnst.calibration import calibrate
from fastnst.errors import ConfigError
from fastnst.run_settings import CalibrateSettings
from fastnst.strengths_sheet import strengths_sheet

SMALL = ["calibration.photo_size=32", "calibration.sizes=[48,64,96]", "calibration.evaluations=3"]


@pytest.fixture(autouse=True)
def _working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 96, 3), np.uint8)).save("mine.png")


def settings(*overrides):
    names = ["painting.image=mine.png", *SMALL, *overrides]
    return config.typed(CalibrateSettings, config.load("calibrate", names))


def found(weights, *overrides, **options):
    chosen = settings(*overrides)
    return calibrate(
        chosen.calibration,
        chosen.painting,
        chosen.loss,
        weights,
        dtype=torch.float32,
        device=torch.device("cpu"),
        **options,
    )


def test_every_auto_becomes_a_number_with_its_reason(tiny_weights):
    result = found(tiny_weights)
    assert result.painting.size in (48, 64, 96)
    assert result.picture.rgb.shape[2] == result.picture.size == result.painting.size
    assert isinstance(result.loss.style_weight, float)
    assert not result.loss.balance
    assert [reason.split()[0] for reason in result.reasons] == ["painting", "style", "style"]
    shares = [trial.content_share for trial in result.trials]
    assert shares[0] < shares[-1]
    weights = [trial.style_weight for trial in result.trials]
    assert weights == sorted(weights)


def test_a_painting_that_is_enlarged_is_told_once(tiny_weights, caplog):
    given = ("loss.balance=false", "loss.style_weight=1")
    for size in (96, 104):
        found(tiny_weights, f"painting.size={size}", *given)
    assert caplog.messages == []
    found(tiny_weights, "painting.size=128", *given)
    assert caplog.messages == [
        "mine.png has 96 px and is enlarged to 128: its strokes will be blurred; "
        "take a larger picture of the painting"
    ]


def test_what_is_given_stays(tiny_weights):
    result = found(
        tiny_weights,
        "painting.size=50",
        "loss.style_weight=7",
        "loss.balance=false",
        "loss.style_layers.relu1_1=3",
    )
    assert result.painting.size == result.picture.size == 50
    assert result.loss.style_weight == 7
    assert result.loss.style_layers["relu1_1"] == 3
    assert (result.trials, result.reasons) == ((), ())


def test_balance_makes_shares_of_the_distance(tiny_weights):
    shares = settings().loss.style_layers
    result = found(tiny_weights, "painting.size=64", "loss.style_weight=1")
    chosen = settings("painting.size=64")
    features = calibration.VGG19Features(tiny_weights, list(shares), padding="replicate")
    photos = calibration.photos_tried(32)
    loss = calibration.losses.on(
        features, replace(chosen.loss, style_weight=1.0, content_layers={}, balance=False)
    )
    target = loss.style_target(torch.from_numpy(result.picture.rgb)[None])
    distances = loss(photos, {}, target).style_layers
    for name, share in shares.items():
        assert result.loss.style_layers[name] * distances[name].item() == pytest.approx(share, rel=0.01)


def test_a_loud_painting_gets_smaller_layer_weights(tiny_weights):
    Image.new("RGB", (96, 64), (128, 128, 128)).save("quiet.png")
    loud = found(tiny_weights, "loss.style_weight=1", "painting.size=64")
    checks = np.indices((64, 96)).sum(0) // 8 % 2 * 255
    Image.fromarray(np.uint8(checks)).convert("RGB").save("loud.png")
    louder = found(tiny_weights, "loss.style_weight=1", "painting.size=64", "painting.image=loud.png")
    assert louder.loss.style_layers["relu1_1"] < loud.loss.style_layers["relu1_1"]


def test_detail_that_only_a_small_size_has_decides_the_size(tiny_weights):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (64, 96, 3), np.uint8))
    noise.resize((960, 640), Image.Resampling.BICUBIC).save("smooth.png")  # its detail is 10 px wide
    chosen = {}
    for richness in (0.8, 0.01):
        names = ["calibration.sizes=[96,384,768]", "loss=gatys", "painting.image=smooth.png"]
        chosen[richness] = found(tiny_weights, *names, f"calibration.richness={richness}").painting.size
    assert chosen == {0.8: 96, 0.01: 768}


@pytest.mark.parametrize(
    ("content", "style", "wanted"),
    [
        ((0.1, 0.2, 0.4), (0.05, 0.02, 0.01), 4.0),  # contents decide: halfway between 0.2 and 0.4 in weight
        ((0.1, 0.2, 0.4), (0.9, 0.5, 0.05), 7.0),  # the style would be missing with less
        ((0.5, 0.6, 0.7), (0.05, 0.02, 0.01), 2.0),  # the first is more than enough
        ((0.01, 0.02, 0.03), (0.05, 0.02, 0.01), 8.0),  # the last is all there is
    ],
)
def test_the_weight_lies_between_trials(content, style, wanted):
    trials = [Trial(w, c, s, None) for w, c, s in zip((2.0, 4.0, 8.0), content, style, strict=True)]
    chosen = settings("calibration.content_share=0.2", "calibration.style_left=0.1").calibration
    weight, reason = calibration._enough(trials, chosen)
    assert weight == pytest.approx(wanted, rel=0.1)
    assert ("missing" in reason) == (wanted == 7.0)


@pytest.mark.parametrize(
    ("content", "style", "wanted", "said"),
    [(0.4, 0.01, "smallest", "the least that was tried"), (0.1, 0.5, "largest", "the most that was tried")],
)
def test_a_trial_at_the_edge_is_said_to_be_one(caplog, content, style, wanted, said):
    chosen = settings("calibration.content_share=0.2", "calibration.style_left=0.1").calibration
    weight, reason = calibration._enough([Trial(2.0, content, style, None)], chosen)
    assert weight == 2
    assert said in reason
    assert f"the {wanted} style weight that was tried is taken" in caplog.text


def test_every_weight_is_tried_for_the_sheet(tiny_weights):
    result = found(tiny_weights, "calibration.style_weights=[1,2,4]", every=True)
    assert len(result.trials) == 3
    sheet = strengths_sheet(result)
    assert sheet.width > 4 * 32
    assert sheet.height > 4 * 32


def test_a_record_brings_it_all_back(tiny_weights):
    result = found(tiny_weights)
    chosen = settings()
    again = restored(chosen.painting, chosen.loss, json.loads(json.dumps(result.record())))
    assert (again.painting, again.loss, again.reasons) == (result.painting, result.loss, result.reasons)
    np.testing.assert_array_equal(again.picture.rgb, result.picture.rgb)
    assert again.picture.sha256 == result.picture.sha256
    assert again.record() == result.record()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss.content_weight=0"], "no content layer weighs"),
        ([f"loss.style_layers.relu{block}_1=0" for block in range(1, 6)], "no style layer weighs"),
        (["loss.style_layers.relu2_1=-1"], "the weight of relu2_1 must be 0 or more, not -1"),
    ],
)
def test_what_cannot_be_weighed_is_an_error(tiny_weights, overrides, message):
    with pytest.raises(ConfigError, match=message):
        found(tiny_weights, *overrides)


def test_the_command_shows_what_was_tried(tiny_weights, monkeypatch, capsys):
    monkeypatch.setattr(vgg_weights, "load", lambda source, *, convention="auto": tiny_weights)
    argv = ["calibrate", "painting.image=mine.png", *SMALL, "calibration.style_weights=[1,2]", "device=cpu"]
    assert cli.main(argv) == 0
    *reasons, sheet = capsys.readouterr().out.splitlines()
    assert sheet == "mine-strengths.png"
    assert len(reasons) == 3
    with Image.open(sheet) as picture:
        assert picture.width > 3 * 32
    assert cli.main([*argv, "loss.style_weight=3"]) == 0
    assert "mine-strengths.png" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("painting.image=none.png", "there is no painting at"),
        ("out=sheet.gif", "out=sheet.gif does not end as a picture"),
        ("out=mine.png", "out=mine.png would overwrite the painting"),
        ("painting.size=none", "painting.size must be auto or a number from 32 px, not 'none'"),
        ("loss.style_weight=much", "loss.style_weight must be auto or a number, not 'much'"),
        ("calibration.richness=2", "calibration.richness must be above 0 and at most 1, not 2.0"),
        ("calibration.style_weights=[]", "calibration.style_weights must be above 0 and finite, not []"),
        ("calibration.evaluations=0", "calibration.evaluations must be at least 1, not 0"),
    ],
)
def test_a_mistake_is_a_line(argument, message, capsys):
    assert cli.main(["calibrate", "painting.image=mine.png", argument]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
