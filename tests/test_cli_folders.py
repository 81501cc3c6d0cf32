"""``fastnst stylise`` on folders: broken off by Ctrl-C, SIGTERM and SIGKILL, going on with ``--resume``."""

import os
import random
import shutil
import signal
import subprocess
from pathlib import Path
from time import sleep

import numpy as np
import pytest
import tiny_style
from PIL import Image
from tiny_style import noise, run, save

from fastnst import cli, images
from fastnst.manifest import NAME

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")


def stylise(*arguments: str) -> int:
    return cli.main(["stylise", "-s", "tiny.safetensors", "--device", "cpu", *arguments])


def trip(count: int, side: int = 24) -> None:
    for index in range(count):
        save(f"trip/{index}.png", np.roll(noise(side, side), index, axis=0))


def done(capsys) -> list[str]:
    """Names of the pictures that a run has told on stdout."""
    return [Path(line).name for line in capsys.readouterr().out.splitlines()]


def visible(folder: str = "out") -> dict[str, os.stat_result]:
    return {path.name: path.stat() for path in Path(folder).iterdir() if not path.name.startswith(".")}


def test_without_resume_all_is_done_again(home, capsys):
    trip(3)
    for _ in range(2):
        assert stylise("trip", "-o", "out") == 0
        assert done(capsys) == ["0.png", "1.png", "2.png"]


def test_what_is_there_is_not_done_again_and_what_is_not_is(home, capsys):
    trip(4)
    assert stylise("trip", "-o", "out", "--resume") == 0
    assert done(capsys) == ["0.png", "1.png", "2.png", "3.png"]
    before = visible()
    Path("out/1.png").unlink()
    save("trip/2.png", noise(30, 30))
    save("trip/4.png", noise(24, 24))
    assert stylise("trip", "-o", "out", "--resume", "--workers", "2") == 0
    out, err = capsys.readouterr()
    assert [Path(line).name for line in out.splitlines()] == ["1.png", "2.png", "4.png"]
    assert err.startswith("fastnst: 2 of 5 pictures are there already\n")
    after = visible()
    assert [after[name].st_ino == before[name].st_ino for name in ("0.png", "3.png")] == [True, True]
    assert images.load("out/2.png").width == 30
    assert stylise("trip", "-o", "out", "--resume") == 0
    assert capsys.readouterr() == ("", "fastnst: 5 of 5 pictures are there already\n")


@pytest.mark.parametrize(
    "changed",
    [
        ["--size", "20"],
        ["--keep-colours"],
        ["--quality", "50"],
        ["--stroke", "0.8"],
        ["--engine", "torch"],
        ["--precision", "float32"],
        ["-s", "other.safetensors"],
    ],
    ids=" ".join,
)
def test_another_style_or_option_does_all_again(home, capsys, changed):
    trip(2)
    shutil.copy("tiny.safetensors", "copy.safetensors")
    tiny_style.write(Path(), "other.safetensors", title="Other noise")
    assert stylise("trip", "-o", "out") == 0
    assert stylise("trip", "-o", "out", "--resume", "-s", "copy.safetensors", "--workers", "1") == 0
    capsys.readouterr()
    assert stylise("trip", "-o", "out", "--resume", *changed) == 0
    assert done(capsys) == ["0.png", "1.png"]


def test_what_a_killed_run_left_goes_with_the_next_run(home):
    trip(2)
    half = Path("out/.0-fastnst-0123456789abcdef.png")
    half.parent.mkdir()
    half.write_bytes(b"half a picture")
    assert stylise("trip", "-o", "out") == 0
    assert not half.exists()


def test_photos_that_could_not_be_done_are_tried_again(home, capsys):
    trip(2)
    Path("trip/bad.png").write_bytes(b"no picture")
    assert stylise("trip", "-o", "out") == 1
    capsys.readouterr()
    assert stylise("trip", "-o", "out", "--resume") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "2 of 3 pictures are there already" in err
    assert "bad.png is not a picture" in err
    save("trip/bad.png", noise(24, 24))
    assert stylise("trip", "none.png", "-o", "out", "--resume") == 1
    out, err = capsys.readouterr()
    assert out == f"{Path('out/bad.png')}\n"
    assert "no file or folder none.png" in err


def test_one_photo_is_simply_done(home, capsys):
    for output in ("out.png", "out/"):
        for _ in range(2):
            assert stylise("photo.png", "-o", output, "--resume") == 0
            assert len(done(capsys)) == 1
    assert {path.name for path in home.iterdir()} == {"tiny.safetensors", "photo.png", "out.png", "out"}
    assert not Path("out", NAME).exists()


def test_a_strangers_manifest_is_one_line_and_left_alone(home, capsys):
    trip(2)
    Path("out").mkdir()
    Path("out", NAME).write_text("a diary\n")
    assert stylise("trip", "-o", "out", "--resume") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"fastnst: {Path('out', NAME)} is not a manifest of fastnst")
    assert err.count("\n") == 1
    assert visible() == {}
    assert stylise("trip", "-o", "out") == 0
    assert "this run cannot be resumed" in capsys.readouterr().err
    assert visible().keys() == {"0.png", "1.png"}
    assert Path("out", NAME).read_text() == "a diary\n"


@pytest.mark.parametrize("workers", ["0", "257", "many"])
def test_workers_are_a_number_of_threads(home, capsys, workers):
    assert stylise("photo.png", "-o", "out.png", "--workers", workers) == 2
    assert "'--workers'" in capsys.readouterr().err


@POSIX
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_says_so_leaves_no_part_of_a_picture_and_goes_on(home, capsys, number, status):
    trip(60)
    arguments = ["stylise", "trip", "-s", "tiny.safetensors", "-o", "out", "--device", "cpu"]
    with run(*arguments, "--size", "256", stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(number)
        out, err = process.stdout.read(), process.stderr.read()  # communicate() forgets what readline() has
    assert process.returncode == status
    assert err.splitlines()[-1] == "fastnst: stopped; the same command with --resume goes on from here"
    assert "Traceback" not in err
    before = visible()
    assert 0 < len(before) < 60
    assert len(out.splitlines()) + 1 == len(before)
    assert [path.name for path in Path("out").glob(".*")] == [NAME]
    assert all(images.load(path).height == 256 for path in Path("out").glob("[!.]*"))
    assert stylise("trip", "-o", "out", "--resume", "--size", "256") == 0
    assert set(done(capsys)) == {f"{index}.png" for index in range(60)} - before.keys()
    after = visible()
    assert all(after[name].st_mtime_ns == status.st_mtime_ns for name, status in before.items())


@POSIX
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_photo_that_is_stopped_leaves_nothing(home, capsys, monkeypatch, number, status):
    saved = Image.Image.save

    def interrupted(image, path, *args, **options):
        saved(image, path, *args, **options)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(Image.Image, "save", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    assert stylise("photo.png", "-o", "out/") == status
    assert capsys.readouterr().err.lstrip("\n") == "fastnst: stopped\n"
    assert list(Path("out").iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) == before


@POSIX
@pytest.mark.slow
def test_killed_again_and_again_all_pictures_are_there_whole_and_none_was_done_twice(home, capsys):
    trip(40)
    arguments = ["stylise", "trip", "-s", "tiny.safetensors", "-o", "out", "--device", "cpu", "--size", "256"]
    rng = random.Random(0)
    there: dict[str, os.stat_result] = {}
    for _ in range(3):
        with run(*arguments, "--resume", stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            sleep(rng.uniform(0, 0.1))
            process.kill()
        for name, status in there.items():
            assert visible()[name].st_mtime_ns == status.st_mtime_ns
        assert len(visible()) > len(there)
        there = visible()
        assert all(images.load(Path("out", name)).width == 256 for name in there)
    assert cli.main([*arguments, "--resume"]) == 0
    assert set(done(capsys)) == {f"{index}.png" for index in range(40)} - there.keys()
    assert len(visible()) == 40
    assert all(visible()[name].st_mtime_ns == status.st_mtime_ns for name, status in there.items())
    assert [path.name for path in Path("out").glob(".*")] == [NAME]
