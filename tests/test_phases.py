import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fastnst.phases import BILINEAR, NEAREST, NEAREST_BETWEEN, between, enlarging, per_block

rng = np.random.default_rng(0)
KERNEL = rng.standard_normal((5, 4, 3, 3)).astype(np.float32)
BIAS = rng.standard_normal(5).astype(np.float32)
SMALL = torch.from_numpy(rng.standard_normal((2, 4, 6, 7)).astype(np.float32))


def convolved(x, kernel, bias):
    return F.conv2d(x, torch.from_numpy(kernel), torch.from_numpy(bias))


def by_hand(x):
    """A 3x3 convolution that keeps the sides by reflection."""
    return convolved(F.pad(x, (1, 1, 1, 1), mode="reflect"), KERNEL, BIAS)


def shuffled(blocks, order):
    """2x2 px out of channels."""
    if order == "blocks_first":
        blocks = blocks.unflatten(1, (4, -1)).transpose(1, 2).flatten(1, 2)
    return F.pixel_shuffle(blocks, 2)


@pytest.mark.parametrize("order", ["depth_first", "blocks_first"])
def test_a_convolution_of_what_is_enlarged_is_done_before(order):
    expected = by_hand(F.interpolate(SMALL, scale_factor=2, mode="nearest"))
    padded = F.pad(SMALL, (1, 1, 1, 1), mode="replicate")
    bias = per_block(BIAS, order)
    blocks = convolved(padded, enlarging(KERNEL, NEAREST, order), bias)
    torch.testing.assert_close(shuffled(blocks, order), expected, rtol=1e-4, atol=1e-5)
    blocks = convolved(padded, enlarging(KERNEL, NEAREST_BETWEEN, order), bias)
    assert blocks.shape == (2, 20, 7, 8)
    torch.testing.assert_close(shuffled(blocks, order)[..., 1:-1, 1:-1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("order", ["depth_first", "blocks_first"])
def test_a_convolution_of_what_is_enlarged_bilinearly_is_done_before(order):
    large = F.pad(F.interpolate(SMALL, scale_factor=2, mode="bilinear"), (1, 1, 1, 1), mode="replicate")
    padded = F.pad(SMALL, (1, 1, 1, 1), mode="replicate")
    blocks = convolved(padded, enlarging(KERNEL, BILINEAR, order), per_block(BIAS, order))
    expected = convolved(large, KERNEL, BIAS)
    torch.testing.assert_close(shuffled(blocks, order), expected, rtol=1e-4, atol=1e-5)


def test_a_convolution_is_done_on_blocks_of_px():
    large = F.interpolate(SMALL, scale_factor=2, mode="bicubic")
    padded = F.pad(F.pixel_unshuffle(large, 2), (1, 1, 1, 1), mode="replicate")
    blocks = convolved(padded, between(KERNEL), per_block(BIAS, "blocks_first"))
    picture = shuffled(blocks, "blocks_first")[..., 1:-1, 1:-1]
    torch.testing.assert_close(picture, by_hand(large), rtol=1e-4, atol=1e-5)
