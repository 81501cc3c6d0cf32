"""The training of a base network, from settings to a file: see ``fastnst.base_training``."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from fastnst import (
    calibrated,
    calibration,
    checkpoints,
    config,
    data,
    devices,
    files,
    losses,
    paintings,
    style_file,
    trainers,
    vgg_weights,
    warm_start,
)
from fastnst.base_training import BaseTraining
from fastnst.calibrated import Calibration
from fastnst.errors import ConfigError, DataError
from fastnst.losses import PerceptualLoss
from fastnst.progress import Report
from fastnst.run_settings import BaseSettings
from fastnst.settings import CROPS, PaintingSettings
from fastnst.style_record import versions
from fastnst.vgg import VGG19Features, choose_dtype

logger = logging.getLogger(__name__)


def destination(settings: BaseSettings) -> Path:
    """The file that ``train_base`` writes."""
    return files.typed_path(
        settings.out or f"bases/{config.network_choice(settings.network)}{style_file.SUFFIX}"
    )


@devices.enough_memory("try a smaller data.batch_size or data.size")
def train_base(settings: BaseSettings, run_dir: Path, *, report: Report | None = None) -> Path:
    """Train one network for several paintings and write what they share.

    Args:
        settings: conf/base.yaml.
        run_dir: takes checkpoints and contact sheets.
        report: is told of each step.

    Raises:
        FastNSTError: a setting, a painting, the photos or the weights cannot be used.
        Stopped: Ctrl-C or SIGTERM; the state is saved.
    """
    out = destination(settings)
    if out.suffix != style_file.SUFFIX:
        raise ConfigError(f"out={out}: the name of a base ends in {style_file.SUFFIX}")
    files.check_writable(out)
    chosen = {name: _painting(name, settings.dir) for name in settings.paintings}
    for painting in chosen.values():
        paintings.find(painting)
    checkpoint = None if settings.resume is None else checkpoints.find(settings.resume)
    steps = int(settings.trainer["max_steps"])
    device = trainers.accelerator(settings)
    if trainers.trainer(settings, run_dir, device, []).world_size > 1:  # finds other mistakes, too
        raise ConfigError("a base is trained on one device: leave out trainer.devices")
    data.check(settings.data)
    trainers.check_crops(settings)

    torch.manual_seed(settings.seed)
    network, start = warm_start.first_network(settings), warm_start.beginning(settings)
    weights = vgg_weights.load(settings.vgg.weights, convention=settings.vgg.convention)
    dtype = choose_dtype(settings.vgg.precision, device)
    before = {} if checkpoint is None else checkpoints.found(checkpoint, "base")
    found: dict[str, Calibration] = {}
    for name, painting in chosen.items():
        if name in before:
            found[name] = calibrated.restored(painting, settings.loss, before[name])
            continue
        found[name] = calibration.calibrate(
            settings.calibration,
            painting,
            settings.loss,
            weights,
            dtype=dtype,
            device=trainers.device(device),
            report=report,
        )
        logger.info("%s: style weight %.3g", name, found[name].loss.style_weight)
    features = losses.ruler(settings.loss, weights, dtype=dtype)
    fitted = [_loss(features, each) for each in found.values()]
    styles = [
        loss.style_target(torch.from_numpy(each.picture.rgb)[None])
        for loss, each in zip(fitted, found.values(), strict=True)
    ]
    photos = data.prepare(settings.data, seed=settings.seed, report=report)
    if not len(photos.held_out):
        raise DataError("no photo is left to hold out: give two or more, or data.val_path=FOLDER")
    module = BaseTraining(
        network,
        fitted,
        styles,
        optim=settings.optim,
        steps=steps,
        seed=settings.seed,
        margin=settings.data.margin,
    )
    identity = checkpoints.base_identity(settings, found) | {"photos": photos.fingerprint}
    if checkpoint is not None:
        checkpoints.check_same(checkpoint, identity, steps)
        start = checkpoints.start(checkpoint) or start
    module.identity = {**identity, "start": start}
    module.calibration = {name: each.record() for name, each in found.items()}
    trainer, _ = trainers.fit(
        module,
        photos,
        settings,
        run_dir,
        device,
        seed=settings.seed,
        checkpoint=checkpoint,
        report=report,
        limit_val_batches=0,
        val_check_interval=None,
    )
    trainers.write(
        out, module.state(), _record(settings, start, trainer.global_step, photos.record()), run_dir
    )
    return out


def _painting(name: str, folder: str) -> PaintingSettings:
    """A preset, or a file, which has a suffix."""
    if Path(name).suffix:
        return replace(config.painting("own", folder), image=name)
    return config.painting(name, folder)


def _loss(features: VGG19Features, found: Calibration) -> PerceptualLoss:
    return losses.on(features, found.loss, found.painting.strength)


def _record(
    settings: BaseSettings, start: Mapping[str, Any], steps: int, photos: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": "base",
        "title": "What trainings begin with",
        "network": asdict(settings.network),
        "loss": asdict(settings.loss),
        "training": {
            **asdict(settings.optim),
            **{name: getattr(settings.data, name) for name in CROPS},
            "seed": settings.seed,
            **start,
            "paintings": [Path(name).name for name in settings.paintings],
        },
        "steps": steps,
        "data": photos,
        "versions": versions(),
        "licence": "MIT",
        "created": datetime.now(timezone.utc).date().isoformat(),
    }
