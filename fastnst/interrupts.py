"""Ctrl-C and SIGTERM: waiting for a good moment, and ending with a word and a status."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

logger = logging.getLogger(__name__)


class Stopped(KeyboardInterrupt):
    """Work was asked to stop, has left everything in order and says how to go on.

    Args:
        number: of the signal.
        message: for the user.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.status = 128 + number


@contextmanager
def terminable() -> Iterator[None]:
    """Inside the block SIGTERM raises Stopped, as Ctrl-C raises KeyboardInterrupt; it would end silently.

    Nothing changes outside the main thread, where Python lets nobody listen, and where the signal is ignored.
    """
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or before != signal.SIG_DFL:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number, "stopped")

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def held() -> Iterator[None]:
    """Inside the block Ctrl-C and SIGTERM wait for its end: what belongs together is not torn apart.

    Outside the main thread, where Python lets nobody listen, nothing changes; nor for a signal that Python
    does not handle.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    known = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in known.items() if callable(handler)}
    for number in handlers:
        signal.signal(number, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for caught_number, frame in caught:
        handlers[signal.Signals(caught_number)](caught_number, frame)


@contextmanager
def postponed(unit: str) -> Iterator[list[int]]:
    """A list that the first Ctrl-C or SIGTERM inside the block is put into; a second one interrupts at once.

    Outside the main thread, where Python lets nobody listen, the list stays empty.

    Args:
        unit: what is finished first, for the message: "step".
    """
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def stop(number: int, frame: FrameType | None) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)
        logger.info("stopping after this %s; once more stops at once", unit)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
