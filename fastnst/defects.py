"""What networks learn that no painting asks for, as numbers that training can lower beside the loss.

Droplets: Karras et al. (2020), https://arxiv.org/abs/1912.04958, section 2. With instance normalisation a
network lets one small part of its features grow beyond all measure, because then the variance by which all of
them are divided says nothing about the rest, whose strength it so has in its own hand. In the picture that
part is a patch of no texture and of a colour of its own. They take the normalisation out; a style needs it.

Edges: ours. Convolutions see where their input ends, by what they pad it with, and hand it on as far as they
reach. So networks know where the edge is, and hide there what the style wants and contents do not, or, where
the loss does not look, what suits their statistics; even parts, where nothing else is to be seen, show it
deepest.

The third is the grid of upsampling: ``grid``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from fastnst.architectures import EPS, MIN_SIZE
from fastnst.networks import InstanceNorm, StyleNetwork
from fastnst.settings import OptimSettings


def against(optim: OptimSettings, **defects: Tensor) -> Tensor:
    """What is trained against beside the loss, ``()``: each defect, ``()``, times its weight."""
    weights = {"grid": optim.grid_weight, "droplets": optim.droplet_weight, "edges": optim.edge_weight}
    weighed = [weights[name] * value for name, value in defects.items() if weights[name]]
    return torch.stack(weighed).sum() if weighed else torch.zeros(())


@contextmanager
def watched(network: nn.Module) -> Iterator[list[Tensor]]:
    """Inside the block, the list gets the ``kurtosis`` of what each instance normalisation is given."""
    seen: list[Tensor] = []

    def note(module: nn.Module, inputs: Any, output: Tensor) -> None:
        seen.append(kurtosis(inputs[0]))

    norms = [module for module in network.modules() if isinstance(module, InstanceNorm)]
    hooks = [norm.register_forward_hook(note) for norm in norms]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def kurtosis(features: Tensor) -> Tensor:
    """Fourth moment over the squared variance, of each channel of each picture, and of these the mean.

    Args:
        features: ``(B, C, H, W)``.

    Returns:
        ``()``, float32: 3 for what is normally distributed, tens where one part outshines the rest.
    """
    x = features.float()
    variance, mean = torch.var_mean(x, dim=(2, 3), correction=0, keepdim=True)
    return ((x - mean).square() / (variance + EPS)).square().mean()


class EdgeReach(nn.Module):
    """How much what is cut off a photo changes the picture of what is left.

    Args:
        network: whose pictures are compared.
    """

    def __init__(self, network: StyleNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, seen: Tensor, corner: int) -> Tensor:
        """Mean square of the difference, with the whole photo's statistics in both pictures.

        A third of both sides is cut off. Gradients are of the smaller picture alone: the other is right.

        Args:
            seen: a photo, ``(1, 3, H, W)``; if too small for a third to be cut off, the result is 0.
            corner: which one is kept, counted modulo 4.

        Returns:
            ``()``, float32.
        """
        stride = self.network.architecture.stride
        height, width = seen.shape[-2:]
        down, right = (side // 3 // stride * stride for side in (height, width))
        if not down or not right or min(height - down, width - right) < MIN_SIZE:
            return seen.new_zeros(())
        rows = slice(down, height) if corner & 1 else slice(0, height - down)
        columns = slice(right, width) if corner & 2 else slice(0, width - right)
        with torch.no_grad():
            statistics = self.network.statistics(seen)
            with self.network.frozen(statistics):
                whole = self.network(seen)[..., rows, columns]
        with self.network.frozen(statistics):
            part = self.network(seen[..., rows, columns].contiguous(memory_format=torch.channels_last))
        difference: Tensor = part.float() - whole.float()
        return difference.square().mean()
