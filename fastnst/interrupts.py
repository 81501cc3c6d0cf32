"""Ctrl-C and SIGTERM that wait for a good moment."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

logger = logging.getLogger(__name__)


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
