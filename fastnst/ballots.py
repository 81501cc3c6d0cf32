"""Votes, kept in one SQLite file: what was shown to whom, and what each said.

Every time that a pair is shown a ballot is written, with a token that counts once. A vote is one transaction;
the file's journal (WAL) lets voters read and write at once, and a killed process loses nothing. Anything that
reads SQLite can read the table.
"""

import random
import secrets
import sqlite3
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from fastnst.contest import Contest, Pair
from fastnst.errors import ContestError
from fastnst.ranking import Standing, Vote, rank

APPLICATION = int.from_bytes(b"fnst", "big")  # in the file's header: whose it is
VERSION = 1
SHARES = {"left": 1.0, "equal": 0.5, "right": 0.0}
"""What a voter can say, and how much of the win that gives to the picture on the left."""

_TABLE = """
CREATE TABLE ballots (
    token TEXT PRIMARY KEY,
    voter TEXT NOT NULL,
    photo TEXT NOT NULL,
    painting TEXT NOT NULL,
    left_method TEXT NOT NULL,
    right_method TEXT NOT NULL,
    left_picture TEXT NOT NULL,   -- SHA-256 of the file
    right_picture TEXT NOT NULL,
    choice TEXT CHECK (choice IN ('left', 'equal', 'right')),  -- NULL until it is cast
    cast_at TEXT                  -- UTC
)
"""


@dataclass(frozen=True)
class Ballot:
    """A pair as one voter sees it.

    Args:
        token: counts once.
        pair: what is shown.
        left: id of the picture on the left.
        right: id of the picture on the right.
        judged: how many different pairs the voter has judged so far.
        pairs: how many there are that can be shown.
    """

    token: str
    pair: Pair
    left: str
    right: str
    judged: int
    pairs: int


@dataclass(frozen=True)
class Result:
    """What the votes on a contest say.

    Args:
        votes: how many there are.
        voters: of how many people.
        others: votes in the file that are on other pictures, and are not counted.
        ranking: of all paintings.
        paintings: title: ranking, where there are votes on several.
    """

    votes: int
    voters: int
    others: int
    ranking: list[Standing]
    paintings: dict[str, list[Standing]]


class Ballots:
    """The votes in one file, which is made if it is not there.

    Each call opens the file for itself, so that any thread and any process may vote.

    Args:
        path: the file.

    Raises:
        ContestError: the file is damaged, or another program's; as from every method.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            application, version = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("application_id", "user_version")
            )
            empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if empty:
                connection.execute(_TABLE)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
            elif application != APPLICATION:
                raise ContestError(f"{path} is another program's database: give --votes another name")
            elif version > VERSION:
                raise ContestError(f"{path} is a newer fastnst's: pip install --upgrade fastnst")
            elif (fault := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(" ".join(fault.split()))
            connection.execute("COMMIT")
            connection.execute("PRAGMA busy_timeout = 0")
            with suppress(sqlite3.OperationalError):  # others are at it; who opens the file next tries again
                connection.execute("PRAGMA journal_mode = WAL")  # the file remembers it

    def next(self, contest: Contest, voter: str, *, without: Container[str] = ()) -> Ballot | None:
        """The ballot that a voter has not cast yet, or a new one.

        A voter sees the pairs that they have judged least often; among those the ones with the fewest votes,
        and among those any. Which picture is on the left is left to chance.

        Args:
            contest: what is voted on.
            voter: their id.
            without: ids of pictures that cannot be shown.

        Returns:
            None if no pair can be shown.
        """
        usable = {ids: pair for ids, pair in contest.pairs.items() if not any(id in without for id in ids)}
        if not usable:
            return None
        votes: Counter[frozenset[str]] = Counter()
        own: Counter[frozenset[str]] = Counter()
        with self._transaction() as connection:
            for left, right, whose, count in connection.execute(
                "SELECT left_picture, right_picture, voter, count(choice) FROM ballots GROUP BY 1, 2, 3"
            ):
                votes[frozenset((left, right))] += count
                own[frozenset((left, right))] += count * (whose == voter)
            judged = sum(own[ids] > 0 for ids in usable)
            for token, left, right in connection.execute(
                "SELECT token, left_picture, right_picture FROM ballots "
                "WHERE voter = ? AND choice IS NULL ORDER BY rowid",
                (voter,),
            ):
                if (pair := usable.get(frozenset((left, right)))) is not None:
                    return Ballot(token, pair, left, right, judged, len(usable))
            ids = min(usable, key=lambda ids: (own[ids], votes[ids], random.random()))
            pair, token = usable[ids], secrets.token_urlsafe(16)
            (left_method, left), (right_method, right) = random.sample(
                [(method, pair.motif.pictures[method].id) for method in pair.methods], 2
            )
            connection.execute(
                "INSERT INTO ballots VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
                (token, voter, pair.motif.photo, pair.motif.painting, left_method, right_method, left, right),
            )
            return Ballot(token, pair, left, right, judged, len(usable))

    def cast(self, token: str, voter: str, choice: str, *, without: Container[str] = ()) -> bool:
        """Cast a ballot.

        Args:
            token: the ballot's.
            voter: whom it was shown to.
            choice: one of SHARES.
            without: ids of pictures that could not be shown.

        Returns:
            Whether it counts: it does once, for who it was shown to, if both pictures were there.
        """
        with self._transaction() as connection:
            shown = connection.execute(
                "SELECT left_picture, right_picture FROM ballots "
                "WHERE token = ? AND voter = ? AND choice IS NULL",
                (token, voter),
            ).fetchone()
            if shown is None or any(id in without for id in shown):
                return False
            now = datetime.now(timezone.utc).isoformat(timespec="seconds")
            connection.execute(
                "UPDATE ballots SET choice = ?, cast_at = ? WHERE token = ?", (choice, now, token)
            )
            return True

    def take_back(self, contest: Contest, voter: str) -> bool:
        """Make the vote that a voter cast last open again; it is shown to them next.

        Args:
            contest: what is voted on; votes on other pictures stay.
            voter: their id.

        Returns:
            Whether there was one.
        """
        with self._transaction() as connection:
            for token, left, right in connection.execute(
                "SELECT token, left_picture, right_picture FROM ballots "
                "WHERE voter = ? AND choice IS NOT NULL ORDER BY cast_at DESC, rowid DESC",
                (voter,),
            ).fetchall():
                if frozenset((left, right)) in contest.pairs:
                    connection.execute(
                        "UPDATE ballots SET choice = NULL, cast_at = NULL WHERE token = ?", (token,)
                    )
                    return True
        return False

    def result(self, contest: Contest) -> Result:
        """Rank a contest's methods by the votes on its pictures, on all paintings and on each."""
        votes: dict[str, list[Vote]] = {}
        voters, others = set(), 0
        with self._transaction() as connection:
            for left, right, choice, voter in connection.execute(
                "SELECT left_picture, right_picture, choice, voter FROM ballots WHERE choice IS NOT NULL"
            ):
                pair = contest.pairs.get(frozenset((left, right)))
                if pair is None:
                    others += 1
                    continue
                share = SHARES[choice] if left == pair.pictures[0].id else 1 - SHARES[choice]
                votes.setdefault(pair.motif.painting, []).append(Vote(*pair.methods, share))
                voters.add(voter)
        every = [vote for some in votes.values() for vote in some]
        each = {painting: rank(contest.methods, some) for painting, some in sorted(votes.items())}
        ranking = rank(contest.methods, every)
        return Result(len(every), len(voters), others, ranking, each if len(each) > 1 else {})

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction, which is kept if the block ends well."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as connection:
                yield connection
        except sqlite3.OperationalError as err:  # the system's: no such folder, no right, a full disk
            raise ContestError(f"cannot keep votes in {self.path}: {err}") from err
        except sqlite3.DatabaseError as err:
            raise ContestError(
                f"{self.path} is damaged, or not a votes file of fastnst ({err}): give --votes another name"
            ) from err
