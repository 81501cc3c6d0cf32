"""``fastnst compare``: the fast network against the per-picture optimiser."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastnst.cli import SettingsCommand, printable, say

if TYPE_CHECKING:
    from omegaconf import DictConfig

TEXT = """
Usage: fastnst compare [content=PHOTO] [style=STYLE] [size=PX] [steps=N] [out=FOLDER] [SETTING=VALUE ...]

Paint photos both ways, with a style's network and with Gatys' optimiser, on the loss that the style was
trained for, and report losses, times, memory, likeness and defects of both, and when the optimiser overtakes.

  fastnst compare content=photo.jpg style=starry_night out=comparison
  fastnst compare content=photos/ 'style=[starry_night,mine.safetensors]' 'size=[256,512]' steps=1000
  fastnst compare paintings_dir=~/paintings              four photos that come along, in four styles: hours

The settings used most; --cfg job prints all:
  content (files, folders, sample:NAME), style (names, files), size (px, longer side): one or a [list,of,them]
  steps (evaluations of the loss), optimizer (lbfgs, adam), history, init (content, noise), seed
  paintings_dir (where the styles' paintings lie), device (auto, cpu, cuda, mps), vgg.precision,
  out (comparison)

OUT gets report.html, results.json, all pictures and every loss of every evaluation. Stopped, by Ctrl-C or by
kill -9, the same command goes on with what is left.
"""


def run(argv: list[str]) -> None:
    """Compare with ``key=value`` settings."""
    from fastnst import config
    from fastnst.application import application
    from fastnst.run_settings import CompareSettings

    def job(cfg: "DictConfig", run_dir: Path) -> None:
        settings = config.typed(CompareSettings, cfg)

        from fastnst.cli.bar import terminal_bar
        from fastnst.compare_report import in_short
        from fastnst.compare_run import run

        with terminal_bar() as report:
            path, results = run(settings, report=report)
        say(click.format_filename(path), to_stdout=True)
        for sentence in in_short(results):
            say(printable(sentence))

    application("compare", job, argv)


command = SettingsCommand("compare", TEXT, run)
