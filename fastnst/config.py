"""From conf/*.yaml and ``key=value`` overrides to typed settings. Nothing else in fastnst knows Hydra."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fastnst.errors import ConfigError, FastNSTError

if TYPE_CHECKING:
    from omegaconf import DictConfig

T = TypeVar("T")

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
        _require(self.strength > 0, f"painting.strength must be above 0, not {self.strength}")


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
        _require(self.batch_size >= 1, f"data.batch_size must be at least 1, not {self.batch_size}")
        _require(self.workers >= 0, f"data.workers must be 0 or more, not {self.workers}")
        _require(0 < self.scale <= 1, f"data.scale must be above 0 and at most 1, not {self.scale}")
        _require(self.val_limit >= 1, f"data.val_limit must be at least 1, not {self.val_limit}")
        _require(
            self.limit is None or self.limit >= 1, f"data.limit must be at least 1 or null, not {self.limit}"
        )


@dataclass
class OptimSettings:
    """Adam and its schedule: ``fastnst.training``."""

    lr: float
    lr_final: float
    warmup: int

    def __post_init__(self) -> None:
        _require(self.lr > 0, f"optim.lr must be above 0, not {self.lr}")
        _require(
            0 <= self.lr_final <= self.lr,
            f"optim.lr_final must be between 0 and optim.lr ({self.lr}), not {self.lr_final}",
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
        _require(self.seed >= 0, f"seed must be 0 or more, not {self.seed}")
        for name in ("sample_every", "checkpoint_every"):
            value = getattr(self, name)
            _require(value >= 1, f"{name} must be at least 1 step, not {value}")
        steps = self.trainer.get("max_steps")
        _require(
            isinstance(steps, int) and steps >= 1, f"trainer.max_steps must be a number from 1, not {steps!r}"
        )


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
        _require(self.lr > 0, f"lr must be above 0, not {self.lr}")
        _require(self.history >= 1, f"history must be at least 1, not {self.history}")
        _require(self.seed >= 0, f"seed must be 0 or more, not {self.seed}")
        every = self.snapshot_every
        _require(every is None or every >= 1, f"snapshot_every must be at least 1 or null, not {every}")


def conf_dir() -> Path:
    """The folder of YAML files: inside an installed package, beside it in a checkout.

    Raises:
        ConfigError: it is in neither place.
    """
    for folder in (Path(__file__).parent / "conf", Path(__file__).parents[1] / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise ConfigError(f"no conf/ folder in or beside {Path(__file__).parent}")


def choices(group: str) -> list[str]:
    """Names of a group of conf/: ``choices("painting")``."""
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))


def load(name: str, overrides: Sequence[str] = ()) -> DictConfig:
    """Compose ``conf/<name>.yaml`` with ``key=value`` overrides. Not to be called inside ``application``.

    Raises:
        ConfigError: an override names nothing.
    """
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            return compose(name, overrides=list(overrides))
    except (HydraException, OmegaConfBaseException) as err:
        raise ConfigError(_one_line(err)) from err


def typed(schema: type[T], cfg: DictConfig) -> T:
    """Check ``cfg`` against a dataclass and return an instance of it: no DictConfig goes further.

    Raises:
        ConfigError: a key is unknown, a type wrong or a value impossible.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return cast("T", OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), cfg)))
    except OmegaConfBaseException as err:
        raise ConfigError(_one_line(err)) from err


def _one_line(err: Exception) -> str:
    """What Hydra or OmegaConf complains of, with the setting's name, in one line."""
    first, *rest = [line.strip() for line in str(err).splitlines() if line.strip()] or [type(err).__name__]
    key = next((line.removeprefix("full_key: ") for line in rest if line.startswith("full_key: ")), "")
    if found := re.match(r"Could not override '(.*)'", first):
        name = key or found[1]
        hint = f"+{name}=WEIGHT adds it" if "_layers." in name else "--cfg job lists those there are"
        return f"there is no setting {name!r}; {hint}"
    if found := re.search(r"Could not find '(\w+)/(.*)'", first):
        return f"there is no {found[1]} {found[2]!r}; there are {', '.join(choices(found[1]))}"
    if first.startswith("Error parsing override") and rest:
        return f"{first}: {rest[0]}"
    return f"{key}: {first}" if key and key not in first else first


def application(name: str, job: Callable[[DictConfig, Path], None], argv: Sequence[str]) -> None:
    """Run ``job`` as a Hydra application on ``conf/<name>.yaml``, with sweeps and ``--cfg job``.

    The job gets the settings and its run folder, made by Hydra; the working directory stays the user's.

    Raises:
        FastNSTError: an override names nothing, or the job raised one.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig

    raised: list[BaseException] = []

    def safely(cfg: DictConfig) -> None:
        try:
            job(cfg, Path(HydraConfig.get().runtime.output_dir))
        except (FastNSTError, KeyboardInterrupt, SystemExit) as err:  # Hydra would print a traceback
            raised.append(err)
            sys.exit(1)

    if not any(argument.startswith("-") for argument in argv):
        load(name, argv)  # a mistake is one line here; Hydra's application would print ten
    before = sys.argv
    sys.argv = [f"fastnst {name}", *argv]
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=name)(safely)()
    except SystemExit:
        if raised:
            raise raised[0] from None
        raise
    finally:
        sys.argv = before
