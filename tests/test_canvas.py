"""A picture at several resolutions."""

import pytest
import torch

from fastnst import gatys
from fastnst.canvas import Canvas


@pytest.mark.parametrize("scales", [(1,), (1, 2), (1, 2, 4, 8)])
def test_it_begins_with_the_picture(photo, scales):
    canvas = Canvas(photo * 1.5 - 0.2, scales)
    assert torch.equal(canvas.picture(), (photo * 1.5 - 0.2).clamp(0, 1))
    assert [tuple(tensor.shape[-2:]) for tensor in canvas.tensors] == [
        (-(-24 // scale), -(-32 // scale)) for scale in scales
    ]


@pytest.mark.parametrize("scales", [(1,), (1, 2, 8)])
def test_projecting_changes_only_what_is_out_of_range(photo, scales):
    canvas = Canvas(photo, scales)
    with torch.no_grad():
        for tensor in canvas.tensors:
            tensor += 0.3
        unclamped = canvas.tensors[0] + canvas._coarser() if len(scales) > 1 else canvas.tensors[0].clone()
    coarser = [tensor.detach().clone() for tensor in canvas.tensors[1:]]
    canvas.project()
    torch.testing.assert_close(canvas.picture(), unclamped.clamp(0, 1))
    assert all(map(torch.equal, coarser, canvas.tensors[1:]))


def test_every_resolution_gets_its_gradient(photo):
    canvas = Canvas(photo * 0.5 + 0.2, (1, 4))
    canvas.picture().sum().backward()
    pixels, coarse = canvas.tensors
    assert torch.equal(pixels.grad, torch.ones_like(pixels))
    assert coarse.grad.sum().item() == pytest.approx(photo.numel() * 4**-0.5, rel=1e-4)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_black_and_white_pictures_have_a_gradient_too(value):
    canvas = Canvas(torch.full((1, 3, 16, 16), value), (1, 2, 4))
    canvas.project()
    canvas.picture().sum().backward()
    assert all((tensor.grad > 0).all() for tensor in canvas.tensors)


def test_a_patch_is_changed_sooner(photo):
    """A quadratic whose minimum is a lighter picture: pixels go there too, but coarse tensors go further."""

    class Lighter(torch.nn.Module):
        def content_target(self, content):
            return content

        def style_target(self, style):
            return style

        def forward(self, picture, content, style, *, regions=None):
            smooth = torch.nn.functional.avg_pool2d(picture - 0.75, 8)
            total = smooth.square().sum() + 0.1 * (picture - 0.75).square().mean()
            return Total(total)

    class Total:
        def __init__(self, total):
            self.total = total

        def values(self):
            return {"total": self.total.item()}

    start = torch.full((1, 3, 32, 32), 0.25)
    ends = [
        gatys.optimise(
            start, start, Lighter(), init=start, optimizer="adam", lr=0.01, steps=10, history=1, scales=scales
        ).best["total"]
        for scales in ((1,), (1, 2, 4, 8))
    ]
    assert ends[1] < 0.8 * ends[0]
