"""How far a picture is from a photo, a painting and smoothness, in one layer: the formulas of the papers."""

import torch
import torch.nn.functional as F
from torch import Tensor


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
    b, c, h, w = activations.shape
    flat = activations.float().reshape(b, c, h * w)
    count: Tensor | int = h * w
    if regions is not None:
        weight = F.adaptive_avg_pool2d(regions, (h, w)).reshape(-1, 1, h * w)
        flat, count = flat * weight.sqrt(), weight.sum(dim=2, keepdim=True)
    with torch.autocast(flat.device.type, enabled=False):  # which would take the product in half precision
        return flat @ flat.mT / (c * count)


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
