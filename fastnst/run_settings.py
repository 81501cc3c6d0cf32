"""The typed settings of a run, of each kind, checked when they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from fastnst.settings import (
    CalibrationSettings,
    DataSettings,
    LossSettings,
    NetworkSettings,
    OptimiserSettings,
    OptimSettings,
    PaintingSettings,
    StrengthSettings,
    VGGSettings,
    require,
)

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")  # weights stay float32 in all
SHORT = ("32", "bf16", "16")  # what Lightning takes for the same

# No field has a default: a number that shapes a picture is written once, in conf/.


@dataclass
class RunSettings:
    """What all trainings share."""

    network: NetworkSettings
    loss: LossSettings
    data: DataSettings
    vgg: VGGSettings
    calibration: CalibrationSettings
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
        require(
            self.logger in ("csv", "tensorboard"),
            f"logger must be csv or tensorboard, not {self.logger!r}",
        )
        require(0 <= self.seed < 1 << 63, f"seed must be from 0 to 2^63 - 1, not {self.seed}")
        for name in ("sample_every", "checkpoint_every"):
            value = getattr(self, name)
            require(value >= 1, f"{name} must be at least 1 step, not {value}")
        steps = self.trainer.get("max_steps")
        require(
            type(steps) is int and steps >= 1, f"trainer.max_steps must be a number from 1, not {steps!r}"
        )
        precision = self.trainer.get("precision", "auto")
        require(
            str(precision) in (*PRECISIONS, *SHORT),
            f"trainer.precision must be one of {', '.join(PRECISIONS)}, not {precision!r}",
        )
        for name in ("val_check_interval", "accumulate_grad_batches"):
            value = self.trainer.get(name, 1)
            whole = type(value) is int and value >= 1
            time = name == "val_check_interval" and isinstance(value, str)  # Lightning reads it
            require(whole or time, f"trainer.{name} must be a number from 1, not {value!r}")


@dataclass
class TrainSettings(RunSettings):
    """The training of a style: ``fastnst.training_run``."""

    painting: PaintingSettings
    strength: StrengthSettings


@dataclass
class BaseSettings(RunSettings):
    """The training of a network for others to begin with: ``fastnst.base_run``."""

    paintings: list[str]
    dir: str

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            len(set(self.paintings)) >= 2,
            f"paintings must be two or more, as in [starry_night,the_kiss], not {self.paintings}",
        )


@dataclass
class GatysSettings(OptimiserSettings):
    """One run of the per-picture optimiser: ``fastnst.gatys``."""

    content: str | None
    painting: PaintingSettings
    paintings: dict[str, float] | None
    masks: dict[str, str] | None
    colours: str
    style_scale: float
    loss: LossSettings
    vgg: VGGSettings
    calibration: CalibrationSettings
    size: int
    init: str
    steps: int
    seconds: float | None
    levels: Any
    normalise_gradients: bool
    tile: Any
    device: str
    snapshot_every: int | None
    seed: int
    out: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_steps(self)
        require(self.size >= 32, f"size must be at least 32 px, not {self.size}")
        require(
            self.seconds is None or 0 < self.seconds < math.inf,
            f"seconds must be above 0 and finite, or null, not {self.seconds}",
        )
        require(
            self.tile in (None, "auto") or (type(self.tile) is int and self.tile >= 64),
            f"tile must be auto, null or a number from 64 px, not {self.tile!r}",
        )
        require(
            self.levels == "auto" or (type(self.levels) is int and 1 <= self.levels <= 8),
            f"levels must be auto or from 1 to 8, not {self.levels!r}",
        )
        require(
            self.colours in ("painting", "match", "photo"),
            f"colours must be painting, match or photo, not {self.colours!r}",
        )
        require(0.1 <= self.style_scale <= 10, f"style_scale must be from 0.1 to 10, not {self.style_scale}")
        every = self.snapshot_every
        require(every is None or every >= 1, f"snapshot_every must be at least 1 or null, not {every}")


@dataclass
class CompareSettings(OptimiserSettings):
    """The fast network against the per-picture optimiser: ``fastnst.compare_run``."""

    content: Any  # a file, folder or sample:NAME, or a list of them
    style: Any  # a name or file, or a list of them
    size: Any  # px, or a list of them
    paintings_dir: str
    vgg: VGGSettings
    steps: int
    init: str
    device: str
    seed: int
    out: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_steps(self)
        examples = {"content": "[sample:chelsea,photos]", "style": "[starry_night,mine.safetensors]"}
        for name, example in {**examples, "size": "[256,512]"}.items():
            given = getattr(self, name)
            several = given if isinstance(given, list) else [given]
            require(
                bool(several) and None not in several and "" not in several,
                f"{name} names nothing; for example: {name}={example}",
            )
            setattr(self, name, list(dict.fromkeys(several)))
        for size in self.size:
            require(type(size) is int and size >= 32, f"size must be numbers from 32 px, not {size!r}")
        require(self.init in ("content", "noise"), f"init must be content or noise, not {self.init!r}")


def _check_steps(settings: GatysSettings | CompareSettings) -> None:
    require(settings.steps >= 1, f"steps must be at least 1, not {settings.steps}")
    require(0 <= settings.seed < 1 << 63, f"seed must be from 0 to 2^63 - 1, not {settings.seed}")


@dataclass
class CalibrateSettings:
    """What ``fastnst calibrate`` shows."""

    painting: PaintingSettings
    loss: LossSettings
    vgg: VGGSettings
    calibration: CalibrationSettings
    device: str
    out: str | None
