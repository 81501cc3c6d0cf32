"""L-BFGS within the range, and what it knows of colours and frequencies."""

from itertools import pairwise

import pytest
import torch

from fastnst.optimisers import COLOURS, LBFGS, Adam, Bands, optimiser
from fastnst.settings import OptimiserSettings


def settings(**changes):
    given = {"optimizer": "lbfgs", "lr": 0.02, "betas": [0.9, 0.99], "history": 10, "precondition": True}
    return OptimiserSettings(**(given | changes))


def descend(stepper, loss, picture, steps):
    """Losses and pictures of ``steps`` evaluations."""
    totals, pictures = [], []
    for _ in range(steps):
        picture = picture.detach().requires_grad_()
        total = loss(picture)
        (gradient,) = torch.autograd.grad(total, picture)
        totals.append(total.item())
        pictures.append(picture.detach())
        picture = stepper.next(picture.detach(), gradient, total.item())
    return totals, pictures


def outside(photo):
    """A loss whose minimum is outside of the range for a part of the pixels."""
    weight = torch.linspace(1, 9, photo.numel()).view_as(photo)
    return lambda picture: (weight * (picture - 3 * photo + 1).square()).mean()


def coarse(photo):
    """A loss that is the more curved the coarser a change is."""
    frequency = torch.fft.fftfreq(24)[:, None].square() + torch.fft.fftfreq(32).square()
    weight = 1 / (frequency + 1e-3)
    return lambda picture: (weight * torch.fft.fft2(picture - 0.5 - (photo - 0.5) / 4).abs().square()).mean()


@pytest.mark.parametrize("precondition", [False, True])
def test_what_it_learns_is_how_far_it_went(photo, precondition):
    """Of a step that was clamped, too."""
    stepper = LBFGS(9, precondition=precondition)
    totals, pictures = descend(stepper, outside(photo), photo, 8)
    taken = [later - former for former, later in pairwise(pictures)]
    assert any((picture == 0).any() for picture in pictures)
    assert len(stepper._pairs) >= 3
    for pair in stepper._pairs:
        assert min((pair.step - each).abs().max() for each in taken) == 0
        assert (pair.turn[pair.step == 0] == 0).all()
    assert totals[-1] < totals[0]


@pytest.mark.parametrize("precondition", [False, True])
def test_it_finds_a_minimum_at_the_ends_of_the_range(photo, precondition):
    _, pictures = descend(LBFGS(10, precondition=precondition), outside(photo), photo, 60)
    assert torch.allclose(pictures[-1], (3 * photo - 1).clamp(0, 1), atol=0.01)


def test_lengths_for_frequencies_get_there_sooner(photo):
    ends = {}
    for precondition in (False, True):
        totals, _ = descend(LBFGS(5, precondition=precondition), coarse(photo), photo, 40)
        ends[precondition] = min(totals) / totals[0]
    assert ends[True] < ends[False] / 3


def test_a_colour_that_comes_late_is_changed_too():
    """After steps in lightness alone, a gradient of colour moves colour."""
    picture = torch.rand(1, 1, 24, 32, generator=torch.Generator().manual_seed(3)).expand(1, 3, 24, 32)
    stepper = LBFGS(5, precondition=True)
    for _ in range(4):
        picture = stepper.next(picture, picture - 0.5, 1.0)
    assert (picture[:, 0] == picture[:, 2]).all()
    red = torch.tensor([1.0, 0.0, -1.0])[:, None, None].expand_as(picture)
    moved = stepper.next(picture, -0.1 * red, 1.0) - picture
    assert (moved[:, 0] - moved[:, 2]).mean() > 0.01


def test_a_leap_is_taken_back_and_bounds_what_follows(photo):
    """Until steps that lower the loss have shown that they may be longer."""
    half = torch.full_like(photo, 0.5)
    stepper = LBFGS(5, precondition=False)
    leapt = stepper.next(half, torch.full_like(photo, 1.0), 1.0)
    again = stepper.next(leapt, torch.full_like(photo, 0.9), 2.2)
    assert torch.allclose(again, torch.lerp(half, leapt, 0.25))
    assert len(stepper._pairs) == 1
    back = stepper.next(again, torch.full_like(photo, 0.98), 2.1)
    assert torch.allclose(back, torch.lerp(half, again, 0.25))
    radius = (back - half).abs().max()
    lower = stepper.next(back, torch.full_like(photo, 0.99), 0.99)
    assert torch.allclose((lower - back).abs(), 2 * radius, atol=1e-6)
    higher = stepper.next(lower, torch.full_like(photo, 0.98), 1.1)
    assert torch.allclose((higher - lower).abs(), 2 * radius, atol=1e-6)


def test_a_leap_to_infinity_teaches_nothing(photo):
    stepper = LBFGS(5, precondition=True)
    leapt = stepper.next(photo, torch.ones_like(photo), 1.0)
    back = stepper.next(leapt, torch.full_like(photo, -torch.inf), torch.inf)
    assert torch.allclose(back, torch.lerp(photo, leapt, 0.25))
    assert not stepper._pairs


def test_no_gradient_is_no_step(photo):
    assert torch.equal(LBFGS(5, precondition=True).next(photo, torch.zeros_like(photo), 1.0), photo)


@pytest.mark.parametrize("shape", [(2, 3, 24, 32), (1, 3, 17, 33), (1, 3, 2, 5), (1, 3, 8, 82)])
def test_bands_are_all_there_is(shape):
    pictures = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    bands = Bands(pictures)
    power = bands.power(pictures)
    assert power.sum() == pytest.approx(pictures.square().sum().item(), rel=1e-5)
    assert torch.allclose(bands.times(pictures, torch.ones_like(power)), pictures, atol=1e-6)


def test_bands_tell_coarse_from_fine_and_colours_apart():
    wave = torch.arange(64).float()
    coarse, fine = (torch.cos(2 * torch.pi * wave / period).expand(64, 64) for period in (64, 2))
    red = torch.tensor(COLOURS[1])[:, None, None]
    power = Bands(torch.zeros(1, 3, 64, 64)).power((coarse + red * fine)[None])
    assert power[0, :3].sum() == pytest.approx(power[0].sum().item())
    assert power[1, -2:].sum() == pytest.approx(power[1].sum().item())
    assert power[0].sum() > 100
    assert power[1].sum() > 100
    assert power[2].sum() < 1e-3


def test_adam_is_pytorchs_within_the_range(photo):
    totals, pictures = descend(optimiser(settings(optimizer="adam")), outside(photo), photo, 50)
    pixels = photo.clone().requires_grad_()
    adam = torch.optim.Adam([pixels], lr=0.02, betas=(0.9, 0.99))
    for picture in pictures:
        assert torch.equal(pixels, picture)
        adam.zero_grad()
        outside(photo)(pixels).backward()
        adam.step()
        with torch.no_grad():
            pixels.clamp_(0, 1)
    assert totals[-1] < totals[0]


def test_the_settings_choose(photo):
    assert isinstance(optimiser(settings(optimizer="adam")), Adam)
    for history, precondition in ((2, False), (2, True), (9, True)):
        chosen = optimiser(settings(history=history, precondition=precondition))
        same = LBFGS(history, precondition=precondition)
        pictures = [descend(stepper, coarse(photo), photo, 8)[1][-1] for stepper in (chosen, same)]
        assert torch.equal(*pictures)
        other = LBFGS(history, precondition=not precondition)
        assert not torch.equal(pictures[0], descend(other, coarse(photo), photo, 8)[1][-1])
