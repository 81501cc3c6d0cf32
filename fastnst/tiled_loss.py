"""The loss of a picture that is too large for VGG-19 to see at once, exact, in bounded memory.

Gram matrices and content distances are sums over positions, so tiles can be added up. A first pass does so;
the gradients of the sums are then known, and a second pass takes each tile's part of them back to its pixels,
the activations made once more: gradient checkpointing (Chen et al., 2016, https://arxiv.org/abs/1604.06174)
over space in place of depth. Tiles see around them as far as VGG-19's deepest wanted layer does, so nothing
but rounding tells them from the whole.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastnst import memory
from fastnst.distances import products, style_distance
from fastnst.errors import ConfigError
from fastnst.losses import LossTerms, PerceptualLoss, areas
from fastnst.tiling import Tile, tiles
from fastnst.vgg import reach, stride

AUTO = "auto"
SIDE = 768  # px of a tile: about a gigabyte
PIXEL_BYTES = {torch.float32: 1300, torch.bfloat16: 800}
"""About what a pixel takes in VGG-19 and its gradient, measured on a CPU at 0.6 and 1 megapixels. Its weights
take 0.3 GB at the most beside that."""

HISTORY_BYTES = 24  # a pixel and a step of L-BFGS: how far it went, and how far the gradient turned

logger = logging.getLogger(__name__)

Measure = Callable[[Tensor, Tile], list[Tensor]]


class TiledLoss(nn.Module):
    """Like ``PerceptualLoss``, whose targets it shares.

    Args:
        loss: of the whole.
        side: px of the tiles.

    Raises:
        ConfigError: the loss normalises gradients, which needs all positions of a layer.
    """

    def __init__(self, loss: PerceptualLoss, side: int) -> None:
        super().__init__()
        if loss.normalise_gradients:
            raise ConfigError("normalise_gradients needs the whole picture at once: a smaller size")
        self.loss = loss
        self.side = side
        self.content_layers, self.style_layers = loss.content_layers, loss.style_layers

    def content_target(self, images: Tensor) -> dict[str, Tensor]:
        """See ``PerceptualLoss``."""
        found = {name: each.detach() for name, each in self.loss.coarsely(images).items()}
        with torch.no_grad():
            for tile in self._tiles(images):
                for name, part in self.loss.features(_cut(images, tile.seen), self.content_layers).items():
                    if name not in found:
                        height, width = (side // stride(name) for side in images.shape[-2:])
                        found[name] = part.new_empty(*part.shape[:2], height, width)
                    _cut(found[name], tile.kept, name).copy_(_cut(part, tile.kept_in_seen, name))
        return found

    def style_target(self, painting: Tensor) -> dict[str, Tensor]:
        """See ``PerceptualLoss``."""
        return self.loss.style_target(painting)

    def forward(
        self,
        images: Tensor,
        content: Mapping[str, Tensor],
        style: Mapping[str, Tensor],
        *,
        regions: Tensor | None = None,
    ) -> LossTerms:
        """See ``PerceptualLoss``."""
        height, width = images.shape[-2:]
        shapes = {name: (height // stride(name), width // stride(name)) for name in self.style_layers}
        weights = {
            name: None if regions is None else F.adaptive_avg_pool2d(regions.float(), shape)
            for name, shape in shapes.items()
        }
        measure = partial(self._sums, content=content, weights=weights)
        sums = iter(_Summed.apply(images, measure, self._tiles(images)))
        style_layers = {}
        for name, weight in weights.items():
            total = next(sums)
            count = (
                total.new_tensor(shapes[name]).prod() if weight is None else weight.sum(dim=(2, 3))[..., None]
            )
            shares = None if regions is None else areas(regions)
            style_layers[name] = style_distance(total / (total.shape[1] * count), style[name], shares)
        batch = images.shape[0]
        content_layers = {
            name: next(sums) / (batch * content[name][0].numel()) for name in self.content_layers
        }
        for name, each in self.loss.coarsely(images).items():
            content_layers[name] = (each.float() - content[name].float()).square().mean()
        return self.loss.terms(images, content_layers, style_layers)

    def _sums(
        self,
        part: Tensor,
        tile: Tile,
        *,
        content: Mapping[str, Tensor],
        weights: Mapping[str, Tensor | None],
    ) -> list[Tensor]:
        """What a tile, seen as ``part``, adds to the sums of style and content layers."""
        activations = self.loss.features(part)
        found = []
        for name, weight in weights.items():
            kept = _cut(activations[name], tile.kept_in_seen, name)
            found.append(products(kept, None if weight is None else _cut(weight, tile.kept, name)))
        for name in self.content_layers:
            kept = _cut(activations[name], tile.kept_in_seen, name)
            found.append((kept.float() - _cut(content[name], tile.kept, name).float()).square().sum())
        return found

    def _tiles(self, images: Tensor) -> Sequence[Tile]:
        layers = [*self.content_layers, *self.style_layers]
        deepest = max(stride(name) for name in layers)
        around = max(reach(name) for name in layers)
        return tiles(*images.shape[-2:], side=self.side, overlap=around, stride=deepest)


Loss = PerceptualLoss | TiledLoss


def fitting(loss: PerceptualLoss, pixels: int, *, tile: int | str | None = AUTO) -> Loss:
    """The loss for a picture of so many pixels: in tiles, if it is to be.

    Args:
        loss: of the whole, on its device.
        pixels: of one picture.
        tile: px, the side of the tiles of a larger picture; None for no tiles; ``auto`` for ``SIDE`` where
            the whole would take more than half of the memory that is free.
    """
    weight = loss.features.conv1_1_weight
    free = free_memory(weight.device)
    if tile == AUTO:
        tile = SIDE if free is not None and pixels * PIXEL_BYTES[weight.dtype] > free / 2 else None
    return loss if tile is None or pixels <= int(tile) ** 2 else TiledLoss(loss, int(tile))


def affordable_history(history: int, pixels: int, device: torch.device) -> int:
    """How many steps L-BFGS may remember of a picture, at most ``history``, in a third of what is free."""
    free = free_memory(device)
    if free is None or history * pixels * HISTORY_BYTES <= free / 3:
        return history
    affordable = max(3, int(free / 3 / pixels / HISTORY_BYTES))
    if affordable < history:
        logger.warning("L-BFGS remembers %d steps, not %d: more would not fit", affordable, history)
    return min(affordable, history)


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free on a device, where the system tells."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return memory.free_memory() if device.type == "cpu" else None


class _Summed(torch.autograd.Function):
    """The sums over all tiles; their gradient one tile after the other."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, measure: Measure, parts: Sequence[Tile]) -> tuple[Tensor, ...]:
        """``(B, 3, H, W)`` to what ``measure`` gives of each tile, summed."""
        ctx.save_for_backward(images)
        ctx.measure, ctx.parts = measure, parts
        totals: list[Tensor] = []
        for tile in parts:
            found = measure(_cut(images, tile.seen), tile)
            totals = [a + b for a, b in zip(totals, found, strict=True)] if totals else found
        return tuple(totals)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Of the sums to of the pictures."""
        (images,) = ctx.saved_tensors
        total = torch.zeros_like(images)
        for tile in ctx.parts:
            part = _cut(images, tile.seen).detach().requires_grad_()
            with torch.enable_grad():
                found = ctx.measure(part, tile)
            (change,) = torch.autograd.grad(found, part, gradients)
            _cut(total, tile.seen).add_(change)
        return total, None, None


def _cut(pictures: Tensor, box: Sequence[int], layer: str | None = None) -> Tensor:
    """A part of pictures, or of a layer's activations, by its box in px."""
    step = 1 if layer is None else stride(layer)
    top, left, bottom, right = (side // step for side in box)
    return pictures[..., top:bottom, left:right]
