"""The classic experiments as data: each file of conf/study/ lists runs of ``fastnst gatys``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path

from fastnst import config, files
from fastnst.errors import ConfigError
from fastnst.run_settings import GatysSettings
from fastnst.settings import require

OWN = ("paintings", "photos", "style", "out")
"""Settings of a study; a user's others go to every cell."""

SEVERAL = {"paintings": "painting", "photos": "content"}
"""What a study may vary, and the setting of a cell that it takes the place of."""

LOSS = ("loss", "painting.size", "painting.strength", "colours", "style_scale", "masks")
"""What comes from the network where a study has one."""


@dataclass
class CellSettings:
    """One run: what a row has in common, and these."""

    label: str
    settings: list[str]


@dataclass
class RowSettings:
    """Runs side by side."""

    label: str
    settings: list[str]
    cells: list[CellSettings]


@dataclass
class StudySettings:
    """One experiment, as conf/study.yaml and a file of conf/study/ describe it."""

    title: str
    source: str
    claim: str
    shows: list[str]
    common: list[str]
    settings: list[str]
    rows: list[RowSettings]
    paintings: list[str]
    photos: list[str]
    snapshots: int
    style: str | None
    training: list[str]
    out: str

    def __post_init__(self) -> None:
        require(self.snapshots >= 0, f"snapshots must be 0 or more, not {self.snapshots}")


@dataclass(frozen=True)
class Cell:
    """One run of ``fastnst gatys``, ready to go.

    Args:
        label: what tells it from the others of its row.
        changes: the settings in which it is unlike other cells of the study.
        overrides: all of its settings, ``out`` among them, as ``fastnst gatys`` takes them.
        settings: the same, typed.
    """

    label: str
    changes: tuple[str, ...]
    overrides: tuple[str, ...]
    settings: GatysSettings

    @property
    def command(self) -> str:
        """What repeats this cell by hand, to be typed into a shell."""
        return shlex.join(["fastnst", "gatys", *self.overrides])


def names() -> list[str]:
    """Every study."""
    return config.choices("study")


def load(name: str, given: Sequence[str] = ()) -> StudySettings:
    """The study of that name, with those of the user's settings that are its own.

    Raises:
        ConfigError: there is no such study, or a setting is impossible.
    """
    study = config.typed(StudySettings, config.load("study", [f"study={name}"]))
    for override in given:
        if reason := _refused(study, _key(override)):
            raise ConfigError(f"{name} {reason}: leave out {override}")
    own = [override for override in given if _key(override) in OWN]
    return config.typed(StudySettings, config.load("study", [f"study={name}", *own])) if own else study


def relevant(name: str, given: Sequence[str]) -> list[str]:
    """Those of the user's settings that the study takes: what is meant for several may not suit each."""
    study = load(name)
    return [override for override in given if not _refused(study, _key(override))]


def cells(
    name: str, study: StudySettings, given: Sequence[str] = (), *, last: Sequence[str] = ()
) -> list[list[Cell]]:
    """The study's runs, row by row.

    Args:
        name: of the study; its folder inside ``study.out`` is called so.
        study: from ``load``.
        given: the user's settings, which come after the study's.
        last: settings that come after even these.

    Raises:
        ConfigError: a setting names nothing or is impossible, or two cells would be the same.
    """
    users = [override for override in given if _key(override) not in OWN]
    keys = {_key(override) for override in users}
    if "painting.image" in keys and "painting" not in keys:
        users.insert(0, "painting=own")
    folder = files.typed_path(study.out) / name
    rows: list[list[Cell]] = []
    seen: dict[str, str] = {}
    for row in study.rows:
        rows.append([])
        for settings, painting, photo in product(row.cells, study.paintings or [""], study.photos or [""]):
            label = ", ".join(part for part in (settings.label, short(painting), short(photo)) if part)
            changes = [*row.settings, *settings.settings, *_painting(painting)]
            changes += [f"content={config.item(photo)}"] if photo else []
            out = config.item(folder / f"{len(seen) + 1}-{_plain(f'{row.label} {label}')}.png")
            overrides = _merged(study.common, study.settings, changes, users, last, [f"out={out}"])
            typed = config.typed(GatysSettings, config.load("gatys", overrides))
            if study.snapshots and typed.snapshot_every is None:
                overrides.append(f"snapshot_every={max(1, typed.steps // study.snapshots)}")
                typed = config.typed(GatysSettings, config.load("gatys", overrides))
            same = repr(_without_out(typed))
            if same in seen:
                raise ConfigError(
                    f"{name}: with these settings {seen[same]!r} and {label or row.label!r} are the same run"
                )
            seen[same] = label or row.label
            rows[-1].append(Cell(label, tuple(changes), tuple(overrides), typed))
    return rows


def short(picture: str) -> str:
    """A painting or photo as a label: ``chelsea`` for ``sample:chelsea``, ``me`` for ``photos/me.jpg``."""
    return Path(picture.partition("sample:")[2] or picture).stem


def layers(weights: Mapping[str, float], kind: str) -> list[str]:
    """The settings that give ``loss=empty`` these layers."""
    return [f"+loss.{kind}_layers.{layer}={weight}" for layer, weight in weights.items()]


def _refused(study: StudySettings, key: str) -> str:
    """Why a setting has no meaning in a study; empty if it has."""
    if key == "style" and not study.training:
        return "compares with no network"
    if study.training and key.startswith(LOSS):
        return "takes its loss from the network"
    if key == "preset":
        return "says itself how its pictures are made"
    if key == "levels":
        return "is defined at one size"
    if key == "loss" and "loss=empty" in study.settings:
        return "has layers of its own"
    for several, one in SEVERAL.items():
        if key == several and not getattr(study, several):
            return f"takes one: {one}=A"
        if key in (one, f"{one}.image") and getattr(study, several):
            return f"takes several: {several}=[A,B,C]"
    return ""


def _painting(painting: str) -> list[str]:
    """The settings that choose a painting: by a preset's name, or a file."""
    if not painting:
        return []
    if painting in config.choices("painting"):
        return [f"painting={painting}"]
    return ["painting=own", f"painting.image={config.item(painting)}"]


def _key(override: str) -> str:
    """The setting that an override sets: ``steps`` for ``steps=100``."""
    return override.partition("=")[0].lstrip("+~")


def _merged(*overrides: Iterable[str]) -> list[str]:
    """All of them, each setting where and as it is set last."""
    last: dict[str, str] = {}
    for override in chain(*overrides):
        last.pop(_key(override), None)
        last[_key(override)] = override
    return list(last.values())


def _without_out(settings: GatysSettings) -> dict[str, object]:
    return {key: value for key, value in vars(settings).items() if key != "out"}


def _plain(label: str) -> str:
    """A label as a part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or "picture"
