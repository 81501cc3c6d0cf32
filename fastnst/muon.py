"""The optimiser of training: Muon for convolution kernels, Adam for the rest.

Jordan et al. (2024), https://kellerjordan.github.io/posts/muon/: of what the gradients of a kernel have in
common over the last steps, every direction counts alike, so that rare ones are learnt too. On three paintings
600 steps of it came to a loss 6 to 12 % below Adam's: benchmarks/README.md.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95  # Jordan et al. (2024)
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # theirs, of a quintic that brings singular values near to 1
ITERATIONS = 5  # theirs
RMS = 0.2  # of a step, as Adam's usually is: Liu et al. (2025), https://arxiv.org/abs/2502.16982, section 2.2
BETAS, EPS = (0.9, 0.999), 1e-8  # Adam's: Kingma & Ba (2015), https://arxiv.org/abs/1412.6980


class Muon(torch.optim.Optimizer):
    """Muon for what has four dimensions, ``(outputs, inputs, height, width)``; Adam for biases and norms.

    The first and the last kernel are no exception, while Jordan et al. leave a network's ends to Adam.

    Args:
        parameters: of the network.
        lr: the rate of both.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; returns what ``closure``, which computes the gradients anew, returns."""
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    move = self._kernel if parameter.ndim == 4 else self._other
                    parameter.sub_(move(parameter.grad, self.state[parameter]), alpha=group["lr"])
        return result

    def _kernel(self, gradient: Tensor, state: dict[str, Any]) -> Tensor:
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        matrix = gradient.lerp(momentum, MOMENTUM).flatten(1)  # one step ahead: Nesterov's momentum
        return orthogonal(matrix).mul_(RMS * max(matrix.shape) ** 0.5).view(gradient.shape)

    def _other(self, gradient: Tensor, state: dict[str, Any]) -> Tensor:
        if not state:
            state.update(step=0, mean=torch.zeros_like(gradient), square=torch.zeros_like(gradient))
        state["step"] += 1
        mean = state["mean"].lerp_(gradient, 1 - BETAS[0]) / (1 - BETAS[0] ** state["step"])
        square = state["square"].lerp_(gradient.square(), 1 - BETAS[1]) / (1 - BETAS[1] ** state["step"])
        move: Tensor = mean.div_(square.sqrt_().add_(EPS))
        return move


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix whose singular values are all 1, ``(A, B)``; theirs end between 0.7 and 1.2.

    By Newton-Schulz iterations, which need only products: Jordan et al. (2024).
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = (matrix.T if tall else matrix) / (matrix.norm() + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x
