"""Lightning's Trainer, quiet, and with the settings as they stand."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger
from pytorch_lightning.utilities.exceptions import MisconfigurationException  # type: ignore[attr-defined]

from fastnst import checkpoints
from fastnst.errors import ConfigError
from fastnst.run_settings import BaseSettings, TrainSettings
from fastnst.vgg import has_bfloat16


def device(accelerator: str) -> torch.device:
    """Where to measure beside a training: on its device, but for those that Lightning alone knows."""
    return torch.device(accelerator if accelerator in ("cpu", "cuda", "mps") else "cpu")


def trainer(
    settings: TrainSettings | BaseSettings,
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
        chosen["precision"] = "bf16-mixed" if has_bfloat16(accelerator) else "32-true"
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
                default_root_dir=run_dir,
            )
    except (TypeError, ValueError, RuntimeError, ImportError, MisconfigurationException) as err:
        raise ConfigError(f"trainer: {str(err).splitlines()[0]}") from err


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
