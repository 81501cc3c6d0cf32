"""One engine for many threads, and room for their pictures: no more at once than pay and the memory holds."""

from __future__ import annotations

from threading import Condition
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastnst.errors import ImageError

if TYPE_CHECKING:
    from fastnst.architectures import Box
    from fastnst.engines import Engine, Statistics


class StoppedError(BaseException):
    """Work was stopped before it came to these pictures, with which nothing is wrong."""


class _Request:
    """Pictures of one thread, and what becomes of them."""

    def __init__(self, pictures: NDArray[np.uint8], statistics: Statistics | None) -> None:
        self.pictures = pictures  # (B, H, W, 3)
        self.statistics = statistics
        self.taken = self.done = False
        self.result = pictures
        self.error: Exception | None = None

    def joins(self, other: _Request) -> bool:
        """Whether one call can do both."""
        alone = self.statistics is not None or other.statistics is not None
        return not alone and self.pictures.shape[1:] == other.pictures.shape[1:]


class SharedEngine:
    """An engine that lets ``engine.workers`` threads in at once, and that can be stopped.

    While they are at work others gather, and the next to enter takes waiting pictures of its size along, up
    to ``engine.batch``. Nobody waits for company.

    Args:
        engine: what does the work.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.description = engine.description
        self.min_size = engine.min_size
        self.stride = engine.stride
        self.reach = engine.reach
        self.batch = engine.batch
        self.workers = engine.workers
        self.strength = engine.strength
        self._changed = Condition()
        self._waiting: list[_Request] = []
        self._running = 0
        self._stopped = False

    def stylise(
        self, pictures: NDArray[np.uint8], *, statistics: Statistics | None = None
    ) -> NDArray[np.uint8]:
        """See ``Engine``.

        Raises:
            ImageError: the pictures are too small, or too large for the memory.
            StoppedError: ``stop`` was called before their turn came.
        """
        request = _Request(pictures, statistics)
        with self._changed:
            self._waiting.append(request)
            self._changed.wait_for(lambda: request.done or (not request.taken and self._open()))
            batch = [] if request.taken else self._enter(request)
        if batch:
            try:
                self._run(batch)
            finally:
                self._leave(batch)
        if request.error is not None:
            raise request.error
        return request.result

    def statistics(
        self, pictures: NDArray[np.uint8], *, given: Statistics | None = None, kept: Box | None = None
    ) -> Statistics:
        """See ``Engine``.

        Raises:
            ImageError: the pictures are too small, or too large for the memory.
            StoppedError: ``stop`` was called before their turn came.
        """
        with self._changed:
            self._changed.wait_for(self._open)
            self._enter()
        try:
            return self._engine.statistics(pictures, given=given, kept=kept)
        finally:
            self._leave()

    def memory(self, height: int, width: int, *, measuring: bool = False) -> int:
        """See ``Engine``."""
        return self._engine.memory(height, width, measuring=measuring)

    def budget(self) -> int:
        """See ``Engine``."""
        return self._engine.budget()

    def stop(self) -> None:
        """Let nobody in from now on, not even who waits already; who is inside is served to the end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _open(self) -> bool:
        return self._stopped or self._running < self.workers

    def _enter(self, first: _Request | None = None) -> list[_Request]:
        """Take a place inside, and waiting requests that go with the first."""
        if self._stopped:
            raise StoppedError
        self._running += 1
        if first is None:
            return []
        self._waiting.remove(first)
        batch, room = [first], self.batch - len(first.pictures)
        for other in list(self._waiting):
            if first.joins(other) and len(other.pictures) <= room:
                room -= len(other.pictures)
                self._waiting.remove(other)
                batch.append(other)
        for request in batch:
            request.taken = True
        return batch

    def _leave(self, batch: list[_Request] | None = None) -> None:
        with self._changed:
            self._running -= 1
            for request in batch or []:
                request.done = True
            self._changed.notify_all()

    def _run(self, batch: list[_Request]) -> None:
        """One call for all, or one for each if all together are too much for the memory."""
        try:
            pictures = [request.pictures for request in batch]
            whole = self._engine.stylise(
                pictures[0] if len(batch) == 1 else np.concatenate(pictures), statistics=batch[0].statistics
            )
        except (ImageError, MemoryError) as err:
            if len(batch) == 1:
                batch[0].error = err
            else:
                for request in batch:
                    self._run([request])
        except Exception as err:
            for request in batch:
                request.error = err
        else:
            start = 0
            for request in batch:
                request.result = whole[start : start + len(request.pictures)]
                start += len(request.pictures)


class Room:
    """Memory for pictures: who finds no room waits until others leave, but for one alone there always is.

    Args:
        size: bytes.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._closed = False
        self._changed = Condition()

    def enter(self, wanted: int) -> int:
        """Wait for room, and give back how much is taken now.

        Raises:
            StoppedError: the room was closed before.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or not self._taken or self._taken + wanted <= self._size
            )
            if self._closed:
                raise StoppedError
            self._taken += wanted
        return wanted

    def leave(self, taken: int) -> None:
        """Give room back."""
        with self._changed:
            self._taken -= taken
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody in from now on, not even who waits already."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
