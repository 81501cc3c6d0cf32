"""What a study shows: its pictures and losses in a sentence of measured numbers, for or against the claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any

from fastnst.likeness import correlation, levels, stretched
from fastnst.pixels import Floats


@dataclass(frozen=True, eq=False)
class Measured:
    """One cell, done.

    Args:
        label: what tells it from the others of its row.
        picture: (3, H, W) in [0, 1].
        photo, painting: what it was made of, likewise.
        best: ``LossTerms.values()`` of the picture.
        trace: of every evaluation; empty for a network.
        seconds: it took.
        frames: pictures along the way, by evaluation.
    """

    label: str
    picture: Floats
    photo: Floats
    painting: Floats
    best: Mapping[str, float]
    trace: Sequence[Mapping[str, float]]
    seconds: float
    frames: Mapping[int, Floats] = field(default_factory=dict)


Rows = Sequence[Sequence[Measured]]


@dataclass(frozen=True)
class Finding:
    """What was measured.

    Args:
        text: a sentence or two.
        confirmed: whether it is as the source of the study says.
        numbers: those of the text, and some more.
        captions: of each picture in the figure, row by row.
    """

    text: str
    confirmed: bool
    numbers: dict[str, Any]
    captions: list[list[str]]


def find(name: str, rows: Rows) -> Finding:
    """The finding of the study of that name, from its cells, row by row."""
    return FINDINGS[name](rows)


def _content_layers(rows: Rows) -> Finding:
    found = {cell.label: correlation(cell.picture, cell.photo) for cell in rows[0]}
    values = list(found.values())
    text = f"Correlation with the photo, pixel by pixel: {_listed(found, '.2f')}."
    captions = [[f"{label}\ncorrelation {value:.2f}" for label, value in found.items()]]
    confirmed = _falls(values) and values[0] > 0.95
    return Finding(text, confirmed, {"correlation": _rounded(found)}, captions)


def _style_layers(rows: Rows) -> Finding:
    layers = [f"raw/style/relu{block}_1" for block in range(1, 6)]
    left = [[_left(cell, layer) for layer in layers] for cell in rows[0]]
    deepest = [line[-1] for line in left]
    alike = max(abs(correlation(cell.picture, stretched(cell.painting, cell.picture))) for cell in rows[0])
    text = (
        f"In conv5_1, which sees farthest, {', '.join(f'{part:.0%}' for part in deepest)} of the noise's "
        "distance from the painting is left as layers are added one by one; the highest correlation "
        f"of a picture with the painting itself is {alike:.2f}."
    )
    captions = [
        f"{cell.label}\nleft in conv1_1 {line[0]:.0%}, in conv5_1 {line[-1]:.0%}"
        for cell, line in zip(rows[0], left, strict=True)
    ]
    numbers = {"left_by_layer": _nested(left), "arrangement": round(alike, 3)}
    return Finding(text, deepest[-1] < deepest[0] / 2 and alike < 0.5, numbers, [captions])


def _three_paintings(rows: Rows) -> Finding:
    moved = [[levels(cell.picture, cell.photo) for cell in row] for row in rows]
    left = [[_left(cell, "raw/style/") for cell in row] for row in rows]
    text = (
        f"With beta = 0.05 the photo changes by {_range(moved[0], '.1f')} of 255 levels and "
        f"{_range(left[0], '.0%')} of its distance from the style is left; with beta = 40 by "
        f"{_range(moved[1], '.1f')} levels, and {_range(left[1], '.0%')} is left. "
        "Losses here are means, over activations whose mean is 1: the source's scale is not known."
    )
    captions = [
        [
            f"{cell.label}\n{style:.0%} of the distance from the style left"
            for cell, style in zip(row, line, strict=True)
        ]
        for row, line in zip(rows, left, strict=True)
    ]
    numbers = {"levels_changed": _nested(moved), "style_left": _nested(left)}
    return Finding(text, max(left[0]) < 0.2, numbers, captions)


def _shallow_or_deep(rows: Rows) -> Finding:
    cells = [cell for row in rows for cell in row]
    first, last = ([_left(cell, f"raw/style/{layer}") for cell in cells] for layer in ("relu1_1", "relu5_1"))
    text = (
        f"With all weight on conv1_1, {first[0]:.1%} of its distance from the style is left and "
        f"{last[0]:.0%} of conv5_1's; with all on conv5_1, {last[-1]:.1%} of its own, and "
        f"{first[-1]:.0%} of conv1_1's."
    )
    lines = iter(
        f"{cell.label}\nleft: conv1_1 {shallow:.0%}, conv5_1 {deep:.0%}"
        for cell, shallow, deep in zip(cells, first, last, strict=True)
    )
    numbers = {"left_of_conv1_1": _nested(first), "left_of_conv5_1": _nested(last)}
    confirmed = first[0] < first[-1] and last[-1] < last[0]
    return Finding(text, confirmed, numbers, [[next(lines) for _ in row] for row in rows])


def _terms(rows: Rows) -> Finding:
    shares = [[_share(record) for record in row[0].trace] for row in rows]
    literal, ours = ([line[0], line[-1]] for line in shares)
    text = (
        f"At the first evaluation {literal[0]:.0%} of the loss is style. With beta = 0.05 it is "
        f"{literal[1]:.0%} style in the end, with beta = 40 it is {ours[1]:.0%}."
    )
    captions = [
        [f"{row[0].label}, step {step}\nstyle: {line[step - 1]:.0%} of the loss" for step in row[0].frames]
        for row, line in zip(rows, shares, strict=True)
    ]
    numbers = {"style_share_first_and_last": {"beta 0.05": _nested(literal), "beta 40": _nested(ours)}}
    return Finding(text, min(literal) > 0.5, numbers, captions)


def _ratios(rows: Rows) -> Finding:
    cells = [cell for row in rows for cell in row]
    style = [_left(cell, "raw/style/") for cell in cells]
    content = [_raw(cell.best, "raw/content/") for cell in cells]
    equal = next(left for cell, left in zip(cells, style, strict=True) if cell.label == "equal")
    text = (
        f"From the lowest weight of style to the highest, what is left of the distance from the style goes "
        f"from {style[0]:.1%} to {style[-1]:.2%}, and the distance from the photo's content from "
        f"{content[0]:.2g} to {content[-1]:.2g}; with equal weights {equal:.1%} is left."
    )
    lines = iter(
        f"{cell.label}\nstyle left {a:.1%}, content moved {b:.2g}"
        for cell, a, b in zip(cells, style, content, strict=True)
    )
    numbers = {"style_left": _nested(style), "content_moved": _nested(content)}
    confirmed = style[0] > 2 * style[-1] and content[-1] > 2 * content[0]
    return Finding(text, confirmed, numbers, [[next(lines) for _ in row] for row in rows])


def _starts(rows: Rows) -> Finding:
    cells = [cell for row in rows for cell in row]
    losses = {cell.label: cell.best["total"] for cell in cells}
    apart = {
        f"{one.label} / {other.label}": levels(one.picture, other.picture)
        for one, other in combinations(cells, 2)
    }
    ends = ", ".join(f"{loss:.3g} {label}" for label, loss in losses.items())
    spread = max(losses.values()) / min(losses.values())
    text = (
        f"Losses end at {ends}: the highest is {spread:.2f} times the lowest. Any two of "
        f"the pictures differ by {_range(list(apart.values()), '.0f')} of 255 levels, the two from noise by "
        f"{list(apart.values())[-1]:.0f}."
    )
    captions = [[f"{cell.label}\nloss {cell.best['total']:.3g}" for cell in row] for row in rows]
    numbers = {"loss": _rounded(losses), "spread": round(spread, 3), "levels_apart": _rounded(apart)}
    return Finding(text, spread < 1.25, numbers, captions)


def _optimisers(rows: Rows) -> Finding:
    cells = [cell for row in rows for cell in row]
    *adams, lbfgs = cells
    best = min(adams, key=lambda cell: cell.best["total"])
    goal = best.best["total"]
    reached = next((record for record in lbfgs.trace if record["total"] <= goal), None)
    did = (
        f"reaches it in {reached['evaluation']:.0f} evaluations and {reached['seconds']:.1f} s, and ends at "
        if reached
        else "does not reach it, and ends at "
    )
    text = (
        f"Adam's best is {best.label.removeprefix('Adam, ')}: loss {goal:.3g} after {len(best.trace)} "
        f"evaluations, {best.seconds:.1f} s. L-BFGS {did}{lbfgs.best['total']:.3g}."
    )
    captions = [
        [f"{cell.label}\nloss {cell.best['total']:.3g}, {cell.seconds:.1f} s" for cell in row] for row in rows
    ]
    numbers = {
        "loss": _rounded({cell.label: cell.best["total"] for cell in cells}),
        "best_adam": best.label,
        "lbfgs_evaluations": reached and int(reached["evaluation"]),
        "lbfgs_seconds": reached and round(reached["seconds"], 2),
    }
    return Finding(text, lbfgs.best["total"] <= goal, numbers, captions)


def _fast_or_slow(rows: Rows) -> Finding:
    network, gatys = rows
    ratios = [fast.best["total"] / slow.best["total"] for fast, slow in zip(network, gatys, strict=True)]
    faster = [slow.seconds / fast.seconds for fast, slow in zip(network, gatys, strict=True)]
    needed = [
        next(
            (int(record["evaluation"]) for record in slow.trace if record["total"] <= fast.best["total"]),
            None,
        )
        for fast, slow in zip(network, gatys, strict=True)
    ]
    known = [count for count in needed if count is not None]
    text = (
        f"The network takes {_range([1000 * cell.seconds for cell in network], '.1f')} ms a photo, the "
        f"optimiser {_range([cell.seconds for cell in gatys], '.0f')} s: "
        f"{_range(faster, ',.0f')} times longer. The network's loss is {_range(ratios, '.2f')} times the "
        "optimiser's, which "
        + (f"passes it after {_range(known, 'd')} evaluations" if known else "does not pass it")
        + (f", in {len(known)} of {len(needed)} photos." if 0 < len(known) < len(needed) else ".")
    )
    captions = [
        [f"loss {cell.best['total']:.3g}, {1000 * cell.seconds:.1f} ms" for cell in network],
        [f"loss {cell.best['total']:.3g}, {cell.seconds:.1f} s" for cell in gatys],
    ]
    numbers = {"loss_ratio": _nested(ratios), "times_faster": _nested(faster), "evaluations_to_pass": needed}
    ran = [len(slow.trace) if count is None else count for count, slow in zip(needed, gatys, strict=True)]
    confirmed = min(faster) >= 500 and min(ran) >= 50
    return Finding(text, confirmed, numbers, captions)


FINDINGS: dict[str, Callable[[Rows], Finding]] = {
    "content_layers": _content_layers,
    "style_layers": _style_layers,
    "three_paintings": _three_paintings,
    "shallow_or_deep": _shallow_or_deep,
    "terms": _terms,
    "ratios": _ratios,
    "starts": _starts,
    "optimisers": _optimisers,
    "fast_or_slow": _fast_or_slow,
}


def _raw(values: Mapping[str, float], prefix: str) -> float:
    """Sum of the raw distances whose names begin so."""
    return sum(value for name, value in values.items() if name.startswith(prefix))


def _left(cell: Measured, prefix: str) -> float:
    """What is left of raw distances, as a part of those at the start; 0 if there were none."""
    start = _raw(cell.trace[0], prefix)
    return _raw(cell.best, prefix) / start if start else 0.0


def _share(record: Mapping[str, float]) -> float:
    """The style term's part of the loss; 0 if there is none."""
    return record["style"] / record["total"] if record["total"] else 0.0


def _falls(values: Sequence[float]) -> bool:
    """Whether no value is above the one before it."""
    return all(later <= former for former, later in pairwise(values))


def _range(values: Sequence[float], form: str) -> str:
    """The least and the most, or one number if they look the same."""
    low, high = format(min(values), form), format(max(values), form)
    return low if low == high else f"{low} to {high}"


def _listed(values: Mapping[str, float], form: str) -> str:
    return ", ".join(f"{label} {format(value, form)}" for label, value in values.items())


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {label: float(f"{value:.4g}") for label, value in values.items()}


def _nested(values: Any) -> Any:
    """The same numbers with four digits."""
    return [_nested(value) for value in values] if isinstance(values, list) else float(f"{values:.4g}")
