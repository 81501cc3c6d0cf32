"""Lightning's Trainer, quiet, and with the settings as they stand."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger
from pytorch_lightning.utilities.exceptions import MisconfigurationException  # type: ignore[attr-defined]
from torch import Tensor

from fastnst import checkpoints, devices, grid, style_file
from fastnst.base_training import BaseTraining
from fastnst.data import Photos
from fastnst.errors import ConfigError, FastNSTError, TrainingError
from fastnst.interrupts import Stopped, terminable
from fastnst.progress import Report
from fastnst.run_settings import RunSettings
from fastnst.strength import StrengthTraining
from fastnst.training import PhotoData, StyleTraining
from fastnst.vgg import bfloat16_pays, stride
from fastnst.watch import Watch

logger = logging.getLogger(__name__)


def device(accelerator: str) -> torch.device:
    """Where to measure beside a training: on its device, but for those that Lightning alone knows."""
    return torch.device(accelerator if accelerator in ("cpu", "cuda", "mps") else "cpu")


def accelerator(settings: RunSettings) -> str:
    """Lightning's name of where to train: what the settings say, or the best that is here."""
    asked = str(settings.trainer.get("accelerator", "auto"))
    return devices.choose("auto").type if asked in ("auto", "gpu") else asked


def write(out: Path, state: Mapping[str, Tensor], record: Mapping[str, Any], run_dir: Path) -> None:
    """Write what was trained, in half precision: half the file, and pictures move by less than a level.

    Raises:
        TrainingError: it cannot be written; how to try again.
    """
    try:
        style_file.write(
            out, {name: value.half().cpu().contiguous().numpy() for name, value in state.items()}, record
        )
    except FastNSTError as err:
        raise TrainingError(
            f"{err}; nothing is lost: the same command with resume={run_dir} and another out= writes it"
        ) from err


def trainer(
    settings: RunSettings,
    run_dir: Path,
    accelerator: str,
    callbacks: list[pl.Callback],
    *,
    log: bool = True,
    **changes: Any,
) -> pl.Trainer:
    """Lightning's Trainer with the settings as they stand, but for changes.

    Raises:
        ConfigError: it does not take them.
    """
    chosen = {**settings.trainer, **changes}
    if chosen.get("precision") == "auto":
        chosen["precision"] = "bf16-mixed" if bfloat16_pays(accelerator) else "32-true"
    losses_log: Logger | bool = log and CSVLogger(run_dir, name="", version="", flush_logs_every_n_steps=1)
    if log and settings.logger == "tensorboard":
        try:
            losses_log = TensorBoardLogger(run_dir, name="", version="")
        except ModuleNotFoundError as err:
            raise ConfigError("logger=tensorboard needs: pip install 'fastnst[tensorboard]'") from err
    try:
        with quiet():
            return pl.Trainer(
                **chosen,
                max_epochs=-1,
                check_val_every_n_epoch=None,
                num_sanity_val_steps=0,
                logger=losses_log,
                enable_checkpointing=log,
                callbacks=callbacks,
                plugins=[checkpoints.AtomicCheckpoints()],
                enable_progress_bar=False,
                enable_model_summary=False,
                use_distributed_sampler=False,
                overfit_batches=0.0,  # it would put a sampler of its own in
                limit_train_batches=1.0,  # it would show the same crops again
                default_root_dir=run_dir,
            )
    except (TypeError, ValueError, RuntimeError, ImportError, MisconfigurationException) as err:
        raise ConfigError(f"trainer: {str(err).splitlines()[0]}") from err


def fit(
    module: StyleTraining | BaseTraining | StrengthTraining,
    photos: Photos,
    settings: RunSettings,
    run_dir: Path,
    accelerator: str,
    *,
    seed: int,
    checkpoint: Path | None = None,
    aside: bool = False,
    report: Report | None = None,
    **changes: Any,
) -> tuple[pl.Trainer, PhotoData]:
    """Train a module to its last step.

    Args:
        module: what is trained.
        photos: from ``data.prepare``.
        settings: of the run.
        run_dir: takes losses, checkpoints and contact sheets.
        accelerator: Lightning's name of where.
        seed: of order, crops and flips.
        checkpoint: to go on from.
        aside: keep nothing in ``run_dir``: short, and begun anew if it is stopped.
        report: is told of each step.
        changes: to ``settings.trainer``.

    Raises:
        ConfigError: Lightning does not take the settings.
        TrainingError: the loss was no number or exploded, or there was nothing to do.
        Stopped: Ctrl-C or SIGTERM; the state is saved.
    """
    watch = Watch(run_dir, photos.held_out, every=None if aside else settings.sample_every, report=report)
    keep = ModelCheckpoint(
        run_dir,
        filename=Path(checkpoints.NAME).stem,
        every_n_train_steps=settings.checkpoint_every,
        enable_version_counter=False,
    )
    fitting = trainer(
        settings, run_dir, accelerator, [watch] if aside else [watch, keep], log=not aside, **changes
    )
    if not aside:
        _keep_losses(run_dir / "metrics.csv")
    photo_data = PhotoData(photos, settings.data, steps=module.steps, seed=seed)
    with quiet():
        try:
            fitting.fit(module, photo_data, ckpt_path=checkpoint, weights_only=True)
        except SystemExit as err:  # what Lightning makes of a KeyboardInterrupt
            raise KeyboardInterrupt from err
        except MisconfigurationException as err:
            raise ConfigError(f"trainer: {str(err).splitlines()[0]}") from err
        if not aside:
            fitting.save_checkpoint(run_dir / checkpoints.NAME)
    if watch.signals:
        raise Stopped(
            watch.signals[0],
            f"stopped {module.title} at step {fitting.global_step} of {module.steps}, nothing is lost: "
            f"the same command with resume={run_dir} goes on from there",
        )
    if fitting.global_step == 0:
        raise TrainingError("no step was done: limits such as trainer.max_time allow none")
    return fitting, photo_data


def _keep_losses(path: Path) -> None:
    """Put the losses of an earlier run in this folder aside, which Lightning would empty."""
    if path.exists() and os.environ.get("LOCAL_RANK", "0") == "0":
        names = (path.with_stem(f"{path.stem}-{number}") for number in count(1))
        path.rename(next(name for name in names if not name.exists()))


def held_out(
    trainer: pl.Trainer, module: StyleTraining, photos: PhotoData, run_dir: Path
) -> Mapping[str, float]:
    """What a trained module has on held-out photos, by the names of ``metrics.csv``.

    Raises:
        Stopped: Ctrl-C or SIGTERM.
    """
    with quiet(), terminable():
        try:
            return next(iter(trainer.validate(module, photos, verbose=False)), {})
        except SystemExit as err:  # what Lightning makes of a KeyboardInterrupt
            raise Stopped(
                getattr(err.__context__, "status", 130) - 128,
                f"stopped {module.title} after its last step, nothing is lost: the same command with "
                f"resume={run_dir} does the rest",
            ) from err


def check_crops(settings: RunSettings) -> None:
    """See that crops are large enough for what is measured on them.

    Raises:
        ConfigError: seen coarsely, nothing is left of them.
    """
    size = min(settings.data.size, settings.data.early_size)
    loss = settings.loss
    if loss.coarse_weight:
        layer = max(loss.content_layers, key=stride, default="relu1_1")
        if size < loss.coarse_factor * stride(layer):
            raise ConfigError(
                f"crops of {size} px are too small for {layer} at 1/{loss.coarse_factor} of their size: "
                "give a larger data.size and data.early_size, or a smaller loss.coarse_factor"
            )
    if settings.optim.grid_weight and size < grid.SMALLEST:
        logger.warning(
            "crops of %d px are too small to see a grid: optim.grid_weight has an effect from %d px",
            size,
            grid.SMALLEST,
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning without its advice on workers, devices and loggers, which fastnst chooses or reports."""
    talkers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning", "lightning_fabric")]
    levels = [talker.level for talker in talkers]
    for talker in talkers:
        talker.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(pytorch_)?lightning.*")
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message="This DataLoader will create")  # more than cores
            yield
    finally:
        for talker, level in zip(talkers, levels, strict=True):
            talker.setLevel(level)
