"""The typed settings of each part of a run, checked when they are made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from fastnst.errors import ConfigError

# No field has a default: a number that shapes a picture is written once, in conf/.


def require(condition: bool, message: str) -> None:
    """Raise a ConfigError with the message unless the condition holds."""
    if not condition:
        raise ConfigError(message)


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values by dotted names."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@dataclass
class PaintingSettings:
    """Where a style comes from: ``fastnst.paintings``."""

    name: str | None
    title: str | None
    artist: str | None
    year: str | None
    image: str | None
    dir: str
    size: Any  # px, or "auto"
    strength: float
    source: str | None
    rights: str | None

    def __post_init__(self) -> None:
        require(
            self.size == "auto" or (type(self.size) is int and self.size >= 32),
            f"painting.size must be auto or a number from 32 px, not {self.size!r}",
        )
        require(
            0 < self.strength < math.inf, f"painting.strength must be above 0 and finite, not {self.strength}"
        )


@dataclass
class VGGSettings:
    """The ruler: ``fastnst.vgg_weights.load`` and ``fastnst.vgg.VGG19Features``."""

    weights: str
    convention: str
    precision: str

    def __post_init__(self) -> None:
        require(
            self.precision in ("auto", "float32", "bfloat16"),
            f"vgg.precision must be auto, float32 or bfloat16, not {self.precision!r}",
        )


@dataclass
class LossSettings:
    """What a picture is measured by: ``fastnst.losses.PerceptualLoss``."""

    content_layers: dict[str, float]
    style_layers: dict[str, float]
    balance: bool
    content_weight: float
    style_weight: Any  # a number, or "auto"
    tv_weight: float
    coarse_weight: float
    coarse_factor: int
    pooling: str
    padding: str

    def __post_init__(self) -> None:
        require(
            self.style_weight == "auto" or type(self.style_weight) in (int, float),
            f"loss.style_weight must be auto or a number, not {self.style_weight!r}",
        )
        require(
            1 <= self.coarse_factor <= 16,
            f"loss.coarse_factor must be from 1 to 16, not {self.coarse_factor}",
        )


def recorded_loss(record: Mapping[str, Any]) -> LossSettings:
    """The loss of a style's record, numbers and all, its strength in the style weight.

    Raises:
        ConfigError: the record does not say.
    """
    known = {field.name for field in fields(LossSettings)}
    if "blend" in record:
        raise ConfigError("a blend was trained for nothing: use one of the two styles that it is made of")
    said = {
        "balance": False,
        "coarse_weight": 0.0,
        "coarse_factor": 4,
        "padding": "zeros",
        **record.get("loss", {}),
    }
    try:
        weight = float(said["style_weight"]) * float(said.get("strength", 1.0))
        return replace(LossSettings(**{key: said[key] for key in known}), style_weight=weight)
    except (KeyError, TypeError, ValueError) as err:
        raise ConfigError(f"the style does not say by which loss it was trained: {err}") from err


@dataclass
class CalibrationSettings:
    """How what is ``auto`` is found: ``fastnst.calibration``."""

    sizes: list[int]
    richness: float
    photo_size: int
    content_share: float
    style_left: float
    style_weights: list[float]
    evaluations: int
    lr: float
    betas: list[float]

    def __post_init__(self) -> None:
        require(
            bool(self.sizes) and min(self.sizes) >= 32,
            f"calibration.sizes must be numbers from 32 px, not {self.sizes}",
        )
        require(
            0 < self.richness <= 1, f"calibration.richness must be above 0 and at most 1, not {self.richness}"
        )
        require(
            self.photo_size >= 32, f"calibration.photo_size must be at least 32 px, not {self.photo_size}"
        )
        require(
            0 < self.content_share < math.inf,
            f"calibration.content_share must be above 0 and finite, not {self.content_share}",
        )
        require(
            0 < self.style_left < math.inf,
            f"calibration.style_left must be above 0 and finite, not {self.style_left}",
        )
        require(
            bool(self.style_weights) and all(0 < weight < math.inf for weight in self.style_weights),
            f"calibration.style_weights must be above 0 and finite, not {self.style_weights}",
        )
        require(self.evaluations >= 1, f"calibration.evaluations must be at least 1, not {self.evaluations}")
        require(0 < self.lr < math.inf, f"calibration.lr must be above 0 and finite, not {self.lr}")
        require(
            len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas),
            f"calibration.betas must be two numbers from 0 to below 1, not {self.betas}",
        )


@dataclass
class NetworkSettings:
    """What is trained: ``fastnst.networks.build``."""

    name: str
    arguments: dict[str, Any]


CROPS = ("size", "early_size", "early_share", "margin", "scale", "grain", "batch_size")
"""The fields of ``DataSettings`` that say what a network sees of the photos."""


@dataclass
class DataSettings:
    """What it is trained on: ``fastnst.data``."""

    source: str
    path: Any
    split: str
    column: str
    limit: int | None
    size: int
    early_size: int
    early_share: float
    margin: int
    batch_size: int
    workers: int
    scale: float
    grain: float
    val_limit: int
    val_path: str | None

    def __post_init__(self) -> None:
        require(
            self.source in ("hub", "folder", "samples"),
            f"data.source must be hub, folder or samples, not {self.source!r}",
        )
        require(self.size >= 32, f"data.size must be at least 32 px, not {self.size}")
        require(self.early_size >= 32, f"data.early_size must be at least 32 px, not {self.early_size}")
        require(0 <= self.early_share <= 1, f"data.early_share must be from 0 to 1, not {self.early_share}")
        require(0 <= self.margin <= 256, f"data.margin must be from 0 to 256 px, not {self.margin}")
        require(
            1 <= self.batch_size <= 4096, f"data.batch_size must be from 1 to 4096, not {self.batch_size}"
        )
        require(0 <= self.workers <= 256, f"data.workers must be from 0 to 256, not {self.workers}")
        require(0 < self.scale <= 1, f"data.scale must be above 0 and at most 1, not {self.scale}")
        require(0 <= self.grain <= 32, f"data.grain must be from 0 to 32 levels, not {self.grain}")
        require(self.val_limit >= 1, f"data.val_limit must be at least 1, not {self.val_limit}")
        require(
            self.limit is None or self.limit >= 1, f"data.limit must be at least 1 or null, not {self.limit}"
        )


@dataclass
class OptimSettings:
    """The optimiser and its schedule: ``fastnst.training``."""

    optimizer: str
    lr: float
    lr_final: float
    warmup: int
    grid_weight: float
    droplet_weight: float
    edge_weight: float

    def __post_init__(self) -> None:
        require(
            self.optimizer in ("muon", "adam"),
            f"optim.optimizer must be muon or adam, not {self.optimizer!r}",
        )
        require(0 < self.lr < math.inf, f"optim.lr must be above 0 and finite, not {self.lr}")
        require(
            0 <= self.lr_final <= self.lr,
            f"optim.lr_final must be between 0 and optim.lr ({self.lr}), not {self.lr_final}",
        )
        for name in ("grid_weight", "droplet_weight", "edge_weight"):
            weight = getattr(self, name)
            require(0 <= weight < math.inf, f"optim.{name} must be 0 or more and finite, not {weight}")
        require(self.warmup >= 0, f"optim.warmup must be 0 or more, not {self.warmup}")


@dataclass
class OptimiserSettings:
    """How pixels are changed: ``fastnst.gatys.optimise``.

    Args:
        optimizer: ``lbfgs`` or ``adam``; both take one evaluation of the loss a step.
        lr: Adam's, in units of the range [0, 1]; L-BFGS finds its own steps.
        betas: Adam's. The second is below the usual 0.999, since there are few steps to average.
        history: steps that L-BFGS remembers, each two pictures of memory.
        precondition: whether L-BFGS begins each step with a length for each colour and frequency: see
            ``fastnst.optimisers.LBFGS``.
    """

    optimizer: str
    lr: float
    betas: list[float]
    history: int
    precondition: bool

    def __post_init__(self) -> None:
        require(
            self.optimizer in ("adam", "lbfgs"), f"optimizer must be adam or lbfgs, not {self.optimizer!r}"
        )
        require(0 < self.lr < math.inf, f"lr must be above 0 and finite, not {self.lr}")
        require(
            len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas),
            f"betas must be two numbers from 0 to below 1, not {self.betas}",
        )
        require(self.history >= 1, f"history must be at least 1, not {self.history}")


@dataclass
class StrengthSettings:
    """What makes the strength of a style a matter of choice afterwards: ``fastnst.strength``."""

    steps: int
    early_share: float
    lr: float
    stronger_lr: float
    power: float
    stronger: float

    def __post_init__(self) -> None:
        require(self.steps >= 0, f"strength.steps must be 0 or more, not {self.steps}")
        require(
            0 <= self.early_share <= 1, f"strength.early_share must be from 0 to 1, not {self.early_share}"
        )
        for name in ("lr", "stronger_lr", "power", "stronger"):
            value = getattr(self, name)
            require(0 < value < math.inf, f"strength.{name} must be above 0 and finite, not {value}")
