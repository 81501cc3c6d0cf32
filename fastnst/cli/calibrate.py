"""``fastnst calibrate``: what training decides by itself for a painting, shown."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastnst.cli import SettingsCommand, printable, say

if TYPE_CHECKING:
    from omegaconf import DictConfig

TEXT = """
Usage: fastnst calibrate [painting=NAME | painting.image=FILE] [out=FILE] [SETTING=VALUE ...]

Show what training decides by itself for a painting: the size at which its style is measured, the balance of
the style layers, and the weight of the style, with a contact sheet of the weights that were tried.

  fastnst calibrate painting=starry_night
  fastnst calibrate painting.image=mine.jpg out=strengths.png
  fastnst calibrate painting=brushstrokes                    nothing else needed

The settings used most; --cfg job prints all:
  painting, painting.image, painting.size (px, or auto), loss.style_weight, loss.balance
  calibration.content_share (higher is wilder), calibration.style_weights (those that are tried), device,
  out (NAME-strengths.png)

Training takes the same settings: fastnst train painting=starry_night calibration.content_share=0.3
"""


def run(argv: list[str]) -> None:
    """Calibrate with ``key=value`` settings."""
    from fastnst import config
    from fastnst.application import application
    from fastnst.run_settings import CalibrateSettings

    def job(cfg: "DictConfig", run_dir: Path) -> None:
        settings = config.typed(CalibrateSettings, cfg)

        from fastnst.calibrate_run import run
        from fastnst.cli.bar import terminal_bar

        with terminal_bar() as report:
            out, found = run(settings, report=report)
        for reason in found.reasons:
            say(printable(reason), to_stdout=True)
        if out is not None:
            say(click.format_filename(out), to_stdout=True)
        else:
            say("fastnst: no sheet: no style weight had to be tried (loss.style_weight=auto)")

    def destination(cfg: "DictConfig") -> Path:
        from fastnst.calibrate_run import destination

        return destination(config.typed(CalibrateSettings, cfg))

    application("calibrate", job, argv, destination=destination)


command = SettingsCommand("calibrate", TEXT, run)
