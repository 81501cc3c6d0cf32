"""What Hydra does around a job: run folders, sweeps, errors."""

import os
import sys

import pytest

from fastnst import training_run
from fastnst.application import application
from fastnst.cli import train
from fastnst.errors import ConfigError, FastNSTError, ImageError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_application_sweeps_over_paintings(tmp_path):
    done = []

    def job(cfg, run_dir):
        done.append(cfg.painting.name)
        (run_dir / "losses.csv").touch()

    application("train", job, ["-m", "painting=the_scream,great_wave", "data=samples"])
    assert done == ["the_scream", "great_wave"]
    assert len([path for path in tmp_path.glob("runs/sweep_*/*") if path.is_dir()]) == 2


def test_runs_that_begin_in_the_same_second_have_folders_of_their_own():
    folders = set()

    def job(cfg, run_dir):
        (run_dir / "losses.csv").touch()
        folders.add(run_dir)

    for _ in range(3):
        application("train", job, ["data=samples"])
    assert len(folders) == 3


def test_application_passes_an_error_on_as_it_is(tmp_path):

    def job(cfg, run_dir):
        raise ImageError("photo.jpg: not a picture")

    with pytest.raises(ImageError, match=r"^photo\.jpg: not a picture$"):
        application("train", job, ["data=samples"])


def test_the_working_directory_stays_the_users(tmp_path):
    seen = []
    application("train", lambda cfg, run_dir: seen.append((tmp_path.cwd(), run_dir)), ["data=samples"])
    assert seen[0][0] == tmp_path
    assert tmp_path / "runs" in seen[0][1].parents


def test_a_mistake_is_found_with_flags_too(tmp_path):
    with pytest.raises(ConfigError, match="there is no setting 'stepz'"):
        application("train", lambda *_: None, ["-m", "stepz=1,2"])


@pytest.mark.parametrize("flags", [["--cfg", "job"], ["--cfg=job"], ["-c", "job", "--resolve"]])
def test_flags_may_stand_between_settings(capsys, flags):
    application("train", lambda *_: None, ["seed=5", *flags, "optim.warmup=7"])
    out = capsys.readouterr().out
    assert "seed: 5" in out
    assert "warmup: 7" in out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["seed=5", "--size", "256"],
            r"^fastnst train has no option --size: settings are written NAME=VALUE;",
        ),
        (["--version"], "no option --version"),
        (["mine.jpg"], r"^'mine\.jpg': settings are written NAME=VALUE, as fastnst train -h shows$"),
        (["--cfg", "job", "job"], r"^'job': settings"),
    ],
)
def test_what_is_no_setting_is_refused_in_a_line(home, argv, message):
    with pytest.raises(ConfigError, match=message):
        application("train", lambda *_: pytest.fail("worked"), argv)
    assert list(home.iterdir()) == []


def test_a_layer_can_be_left_out(capsys):
    application("train", lambda *_: None, ["--cfg=job", "~loss.style_layers.relu5_1"])
    assert "relu5_1" not in capsys.readouterr().out.split("style_layers:")[1].split("content_weight")[0]


@pytest.mark.parametrize("name", ["gatys", "train"])
def test_a_sweep_that_wrote_nothing_there_leaves_nothing(home, name):
    seen = []
    settings = {
        "gatys": ["content=a.jpg,b.jpg", "out=${content}.png"],
        "train": ["data=samples", "seed=1,2", "out=${seed}.safetensors"],
    }
    application(name, lambda cfg, run_dir: seen.append(run_dir), ["-m", *settings[name]])
    assert len(seen) == 2
    assert list(home.iterdir()) == []


def test_a_sweep_whose_first_run_came_to_nothing_keeps_its_record(home):
    def job(cfg, run_dir):
        if cfg.seed == 1:
            raise FastNSTError("no")
        (run_dir / "losses.csv").touch()

    with pytest.raises(FastNSTError, match="1 of the runs failed"):
        application("train", job, ["-m", "data=samples", "seed=1,2", "out=${seed}.safetensors"])
    (sweep,) = (home / "runs").iterdir()
    assert {path.name for path in sweep.iterdir()} == {"1", "multirun.yaml"}


def test_a_run_that_comes_to_nothing_leaves_those_of_others(home):
    other = home / "runs/other"
    other.mkdir(parents=True)
    application("train", lambda *_: None, ["data=samples"])
    assert list((home / "runs").iterdir()) == [other]


@pytest.mark.parametrize(
    "error", [FastNSTError("no"), KeyboardInterrupt(), SystemExit(130), ZeroDivisionError()]
)
def test_a_run_that_came_to_nothing_leaves_nothing(home, error, capsys):
    def job(cfg, run_dir):
        raise error

    with pytest.raises(type(error)):
        application("train", job, ["data=samples"])
    assert list(home.iterdir()) == []
    assert "HYDRA_FULL_ERROR" not in os.environ
    assert sys.argv[0] != "fastnst train"


def test_what_a_failed_run_wrote_stays(home):
    def job(cfg, run_dir):
        (run_dir / "last.ckpt").touch()
        raise FastNSTError("no")

    with pytest.raises(FastNSTError):
        application("train", job, ["hydra.run.dir=run"])
    assert {path.name for path in (home / "run").iterdir()} == {".hydra", "last.ckpt"}


def test_gatys_has_no_run_folder(home):
    seen = []
    application("gatys", lambda cfg, run_dir: seen.append(run_dir), ["content=a.jpg"])
    assert seen == [home]
    assert list(home.iterdir()) == []


def test_in_a_sweep_the_others_go_on(home, caplog):
    done = []

    def job(cfg, run_dir):
        if cfg.content == "b":
            raise ImageError("there is no file b")
        done.append(cfg.content)

    with pytest.raises(FastNSTError, match=r"^1 of the runs failed$"):
        application("gatys", job, ["-m", "content=a,b,c", "out=${content}.png"])
    assert done == ["a", "c"]
    assert "there is no file b" in caplog.text


def test_a_sweep_does_not_overwrite_its_own_picture(caplog):
    done = []
    with pytest.raises(FastNSTError, match=r"^1 of the runs failed$"):
        application("gatys", lambda cfg, _: done.append(cfg.content), ["-m", "content=a,b", "out=c.png"])
    assert done == ["a"]
    assert "an earlier run wrote c.png: out=NAME with ${hydra:job.num} in it tells them apart" in caplog.text


def test_a_sweep_does_not_overwrite_what_it_named_itself(home, caplog, monkeypatch):
    done = []
    monkeypatch.setattr(training_run, "train", lambda settings, *_, **__: done.append(settings.seed))
    with pytest.raises(FastNSTError, match=r"^1 of the runs failed$"):
        train.run(["-m", "painting=brushstrokes", "seed=0,1"])
    assert done == [0]
    assert "an earlier run wrote styles/brushstrokes.safetensors: out=NAME" in caplog.text


def test_a_run_folder_that_cannot_be_made_is_the_systems_error(home):
    (home / "file").touch()
    with pytest.raises(OSError, match="file"):
        application("train", lambda *_: None, ["hydra.run.dir=file/run"])
