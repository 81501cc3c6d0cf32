"""Draws quality against speed: held-out loss over ms a picture at 512 px, from measured JSON.

    python benchmarks/chart.py benchmarks/speed.json benchmarks/quality.json docs/pictures/speed.png

A network is a row, a point on it an engine and precision. The loss is the mean over the paintings that every
network of the chart was trained for.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter
from matplotlib.transforms import Bbox

EAGER = "eager torch"
INK, GREY, PALE = "#1c1c1e", "#6e6e73", "#d9d9de"
KINDS = {  # colour and marker, in the order of the legend
    (EAGER, "float32"): ("#c2452d", "X"),
    ("torch", "float32"): ("#9a9aa2", "o"),
    ("openvino", "float32"): ("#2b6cb0", "o"),
    ("openvino", "bfloat16"): ("#2b6cb0", "s"),
}
USUAL = "eager PyTorch, as usually run"
TICKS = [factor * power for power in (0.1, 1, 10, 100, 1000, 10000) for factor in (1, 2, 3, 5)]  # ms


def mean_losses(quality: dict[str, Any], networks: set[str]) -> dict[str, float]:
    """Held-out total of each network, over the paintings that all of them have."""
    paintings = quality["paintings"].values()
    measured = {name for losses in paintings for name in losses} & networks
    shared = [losses for losses in paintings if measured <= losses.keys()]
    if not shared:
        raise SystemExit("there is no painting for which every network has a loss")
    return {name: sum(losses[name]["total"] for losses in shared) / len(shared) for name in measured}


def draw(
    records: list[dict[str, Any]], losses: dict[str, float], *, size: int, loss_size: int, paintings: int
) -> Figure:
    """The chart.

    Args:
        records: of ``fastnst bench``.
        losses: by network.
        size: px, which records count.
        loss_size: px, of the photos of the losses.
        paintings: how many the losses are the mean of.
    """
    shown = [
        one
        for one in records
        if one["size"] == size
        and one["batch"] == 1
        and one["network"] in losses
        and (one["engine"], one["precision"]) in KINDS
    ]
    figure = Figure(figsize=(8, 4), dpi=200, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _style(axes, shown, losses)
    title = f"Time for one {size}x{size} px photo, and held-out loss at {loss_size} px"
    figure.suptitle(title, x=0.015, y=0.965, ha="left", color=INK)
    machine = shown[0]["environment"]["cpu"]
    of = "one painting" if paintings == 1 else f"{paintings} paintings"
    axes.set_xlabel(
        f"ms a picture, {shown[0]['threads']} threads of {machine} (log scale)", color=GREY, fontsize=8.5
    )
    axes.set_ylabel(f"held-out total loss, mean of {of}", color=GREY, fontsize=8.5)
    marks: list[tuple[float, float]] = []
    for network, loss in losses.items():
        own = [one for one in shown if one["network"] == network]
        times = [one["ms_median"] for one in own]
        axes.plot([min(times), max(times)], [loss, loss], color=PALE, linewidth=1.2, zorder=1)
        for one in own:
            colour, marker = KINDS[one["engine"], one["precision"]]
            axes.scatter(
                one["ms_median"], loss, s=90 if marker == "X" else 42, color=colour, marker=marker, zorder=3
            )
            marks.append((one["ms_median"], loss))
    for (engine, precision), (colour, marker) in KINDS.items():
        if any((one["engine"], one["precision"]) == (engine, precision) for one in shown):
            label = USUAL if engine == EAGER else f"fastnst, {engine} {precision}"
            axes.scatter([], [], color=colour, marker=marker, s=42, label=label)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=len(KINDS),
        frameon=False,
        fontsize=7.5,
        labelcolor=GREY,
        handletextpad=0.1,
        columnspacing=1.2,
        borderaxespad=0,
    ).set_in_layout(False)
    _label(axes, shown, losses, marks)
    return figure


def _style(axes: Axes, shown: list[dict[str, Any]], losses: dict[str, float]) -> None:
    times = [one["ms_median"] for one in shown]
    axes.set_xscale("log")
    axes.set_xlim(min(times) / 1.8, max(times) * 1.8)
    axes.set_ylim(0, 1.3 * max(losses.values()))
    axes.xaxis.set_major_locator(FixedLocator(TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.grid(color="#f0f0f3", zorder=0)
    axes.tick_params(colors=GREY, length=0, labelsize=8)
    for side in axes.spines.values():
        side.set_visible(False)


def _label(
    axes: Axes, shown: list[dict[str, Any]], losses: dict[str, float], marks: list[tuple[float, float]]
) -> None:
    """Write times at points and names at rows, each at the first place where nothing else stands."""
    figure = axes.figure
    assert isinstance(figure, Figure)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    figure.canvas.draw()
    corners = axes.transData.transform(marks)
    taken = [Bbox.from_bounds(x - 14, y - 14, 28, 28) for x, y in corners]
    for one in shown:
        loss, ms = losses[one["network"]], one["ms_median"]
        places = [(ms, "center", 0, -14), (ms, "center", 0, 8), (ms, "left", 8, -3), (ms, "right", -8, -3)]
        _place(axes, f"{ms:.3g}", loss, places, taken, color=GREY, fontsize=7.5)
    for network, loss in sorted(losses.items(), key=lambda item: item[1]):
        own = sorted((one for one in shown if one["network"] == network), key=lambda one: one["ms_median"])
        words = f"{network}, {own[0]['parameters'] / 1000:,.0f} k weights, loss {loss:.2f}"
        ends = ((own[0]["ms_median"], "left", -4), (own[-1]["ms_median"], "right", 4))
        places = [(ms, side, right, up) for up in (9, -27, 20, -38) for ms, side, right in ends]
        places += [(own[-1]["ms_median"], "left", 12, -3), (own[0]["ms_median"], "right", -12, -3)]
        _place(axes, words, loss, places, taken, color=INK, fontsize=9)


def _place(
    axes: Axes,
    words: str,
    loss: float,
    places: list[tuple[float, str, int, int]],
    taken: list[Bbox],
    **look: Any,
) -> None:
    """Write at the first place (ms, alignment, points right, points up) that overlaps nothing, or nowhere."""
    inside = axes.figure.bbox
    for ms, alignment, right, up in places:
        text: Text = axes.annotate(
            words,
            (ms, loss),
            (right, up),
            textcoords="offset points",
            ha=alignment,
            zorder=2,
            path_effects=[withStroke(linewidth=2, foreground="white")],
            **look,
        )
        box = text.get_window_extent().padded(2)
        if box.x0 > inside.x0 and box.x1 < inside.x1 and not any(box.overlaps(other) for other in taken):
            taken.append(box)
            return
        text.remove()
    print(f"no place for {words!r}")


def main() -> None:
    """Read, draw, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("speed", type=Path, help="of fastnst bench --json")
    parser.add_argument("quality", type=Path, help="held-out losses by painting and network")
    parser.add_argument("out", type=Path, help="a PNG")
    parser.add_argument("--size", type=int, default=512, help="px")
    asked = parser.parse_args()
    records = json.loads(asked.speed.read_text())
    quality = json.loads(asked.quality.read_text())
    losses = mean_losses(quality, {one["network"] for one in records})
    paintings = sum(losses.keys() <= known.keys() for known in quality["paintings"].values())
    figure = draw(records, losses, size=asked.size, loss_size=quality["size_px"], paintings=paintings)
    figure.savefig(asked.out)


if __name__ == "__main__":
    main()
