"""How fast networks are: interleaved with the baseline in one run, since times drift and ratios do not.

Every round gives each contestant one turn; in every second round they come in the opposite order. A turn's
first call is not counted, unless it is a long one: it pays for the caches that the one before has emptied.
"""

import logging
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from fastnst.contestants import EAGER, Contestant, Runner
from fastnst.environment import describe
from fastnst.errors import ImageError
from fastnst.peak_memory import noise, peaks
from fastnst.progress import Progress, Report
from fastnst.style_file import read

logger = logging.getLogger(__name__)

TURN = 0.1
"""s: for how long a turn's calls are repeated, when one takes less."""


@dataclass(frozen=True)
class Record:
    """What was measured of one contestant at one size.

    Args:
        network: its name in conf/network, or its kind and arguments.
        engine: that ran it; "eager torch" is the baseline.
        precision: of the convolutions.
        size: side of the square picture, px.
        batch: pictures done in one call.
        threads: of the CPU.
        ms_median: median of the rounds, for one picture.
        ms_iqr: distance between the rounds' quartiles, for one picture.
        ratio: how many times faster than the baseline's single pictures of this size, by the medians; None
            if the baseline could not do that size.
        peak_mb: peak resident memory of a process that does nothing else; None if it was not measured.
        parameters: of the network.
        runs: rounds.
        style: that gave the weights; None where they were random.
        device: such as "cpu" or "cuda".
        environment: date, commit, versions, names of CPU and GPU.
    """

    network: str
    engine: str
    precision: str
    size: int
    batch: int
    threads: int
    ms_median: float
    ms_iqr: float
    ratio: float | None
    peak_mb: float | None
    parameters: int
    runs: int
    style: str | None
    device: str
    environment: Mapping[str, Any]


@dataclass(frozen=True)
class _Entry:
    """A contestant at one size and batch."""

    contestant: Contestant
    runner: Runner
    batch: int
    size: int


def bench(
    contestants: Mapping[Contestant, Runner],
    *,
    sizes: Sequence[int],
    batches: Sequence[int] = (),
    runs: int,
    memory: bool = True,
    report: Report | None = None,
) -> list[Record]:
    """Measure contestants.

    Args:
        contestants: see ``contestants.gathered``.
        sizes: px.
        batches: pictures in a call; none for 1, and as many as the engine thinks worth it.
        runs: rounds at each size.
        memory: whether to measure it, in a process for each contestant.
        report: is told of the rounds and the processes.

    Returns:
        By size, batch and contestant, as they were given.
        One for which the memory does not suffice is left out, which is logged.
    """
    entries = [
        _Entry(contestant, runner, batch, size)
        for size in sizes
        for contestant, runner in contestants.items()
        for batch in sorted({1} if contestant.engine == EAGER else set(batches or (1, runner.batch)))
    ]
    times: dict[_Entry, list[float]] = {}
    for index, size in enumerate(sizes):
        now = [entry for entry in entries if entry.size == size and _warm(entry)]
        note = f"{len(now)} networks and engines at {size} px"
        told = _Rounds(report, index * runs, len(sizes) * runs, note)
        found = interleaved([_call(entry) for entry in now], runs=runs, report=told)
        for entry, seconds in zip(now, found, strict=True):
            times[entry] = [1000 * one / entry.batch for one in seconds]
    memories = _memories(list(times), report) if memory else {}
    baselines = {entry.size: ms for entry, ms in times.items() if entry.contestant.engine == EAGER}
    environment = describe(next(iter(contestants)).device)
    return [
        _record(entry, ms, baselines.get(entry.size), memories.get(entry), environment)
        for entry, ms in times.items()
    ]


def interleaved(
    calls: Sequence[Callable[[], object]],
    *,
    runs: int,
    clock: Callable[[], float] = perf_counter,
    report: Callable[[int], None] | None = None,
) -> list[list[float]]:
    """Time calls in turns.

    Args:
        calls: what to time; each returns when its work is done.
        runs: rounds.
        clock: seconds.
        report: is told how many rounds are done.

    Returns:
        For each call, seconds in every round.
    """
    times: list[list[float]] = [[] for _ in calls]
    for number in range(runs):
        if report is not None:
            report(number)
        places = range(len(calls))
        for place in reversed(places) if number % 2 else places:
            times[place].append(turn(calls[place], clock))
    if report is not None:
        report(runs)
    return times


def turn(call: Callable[[], object], clock: Callable[[], float] = perf_counter) -> float:
    """Seconds of a call: of the first if it takes as long as a turn, or the median of the later ones."""

    def timed() -> float:
        start = clock()
        call()
        return clock() - start

    first = timed()
    if first >= TURN:
        return first
    times: list[float] = []
    while sum(times) < TURN:
        times.append(timed())
    return statistics.median(times)


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Median, and the distance between the quartiles."""
    low, middle, high = (float(value) for value in np.percentile(values, (25, 50, 75)))
    return middle, high - low


@dataclass(frozen=True)
class _Rounds:
    """Tells how many rounds are done, of those at all sizes."""

    report: Report | None
    before: int
    total: int
    note: str

    def __call__(self, done: int) -> None:
        if self.report is not None:
            self.report(Progress("timing", self.before + done, self.total, "rounds", self.note))


def _warm(entry: _Entry) -> bool:
    """Give a first turn; whether the memory sufficed."""
    try:
        turn(_call(entry))
    except ImageError as err:
        one = entry.contestant
        logger.warning("%s in %s is left out at %d px: %s", one.network, one.engine, entry.size, err)
        return False
    return True


def _call(entry: _Entry) -> Callable[[], object]:
    pictures = noise(entry.size, entry.batch)
    return lambda: entry.runner.stylise(pictures)


def _memories(entries: Sequence[_Entry], report: Report | None) -> dict[_Entry, float | None]:
    found: dict[_Entry, float | None] = {}
    contestants = list(dict.fromkeys(entry.contestant for entry in entries))
    for done, contestant in enumerate(contestants):
        if report is not None:
            note = f"{contestant.network} in {contestant.engine}, {contestant.precision}"
            report(Progress("measuring memory", done, len(contestants), "processes", note))
        own = [entry for entry in entries if entry.contestant == contestant]
        found |= zip(own, peaks(contestant, [(entry.size, entry.batch) for entry in own]), strict=True)
    if report is not None:
        report(Progress("measuring memory", len(contestants), len(contestants), "processes"))
    return found


def _record(
    entry: _Entry,
    ms: Sequence[float],
    baseline: Sequence[float] | None,
    peak_mb: float | None,
    environment: Mapping[str, Any],
) -> Record:
    one = entry.contestant
    median, iqr = quartiles(ms)
    style = read(one.style)
    return Record(
        network=one.network,
        engine=one.engine,
        precision=one.precision,
        size=entry.size,
        batch=entry.batch,
        threads=one.threads,
        ms_median=round(median, 3),
        ms_iqr=round(iqr, 3),
        ratio=None if baseline is None else round(quartiles(baseline)[0] / median, 2),
        peak_mb=peak_mb,
        parameters=style.parameters,
        runs=len(ms),
        style=None if one.random else style.path.stem,
        device=one.device,
        environment=environment,
    )
