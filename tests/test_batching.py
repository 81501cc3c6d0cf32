"""Threads share an engine: pictures of one size go together, and each thread gets its own back."""

import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import numpy as np
import pytest
from negative import Negative

from fastnst.batching import SharedEngine, StoppedError
from fastnst.errors import ImageError


def picture(seed: int, height: int = 16, width: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, height, width, 3), np.uint8)


def until(condition) -> None:
    end = monotonic() + 10
    while not condition():
        assert monotonic() < end
        sleep(0.001)


class Crowd:
    """Threads that all wait while the first is inside."""

    def __init__(self, engine: Negative, pictures) -> None:
        self.shared = SharedEngine(engine)
        self.pool = ThreadPoolExecutor(8)
        self.futures = [self.pool.submit(self.shared.stylise, pictures[0])]
        until(lambda: engine.inside == 1)
        for waiting, photo in enumerate(pictures[1:], 1):
            self.futures.append(self.pool.submit(self.shared.stylise, photo))
            until(lambda count=waiting: len(self.shared._waiting) == count)


def test_one_thread_gets_what_the_engine_gives():
    engine = Negative()
    shared = SharedEngine(engine)
    photo = picture(0)
    np.testing.assert_array_equal(shared.stylise(photo), 255 - photo)
    np.testing.assert_array_equal(shared.statistics(photo)[0], engine.statistics(photo)[0])
    assert shared.memory(10, 20) == engine.memory(10, 20)
    assert (shared.min_size, shared.stride, shared.reach, shared.batch) == (16, 1, 1, 1)


def test_pictures_of_one_size_that_wait_go_together_and_come_back_to_their_threads():
    engine = Negative(batch=3, workers=1, gate=threading.Event())
    photos = [picture(0), picture(1), picture(2, width=30), picture(3), picture(4), picture(5)]
    crowd = Crowd(engine, photos)
    engine.gate.set()
    for photo, future in zip(photos, crowd.futures, strict=True):
        np.testing.assert_array_equal(future.result(10), 255 - photo)
    assert engine.calls[0] == 1  # nobody waits for company
    assert sorted(engine.calls[1:]) == [1, 1, 3]


def test_no_more_calls_at_once_than_pay():
    engine = Negative(workers=2, gate=threading.Event())
    shared = SharedEngine(engine)
    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(shared.stylise, picture(seed)) for seed in range(6)]
        until(lambda: engine.inside == 2)
        engine.gate.set()
        for seed, future in enumerate(futures):
            np.testing.assert_array_equal(future.result(10), 255 - picture(seed))
    assert engine.most_inside == 2


def test_a_batch_that_is_too_much_for_the_memory_is_done_one_by_one():
    engine = Negative(batch=1, workers=1, gate=threading.Event())
    shared = Crowd(engine, [picture(seed) for seed in range(3)])
    shared.shared.batch = 3  # more than fits
    engine.gate.set()
    for seed, future in enumerate(shared.futures):
        np.testing.assert_array_equal(future.result(10), 255 - picture(seed))
    assert engine.calls == [1, 2, 1, 1]


def test_an_error_reaches_the_thread_whose_picture_it_is():
    class Picky(Negative):
        def stylise(self, pictures, *, statistics=None):
            painted = super().stylise(pictures)
            if (pictures[:, 0, 0, 0] == 7).any():
                raise ImageError("not enough memory for sevens")
            return painted

    engine = Picky(batch=4, workers=1, gate=threading.Event())
    photos = [picture(seed) for seed in range(4)]
    for photo in photos:
        photo[0, 0, 0, 0] = 0
    photos[2][0, 0, 0, 0] = 7
    crowd = Crowd(engine, photos)
    engine.gate.set()
    with pytest.raises(ImageError, match="sevens"):
        crowd.futures[2].result(10)
    for index in (0, 1, 3):
        np.testing.assert_array_equal(crowd.futures[index].result(10), 255 - photos[index])


def test_a_bug_reaches_everybody_and_hangs_nobody():
    class Broken(Negative):
        def stylise(self, pictures, *, statistics=None):
            super().stylise(pictures)
            raise ZeroDivisionError

    engine = Broken(batch=4, workers=1, gate=threading.Event())
    crowd = Crowd(engine, [picture(seed) for seed in range(4)])
    engine.gate.set()
    for future in crowd.futures:
        with pytest.raises(ZeroDivisionError):
            future.result(10)


def test_frozen_statistics_are_not_shared():
    engine = Negative(batch=4, workers=1, gate=threading.Event())
    crowd = Crowd(engine, [picture(0)])
    frozen = (np.zeros((2, 3), np.float32),)
    futures = [crowd.pool.submit(crowd.shared.stylise, picture(seed), statistics=frozen) for seed in range(2)]
    until(lambda: len(crowd.shared._waiting) == 2)
    engine.gate.set()
    for seed, future in enumerate(futures):
        np.testing.assert_array_equal(future.result(10), 255 - picture(seed))
    assert engine.calls == [1, 1, 1]


def test_who_is_inside_is_served_and_who_waits_is_sent_away():
    engine = Negative(workers=1, gate=threading.Event())
    crowd = Crowd(engine, [picture(0), picture(1)])
    crowd.shared.stop()
    with pytest.raises(StoppedError):
        crowd.futures[1].result(10)
    with pytest.raises(StoppedError):
        crowd.shared.statistics(picture(2))
    engine.gate.set()
    np.testing.assert_array_equal(crowd.futures[0].result(10), 255 - picture(0))
