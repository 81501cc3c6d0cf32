import pytest
import torch
from torch import nn

from fastnst.muon import BETAS, MOMENTUM, RMS, Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (12, 12)])
def test_singular_values_come_near_to_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonal(matrix)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.6
    assert values.max() < 1.3
    assert (found * (u @ v)).sum() / (found.norm() * (u @ v).norm()) > 0.97


def test_no_gradient_is_no_step():
    assert torch.equal(orthogonal(torch.zeros(3, 5)), torch.zeros(3, 5))
    idle = nn.Parameter(torch.ones(2, 2, 1, 1))
    Muon([idle], lr=1.0).step()
    assert torch.equal(idle, torch.ones_like(idle))


def test_a_kernels_first_step_is_its_gradient_made_orthogonal():
    kernel = nn.Parameter(torch.zeros(4, 3, 5, 5))
    kernel.grad = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    Muon([kernel], lr=0.1).step()
    ahead = 1 - MOMENTUM + MOMENTUM * (1 - MOMENTUM)
    wanted = -0.1 * RMS * 75**0.5 * orthogonal(ahead * kernel.grad.flatten(1)).view(4, 3, 5, 5)
    torch.testing.assert_close(kernel.detach(), wanted)
    assert kernel.detach().square().mean().sqrt() == pytest.approx(0.1 * RMS, rel=0.2)


def test_what_is_no_kernel_moves_as_by_adam():
    rng = torch.Generator().manual_seed(0)
    start = torch.randn(7, generator=rng)
    mine, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    ours, adam = Muon([mine], lr=0.1), torch.optim.Adam([theirs], lr=0.1, betas=BETAS)
    for _ in range(5):
        mine.grad = torch.randn(7, generator=rng)
        theirs.grad = mine.grad.clone()
        ours.step()
        adam.step()
    torch.testing.assert_close(mine, theirs)


def test_a_state_that_is_kept_goes_on_to_the_last_digit():
    def steps(parameters, optimiser, seeds):
        for seed in seeds:
            for parameter in parameters:
                parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed))
            optimiser.step()

    def fresh():
        parameters = [nn.Parameter(torch.ones(3, 2, 3, 3)), nn.Parameter(torch.ones(3))]
        return parameters, Muon(parameters, lr=0.1)

    whole, optimiser = fresh()
    steps(whole, optimiser, range(6))
    first, optimiser = fresh()
    steps(first, optimiser, range(3))
    second, resumed = fresh()
    resumed.load_state_dict(optimiser.state_dict())
    for parameter, value in zip(second, first, strict=True):
        parameter.data.copy_(value.data)
    steps(second, resumed, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(whole, second, strict=True))


def test_a_closure_computes_the_gradients():
    kernel = nn.Parameter(torch.ones(2, 2, 1, 1))
    optimiser = Muon([kernel], lr=0.1)

    def closure():
        optimiser.zero_grad()
        loss = kernel.square().sum()
        loss.backward()
        return loss

    assert optimiser.step(closure).item() == 4
    assert kernel.square().sum() < 4
