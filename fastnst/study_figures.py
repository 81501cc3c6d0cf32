"""What a study looks like: a labelled grid of its pictures, and plots where it is about losses over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastnst.files import atomic
from fastnst.findings import Finding, Measured, Rows
from fastnst.pixels import Floats
from fastnst.report import sheet, trace_plot
from fastnst.study import StudySettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 224  # px, of each picture in the grid
TEXT = 17  # px
COLUMNS = 4  # where pictures simply follow each other
Cells = list[tuple["Floats | None", str]]  # pictures and captions, side by side


def grid(study: StudySettings, rows: Rows, labels: Sequence[str], finding: Finding, path: Path) -> None:
    """Write a study's pictures side by side, the photo and the painting before them.

    Args:
        study: what it is about.
        rows: the cells.
        labels: of the rows.
        finding: with a caption for each picture.
        path: a picture's file.

    Raises:
        FastNSTError: the system refuses to write there.
    """
    lines: list[Cells] = []
    for row, captions in zip(rows, finding.captions, strict=True):
        pictures = [picture for cell in row for picture in (*cell.frames.values(),) or (cell.picture,)]
        lines.append(list(zip(pictures, captions, strict=True)))
    first = rows[0][0]
    inputs: Cells = [
        (first.photo, "The photo") if shown == "photo" else (first.painting, "The painting")
        for shown in study.shows
    ]
    if study.paintings or study.photos:
        varied = "painting" if study.paintings else "photo"
        header: Cells = [(getattr(cell, varied), f"The {varied}: {cell.label}") for cell in rows[0]]
        lines = [[(None, label), *line] for label, line in zip(labels, lines, strict=True)]
        lines.insert(0, inputs + header)
    elif len(lines) == 1:
        flow = inputs + lines[0]
        columns = min(COLUMNS, math.ceil(len(flow) / 2))
        lines = [flow[start : start + columns] for start in range(0, len(flow), columns)]
    else:
        leads = [*inputs, *[(None, "")] * len(lines)]
        lines = [[lead, *line] for lead, line in zip(leads, lines, strict=False)]
    verdict = "agrees" if finding.confirmed else "does not agree"
    evaluations = max(len(cell.trace) for row in rows for cell in row)  # a network's picture needs none
    at = f"At {max(first.picture.shape)} px and {evaluations} evaluations"
    page = sheet(
        [[picture for picture, _ in line] for line in lines],
        captions=[[caption for _, caption in line] for line in lines],
        title=study.title,
        note=f"{finding.text}\n{at} this {verdict} with {study.source}: {study.claim}.",
        height=HEIGHT,
        text=TEXT,
    )
    with atomic(path) as partial:
        page.save(partial)


def plots(name: str, rows: Rows, folder: Path) -> list[Path]:
    """Write the plots of a study that is about losses over time, to files called plot*.png.

    Raises:
        FastNSTError: the system refuses to write there.
    """
    cells = [cell for row in rows for cell in row]
    if name == "terms":
        paths = [folder / f"plot-{number}.png" for number in range(1, len(cells) + 1)]
        for cell, path in zip(cells, paths, strict=True):
            trace_plot({cell.label: cell.trace}, path, title=cell.label)
        return paths
    if name == "optimisers":
        _races(cells, folder / "plot.png")
        return [folder / "plot.png"]
    return []


def _races(cells: Sequence[Measured], path: Path) -> None:
    """Plot the loss of several runs over evaluations and over seconds."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # no pyplot: it keeps figures, and asks for a screen

    figure = Figure(figsize=(11, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    colours = ("#f2c14e", "#e8963e", "#d4602f", "#a63a4f", "#6b2d5c", "#1c1c1e")
    for cell, colour in zip(cells, colours * len(cells), strict=False):
        for axes, key in ((left, "evaluation"), (right, "seconds")):
            _race(axes, cell.trace, key, cell.label, colour)
    left.set(xlabel="evaluations of the loss", ylabel="loss", yscale="log")
    right.set(xlabel="seconds")
    right.legend(fontsize=9, frameon=False, loc="upper right")
    for axes in (left, right):
        axes.grid(alpha=0.25, linewidth=0.6)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    with atomic(path) as partial:
        figure.savefig(partial, dpi=120)


def _race(axes: Axes, trace: Sequence[Mapping[str, Any]], key: str, label: str, colour: str) -> None:
    width = 2.2 if label.startswith("L-BFGS") else 1.4
    axes.plot(
        [record[key] for record in trace],
        [record["total"] for record in trace],
        label=label,
        color=colour,
        linewidth=width,
    )
