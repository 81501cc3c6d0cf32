"""What people look at: contact sheets of pictures with captions, and plots of losses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastnst.files import atomic
from fastnst.images import resize, to_pil

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL import Image, ImageDraw, ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

PAPER, INK, GREY = (255, 255, 255), (28, 28, 30), (110, 110, 115)
TERMS = {"total": "#1c1c1e", "content": "#c2452d", "style": "#2b6cb0", "tv": "#6b8e23"}
DASHES = ("-", "--", ":", "-.")


def sheet(
    rows: Sequence[Sequence[NDArray[np.float32] | None]],
    *,
    captions: Sequence[Sequence[str]] = (),
    title: str = "",
    note: str = "",
    height: int = 256,
    text: int | None = None,
) -> Image.Image:
    """Pictures in rows, each row equally high, with words below each.

    Args:
        rows: (3, H, W) in [0, 1], of any sizes; None leaves a gap.
        captions: for each row, each picture: lines, the first darker than the others; long ones are wrapped.
            Those of a gap stand in it.
        title: above all.
        note: lines below the title; long ones are wrapped.
        height: of every picture, px.
        text: height of the letters, px; None for one that suits the pictures.
    """
    from PIL import Image, ImageDraw

    margin = max(8, height // 16)
    text = text or max(11, height // 18)
    said = title + note + "".join(caption for line in captions for caption in line)
    fonts = [_font(text, said), _font(round(text * 0.9), said)]
    large = _font(round(text * 1.7), said)
    columns = max((len(row) for row in rows), default=0)
    pictures = [[None if rgb is None else _scaled(rgb, height) for rgb in row] for row in rows]
    widths = [
        max((row[i].width for row in pictures if i < len(row) and row[i] is not None), default=height // 2)  # type: ignore[union-attr]
        for i in range(columns)
    ]
    words = [
        [_wrapped(caption, fonts, width) for caption, width in zip(line, widths, strict=False)]
        for line in captions
    ]
    leading = round(text * 1.45)
    below = [
        max((len(lines) for i, lines in enumerate(line) if row[i] is not None), default=0) * leading
        for row, line in zip(rows, words, strict=False)
    ]
    below += [0] * (len(rows) - len(below))
    gap = margin // 2
    bottoms = [height + (gap + needed if needed else 0) for needed in below]
    wide = sum(widths) + margin * (columns + 1)
    if title:
        wide = max(wide, math.ceil(large.getlength(title)) + 2 * margin)
    noted = _wrapped(note, fonts, wide - 2 * margin)
    under_title = margin + (round(text * 1.7 * 1.3) + margin if title else 0)
    top = under_title + (len(noted) * leading + margin if noted else 0)
    high = top + sum(bottoms) + margin * max(1, len(rows))
    page = Image.new("RGB", (wide, high), PAPER)
    draw = ImageDraw.Draw(page)
    if title:
        draw.text((margin, margin), title, fill=INK, font=large)
    _write(draw, (margin, under_title), noted, fonts, leading)
    y = top
    for number, row in enumerate(pictures):
        x = margin
        for i, picture in enumerate(row):
            if picture is not None:
                page.paste(picture, (x, y))
            if number < len(words) and i < len(words[number]):
                under = 0 if picture is None else height + gap
                _write(draw, (x, y + under), words[number][i], fonts, leading)
            x += widths[i] + margin
        y += bottoms[number] + margin
    return page


def _font(size: int, said: str) -> Font:
    """Pillow's own font, which has ASCII alone; for other letters matplotlib's."""
    from PIL import ImageFont

    if not said.isascii() and (spec := find_spec("matplotlib")) and spec.origin:
        path = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


def _scaled(rgb: NDArray[np.float32], height: int) -> Image.Image:
    """An 8-bit picture of that height, aspect kept."""
    width = max(1, round(rgb.shape[2] * height / rgb.shape[1]))
    return to_pil(resize(np.clip(rgb, 0, 1), height, width))


def _wrapped(caption: str, fonts: Sequence[Font], width: int) -> list[tuple[str, int]]:
    """Lines no wider than ``width`` px, where words allow it, each with the number of its font."""
    lines = []
    for number, line in enumerate(caption.splitlines()):
        which = min(number, 1)
        current = ""
        for word in line.split():
            longer = f"{current} {word}".lstrip()
            if current and fonts[which].getlength(longer) > width:
                lines.append((current, which))
                longer = word
            current = longer
        lines.append((current, which))
    return lines


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    lines: Sequence[tuple[str, int]],
    fonts: Sequence[Font],
    leading: int,
) -> None:
    for number, (line, which) in enumerate(lines):
        draw.text((place[0], place[1] + number * leading), line, fill=(INK, GREY)[which], font=fonts[which])


def trace_plot(
    traces: Mapping[str, Sequence[Mapping[str, Any]]], path: str | Path, *, title: str = ""
) -> None:
    """Plot every loss term of one or several runs: weighted ones on the left, raw ones on the right.

    Args:
        traces: name of the run: its ``GatysResult.trace``.
        path: a .png, .svg or .pdf.
        title: above all.

    Raises:
        FastNSTError: the system refuses to write there.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # no pyplot: it keeps figures, and asks for a screen

    figure = Figure(figsize=(12, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    weighted, raw = figure.subplots(1, 2)
    several = len(traces) > 1
    for (run, trace), dash in zip(traces.items(), DASHES * len(traces), strict=False):
        label = f"{run}: " if several else ""
        for term, colour in TERMS.items():
            style = {"color": colour, "linestyle": dash, "linewidth": 2.0 if term == "total" else 1.3}
            _line(weighted, trace, term, label + term, style)
        kinds = {"raw/content/": "Oranges", "raw/style/": "Blues", "raw/tv": "Greens"}
        for prefix, colours in kinds.items():
            names = [name for name in (trace[0] if trace else ()) if name.startswith(prefix)]
            for name, colour in zip(names, _shades(colours, len(names)), strict=True):
                style = {"color": colour, "linestyle": dash, "linewidth": 1.3}
                _line(raw, trace, name, label + name.removeprefix("raw/").replace("/", " "), style)
    for axes, heading in (
        (weighted, "Weighted terms, whose sum is minimised"),
        (raw, "Raw distance of each layer"),
    ):
        axes.set_title(heading, fontsize=11, loc="left")
        axes.set_xlabel("evaluations of the loss")
        if axes.lines:
            axes.set_yscale("log")
            usual = min(float(np.nanmedian(np.asarray(line.get_ydata(), float))) for line in axes.lines)
            axes.set_ylim(bottom=max(axes.get_ylim()[0], usual / 5))  # the first content term may be tiny
            axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
        axes.grid(alpha=0.25, linewidth=0.6)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    if title:
        figure.suptitle(title, fontsize=13, x=0.01, ha="left")
    with atomic(path) as partial:
        figure.savefig(partial, dpi=120)


def _line(
    axes: Axes, trace: Sequence[Mapping[str, Any]], term: str, label: str, style: Mapping[str, Any]
) -> None:
    """One term; gaps where it is 0 or no number, for which a logarithm has no place."""
    values = [float(record[term]) if record.get(term) is not None else math.nan for record in trace]
    seen = [value if 0 < value < math.inf else math.nan for value in values]
    if any(value == value for value in seen):
        axes.plot([record["evaluation"] for record in trace], seen, label=label, **style)


def _shades(colours: str, count: int) -> list[Any]:
    """From light to dark: shallow layers to deep ones."""
    from matplotlib import colormaps

    return (
        [colormaps[colours](part) for part in np.linspace(0.45, 0.95, max(count, 1))][-count:]
        if count
        else []
    )
