"""What each painting needs, found by trying: its size, the balance of its layers, the weight of its style.

Fixed weights suit one painting and not the next: the Gram matrices of a flat, loud one lie twenty times as
far from a photo's as those of a quiet one, so the same ``style_weight`` drowns the photo in the one and
leaves the other pale. Three answers, measured on the photos that come with every install (trained on by
``data=samples`` alone):

* ``size``: the largest at which the painting still has most of its detail. Strokes grow with the size, until
  what is between them is bare canvas to VGG-19.
* ``balance``: each style layer's weight is its share over how far the painting is from the photos there, so
  that the shares are what they say for every painting.
* ``style_weight``: as much style as leaves photos readable. The photos are optimised (``fastnst.gatys``) with
  more and more of it, until their content has moved by a set part of how far the contents of two different
  photos lie apart, and on where a painting asks for more before it is known again. The trade between the two
  terms is that of Gatys et al. (2016), section 3.1.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import exp, inf, log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastnst import images, losses, paintings, samples
from fastnst.calibrated import Calibration, Trial, rounded
from fastnst.distances import gram_matrix, style_distance
from fastnst.errors import ConfigError
from fastnst.gatys import optimise
from fastnst.paintings import Painting
from fastnst.progress import Progress, Report
from fastnst.settings import CalibrationSettings, LossSettings, OptimiserSettings, PaintingSettings
from fastnst.vgg import VGG19Features
from fastnst.vgg_weights import VGGWeights

logger = logging.getLogger(__name__)

AUTO = "auto"
RICH_LAYERS = ("relu2_1", "relu3_1", "relu4_1")  # brushwork: between single pixels and whole forms


def calibrate(
    settings: CalibrationSettings,
    painting: PaintingSettings,
    loss: LossSettings,
    weights: VGGWeights,
    *,
    dtype: torch.dtype,
    device: torch.device,
    every: bool = False,
    report: Report | None = None,
) -> Calibration:
    """Put numbers in the place of each ``auto``, and leave what was given.

    Args:
        settings: conf/calibration.
        painting: ``size`` may be ``auto``.
        loss: ``style_weight`` may be ``auto``; layers are shares where ``balance`` is true.
        weights: VGG-19's.
        dtype: of its convolutions.
        device: where to measure.
        every: try every style weight, not only up to the one that is enough.
        report: is told of each evaluation.

    Raises:
        ConfigError: the settings are impossible.
        ImageError: the painting cannot be used.
        TrainingError: a loss is infinite or NaN.
    """
    features = losses.ruler(loss, weights, dtype=dtype, also=RICH_LAYERS).to(device)
    reasons = []
    if painting.size == AUTO:
        picture, reason = _sized(settings, painting, features, device)
        painting = replace(painting, size=picture.size)
        reasons.append(reason)
    else:
        picture = paintings.load(painting, painting.size)
    for hint in paintings.hints(painting, picture):
        logger.warning("%s", hint)
    if not loss.balance and loss.style_weight != AUTO:
        return Calibration(painting, loss, picture, (), tuple(reasons))

    photos = photos_tried(settings.photo_size).to(device)
    rgb = torch.from_numpy(picture.rgb)[None].to(device)
    distances = _distances(features, photos, rgb, loss.style_layers)
    for name, share in loss.style_layers.items():
        if not 0 <= share < inf:
            raise ConfigError(f"the weight of {name} must be 0 or more, not {share}")
        if share and not distances[name]:
            raise ConfigError(
                f"the painting is no different from photos in {name}: set loss.style_layers.{name}=0"
            )
    if loss.balance:
        balanced = {
            name: rounded(share / distances[name]) if share else 0.0
            for name, share in loss.style_layers.items()
        }
        loss = replace(loss, style_layers=balanced, balance=False)
        far = ", ".join(f"{name} {distance:.3g}" for name, distance in distances.items())
        reasons.append(f"style layers weigh their share over the painting's distance from photos: {far}")
    if loss.style_weight != AUTO:
        return Calibration(painting, loss, picture, (), tuple(reasons))

    start = sum(weight * distances[name] for name, weight in loss.style_layers.items())
    if not start:
        raise ConfigError("loss.style_weight=auto finds a weight for the style, and no style layer weighs")
    trials = _try(settings, loss, features, photos, rgb, start=start, every=every, report=report)
    found, reason = _enough(trials, settings)
    reasons.append(f"style weight {found:.3g}: {reason}")
    return Calibration(painting, replace(loss, style_weight=found), picture, trials, tuple(reasons))


def _sized(
    settings: CalibrationSettings, painting: PaintingSettings, features: VGG19Features, device: torch.device
) -> tuple[Painting, str]:
    """The painting in the largest size that keeps its detail, and why."""
    *smaller, largest = sorted(settings.sizes)
    picture = paintings.load(painting, largest)
    ratio = largest / min(picture.rgb.shape[1:])
    smaller = [size for size in smaller if size >= paintings.MIN_SIDE * ratio]  # of a long scroll few are
    found = [*(paintings.resized(picture, size) for size in smaller), picture]
    rich = []
    for picture in found:
        activations = features(torch.from_numpy(picture.rgb)[None].to(device), RICH_LAYERS)
        rich.append([gram_matrix(activations[name]).square().sum().item() for name in RICH_LAYERS])
    kept = (np.array(rich) / np.max(rich, axis=0)).mean(axis=1)  # of the most at any size, (sizes,)
    best = max(i for i in range(len(found)) if kept[i] >= settings.richness or kept[i] == kept.max())
    detail = ", ".join(f"{picture.size} px {share:.0%}" for picture, share in zip(found, kept, strict=True))
    size = found[best].size
    reason = f"painting size {size} px: the largest with {settings.richness:.0%} of its detail ({detail})"
    return paintings.load(painting, size), reason


def photos_tried(size: int) -> Tensor:
    """The middle squares of the photos that come with every install, ``(B, 3, size, size)``."""
    squares = []
    for name in samples.PHOTOS:
        rgb = images.read(samples.photo(name)).rgb
        side = min(rgb.shape[1:])
        top, left = ((length - side) // 2 for length in rgb.shape[1:])
        square: NDArray[np.float32] = np.ascontiguousarray(rgb[:, top : top + side, left : left + side])
        squares.append(torch.from_numpy(images.resize(square, size, size)))
    return torch.stack(squares)


def _distances(
    features: VGG19Features, photos: Tensor, painting: Tensor, layers: Mapping[str, float]
) -> dict[str, float]:
    """How far the painting is from the photos, by style layer."""
    of_photos, of_painting = features(photos, layers), features(painting, layers)
    return {
        name: style_distance(gram_matrix(of_photos[name]), gram_matrix(of_painting[name])).item()
        for name in layers
    }


def _try(
    settings: CalibrationSettings,
    loss: LossSettings,
    features: VGG19Features,
    photos: Tensor,
    painting: Tensor,
    *,
    start: float,
    every: bool,
    report: Report | None,
) -> tuple[Trial, ...]:
    """Repaint the photos with more and more style, until it is enough or, with ``every``, to the end."""
    if not loss.content_weight * sum(loss.content_layers.values()):
        raise ConfigError("loss.style_weight=auto weighs style against content, and no content layer weighs")
    plain = losses.on(features, replace(loss, style_weight=0.0, coarse_weight=0.0, balance=False))
    with torch.no_grad():
        others = {name: target.roll(1, 0) for name, target in plain.content_target(photos).items()}
        apart = plain(photos, others, plain.style_target(painting)).content.item() / loss.content_weight
    total = settings.evaluations * (len(settings.style_weights) + 1)
    done, pictures = 0, photos
    trials: list[Trial] = []
    for weight in sorted(settings.style_weights):
        count = settings.evaluations * (1 if trials else 2)

        def tell(progress: Progress, before: int = done, weight: float = weight) -> None:
            if report is not None:
                note = f"style weight {weight:g}"
                report(Progress("calibrating", before + progress.done, total, "evaluations", note))

        # style weights count from a style distance of 1, whatever the layers' own weights are
        measured = replace(loss, style_weight=weight / start * loss.content_weight, balance=False)
        result = optimise(
            photos,
            painting,
            losses.on(features, measured),
            init=pictures,
            how=OptimiserSettings("adam", settings.lr, settings.betas, history=1, precondition=False),
            steps=count,
            report=tell,
        )
        done, pictures = done + count, result.picture
        best = result.best
        content = sum(weight * best[f"raw/content/{name}"] for name, weight in loss.content_layers.items())
        style = best["style"] / measured.style_weight
        trials.append(Trial(measured.style_weight, content / apart, style / start, pictures.cpu()))
        moved = trials[-1].content_share >= settings.content_share
        if moved and trials[-1].style_share <= settings.style_left and not every:
            break
    return tuple(trials)


def _enough(trials: Sequence[Trial], settings: CalibrationSettings) -> tuple[float, str]:
    """The style weight that moves contents as far as they may go, or as the painting needs; and why."""
    first, last = trials[0], trials[-1]
    if first.content_share > settings.content_share and first.style_share < settings.style_left:
        logger.warning("the smallest style weight that was tried is taken, and less may be better")
        return rounded(
            first.style_weight
        ), f"the least that was tried; contents move by {first.content_share:.0%}"
    if last.content_share < settings.content_share or last.style_share > settings.style_left:
        logger.warning("the largest style weight that was tried is taken, and more may be better")
        return rounded(
            last.style_weight
        ), f"the most that was tried; contents move by {last.content_share:.0%}"
    moved = _crossing(trials, [trial.content_share for trial in trials], settings.content_share)
    known = _crossing(trials, [-trial.style_share for trial in trials], -settings.style_left)
    if known > moved:
        return rounded(known), f"with less, more than {settings.style_left:.0%} of its style would be missing"
    return rounded(moved), f"contents move by {settings.content_share:.0%} of how far two photos' are apart"


def _crossing(trials: Sequence[Trial], rising: Sequence[float], wanted: float) -> float:
    """The style weight at which what rises with it is as wanted: between two trials, or the first or last."""
    for (less, more), (low, high) in zip(pairwise(trials), pairwise(rising), strict=True):
        if wanted <= low:
            return less.style_weight
        if wanted <= high:
            part = (wanted - low) / (high - low)
            return exp((1 - part) * log(less.style_weight) + part * log(more.style_weight))
    return trials[-1].style_weight
