"""The typed settings of a run, each checked when it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from fastnst.errors import ConfigError

# No field has a default: a number that shapes a picture is written once, in conf/.


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass
class PaintingSettings:
    """Where a style comes from: ``fastnst.paintings``."""

    name: str | None
    title: str | None
    artist: str | None
    year: str | None
    image: str | None
    dir: str
    size: int
    strength: float
    source: str | None

    def __post_init__(self) -> None:
        _require(self.size >= 32, f"painting.size must be at least 32 px, not {self.size}")
        _require(
            0 < self.strength < math.inf, f"painting.strength must be above 0 and finite, not {self.strength}"
        )


@dataclass
class VGGSettings:
    """The ruler: ``fastnst.vgg_weights.load`` and ``fastnst.vgg.VGG19Features``."""

    weights: str
    convention: str
    precision: str

    def __post_init__(self) -> None:
        _require(
            self.precision in ("auto", "float32", "bfloat16"),
            f"vgg.precision must be auto, float32 or bfloat16, not {self.precision!r}",
        )


@dataclass
class LossSettings:
    """What a picture is measured by: ``fastnst.losses.PerceptualLoss``."""

    content_layers: dict[str, float]
    style_layers: dict[str, float]
    content_weight: float
    style_weight: float
    tv_weight: float
    pooling: str


@dataclass
class NetworkSettings:
    """What is trained: ``fastnst.networks.build``."""

    name: str
    arguments: dict[str, Any]


@dataclass
class DataSettings:
    """What it is trained on: ``fastnst.data``."""

    source: str
    path: Any
    split: str
    column: str
    limit: int | None
    size: int
    batch_size: int
    workers: int
    scale: float
    val_limit: int
    val_path: str | None

    def __post_init__(self) -> None:
        _require(
            self.source in ("hub", "folder", "samples"),
            f"data.source must be hub, folder or samples, not {self.source!r}",
        )
        _require(self.size >= 32, f"data.size must be at least 32 px, not {self.size}")
        _require(
            1 <= self.batch_size <= 4096, f"data.batch_size must be from 1 to 4096, not {self.batch_size}"
        )
        _require(0 <= self.workers <= 256, f"data.workers must be from 0 to 256, not {self.workers}")
        _require(0 < self.scale <= 1, f"data.scale must be above 0 and at most 1, not {self.scale}")
        _require(self.val_limit >= 1, f"data.val_limit must be at least 1, not {self.val_limit}")
        _require(
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

    def __post_init__(self) -> None:
        _require(
            self.optimizer in ("muon", "adam"),
            f"optim.optimizer must be muon or adam, not {self.optimizer!r}",
        )
        _require(0 < self.lr < math.inf, f"optim.lr must be above 0 and finite, not {self.lr}")
        _require(
            0 <= self.lr_final <= self.lr,
            f"optim.lr_final must be between 0 and optim.lr ({self.lr}), not {self.lr_final}",
        )
        _require(
            0 <= self.grid_weight < math.inf,
            f"optim.grid_weight must be 0 or more and finite, not {self.grid_weight}",
        )
        _require(self.warmup >= 0, f"optim.warmup must be 0 or more, not {self.warmup}")


@dataclass
class TrainSettings:
    """One training run: ``fastnst.training``."""

    painting: PaintingSettings
    network: NetworkSettings
    loss: LossSettings
    data: DataSettings
    vgg: VGGSettings
    trainer: dict[str, Any]
    optim: OptimSettings
    logger: str
    sample_every: int
    checkpoint_every: int
    seed: int
    init: str
    resume: str | None
    out: str | None

    def __post_init__(self) -> None:
        _require(
            self.logger in ("csv", "tensorboard"), f"logger must be csv or tensorboard, not {self.logger!r}"
        )
        _require(0 <= self.seed < 1 << 63, f"seed must be from 0 to 2^63 - 1, not {self.seed}")
        for name in ("sample_every", "checkpoint_every"):
            value = getattr(self, name)
            _require(value >= 1, f"{name} must be at least 1 step, not {value}")
        steps = self.trainer.get("max_steps")
        _require(
            type(steps) is int and steps >= 1, f"trainer.max_steps must be a number from 1, not {steps!r}"
        )
        for name in ("val_check_interval", "accumulate_grad_batches"):
            value = self.trainer.get(name, 1)
            whole = type(value) is int and value >= 1
            time = name == "val_check_interval" and isinstance(value, str)  # Lightning reads it
            _require(whole or time, f"trainer.{name} must be a number from 1, not {value!r}")


@dataclass
class GatysSettings:
    """One run of the per-picture optimiser: ``fastnst.gatys``."""

    content: str | None
    painting: PaintingSettings
    loss: LossSettings
    vgg: VGGSettings
    size: int
    init: str
    optimizer: str
    steps: int
    lr: float
    betas: list[float]
    history: int
    device: str
    snapshot_every: int | None
    seed: int
    out: str

    def __post_init__(self) -> None:
        _require(
            self.optimizer in ("adam", "lbfgs"), f"optimizer must be adam or lbfgs, not {self.optimizer!r}"
        )
        _require(self.size >= 32, f"size must be at least 32 px, not {self.size}")
        _require(self.steps >= 1, f"steps must be at least 1, not {self.steps}")
        _require(0 < self.lr < math.inf, f"lr must be above 0 and finite, not {self.lr}")
        _require(
            len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas),
            f"betas must be two numbers from 0 to below 1, not {self.betas}",
        )
        _require(self.history >= 1, f"history must be at least 1, not {self.history}")
        _require(0 <= self.seed < 1 << 63, f"seed must be from 0 to 2^63 - 1, not {self.seed}")
        every = self.snapshot_every
        _require(every is None or every >= 1, f"snapshot_every must be at least 1 or null, not {every}")
