"""Photos in, repainted pictures out: several at once, so that reading and writing run beside the network."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from fastnst import files, images
from fastnst.batching import Room, SharedEngine
from fastnst.big_pictures import at_once
from fastnst.errors import FastNSTError, ImageError
from fastnst.grain import USUAL
from fastnst.images import Photo
from fastnst.interrupts import held
from fastnst.memory import budget
from fastnst.opening import MAX_PIXELS, opened
from fastnst.pixels import decode_bytes, fitted
from fastnst.plan import Failure, Job, Plan
from fastnst.progress import Progress, Report
from fastnst.repaint import Refine, repaint, settled

if TYPE_CHECKING:
    from concurrent.futures import Future

    from fastnst.engines import Engine
    from fastnst.manifest import Manifest

AHEAD = 2  # jobs in hand, a thread: one at work and one behind it
NETWORK_BYTES = 400  # a px, in the largest network of conf/network in float32, and some more
PIXEL_BYTES = 4  # a px of a photo or a picture in hand, beside what ``paint`` takes
SAMPLE = 16  # photos, about, whose size is looked at beforehand


@dataclass(frozen=True)
class Done:
    """One picture that was written.

    Args:
        photo: where it came from.
        output: where it is.
        height: of the picture, px.
        width: of the picture, px.
        ms: what repainting took; reading and writing are not in it, what else ran at the time is.
        notes: what a user should know of how the photo was read and done.
    """

    photo: Path
    output: Path
    height: int
    width: int
    ms: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """What came of a plan."""

    done: tuple[Done, ...]
    failed: tuple[Failure, ...]


def stylise(
    plan: Plan,
    engine: Engine,
    *,
    size: int | None = None,
    keep_colours: bool = False,
    stroke: float | None = None,
    grain: float = USUAL,
    max_pixels: int = MAX_PIXELS,
    quality: int = 95,
    memory: int | None = None,
    refine: Refine | None = None,
    workers: int | None = None,
    manifest: Manifest | None = None,
    report: Report | None = None,
    finished: Callable[[Done], None] | None = None,
) -> Summary:
    """Do what was planned; a photo that cannot be done is noted and the others go on.

    Results come in the order of the plan. Ctrl-C leaves what is done, and nothing half-written.

    Args:
        plan: from ``plan.plan``.
        engine: the network, from ``engines.open_engine``.
        size: px of the longer side of the pictures; None keeps each photo's own.
        keep_colours: see ``repaint``.
        stroke: see ``repaint``.
        grain: see ``repaint``.
        max_pixels: photos with more are refused.
        quality: of JPEG and WebP, 1 to 100.
        memory: bytes that all pictures in hand may take together: large ones are done one after the other,
            and in tiles if need be. None for ``engine.budget()``.
        refine: see ``repaint``.
        workers: threads that read, repaint and write a photo each; None for as many as pay.
        manifest: is told of each picture when it is written.
        report: told before each photo and after the last.
        finished: told of each picture that is written.
    """
    shared = SharedEngine(engine)
    memory = engine.budget() if memory is None else memory
    for folder in {job.output.parent for job in plan.jobs}:
        files.remove_abandoned(folder)
    room = Room(memory)
    painted = partial(
        repaint, keep_colours=keep_colours, stroke=stroke, grain=grain, memory=memory, refine=refine
    )

    def do(job: Job) -> Done | Failure:
        taken = 0
        try:
            written = manifest.begin(job) if manifest is not None else None
            file = opened(job.photo, size=size, min_side=engine.min_size, max_pixels=max_pixels)
            with file as (image, notes):
                width, height = image.size if size is None else fitted(image.size, size)
                images.format_of(job.output, height, width, quality)
                pixels = image.size[0] * image.size[1] + height * width
                whole = at_once(
                    height, width, engine, settled(stroke, height, width, refined=refine is not None)
                )
                if whole > memory:
                    more = math.ceil(whole / 1e8) / 10
                    notes.append(f"done in tiles, many times slower; with --memory {more:g}GB it is not")
                taken = room.enter(PIXEL_BYTES * pixels + min(memory, whole))
                photo = Photo(*decode_bytes(image, size, notes), tuple(notes))
            del image  # Pillow's own copy of the pixels, for a large photo half a gigabyte
            start = perf_counter()
            picture = painted(photo, shared)
            ms = (perf_counter() - start) * 1000
            del photo  # before Pillow makes its own copy of the picture
            images.save(job.output, picture, quality=quality, written=written)
        except FastNSTError as err:
            message = str(err)
            named = str(job.photo) in message or str(job.output) in message
            return Failure(job.photo, message if named else f"{job.photo}: {message}")
        except MemoryError:
            return Failure(job.photo, f"{job.photo}: not enough memory; try --size 1024")
        finally:
            room.leave(taken)
        return Done(job.photo, job.output, picture.height, picture.width, ms, picture.notes)

    done: list[Done] = []
    failed: list[Failure] = []

    def tell(job: Job | None) -> None:
        if report is not None:
            count = len(plan.jobs) if job is None else len(done) + len(failed)
            report(Progress("stylising", count, len(plan.jobs), "photos", job.photo.name if job else ""))

    def take(result: Done | Failure) -> None:
        if isinstance(result, Failure):
            failed.append(result)
        else:
            done.append(result)
            if finished is not None:
                finished(result)

    threads = min(workers or _workers(engine), len(plan.jobs))
    if threads < 2:
        for job in plan.jobs:
            tell(job)
            take(do(job))
    else:

        def stop() -> None:
            room.close()
            shared.stop()

        _in_threads(do, plan.jobs, tell, take, stop, threads=threads)
    tell(None)
    return Summary(tuple(done), (*plan.failed, *failed))


def _in_threads(
    do: Callable[[Job], Done | Failure],
    jobs: Iterable[Job],
    tell: Callable[[Job], None],
    take: Callable[[Done | Failure], None],
    stop: Callable[[], None],
    *,
    threads: int,
) -> None:
    """Do jobs in threads and take the results in order; ``stop`` sends away who waits inside ``do``."""
    from concurrent.futures import ThreadPoolExecutor  # one photo alone has no use for it

    pool = ThreadPoolExecutor(threads, thread_name_prefix="stylise")
    in_hand: deque[tuple[Job, Future[Done | Failure]]] = deque()

    def settle() -> None:
        job, future = in_hand[0]
        tell(job)
        result = future.result()
        with held():
            in_hand.popleft()
            take(result)

    try:
        for job in jobs:
            if len(in_hand) >= AHEAD * threads:
                settle()
            in_hand.append((job, pool.submit(do, job)))
        while in_hand:
            settle()
    except KeyboardInterrupt:
        stop()
        pool.shutdown(cancel_futures=True)
        for _, future in in_hand:  # those that were being written are whole
            if not future.cancelled() and future.exception() is None:
                take(future.result())
        raise
    finally:
        stop()
        pool.shutdown(cancel_futures=True)


def calls_at_once(
    plan: Plan,
    *,
    size: int | None = None,
    stroke: float | None = None,
    max_pixels: int = MAX_PIXELS,
    threads: int | None = None,
    memory: int | None = None,
) -> int:
    """How many calls at once an engine should be opened for: see ``engines.open_engine``.

    One in each thread is quickest for small photos. Large ones, which the memory holds only a few of, are
    better done one after the other by all threads together.

    Args:
        plan: from ``plan.plan``.
        size: px of the longer side of the pictures; None for each photo's own.
        stroke: see ``stylise``.
        max_pixels: see ``stylise``.
        threads: for the network; None for one a core.
        memory: see ``stylise``; None for ``memory.budget()``.
    """
    largest = 0.0
    for job in plan.jobs[:: 1 + len(plan.jobs) // SAMPLE]:
        with (
            suppress(ImageError),
            opened(job.photo, size=size, min_side=1, max_pixels=max_pixels) as (image, _),
        ):
            width, height = image.size if size is None else fitted(image.size, size)
            largest = max(largest, width * height / min(1, stroke or 1) ** 2)
    threads = threads or _cores()
    fit = (budget() if memory is None else memory) >= threads * largest * NETWORK_BYTES
    return threads if fit and len(plan.jobs) >= threads else 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _workers(engine: Engine) -> int:
    """Threads that pay: enough to keep the network busy while others read and write, and no more.

    Where each core has a call of its own, a thread for each does all steps in turn: one more takes time away.
    """
    if engine.batch > 1:
        return _cores() + 2 * engine.batch
    return engine.workers if engine.workers > 1 else 1 + max(1, _cores() // 4)
