"""Progress on the terminal: a bar on stderr, or two lines a task where stderr is a file."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import click

from fastnst.cli import printable
from fastnst.progress import Progress, Report

if TYPE_CHECKING:
    from tqdm import tqdm

COUNTED = "{desc}: {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} {unit}, {remaining} left{postfix}"
MINUTE = 60.0  # s
UNCOUNTED = "{desc}: {n_fmt} {unit}, {elapsed}{postfix}"


class _Bars:
    """One bar at a time, on a terminal."""

    def __init__(self) -> None:
        self._task: str | None = None
        self._bar: tqdm[None] | None = None

    def __call__(self, progress: Progress) -> None:
        from tqdm import tqdm

        if self._bar is None or progress.task != self._task or progress.done < self._bar.n:
            self.close()
            self._task = progress.task
            self._bar = tqdm(
                desc=progress.task,
                total=progress.total,
                initial=progress.done,
                unit=progress.unit,
                bar_format=UNCOUNTED if progress.total is None else COUNTED,
                dynamic_ncols=True,
                file=sys.stderr,
            )
        self._bar.set_postfix_str(printable(progress.note), refresh=False)
        self._bar.update(progress.done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()
        self._bar = None


class _Lines:
    """A line when a task starts, one a minute and one when it ends, for a log."""

    def __init__(self) -> None:
        self._last: Progress | None = None
        self._start = self._said = 0.0

    def __call__(self, progress: Progress) -> None:
        if self._last is None or progress.task != self._last.task or progress.done < self._last.done:
            self.close()
            self._start = self._said = monotonic()
            self._line(progress, "")
        elif monotonic() - self._said > MINUTE:
            self._said = monotonic()
            self._line(progress, f", {self._said - self._start:.0f} s")
        self._last = progress

    def close(self) -> None:
        if self._last is not None:
            self._line(self._last, f", {monotonic() - self._start:.0f} s")
        self._last = None

    def _line(self, progress: Progress, time: str) -> None:
        of = "" if progress.total is None else f" of {progress.total}"
        note = f", {printable(progress.note)}" if progress.note else ""
        click.echo(f"{progress.task}: {progress.done}{of} {progress.unit}{time}{note}", err=True)


@contextmanager
def terminal_bar() -> Iterator[Report]:
    """A ``Report`` that shows tasks on stderr, one after the other, with time left and the latest note."""
    shown = _Bars() if sys.stderr is not None and sys.stderr.isatty() else _Lines()
    try:
        yield shown
    finally:
        shown.close()
