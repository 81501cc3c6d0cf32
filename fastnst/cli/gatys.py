"""``fastnst gatys``: one picture, optimised itself."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastnst.cli import SettingsCommand, printable, say

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from fastnst.gatys import GatysResult

TEXT = """
Usage: fastnst gatys content=PHOTO [painting=NAME | painting.image=FILE] [out=FILE] [SETTING=VALUE ...]

Repaint one photo by optimising its pixels: the method of Gatys, Ecker and Bethge, in minutes, on the losses
that networks are trained on.

  fastnst gatys content=photo.jpg painting=starry_night out=picture.png
  fastnst gatys content=sample:chelsea painting=brushstrokes size=256 steps=100   nothing else needed
  fastnst gatys content=photo.jpg painting.image=mine.jpg preset=quaglia
  fastnst gatys -m content=photo.jpg painting=starry_night,the_scream 'out=${painting.name}.png'

painting=starry_night and the other presets need the painting's own file, in painting.dir (paintings/).

The settings used most; --cfg job prints all:
  content (a file or sample:NAME), painting, painting.image, painting.size (px: smaller gives finer strokes)
  paintings (several, with weights: {starry_night: 1, mine.jpg: 0.5}), masks (where: {mine.jpg: sky.png})
  colours (painting; match: brought to the photo's; photo: its own), style_scale (2: larger strokes)
  size (px, longer side of the picture), steps (evaluations of the loss), seconds (at most)
  optimizer (lbfgs, adam), lr (adam's), precondition (false: L-BFGS as the papers have it)
  levels (auto, 1, 2 ...: from coarse to fine), tile (memory)
  init (content, noise, style, style:NAME for a network's picture, or a picture's file), seed
  normalise_gradients, snapshot_every, device (auto, cpu, cuda, mps), out (gatys.png)
  preset (default; gatys2016: the paper's; quaglia, nedeljkovic), loss (gatys, fastnst, johnson, ...)
  loss.style_weight

Beside OUT go its .trace.json and .trace.png: the loss of every evaluation. Ctrl-C keeps the best so far.
"""


def run(argv: list[str]) -> None:
    """Optimise one picture with ``key=value`` settings."""
    from fastnst import config
    from fastnst.application import application
    from fastnst.run_settings import GatysSettings

    def job(cfg: "DictConfig", run_dir: Path) -> None:
        settings = config.typed(GatysSettings, cfg)

        from fastnst.cli.bar import terminal_bar
        from fastnst.gatys_run import run

        with terminal_bar() as report:
            outcome = run(settings, report=report)
        result = outcome.result
        say(click.format_filename(outcome.picture), to_stdout=True)
        say(
            f"loss {_fall(result)} in {result.evaluations} evaluations, "
            f"{result.seconds:.0f} s; {printable(str(outcome.plot))} shows it"
        )
        if outcome.signal is not None:
            say(f"fastnst: stopped; {printable(str(outcome.picture))} is the best so far")
            raise SystemExit(128 + outcome.signal)

    application("gatys", job, argv)


def _fall(result: "GatysResult") -> str:
    """The loss, and how far it fell at the picture's own size; not so if it was stopped before."""
    first, best = result.at_full_size[0], result.best["total"]
    whole = max(result.picture.shape[-2:])
    if first.get("size", whole) != whole:
        return f"{best:.4g}"
    share = f" ({best / first['total']:.1%})" if first["total"] else ""
    return f"{first['total']:.4g} to {best:.4g}{share}"


command = SettingsCommand("gatys", TEXT, run)
