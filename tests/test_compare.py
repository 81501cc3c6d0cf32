import json
import math
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_style
import torch
from PIL import Image
from skimage.metrics import structural_similarity
from torch import nn

from fastnst import (
    cli,
    compare_run,
    comparison,
    config,
    gatys,
    losses,
    style_file,
    style_targets,
    vgg_weights,
)
from fastnst.artefacts import artefacts
from fastnst.compare_results import Results
from fastnst.compare_summary import spread, summary
from fastnst.comparison import Judge, run_optimiser, tensor
from fastnst.losses import PerceptualLoss
from fastnst.networks import InstanceNorm
from fastnst.run_settings import CompareSettings
from fastnst.settings import recorded_loss
from fastnst.training import StyleTraining
from fastnst.vgg import VGG19Features

LOSS = {
    "content_layers": {"relu3_3": 1.0},
    "style_layers": {"relu1_1": 0.5, "relu3_1": 0.5},
    "balance": False,
    "content_weight": 1.0,
    "style_weight": 40.0,
    "tv_weight": 0.01,
    "coarse_weight": 0.5,
    "coarse_factor": 4,
    "pooling": "max",
    "strength": 0.5,
}
RECORD = {"name": "brushstrokes", "title": "Strokes", "painting": {"size": 64}, "loss": LOSS}
SIZES = "size=[48,44]"
COMMON = ["content=[one.png,two.png]", "style=tiny.safetensors", "size=48", "steps=4", "out=made"]


def settings(*overrides):
    return config.typed(CompareSettings, config.load("compare", list(overrides)))


def prepare(folder):
    """A tiny style of the painting that fastnst draws, and two photos."""
    tiny_style.write(folder, **RECORD)
    tiny_style.save(str(folder / "one.png"), tiny_style.noise(36, 48))
    tiny_style.save(str(folder / "two.png"), 255 - tiny_style.noise(48, 48))


def tiny_parts(patch, tiny_weights):
    patch.setattr(vgg_weights, "load", lambda source, *, convention="auto": tiny_weights)
    patch.setattr(comparison, "peaks", lambda contestant, jobs: [12.5])


@pytest.fixture(scope="module")
def made(tiny_weights, tmp_path_factory):
    """The folder of a finished comparison: two photos at two sizes."""
    folder = tmp_path_factory.mktemp("compared")
    prepare(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("FASTNST_CACHE", str(folder / "cache"))
        tiny_parts(patch, tiny_weights)
        assert cli.main(["compare", *COMMON, SIZES]) == 0
    return folder / "made"


@pytest.fixture
def run(tiny_weights, tmp_path, monkeypatch, capsys):
    """``fastnst compare`` in a folder of its own: exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    tiny_parts(monkeypatch, tiny_weights)
    prepare(tmp_path)

    def call(*argv):
        given = {word.partition("=")[0] for word in argv}
        common = [word for word in COMMON if word.partition("=")[0] not in given]
        return cli.main(["compare", *common, *argv]), *capsys.readouterr()

    return call


@pytest.fixture
def finished(run, made, tmp_path):
    """The same comparison as ``made``, done already in the folder of ``run``; ``run`` with its settings."""
    shutil.copytree(made, tmp_path / "made")
    return lambda *argv: run(*argv if any(word.startswith("size=") for word in argv) else (*argv, SIZES))


def results(folder):
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def bytes_of(path):
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.array(image)


@pytest.fixture
def loss(tiny_weights):
    return PerceptualLoss(
        VGG19Features(tiny_weights, ["relu1_1", "relu2_1", "relu3_1"]),
        content_layers={"relu3_1": 1.0},
        style_layers={"relu1_1": 0.5, "relu2_1": 0.5},
        content_weight=1.0,
        style_weight=100.0,
        tv_weight=0.01,
        coarse_weight=0.5,
        coarse_factor=2,
    )


@pytest.fixture
def judge(loss, tiny_weights):
    painting = np.roll(tiny_style.noise(40, 40), 7, axis=0) // 2
    return Judge(
        tiny_style.noise(36, 48),
        loss=loss,
        style=loss.style_target(tensor(painting)),
        painting=painting,
        ruler=VGG19Features(tiny_weights, [comparison.NEUTRAL]),
        device=torch.device("cpu"),
    )


# One loss


def test_training_gatys_and_compare_have_the_same_losses_to_the_last_digit(judge, loss):
    picture = np.ascontiguousarray(tiny_style.noise(36, 48)[::-1])

    class Painted(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = InstanceNorm(3)

        def forward(self, photos):
            self.norm(photos)
            return tensor(picture)

    training = StyleTraining(Painted(), loss, judge.style, optim=tiny_style.PLAIN, steps=10)
    trained = training.measure(torch.stack([tensor(judge.photo)] * 2, dim=1))[0].values()
    optimised = gatys.optimise(
        tensor(judge.photo),
        judge.style,
        loss,
        init=tensor(picture),
        how=settings("style=x"),
        steps=1,
    ).best
    measured = judge.losses(picture)
    assert measured == trained == optimised
    assert measured["raw/content/relu3_1_coarse"] > 0
    assert measured != judge.losses(judge.photo)


def test_gatys_takes_a_painting_or_what_was_computed_of_it(judge, loss):
    start = {"init": tensor(judge.photo), "how": settings("style=x"), "steps": 3}
    pictures = [
        gatys.optimise(tensor(judge.photo), style, loss, **start).picture
        for style in (tensor(judge.painting), judge.style)
    ]
    assert torch.equal(*pictures)


# When the optimiser overtakes


@pytest.fixture
def optimised(judge):
    def call(goal, steps=12):
        wanted = settings("style=x", f"steps={steps}")
        return run_optimiser(judge, wanted, goal=goal, init=tensor(judge.photo))

    return call


def test_it_overtakes_at_the_first_evaluation_whose_saved_picture_is_no_worse(optimised, judge):
    plain = optimised(-1)
    totals = [record["total"] for record in plain.trace]
    goal = (totals[5] + totals[6]) / 2
    found = optimised(goal)
    assert found.overtaken_at == 7
    assert judge.losses(found.crossing)["total"] <= goal
    assert [record["total"] for record in found.trace] == totals  # looking changes nothing
    assert np.array_equal(found.picture, plain.picture)
    assert plain.overtaken_at is plain.crossing is None
    assert optimised(math.inf).overtaken_at == 1


def test_a_crossing_that_rounding_undoes_does_not_count(optimised, judge):
    for number in range(4, 16):
        last = optimised(-1, number)
        exact = last.trace[-1]["total"]
        best = exact == min(record["total"] for record in last.trace)
        if best and judge.losses(last.picture)["total"] > exact:
            break
    else:
        pytest.fail("rounding undid nothing")
    found = optimised(exact)
    assert found.overtaken_at == number + 1
    assert judge.losses(found.crossing)["total"] <= exact


def test_looking_for_the_crossing_costs_the_optimiser_no_time(optimised, monkeypatch):
    plain = comparison.packed
    monkeypatch.setattr(comparison, "packed", lambda rgb: time.sleep(0.5) or plain(rgb))
    found = optimised(math.inf, 2)
    assert found.overtaken_at == 1
    assert 0 < found.seconds(1) < found.seconds(2) < 0.5


# Every figure again, from the files


def test_every_figure_can_be_computed_again_from_the_saved_pictures(made, tiny_weights):
    found = results(made)
    assert [(pair["photo"], pair["size"]) for pair in found["pairs"]] == [
        ("one", 48),
        ("one", 44),
        ("two", 48),
        ("two", 44),
    ]
    ruler = VGG19Features(tiny_weights, ["relu4_2"])
    said = found["styles"]["tiny"]["loss"]
    assert said["style_weight"] == 20  # its strength is in it
    loss = PerceptualLoss(
        VGG19Features(tiny_weights, ["relu1_1", "relu3_1", "relu3_3"], padding=said["padding"]),
        **{key: value for key, value in said.items() if key not in ("balance", "pooling", "padding")},
    )
    for pair in found["pairs"]:
        shown = {name: bytes_of(made / path) for name, path in pair["pictures"].items()}
        batch = {
            name: torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous().float() / 255
            for name, pixels in shown.items()
        }
        with torch.no_grad():
            targets = loss.content_target(batch["photo"]), loss.style_target(batch["painting"])
        crossing = "gatys@equal_loss"
        assert (crossing in shown) == (pair["crossing"] is not None)
        ways = {"fast": pair["fast"], "gatys": pair["gatys"]}
        ways |= {crossing: pair["crossing"]} if pair["crossing"] else {}
        for name, figures in ways.items():
            with torch.no_grad():
                assert figures["losses"] == loss(batch[name], *targets).values()
                distance = (ruler(batch[name])["relu4_2"] - ruler(batch["photo"])["relu4_2"]).square().mean()
            assert figures["content_distance"] == distance.item()
            assert figures["ssim"] == structural_similarity(
                shown["photo"],
                shown[name],
                channel_axis=2,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
            rgb = {kind: each[0].numpy() for kind, each in batch.items()}
            assert figures["artefacts"] == artefacts([rgb["photo"]], [rgb[name]], rgb["painting"])
        terms = pair["fast"]["losses"]
        assert terms["total"] == pytest.approx(terms["content"] + terms["style"] + terms["tv"])


def test_times_and_speed_ups_belong_together(made):
    for pair in results(made)["pairs"]:
        trace = json.loads((made / pair["trace"]).read_text())
        assert [record["evaluation"] for record in trace] == [1, 2, 3, 4]
        assert pair["gatys"]["seconds"] == trace[-1]["seconds"]
        fast = pair["fast"]["ms"] / 1000
        assert 0 < fast < pair["fast"]["cold_ms"] / 1000
        assert pair["speed_up"]["equal_budget"] == pytest.approx(trace[-1]["seconds"] / fast)
        if pair["overtaken_at"]:
            crossing = trace[pair["overtaken_at"] - 1]["seconds"]
            assert pair["speed_up"]["equal_quality"] == pytest.approx(crossing / fast)
            assert pair["crossing"]["losses"]["total"] <= pair["fast"]["losses"]["total"]
        assert pair["fast"]["peak_mb"] == 12.5
        assert pair["gatys"]["peak_mb"] is None or pair["gatys"]["peak_mb"] > 50


def test_the_photo_is_the_size_that_was_asked_for(made):
    for pair in results(made)["pairs"]:
        assert max(pair["width"], pair["height"]) == pair["size"]
        assert bytes_of(made / pair["pictures"]["fast"]).shape == (pair["height"], pair["width"], 3)


def test_results_say_with_what_they_were_made(made):
    found = results(made)
    assert found["format"] == 1
    assert found["settings"]["steps"] == 4
    assert found["grain"] == 4
    assert {"fastnst", "python", "torch", "openvino"} <= found["versions"].keys()
    assert {"cpu", "date", "device", "threads"} <= found["environment"].keys()
    assert found["pairs"][0]["title"] == "Strokes"
    (style,) = found["styles"].values()
    assert style["target"] == "painting"
    assert len(style["painting_sha256"]) == 64


# Together


def test_a_spread_is_that_of_numpy():
    values = [5.0, 1.0, 4.0, 2.0]
    low, middle, high = np.percentile(values, (25, 50, 75))
    wanted = {"median": middle, "low": low, "high": high, "min": 1.0, "max": 5.0, "count": 4}
    assert spread(values) == wanted
    assert spread([]) is None


def pair_of(fast, slow, at):
    way = {
        "losses": {"total": fast, "content": fast, "style": 0.0},
        "ssim": 0.5,
        "artefacts": None,
        "engine": "x",
    }
    other = {**way, "losses": {"total": slow, "content": slow, "style": 0.0}}
    return {
        "overtaken_at": at,
        "speed_up": {"equal_budget": 100.0, "equal_quality": at and 10.0 * at},
        "fast": way,
        "gatys": other,
        "crossing": at and other,
    }


def test_pairs_in_which_it_never_overtakes_are_counted_apart():
    found = summary([pair_of(3.0, 2.0, 4), pair_of(3.0, 1.0, 6), pair_of(1.0, 2.0, None)])
    assert (found["pairs"], found["overtaken"]) == (3, 2)
    assert found["overtaken_at"]["median"] == 5
    assert found["speed_up"]["equal_quality"]["median"] == 50
    assert found["speed_up"]["equal_budget"]["count"] == 3
    assert found["loss_ratio"]["total"]["median"] == 1.5
    assert found["loss_ratio"]["style"] is None  # nothing to divide by
    assert found["fast"]["losses.total"]["median"] == 3
    assert "engine" not in found["fast"]


# Going on


def test_ctrl_c_keeps_what_is_done_and_the_same_command_does_the_rest(run, tmp_path, monkeypatch):
    plain, calls = compare_run.run_optimiser, []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(*args, **kwargs)

    monkeypatch.setattr(compare_run, "run_optimiser", interrupted)
    status, out, err = run()
    assert (status, out) == (130, "")
    assert "stopped; 1 of 2 pairs are done, and the same command does the others" in err
    first = results(tmp_path / "made")
    assert [pair["photo"] for pair in first["pairs"]] == ["one"]
    assert "1 of 2" in (tmp_path / "made" / "report.html").read_text(encoding="utf-8")
    status, out, err = run()
    assert (status, out) == (0, f"{Path('made/report.html')}\n")
    assert "1 of 2 pairs to do" in err
    assert len(calls) == 3
    both = results(tmp_path / "made")
    assert both["pairs"][0] == first["pairs"][0]
    assert [pair["photo"] for pair in both["pairs"]] == ["one", "two"]
    assert run()[0] == 0
    assert len(calls) == 3
    assert results(tmp_path / "made") == both


def test_what_was_killed_between_pictures_and_results_is_done_again(run, tmp_path, monkeypatch):
    plain = Results.add
    monkeypatch.setattr(Results, "add", lambda self, found: (_ for _ in ()).throw(SystemExit(9)))
    assert run()[0] == 9
    assert (tmp_path / "made/pictures/tiny/one/48/fast.png").is_file()
    assert results(tmp_path / "made")["pairs"] == []
    monkeypatch.setattr(Results, "add", plain)
    assert run()[0] == 0
    assert len(results(tmp_path / "made")["pairs"]) == 2


def test_a_pair_whose_picture_was_removed_is_done_again(finished, tmp_path):
    picture = tmp_path / "made/pictures/tiny/two/48/gatys.png"
    before = bytes_of(picture)
    picture.unlink()
    assert "1 of 4 pairs to do" in finished()[2]
    assert np.array_equal(bytes_of(picture), before)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_kill_9_loses_one_pair_at_most(tmp_path):
    prepare(tmp_path)
    command = ["compare", *COMMON, "steps=40", "content=[one.png,two.png,sample:chelsea]"]
    command.remove("steps=4")
    command.remove("content=[one.png,two.png]")
    process = tiny_style.run(*command, cwd=tmp_path)
    made = tmp_path / "made"
    while process.poll() is None and not ((made / "results.json").exists() and results(made)["pairs"]):
        time.sleep(0.1)
    process.kill()
    process.communicate()
    kept = results(made)["pairs"]
    assert 1 <= len(kept) < 3
    process = tiny_style.run(*command, cwd=tmp_path)
    assert process.communicate()[1].count("pairs to do") == 1
    assert process.returncode == 0
    pairs = results(made)["pairs"]
    assert pairs[: len(kept)] == kept
    assert len(pairs) == 3
    assert all(pair["fast"]["peak_mb"] > 20 for pair in pairs)
    assert not [path for path in made.rglob("*") if "-fastnst-" in path.name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["steps=5"], "made holds a comparison with another settings.steps (4, not 5): choose another out="),
        (["size=48"], "another settings.size ([48, 44], not [48])"),
        (["content=one.png"], "another settings.content"),
    ],
)
def test_other_settings_do_not_mix_with_what_is_there(finished, tmp_path, change, message):
    before = (tmp_path / "made" / "results.json").read_bytes()
    status, out, err = finished(*change)
    assert (status, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1
    assert (tmp_path / "made" / "results.json").read_bytes() == before


def test_a_photo_that_has_changed_is_noticed(finished, tmp_path):
    tiny_style.save(str(tmp_path / "one.png"), 255 - tiny_style.noise(36, 48))
    status, _, err = finished()
    assert status == 1
    assert "another photos.one.sha256" in err


@pytest.mark.parametrize("text", ["", "[]", '{"pairs": 3}'])
def test_a_folder_with_another_results_file_is_left_alone(run, tmp_path, text):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "results.json").write_text(text)
    status, _, err = run()
    assert status == 1
    assert "results.json is not what fastnst compare writes; choose another out=" in err
    assert (tmp_path / "made" / "results.json").read_text() == text


# Settings and mistakes


def test_one_or_several_are_the_same_to_it():
    one = settings("content=a.png", "style=starry_night", "size=64")
    assert (one.content, one.style, one.size) == (["a.png"], ["starry_night"], [64])
    several = settings("content=[a.png,b.png,a.png]", "size=[64,128]")
    assert (several.content, several.size) == (["a.png", "b.png"], [64, 128])
    assert "sample:astronaut" in several.style + settings().content


def test_two_photos_of_one_name_stay_two(run, tmp_path):
    tiny_style.save(str(tmp_path / "folder" / "one.png"), tiny_style.noise(48, 36))
    assert run("content=[one.png,folder]", "steps=1")[0] == 0
    assert [pair["photo"] for pair in results(tmp_path / "made")["pairs"]] == ["one", "one-2"]


def test_its_own_pictures_are_no_photos_the_next_time(run, tmp_path):
    tiny_style.save(str(tmp_path / "folder" / "one.png"), tiny_style.noise(48, 36))
    command = ["content=folder", "out=folder/made", "steps=1"]
    for _ in range(2):
        assert run(*command)[0] == 0
        assert len(results(tmp_path / "folder" / "made")["pairs"]) == 1
    inside = next((tmp_path / "folder" / "made").rglob("gatys.png"))
    assert run(f"content={inside}", "steps=1", "out=folder/made/pictures")[0] == 0


def test_photos_may_lie_where_results_go(run, tmp_path):
    tiny_style.save(str(tmp_path / "folder" / "one.png"), tiny_style.noise(48, 36))
    for _ in range(2):
        assert run("content=folder", "out=folder", "steps=1")[0] == 0
    assert [pair["photo"] for pair in results(tmp_path / "folder")["pairs"]] == ["one"]


def test_noise_is_a_start_too(run, tmp_path):
    assert run("content=one.png", "init=noise", "seed=3", "steps=1", "out=noise")[0] == 0
    assert run("content=one.png", "steps=1", "out=photo")[0] == 0
    noise, photo = (bytes_of(tmp_path / out / "pictures/tiny/one/48/gatys.png") for out in ("noise", "photo"))
    assert np.array_equal(photo, tiny_style.noise(36, 48))
    assert abs(noise.mean() - 127.5) < 3


def test_without_the_painting_defects_are_not_measured(judge):
    judge.painting = None
    scores = judge.scores(judge.photo)
    assert scores["artefacts"] is None
    assert scores["content_distance"] == 0
    assert scores["ssim"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["steps=0"], "steps must be at least 1, not 0"),
        (["size=16"], "size must be numbers from 32 px, not 16"),
        (["size=[64,big]"], "size must be numbers from 32 px, not 'big'"),
        (["content=[]"], "content names nothing; for example: content=[sample:chelsea,photos]"),
        (["style=[]"], "style names nothing"),
        (["style=null"], "style names nothing"),
        (["size=[]"], "size names nothing"),
        (["optimizer=sgd"], "optimizer must be adam or lbfgs, not 'sgd'"),
        (["init=cat.png"], "init must be content or noise, not 'cat.png'"),
        (["history=0"], "history must be at least 1, not 0"),
        (["content=missing.png"], "there is no file or folder missing.png"),
        (["content=sample:dog"], "there is no sample dog; the samples are astronaut"),
        (["content=thin.png"], "thin.png"),
        (["content=[one.png,thin.png,note.png]"], "thin.png is too small: 100x8 px"),
        (["content=[one.png,thin.png,note.png]"], "; note.png"),
        (["content=empty"], "there is no picture in empty"),
        (["style=starry_nite"], "there is no style 'starry_nite'; did you mean starry_night?"),
        (["style=cut.safetensors"], "cut.safetensors is damaged"),
        (["style=nan.safetensors"], "nan.safetensors is damaged"),
        (["style=other.safetensors"], "other.safetensors: its painting is not known"),
        (["style=own.safetensors"], "own.safetensors: its painting is not known"),
        (
            ["style=bare.safetensors"],
            "there is no the_scream.jpg in paintings_dir=paintings; it can be had from",
        ),
        (["style=starry_night"], "was trained by other weights of VGG-19 than these"),
        (["style=lossless.safetensors"], "the style does not say by which loss it was trained"),
        (["out=one.png"], "out=one.png is a file; a comparison is a folder"),
        (["out=one.png/made"], "one.png is not a folder"),
        (["device=abacus"], "there is no device 'abacus' here"),
        (["stepz=3"], "there is no setting 'stepz'"),
    ],
)
def test_a_mistake_is_one_line(run, tmp_path, argv, message):
    tiny_style.save("thin.png", tiny_style.noise(8, 100))
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.png").write_text("text")
    whole = (tmp_path / "tiny.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-8])
    (tmp_path / "nan.safetensors").write_bytes(whole[:-4] + np.float32(np.nan).tobytes())
    tiny_style.write(tmp_path, "other.safetensors", **{**RECORD, "name": "mine"})
    tiny_style.write(tmp_path, "own.safetensors", **{**RECORD, "name": "own"})
    tiny_style.write(tmp_path, "bare.safetensors", **{**RECORD, "name": "the_scream"})
    tiny_style.write(tmp_path, "lossless.safetensors", **{**RECORD, "loss": {}})
    status, out, err = run(*argv)
    assert (status, out) == (1, "")
    assert err.startswith("fastnst: ")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "made").exists()


def test_help_is_fastnsts_own(capsys):
    assert cli.main(["compare", "-h"]) == 0
    assert "fastnst compare content=photo.jpg style=starry_night out=comparison" in capsys.readouterr().out


def test_another_picture_of_the_painting_is_no_ruler(run, tmp_path, tiny_weights):
    record = {**RECORD, "painting": {"size": 64, "sha256": "0" * 64}}
    path = tiny_style.write(tmp_path, **record)
    status, _, err = run("content=one.png", "steps=1")
    assert (status, "tiny.safetensors was trained for another picture of" in err) == (1, True)
    loss = losses.build(recorded_loss(record), tiny_weights, strength=1, dtype=torch.float32)
    targets = style_targets.factors(loss.style_target(torch.rand(1, 3, 40, 40)))
    stored = {name: values.numpy() for name, values in targets.items()}
    style_file.write(path, {**tiny_style.weights(), **stored}, {**tiny_style.RECORD, **record})
    status, _, err = run("content=one.png", "steps=1")
    assert status == 0, err
    assert "the picture that it was trained for is not in paintings; its own targets are used" in err
    assert results(tmp_path / "made")["styles"]["tiny"]["target"] == "style file"


def test_photos_without_a_latin_name_are_photos(run, tmp_path):
    for name in ("猫", "кот"):
        shutil.copy("one.png", f"{name}.png")
    assert run("content=[猫.png,кот.png]", "steps=1")[0] == 0
    assert [pair["photo"] for pair in results(tmp_path / "made")["pairs"]] == ["photo", "photo-2"]


def test_other_weights_of_vgg_are_no_ruler(run, tmp_path):
    tiny_style.write(tmp_path, **RECORD, training={"vgg_sha256": "f" * 64})
    status, _, err = run("content=one.png")
    assert (status, "was trained by other weights of VGG-19 than these: see vgg.weights" in err) == (1, True)
