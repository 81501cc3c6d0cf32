"""The per-picture optimiser from small to large: shapes first, strokes last.

From about 512 px on, forms that a painting has are larger than what VGG-19 sees around a pixel, so an
optimiser at full size never finds them. Gatys et al. (2017), https://arxiv.org/abs/1611.07865, section 6,
begin small, where the same forms are in view, and go on from there. A small level is cheap, too.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic

import torch
import torch.nn.functional as F
from torch import Tensor

from fastnst.gatys import GatysResult, optimise
from fastnst.progress import Progress, Report
from fastnst.settings import OptimiserSettings
from fastnst.tiled_loss import Loss

logger = logging.getLogger(__name__)

SEEN = 512  # px, longer side: up to it, forms of a painting are within what VGG-19 sees around a pixel
SMALLEST = 192  # px, longer side: below it VGG-19's fifth block has too few positions to tell forms apart
NARROWEST = 16  # px, shorter side: VGG-19's fifth block sees nothing less
EARLIER = 5  # a level before the last takes one in so many of the evaluations that are left


@dataclass(frozen=True, eq=False)
class Target:
    """What styles to match at one level.

    Args:
        style: Gram matrices by layer, (1, C, C), or (R, C, C) where there are regions.
        regions: where each style belongs, (R, 1, H, W); None for one style all over.
    """

    style: Mapping[str, Tensor]
    regions: Tensor | None = None


def sizes(height: int, width: int, levels: int | str) -> tuple[tuple[int, int], ...]:
    """Height and width of each level, smallest first: halves of the next, none below ``SMALLEST``.

    Args:
        height: of the picture, px.
        width: of the picture, px.
        levels: how many, if the sides allow; ``auto``: until the longer side of the first is at ``SEEN``.
    """
    if not isinstance(levels, int):
        levels = 1 + max(0, math.ceil(math.log2(max(height, width) / SEEN)))
    found = [(height, width)]
    while len(found) < levels and max(found[0]) >= 2 * SMALLEST and min(found[0]) >= 2 * NARROWEST:
        found.insert(0, (round(found[0][0] / 2), round(found[0][1] / 2)))
    return tuple(found)


def coarse_to_fine(
    content: Tensor,
    target: Callable[[int, int], Target],
    loss: Loss,
    *,
    init: Tensor,
    how: OptimiserSettings,
    levels: int | str,
    steps: int,
    seconds: float | None,
    snapshot_every: int | None = None,
    on_snapshot: Callable[[int, Tensor], None] | None = None,
    report: Report | None = None,
    should_stop: Callable[[], bool],
) -> GatysResult:
    """Optimise at each level, each from what the one before it changed.

    Args:
        content: the photo, (1, 3, H, W) in [0, 1].
        target: of a level, by its height and width.
        loss: what is minimised at every level.
        init: where to start, (1, 3, H, W); details that a level is too small for stay as they are in it.
        how: the optimiser and its settings.
        levels: see ``sizes``; no more than there are steps.
        steps: evaluations of the loss, most of them at the last level: at 512 px the loss was seen to fall
            no faster there after 250 at the level before than after 100.
        seconds: after which it ends, with one evaluation at the least; a level before the last takes at most
            half of what is left, and none when nothing is.
        snapshot_every: see ``gatys.optimise``.
        on_snapshot: likewise; pictures are of their level's size.
        report: is told of every evaluation.
        should_stop: is asked after every evaluation.

    Returns:
        The last level's result, with the evaluations of all; where there are several, each has its ``size``,
        the longer side in px, since losses of different sizes do not compare.

    Raises:
        TrainingError: the loss is infinite or NaN from the start.
    """
    height, width = content.shape[-2:]
    shapes = sizes(height, width, levels)[-steps:]
    if isinstance(levels, int) and len(shapes) < levels:
        logger.warning(
            "%dx%d px and %d steps allow %d of %d levels", width, height, steps, len(shapes), levels
        )
    start = monotonic()
    whole = _Clock(seconds, 1)
    whole.left()
    trace: list[dict[str, float]] = []
    changed = torch.zeros_like(init)
    for number, shape in enumerate(shapes):
        last = number == len(shapes) - 1
        if whole.is_out() and not last:
            continue
        done = len(trace)
        first = resized(init, shape)
        clock = _Clock(whole, 1 if last else 2)

        def stop(clock: _Clock = clock) -> bool:
            return should_stop() or clock.is_out()

        def tell(progress: Progress, done: int = done, shape: tuple[int, int] = shape) -> None:
            note = progress.note if len(shapes) == 1 else f"{shape[1]}x{shape[0]} px, {progress.note}"
            if report is not None:
                report(replace(progress, done=done + progress.done, total=steps, note=note))

        def see(evaluation: int, picture: Tensor, done: int = done) -> None:
            if on_snapshot is not None and snapshot_every and (done + evaluation) % snapshot_every == 0:
                on_snapshot(done + evaluation, picture)

        found = target(*shape)
        result = optimise(
            resized(content, shape).clamp(0, 1),
            found.style,
            loss,
            init=first + resized(changed, shape),
            regions=found.regions,
            how=how,
            steps=steps - done if last else max(1, (steps - done) // EARLIER),
            snapshot_every=1,
            on_snapshot=see,
            report=tell,
            should_stop=stop,
        )
        before = monotonic() - start - result.seconds  # targets take time, too
        for record in result.trace:
            record["evaluation"] += done
            record["seconds"] += before
            if len(shapes) > 1:
                record["size"] = max(shape)
        trace += result.trace
        changed = result.picture - first
        if result.trouble or should_stop():
            break
    if not last:  # stopped on the way
        picture = (init + resized(changed, (height, width))).clamp(0, 1)
        found = target(height, width)
        with torch.no_grad():
            terms = loss(picture, loss.content_target(content), found.style, regions=found.regions)
        result = replace(result, picture=picture, best=terms.values())
    return replace(result, trace=trace, seconds=monotonic() - start)


class _Clock:
    """Tells when a part of the time that another clock has left is over; it starts when it is first asked.

    Args:
        whole: seconds, or the other clock; None for no limit.
        parts: how many parts what is left has.
    """

    def __init__(self, whole: "float | _Clock | None", parts: int) -> None:
        self._whole = whole
        self._parts = parts
        self._end: float | None = None

    def is_out(self) -> bool:
        """Whether the time is over."""
        return self.left() <= 0

    def left(self) -> float:
        """Seconds that are left, without end if there is no limit."""
        if self._whole is None:
            return math.inf
        if self._end is None:
            left = self._whole.left() if isinstance(self._whole, _Clock) else self._whole
            self._end = monotonic() + left / self._parts
        return self._end - monotonic()


def resized(pictures: Tensor, shape: Sequence[int]) -> Tensor:
    """(B, C, height, width): without aliasing when smaller, smooth when larger."""
    if tuple(pictures.shape[-2:]) == tuple(shape):
        return pictures
    return F.interpolate(pictures, tuple(shape), mode="bicubic", antialias=True)
