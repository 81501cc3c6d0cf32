"""The grid that upsampling leaves, as a number that training can lower."""

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST = 79  # px, of a side: 3 windows and what their edges need


def grid_power(images: Tensor, *, period: int = 8, window: int = 24) -> Tensor:
    """Power of what repeats every ``period`` px from one window to another: the grid that upsampling leaves.

    Ours. Networks learn such a grid although their upsampling has none of its own: rectification
    makes it of textures, and the Gram matrices of the first layers take it for brushwork: Odena et al. (2016)
    describe it, https://distill.pub/2016/deconv-checkerboard. Each window's mean block of ``period`` px is
    multiplied by that of the windows a knight's move away: texture is as often of the one sign as of the
    other, an edge seldom runs through both, and a grid is the same in both.

    Args:
        images: ``(B, 3, H, W)``; with a side too small for three windows, ``SMALLEST``, it is 0.
        period: px; grids of its divisors are seen too.
        window: px, a multiple of ``period``.

    Returns:
        ``()``, at least 0, the mean over the batch.
    """
    half = period // 2
    # Without what is slower than a period: over a block, shading would look like a grid.
    fine = images[..., half : 1 - half, half : 1 - half] - F.avg_pool2d(images, period, stride=1)
    down, right = (side // window for side in fine.shape[-2:])
    if min(down, right) < 3:
        return images.new_zeros(())
    blocks = window // period
    parts = fine[..., : down * window, : right * window].reshape(
        *fine.shape[:2], down, blocks, period, right, blocks, period
    )
    grid = parts.mean(dim=(3, 6)).movedim(4, 3)  # (B, 3, down, right, period, period)
    pairs = []
    for y, x in ((1, 2), (2, 1)):
        upper, lower = grid[:, :, :-y], grid[:, :, y:]
        pairs += [upper[:, :, :, :-x] * lower[:, :, :, x:], upper[:, :, :, x:] * lower[:, :, :, :-x]]
    return torch.stack([pair.mean() for pair in pairs]).mean().clamp_min(0)
