"""``fastnst base``: the network that trainings begin with."""

from pathlib import Path
from typing import TYPE_CHECKING

from fastnst.cli import SettingsCommand, say

if TYPE_CHECKING:
    from omegaconf import DictConfig

TEXT = """
Usage: fastnst base paintings=[NAME,NAME,...] [SETTING=VALUE ...]

Train a network for other trainings to begin with: one body for many paintings. For network=fast one ships,
which went on with a single painting; this is for other networks, or for paintings of another kind.

  fastnst base paintings=[starry_night,the_kiss,great_wave] data=folder data.path=photos network=tiny
  fastnst train painting.image=mine.jpg network=tiny init=bases/tiny.safetensors

Settings, with --cfg job to see them all: paintings (names of presets, or files), dir (where they lie),
network, loss, data and data.path, trainer.max_steps, init (a base to go on from), resume, seed, out. Ctrl-C
saves and says how to go on.
"""


def run(argv: list[str]) -> None:
    """Train a base with ``key=value`` settings."""
    from fastnst import config
    from fastnst.application import application
    from fastnst.run_settings import BaseSettings

    def job(cfg: "DictConfig", run_dir: Path) -> None:
        settings = config.typed(BaseSettings, cfg)

        from fastnst.base_run import train_base
        from fastnst.cli.bar import terminal_bar

        with terminal_bar() as report:
            say(str(train_base(settings, run_dir, report=report)), to_stdout=True)

    def destination(cfg: "DictConfig") -> Path:
        from fastnst.base_run import destination

        return destination(config.typed(BaseSettings, cfg))

    application("base", job, argv, destination=destination)


command = SettingsCommand("base", TEXT, run)
