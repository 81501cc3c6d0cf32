"""Droplets and edges, measured so that training can lower them."""

from dataclasses import replace

import pytest
import tiny_style
import torch
from torch.func import functional_call

from fastnst.defects import EdgeReach, against, kurtosis, watched
from fastnst.networks import InstanceNorm, build

TINY = {"width": 8, "blocks": 1, "deep": 8, "deep_blocks": 1, "half": 4, "full": 4, "smooth": 1}


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_of_normally_distributed_features_it_is_3():
    assert kurtosis(5 + 2 * noise(2, 4, 128, 128)).item() == pytest.approx(3, rel=0.02)


def test_one_part_that_outshines_the_rest_raises_it():
    features = noise(1, 2, 64, 64)
    features[:, :, 8:12, 8:12] += 30
    assert kurtosis(features).item() > 50


def test_each_channel_of_each_picture_counts_by_itself():
    plain = noise(1, 1, 32, 32)
    both = torch.cat([plain, 1000 * plain + 7], dim=1)
    assert kurtosis(both).item() == pytest.approx(kurtosis(plain).item(), rel=1e-3)


def test_of_a_single_value_there_is_none():
    assert kurtosis(torch.full((1, 3, 8, 8), 0.7)).item() == pytest.approx(0, abs=1e-6)


def test_gradients_lower_the_part_that_outshines():
    features = noise(1, 1, 32, 32)
    features[0, 0, 4, 4] = 30
    features.requires_grad_()
    kurtosis(features).backward()
    assert features.grad[0, 0, 4, 4] == features.grad.max() > 0


def test_every_normalisation_is_watched_and_afterwards_none():
    network = build("fast", TINY)
    norms = [module for module in network.modules() if isinstance(module, InstanceNorm)]
    given = []
    photo = noise(2, 3, 32, 32).sigmoid()
    for norm in norms:
        norm.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    with watched(network) as kurtoses:
        network(photo)
    assert [each.item() for each in kurtoses] == [kurtosis(each).item() for each in given]
    network(photo)
    assert len(kurtoses) == len(norms) > 0


def test_weights_given_for_one_call_are_watched_too():
    network = build("fast", TINY)
    photo = noise(1, 3, 32, 32).sigmoid()
    doubled = {name: 2 * value for name, value in network.named_parameters() if "layers.0" in name}
    with watched(network) as own:
        network(photo)
    with watched(network) as others:
        functional_call(network, doubled, (photo,))
    assert torch.stack(own).ne(torch.stack(others)).any()


def test_an_error_leaves_nothing_behind():
    network = build("fast", TINY)
    with pytest.raises(RuntimeError), watched(network):
        raise RuntimeError
    assert not any(module._forward_hooks for module in network.modules())


def reach(network, photo, corner):
    with torch.no_grad():
        return EdgeReach(network)(photo, corner).item()


def test_what_is_cut_off_changes_the_rest():
    network = build("fast", TINY)
    assert all(reach(network, noise(1, 3, 48, 72).sigmoid(), corner) > 0 for corner in range(4))


def test_each_corner_is_kept_once():
    network, photo = build("fast", TINY), noise(1, 3, 96, 96).sigmoid()
    found = [reach(network, photo, corner) for corner in range(8)]
    assert len(set(found[:4])) == 4
    assert found[:4] == found[4:]


def test_of_a_network_without_a_neighbourhood_nothing_changes():
    network = build("fast", TINY)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.layers[-1].weight[:, -3:, 1, 1] = torch.eye(3)
    assert reach(network, noise(1, 3, 64, 64).sigmoid(), 0) == 0


def test_both_pictures_have_the_statistics_of_the_whole():
    """A px between the cut and the end of what convolutions reach is the same, whatever is cut off."""
    network = build("fast", TINY).double()
    photo = noise(1, 3, 384, 384).sigmoid().double()
    photo[..., :128, :] *= 0.1  # what is cut off differs, so its absence would show everywhere
    seen = []
    network.register_forward_hook(lambda module, inputs, output: seen.append(output.detach()))
    EdgeReach(network)(photo, 1)
    _, whole, part = seen
    far = network.architecture.reach
    assert torch.allclose(part[..., far:, : 256 - far], whole[..., 128 + far :, : 256 - far], atol=1e-9)


def test_gradients_reach_the_smaller_picture_alone():
    network = build("fast", TINY)
    photo = noise(1, 3, 48, 48).sigmoid().requires_grad_()
    EdgeReach(network)(photo, 0).backward()
    assert photo.grad[..., :32, :32].abs().sum() > 0
    assert photo.grad[..., 32:, :].abs().sum() == photo.grad[..., :, 32:].abs().sum() == 0


def test_a_photo_too_small_to_be_cut_has_no_edges():
    assert reach(build("fast", TINY), noise(1, 3, 20, 200).sigmoid(), 0) == 0


def test_a_few_steps_lower_what_edges_change():
    network, photo = build("fast", TINY), noise(1, 3, 96, 96).sigmoid()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    first = reach(network, photo, 0)
    for _ in range(10):
        optimizer.zero_grad()
        EdgeReach(network)(photo, 0).backward()
        optimizer.step()
    assert reach(network, photo, 0) < 0.7 * first


def test_what_weighs_nothing_costs_no_gradients():
    defect = torch.tensor(float("nan"), requires_grad=True)
    assert not against(tiny_style.PLAIN, grid=defect, droplets=defect).requires_grad
    weighed = against(replace(tiny_style.PLAIN, droplet_weight=2.0), grid=defect, droplets=torch.tensor(3.0))
    assert weighed.item() == 6
