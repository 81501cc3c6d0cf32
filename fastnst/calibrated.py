"""What was found out about a painting: see ``fastnst.calibration``."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from fastnst import paintings
from fastnst.paintings import Painting
from fastnst.settings import LossSettings, PaintingSettings

DIGITS = 3  # of the numbers that are found; more would be chance


@dataclass(frozen=True)
class Trial:
    """Photos repainted with one weight of the style.

    Args:
        style_weight: that of the style.
        content_share: how far contents moved, in parts of how far two photos' are apart; fine ones alone.
        style_share: style distance that is left of the photos', each layer by its share.
        pictures: ``(B, 3, size, size)``; None if only the numbers were kept.
    """

    style_weight: float
    content_share: float
    style_share: float
    pictures: Tensor | None = field(repr=False)


@dataclass(frozen=True)
class Calibration:
    """What was found, and the settings with it put in.

    Args:
        painting: with a number for its size.
        loss: with a number for its style weight, and plain layer weights.
        picture: the painting in that size.
        trials: those that the style weight was found by; none where it was given.
        reasons: a line for each thing that was found.
    """

    painting: PaintingSettings
    loss: LossSettings
    picture: Painting = field(repr=False)
    trials: tuple[Trial, ...] = ()
    reasons: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """What was found and why, as plain values: for a style file, and to go on from a checkpoint."""
        return {
            "size": self.painting.size,
            "style_layers": self.loss.style_layers,
            "style_weight": self.loss.style_weight,
            "reasons": list(self.reasons),
            "trials": [
                {
                    "style_weight": rounded(trial.style_weight),
                    "content_share": round(trial.content_share, 4),
                    "style_share": round(trial.style_share, 4),
                }
                for trial in self.trials
            ],
        }


def restored(painting: PaintingSettings, loss: LossSettings, record: Mapping[str, Any]) -> Calibration:
    """What an interrupted run had found, from ``Calibration.record()``; errors as ``paintings.load``'s."""
    numbers = {key: record[key] for key in ("style_layers", "style_weight")}
    return Calibration(
        replace(painting, size=record["size"]),
        replace(loss, **numbers, balance=False),
        paintings.load(painting, record["size"]),
        tuple(Trial(**trial, pictures=None) for trial in record["trials"]),
        tuple(record["reasons"]),
    )


def rounded(value: float) -> float:
    """To as many digits as are worth telling."""
    return float(f"{value:.{DIGITS}g}")
