"""Progress as data: long work reports it, the terminal's bar reads it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far one task has come.

    Args:
        task: what is being done: "training", "preparing photos".
        done: units finished.
        total: units in all; None when nobody can know.
        unit: what is counted: "steps", "photos".
        note: what a reader may want beside the bar, such as the current loss.
    """

    task: str
    done: int
    total: int | None
    unit: str = "steps"
    note: str = ""


Report = Callable[[Progress], None]
