"""``fastnst vote``: which method's pictures are better, by eye."""

import json
from typing import TYPE_CHECKING, Any

import click

from fastnst.cli import printable, say
from fastnst.errors import ContestError
from fastnst.interrupts import Stopped, terminable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastnst.ballots import Result
    from fastnst.ranking import Standing

EXAMPLES = """\b
Examples:
  fastnst vote painted_fast/ painted_gatys/ --photos holiday/ --painting starry_night.jpg
  fastnst vote compared/
  fastnst vote compared/ --ranking
"""


@click.command("vote", no_args_is_help=True, epilog=EXAMPLES)
@click.argument("results", nargs=-1, required=True, metavar="RESULT...")
@click.option(
    "--photos", metavar="FOLDER", help="The original photos, under the same names, to show them too."
)
@click.option("--painting", metavar="FILE", help="The painting, to show it too.")
@click.option(
    "--votes", default="votes.sqlite", show_default=True, metavar="FILE", help="Where the votes are kept."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8042, show_default=True, help="Of the page; 0 for any."
)
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
@click.option("--ranking", is_flag=True, help="Print what the votes say so far, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print the ranking as JSON.")
def command(
    results: tuple[str, ...],
    photos: str | None,
    painting: str | None,
    votes: str,
    port: int,
    open_page: bool,
    ranking: bool,
    as_json: bool,
) -> None:
    """Judge by eye: a page shows two methods' pictures of one photo, unnamed, and asks which is better.

    RESULT is a folder with one method's pictures; give several, in which a photo's pictures have the same
    name. Or it is a folder that `fastnst compare` wrote, with all of them.

    The page is for browsers on this machine; its address goes to stdout. The ranking is that of Bradley and
    Terry, with 95 % intervals.
    """
    from fastnst import contest
    from fastnst.ballots import Ballots
    from fastnst.files import typed_path

    path = typed_path(votes)
    if (ranking or as_json) and not path.exists():
        raise ContestError(f"there are no votes yet in {path}: the same command without --ranking takes some")
    found = contest.read(
        [typed_path(result) for result in results],
        photos=None if photos is None else typed_path(photos),
        painting=None if painting is None else typed_path(painting),
    )
    ballots = Ballots(path)
    if ranking or as_json:
        result = ballots.result(found)
        say(json.dumps(_record(result), indent=2) if as_json else _text(result), to_stdout=True)
        return

    from fastnst.web import guard
    from fastnst.web.voting import application

    listener = guard.listen(port)
    address = f"http://{guard.HOST}:{listener.getsockname()[1]}/"
    methods = ", ".join(found.methods)
    say(printable(f"{len(found.pairs)} pairs of pictures by {methods}; votes go to {path}; Ctrl-C ends it"))
    say(address, to_stdout=True)
    if open_page:
        click.launch(address)
    try:
        with terminable():
            guard.server(application(found, ballots)).run(sockets=[listener])
    except KeyboardInterrupt as err:
        status = getattr(err, "status", 130)
        raise Stopped(
            status - 128,
            f"stopped; the votes are in {path}, and the same command with --ranking shows what they say",
        ) from err


def _text(result: "Result") -> str:
    """The ranking as a table, and each painting's below."""
    lines = [f"{_counted(result.votes, 'vote')} of {_counted(result.voters, 'voter')}"]
    if result.others:
        lines[0] += f"; {result.others} more are on other pictures and are not counted"
    lines += ["", *_table(result.ranking)]
    for title, standings in result.paintings.items():
        lines += ["", printable(title) or "no painting named", *_table(standings)]
    return "\n".join(lines)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _table(standings: "Sequence[Standing]") -> list[str]:
    from fastnst.ranking import notes

    rows = [("METHOD", "VOTES", "WINS", "SCORE", "95 %", "PREFERRED", "95 %")]
    for row in standings:
        name = printable(row.method.replace("\n", " "))
        score = chance = ("-", "-")
        if row.score is not None and row.chance is not None:
            score = f"{round(row.score.value, 2) + 0:+.2f}", f"{row.score.low:+.2f} to {row.score.high:+.2f}"
            chance = f"{row.chance.value:.0%}", f"{row.chance.low:.0%} to {row.chance.high:.0%}"
        rows.append((name, str(row.votes), f"{row.wins:g}", *score, *chance))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return [*lines, *map(printable, notes(standings))]


def _record(result: "Result") -> dict[str, Any]:
    """The ranking as JSON values."""
    return {
        "votes": result.votes,
        "voters": result.voters,
        "not_counted": result.others,
        "ranking": [_values(row) for row in result.ranking],
        "paintings": {title: [_values(row) for row in rows] for title, rows in result.paintings.items()},
    }


def _values(row: "Standing") -> dict[str, Any]:
    estimates = {"score": row.score, "preferred": row.chance}
    named = {key: value and value._asdict() for key, value in estimates.items()}
    return {
        "method": row.method,
        "votes": row.votes,
        "wins": row.wins,
        **named,
        "preferred_to": "the other" if row.duel else "the average",
        "group": row.group,
        "corrected": row.corrected,
    }
