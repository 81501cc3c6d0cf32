import json
import math
import re
import signal
import sys
from dataclasses import replace

import numpy as np
import pytest
import tiny_style
import torch
from PIL import Image

from fastnst import cli, config, gatys, gatys_run, vgg_weights
from fastnst.errors import ConfigError, TrainingError
from fastnst.losses import PerceptualLoss
from fastnst.run_settings import GatysSettings
from fastnst.settings import OptimiserSettings
from fastnst.vgg import VGG19Features

OPTIMIZERS = ["adam", "lbfgs"]
LBFGS = OptimiserSettings("lbfgs", lr=0.02, betas=[0.9, 0.99], history=10, precondition=False)


@pytest.fixture
def loss(tiny_weights):
    return PerceptualLoss(
        VGG19Features(tiny_weights, ["relu1_1", "relu2_1", "relu3_1"]),
        content_layers={"relu3_1": 1.0},
        style_layers={"relu1_1": 0.5, "relu2_1": 0.5},
        content_weight=1.0,
        style_weight=100.0,
        tv_weight=0.01,
    )


@pytest.fixture
def painting():
    rng = torch.Generator().manual_seed(2)
    return torch.rand(1, 3, 20, 28, generator=rng) * torch.tensor([0.2, 0.5, 1.0])[:, None, None]


@pytest.fixture
def optimise(loss, photo, painting):
    def call(**changes):
        how = replace(LBFGS, optimizer=changes.pop("optimizer", "lbfgs"))
        settings = {"init": photo, "how": how, "steps": 20}
        return gatys.optimise(photo, painting, changes.pop("loss", loss), **(settings | changes))

    return call


class Spoilt(torch.nn.Module):
    """A loss that is NaN from one evaluation on."""

    def __init__(self, loss, first):
        super().__init__()
        self.loss = loss
        self.left = first
        self.content_target, self.style_target = loss.content_target, loss.style_target
        self.features = loss.features

    def forward(self, picture, content, style, **where):
        self.left -= 1
        return self.loss(picture if self.left > 0 else picture * math.nan, content, style, **where)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("steps", [1, 7, 30])
def test_the_loss_is_computed_as_often_as_asked(optimise, loss, optimizer, steps):
    calls = []
    loss.register_forward_hook(lambda *_: calls.append(1))
    result = optimise(optimizer=optimizer, steps=steps)
    assert len(calls) == result.evaluations == len(result.trace) == steps
    assert [record["evaluation"] for record in result.trace] == list(range(1, steps + 1))
    assert not result.stopped_early


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_loss_falls_and_the_picture_is_one(optimise, optimizer):
    result = optimise(optimizer=optimizer, steps=60)
    assert result.best["total"] < 0.4 * result.trace[0]["total"]
    assert result.best["total"] == min(record["total"] for record in result.trace)
    assert result.picture.min() >= 0
    assert result.picture.max() <= 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_losses_are_those_of_the_very_picture(optimise, loss, photo, painting, optimizer):
    result = optimise(optimizer=optimizer)
    content, style = loss.content_target(photo), loss.style_target(painting)
    assert loss(result.picture, content, style).values() == result.best
    first = {key: value for key, value in result.trace[0].items() if key not in ("evaluation", "seconds")}
    assert loss(photo, content, style).values() == first


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_same_start_gives_the_same_picture(optimise, photo, optimizer):
    before = photo.clone()
    assert torch.equal(optimise(optimizer=optimizer).picture, optimise(optimizer=optimizer).picture)
    assert torch.equal(photo, before)


def test_a_start_outside_the_range_is_clamped(optimise, photo):
    result = optimise(init=photo * 3 - 1, steps=1)
    assert torch.equal(result.picture, (photo * 3 - 1).clamp(0, 1))


def test_stopping_keeps_the_best_so_far(optimise):
    asked = []

    def should_stop():
        asked.append(1)
        return len(asked) == 5

    result = optimise(should_stop=should_stop)
    assert result.stopped_early
    assert result.evaluations == 5
    assert result.best["total"] == min(record["total"] for record in result.trace)
    assert not result.trouble


def test_nan_stops_with_the_best_before_it(optimise, loss, photo, painting):
    result = optimise(loss=Spoilt(loss, first=6))
    assert result.trouble == "the loss became nan at evaluation 6 of 20"
    assert result.stopped_early
    found = loss(result.picture, loss.content_target(photo), loss.style_target(painting))
    assert found.values() == result.best


def test_nan_from_the_start_is_an_error(optimise, loss):
    with pytest.raises(
        TrainingError, match=r"^the loss became nan at evaluation 1 of 20\. Try optimizer=adam"
    ):
        optimise(loss=Spoilt(loss, first=1))


def test_nothing_to_improve_ends_at_once(optimise, loss, photo):
    result = gatys.optimise(photo, photo, loss_without_tv(loss), init=photo, how=LBFGS, steps=20)
    assert result.best["total"] == 0
    assert result.evaluations < 5
    assert torch.equal(result.picture, photo)


def loss_without_tv(loss):
    loss.tv_weight = 0.0
    return loss


def test_progress_and_snapshots_come_while_it_runs(optimise):
    told, seen = [], {}
    optimise(
        report=told.append, snapshot_every=8, on_snapshot=lambda n, picture: seen.update({n: picture.clone()})
    )
    assert [progress.done for progress in told] == list(range(1, 21))
    assert told[0].note.startswith("loss ")
    assert list(seen) == [8, 16]
    assert not torch.equal(seen[8], seen[16])


def test_an_unknown_optimizer_is_named(optimise):
    with pytest.raises(ConfigError, match="optimizer must be adam or lbfgs, not 'sgd'"):
        optimise(optimizer="sgd")


# The command


SMALL = ["size=48", "painting=brushstrokes", "painting.size=48", "steps=4", "vgg.precision=float32"]


@pytest.fixture
def run(tiny_weights, photo_file, tmp_path, monkeypatch, capsys):
    """``fastnst gatys`` on the tiny VGG-19, in a folder of its own: exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vgg_weights, "load", lambda source, *, convention="auto": tiny_weights)

    def call(*argv, content=photo_file.name):
        small = [each for each in SMALL if each.partition("=")[0] not in {a.partition("=")[0] for a in argv}]
        status = cli.main(["gatys", *([f"content={content}"] if content else []), *small, *argv])
        return status, *capsys.readouterr()

    return call


def pixels(path):
    with Image.open(path) as image:
        return np.array(image)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_picture_a_trace_a_plot_and_snapshots(run, tmp_path, optimizer):
    status, out, err = run(f"optimizer={optimizer}", "out=made/picture.png", "snapshot_every=2")
    assert (status, out) == (0, "made/picture.png\n")
    assert "in 4 evaluations" in err
    made = {
        str(path.relative_to(tmp_path / "made")) for path in (tmp_path / "made").rglob("*") if path.is_file()
    }
    assert made == {
        "picture.png",
        "picture.trace.json",
        "picture.trace.png",
        "picture.snapshots/000002.png",
        "picture.snapshots/000004.png",
    }
    assert pixels("made/picture.png").shape == (36, 48, 3)
    record = json.loads((tmp_path / "made/picture.trace.json").read_text())
    assert record["settings"]["optimizer"] == optimizer
    assert record["evaluations"] == len(record["trace"]) == 4
    assert {"fastnst", "python", "torch"} <= set(record["versions"])
    assert {"evaluation", "seconds", "total", "raw/content/relu4_2", "raw/style/relu1_1"} <= set(
        record["trace"][0]
    )
    assert record["best"]["total"] == min(step["total"] for step in record["trace"])


def test_snapshots_are_of_one_run(run, tmp_path):
    assert run("out=picture.png", "snapshot_every=1")[0] == 0
    assert run("out=picture.png", "snapshot_every=2")[0] == 0
    assert sorted(path.name for path in (tmp_path / "picture.snapshots").iterdir()) == [
        "000002.png",
        "000004.png",
    ]


@pytest.mark.parametrize("setting", ["init", "content", "painting.image"])
def test_snapshots_that_are_asked_for_are_not_deleted(run, tmp_path, setting):
    assert run("out=picture.png", "snapshot_every=2")[0] == 0
    snapshot = "picture.snapshots/000002.png"
    (tmp_path / "best.png").symlink_to(snapshot)
    before = (tmp_path / snapshot).read_bytes()
    for name in (snapshot, "best.png"):
        status, out, err = run("out=picture.png", "snapshot_every=2", f"{setting}={name}")
        assert (status, out) == (1, "")
        assert err == (
            f"fastnst: {name} would be deleted: new snapshots replace those of picture.png; out=OTHER\n"
        )
        assert (tmp_path / snapshot).read_bytes() == before
    assert run("out=other.png", "snapshot_every=2", f"{setting}={snapshot}")[0] == 0
    (tmp_path / snapshot).rename(tmp_path / "picture.snapshots/mine.png")
    assert run("out=picture.png", "snapshot_every=2", f"{setting}=picture.snapshots/mine.png")[0] == 0
    assert (tmp_path / "picture.snapshots/mine.png").read_bytes() == before


def test_transparency_comes_back(run, tmp_path):
    clear = np.random.default_rng(0).integers(0, 255, (36, 48, 4), dtype=np.uint8)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert run("out=picture.png", "size=48", content="clear.png")[0] == 0
    assert np.array_equal(pixels("picture.png")[..., 3], clear[..., 3])


def test_snapshots_are_in_the_colours_of_the_picture(run, tmp_path, monkeypatch):
    monkeypatch.setattr("fastnst.coarse_to_fine.SMALLEST", 48)
    clear = np.random.default_rng(0).integers(0, 255, (72, 96, 4), dtype=np.uint8)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    chosen = ("out=a.png", "size=96", "levels=2", "colours=photo", "snapshot_every=1")
    assert run(*chosen, content="clear.png")[0] == 0
    shapes = set()
    for path in (tmp_path / "a.snapshots").iterdir():
        snapshot = pixels(path).astype(int)
        shapes.add(snapshot.shape)
        assert np.ptp(snapshot[..., :3], axis=-1).mean() > 20
    assert shapes == {(36, 48, 4), (72, 96, 4)}
    assert np.ptp(pixels("a.png")[..., :3].astype(int), axis=-1).mean() > 20


def test_a_picture_that_is_its_own_style_is_a_line(run):
    tiny_style.save("self.png", tiny_style.noise(36, 48))
    chosen = ("out=a.png", "painting=own", "painting.image=self.png", "painting.size=48")
    status, _, err = run(*chosen, content="self.png")
    assert status == 0
    assert "loss 0 to 0 in " in err


def test_time_counts_from_the_beginning_and_what_ended_it_is_said(run, monkeypatch):
    clock = iter([0.0, 3600.0])  # when it began, and after calibration
    monkeypatch.setattr(gatys_run, "monotonic", lambda: next(clock))
    status, _, err = run("out=a.png", "steps=500", "seconds=600")
    assert status == 0
    assert "seconds=600 ended it after 1 of 500 steps" in err


@pytest.mark.parametrize("init", ["content", "noise", "style", "photo.png"])
def test_it_starts_where_it_is_told(init, photo, painting, photo_file, monkeypatch):
    monkeypatch.chdir(photo_file.parent)
    settings = config.typed(GatysSettings, config.load("gatys", [f"init={init}"]))
    start = gatys_run._initial(settings, photo[0].numpy(), painting[0].numpy())
    assert start.shape == photo[0].shape
    assert 0 <= start.min() < start.max() <= 1
    if init in ("content", "photo.png"):
        assert np.abs(start - photo[0].numpy()).max() < 1 / 255
    if init == "style":
        assert start[2].mean() > 2 * start[0].mean()


def test_noise_depends_on_the_seed_alone(photo, painting):
    noise = []
    for seed in (0, 0, 1):
        settings = config.typed(GatysSettings, config.load("gatys", ["init=noise", f"seed={seed}"]))
        noise.append(gatys_run._initial(settings, photo[0].numpy(), painting[0].numpy()))
    assert np.array_equal(noise[0], noise[1])
    assert not np.array_equal(noise[0], noise[2])


def test_a_start_of_another_shape_is_cropped_around_the_middle():
    wide = np.zeros((3, 10, 40), np.float32)
    wide[:, :, 15:25] = 1
    assert gatys_run._cover(wide, 10, 10).shape == (3, 10, 10)
    assert gatys_run._cover(wide, 10, 10).min() == 1
    assert gatys_run._cover(wide, 33, 20).shape == (3, 33, 20)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_keeps_the_best_so_far(run, tmp_path, signal_at, number, status):
    signal_at(3, number)
    before = signal.getsignal(number)
    code, out, err = run("steps=50", "out=picture.png")
    assert code == status
    assert out == "picture.png\n"
    assert "stopped; picture.png is the best so far" in err
    assert json.loads((tmp_path / "picture.trace.json").read_text())["evaluations"] == 3
    assert signal.getsignal(number) is before
    assert re.search(r"\nloss \S+ to \S+ \(\S+%\) in 3 evaluations", err)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_loss_at_another_size_is_not_compared_with(run, monkeypatch, signal_at):
    monkeypatch.setattr("fastnst.coarse_to_fine.SMALLEST", 48)
    signal_at(1, signal.SIGINT)
    code, _, err = run("steps=50", "size=96", "levels=2", "out=picture.png")
    assert code == 130
    assert re.search(r"\nloss [\d.e+]+ in 1 evaluations", err)


def test_nan_writes_the_best_and_says_so(run, tmp_path, monkeypatch):
    build = gatys_run.losses.build
    monkeypatch.setattr(gatys_run.losses, "build", lambda *a, **k: Spoilt(build(*a, **k), first=3))
    status, _, err = run("out=picture.png")
    assert status == 1
    assert "nan at evaluation 3 of 4; picture.png is the best before it. Try" in err
    record = json.loads((tmp_path / "picture.trace.json").read_text())
    assert record["trace"][2]["total"] is None
    assert (tmp_path / "picture.png").is_file()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["painting=own"], "no painting was chosen"),
        (["stepz=3"], "there is no setting 'stepz'"),
        (["steps=many"], "steps: Value 'many' of type 'str' could not be converted to Integer"),
        (["preset=nope"], "there is no preset 'nope'; there are default, gatys2016"),
        (["optimizer=sgd"], "optimizer must be adam or lbfgs, not 'sgd'"),
        (["init=cat"], "init=cat is neither content, noise, style nor style:NAME, nor a picture's file"),
        (["device=abacus"], "there is no device 'abacus' here"),
        (["out=picture.gif"], "out=picture.gif does not end as a picture that fastnst writes"),
        (["out=photo.png"], "out=photo.png would overwrite the photo"),
        (
            ["out=painting.png", "painting.image=painting.png"],
            "out=painting.png would overwrite the painting",
        ),
        (["out=d.png"], "cannot write d.png: it is a folder"),
        (["out=p.png", "snapshot_every=1"], "p.snapshots is not a folder"),
        (["content="], "no photo was given"),
        (["lr=inf"], "lr must be above 0 and finite, not inf"),
        (["out=photo.png/picture.png"], "cannot write photo.png/picture.png"),
        (["loss.pooling=median"], "pooling must be 'max' or 'average', not 'median'"),
        (["+loss.content_layers.relu9_1=1"], "VGG-19 has no relu9_1"),
    ],
)
def test_a_mistake_is_one_line(run, tmp_path, argv, message):
    Image.new("RGB", (40, 40)).save(tmp_path / "painting.png")
    (tmp_path / "d.png").mkdir()
    (tmp_path / "p.snapshots").touch()
    status, out, err = run(*argv)
    assert (status, out) == (1, "")
    assert err.startswith("fastnst: ")
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.glob("gatys*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no photo was given; for example: fastnst gatys content=photo.jpg painting=starry_night"),
        ("missing.jpg", "there is no file missing.jpg"),
    ],
)
def test_a_photo_is_needed(run, content, message):
    status, _, err = run(content=content)
    assert status == 1
    assert message in err


def test_help_is_fastnsts_own(run, capsys):
    assert cli.main(["gatys", "-h"]) == 0
    assert "fastnst gatys content=photo.jpg painting=starry_night out=picture.png" in capsys.readouterr().out


@pytest.mark.parametrize("preset", config.choices("preset"))
def test_a_preset_is_one_setting(preset):
    settings = config.typed(GatysSettings, config.load("gatys", [f"preset={preset}"]))
    assert settings.steps >= 100
    beside = config.load("gatys", [f"preset={preset}", "steps=5", "loss=johnson"])
    assert config.typed(GatysSettings, beside).steps == 5
    assert config.typed(GatysSettings, beside).loss.content_layers == {"relu2_2": 1.0}


def test_quaglia_is_as_its_source_says():
    settings = config.typed(GatysSettings, config.load("gatys", ["preset=quaglia"]))
    assert (settings.optimizer, settings.lr, settings.steps, settings.init) == (
        "adam",
        0.004,
        6000,
        "content",
    )
    assert list(settings.loss.style_layers.values()) == [1, 0.75, 0.2, 0.2, 0.2]


def test_nedeljkovic_is_as_its_source_says():
    settings = config.typed(GatysSettings, config.load("gatys", ["preset=nedeljkovic"]))
    assert (settings.optimizer, settings.steps, settings.init) == ("adam", 100, "content")
    assert settings.lr * 255 == pytest.approx(10, rel=1e-5)
    assert settings.loss.content_layers == {"relu5_2": 1}
