"""Convolutions in fewer multiplications, beside those of PyTorch."""

import pytest
import torch
import torch.nn.functional as F

from fastnst import winograd

SIZES = [(1, 1), (3, 5), (4, 8), (9, 6), (70, 130)]  # the last is taken in more than one block


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("padding", ["constant", "replicate"])
@pytest.mark.parametrize("size", SIZES)
def test_convolves_as_directly(size: tuple[int, int], padding: str):
    x, weight, bias = drawn(3, 16, *size), drawn(24, 16, 3, 3), drawn(24)
    found = winograd.convolve(x, winograd.transformed(weight), bias, padding)
    padded = F.pad(x.double(), (1, 1, 1, 1), mode=padding)
    expected = F.conv2d(padded, weight.double(), bias.double())
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", SIZES)
def test_gradient_is_that_of_the_direct_way(size: tuple[int, int], layout: torch.memory_format):
    of_out, weight = drawn(3, 24, *size).contiguous(memory_format=layout), drawn(24, 16, 3, 3)
    found = winograd.gradient(of_out, winograd.transformed(weight))
    expected = F.conv_transpose2d(of_out.double(), weight.double())
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


def test_pays_in_float32_with_many_channels_and_tiles():
    weight, x = torch.empty(128, 64, 3, 3), torch.empty(1, 64, 13, 16)
    assert winograd.pays(weight, x)
    assert not winograd.pays(torch.empty(64, 64, 3, 3), x)
    assert not winograd.pays(weight, x[:, :, :12])
    assert not winograd.pays(weight.bfloat16(), x.bfloat16())
    assert not winograd.pays(weight.to("meta"), x.to("meta"))
