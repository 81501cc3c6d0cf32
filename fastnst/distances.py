"""How far a picture is from a photo, a painting and smoothness, in one layer: the formulas of the papers."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_STRIP = 1 << 13  # positions that are float32 at once


def gram_matrix(activations: Tensor, regions: Tensor | None = None) -> Tensor:
    """Channel correlations, averaged over positions and channels.

    ``G[c, d] = sum_hw a_c a_d / (C H W)``: Johnson et al. (2016), https://arxiv.org/abs/1603.08155, eq. 3.
    Computed in float32 whatever the input: the sum of a 64x256x256 layer overflows half precision.

    Args:
        activations: ``(B, C, H, W)``.
        regions: where to average, (R, 1, h, w) of 0 to 1 in any size, for one picture: the guided Gram
            matrices of Gatys et al. (2017), https://arxiv.org/abs/1611.07865, section 4.1, whose squared
            guides are these.

    Returns:
        ``(B, C, C)``, or ``(R, C, C)``, symmetric, float32.
    """
    c, h, w = activations.shape[1:]
    if regions is None:
        return products(activations) / (c * h * w)
    weight = F.adaptive_avg_pool2d(regions.float(), (h, w))
    return products(activations, weight) / (c * weight.sum(dim=(2, 3)).unsqueeze(2))


def products(activations: Tensor, weight: Tensor | None = None) -> Tensor:
    """What a Gram matrix is the mean of: ``sum_hw a_c a_d``, in float32.

    Args:
        activations: ``(B, C, H, W)``.
        weight: of each position, ``(R, 1, H, W)``, for one picture.

    Returns:
        ``(B, C, C)``, or ``(R, C, C)``.
    """
    rows = activations.flatten(2).mT
    counts = None if weight is None else weight.flatten(2).mT
    with torch.autocast(rows.device.type, enabled=False):  # which would take the product in half precision
        total: Tensor = _Product.apply(rows, counts)
        return total


class _Product(torch.autograd.Function):
    """``rows.mT @ rows`` in float32, some positions at a time: no float32 copy of a large layer is made."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, counts: Tensor | None) -> Tensor:
        """``(B, N, C)``, and for one picture what positions count, ``(R, N, 1)``, to ``(B or R, C, C)``."""
        ctx.save_for_backward(rows, counts)
        products = []
        for strip in _strips(rows.shape[1]):
            part = rows[:, strip].float()
            counted = part if counts is None else part * counts[:, strip]
            products.append(counted.mT @ part)
        return torch.stack(products).sum(dim=0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Of the product to of ``rows``, in whose precision it is taken where all positions count alike."""
        rows, counts = ctx.saved_tensors
        both = gradient + gradient.mT
        if counts is None:
            return rows @ both.to(rows.dtype), None
        found = torch.empty_like(rows)
        for strip in _strips(rows.shape[1]):
            each = rows[:, strip].float() @ both * counts[:, strip]
            found[:, strip] = each.sum(dim=0, keepdim=True)
        return found, None


def _strips(count: int) -> Iterator[slice]:
    """Some positions at a time."""
    return (slice(first, first + _STRIP) for first in range(0, count, _STRIP))


def content_distance(activations: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of activations: Johnson et al. (2016), eq. 2.

    Gatys et al. (2016), eq. 1, take half the sum, which grows with the picture; the mean does not.

    Args:
        activations: ``(B, C, H, W)``.
        target: ``(B, C, H, W)`` or ``(1, C, H, W)``.

    Returns:
        ``()``.
    """
    return (activations.float() - target.float()).square().mean()


def style_distance(gram: Tensor, target: Tensor, shares: Tensor | None = None) -> Tensor:
    """Squared Frobenius norm of the difference of Gram matrices: Johnson et al. (2016), eq. 4.

    With this Gram matrix it is 4 times the ``E_l`` of Gatys et al. (2016), eq. 4, when both pictures have
    the same size. Johnson's released code takes the mean over the C^2 entries instead, by which a layer of
    512 channels weighs 64 times less beside one of 64.

    Args:
        gram: ``(B, C, C)``.
        target: ``(1, C, C)``, or ``(B, C, C)``.
        shares: what each counts, (B,), which sum to 1; None for the same.

    Returns:
        ``()``, the mean over the batch.
    """
    distances = (gram - target).square().sum(dim=(1, 2))
    return distances.mean() if shares is None else (shares * distances).sum()


def total_variation(images: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels: 0 for a flat picture, whatever its size.

    Johnson et al. (2016), section 3.2, refer to the sum of Mahendran & Vedaldi (2015), which grows with the
    picture; the mean does not.

    Args:
        images: ``(B, 3, H, W)``.

    Returns:
        ``()``.
    """
    down = images[..., 1:, :] - images[..., :-1, :]
    right = images[..., :, 1:] - images[..., :, :-1]
    return down.square().mean() + right.square().mean()
