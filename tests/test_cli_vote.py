"""``fastnst vote`` as a command: its page, its end, its ranking and its errors."""

import json
import os
import signal
import socket
import sqlite3
import subprocess

import pytest
from made_contest import compared, folders, picture
from tiny_style import run
from voting_booth import Visitor, shown

from fastnst import cli, contest
from fastnst.ballots import Ballots

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
FOLDERS = ["fast", "slow"]


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A working directory with two methods' pictures in ``fast`` and ``slow``."""
    monkeypatch.chdir(tmp_path)
    folders(tmp_path)
    return tmp_path


def voted(folder, choices, results=("fast", "slow")):
    """Votes by one person: who won each, from the first method's side."""
    found = contest.read([folder / name for name in results])
    ballots = Ballots(folder / "votes.sqlite")
    for choice in choices:
        ballot = ballots.next(found, "ann")
        first, second = ballot.pair.pictures
        sides = {first.id: "first", second.id: "second"}
        side = {sides[ballot.left]: "left", sides[ballot.right]: "right", "equal": "equal"}[choice]
        assert ballots.cast(ballot.token, "ann", side)


@POSIX
@pytest.mark.parametrize(
    ("number", "status", "message"),
    [
        (signal.SIGINT, 130, "stopped; the votes are in votes.sqlite, and the same command with --ranking"),
        (signal.SIGTERM, 143, "stopped; the votes are in votes.sqlite, and the same command with --ranking"),
        (signal.SIGKILL, -9, ""),
    ],
)
def test_votes_are_there_after_the_end(results, capsys, number, status, message):
    with run("vote", *FOLDERS, "--port", "0", stdout=subprocess.PIPE) as process:
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:")
            ann = Visitor(address.rstrip("/"))
            page = ann.get()
            for _ in range(5):
                page = ann.post(f"/vote/{shown(page)[0]}/left")
            process.send_signal(number)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == status
    assert out == ""
    assert "4 pairs of pictures by fast, slow; votes go to votes.sqlite; Ctrl-C ends it" in err
    assert message in err
    assert "Traceback" not in err
    assert cli.main(["vote", *FOLDERS, "--ranking"]) == 0
    assert capsys.readouterr().out.startswith("5 votes of 1 voter\n")


def test_the_ranking_is_a_table(results, capsys):
    voted(results, ["first", "first", "equal", "second", "first", "first"])
    assert cli.main(["vote", *FOLDERS, "--ranking"]) == 0
    head, _, title, first, second, note = capsys.readouterr().out.splitlines()
    assert head == "6 votes of 1 voter"
    assert title.split() == ["METHOD", "VOTES", "WINS", "SCORE", "95", "%", "PREFERRED", "95", "%"]
    # odds of 4.5 to 1.5: ln(3) / 2, and 1.96 * sqrt(1/4.5 + 1/1.5) / 2 on either side
    assert " ".join(first.split()) == "fast 6 4.5 +0.55 -0.37 to +1.47 75% 32% to 95%"
    assert " ".join(second.split()) == "slow 6 1.5 -0.55 -1.47 to +0.37 25% 5% to 68%"
    assert note.startswith("Preferred: the chance to be preferred to the other")


def test_the_ranking_is_json(results, capsys):
    voted(results, ["first", "first", "equal", "second", "first", "first"])
    assert cli.main(["vote", *FOLDERS, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["votes"], record["voters"], record["not_counted"]) == (6, 1, 0)
    first, second = record["ranking"]
    assert (first["method"], first["votes"], first["wins"]) == ("fast", 6, 4.5)
    assert first["score"]["value"] == pytest.approx(0.5493, abs=1e-4)
    assert first["preferred_to"] == "the other"
    assert first["preferred"]["low"] == pytest.approx(1 - second["preferred"]["high"])
    assert record["paintings"] == {}


def test_paintings_are_ranked_apart_and_names_cannot_talk_to_the_terminal(results, capsys):
    evil = "\x1b]0;pwned\x07\nx"
    folder = compared(results / "compared")
    record = (folder / "results.json").read_text()
    record = record.replace('"gatys@50"', json.dumps(evil)).replace('"Starry_Night"', json.dumps(evil))
    (folder / "results.json").write_text(record)
    voted(results, ["first"] * 6, ["compared"])
    assert cli.main(["vote", "compared", "--ranking"]) == 0
    out = capsys.readouterr().out
    assert all(char.isprintable() or char == "\n" for char in out)
    assert out.count("METHOD") == 3
    assert "\nThe_Scream\nMETHOD" in out
    assert "half a win more" in out


def test_votes_on_other_pictures_are_said(results, capsys):
    voted(results, ["first", "second", "first", "second"])
    picture(results / "slow" / "cat.png", "white")
    assert cli.main(["vote", *FOLDERS, "--ranking"]) == 0
    assert "3 votes of 1 voter; 1 more are on other pictures and are not counted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fast"], "there is one method only, fast"),
        (["fast", "none"], "none is not there"),
        (["fast", "empty"], "there is no picture in empty"),
        (["fast", "other"], "no file name in common"),
        ([*FOLDERS, "--photos", "nowhere"], "there is no file or folder nowhere"),
        ([*FOLDERS, "--painting", "text.jpg"], "text.jpg is not a picture"),
        ([*FOLDERS, "--votes", "text.jpg"], "text.jpg is damaged, or not a votes file"),
        ([*FOLDERS, "--votes", "other.sqlite"], "other.sqlite is another program's database"),
        ([*FOLDERS, "--votes", "none/votes.sqlite"], "cannot keep votes in none/votes.sqlite"),
        ([*FOLDERS, "--ranking"], "there are no votes yet in votes.sqlite"),
        ([*FOLDERS, "--json"], "there are no votes yet in votes.sqlite"),
    ],
)
def test_a_mistake_is_a_line(results, capsys, arguments, message):
    (results / "empty").mkdir()
    picture(results / "other" / "dog.png", "red")
    (results / "text.jpg").write_text("This is no picture, and no database either. " * 9)
    with sqlite3.connect("other.sqlite") as connection:
        connection.execute("CREATE TABLE mine (value)")
    connection.close()
    assert cli.main(["vote", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert not (results / "votes.sqlite").exists()


def test_a_port_in_use_is_said(results, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["vote", *FOLDERS, "--port", str(port)]) == 1
    assert capsys.readouterr().err == (
        f"fastnst: port {port} is in use: give --port another one, or 0 for any that is free\n"
    )


def test_wrong_usage_is_2(results, capsys):
    assert cli.main(["vote"]) == 2
    assert cli.main(["vote", *FOLDERS, "--port", "70000"]) == 2
    assert "--port" in capsys.readouterr().err
