"""One picture, optimised itself: Gatys, Ecker & Bethge (2016), Image Style Transfer Using CNNs.

The slow way, and the baseline: the loss is the one that networks are trained on.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

from fastnst.errors import TrainingError
from fastnst.optimisers import optimiser
from fastnst.progress import Progress, Report
from fastnst.settings import OptimiserSettings
from fastnst.tiled_loss import Loss

ADVICE = "Try optimizer=adam, a lower lr, vgg.precision=float32 or a lower loss.style_weight"


@dataclass(frozen=True, eq=False)
class GatysResult:
    """The best picture that was seen, and how it was come by.

    Args:
        picture: (1, 3, H, W) in [0, 1].
        best: ``LossTerms.values()`` of that very picture.
        trace: of every evaluation its number, the seconds since the start and its ``LossTerms.values()``.
        seconds: all of it took.
        stopped_early: ``should_stop`` said so, or the loss became infinite or NaN.
        trouble: what went wrong after ``picture``; empty if nothing did.
    """

    picture: Tensor
    best: dict[str, float]
    trace: list[dict[str, float]]
    seconds: float
    stopped_early: bool = False
    trouble: str = ""

    @property
    def at_full_size(self) -> list[dict[str, float]]:
        """The evaluations of the last one's size: the picture's, but where it was stopped before that.

        Losses of different sizes do not compare.
        """
        size = self.trace[-1].get("size")
        return [record for record in self.trace if record.get("size") == size]

    @property
    def evaluations(self) -> int:
        """How often the loss was computed."""
        return len(self.trace)


def optimise(
    content: Tensor,
    style: Tensor | Mapping[str, Tensor],
    loss: Loss,
    *,
    init: Tensor,
    regions: Tensor | None = None,
    how: OptimiserSettings,
    steps: int,
    snapshot_every: int | None = None,
    on_snapshot: Callable[[int, Tensor], None] | None = None,
    report: Report | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> GatysResult:
    """Change the pixels of ``init`` until it has the content of one picture and the style of another.

    Args:
        content: the photo, (1, 3, H, W) in [0, 1].
        style: the painting, (1, 3, h, w) in [0, 1], or what ``loss.style_target`` makes of one.
        loss: what is minimised; on the device of the pictures.
        init: where to start, (1, 3, H, W).
        regions: where each style belongs, (R, 1, H, W), if ``style`` is of several.
        how: the optimiser and its settings.
        steps: evaluations of the loss and its gradient.
        snapshot_every: evaluations between calls of ``on_snapshot``.
        on_snapshot: is given the evaluation's number and its picture, (1, 3, H, W).
        report: is told of every evaluation.
        should_stop: is asked after every evaluation.

    Raises:
        TrainingError: the loss is infinite or NaN from the start.
    """
    content_target = loss.content_target(content)
    style_target = loss.style_target(style) if isinstance(style, Tensor) else style
    stepper = optimiser(how)
    picture = init.detach().clamp(0, 1)
    kept, best = picture, {"total": math.inf}
    trace: list[dict[str, float]] = []
    trouble, stopped, stuck = "", False, 0
    start = perf_counter()
    for number in range(1, steps + 1):
        picture = picture.requires_grad_()
        terms = loss(picture, content_target, style_target, regions=regions)
        (gradient,) = torch.autograd.grad(terms.total, picture)
        picture = picture.detach()
        values = terms.values()
        total = values["total"]
        trace.append({"evaluation": number, "seconds": perf_counter() - start, **values})
        if not math.isfinite(total):
            trouble = f"the loss became {total} at evaluation {number} of {steps}"
            break
        if total < best["total"]:
            kept, best = picture, values
        if report is not None:
            report(Progress("gatys", number, steps, "evaluations", f"loss {total:.4g}"))
        if on_snapshot is not None and snapshot_every is not None and number % snapshot_every == 0:
            on_snapshot(number, picture)
        if stopped := should_stop is not None and should_stop():
            break

        following = stepper.next(picture, gradient, total)
        stuck = stuck + 1 if torch.equal(following, picture) else 0
        if stuck == 1:  # L-BFGS's memory may point uphill: a new one starts along the gradient
            stepper = optimiser(how)
            following = stepper.next(picture, gradient, total)
        elif stuck > 1:
            break  # the gradient is zero
        picture = following
    if best["total"] == math.inf:
        raise TrainingError(f"{trouble}. {ADVICE}")
    return GatysResult(kept, best, trace, perf_counter() - start, bool(stopped or trouble), trouble)
