"""A comparison as one page that needs nothing else: pictures, curves and tables in a single file."""

import base64
import io
import json
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image
from plotly.offline import get_plotlyjs

from fastnst import config, files
from fastnst.artefacts import KINDS
from fastnst.settings import flat

LARGEST, PAINTING = 512, 320  # px, the longer side of pictures on the page
QUALITY = 90  # of WebP
DIGITS = 4  # of the curves
WAYS = ("fast", "crossing", "gatys")

Values = Mapping[str, Any]


def write(path: Path, results: Values, folder: Path) -> None:
    """Write the page of a comparison.

    Args:
        path: an .html file.
        results: what ``results.json`` holds.
        folder: where its pictures and traces lie.

    Raises:
        FastNSTError: the system refuses to write there.
    """
    text = _template().render(
        results=results,
        picture=lambda name: _picture(folder / name, PAINTING if name.endswith("painting.png") else LARGEST),
        sentences=in_short(results),
        worse=worse(results["pairs"]),
        overview=_rows(results["summary"], results["pairs"]),
        shown=[
            (pair, _rows({way: dict(flat(pair[way] or {})) for way in WAYS})) for pair in results["pairs"]
        ],
        curves=[_curve(pair, folder) for pair in results["pairs"]],
        command=_command(results["settings"]),
        settings=dict(flat(results["settings"])),
        kinds=KINDS,
        plotly=get_plotlyjs(),
    )
    with files.atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "times": times}
    return environment.get_template("compare.html")


def in_short(results: Values) -> list[str]:
    """The findings, a sentence each."""
    found, steps = results["summary"], results["settings"]["steps"]
    if not found["pairs"]:
        return ["No pair is finished yet."]
    speed, ratio = found["speed_up"], found["loss_ratio"]["total"]
    pairs = found["pairs"]
    start = f"In the median of {pairs} pairs, each figure by itself, the" if pairs > 1 else "The"
    sentences = [
        f"{start} network takes {number(found['fast']['ms']['median'])} ms a picture, the optimiser "
        f"{number(found['gatys']['seconds']['median'])} s for its {steps} evaluations: "
        f"{_times(speed['equal_budget'])} longer."
    ]
    if found["overtaken"]:
        sentences.append(
            f"The optimiser overtakes it at evaluation {number(found['overtaken_at']['median'])}: at equal "
            f"quality the network is {_times(speed['equal_quality'])} faster."
        )
    if missed := found["pairs"] - found["overtaken"]:
        sentences.append(
            f"In {missed} of {found['pairs']} pairs it does not overtake within {steps} evaluations."
        )
    if ratio is not None:
        sentences.append(f"In the end the network's loss is {_times(ratio)} the optimiser's.")
    return sentences


def worse(pairs: Sequence[Values]) -> list[str]:
    """Where the network falls short of the optimiser's whole budget, a sentence each."""
    sentences = []
    for term, label in (("total", "whole loss"), ("content", "content term"), ("style", "style term")):
        both = [(pair["fast"]["losses"][term], pair["gatys"]["losses"][term], _named(pair)) for pair in pairs]
        higher = [(fast / slow, title) for fast, slow, title in both if fast > slow > 0]
        if higher:
            most, title = max(higher)
            sentences.append(
                f"The {label} is higher than the optimiser's in {len(higher)} of {len(pairs)} pairs, at most "
                f"{number(most)} times ({title})."
            )
    for name, kind in KINDS.items():
        scores = [
            (pair["fast"]["artefacts"][name], pair["gatys"]["artefacts"][name])
            for pair in pairs
            if name in (pair["fast"]["artefacts"] or ())
        ]
        fast, slow = (sum(score[way] > kind.limit for score in scores) for way in (0, 1))
        if fast > slow:
            sentences.append(
                f"{name.capitalize()} is above the limit at which it begins to show in {fast} of its "
                f"pictures, in {slow} of the optimiser's."
            )
    return sentences


def number(value: float | None) -> str:
    """For people: three digits or more, thousands apart."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return "0" if value == 0 else f"{value:.3g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def times(ratio: float) -> str:
    """A ratio to three digits, with its sign."""
    return f"{number(float(f'{ratio:.3g}'))}\N{MULTIPLICATION SIGN}"


def _times(spread: Values) -> str:
    return f"{number(float(format(spread['median'], '.3g')))} times"


def _rows(
    values: Mapping[str, Any], pairs: Sequence[Values] = ()
) -> list[tuple[str, list[tuple[str, list[Any], str]]]]:
    """Groups of rows of a table: what is measured, its value each way, and in how many pairs ours is worse.

    Args:
        values: of each of ``WAYS``, figures or their spreads by dotted names.
        pairs: to count in; none to leave that out.
    """
    names = list(values["fast"])
    losses = {name: name.removeprefix("losses.") for name in names if name.startswith("losses.")}
    raw = {name: label.removeprefix("raw/") for name, label in losses.items() if label.startswith("raw/")}
    groups = {
        "Loss, weighted": {
            name: label
            for name, label in losses.items()
            if name not in raw and any(_above_0(values[way].get(name)) for way in WAYS)
        },
        "Distance of each layer, before its weight": {
            name: label.replace("/", " ").replace("_coarse", ", smaller") for name, label in raw.items()
        },
        "Defects": {f"artefacts.{kind}": kind for kind in KINDS if f"artefacts.{kind}" in names},
        "Likeness to the photo": {"ssim": "SSIM", "content_distance": "VGG-19 distance"},
        "Memory": {"peak_mb": "peak, MB"},
    }
    found = []
    for heading, rows in groups.items():
        judged = heading not in ("Likeness to the photo", "Memory")
        found.append(
            (
                heading,
                [
                    (label, [values[way].get(name) for way in WAYS], _count(name, pairs) if judged else "")
                    for name, label in rows.items()
                    if any(values[way].get(name) is not None for way in WAYS)
                ],
            )
        )
    return [(heading, rows) for heading, rows in found if rows]


def _above_0(value: Any) -> bool:
    return bool(value["max"] if isinstance(value, dict) else value)


def _count(name: str, pairs: Sequence[Values]) -> str:
    """In how many pairs the network has the larger figure at the end."""
    both = [(dict(flat(pair["fast"])).get(name), dict(flat(pair["gatys"])).get(name)) for pair in pairs]
    known = [(fast, slow) for fast, slow in both if fast is not None and slow is not None]
    return f"{sum(fast > slow for fast, slow in known)} of {len(known)}" if known else ""


def _curve(pair: Values, folder: Path) -> dict[str, Any]:
    """What the page draws of a pair's optimisation."""
    trace = json.loads((folder / pair["trace"]).read_text(encoding="utf-8"))
    terms = {
        term: [None if record[term] is None else float(f"{record[term]:.{DIGITS}g}") for record in trace]
        for term in ("total", "content", "style")
    }
    seconds = [round(record["seconds"], 2) for record in trace]
    goal = {term: pair["fast"]["losses"][term] for term in terms}
    named = {"title": _named(pair), "style": pair["style"], "overtaken": pair["overtaken_at"]}
    return {**named, "seconds": seconds, "terms": terms, "goal": goal}


def _picture(path: Path, side: int) -> str:
    """A picture as a data URI, no larger than the page needs it."""
    with Image.open(path) as image:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        image.save(file, "WEBP", quality=QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _command(settings: Values) -> str:
    """The command that does the same again."""
    words = [
        f"{name}=[{','.join(map(config.item, value))}]"
        if isinstance(value, list)
        else f"{name}={config.item(value)}"
        for name, value in flat(settings)
    ]
    return shlex.join(["fastnst", "compare", *words])


def _named(pair: Mapping[str, Any]) -> str:
    return f"{pair['photo']} as {pair['title']}"
