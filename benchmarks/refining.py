"""How long Gatys' optimiser takes to a set loss: plain, by default, coarse to fine, from a network's picture.

    python benchmarks/refining.py --paintings FOLDER [--size 512] [PHOTO...]

The goal of each photo and style is what plain L-BFGS on pixels reaches from the photo in ``--steps``
evaluations, all in float32, on the loss that the style was trained for. The other ways have VGG-19 in the
precision that is fastest here: the default settings, the same from half the size on, and ``fastnst stylise
--refine``, which has what the style's file holds of the painting. They are judged in float32 by the painting,
every few evaluations and outside of their clock, and end where they are below the goal, or have had as long
or as many evaluations as the plain way. Writes benchmarks/refining.json after each way, goes on from there,
and draws benchmarks/refining.svg.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fastnst import (
    config,
    files,
    images,
    losses,
    memory,
    paintings,
    samples,
    style_file,
    style_targets,
    vgg_weights,
)
from fastnst.coarse_to_fine import Target, coarse_to_fine
from fastnst.engines import open_engine
from fastnst.environment import describe
from fastnst.grain import grained
from fastnst.losses import PerceptualLoss
from fastnst.mixtures import Part, targets
from fastnst.pixels import unpacked
from fastnst.refine import RefineSettings
from fastnst.run_settings import GatysSettings
from fastnst.settings import OptimiserSettings, recorded_loss
from fastnst.vgg import choose_dtype

HERE = Path(__file__).parent
STYLES = ("starry_night", "the_scream", "great_wave")
PHOTOS = ("sample:astronaut", "sample:chelsea", "sample:coffee")
EVERY = 5  # evaluations between judgements
LEVELS = 2  # of what goes from coarse to fine
HISTORY = 100  # of the plain way, as the field has it
PLAIN, QUICK, COARSE, REFINED = "plain", "default", "coarse to fine", "from the network's picture"
Curve = list[tuple[float, int, float]]  # seconds, evaluations and the float32 total, at full size


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="*", default=PHOTOS, help="files, or sample:NAME")
    parser.add_argument("--paintings", required=True, type=Path, help="the folder of the paintings' pictures")
    parser.add_argument("--styles", nargs="+", default=STYLES)
    parser.add_argument("--size", type=int, default=512, help="px, longer side")
    parser.add_argument("--steps", type=int, default=500, help="evaluations of the plain way")
    parser.add_argument("--out", type=Path, default=HERE / "refining.json")
    asked = parser.parse_args()
    memory.keep_freed()  # as the commands do
    known: dict[str, Any] = json.loads(asked.out.read_text()) if asked.out.is_file() else {"pairs": []}
    for number, photo in enumerate(asked.photos):
        for name in np.roll(asked.styles, -number):  # a first round has every photo and style once
            key = {"photo": Path(photo).stem, "style": str(name), "size": asked.size, "steps": asked.steps}
            one = next((pair for pair in known["pairs"] if key.items() <= pair.items()), None)
            if one is None:
                one = {**key, "curves": {}, "seconds": {}, "environment": describe(packages=("torch",))}
                known["pairs"].append(one)
            for way, found in measured(photo, str(name), asked, one["curves"]):
                one["curves"][way] = [[round(s, 2), n, round(total, 5)] for s, n, total in found]
                one["goal"] = min(total for _, _, total in one["curves"][PLAIN])
                one["seconds"][way] = next((s for s, _, t in one["curves"][way] if t <= one["goal"]), None)
                with files.atomic(asked.out) as partial:
                    partial.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
                print(photo, name, way, one["seconds"][way], flush=True)
    plot(known["pairs"], asked.out.with_suffix(".svg"))


def measured(
    photo: str, name: str, asked: argparse.Namespace, known: dict[str, Curve]
) -> Iterator[tuple[str, Curve]]:
    """The curves of one photo and style that are not known yet."""
    style = style_file.read(style_file.find(name))
    settings = config.typed(GatysSettings, config.load("gatys", ["painting=own"]))
    weights, fast = vgg_weights.load("original"), choose_dtype("auto", "cpu")
    exact, quick = (
        losses.build(recorded_loss(style.record), weights, strength=1, dtype=dtype)
        for dtype in (torch.float32, fast)
    )
    rgb = paintings.load(config.painting(name, str(asked.paintings)), style.record["painting"]["size"]).rgb
    parts = [Part(torch.from_numpy(rgb)[None], 1.0)]
    pixels = images.load(samples.resolve(photo), size=asked.size).pixels
    content = tensor(pixels)
    common = {"content": content, "judge": Judge(content, parts, exact), "steps": asked.steps}
    height = content.shape[2]
    if PLAIN in known:
        plain = known[PLAIN]
    else:
        how = replace(settings, precondition=False, history=HISTORY)
        plain = curve(exact, content, targets(parts, exact, height), how=how, levels=1, **common)
        yield PLAIN, plain
    ends = {"goal": min(total for _, _, total in plain), "limit": plain[-1][0], **common}
    at = targets(parts, quick, height)
    for way, levels in ((QUICK, 1), (COARSE, LEVELS)):
        if way not in known:
            yield way, curve(quick, content, at, how=settings, levels=levels, **ends)
    if REFINED not in known:
        started = perf_counter()
        network = tensor(open_engine(style).stylise(grained(pixels)[None])[0])
        begun = perf_counter() - started  # the network is not for free
        kept = Target(style_targets.stored(style, weights))
        refine = config.plain(RefineSettings, "refine/default")
        yield REFINED, curve(quick, network, lambda *_: kept, how=refine, levels=1, begun=begun, **ends)


class Judge:
    """The float32 loss of pictures at full size."""

    def __init__(self, content: Tensor, parts: list[Part], loss: PerceptualLoss) -> None:
        self.shape = content.shape
        self.loss = loss
        self.content = loss.content_target(content)
        self.style = targets(parts, loss, content.shape[2])(*content.shape[2:]).style

    def __call__(self, picture: Tensor) -> float:
        """Of one picture."""
        with torch.no_grad():
            return float(self.loss(picture, self.content, self.style).total)


class EndedError(Exception):
    """The goal is reached, or the time is up."""


def curve(
    loss: PerceptualLoss,
    init: Tensor,
    at: Callable[[int, int], Target],
    *,
    content: Tensor,
    judge: Judge,
    how: OptimiserSettings,
    steps: int,
    levels: int,
    goal: float = 0.0,
    limit: float = float("inf"),
    begun: float = 0.0,
) -> Curve:
    """That of one way."""
    found: Curve = []
    start, spent = perf_counter(), 0.0

    def see(number: int, picture: Tensor) -> None:
        nonlocal spent
        seconds = perf_counter() - start - spent + begun
        if picture.shape == judge.shape:
            before = perf_counter()
            found.append((seconds, number, judge(picture)))
            spent += perf_counter() - before
        if seconds > limit or (found and found[-1][2] <= goal):
            raise EndedError

    with suppress(EndedError):
        coarse_to_fine(
            content,
            at,
            loss,
            init=init,
            how=how,
            levels=levels,
            steps=steps,
            seconds=None,
            should_stop=lambda: False,
            snapshot_every=EVERY,
            on_snapshot=see,
        )
    return found


def tensor(pixels: Any) -> Tensor:
    """(H, W, 3) to (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(unpacked(pixels))[None]


def plot(pairs: list[dict[str, Any]], path: Path) -> None:
    """Loss over the goal against seconds over the plain way's, every pair and way."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots()
    for way, colour in ((PLAIN, "#888888"), (QUICK, "#2a9d5c"), (COARSE, "#1f6fb4"), (REFINED, "#d1495b")):
        ratios = [one["seconds"][way] / one["seconds"][PLAIN] for one in pairs if one["seconds"][way]]
        reached = f" at {median(ratios):.2f} of the time" if ratios else ""
        label = f"{way}: goal reached in {len(ratios)} of {len(pairs)} pairs{reached}"
        for number, one in enumerate(pairs):
            whole = one["curves"][PLAIN][-1][0]
            seen = one["curves"][way]
            xs, ys = [s / whole for s, _, _ in seen], [t / one["goal"] for _, _, t in seen]
            axes.plot(xs, ys, color=colour, alpha=0.7, linewidth=1.2, label=label if number == 0 else None)
    axes.set(xscale="log", xlabel="time, of the plain way's", ylabel="loss, times the goal", ylim=(0.98, 2.4))
    axes.set(
        xlim=(0.005, 1.1), xticks=(0.01, 0.03, 0.1, 0.3, 1), xticklabels=("0.01", "0.03", "0.1", "0.3", "1")
    )
    axes.axhline(1, color="#444444", linewidth=0.8, linestyle=":")
    axes.legend(loc="upper right", edgecolor="none", framealpha=0.9, fontsize=9)
    figure.savefig(path)


if __name__ == "__main__":
    main()
