"""The command line as a whole, and the commands that only look."""

import io
import json
import os
import sys
from pathlib import Path

import click
import pytest
import tiny_style
from tiny_style import run

import fastnst
from fastnst import cli, images, style_file
from fastnst.cli.bar import terminal_bar
from fastnst.errors import FastNSTError
from fastnst.progress import Progress


def test_installed_styles_are_listed(home, capsys, monkeypatch):
    monkeypatch.setattr(style_file, "STYLES", home)
    assert cli.main(["styles"]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["NAME", "PAINTING", "NETWORK", "SIZE"]
    assert row.split("  ")[:2] == ["tiny", "Noise, Nobody, 2024"]
    assert cli.main(["styles", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed == {
        "name": "tiny",
        "title": "Noise",
        "artist": "Nobody",
        "year": 2024,
        "network": tiny_style.RECORD["network"]["name"],
        "file": str(home / "tiny.safetensors"),
        "bytes": Path("tiny.safetensors").stat().st_size,
    }
    assert cli.main(["stylise", "photo.png", "-s", "tiny", "-o", "out/"]) == 0
    assert Path("out/photo-tiny.png").is_file()
    Path("torn.safetensors").write_bytes(b"")
    assert cli.main(["styles"]) == 1
    assert "torn.safetensors is an empty file" in capsys.readouterr().err


def test_every_style_on_a_photo_is_a_sheet(home, capsys, monkeypatch):
    monkeypatch.setattr(style_file, "STYLES", home)
    for index in range(5):
        tiny_style.write(Path(), f"style{index}.safetensors", title=f"Noise {index}")
    assert cli.main(["styles", "--sheet", "all.png", "--photo", "photo.png"]) == 0
    assert capsys.readouterr().out == "all.png\n"
    pixels = images.load("all.png").pixels
    assert pixels.shape[0] > 2 * 320
    photo = images.load("photo.png", size=427).pixels.astype(int)
    ink = (pixels < 250).any(-1)
    top, left = ink.any(1).argmax(), ink.any(0).argmax()
    assert abs(pixels[top : top + 320, left : left + 427] - photo).mean() < 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sheet", "all.gif"], "cannot write all.gif: the suffix .gif names no format"),
        (["--sheet", "./photo.png", "--photo", "photo.png"], "would overwrite the photo"),
        (["--sheet", "all.png", "--photo", "none.jpg"], "none.jpg"),
        (["--sheet", "all.png", "--photo", "sample:dog"], "dog"),
    ],
)
def test_a_sheet_that_cannot_be_made_is_a_line(home, capsys, monkeypatch, arguments, message):
    monkeypatch.setattr(style_file, "STYLES", home)
    assert cli.main(["styles", *arguments]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not list(Path().glob("all.*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json", "--sheet", "all.png"], "give one of them"),
        (["--photo", "none.jpg"], "--photo and --size are for --sheet FILE"),
        (["--json", "--size", "99"], "--photo and --size are for --sheet FILE"),
    ],
)
def test_options_that_would_do_nothing_are_refused(home, capsys, arguments, message):
    assert cli.main(["styles", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_no_style_is_no_error(home, capsys, monkeypatch):
    monkeypatch.setattr(style_file, "STYLES", home / "none")
    assert cli.main(["styles"]) == 0
    assert "no style is installed" in capsys.readouterr().err


def test_info_shows_the_record(home, capsys):
    assert cli.main(["info", "tiny.safetensors"]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert shown["network.arguments.width"] == "4"
    assert shown["loss.style_layers.relu1_1"] == "0.25"
    assert shown["held_out.total"] == "1.5"
    assert int(shown["parameters"]) == sum(values.size for values in tiny_style.weights().values())
    assert cli.main(["info", "tiny.safetensors", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["bytes"] == Path("tiny.safetensors").stat().st_size
    assert {key: described[key] for key in tiny_style.RECORD} == tiny_style.RECORD


def test_a_strangers_record_cannot_talk_to_the_terminal(home, capsys, monkeypatch):
    monkeypatch.setattr(style_file, "STYLES", home)
    evil = "\x1b]0;pwned\x07\x1b[2J\nx"
    tiny_style.write(Path(), title=evil, data={evil: [evil]}, network={"name": evil, "arguments": {}})
    for arguments in (["styles"], ["info", "tiny"], ["stylise", "photo.png", "-s", "tiny", "-o", "out.png"]):
        cli.main(arguments)
        out, err = capsys.readouterr()
        assert all(char.isprintable() or char == "\n" for char in out + err)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["stylise", "-h"], ["styles", "-h"], ["info", "--help"]]
)
def test_help_is_on_stdout(capsys, arguments):
    assert cli.main(arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Usage: fastnst")
    assert "fastnst s" in out or "fastnst info" in out
    assert err == ""


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"fastnst {fastnst.__version__}\n"


def test_no_command_is_wrong_usage_with_help(capsys):
    assert cli.main([]) == 2
    out, err = capsys.readouterr()
    assert "Usage: fastnst" in out + err


def test_a_command_that_is_not_there_is_guessed_at(capsys):
    assert cli.main(["stylis"]) == 2
    assert "no command 'stylis'. Did you mean 'stylise'?" in capsys.readouterr().err


@pytest.mark.parametrize("entry", cli.COMMANDS.values(), ids=cli.COMMANDS.keys())
def test_every_command_listed_has_its_file(entry):
    assert (Path(cli.__file__).parent / f"{entry.module}.py").is_file()


def raising(error: BaseException) -> click.Command:
    def run(_argv: list[str]) -> None:
        raise error

    return cli.SettingsCommand("train", "Usage: fastnst train [SETTING=VALUE ...]", run)


class Stopped(KeyboardInterrupt):
    status = 143


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (FastNSTError("no\x1b[2J"), 1, "fastnst: no\\x1b[2J\n"),
        (FastNSTError("no file a\nb"), 1, "fastnst: no file a\\nb\n"),
        (OSError(28, "No space left on device"), 1, "fastnst: No space left on device\n"),
        (PermissionError(13, "Permission denied", "a/b"), 1, "fastnst: a/b: Permission denied\n"),
        (KeyboardInterrupt(), 130, "fastnst: stopped\n"),
        (Stopped("resume=runs/1"), 143, "fastnst: resume=runs/1\n"),
        (SystemExit("fastnst: wrong"), 1, "fastnst: wrong\n"),
        (SystemExit(3), 3, ""),
        (SystemExit(), 0, ""),
    ],
)
def test_every_end_has_its_status(capsys, monkeypatch, error, status, message):
    monkeypatch.setattr(cli.Commands, "get_command", lambda *_: raising(error))
    assert cli.main(["train"]) == status
    assert capsys.readouterr().err.lstrip("\n") == message


def test_a_bug_is_a_traceback(monkeypatch):
    monkeypatch.setattr(cli.Commands, "get_command", lambda *_: raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main(["train"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
def test_a_full_disk_behind_stdout_is_one_line(home):
    with Path("/dev/full").open("w") as full, run("info", "tiny.safetensors", stdout=full) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == "fastnst: No space left on device\n"


def test_letters_that_the_terminal_lacks_are_spelled_out(monkeypatch):
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", file)
    cli.say("Größe.png", to_stdout=True)
    assert file.buffer.getvalue().decode("ascii").strip() == r"Gr\xf6\xdfe.png"


def test_a_stream_that_is_closed_is_no_error(home, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(["info", "tiny.safetensors"]) == 0


def test_settings_reach_hydra_as_they_are(capsys, monkeypatch):
    given = []
    command = cli.SettingsCommand("train", "Usage: fastnst train", given.extend)
    monkeypatch.setattr(cli.Commands, "get_command", lambda *_: command)
    arguments = ["-m", "painting=a,b", "--cfg", "job", "+x={a: 1}", "--", "-x"]
    assert cli.main(["train", *arguments]) == 0
    assert given == arguments
    assert cli.main(["train", "x=1", "--help"]) == 0
    assert given == arguments
    assert capsys.readouterr().out == "Usage: fastnst train\n"


def test_a_log_gets_two_lines_a_task(capsys):
    with terminal_bar() as report:
        for done in range(4):
            report(Progress("preparing", done, 3, "photos"))
        for done in range(20, 40):
            report(Progress("training", done, 100, note=f"loss {done}"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "preparing: 0 of 3 photos"
    assert lines[1].startswith("preparing: 3 of 3 photos, ")
    assert lines[2] == "training: 20 of 100 steps, loss 20"
    assert lines[3].startswith("training: 39 of 100 steps, ")
    assert lines[3].endswith(" s, loss 39")
    assert len(lines) == 4


@pytest.mark.parametrize("terminal", [False, True])
def test_a_note_is_nothing_that_a_terminal_obeys(capsys, monkeypatch, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with terminal_bar() as report:
        report(Progress("stylising", 0, 2, "photos", note="a\x1b]0;owned\x07.png"))
    err = capsys.readouterr().err
    assert r"a\x1b]0;owned\x07.png" in err
    assert "\x07" not in err


def test_a_terminal_gets_a_bar_a_task(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with terminal_bar() as report:
        report(Progress("counting", 5, None, "photos"))
        report(Progress("training", 20, 100, note="loss 2"))
        cli.say("a line")
        report(Progress("training", 100, 100, note="loss 1"))
    err = capsys.readouterr().err
    assert "counting: 5 photos" in err
    assert "a line\n" in err
    assert "training: 100%" in err
    assert "100/100 steps" in err
    assert "loss 1" in err


def test_no_stderr_is_no_reason_to_fail(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with terminal_bar() as report:
        report(Progress("training", 1, 2))


@pytest.mark.skipif(os.name == "nt", reason="pipes are POSIX's")
def test_a_reader_that_goes_away_is_not_complained_of(home):
    read, write = os.pipe()
    os.close(read)
    with run("info", "tiny.safetensors", stdout=write) as process:
        os.close(write)
        _, err = process.communicate(timeout=60)
    assert err == ""
