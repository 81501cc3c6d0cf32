"""The whole of fastnst in a few minutes, on what comes with it: nothing is downloaded, nothing is asked.

A network is trained for the embedded painting and repaints a photo; beside it stand Gatys' optimiser on the
same loss and the shipped Starry Night.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from fastnst import (
    config,
    files,
    gatys_run,
    images,
    losses,
    paintings,
    samples,
    style_file,
    vgg_weights,
)
from fastnst.engines import open_engine
from fastnst.grain import grained
from fastnst.interrupts import Stopped
from fastnst.pixels import packed, unpacked
from fastnst.progress import Report
from fastnst.report import sheet
from fastnst.run_settings import GatysSettings, TrainSettings
from fastnst.settings import recorded_loss
from fastnst.training_run import train
from fastnst.vgg import choose_dtype

PAINTING = "brushstrokes"
SHIPPED = "starry_night"


@dataclass(frozen=True)
class Length:
    """How much the demo does.

    Args:
        steps: of training.
        crop: px, side of the photos that it trains on.
        evaluations: of the loss, by Gatys' optimiser.
        size: px, longer side of the photo and the painting.
        trial: evaluations of the loss for each style weight that is tried.
        strengths: steps of training them.
    """

    steps: int
    crop: int
    evaluations: int
    size: int
    trial: int
    strengths: int


FULL = Length(steps=400, crop=128, evaluations=80, size=384, trial=6, strengths=40)
SHORT = Length(steps=20, crop=64, evaluations=5, size=128, trial=1, strengths=4)


def demo(folder: Path, *, length: Length = FULL, progress: Report | None = None) -> Path:
    """Train, stylise, optimise and compare; every file goes to ``folder``.

    Args:
        folder: takes overview.png, the pictures, the style file, and the losses of the run.
        length: ``FULL``, or ``SHORT`` to see that all works.
        progress: is told of every step.

    Returns:
        The overview: photo, painting and results, with losses and times.

    Raises:
        FastNSTError: a file cannot be written, or a part of the installation is missing.
    """
    shared = [f"painting={PAINTING}", f"painting.size={length.size}", "loss=fastnst"]
    trials = [f"calibration.evaluations={length.trial}", f"calibration.photo_size={length.crop}"]
    training = [
        *trials,
        *(
            "data=samples",
            f"data.size={length.crop}",
            "data.margin=16",
            "data.workers=0",
            f"trainer.max_steps={length.steps}",
        ),
        *(f"trainer.val_check_interval={length.steps}", f"sample_every={max(1, length.steps // 4)}"),
        f"out={config.item(f'{folder / PAINTING}{style_file.SUFFIX}')}",
        f"strength.steps={length.strengths}",
    ]
    optimiser = [
        *(f"content=sample:{samples.SHOWN}", f"size={length.size}", f"steps={length.evaluations}"),
        f"out={config.item(folder / 'gatys.png')}",
    ]
    train_settings = config.typed(TrainSettings, config.load("train", [*shared, *training]))
    gatys_settings = config.typed(GatysSettings, config.load("gatys", [*shared, *optimiser]))  # checked early
    shipped_style = style_file.find(SHIPPED)
    photo = images.read(samples.photo(samples.SHOWN), size=length.size).rgb
    painting = paintings.load(train_settings.painting, length.size)
    images.write(folder / "photo.jpg", photo)
    images.write(folder / "painting.jpg", painting.rgb)

    start = perf_counter()
    try:
        style = train(train_settings, folder / "training", report=progress)
    except Stopped as err:
        raise Stopped(err.status - 128, "the demo was stopped; it starts anew the next time") from err
    minutes = (perf_counter() - start) / 60
    fast, fast_ms = _stylise(style, photo, folder / f"{PAINTING}.jpg")
    shipped, shipped_ms = _stylise(shipped_style, photo, folder / f"{SHIPPED}.jpg")
    loss = recorded_loss(style_file.read(style).record)
    outcome = gatys_run.run(replace(gatys_settings, loss=loss), report=progress)
    if outcome.signal is not None:
        raise Stopped(outcome.signal, "the demo was stopped; it starts anew the next time")
    slow = outcome.result

    measured = replace(train_settings, loss=loss)
    before, after = (_loss(measured, photo, painting.rgb, picture) for picture in (photo, fast))
    captions = [
        f"The photo\nloss {before:.2f}",
        f"{painting.title}\npainted by code, comes with fastnst",
        f"A network trained here\n{length.steps} steps, {minutes:.1f} minutes\n"
        f"loss {after:.2f}, {fast_ms:.0f} ms",
        f"Gatys et al. on the same loss\n{slow.evaluations} evaluations\n"
        f"loss {slow.best['total']:.2f}, {slow.seconds:.0f} s",
        f"The shipped Starry Night\n{shipped_ms:.0f} ms",
    ]
    pictures = [photo, painting.rgb, fast, slow.picture[0].numpy(force=True), shipped]
    overview = sheet([pictures], captions=[captions], height=320)
    with files.atomic(folder / "overview.png") as partial:
        overview.save(partial)
    return folder / "overview.png"


def _stylise(style: Path, photo: NDArray[np.float32], out: Path) -> tuple[NDArray[np.float32], float]:
    """A style's picture of ``photo``, (3, H, W), written to ``out``, and the ms that a second pass took."""
    engine = open_engine(style_file.read(style))
    pixels = packed(photo)  # (H, W, 3)
    engine.stylise(grained(pixels)[None])
    start = perf_counter()
    picture = engine.stylise(grained(pixels)[None])[0]
    ms = 1000 * (perf_counter() - start)
    images.save(out, images.Photo(picture))
    return unpacked(picture), ms


def _loss(
    settings: TrainSettings,
    photo: NDArray[np.float32],
    painting: NDArray[np.float32],
    picture: NDArray[np.float32],
) -> float:
    """The total loss of ``picture`` as training and Gatys' optimiser compute it."""
    weights = vgg_weights.load(settings.vgg.weights, convention=settings.vgg.convention)
    dtype = choose_dtype(settings.vgg.precision, "cpu")
    loss = losses.build(settings.loss, weights, strength=settings.painting.strength, dtype=dtype)
    content = loss.content_target(torch.from_numpy(photo)[None])
    style = loss.style_target(torch.from_numpy(painting)[None])
    with torch.no_grad():
        return float(loss(torch.from_numpy(picture)[None], content, style).total)
