"""A training run, from settings to a style file: what it shows, saves and survives."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger
from pytorch_lightning.utilities.exceptions import MisconfigurationException  # type: ignore[attr-defined]

from fastnst import checkpoints, data, devices, files, losses, networks, paintings, style_file, vgg_weights
from fastnst.errors import ConfigError, DataError, FastNSTError, TrainingError
from fastnst.interrupts import Stopped, postponed
from fastnst.progress import Progress, Report
from fastnst.report import sheet
from fastnst.settings import TrainSettings
from fastnst.style_record import style_record
from fastnst.training import PhotoData, StyleTraining
from fastnst.vgg import choose_dtype, has_bfloat16

logger = logging.getLogger(__name__)

SHEET_PHOTOS = 4


@devices.enough_memory("try a smaller data.batch_size, data.size or painting.size")
def train(settings: TrainSettings, run_dir: Path, *, report: Report | None = None) -> Path:
    """Train a style and write its file.

    Args:
        settings: everything that shapes the result.
        run_dir: takes losses, checkpoints and contact sheets.
        report: is told of each step.

    Returns:
        The style file.

    Raises:
        FastNSTError: a setting, the painting, the photos or the weights cannot be used, or training failed.
        Stopped: Ctrl-C or SIGTERM; the state is saved.
    """
    painting = paintings.load(settings.painting)
    out = files.typed_path(settings.out or f"styles/{painting.name}{style_file.SUFFIX}")
    if out.suffix != style_file.SUFFIX:
        raise ConfigError(f"out={out}: the name of a style file ends in {style_file.SUFFIX}")
    files.check_writable(out)
    checkpoint = None if settings.resume is None else checkpoints.find(settings.resume)
    steps = int(settings.trainer["max_steps"])
    accelerator = str(settings.trainer.get("accelerator", "auto"))
    device = devices.choose("auto").type if accelerator in ("auto", "gpu") else accelerator

    torch.manual_seed(settings.seed)
    network = _first_network(settings)
    weights = vgg_weights.load(settings.vgg.weights, convention=settings.vgg.convention)
    dtype = choose_dtype(settings.vgg.precision, device)
    loss = losses.build(settings.loss, weights, strength=settings.painting.strength, dtype=dtype)
    style = loss.style_target(torch.from_numpy(painting.rgb)[None])
    photos = data.prepare(settings.data, seed=settings.seed, report=report)
    if not len(photos.held_out):
        raise DataError("no photo is left to hold out: give two or more, or data.val_path=FOLDER")

    module = StyleTraining(network, loss, style, optim=settings.optim, steps=steps)
    identity = checkpoints.identity(settings, painting=painting.sha256, photos=photos.fingerprint)
    module.identity = identity
    if checkpoint is not None:
        checkpoints.check_same(checkpoint, identity, steps)
    photo_data = PhotoData(photos, settings.data, steps=steps, seed=settings.seed)
    watch = Watch(run_dir, photos.held_out, every=settings.sample_every, report=report)
    keep = ModelCheckpoint(
        run_dir,
        filename=Path(checkpoints.NAME).stem,
        every_n_train_steps=settings.checkpoint_every,
        enable_version_counter=False,
    )
    trainer = _trainer(settings, run_dir, device, [watch, keep])
    if trainer.is_global_zero:
        logger.info("losses, checkpoints and contact sheets go to %s", run_dir)
    with _quiet():
        try:
            trainer.fit(module, photo_data, ckpt_path=checkpoint, weights_only=True)
        except SystemExit as err:  # what Lightning makes of a KeyboardInterrupt
            raise KeyboardInterrupt from err
        trainer.save_checkpoint(run_dir / checkpoints.NAME)
        if watch.signals and trainer.global_step < steps:
            raise Stopped(
                watch.signals[0],
                f"stopped at step {trainer.global_step} of {steps}, nothing is lost: "
                f"the same command with resume={run_dir} goes on from there",
            )
        if trainer.global_step == 0:
            raise TrainingError("no step was done: limits such as trainer.limit_train_batches allow none")
        held_out = next(iter(trainer.validate(module, photo_data, verbose=False)), {})
    record = style_record(
        settings,
        painting=painting,
        vgg_sha256=weights.sha256,
        photos=photos.record(),
        steps=trainer.global_step,
        precision=str(trainer.precision),
        held_out={name.removeprefix("val/"): value for name, value in held_out.items()},
        network=network.float().cpu().eval(),
    )
    # Half precision halves the file; it moves pictures by less than a level.
    state = {name: tensor.half().cpu().contiguous().numpy() for name, tensor in network.state_dict().items()}
    if trainer.is_global_zero:
        try:
            style_file.write(out, state, record)
        except FastNSTError as err:
            raise TrainingError(
                f"{err}; nothing is lost: the same command with resume={run_dir} and another out= writes it"
            ) from err
    return out


class Watch(pl.Callback):
    """Reports every step, paints contact sheets of held-out photos, and stops between two steps on a signal.

    Args:
        run_dir: takes ``samples/000250.png`` and so on.
        photos: whose first few are painted.
        every: steps between sheets.
        report: is told of each step.
    """

    def __init__(
        self, run_dir: Path, photos: data.HeldOutDataset, *, every: int, report: Report | None
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
        assert isinstance(module, StyleTraining)
        if self.report is not None and trainer.is_global_zero:
            self.report(Progress("training", step, module.steps, note=f"loss {module.usual:.3f}"))
        if step % self.every == 0 and trainer.is_global_zero:
            self.paint(module, step)
        if trainer.strategy.reduce_boolean_decision(bool(self.signals), all=False):
            trainer.should_stop = True

    def paint(self, module: StyleTraining, step: int) -> None:
        """Write the contact sheet of one step: photos above, pictures below."""
        photos = torch.stack(self.photos).to(module.device)
        with torch.no_grad():
            pictures = torch.cat([module.network(photo[None]) for photo in photos]).float().cpu()
        rows = [[photo.numpy() for photo in self.photos], [picture.numpy() for picture in pictures]]
        with files.atomic(self.folder / f"{step:06}.png") as partial:
            sheet(rows).save(partial)


def _first_network(settings: TrainSettings) -> networks.StyleNetwork:
    """The network as training begins: fresh, or with a style's weights."""
    network = networks.build(settings.network.name, settings.network.arguments)
    if settings.init != "scratch":
        style = style_file.read(style_file.find(settings.init))
        chosen = {"name": settings.network.name, "arguments": settings.network.arguments}
        if style.record["network"] != chosen:
            raise ConfigError(
                f"init={settings.init} is a {style.record['network']}, and what is trained is a {chosen}"
            )
        network.load_state_dict({name: torch.from_numpy(value) for name, value in style.weights().items()})
    return network


def _trainer(settings: TrainSettings, run_dir: Path, device: str, callbacks: list[pl.Callback]) -> pl.Trainer:
    """Lightning's Trainer with the settings as they stand.

    Raises:
        ConfigError: it does not take them.
    """
    chosen = dict(settings.trainer)
    if chosen.get("precision") == "auto":
        chosen["precision"] = "bf16-mixed" if has_bfloat16(device) else "32-true"
    log: Logger = CSVLogger(run_dir, name="", version="", flush_logs_every_n_steps=1)
    if settings.logger == "tensorboard":
        try:
            log = TensorBoardLogger(run_dir, name="", version="")
        except ModuleNotFoundError as err:
            raise ConfigError("logger=tensorboard needs: pip install 'fastnst[tensorboard]'") from err
    try:
        with _quiet():
            return pl.Trainer(
                **chosen,
                max_epochs=-1,
                check_val_every_n_epoch=None,
                num_sanity_val_steps=0,
                logger=log,
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
def _quiet() -> Iterator[None]:
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
