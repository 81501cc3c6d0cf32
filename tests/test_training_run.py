"""Whole runs through the command line: photos from scikit-image, a tiny network, the real VGG-19."""

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_style
import torch
from PIL import Image

from fastnst import checkpoints, cli, config, files, style_file, training_run, vgg_weights, warm_start
from fastnst.errors import ConfigError, DataError, FastNSTError, ImageError, TrainingError
from fastnst.interrupts import Stopped
from fastnst.networks import build
from fastnst.run_settings import TrainSettings
from fastnst.settings import NetworkSettings
from fastnst.training import StyleTraining
from fastnst.training_run import train

TINY = [
    *("painting=brushstrokes", "painting.size=64", "data=samples", "data.size=32", "data.batch_size=2"),
    *("data.workers=0", "network=johnson", "network.arguments={width: 2, blocks: 1}"),
    "vgg.precision=float32",
    *("trainer.log_every_n_steps=1", "trainer.val_check_interval=1000", "trainer.precision=32-true"),
    *("trainer.accelerator=cpu", "loss=johnson"),
]


PICTURE = ["painting=own", "painting.image=a picture.png", "painting.size=64"]


def settings(*overrides):
    return config.typed(TrainSettings, config.load("train", [*TINY, *overrides]))


def losses(run_dir: Path) -> dict[int, str]:
    with (run_dir / "metrics.csv").open() as file:
        return {int(row["step"]): row["train/total"] for row in csv.DictReader(file) if row["train/total"]}


def test_a_run_ends_in_a_style_that_says_how_it_was_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    argv = [*TINY, "trainer.max_steps=4", "sample_every=2", "out=made/mine.safetensors", "hydra.run.dir=run"]
    assert cli.main(["train", *argv]) == 0
    assert capsys.readouterr().out == "made/mine.safetensors\n"
    style = style_file.read(tmp_path / "made/mine.safetensors")
    record = style.record
    assert (record["name"], record["steps"], record["licence"]) == ("brushstrokes", 4, "MIT")
    assert record["network"] == {"name": "johnson", "arguments": {"width": 2, "blocks": 1}}
    held_out = record["held_out"]
    assert held_out["total"] == pytest.approx(
        held_out["content"] + held_out["style"] + held_out["tv"], rel=1e-4
    )
    assert str(tmp_path) not in str(record)
    assert record["training"]["init"] == "scratch"
    assert record["training"]["strength_steps"] == 0  # a network for a strength of 1 alone
    assert "init_sha256" not in record["training"]
    network = build(**record["network"])
    network.load_state_dict({name: torch.from_numpy(value) for name, value in style.weights().items()})
    assert sorted(path.name for path in (tmp_path / "run/samples").iterdir()) == ["000002.png", "000004.png"]
    assert sorted(losses(tmp_path / "run")) == [0, 1, 2, 3]

    assert cli.main(["stylise", "sample:chelsea", "--style", "made/mine.safetensors", "-o", "out.jpg"]) == 0
    assert cli.main(["info", "made/mine.safetensors"]) == 0
    said = capsys.readouterr()
    assert "brushstrokes" in said.out
    assert "grid" not in record["artefacts"]
    assert record["artefacts"].keys() == {"dead", "spots", "clipping", "border", "droplets"}


def test_droplets_are_told(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("fastnst.defects.kurtosis", lambda features: torch.tensor(30.0))
    train(settings("trainer.max_steps=1", f"out={tmp_path}/a.safetensors"), tmp_path / "run")
    assert style_file.read(tmp_path / "a.safetensors").record["artefacts"]["droplets"] == 30
    (line,) = [message for message in caplog.messages if message.startswith("droplets: ")]
    assert "30 is above 8" in line
    assert "optim.droplet_weight" in line


def test_what_crops_are_too_small_for_is_said(tmp_path, caplog):
    with caplog.at_level("INFO"):
        train(settings("trainer.max_steps=1", f"out={tmp_path}/a.safetensors"), tmp_path / "run")
    assert (
        "crops of 32 px are too small to see a grid: optim.grid_weight has an effect from 79 px"
        in caplog.text
    )
    assert "strengths other than 1 are for networks that see the photo to their end" in caplog.text


def test_lightnings_mistakes_are_a_line(tmp_path):
    with pytest.raises(ConfigError, match=r"trainer: You requested to check 0.01 of the `?val_dataloader"):
        train(settings("+trainer.limit_val_batches=0.01", f"out={tmp_path}/a.safetensors"), tmp_path / "run")


@pytest.mark.parametrize(("smooth", "cells", "told"), [(1, 4, True), (0, 4, False), (1, 64, False)])
def test_a_painting_of_squares_is_told_how_they_stay_square(
    tmp_path, monkeypatch, caplog, smooth, cells, told
):
    monkeypatch.chdir(tmp_path)
    squares = np.random.default_rng(0).integers(0, 256, (cells, cells, 3), np.uint8)
    Image.fromarray(squares).resize((64, 64), Image.Resampling.NEAREST).save("a picture.png")
    chosen = [*TINY, *PICTURE, "network=tiny", f"network.arguments.smooth={smooth}", "strength.steps=0"]
    chosen.remove("network.arguments={width: 2, blocks: 1}")
    chosen += ["data.size=64", "trainer.max_steps=1"]
    train(config.typed(TrainSettings, config.load("train", chosen)), tmp_path / "run")
    assert ("network.arguments.smooth=0 may draw such strokes better" in caplog.text) == told


def test_a_checkpoint_holds_the_network_alone(tmp_path):
    train(settings("trainer.max_steps=1", f"out={tmp_path}/a.safetensors"), tmp_path / "run")
    checkpoint = torch.load(tmp_path / "run/last.ckpt", weights_only=True)
    assert all(name.startswith("network.") for name in checkpoint["state_dict"])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_killed_and_resumed_is_the_same_to_the_last_digit(tmp_path):
    argv = [*TINY, "trainer.max_steps=40", "checkpoint_every=20", "out=a.safetensors"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "fastnst", "train"]

    def run(*more):
        subprocess.run(
            [*command, *argv, *more], cwd=tmp_path, env=environment, check=True, capture_output=True
        )

    run("hydra.run.dir=whole")
    broken = subprocess.Popen(
        [*command, *argv, "hydra.run.dir=broken"], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "broken/last.ckpt").exists() and time.monotonic() < deadline:
            time.sleep(0.002)
    finally:
        broken.send_signal(signal.SIGKILL)
        broken.wait()
    run("hydra.run.dir=resumed", "resume=broken")
    whole, resumed = losses(tmp_path / "whole"), losses(tmp_path / "resumed")
    assert sorted(whole) == list(range(40))
    assert sorted(resumed) == list(range(20, 40))
    assert resumed == {step: whole[step] for step in resumed}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(tmp_path, number):
    def stop_at_3(progress):
        if progress.task == "training" and progress.done == 3:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    chosen = settings("trainer.max_steps=6", f"out={tmp_path}/a.safetensors")
    with pytest.raises(Stopped, match=r"stopped training at step 3 of 6.*resume=.*run goes on") as caught:
        train(chosen, tmp_path / "run", report=stop_at_3)
    assert caught.value.status == 128 + number
    assert not (tmp_path / "a.safetensors").exists()
    assert signal.getsignal(number) is before
    chosen.resume = str(tmp_path / "run")
    before_the_stop = (tmp_path / "run/metrics.csv").read_text()
    train(chosen, tmp_path / "again")
    assert sorted(losses(tmp_path / "again")) == [3, 4, 5]
    train(chosen, tmp_path / "run")
    assert sorted(losses(tmp_path / "run")) == [3, 4, 5]
    assert (tmp_path / "run/metrics-1.csv").read_text() == before_the_stop


@pytest.mark.parametrize("step", [3, 6])
def test_a_signal_does_not_wait_for_held_out_photos(tmp_path, monkeypatch, step):
    def stop(progress):
        if progress.task == "training" and progress.done == step:
            monkeypatch.setattr(StyleTraining, "validation_step", lambda *_: pytest.fail("validated"))
            os.kill(os.getpid(), signal.SIGINT)

    chosen = settings("trainer.max_steps=6", "trainer.val_check_interval=6", f"out={tmp_path}/a.safetensors")
    with pytest.raises(Stopped, match=rf"at step {step} of 6"):
        train(chosen, tmp_path / "run", report=stop)
    assert (tmp_path / "run/last.ckpt").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_to_all_processes_of_a_run_loses_nothing(tmp_path):
    """As ``timeout`` sends it, also to those that load photos."""
    argv = [*TINY, "data.workers=1", "trainer.max_steps=5000", "checkpoint_every=10", "out=a.safetensors"]
    command = [sys.executable, "-m", "fastnst", "train", *argv, "hydra.run.dir=run"]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as started:
        deadline = time.monotonic() + 120
        while not (tmp_path / "run/last.ckpt").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(started.pid, signal.SIGTERM)
        said = started.communicate(timeout=60)[1]
    assert started.returncode == 143, said
    assert "stopped training at step " in said
    assert f"resume={tmp_path}/run goes on from there" in said


@pytest.mark.parametrize(
    ("number", "state", "said"),
    [
        (signal.SIGINT, "fit", "at step 2 of 2, nothing is lost"),
        (signal.SIGINT, "validate", "after its last step"),
        (signal.SIGTERM, "validate", "after its last step"),
    ],
)
def test_a_signal_after_the_last_step_says_how_to_go_on(tmp_path, monkeypatch, number, state, said):
    chosen = settings("trainer.max_steps=2", "trainer.val_check_interval=2", f"out={tmp_path}/a.safetensors")
    plain = StyleTraining.validation_step

    def interrupted(module, batch, batch_idx):
        if module.trainer.state.fn == state:
            os.kill(os.getpid(), number)
        return plain(module, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(StyleTraining, "validation_step", interrupted)
        with pytest.raises(Stopped, match=rf"stopped training {said}.*resume=.*run") as caught:
            train(chosen, tmp_path / "run")
    assert caught.value.status == 128 + number
    assert not (tmp_path / "a.safetensors").exists()
    chosen.resume = str(tmp_path / "run")
    train(chosen, tmp_path / "run")
    assert (tmp_path / "a.safetensors").is_file()


@pytest.mark.parametrize("change", ["seed=1", "data.batch_size=1", "loss.style_weight=3", "painting.size=72"])
def test_another_run_cannot_go_on_from_a_checkpoint(tmp_path, change):
    train(settings("trainer.max_steps=1", f"out={tmp_path}/a.safetensors"), tmp_path / "run")
    other = settings("trainer.max_steps=2", change, f"resume={tmp_path}/run", f"out={tmp_path}/b.safetensors")
    with pytest.raises(ConfigError, match=r"was made with .*, and this run has .*init=FILE"):
        train(other, tmp_path / "again")
    assert not (tmp_path / "b.safetensors").exists()


def test_a_run_that_goes_on_says_what_it_began_with(tmp_path):
    first = train(settings("trainer.max_steps=1", f"out={tmp_path}/a.safetensors"), tmp_path / "first")
    begun = {"init": "a", "init_sha256": files.sha256(first), "steps_before": 1}
    more = [f"init={first}", f"out={tmp_path}/b.safetensors"]
    train(settings("trainer.max_steps=1", *more), tmp_path / "run")
    train(settings("trainer.max_steps=1", "seed=7", f"out={first}"), tmp_path / "again")
    assert files.sha256(first) != begun["init_sha256"]
    resumed = train(settings("trainer.max_steps=2", *more, f"resume={tmp_path}/run"), tmp_path / "run")
    training = style_file.read(resumed).record["training"]
    assert {key: training[key] for key in begun} == begun

    path = tmp_path / "run/last.ckpt"
    state = torch.load(path, weights_only=True)
    assert state["identity"].pop("start") == begun
    torch.save(state, path)
    assert train(settings("trainer.max_steps=3", *more, f"resume={path}"), tmp_path / "run").is_file()


def test_a_checkpoint_from_before_there_was_a_choice_of_padding_goes_on(tmp_path):
    out = f"out={tmp_path}/a.safetensors"
    train(settings("trainer.max_steps=1", out), tmp_path / "run")
    (path,) = (tmp_path / "run").glob("**/last.ckpt")
    state = torch.load(path, weights_only=True)
    assert state["identity"]["loss"].pop("padding") == "zeros"
    torch.save(state, path)
    with pytest.raises(ConfigError, match=r"loss\.padding=zeros, and this run has loss\.padding=replicate;"):
        train(settings("trainer.max_steps=2", out, "loss.padding=replicate", f"resume={path}"), tmp_path)
    assert train(settings("trainer.max_steps=2", out, f"resume={path}"), tmp_path / "again").is_file()


def test_a_checkpoint_from_before_there_was_a_choice_of_enlarging_goes_on(tmp_path):
    sizes = {"width": 4, "blocks": 1, "deep": 4, "deep_blocks": 1, "half": 2, "full": 2}

    def fast(smooth, *overrides):
        chosen = settings(f"out={tmp_path}/a.safetensors", "init=scratch", "strength.steps=0", *overrides)
        return replace(chosen, network=NetworkSettings("fast", {**sizes, "smooth": smooth}))

    train(fast(0, "trainer.max_steps=1"), tmp_path / "run")
    path = tmp_path / "run/last.ckpt"
    state = torch.load(path, weights_only=True)
    assert state["identity"]["network"]["arguments"].pop("smooth") == 0
    torch.save(state, path)
    longer = ("trainer.max_steps=2", f"resume={path}")
    with pytest.raises(ConfigError, match=r"made with network\.arguments\.smooth=0, and this run has .*=1;"):
        train(fast(1, *longer), tmp_path)
    assert train(fast(0, *longer), tmp_path / "again").is_file()


@pytest.mark.parametrize("smooth", [0, 1])
def test_the_base_and_styles_from_before_begin_networks_of_either_enlarging(tmp_path, smooth):
    style = style_file.read(style_file.find("starry_night"))
    network = style.record["network"]
    unsaid = {key: value for key, value in network["arguments"].items() if key != "smooth"}
    older = tmp_path / "older.safetensors"
    style_file.write(older, style.stored(), {**style.record, "network": {**network, "arguments": unsaid}})
    for init in ("auto", str(older), "starry_night"):
        chosen = config.typed(TrainSettings, config.load("train", [f"network.arguments.smooth={smooth}"]))
        network = warm_start.first_network(replace(chosen, init=init))
        first = style_file.read(
            style_file.BASES / "fast.safetensors" if init == "auto" else style_file.find(init)
        )
        place = "layers.0.branch.1.weight"
        np.testing.assert_array_equal(network.get_parameter(place).detach().numpy(), first.weights()[place])


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("grain", r"data\.grain=0\.0, and this run has data\.grain=2\.0"),
        ("margin", r"data\.margin=0, .* data\.margin=2"),
    ],
)
def test_a_checkpoint_from_before_there_was_a_choice_goes_on_without(tmp_path, name, now):
    out, without = f"out={tmp_path}/a.safetensors", f"data.{name}=0"
    train(settings("trainer.max_steps=1", without, out), tmp_path / "run")
    path = tmp_path / "run/last.ckpt"
    state = torch.load(path, weights_only=True)
    assert state["identity"].pop(f"data.{name}") == 0
    torch.save(state, path)
    with pytest.raises(ConfigError, match=f"made with {now};"):
        train(settings("trainer.max_steps=2", f"data.{name}=2", out, f"resume={path}"), tmp_path)
    goes_on = settings("trainer.max_steps=2", without, out, f"resume={path}")
    assert style_file.read(train(goes_on, tmp_path / "again")).record["training"][name] == 0


def test_a_checkpoint_from_before_defects_were_weighed_goes_on_without(tmp_path):
    out, without = f"out={tmp_path}/a.safetensors", ("optim.droplet_weight=0", "optim.edge_weight=0")
    train(settings("trainer.max_steps=1", *without, out), tmp_path / "run")
    path = tmp_path / "run/last.ckpt"
    state = torch.load(path, weights_only=True)
    assert state["identity"]["optim"].pop("droplet_weight") == 0
    assert state["identity"]["optim"].pop("edge_weight") == 0
    torch.save(state, path)
    weighed = settings("trainer.max_steps=2", *without, "optim.edge_weight=2", out, f"resume={path}")
    with pytest.raises(ConfigError, match=r"made with optim\.edge_weight=0\.0, .* optim\.edge_weight=2\.0;"):
        train(weighed, tmp_path)
    goes_on = settings("trainer.max_steps=2", *without, out, f"resume={path}")
    assert style_file.read(train(goes_on, tmp_path / "again")).record["training"]["edge_weight"] == 0


def test_the_margin_is_that_of_the_settings(tmp_path, monkeypatch):
    seen, step = [], training_run.StyleTraining.training_step

    def note(self, batch, batch_idx):
        seen.append((batch.shape[-1], self.margin))
        return step(self, batch, batch_idx)

    monkeypatch.setattr(training_run.StyleTraining, "training_step", note)
    train(settings("trainer.max_steps=1", "data.margin=5", f"out={tmp_path}/a.safetensors"), tmp_path / "run")
    assert seen == [(42, 5)]


def test_a_run_cannot_end_before_its_checkpoint(tmp_path):
    train(settings("trainer.max_steps=2", f"out={tmp_path}/a.safetensors"), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"is at step 2 already|is at step 2, trainer.max_steps is 1"):
        train(settings("trainer.max_steps=1", f"resume={tmp_path}/run"), tmp_path / "again")


def test_gradients_of_several_batches_make_one_step(tmp_path):
    chosen = ["trainer.max_steps=3", "+trainer.accumulate_grad_batches=2", f"out={tmp_path}/a.safetensors"]
    train(settings(*chosen), tmp_path / "run")
    assert style_file.read(tmp_path / "a.safetensors").record["steps"] == 3


def test_nan_stops_and_keeps_the_last_good_state(tmp_path, monkeypatch):
    measure = training_run.StyleTraining.training_step

    def break_at_3(module, batch, batch_idx):
        if module.global_step == 3:
            batch = batch * float("nan")
        return measure(module, batch, batch_idx)

    monkeypatch.setattr(training_run.StyleTraining, "training_step", break_at_3)
    chosen = settings("trainer.max_steps=6", "checkpoint_every=2", f"out={tmp_path}/a.safetensors")
    with pytest.raises(TrainingError, match="the loss became nan at step 3"):
        train(chosen, tmp_path / "run")
    assert torch.load(tmp_path / "run/last.ckpt", weights_only=True)["global_step"] == 2
    assert not (tmp_path / "a.safetensors").exists()


def test_a_style_trained_on_says_how_long_and_from_where_in_all(tmp_path):
    base = train(settings("trainer.max_steps=1", f"out={tmp_path}/a.safetensors"), tmp_path / "0")
    styles = [base]
    for steps in (1, 2):
        more = (f"trainer.max_steps={steps}", f"init={styles[-1]}", f"out={tmp_path}/{steps}.safetensors")
        styles.append(train(settings(*more), tmp_path / str(steps)))
    training = warm_start.beginning(settings(f"init={styles[-1]}"))
    assert training["steps_before"] == 4
    assert training["base_sha256"] == files.sha256(base)
    assert training["init_sha256"] == files.sha256(styles[-1])


def test_training_starts_from_a_style(tmp_path):
    first = train(settings("trainer.max_steps=1", f"out={tmp_path}/a.safetensors"), tmp_path / "run")
    network = warm_start.first_network(settings(f"init={first}"))
    begun = {"init": "a", "init_sha256": files.sha256(first), "steps_before": 1}
    assert warm_start.beginning(settings(f"init={first}")) == begun
    for name, value in style_file.read(first).weights().items():
        assert torch.equal(network.state_dict()[name], torch.from_numpy(value))
    with pytest.raises(ConfigError, match=r"init=.*is a .*'width': 2"):
        warm_start.first_network(settings(f"init={first}", "network.arguments.width=4"))


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (["out=style.pth"], ConfigError, "out=style.pth: the name of a style file ends in .safetensors"),
        (["resume=nowhere"], ConfigError, "resume=nowhere: there is no checkpoint nowhere"),
        (["resume=README.md"], ConfigError, "README.md is not a checkpoint that fastnst wrote"),
        (["painting.image=none.jpg"], ImageError, "none.jpg"),
        (["+trainer.colour=red"], ConfigError, "trainer: .*colour"),
        (["trainer.precision=17"], ConfigError, r"trainer\.precision must be one of auto, .*, not 17"),
        (["trainer.precision=bf16-true"], ConfigError, "trainer.precision must be one of"),
        (["data.val_path=none"], DataError, r"'none' does not exist; give one with data\.val_path"),
        (["data=folder", "data.path=empty"], DataError, "empty"),
        (["data.path=empty"], ConfigError, r"data\.path is not read with data=samples: add data=folder"),
        (["network.arguments.width=0"], ConfigError, "width of the johnson network"),
        (["out=empty.safetensors"], FastNSTError, "cannot write empty.safetensors: it is a folder"),
        (["out=README.md/a.safetensors"], FastNSTError, "cannot write .*README.md is not a folder"),
        (["trainer.accelerator=tpu"], ConfigError, "trainer: "),
        (["+trainer.overfit_batches=1"], ConfigError, "trainer: .*overfit_batches"),
        (["+trainer.limit_train_batches=3"], ConfigError, "trainer: .*limit_train_batches"),
        (
            ["loss=fastnst", "loss.coarse_factor=16"],
            ConfigError,
            r"crops of 32 px are too small for relu\d_\d at 1/16 of their size: give a larger data\.size",
        ),
    ],
)
def test_a_mistake_is_told_before_the_first_step(tmp_path, overrides, error, message, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.safetensors").mkdir()
    (tmp_path / "README.md").write_text("text")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vgg_weights, "load", lambda *_, **__: pytest.fail("worked before"))
    with pytest.raises(error, match=message):
        train(settings("trainer.max_steps=1", *overrides), tmp_path / "run")


def test_a_name_that_was_found_is_not_that_of_another_pictures_style(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 48), "red").save("a picture.png")
    chosen = settings(*PICTURE)
    out = training_run.destination(chosen)
    training_run._check_free(out, chosen)
    own = tiny_style.write(out.parent, out.name, painting={"sha256": files.sha256("a picture.png")})
    training_run._check_free(out, chosen)
    for other in ({"painting": {"sha256": "0" * 64}}, {}):
        before = tiny_style.write(out.parent, out.name, **other).read_bytes()
        with pytest.raises(
            ConfigError, match=r"a_picture\.safetensors is there, the style of another picture"
        ):
            train(chosen, tmp_path / "run")
        assert own.read_bytes() == before
    out.write_text("no style")
    for more in ([], ["resume=run"]):
        with pytest.raises(
            ConfigError, match=r"and no style .*, out=styles/a_picture.safetensors writes over"
        ):
            train(settings(*PICTURE, *more), tmp_path / "run")


def test_a_run_without_a_step_makes_no_style(tmp_path):
    with pytest.raises(TrainingError, match="no step was done"):
        train(settings("+trainer.max_time={seconds: 0}", f"out={tmp_path}/a.safetensors"), tmp_path / "run")
    assert not (tmp_path / "a.safetensors").exists()


def test_a_run_without_validation_makes_one(tmp_path):
    chosen = settings("+trainer.limit_val_batches=0", "trainer.max_steps=1", f"out={tmp_path}/a.safetensors")
    assert style_file.read(train(chosen, tmp_path / "run")).record["held_out"] == {}


def test_a_style_that_cannot_be_written_in_the_end_is_not_lost(tmp_path, monkeypatch):
    def refuse(*_):
        raise FastNSTError("cannot write a.safetensors: No space left on device")

    chosen = settings("trainer.max_steps=1", f"out={tmp_path}/a.safetensors")
    with monkeypatch.context() as patch:
        patch.setattr(style_file, "write", refuse)
        with pytest.raises(TrainingError, match=r"No space .*resume=.*run and"):
            train(chosen, tmp_path / "run")
    chosen.resume = str(tmp_path / "run")
    assert train(chosen, tmp_path / "again").is_file()


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path, monkeypatch):
    plugin = checkpoints.AtomicCheckpoints()
    plugin.save_checkpoint({"step": 1}, tmp_path / "last.ckpt")

    def fill(checkpoint, path):
        path.write_bytes(b"half")
        raise RuntimeError("unexpected pos 47296 vs 47216")

    monkeypatch.setattr(torch, "save", fill)
    with pytest.raises(FastNSTError, match=r"cannot write .*last\.ckpt: is the disk full\?"):
        plugin.save_checkpoint({"step": 2}, tmp_path / "last.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True) == {"step": 1}


def test_a_run_that_calibrates_goes_on_with_what_it_found(tmp_path, monkeypatch, tiny_weights):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vgg_weights, "load", lambda source, *, convention="auto": tiny_weights)
    automatic = [
        *("loss=fastnst", "painting.size=auto", "calibration.sizes=[40,64,90]", "loss.coarse_factor=2"),
        *("calibration.photo_size=32", "calibration.evaluations=2", "calibration.style_weights=[1,30]"),
    ]
    common = [*automatic, "trainer.max_steps=4", "checkpoint_every=1"]
    train(settings(*common, "out=whole.safetensors"), tmp_path / "whole")
    steps = training_run.StyleTraining.training_step

    def stop(self, batch, batch_idx):
        if self.global_step == 2:
            raise KeyboardInterrupt
        return steps(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_run.StyleTraining, "training_step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(settings(*common, "out=parts.safetensors"), tmp_path / "first")
    monkeypatch.setattr("fastnst.calibration.calibrate", None)  # it need not look again
    train(settings(*common, "out=parts.safetensors", "resume=first"), tmp_path / "second")
    whole, parts = (style_file.read(f"{name}.safetensors") for name in ("whole", "parts"))
    for name, value in whole.weights().items():
        assert (parts.weights()[name] == value).all()
    for key in ("loss", "calibration", "painting"):
        assert parts.record[key] == whole.record[key]
    assert whole.record["painting"]["size"] in (40, 64, 90)
    with pytest.raises(
        ConfigError,
        match=r"made with calibration\.richness=0\.6, and this run has calib",
    ):
        train(settings(*common, "calibration.richness=0.3", "resume=first"), tmp_path / "third")
