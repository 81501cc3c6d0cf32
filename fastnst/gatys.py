"""One picture, optimised itself: Gatys, Ecker & Bethge (2016), Image Style Transfer Using CNNs.

The slow way, and the baseline: the loss is the one that networks are trained on.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

from fastnst.canvas import Canvas
from fastnst.errors import ConfigError, TrainingError
from fastnst.progress import Progress, Report
from fastnst.tiled_loss import Loss

LEAP = 2.0  # times the loss before a step of L-BFGS: more, and it goes back
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
        """The evaluations of the size that the last one had: losses of different sizes do not compare."""
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
    optimizer: str,
    lr: float,
    betas: Sequence[float] = (0.9, 0.99),
    steps: int,
    history: int,
    scales: Sequence[int] = (1,),
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
        optimizer: ``lbfgs`` or ``adam``.
        lr: Adam's, in units of the range [0, 1]; L-BFGS finds its own steps.
        betas: Adam's. The second is below the usual 0.999, since there are few steps to average.
        steps: evaluations of the loss and its gradient. Each optimiser makes one a step.
        history: steps that L-BFGS remembers, each two pictures of memory.
        scales: resolutions that are changed at once: see ``Canvas``.
        snapshot_every: evaluations between calls of ``on_snapshot``.
        on_snapshot: is given the evaluation's number and its picture, (1, 3, H, W).
        report: is told of every evaluation.
        should_stop: is asked after every evaluation.

    Raises:
        TrainingError: the loss is infinite or NaN from the start.
    """
    content_target = loss.content_target(content)
    style_target = loss.style_target(style) if isinstance(style, Tensor) else style
    canvas = Canvas(init, scales)
    stepper = _stepper(optimizer, canvas.tensors, lr=lr, betas=betas, history=history)
    kept, best = canvas.picture().detach().clone(), {"total": math.inf}
    trace: list[dict[str, float]] = []
    trouble, stopped, stuck = "", False, 0
    base, base_total = canvas.copy(), math.inf  # where the last step began
    start = perf_counter()
    for number in range(1, steps + 1):
        stepper.zero_grad()
        picture = canvas.picture()
        terms = loss(picture, content_target, style_target, regions=regions)
        terms.total.backward()
        values = terms.values()
        total = values["total"]
        trace.append({"evaluation": number, "seconds": perf_counter() - start, **values})
        if not math.isfinite(total):
            trouble = f"the loss became {total} at evaluation {number} of {steps}"
            break
        if total < best["total"]:
            kept, best = picture.detach().clone(), values
        if report is not None:
            report(Progress("gatys", number, steps, "evaluations", f"loss {total:.4g}"))
        if on_snapshot is not None and snapshot_every is not None and number % snapshot_every == 0:
            on_snapshot(number, picture.detach())
        if stopped := should_stop is not None and should_stop():
            break

        before = picture.detach().clone()
        if (
            isinstance(stepper, torch.optim.LBFGS) and total > LEAP * base_total
        ):  # too far: a part of the same step, which it has not learnt from
            canvas.move(base, part=0.25)
        else:
            base, base_total = canvas.copy(), total
            stepper.step(lambda total=total: total)  # type: ignore[misc]  # measured above, at this very picture
            canvas.project()
        if isinstance(stepper, torch.optim.LBFGS):
            _remember(stepper, canvas.change(base))
        stuck = stuck + 1 if torch.equal(canvas.picture(), before) else 0
        if stuck == 1:  # L-BFGS's memory may point uphill: a new one starts along the gradient
            stepper = _stepper(optimizer, canvas.tensors, lr=lr, betas=betas, history=history)
            base_total = math.inf
        elif stuck > 1:
            break  # the gradient is zero
    if best["total"] == math.inf:
        raise TrainingError(f"{trouble}. {ADVICE}")
    return GatysResult(kept, best, trace, perf_counter() - start, bool(stopped or trouble), trouble)


def _remember(stepper: torch.optim.LBFGS, change: Tensor) -> None:
    """Tell L-BFGS how far the step really went: what it believes is the step before the projection.

    With that, its curvature pairs are wrong wherever pixels are clamped.
    """
    (state,) = stepper.state.values()
    state["d"], state["t"] = change.detach(), 1.0


def _stepper(
    name: str, tensors: Sequence[Tensor], *, lr: float, betas: Sequence[float], history: int
) -> torch.optim.Optimizer:
    """An optimiser of a canvas that evaluates its closure once a step."""
    # Figures: Starry Night at 192 px, 200 evaluations from the photo, total loss in float32: 136.6 before.
    if name == "adam":
        # With VGG-19 in bfloat16: lr 0.02: 6.81; 0.04: 6.90; 0.04 falling to 0.004 along a cosine: 7.24.
        return torch.optim.Adam(tensors, lr=lr, betas=(betas[0], betas[1]))
    if name != "lbfgs":
        raise ConfigError(f"optimizer must be adam or lbfgs, not {name!r}")
    # Plain steps, projected: 6.35 (6.61 with VGG-19 in bfloat16). With strong Wolfe on clamped pixels 6.31,
    # on a sigmoid's argument 6.45: no gain for a line search, whose evaluations cannot be planned.
    return torch.optim.LBFGS(
        tensors, lr=1.0, max_iter=1, history_size=history, tolerance_grad=0, tolerance_change=0
    )
