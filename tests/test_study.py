"""The classic experiments: what they list, what they write, and that nothing done is done again."""

import json
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_style
import torch
from made_pictures import smooth
from PIL import Image

from fastnst import (
    cli,
    config,
    findings,
    gatys_run,
    images,
    paintings,
    study,
    study_figures,
    study_network,
    study_run,
    vgg_weights,
)
from fastnst.errors import ConfigError
from fastnst.settings import recorded_loss

SMALL = ["size=40", "steps=3", "vgg.precision=float32", "out=made"]
LOSS = {
    "content_layers": {"relu2_1": 1.0},
    "style_layers": {"relu1_1": 0.5},
    "content_weight": 1.0,
    "style_weight": 2.0,
    "tv_weight": 0.1,
    "pooling": "max",
    "strength": 1.5,
}


@pytest.fixture(autouse=True)
def _offline(tiny_weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vgg_weights, "load", lambda source, *, convention="auto": tiny_weights)
    monkeypatch.setattr(gatys_run, "trace_plot", lambda *arguments, **options: None)  # takes most of the time


@pytest.fixture
def run(capsys):
    """``fastnst study``: exit status, stdout, stderr."""

    def call(*argv, small=SMALL):
        given = {argument.partition("=")[0] for argument in argv}
        status = cli.main(["study", *argv, *(each for each in small if each.partition("=")[0] not in given)])
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def runs(monkeypatch):
    """Names of the pictures that the optimiser was asked for."""
    made, plain = [], gatys_run.run

    def counted(settings, **options):
        made.append(Path(settings.out).name)
        return plain(settings, **options)

    monkeypatch.setattr(gatys_run, "run", counted)
    return made


def cells(name, *given):
    return [cell for row in study.cells(name, study.load(name, given), given) for cell in row]


def record(name):
    return json.loads(Path(f"made/{name}/study.json").read_text(encoding="utf-8"))


# What a study is


@pytest.mark.parametrize("name", study.names())
def test_every_cell_is_a_run_of_its_own(name):
    found = cells(name, "size=64", "steps=7", "history=7")
    assert len({cell.settings.out for cell in found}) == len(found) >= 2
    for cell in found:
        assert (cell.settings.size, cell.settings.steps, cell.settings.history) == (64, 7, 7)
        assert cell.settings.painting.size == 64 or name == "fast_or_slow"
        assert re.fullmatch(rf"studies/{name}/\d-[a-z0-9_]+\.png", cell.settings.out)
        for photo in (cell.settings.content, *study.load(name).photos):
            assert images.read(study_run.samples.resolve(photo)).width > 100
        paintings.find(cell.settings.painting)


@pytest.mark.parametrize("folder", ["made, 2024", "it's here", "Größe"])
def test_folders_may_have_any_name(folder):
    for name in study.names():
        photo = f"{folder}/a,b.jpg"
        given = [f"out={config.item(folder)}"]
        several = study.load(name).photos
        given.append(f"photos=[{config.item(photo)}]" if several else f"content={config.item(photo)}")
        for cell in cells(name, *given):
            assert Path(cell.settings.out).parent == Path(folder, name)
            assert cell.settings.content == photo


def test_there_are_nine_each_with_a_finding_and_a_source():
    assert set(study.names()) == set(findings.FINDINGS)
    assert len(study.names()) == 9
    for name in study.names():
        assert study.load(name).source


def test_reconstructions_are_those_of_the_paper():
    contents, styles = cells("content_layers"), cells("style_layers")
    layers = [list(cell.settings.loss.content_layers) for cell in contents]
    assert layers == [["relu1_2"], ["relu2_2"], ["relu3_2"], ["relu4_2"], ["relu5_2"]]
    assert {cell.settings.loss.style_weight for cell in contents} == {0}
    weights_of_cells = [
        {layer: weight for layer, weight in cell.settings.loss.style_layers.items() if weight}
        for cell in styles
    ]
    assert [list(weights) for weights in weights_of_cells] == [
        [f"relu{block}_1" for block in range(1, n + 1)] for n in range(1, 6)
    ]
    assert all(len(set(weights.values())) == 1 for weights in weights_of_cells)
    assert {cell.settings.loss.content_weight for cell in styles} == {0}
    assert {cell.settings.init for cell in styles + contents} == {"noise"}


def test_a_picture_of_the_users_is_no_preset():
    Image.new("RGB", (64, 64)).save("mine.png")
    painting = cells("terms", "painting.image=mine.png")[0].settings.painting
    assert (painting.name, painting.image) == (None, "mine.png")


def test_paintings_are_presets_or_files():
    found = cells("three_paintings", "paintings=[the_scream,my/wave.jpg]", "painting.dir=here")
    assert [cell.settings.painting.name for cell in found] == ["the_scream", None] * 2
    assert [cell.label for cell in found] == ["the_scream", "wave"] * 2
    assert {cell.settings.painting.dir for cell in found} == {"here"}


def test_settings_meant_for_several_studies_go_where_they_mean_something():
    given = [
        "painting=the_scream",
        "paintings=[a,b]",
        "content=a.jpg",
        "style=x",
        "loss.tv_weight=1",
        "size=64",
    ]
    others = ["content=a.jpg", "loss.tv_weight=1", "size=64"]
    assert study.relevant("ratios", given) == ["painting=the_scream", *others]
    assert study.relevant("three_paintings", given) == ["paintings=[a,b]", *others]
    assert study.relevant("fast_or_slow", given) == ["painting=the_scream", "style=x", "size=64"]


def test_two_cells_that_are_the_same_run_are_refused():
    with pytest.raises(ConfigError, match="'from noise' and 'from other noise' are the same run"):
        cells("starts", "seed=2")


# The command


def test_without_a_name_they_are_listed(run):
    for argv in ([], ["--list"]):
        status, out, err = run(*argv, small=[])
        assert (status, err) == (0, "")
        assert [line.split()[0] for line in out.splitlines()] == study.names()
        assert "More content or more style" in out


def test_help_shows_examples(run):
    assert "fastnst study all size=128 steps=40" in run("-h")[1]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["beauty"], "there is no study 'beauty'; there are all, content_layers, fast_or_slow,"),
        (["terms", "steps=0"], "steps must be at least 1, not 0"),
        (["terms", "stepz=3"], "there is no setting 'stepz'"),
        (["terms", "-m"], "study takes names and SETTING=VALUE, not -m"),
        (["terms", "painting=great_wave"], "there is no painting at great_wave.jpg"),
        (["terms", "painting.image=sample:cow"], "there is no sample cow; the samples are"),
        (["terms", "painting=nobody"], "there is no painting 'nobody'; there are"),
        (["terms", "content=cow.jpg"], "there is no file cow.jpg"),
        (["terms", "content="], "no photo was given; for example: fastnst study terms content=photo.jpg"),
        (["terms", "out=file"], "cannot write file/terms/1-"),
        (["terms", "paintings=[a,b]"], "terms takes one: painting=A: leave out paintings=[a,b]"),
        (
            ["three_paintings", "painting.image=a.png"],
            "three_paintings takes several: paintings=[A,B,C]: leave out painting.image=a.png",
        ),
        (
            ["fast_or_slow", "content=a.jpg"],
            "fast_or_slow takes several: photos=[A,B,C]: leave out content=a.jpg",
        ),
        (
            ["terms", "preset=quaglia"],
            "terms says itself how its pictures are made: leave out preset=quaglia",
        ),
        (["terms", "starts", "preset=quaglia"], "terms says itself how its pictures are made"),
        (
            ["fast_or_slow", "colours=match"],
            "fast_or_slow takes its loss from the network: leave out colours=",
        ),
        (["fast_or_slow", "style_scale=2"], "takes its loss from the network: leave out style_scale=2"),
        (["terms", "levels=2"], "terms is defined at one size: leave out levels=2"),
        (["style_layers", "loss=johnson"], "style_layers has layers of its own: leave out loss=johnson"),
        (["terms", "style=starry_night"], "terms compares with no network: leave out style=starry_night"),
        (["fast_or_slow", "loss=johnson"], "fast_or_slow takes its loss from the network: leave out loss="),
        (["fast_or_slow", "style=nothing"], "nothing"),
        (["fast_or_slow", "style=starry_night"], "starry_night.safetensors was trained for"),
        (["starts", "init=noise"], "starts: with these settings 'from the photo' and 'from the painting'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_before_any_work(run, runs, tmp_path, argv, message):
    (tmp_path / "file").touch()
    status, out, err = run(*argv)
    assert (status, out) == (1, "")
    assert err.startswith("fastnst: ")
    assert message in err
    assert err.count("\n") == 1
    assert not runs
    assert not (tmp_path / "made").exists()


def test_a_figure_a_record_and_every_picture(run, tmp_path):
    status, out, err = run("starts", "size=32")
    assert status == 0
    figure, finding = out.splitlines()
    assert figure == "made/starts/figure.png"
    assert "12 of 12 evaluations" in err
    said = record("starts")
    assert finding == said["finding"]
    assert said["confirmed"] in (True, False)
    assert [cell["label"] for cell in said["cells"]] == [cell.label for cell in cells("starts")]
    for cell in said["cells"]:
        with Image.open(tmp_path / "made/starts" / cell["file"]) as picture:
            assert max(picture.size) == 32
        assert cell["evaluations"] == 3
        assert {"total", "content", "style", "raw/content/relu4_2"} <= set(cell["losses"])
    assert said["numbers"]["loss"]["from noise"] == pytest.approx(
        said["cells"][2]["losses"]["total"], rel=1e-3
    )
    with Image.open(figure) as image:
        assert image.width > 600


@pytest.mark.parametrize("name", ["terms", "three_paintings"])
def test_the_command_of_a_cell_makes_its_picture_again(run, tmp_path, capsys, name):
    assert run(name)[0] == 0
    for cell in record(name)["cells"][-2:]:
        path = tmp_path / "made" / name / cell["file"]
        before = path.read_bytes()
        path.unlink()
        assert cli.main(shlex.split(cell["command"])[1:]) == 0
        assert path.read_bytes() == before
    capsys.readouterr()


def test_losses_over_steps_are_plotted_and_shown(run, tmp_path):
    assert run("terms", "snapshot_every=1")[0] == 0
    assert record("terms")["pictures"] == ["figure.png", "plot-1.png", "plot-2.png"]
    assert run("optimisers")[0] == 0
    for name in ("terms/plot-1.png", "optimisers/plot.png"):
        with Image.open(tmp_path / "made" / name) as image:
            assert image.width > 900


def test_what_is_done_is_not_done_again(run, runs, tmp_path):
    assert run("starts")[0] == 0
    assert len(runs) == 4
    before = record("starts")
    runs.clear()
    status, _, err = run("starts")
    assert (status, runs) == (0, [])
    assert "starts: 4 of 4 cells were done before" in err
    assert record("starts") == before

    (tmp_path / "made/starts/3-from_noise.png").unlink()
    assert run("starts")[0] == 0
    assert runs == ["3-from_noise.png"]
    runs.clear()
    assert run("starts", "steps=4")[0] == 0
    assert len(runs) == 4


def test_a_cell_whose_files_are_not_whole_is_done_again(run, runs, tmp_path):
    assert run("terms")[0] == 0
    first, second = (Path(cell["file"]) for cell in record("terms")["cells"])
    folder = tmp_path / "made/terms"
    shutil.rmtree(folder / f"{first.stem}.snapshots")
    (folder / f"{second.stem}.trace.json").write_text("{")
    runs.clear()
    assert run("terms")[0] == 0
    assert runs == [first.name, second.name]


@pytest.mark.slow
def test_another_photo_of_the_same_name_is_seen(run, runs):
    images.write("photo.png", smooth(40, 40))
    assert run("terms", "content=photo.png")[0] == 0
    images.write("photo.png", smooth(40, 40)[::-1])
    assert run("terms", "content=photo.png")[0] == 0
    assert len(runs) == 4


@pytest.mark.slow
def test_a_damaged_record_means_to_begin_anew(run, runs, tmp_path):
    assert run("terms")[0] == 0
    (tmp_path / "made/terms/study.json").write_text("{")
    assert run("terms")[0] == 0
    assert len(runs) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_loses_the_cell_in_hand_at_most(run, runs, signal_at, number, status):
    signal_at(5, number)  # the second evaluation of the second cell
    code, out, err = run("starts")
    assert (code, out) == (status, "")
    assert "2-from_the_painting.png; the same command goes on with it" in err
    runs.clear()
    assert run("starts")[0] == 0
    assert runs == ["2-from_the_painting.png", "3-from_noise.png", "4-from_other_noise.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_picture_that_another_run_left_half_done_is_done_again(run, runs, signal_at):
    assert run("starts")[0] == 0
    signal_at(2, signal.SIGINT)
    assert run("starts", "steps=9")[0] == 130
    runs.clear()
    assert run("starts")[0] == 0
    assert runs == ["1-from_the_photo.png"]
    assert record("starts")["cells"][0]["evaluations"] == 3


@pytest.mark.slow
def test_a_process_that_was_killed_loses_the_cell_in_hand_at_most(run, runs, tmp_path, monkeypatch):
    class KilledError(BaseException):
        """As good as kill -9: nothing of fastnst catches it."""

    counted = gatys_run.run

    def killed(settings, **options):
        if "noise" in settings.out:
            (tmp_path / settings.out).write_bytes(b"half a picture")
            raise KilledError
        return counted(settings, **options)

    monkeypatch.setattr(gatys_run, "run", killed)
    with pytest.raises(KilledError):
        run("starts")
    monkeypatch.setattr(gatys_run, "run", counted)
    runs.clear()
    assert run("starts")[0] == 0
    assert runs == ["3-from_noise.png", "4-from_other_noise.png"]


# A network beside the optimiser


@pytest.fixture
def style(tmp_path):
    """The path of a style for a painting in mine.png."""
    images.write("mine.png", smooth(40, 50))
    sha256 = study_run.files.sha256("mine.png")
    return tiny_style.write(tmp_path, loss=LOSS, painting={"sha256": sha256, "size": 48})


def test_network_and_optimiser_are_measured_by_one_loss(run, style, tmp_path, tiny_weights, capsys):
    argv = ["fast_or_slow", f"style={style}", "painting.image=mine.png", "photos=[sample:coffee]"]
    assert run(*argv)[0] == 0
    fast, slow = record("fast_or_slow")["cells"]
    assert fast["losses"].keys() == slow["losses"].keys()
    trace = json.loads((tmp_path / "made/fast_or_slow/1-gatys_optimiser_coffee.trace.json").read_text())
    settings = trace["settings"]
    assert (settings["loss"]["style_weight"], settings["painting"]["size"]) == (3.0, 48)
    assert settings["loss"]["content_layers"] == {"relu2_1": 1.0}

    path = tmp_path / "made/fast_or_slow" / fast["file"]
    rgb = torch.from_numpy(images.read(path).rgb)[None]
    recorded = recorded_loss({"loss": LOSS})
    loss = gatys_run.losses.build(recorded, tiny_weights, strength=1, dtype=torch.float32)
    photo = images.read(study_run.samples.resolve("sample:coffee"), size=40).rgb
    content = loss.content_target(torch.from_numpy(photo)[None])
    target = loss.style_target(torch.from_numpy(images.read("mine.png", size=48).rgb)[None])
    assert loss(rgb, content, target).values()["total"] == pytest.approx(fast["losses"]["total"], rel=1e-4)

    assert "--stroke 1 " in fast["command"]  # large pictures would have broad strokes
    before = np.asarray(Image.open(path)).astype(int)
    path.unlink()
    assert cli.main(shlex.split(fast["command"])[1:]) == 0
    assert np.abs(np.asarray(Image.open(path)) - before).max() <= 1
    capsys.readouterr()


def test_a_figure_says_after_how_many_evaluations(run, style, monkeypatch):
    """Of the optimiser, also where a network's picture, which needs none, comes first."""
    notes, drawn = [], study_figures.sheet

    def sheet(*args, note, **rest):
        notes.append(note)
        return drawn(*args, note=note, **rest)

    monkeypatch.setattr(study_figures, "sheet", sheet)
    run("fast_or_slow", f"style={style}", "painting.image=mine.png", "photos=[sample:coffee]")
    assert re.search(r"\nAt \d+ px and 3 evaluations this ", notes[0])


def test_a_style_by_other_weights_is_refused(run, style, tmp_path):
    record = {"sha256": study_run.files.sha256("mine.png"), "size": 48}
    tiny_style.write(tmp_path, loss=LOSS, painting=record, training={"vgg_sha256": "f" * 64})
    status, _, err = run(
        "fast_or_slow", f"style={style}", "painting.image=mine.png", "photos=[sample:coffee]"
    )
    assert (status, "was trained by other weights of VGG-19 than these" in err) == (1, True)


def test_a_style_of_another_painting_is_refused(run, style):
    images.write("other.png", smooth(40, 50)[::-1])
    status, _, err = run("fast_or_slow", f"style={style}", "painting.image=other.png")
    assert status == 1
    assert "tiny.safetensors was trained for Noise, and the painting here is other: give painting=" in err


def test_without_a_style_one_is_trained_for_the_painting():
    given = ["painting.image=mine.png", "painting.dir=here", "size=64"]
    cell = cells("fast_or_slow", *given)[0]
    found = study_network.training(study.load("fast_or_slow"), cell, Path("n.safetensors"))
    painting = found.painting
    assert (painting.image, painting.dir, painting.size) == ("mine.png", "here", 64)
    assert (found.data.source, found.trainer["max_steps"], found.out) == ("samples", 200, "n.safetensors")


def test_studies_of_the_papers_see_zeros_beyond_the_edges():
    padding = {name: {cell.settings.loss.padding for cell in cells(name)} for name in study.names()}
    assert set.union(*padding.values()) == {"zeros"}


@pytest.mark.slow
def test_a_trained_network_is_kept(run, monkeypatch):
    assert run("fast_or_slow", "photos=[sample:coffee]")[0] == 0
    monkeypatch.setattr(study_network, "train", None)
    assert run("fast_or_slow", "photos=[sample:coffee]", "steps=4")[0] == 0
    assert record("fast_or_slow")["cells"][0]["file"] == "1-gatys_optimiser_coffee-network.png"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in study.names() if name != "fast_or_slow"])
def test_every_study_runs_on_what_is_installed(run, name):
    status, out, _ = run(name)
    assert status == 0
    assert len(out.splitlines()) == 2
