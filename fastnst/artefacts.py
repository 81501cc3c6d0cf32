"""What goes wrong in pictures and no loss tells: grids, dead and burnt spots, borders, clipped colours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fastnst.grid import SMALLEST, grid_power
from fastnst.pixels import LUMA, Floats

WINDOW = 8  # px
FLAT = 1.5  # levels: the spread of a window in which nothing is left
DETAIL = 5.0  # levels: the spread of a window in which the photo shows something
BEYOND = 12.0  # levels outside all that the painting has
FRAME = 8  # px, of the border that is looked at
AROUND = 11  # windows, down and across, that are around one


@dataclass(frozen=True)
class Kind:
    """One way to go wrong.

    Args:
        meaning: what its score says, with the unit.
        limit: above which it shows, and a warning is due.
        advice: what to try.
    """

    meaning: str
    limit: float
    advice: str


KINDS = {
    "grid": Kind(
        "levels of 255 of a pattern that repeats every 8 px", 2.0, "a higher optim.grid_weight, or more steps"
    ),
    "dead": Kind(
        "share of windows with detail in the photo, none in the picture, less the painting's own flat ones",
        0.03,
        "more steps, another seed, or a lower optim.lr",
    ),
    "spots": Kind(
        "share of windows lighter or darker than anything in the painting and than what is around them, "
        "where the photo's are not",
        0.02,
        "more steps, or a lower optim.lr",
    ),
    "border": Kind(
        "levels by which the outer 8 px differ from those inside them, the photos' own difference taken off",
        8.0,
        "more steps, or loss.padding=replicate where it is zeros",
    ),
    "clipping": Kind(
        "share of colours at the ends of the range, beyond those of the painting and the photo",
        0.05,
        "a lower painting.strength, or calibration.content_share",
    ),
    "droplets": Kind(
        "mean kurtosis of the network's features, 3 being usual: one part outshines the rest, and is a patch "
        "without texture in dark, even parts",
        8.0,
        "a higher optim.droplet_weight, or a lower optim.lr",
    ),
}
"""Limits lie where we begin to see it: benchmarks/README.md. Pictures alone do not tell of ``droplets``: they
are the network's, see ``fastnst.defects``."""


def artefacts(photos: Sequence[Floats], pictures: Sequence[Floats], painting: Floats) -> dict[str, float]:
    """A score of each of ``KINDS`` that pictures show, the mean over them; none of grids in too small ones.

    Args:
        photos: RGB ``(3, H, W)`` in [0, 1], 32 px a side or more; a dozen of them, since single ones differ.
        pictures: what was made of each.
        painting: whose style it was.
    """
    found = [_of_one(photo, picture, painting) for photo, picture in zip(photos, pictures, strict=True)]
    shared = [name for name in found[0] if all(name in scores for scores in found)]
    scores = {name: float(np.mean([scores[name] for scores in found])) for name in shared}
    edges = np.mean(
        [_edge(picture) - _edge(photo) for photo, picture in zip(photos, pictures, strict=True)], axis=0
    )
    return {**scores, "border": float(np.abs(edges).max())}


def warnings(scores: Mapping[str, float]) -> list[str]:
    """A line for each score above its limit: what it is, and what to try."""
    return [
        f"{name}: {scores[name]:.3g} is above {kind.limit:g} ({kind.meaning}); try {kind.advice}"
        for name, kind in KINDS.items()
        if scores.get(name, 0.0) > kind.limit
    ]


def _of_one(photo: Floats, picture: Floats, painting: Floats) -> dict[str, float]:
    light, light_before, light_painted = (
        _windows(255 * _lightness(rgb)) for rgb in (picture, photo, painting)
    )
    flat = (light.std(axis=-1) < FLAT) & (light_before.std(axis=-1) > DETAIL)
    usual_flat = (light_painted.std(axis=-1) < FLAT).mean()
    means, before, painted = (windows.mean(axis=-1) for windows in (light, light_before, light_painted))
    low, high = painted.min() - BEYOND, painted.max() + BEYOND
    beyond = ((means < low) & (before >= low)) | ((means > high) & (before <= high))
    burnt = beyond & (_standing_out(means) > _standing_out(before) + BEYOND)
    grid = {}
    if min(picture.shape[1:]) >= SMALLEST:
        with torch.no_grad():
            grid["grid"] = 255 * float(grid_power(torch.from_numpy(picture)[None])) ** 0.5
    return {
        **grid,
        "dead": max(0.0, float(flat.mean() - usual_flat)),
        "spots": float(burnt.mean()),
        "clipping": max(0.0, _clipped(picture) - max(_clipped(photo), _clipped(painting))),
    }


def _lightness(rgb: Floats) -> Floats:
    lightness: Floats = np.tensordot(np.array(LUMA, np.float32), rgb, axes=1)
    return lightness


def _windows(values: Floats) -> Floats:
    """``(H, W)`` cut into windows: ``(down, across, WINDOW ** 2)``."""
    down, across = (side // WINDOW for side in values.shape)
    parts = values[: down * WINDOW, : across * WINDOW].reshape(down, WINDOW, across, WINDOW)
    return parts.swapaxes(1, 2).reshape(down, across, WINDOW**2)


def _standing_out(means: Floats) -> Floats:
    """How far each window is from the median of those around it, ``(down, across)``."""
    padded = np.pad(means, AROUND // 2, mode="symmetric")
    around = np.lib.stride_tricks.sliding_window_view(padded, (AROUND, AROUND))
    difference: Floats = np.abs(means - np.median(around, axis=(-2, -1)))
    return difference


def _clipped(rgb: Floats) -> float:
    return float(((rgb < 1.5 / 255) | (rgb > 253.5 / 255)).mean())


def _edge(rgb: Floats) -> NDArray[np.float64]:
    """Mean colour of the outer frame less that of the next one, levels, ``(3,)``."""
    outer, inner = (
        rgb[:, FRAME:-FRAME, FRAME:-FRAME],
        rgb[:, 2 * FRAME : -2 * FRAME, 2 * FRAME : -2 * FRAME],
    )
    totals = [part.sum(axis=(1, 2), dtype=np.float64) for part in (rgb, outer, inner)]
    counts = [part[0].size for part in (rgb, outer, inner)]
    frame = (totals[0] - totals[1]) / (counts[0] - counts[1])
    beside = (totals[1] - totals[2]) / (counts[1] - counts[2])
    difference: NDArray[np.float64] = 255 * (frame - beside)
    return difference
