"""``fastnst train``: one network for one painting."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fastnst.cli import SettingsCommand, say

if TYPE_CHECKING:
    from omegaconf import DictConfig

TEXT = """
Usage: fastnst train [painting=NAME | painting.image=FILE] [SETTING=VALUE ...]

Train a style: one network that repaints any photo like one painting.

  fastnst train painting.image=mine.jpg data.size=128 trainer.max_steps=200    a first look, in minutes
  fastnst train painting=starry_night data=folder data.path=photos             on your own photos
  fastnst train painting=starry_night data=coco                                on COCO, from the hub
  fastnst train -m painting=starry_night,the_scream data=coco                  one after the other

painting=starry_night and the other presets need the painting's own file, in painting.dir (paintings/).

The settings used most; --cfg job prints all:
  painting, painting.image, painting.dir, painting.size (px: smaller gives finer strokes), painting.strength
  network (fast, tiny, johnson, johnson_half), loss (fastnst, johnson, gatys), loss.style_weight
  calibration.content_share (higher is wilder), network.arguments.smooth (0: for strokes across and down)
  data (coco, folder, samples), data.path, data.size, data.batch_size, data.limit, data.val_path
  trainer.max_steps, optim.lr, init (auto: a base that ships; scratch; a style), seed, logger (csv,
  tensorboard)
  ~loss.style_layers.relu5_1 leaves a layer out, +loss.style_layers.relu3_3=1 adds one
  out (the style file; styles/NAME.safetensors), resume (a run folder: goes on exactly where it stopped)

Losses, checkpoints and contact sheets go to runs/DATE_TIME/. Ctrl-C saves and says how to go on.
"""


def run(argv: list[str]) -> None:
    """Train with ``key=value`` settings."""
    from fastnst import config
    from fastnst.application import application
    from fastnst.run_settings import TrainSettings

    def job(cfg: "DictConfig", run_dir: Path) -> None:
        settings = config.typed(TrainSettings, cfg)

        from fastnst.cli.bar import terminal_bar
        from fastnst.training_run import train

        first = os.environ.get("LOCAL_RANK", "0") == "0"  # Lightning runs this once for each device
        with terminal_bar() as report:
            out = train(settings, run_dir, report=report if first else None)
        if first:
            say(str(out), to_stdout=True)

    def destination(cfg: "DictConfig") -> Path:
        from fastnst.training_run import destination

        return destination(config.typed(TrainSettings, cfg))

    application("train", job, argv, destination=destination)


command = SettingsCommand("train", TEXT, run)
