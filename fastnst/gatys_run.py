"""A run of the per-picture optimiser, from settings to a picture, its trace and its plot."""

import json
import logging
import math
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastnst import calibration, devices, files, images, losses, paintings, samples, vgg_weights
from fastnst.errors import ConfigError, TrainingError
from fastnst.gatys import ADVICE, GatysResult, optimise
from fastnst.interrupts import postponed
from fastnst.progress import Report
from fastnst.report import trace_plot
from fastnst.run_settings import GatysSettings
from fastnst.style_record import versions
from fastnst.vgg import choose_dtype

logger = logging.getLogger(__name__)

MIN_SIDE = 16  # px, of the photo: VGG-19's fifth block has halved it four times


@dataclass(frozen=True)
class Outcome:
    """What a run left.

    Args:
        picture, trace, plot: files.
        result: the numbers.
        signal: that stopped it; None if none did.
    """

    picture: Path
    trace: Path
    plot: Path
    result: GatysResult
    signal: int | None


@devices.enough_memory("try a smaller size or painting.size, or optimizer=adam")
def run(settings: GatysSettings, *, report: Report | None = None) -> Outcome:
    """Read, optimise and write: ``out``, its .trace.json and .trace.png, and snapshots in its .snapshots/.

    Ctrl-C and SIGTERM end it after the evaluation in hand, and what was best so far is written.

    Raises:
        FastNSTError: a setting, a picture or the weights cannot be used, ``out`` cannot be written, or the
            loss became infinite or NaN (the best picture before that is written).
    """
    if not settings.content:
        raise ConfigError(
            "no photo was given; for example: "
            "fastnst gatys content=photo.jpg painting=starry_night out=picture.png"
        )
    out = files.typed_path(settings.out)
    photo_file = samples.resolve(settings.content)
    paintings.find(settings.painting)
    photo = images.read(photo_file, size=settings.size, min_side=MIN_SIDE)
    for note in photo.notes:
        logger.warning("%s: %s", photo_file, note)
    _check_output(out, settings, photo_file)

    device = devices.choose(settings.device)
    weights = vgg_weights.load(settings.vgg.weights, convention=settings.vgg.convention)
    # bfloat16 does not stall L-BFGS: 200 evaluations ended 4 % above float32's, each at 0.6 of the time
    dtype = choose_dtype(settings.vgg.precision, device.type)
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
    painting = found.picture
    loss = losses.build(found.loss, weights, strength=settings.painting.strength, dtype=dtype).to(device)

    def on_snapshot(number: int, picture: Tensor) -> None:
        images.write(_snapshot(out, number), _array(picture))

    with postponed("evaluation") as caught:
        result = optimise(
            _tensor(photo.rgb, device),
            _tensor(painting.rgb, device),
            loss,
            init=_tensor(_initial(settings, photo.rgb, painting.rgb), device),
            optimizer=settings.optimizer,
            lr=settings.lr,
            betas=settings.betas,
            steps=settings.steps,
            history=settings.history,
            snapshot_every=settings.snapshot_every,
            on_snapshot=on_snapshot,
            report=report,
            should_stop=lambda: bool(caught),
        )
    images.write(out, images.Picture(_array(result.picture), photo.alpha))
    record = {
        "settings": asdict(replace(settings, painting=found.painting, loss=found.loss)),
        "painting": {"name": painting.name, "title": painting.title, "sha256": painting.sha256},
        "width": photo.width,
        "height": photo.height,
        "device": str(device),
        "precision": str(dtype).removeprefix("torch."),
        "vgg_sha256": weights.sha256,
        "versions": versions(),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "evaluations": result.evaluations,
        "seconds": round(result.seconds, 3),
        "stopped_early": result.stopped_early,
        "trouble": result.trouble,
        "best": result.best,
        "trace": result.trace,
    }
    outcome = Outcome(
        out,
        out.with_name(f"{out.stem}.trace.json"),
        out.with_name(f"{out.stem}.trace.png"),
        result,
        caught[0] if caught else None,
    )
    with files.atomic(outcome.trace) as partial:
        partial.write_text(json.dumps(finite(record), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    trace_plot(
        {settings.optimizer: result.trace},
        outcome.plot,
        title=f"{out.name}: {painting.title}, {settings.optimizer}",
    )
    if result.trouble:
        raise TrainingError(f"{result.trouble}; {out} is the best before it. {ADVICE}")
    return outcome


def _snapshot(out: Path, number: int) -> Path:
    """The file of one evaluation's picture."""
    return out.with_name(f"{out.stem}.snapshots") / f"{number:06}.png"


def _check_output(out: Path, settings: GatysSettings, photo: Path) -> None:
    """Raise, before the work, if the picture cannot be written in the end, or would overwrite another."""
    if out.suffix.lower() not in images.WRITERS:
        raise ConfigError(
            f"out={out} does not end as a picture that fastnst writes: {' '.join(images.WRITERS)}"
        )
    image = settings.painting.image or ""
    for read in (photo, Path(image), Path(settings.painting.dir, image)):
        if os.path.realpath(out) == os.path.realpath(read):
            raise ConfigError(f"out={out} would overwrite the {'photo' if read is photo else 'painting'}")
    files.check_writable(out)
    if settings.snapshot_every is not None:
        files.check_writable(_snapshot(out, 0))


def _initial(
    settings: GatysSettings, photo: NDArray[np.float32], painting: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The picture to start from, (3, H, W) as the photo."""
    if settings.init == "content":
        return photo
    if settings.init == "noise":
        return noise(*photo.shape[1:], seed=settings.seed)
    if settings.init == "style":
        return _cover(painting, *photo.shape[1:])
    path = samples.resolve(settings.init)
    if not path.is_file():
        raise ConfigError(f"init={settings.init} is neither content, noise nor style, nor a picture's file")
    return _cover(images.read(path).rgb, *photo.shape[1:])


def noise(height: int, width: int, *, seed: int) -> NDArray[np.float32]:
    """A picture to start from, (3, H, W), that shows nothing."""
    rng = torch.Generator().manual_seed(seed)
    # Mild: of noise over the whole range, 200 evaluations of L-BFGS left a speckle in the picture.
    rgb: NDArray[np.float32] = (0.5 + 0.1 * torch.randn(3, height, width, generator=rng)).clamp(0, 1).numpy()
    return rgb


def _cover(rgb: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """(3, height, width): scaled to cover that size, aspect kept, and cropped around the middle."""
    scale = max(height / rgb.shape[1], width / rgb.shape[2])
    rows, columns = (max(a, round(b * scale)) for a, b in zip((height, width), rgb.shape[1:], strict=True))
    top, left = (rows - height) // 2, (columns - width) // 2
    return images.resize(rgb, rows, columns)[:, top : top + height, left : left + width]


def _tensor(rgb: NDArray[np.float32], device: torch.device) -> Tensor:
    """(3, H, W) to (1, 3, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(rgb))[None].to(device)


def _array(picture: Tensor) -> NDArray[np.float32]:
    """(1, 3, H, W) to (3, H, W)."""
    array: NDArray[np.float32] = picture[0].detach().cpu().numpy()
    return array


def finite(value: Any) -> Any:
    """The same, with None for infinite and NaN: JSON has no words for them."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
