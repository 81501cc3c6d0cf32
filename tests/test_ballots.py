"""Votes in one file: balanced, counted once, and none lost."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from made_contest import PHOTOS, compared, made, picture

import fastnst
from fastnst import contest
from fastnst.ballots import Ballots
from fastnst.errors import ContestError


@pytest.fixture
def three(tmp_path):
    """A contest of three methods and four photos: twelve pairs."""
    return made(tmp_path / "results", ("a", "b", "c"))


@pytest.fixture
def ballots(tmp_path):
    return Ballots(tmp_path / "votes.sqlite")


def judge(ballots, contest, voter, number, choice="left"):
    """Let a voter judge some pairs; what they were shown."""
    shown = []
    for _ in range(number):
        ballot = ballots.next(contest, voter)
        assert ballots.cast(ballot.token, voter, choice)
        shown.append(ballot)
    return shown


def pairs(shown):
    return Counter(frozenset((ballot.left, ballot.right)) for ballot in shown)


def rows(ballots, query):
    with closing(sqlite3.connect(ballots.path)) as connection:
        return connection.execute(query).fetchall()


def test_nobody_sees_a_pair_twice_before_having_seen_all(three, ballots):
    for voter in ("ann", "bob"):
        first, second = (judge(ballots, three, voter, 12) for _ in range(2))
        assert pairs(first) == pairs(second) == dict.fromkeys(three.pairs, 1)
        assert [ballot.judged for ballot in (*first, *second)] == [*range(12), *[12] * 12]


def test_pairs_with_the_fewest_votes_come_first(three, ballots):
    judge(ballots, three, "ann", 5)
    seen = pairs(judge(ballots, three, "bob", 7))
    votes = Counter(
        frozenset(row) for row in rows(ballots, "SELECT left_picture, right_picture FROM ballots")
    )
    assert set(votes.values()) == {1}
    assert len(seen) == 7


def test_sides_and_order_are_left_to_chance(three, ballots):
    runs = [[(b.left, b.right) for b in judge(ballots, three, f"voter {i}", 12)] for i in range(10)]
    assert len({tuple(run) for run in runs}) == 10
    left = Counter(method for (method,) in rows(ballots, "SELECT left_method FROM ballots"))
    assert all(20 <= left[method] <= 60 for method in "abc")  # 40 of 120 are expected: four deviations


def test_an_open_ballot_is_shown_again_and_to_nobody_else(three, ballots):
    ballot = ballots.next(three, "ann")
    assert ballots.next(three, "ann") == ballot
    assert ballots.next(three, "bob").token != ballot.token
    assert not ballots.cast(ballot.token, "bob", "left")
    assert ballots.cast(ballot.token, "ann", "left")
    assert ballots.next(three, "ann").token != ballot.token


def test_a_ballot_counts_once(three, ballots):
    ballot = ballots.next(three, "ann")
    assert ballots.cast(ballot.token, "ann", "left")
    assert not ballots.cast(ballot.token, "ann", "right")
    assert not ballots.cast("made up", "ann", "left")
    assert rows(ballots, "SELECT choice FROM ballots") == [("left",)]


def test_the_last_vote_may_be_taken_back_and_is_asked_again(three, ballots):
    first, second = judge(ballots, three, "ann", 2)
    judge(ballots, three, "bob", 1)
    pending = ballots.next(three, "ann")
    assert ballots.take_back(three, "ann")
    again = ballots.next(three, "ann")
    assert (again.token, again.left, again.judged) == (second.token, second.left, 1)
    assert ballots.cast(again.token, "ann", "right")
    assert ballots.next(three, "ann").token == pending.token
    assert ballots.take_back(three, "ann")
    assert ballots.take_back(three, "ann")
    assert not ballots.take_back(three, "ann")
    assert ballots.next(three, "ann").token == first.token
    assert ballots.result(three).votes == 1  # bob's


def test_votes_on_other_pictures_are_not_taken_back(three, ballots, tmp_path):
    judge(ballots, three, "ann", 1)
    assert not ballots.take_back(contest.read([compared(tmp_path / "others")]), "ann")
    assert ballots.result(three).votes == 1


def test_a_ballot_cast_by_many_at_once_counts_once(three, ballots):
    ballot = ballots.next(three, "ann")
    counted = []
    start = threading.Barrier(8)

    def cast():
        start.wait()
        counted.append(ballots.cast(ballot.token, "ann", "left"))

    threads = [threading.Thread(target=cast) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counted) == [False] * 7 + [True]


VOTER = """
import sys
from pathlib import Path
from fastnst import contest
from fastnst.ballots import Ballots
root, voter = Path(sys.argv[1]), sys.argv[2]
found = contest.read([root / "results" / method for method in "abc"])
ballots = Ballots(root / "votes.sqlite")
for _ in range(40):
    ballot = ballots.next(found, voter)
    assert ballots.cast(ballot.token, voter, "left")
    print(ballot.token, flush=True)
"""


def test_voters_at_once_lose_nothing_in_threads_and_processes(three, tmp_path):
    """The file does not exist yet, so that they all make it."""
    root = tmp_path
    env = {**os.environ, "PYTHONPATH": str(Path(fastnst.__file__).parents[1])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", VOTER, root, str(i)], stdout=subprocess.PIPE, text=True, env=env
        )
        for i in range(2)
    ]
    told = []

    def vote(voter):
        told.extend(ballot.token for ballot in judge(Ballots(root / "votes.sqlite"), three, voter, 40))

    threads = [threading.Thread(target=vote, args=(voter,)) for voter in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in processes:
        told += process.communicate()[0].split()
        assert process.returncode == 0
    kept = rows(Ballots(root / "votes.sqlite"), "SELECT token FROM ballots WHERE choice IS NOT NULL")
    assert len(told) == 160
    assert {token for (token,) in kept} == set(told)


class Busy(sqlite3.Connection):
    """Where several make a file at once, SQLite may refuse to change its journal, however long one waits."""

    def execute(self, statement, *arguments):
        if statement.startswith("PRAGMA journal_mode ="):
            raise sqlite3.OperationalError("database is locked")
        return super().execute(statement, *arguments)


def test_a_file_whose_journal_others_hold_is_voted_in_and_gets_it_later(three, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Busy))
        ballots = Ballots(tmp_path / "votes.sqlite")
        judge(ballots, three, "ann", 3)
    assert rows(ballots, "PRAGMA journal_mode") == [("delete",)]
    assert rows(Ballots(ballots.path), "PRAGMA journal_mode") == [("wal",)]
    assert len(rows(ballots, "SELECT token FROM ballots WHERE choice IS NOT NULL")) == 3


def test_a_vote_goes_to_the_method_whose_picture_was_chosen(three, ballots):
    for _ in range(12):
        ballot = ballots.next(three, "ann")
        better = ballot.pair.motif.pictures[min(ballot.pair.methods)].id
        ballots.cast(ballot.token, "ann", "left" if ballot.left == better else "right")
    result = ballots.result(three)
    assert [(row.method, row.votes, row.wins) for row in result.ranking] == [
        ("a", 8, 8),
        ("b", 8, 4),
        ("c", 8, 0),
    ]
    assert (result.votes, result.voters, result.others) == (12, 1, 0)


def test_votes_stay_with_pictures_not_with_names(three, ballots, tmp_path):
    judge(ballots, three, "ann", 12)
    root = tmp_path / "results"
    (root / "a").rename(root / "renamed")
    renamed = contest.read([root / "renamed", root / "b", root / "c"])
    assert ballots.result(renamed).votes == 12
    for photo in PHOTOS:
        picture(root / "renamed" / f"{photo}.png", "white", size=(9, 9 + len(photo)))
    anew = contest.read([root / "renamed", root / "b", root / "c"])
    result = ballots.result(anew)
    assert (result.votes, result.others) == (4, 8)
    assert ballots.next(anew, "ann").judged == 4


def test_each_painting_has_a_ranking_of_its_own(ballots, tmp_path):
    found = contest.read([compared(tmp_path)])
    for _ in range(6):
        ballot = ballots.next(found, "ann")
        fast = {"Starry_Night": "fast", "The_Scream": "gatys"}[ballot.pair.motif.painting]
        chosen = {shown: side for side, shown in (("left", ballot.left), ("right", ballot.right))}
        pictures = ballot.pair.motif.pictures
        ballots.cast(ballot.token, "ann", chosen.get(pictures[fast].id, "equal"))
    result = ballots.result(found)
    assert {title: ranking[0].method for title, ranking in result.paintings.items()} == {
        "Starry_Night": "fast",
        "The_Scream": "gatys",
    }
    assert sum(row.votes for ranking in result.paintings.values() for row in ranking) == 2 * result.votes


def test_pictures_that_cannot_be_shown_are_passed_over(three, ballots):
    lost = three.motifs[0].pictures["a"].id
    ballot = next(
        ballot
        for ballot in (ballots.next(three, str(i)) for i in range(200))
        if lost in (ballot.left, ballot.right)
    )
    voter = rows(ballots, f"SELECT voter FROM ballots WHERE token = '{ballot.token}'")[0][0]
    assert not ballots.cast(ballot.token, voter, "left", without={lost})
    other = ballots.next(three, voter, without={lost})
    assert lost not in (other.left, other.right)
    assert (ballot.pairs, other.pairs) == (len(three.pairs), len(three.pairs) - 2)
    assert ballots.next(three, voter, without=set(three.files)) is None


def other_program(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (value)")


def newer(path):
    Ballots(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")


def damaged(path):
    Ballots(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text("no database, " * 99), "is damaged, or not a votes file of fastnst"),
        (other_program, "is another program's database"),
        (newer, "is a newer fastnst's"),
        (damaged, "is damaged, or not a votes file of fastnst"),
        (lambda path: path.mkdir(), "cannot keep votes in .*: unable to open"),
    ],
)
def test_a_file_that_is_no_votes_is_a_line_and_stays_as_it_was(tmp_path, make, message):
    path = tmp_path / "votes.sqlite"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(ContestError, match=message) as caught:
        Ballots(path)
    assert "\n" not in str(caught.value)
    assert before is None or path.read_bytes() == before
