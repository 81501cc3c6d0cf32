"""An engine that can be computed by hand, and that remembers how it was called."""

import threading

import numpy as np

from fastnst.errors import ImageError


class Negative:
    """Paints negatives.

    Args:
        batch: pictures that it takes at once; more are too much for its memory.
        workers: calls at once.
        gate: calls wait for it, if it is given.
    """

    description = "by hand"
    min_size = 16
    stride = reach = 1
    strength = 1.0

    def __init__(self, *, batch: int = 1, workers: int = 2, gate: threading.Event | None = None) -> None:
        self.batch = batch
        self.workers = workers
        self.gate = gate
        self.calls: list[int] = []  # pictures in each
        self.inside = self.most_inside = 0
        self._lock = threading.Lock()

    def stylise(self, pictures, *, statistics=None):
        with self._lock:
            self.calls.append(len(pictures))
            self.inside += 1
            self.most_inside = max(self.inside, self.most_inside)
        try:
            if self.gate is not None:
                assert self.gate.wait(10)
            if len(pictures) > self.batch:
                raise ImageError("not enough memory")
            return 255 - pictures
        finally:
            with self._lock:
                self.inside -= 1

    def statistics(self, pictures, *, given=None, kept=None):
        pixels = pictures.reshape(-1, 3).astype(np.float32)
        return (np.stack([pixels.mean(0), pixels.var(0)]),)

    def memory(self, height, width, *, measuring=False):
        return 100 * height * width

    def budget(self):
        return 1_000_000_000
