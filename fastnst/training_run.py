"""A training run, from settings to a style file: what it shows, saves and survives."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from fastnst import (
    calibrated,
    calibration,
    checkpoints,
    data,
    devices,
    files,
    losses,
    paintings,
    style_file,
    style_targets,
    trainers,
    vgg_weights,
    warm_start,
)
from fastnst.artefacts import artefacts
from fastnst.artefacts import warnings as artefact_warnings
from fastnst.calibrated import Calibration
from fastnst.crops import HeldOutDataset
from fastnst.defects import watched
from fastnst.errors import ConfigError, DataError, StyleFileError
from fastnst.losses import PerceptualLoss
from fastnst.networks import StyleNetwork, sees_the_photo
from fastnst.paintings import Painting
from fastnst.progress import Report
from fastnst.run_settings import TrainSettings
from fastnst.strength import StrengthTraining
from fastnst.strengths_sheet import strengths_sheet
from fastnst.style_record import style_record
from fastnst.training import StyleTraining
from fastnst.vgg import choose_dtype
from fastnst.vgg_weights import VGGWeights

logger = logging.getLogger(__name__)

GUARDED = 32  # held-out photos that are looked at for artefacts
JUDGED = 8  # of them, that tell how far strengths above 1 go


def destination(settings: TrainSettings) -> Path:
    """The style file that ``train`` writes.

    Raises:
        FastNSTError: nothing names it, and there is no painting to name it by.
    """
    name = settings.out or f"styles/{paintings.style_name(settings.painting)}{style_file.SUFFIX}"
    return files.typed_path(name)


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
    out = destination(settings)
    if out.suffix != style_file.SUFFIX:
        raise ConfigError(f"out={out}: the name of a style file ends in {style_file.SUFFIX}")
    files.check_writable(out)
    if settings.out is None:
        _check_free(out, settings)
    checkpoint = None if settings.resume is None else checkpoints.find(settings.resume)
    steps = int(settings.trainer["max_steps"])
    device = trainers.accelerator(settings)
    trainers.trainer(settings, run_dir, device, [])  # to find mistakes before the work
    data.check(settings.data)
    trainers.check_crops(settings)

    torch.manual_seed(settings.seed)
    network, start = warm_start.first_network(settings), warm_start.beginning(settings)
    weights = vgg_weights.load(settings.vgg.weights, convention=settings.vgg.convention)
    dtype = choose_dtype(settings.vgg.precision, device)
    found = _calibrated(
        settings,
        weights,
        dtype,
        trainers.device(device),
        checkpoint,
        run_dir,
        report,
    )
    painting = found.picture
    loss = losses.build(found.loss, weights, strength=settings.painting.strength, dtype=dtype)
    style = loss.style_target(torch.from_numpy(painting.rgb)[None])
    identity = checkpoints.identity(settings, painting=painting.sha256)
    if checkpoint is not None:
        checkpoints.check_same(checkpoint, identity, steps)
        start = checkpoints.start(checkpoint) or start
    photos = data.prepare(settings.data, seed=settings.seed, report=report)
    if not len(photos.held_out):
        raise DataError("no photo is left to hold out: give two or more, or data.val_path=FOLDER")

    module = StyleTraining(
        network, loss, style, optim=settings.optim, steps=steps, margin=settings.data.margin
    )
    identity["photos"] = photos.fingerprint
    module.identity, module.calibration = {**identity, "start": start}, found.record()
    if checkpoint is not None:
        checkpoints.check_same(checkpoint, identity, steps)
    logger.info("losses, checkpoints and contact sheets go to %s", run_dir)
    trainer, photo_data = trainers.fit(
        module, photos, settings, run_dir, device, seed=settings.seed, checkpoint=checkpoint, report=report
    )
    held_out = trainers.held_out(trainer, module, photo_data, run_dir)
    network.float().cpu().eval().requires_grad_(False)
    scores = _artefacts(network, photos.held_out, painting)
    ends = _strengths(settings, network, loss, style, photos, run_dir, device, report)
    record = style_record(
        replace(settings, painting=found.painting, loss=found.loss),
        start=start,
        painting=painting,
        vgg_sha256=weights.sha256,
        photos=photos.record(),
        steps=trainer.global_step,
        strength_steps=settings.strength.steps if ends else 0,
        precision=str(trainer.precision),
        held_out={name.removeprefix("val/"): value for name, value in held_out.items()},
        network=network.cpu(),
        calibration=found.record(),
        artefacts=scores,
    )
    if trainer.is_global_zero:
        trainers.write(out, {**network.state_dict(), **ends, **style_targets.factors(style)}, record, run_dir)
    return out


def _calibrated(
    settings: TrainSettings,
    weights: VGGWeights,
    dtype: torch.dtype,
    device: torch.device,
    checkpoint: Path | None,
    run_dir: Path,
    report: Report | None,
) -> Calibration:
    """Numbers for what is ``auto``: those of the run that goes on, or found now, said and shown."""
    kept = run_dir / "calibration.json"
    if checkpoint is not None:
        return calibrated.restored(settings.painting, settings.loss, checkpoints.found(checkpoint, "style"))
    if os.environ.get("LOCAL_RANK", "0") != "0":  # Lightning starts it again for each further device
        record = json.loads(kept.read_text(encoding="utf-8"))
        return calibrated.restored(settings.painting, settings.loss, record)
    found = calibration.calibrate(
        settings.calibration,
        settings.painting,
        settings.loss,
        weights,
        dtype=dtype,
        device=device,
        report=report,
    )
    for reason in found.reasons:
        logger.info("%s", reason)
    if settings.network.arguments.get("smooth") and paintings.straight(found.picture) > paintings.STRAIGHT:
        logger.warning(
            "the edges of %s run across and down: network.arguments.smooth=0 may draw such strokes better",
            found.picture.title,
        )
    files.write_json(kept, found.record())
    if found.trials:
        with files.atomic(run_dir / "strengths.png") as partial:
            strengths_sheet(found).save(partial)
    return found


def _check_free(out: Path, settings: TrainSettings) -> None:
    """Refuse a name that was found, not given, and is that of another picture's style."""
    path = paintings.find(settings.painting)
    if path is None or not out.exists():
        return
    ways = f"out=NAME{style_file.SUFFIX} keeps it, out={out} writes over it"
    try:
        known = style_file.read(out).record.get("painting", {}).get("sha256")
    except StyleFileError as err:
        raise ConfigError(f"{out} is there, and no style that this fastnst reads: {ways}") from err
    if known != files.sha256(path):
        raise ConfigError(f"{out} is there, the style of another picture: {ways}")


def _artefacts(network: StyleNetwork, photos: HeldOutDataset, painting: Painting) -> dict[str, float]:
    """Scores of what goes wrong, on held-out photos; high ones are said."""
    chosen = [photos[index] for index in range(min(GUARDED, len(photos)))]
    with torch.no_grad(), watched(network) as kurtoses:
        pictures = [network(seen[None])[0].numpy() for _, seen in chosen]
    scores = artefacts([photo.numpy() for photo, _ in chosen], pictures, painting.rgb)
    scores["droplets"] = torch.stack(kurtoses).mean().item()
    if os.environ.get("LOCAL_RANK", "0") == "0":
        for warning in artefact_warnings(scores):
            logger.warning("%s", warning)
    return scores


def _strengths(
    settings: TrainSettings,
    network: StyleNetwork,
    loss: PerceptualLoss,
    style: Mapping[str, Tensor],
    photos: data.Photos,
    run_dir: Path,
    device: str,
    report: Report | None,
) -> dict[str, Tensor]:
    """Weights for strengths other than 1, by their names in a style file; {} where there are none.

    Raises:
        Stopped: Ctrl-C or SIGTERM.
    """
    steps = settings.strength.steps
    if not steps:
        return {}
    if not sees_the_photo(network.architecture):
        logger.info("strengths other than 1 are for networks that see the photo to their end, such as fast")
        return {}
    module = StrengthTraining(
        network,
        loss,
        style,
        settings=settings.strength,
        optim=settings.optim,
        margin=settings.data.margin,
    )
    small_first = replace(settings, data=replace(settings.data, early_share=settings.strength.early_share))
    trainers.fit(
        module,
        photos,
        small_first,
        run_dir,
        device,
        seed=settings.seed + 1,
        aside=True,
        report=report,
        max_steps=steps,
        limit_val_batches=0,
        val_check_interval=None,
    )
    kept = module.shorten([photos.held_out[index][1] for index in range(min(JUDGED, len(photos.held_out)))])
    if kept < 1:
        logger.info(
            "strength above 1: %g of the way is kept, further the style is no nearer: try strength.steps=%d",
            kept,
            2 * steps,
        )
    return module.cpu().state()
