"""What stops a training that goes wrong, before it spoils the weights."""

import math
from collections.abc import Iterable

import pytorch_lightning as pl
import torch
from torch import nn

from fastnst.errors import TrainingError

ADVICE = (
    "Begin anew with a lower optim.lr (half of it), a longer optim.warmup, trainer.precision=32-true and "
    "vgg.precision=float32, or a lower loss.style_weight"
)


class Guard:
    """Watches a loss.

    Args:
        warmup: steps in which it may do as it likes, but be a number.
        advice: what to try.
    """

    def __init__(self, warmup: int, advice: str = ADVICE) -> None:
        self.warmup = warmup
        self.advice = advice
        self.usual = 0.0  # running mean of the loss, by which an explosion is told

    def see(self, total: float, step: int) -> None:
        """Take note of a step's loss.

        Raises:
            TrainingError: it is not a number, or has exploded.
        """
        if not math.isfinite(total):
            raise TrainingError(f"the loss became {total} at step {step}. {self.advice}")
        if step > self.warmup and total > 20 * self.usual > 0:
            raise TrainingError(
                f"the loss exploded at step {step}: {total:.4g}, after {self.usual:.4g}. {self.advice}"
            )
        self.usual += (total - self.usual) / min(step + 1, 100)

    def see_gradients(self, module: pl.LightningModule, parameters: Iterable[nn.Parameter]) -> None:
        """Let no gradient reach the weights that would spoil them.

        With float16 a scaler sees to that: it tries how large gradients may be made, and leaves out the steps
        where they became infinite.

        Raises:
            TrainingError: one is not a number, though the loss is.
        """
        if getattr(module.trainer.precision_plugin, "scaler", None) is not None:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if not torch.stack([gradient.sum() for gradient in gradients]).isfinite().all():
            raise TrainingError(
                f"a gradient became infinite or NaN at step {module.global_step}. {self.advice}"
            )
