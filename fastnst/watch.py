"""What a training shows while it runs, and where it stops."""

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, cast

import pytorch_lightning as pl
import torch
from torch import Tensor

from fastnst import files
from fastnst.crops import HeldOutDataset
from fastnst.guard import Guard
from fastnst.interrupts import postponed
from fastnst.progress import Progress, Report
from fastnst.report import sheet

logger = logging.getLogger(__name__)

SHEET_PHOTOS = 4


class Watched(Protocol):
    """A module that can be watched."""

    title: str  # of what it does: "training"
    steps: int  # at which it ends
    guard: Guard  # of its loss
    device: torch.device

    def picture(self, seen: Tensor) -> Tensor:
        """What it makes of what it sees, ``(B, 3, H, W)``, as it is now."""


class Watch(pl.Callback):
    """Reports every step, paints contact sheets of held-out photos, and stops between two steps on a signal.

    Args:
        run_dir: takes ``samples/000250.png`` and so on.
        photos: whose first few are painted.
        every: steps between sheets; None for no sheets.
        report: is told of each step.
    """

    def __init__(
        self, run_dir: Path, photos: HeldOutDataset, *, every: int | None, report: Report | None
    ) -> None:
        self.folder = run_dir / "samples"
        self.photos = [photos[index] for index in range(min(SHEET_PHOTOS, len(photos)))]
        self.every = every
        self.report = report
        self.signals: list[int] = []
        self._listening = ExitStack()

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Listen from here on: earlier, Lightning would put handlers of its own in the way."""
        self.signals = self._listening.enter_context(postponed("step"))

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Listen no longer."""
        self._listening.close()

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        """Listen no longer."""
        self._listening.close()

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Say how the network does on photos that it is not trained on."""
        total = trainer.callback_metrics.get("val/total")
        if total is not None and trainer.is_global_zero and trainer.state.fn == "fit":
            logger.info("step %d: held-out loss %.3f", trainer.global_step, total)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After a batch, of which a step may have several."""
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        step = trainer.global_step
        watched = cast(Watched, module)
        if self.report is not None and trainer.is_global_zero:
            self.report(Progress(watched.title, step, watched.steps, note=f"loss {watched.guard.usual:.3f}"))
        if self.every is not None and step % self.every == 0 and trainer.is_global_zero:
            self.paint(watched, step)
        if trainer.strategy.reduce_boolean_decision(bool(self.signals), all=False):
            trainer.should_stop = True
            trainer.limit_val_batches = 0  # nor does a checkpoint wait for all held-out photos

    def paint(self, module: Watched, step: int) -> None:
        """Write the contact sheet of one step: photos above, pictures below."""
        photos, seen = torch.stack(self.photos).unbind(1)
        with torch.no_grad():
            pictures = (
                torch.cat([module.picture(each[None]) for each in seen.to(module.device)]).float().cpu()
            )
        rows = [[photo.numpy() for photo in photos], [picture.numpy() for picture in pictures]]
        with files.atomic(self.folder / f"{step:06}.png") as partial:
            sheet(rows).save(partial)
