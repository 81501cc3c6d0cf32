"""What a study shows: its pictures and losses in a sentence of measured numbers, for or against the claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from fastnst.pixels import LUMA, Floats


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
    found = {cell.label: _correlation(cell.picture, cell.photo) for cell in rows[0]}
    values = list(found.values())
    text = f"Correlation with the photo, pixel by pixel: {_listed(found, '.2f')}."
    captions = [[f"{label}\ncorrelation {value:.2f}" for label, value in found.items()]]
    confirmed = _falls(values) and values[0] > 0.95
    return Finding(text, confirmed, {"correlation": _rounded(found)}, captions)


def _style_layers(rows: Rows) -> Finding:
    found = {cell.label: _grain(cell.picture) for cell in rows[0]}
    kept = max(abs(_correlation(cell.picture, _like(cell.painting, cell.picture))) for cell in rows[0])
    painting = _grain(rows[0][0].painting)
    text = (
        f"Neighbours look alike over {', '.join(f'{value:.1f}' for value in found.values())} px as layers are "
        f"added, and over {painting:.1f} px in the painting; no picture's correlation with the painting "
        f"itself is above {kept:.2f}."
    )
    captions = [[f"{label}\ngrain of {value:.1f} px" for label, value in found.items()]]
    numbers = {"grain": _rounded(found), "grain_of_painting": round(painting, 2), "arrangement": round(kept, 3)}
    return Finding(text, _falls([-value for value in found.values()]) and kept < 0.5, numbers, captions)


def _three_paintings(rows: Rows) -> Finding:
    moved = [[_levels(cell.picture, cell.photo) for cell in row] for row in rows]
    left = [[_left(cell, "raw/style/") for cell in row] for row in rows]
    text = (
        f"With beta = 0.05 the photo changes by {_range(moved[0], '.1f')} of 255 levels and "
        f"{_range(left[0], '.0%')} of its distance from the style is left; with beta = 40 by "
        f"{_range(moved[1], '.1f')} levels, and {_range(left[1], '.0%')} is left. "
        "Losses here are means over activations of a mean of 1, so beta needs another value than where they are sums."
    )
    captions = [
        [
            f"{cell.label}\n{style:.0%} of the distance from the style left"
            for cell, style in zip(row, line, strict=True)
        ]
        for row, line in zip(rows, left, strict=True)
    ]
    numbers = {"levels_changed": _nested(moved), "style_left": _nested(left)}
    return Finding(text, max(left[0]) < 0.5, numbers, captions)


def _shallow_or_deep(rows: Rows) -> Finding:
    ends = ("raw/style/relu1_1", "raw/style/relu5_1")
    left = [[[_left(cell, end) for end in ends] for cell in row] for row in rows]
    grain = [[_grain(cell.picture) for cell in row] for row in rows]
    shallow, _, deep = left[0]
    text = (
        f"With all weight on conv1_1, {shallow[0]:.1%} of its distance from the style is left and "
        f"{shallow[1]:.0%} of conv5_1's; with all on conv5_1, {deep[1]:.1%} of its own and {deep[0]:.0%} of "
        f"conv1_1's. From noise, neighbours look alike over {grain[1][0]:.1f} px by conv1_1, "
        f"{grain[1][1]:.1f} by all layers and {grain[1][2]:.1f} by conv5_1."
    )
    captions = [
        [f"{cell.label}\nleft: conv1_1 {a:.0%}, conv5_1 {b:.0%}" for cell, (a, b) in zip(row, line, strict=True)]
        for row, line in zip(rows, left, strict=True)
    ]
    numbers = {"left_of_conv1_1_and_conv5_1": _nested(left), "grain": _nested(grain)}
    return Finding(text, shallow[1] > deep[1] and grain[1][2] > grain[1][0], numbers, captions)


def _terms(rows: Rows) -> Finding:
    shares = [[_share(record) for record in row[0].trace] for row in rows]
    literal, ours = ([line[0], line[-1]] for line in shares)
    text = (
        f"From the photo, all of the loss is style at first ({literal[0]:.0%}). With beta = 0.05 it is "
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
        f"From the lowest weight of style to the highest, what is left of the distance from the style falls "
        f"from {style[0]:.1%} to {style[-1]:.2%}, and the distance from the photo's content rises from "
        f"{content[0]:.2f} to {content[-1]:.2f}; with equal weights {equal:.1%} is left."
    )
    lines = iter(
        f"{cell.label}\nstyle left {a:.1%}, content moved {b:.2f}"
        for cell, a, b in zip(cells, style, content, strict=True)
    )
    numbers = {"style_left": _nested(style), "content_moved": _nested(content)}
    confirmed = _falls(style) and _falls([-value for value in content])
    return Finding(text, confirmed, numbers, [[next(lines) for _ in row] for row in rows])


def _starts(rows: Rows) -> Finding:
    cells = [cell for row in rows for cell in row]
    losses = {cell.label: cell.best["total"] for cell in cells}
    apart = {
        f"{one.label} / {other.label}": _levels(one.picture, other.picture)
        for one, other in combinations(cells, 2)
    }
    spread = max(losses.values()) / min(losses.values())
    text = (
        f"Losses end at {_listed(losses, '.3g')}: the highest is {spread:.2f} times the lowest. Two of the "
        f"pictures differ by {_range(list(apart.values()), '.0f')} of 255 levels, the two from noise by "
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
    each = [1000 * cell.seconds / len(cell.trace) for cell in (best, lbfgs)]
    did = (
        f"reaches it in {reached['evaluation']:.0f} evaluations and {reached['seconds']:.1f} s, and ends at "
        if reached
        else "does not reach it, and ends at "
    )
    text = (
        f"Adam's best is {best.label.removeprefix('Adam, ')}: loss {goal:.3g} after {len(best.trace)} "
        f"evaluations, {best.seconds:.1f} s. L-BFGS {did}{lbfgs.best['total']:.3g}. One evaluation takes "
        f"{each[0]:.0f} ms with Adam, {each[1]:.0f} ms with L-BFGS."
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
        next((int(record["evaluation"]) for record in slow.trace if record["total"] <= fast.best["total"]), None)
        for fast, slow in zip(network, gatys, strict=True)
    ]
    known = [count for count in needed if count is not None]
    text = (
        f"The network takes {_range([1000 * cell.seconds for cell in network], '.1f')} ms a photo, the optimiser "
        f"{_range([cell.seconds for cell in gatys], '.0f')} s, {_range(faster, ',.0f')} times longer. The "
        f"network's loss is {_range(ratios, '.2f')} times the optimiser's, which "
        + (f"passes it after {_range(known, 'd')} evaluations." if known else "does not pass it.")
    )
    captions = [
        [f"loss {cell.best['total']:.3g}, {1000 * cell.seconds:.1f} ms" for cell in network],
        [f"loss {cell.best['total']:.3g}, {cell.seconds:.1f} s" for cell in gatys],
    ]
    numbers = {"loss_ratio": _nested(ratios), "times_faster": _nested(faster), "evaluations_to_pass": needed}
    confirmed = min(faster) >= 100 and all(count is None or count >= 20 for count in needed)
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


def _correlation(one: Floats, other: Floats) -> float:
    """Of all values of two pictures, -1 to 1; 0 if one is flat."""
    if not one.std() or not other.std():
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _levels(one: Floats, other: Floats) -> float:
    """Root mean square difference of two pictures, of 255 levels."""
    return 255 * float(np.sqrt(np.mean(np.square(one - other))))


def _grain(picture: Floats) -> float:
    """How far apart, px, pixels still are more alike than not: where the autocorrelation falls below a half."""
    grey = np.tensordot(np.asarray(LUMA), picture, 1)
    height, width = grey.shape
    if not grey.std():
        return 0.0
    # Padded with zeros, since a picture does not go on at its other side.
    power = np.abs(np.fft.rfft2(grey - grey.mean(), s=(2 * height, 2 * width))) ** 2
    alike = np.fft.irfft2(power)
    right = alike[0, : width // 2] / np.arange(width, width - width // 2, -1)
    down = alike[: height // 2, 0] / np.arange(height, height - height // 2, -1)
    length = min(right.size, down.size)
    mean = right[:length] / right[0] + down[:length] / down[0]  # falls from 2
    below = np.flatnonzero(mean < 1)
    if not below.size:
        return float(length)
    i = int(below[0])
    return float(i - (1 - mean[i]) / (mean[i - 1] - mean[i]))


def _like(painting: Floats, picture: Floats) -> Floats:
    """The painting in the size of the picture, stretched."""
    from fastnst.images import resize

    return resize(painting, picture.shape[1], picture.shape[2])


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
