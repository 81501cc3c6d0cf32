"""A study from settings to its figure: cells are run one after the other, and what is done is kept."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fastnst import (
    __version__,
    files,
    gatys_run,
    images,
    paintings,
    samples,
    study,
    study_network,
    style_file,
)
from fastnst.errors import ConfigError
from fastnst.findings import Finding, Measured, find
from fastnst.interrupts import Stopped, terminable
from fastnst.progress import Progress, Report
from fastnst.study import Cell, StudySettings
from fastnst.study_figures import grid, plots
from fastnst.study_network import Network
from fastnst.style_record import versions

logger = logging.getLogger(__name__)

RECORD = "study.json"


@dataclass(frozen=True)
class Outcome:
    """What a study left: its figure, its record and what they show."""

    figure: Path
    record: Path
    finding: Finding


def check(name: str, given: Sequence[str] = ()) -> tuple[StudySettings, list[list[Cell]]]:
    """The study and its cells, if ``run`` could begin.

    Raises:
        FastNSTError: there is no such study, or a setting, a picture or the folder cannot be used.
    """
    described = study.load(name, given)
    rows = study.cells(name, described, given)
    cells = [cell for row in rows for cell in row]
    for photo, size in {(cell.settings.content, cell.settings.size) for cell in cells}:
        if not photo:
            raise ConfigError(f"no photo was given; for example: fastnst study {name} content=photo.jpg")
        images.read(samples.resolve(photo), size=size, min_side=gatys_run.MIN_SIDE)
    for cell in cells:
        _painting(cell)
        files.check_writable(Path(cell.settings.out))
    if described.style is not None:
        style_file.find(described.style)
    return described, rows


def run(name: str, given: Sequence[str] = (), *, report: Report | None = None) -> Outcome:
    """Run every cell of a study that is not done, and write its figure, plots and study.json.

    Ctrl-C and SIGTERM end it after the evaluation in hand. A cell that an earlier run finished with the same
    settings and pictures is kept, even if kill -9 ended that run.

    Args:
        name: of a file of conf/study/.
        given: settings for the study and for every cell.
        report: is told of every evaluation, counted over all cells.

    Raises:
        FastNSTError: as from ``check``, or as from ``gatys_run.run``.
        Stopped: by Ctrl-C or SIGTERM.
    """
    described, rows = check(name, given)
    folder = Path(rows[0][0].settings.out).parent
    files.remove_abandoned(folder)
    state = _State(folder / RECORD)
    with terminable():
        network = None
        if described.training:
            network = _network(described, rows[0][0], state, report=report)
            rows = study.cells(name, described, given, last=network.overrides)
        for cell, tell in _left(name, rows, described.snapshots, state, report):
            state.begun(cell)
            outcome = gatys_run.run(cell.settings, report=tell)
            if outcome.signal is not None:
                raise Stopped(
                    outcome.signal, f"stopped in {outcome.picture}; the same command goes on with it"
                )
            state.finished(cell)
        measured = [[_measured(cell, described.snapshots) for cell in row] for row in rows]
        labels = [row.label for row in described.rows]
        records = [state.record(cell) for row in rows for cell in row]
        if network is not None:
            measured.insert(0, study_network.measure(network, rows[0]))
            labels.insert(0, "The network")
            pairs = zip(rows[0], measured[0], strict=True)
            records[:0] = [study_network.record(network, cell, one) for cell, one in pairs]
        finding = find(name, measured)
        grid(described, measured, labels, finding, folder / "figure.png")
        pictures = ["figure.png", *(path.name for path in plots(name, measured, folder))]
        state.write(
            study=name,
            title=described.title,
            source=described.source,
            claim=described.claim,
            finding=finding.text,
            confirmed=finding.confirmed,
            numbers=finding.numbers,
            pictures=pictures,
            versions=versions(),
            cells=records,
        )
    return Outcome(folder / "figure.png", state.path, finding)


class _State:
    """study.json while a study runs: which cells are done, with which settings."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            self._done = {str(file): str(mark) for file, mark in known["done"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._done = {}  # there is none, or it is damaged: everything is done again

    def has(self, out: Path, fingerprint: str) -> bool:
        """Whether a file was made so, and is there."""
        return self._done.get(out.name) == fingerprint and out.is_file()

    def begun(self, cell: Cell) -> None:
        """Forget a cell whose files are about to be another run's."""
        if self._done.pop(Path(cell.settings.out).name, None) is not None:
            self.write()

    def finished(self, cell: Cell) -> None:
        """Remember a cell."""
        self.add(Path(cell.settings.out), _fingerprint(cell))

    def add(self, out: Path, fingerprint: str) -> None:
        """Remember a file."""
        self._done[out.name] = fingerprint
        self.write()

    def write(self, **said: Any) -> None:
        """Write the file with what else there is to say."""
        files.write_json(self.path, {**said, "done": self._done})

    def record(self, cell: Cell) -> dict[str, Any]:
        """What study.json says of a cell that is done."""
        trace = _trace(cell)
        return {
            "label": cell.label,
            "file": Path(cell.settings.out).name,
            "command": cell.command,
            "changes": list(cell.changes),
            "losses": trace["best"],
            "evaluations": trace["evaluations"],
            "seconds": trace["seconds"],
        }


def _left(
    name: str, rows: Sequence[Sequence[Cell]], snapshots: int, state: _State, report: Report | None
) -> list[tuple[Cell, Report]]:
    """The cells that are not done, each with who is told of its progress."""
    cells = [cell for row in rows for cell in row]
    total = sum(cell.settings.steps for cell in cells)
    left, done = [], 0
    for cell in cells:
        if not (state.has(Path(cell.settings.out), _fingerprint(cell)) and _is_whole(cell, snapshots)):
            left.append(cell)
        else:
            done += cell.settings.steps
    if len(left) < len(cells):
        logger.info("%s: %d of %d cells were done before", name, len(cells) - len(left), len(cells))
    tellers: list[tuple[Cell, Report]] = []
    for cell in left:

        def tell(progress: Progress, before: int = done, cell: Cell = cell) -> None:
            if report is not None and progress.task == "gatys":
                note = f"{cell.label}: {progress.note}".lstrip(": ")
                report(Progress(name, before + progress.done, total, progress.unit, note))

        tellers.append((cell, tell))
        done += cell.settings.steps
    return tellers


def _network(described: StudySettings, cell: Cell, state: _State, *, report: Report | None) -> Network:
    """The network to compare with: the one that was named, or one trained for the painting."""
    if described.style is not None:
        return study_network.network(style_file.find(described.style), cell.settings)
    path = state.path.with_name("network.safetensors")
    settings = study_network.training(described, cell, path)
    fingerprint = _digest([asdict(replace(settings, out="")), _painting(cell), __version__])
    if not state.has(path, fingerprint):
        study_network.train(settings, state.path.with_name("training"), report=report)
        state.add(path, fingerprint)
    return study_network.network(path, cell.settings)


def _measured(cell: Cell, snapshots: int) -> Measured:
    """A finished cell, read back from its files, with at most so many pictures along the way."""
    settings, trace = cell.settings, _trace(cell)
    out = Path(settings.out)
    picture = images.read(out).rgb
    frames = {}
    if snapshots:
        counts = _shown(cell, trace, snapshots)
        frames = {count: images.read(_frame(out, count)).rgb for count in counts} or {
            trace["evaluations"]: picture
        }
    return Measured(
        label=cell.label,
        picture=picture,
        photo=images.read(samples.resolve(str(settings.content)), size=settings.size).rgb,
        painting=paintings.load(settings.painting, settings.size).rgb,
        best=trace["best"],
        trace=trace["trace"],
        seconds=trace["seconds"],
        frames=frames,
    )


def _is_whole(cell: Cell, snapshots: int) -> bool:
    """Whether a cell's files are all there, and its trace can be read."""
    try:
        counts = _shown(cell, _trace(cell), snapshots)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return all(_frame(Path(cell.settings.out), count).is_file() for count in counts)


def _shown(cell: Cell, trace: Mapping[str, Any], snapshots: int) -> list[int]:
    """The evaluations, at most so many, whose pictures are shown."""
    every = cell.settings.snapshot_every or cell.settings.steps
    counts = range(every, trace["evaluations"] + 1, every)
    chosen = np.linspace(0, len(counts) - 1, min(snapshots, len(counts))).round().astype(int)
    return [counts[i] for i in chosen]


def _frame(out: Path, count: int) -> Path:
    return out.with_name(f"{out.stem}.snapshots") / f"{count:06}.png"


def _trace_path(out: Path) -> Path:
    return out.with_name(f"{out.stem}.trace.json")


def _trace(cell: Cell) -> dict[str, Any]:
    """The record that ``gatys_run`` wrote of a cell."""
    record: dict[str, Any] = json.loads(_trace_path(Path(cell.settings.out)).read_text(encoding="utf-8"))
    return record


def _fingerprint(cell: Cell) -> str:
    """What the picture of a cell depends on: settings, files and the version of fastnst, as a SHA-256."""
    chosen = cell.settings
    named = [
        str(chosen.content),
        chosen.init,
        chosen.init.removeprefix(gatys_run.NETWORK),
        chosen.vgg.weights,
    ]
    named += [*(chosen.paintings or {}), *(chosen.masks or {}).values()]
    read = [files.sha256(path) for path in map(samples.resolve, named) if path.is_file()]
    return _digest([asdict(replace(chosen, out="")), read, _painting(cell), __version__])


def _painting(cell: Cell) -> str | None:
    """The SHA-256 of the painting's file; None if fastnst draws it."""
    path = paintings.find(cell.settings.painting)
    return None if path is None else files.sha256(path)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
