"""The OpenVINO model against the network in PyTorch, which has the same weights by the same names."""

import numpy as np
import pytest
import torch
from torch import nn

from fastnst import graphs
from fastnst.architectures import (
    Architecture,
    Beside,
    Conv,
    Norm,
    Relu,
    Residual,
    Unshuffle,
    Upsample,
    architecture,
)
from fastnst.networks import Statistics, StyleNetwork
from fastnst.quiet_openvino import core

FAST = {"width": 6, "blocks": 1, "deep": 8, "deep_blocks": 1, "half": 5, "full": 3}
ARCHITECTURES = {
    "johnson": architecture("johnson", {"width": 4, "blocks": 1}),
    "fast": architecture("fast", FAST),
    "fast, smooth": architecture("fast", {**FAST, "smooth": 1}),
    "smooth, mirrored": Architecture(
        (Unshuffle(2), Conv(12, 4, 3), Upsample(2, smooth=True), Relu(), Conv(4, 3, 3)), 2, "tanh"
    ),
    "smooth by 4": Architecture(
        (Unshuffle(4), Conv(48, 5, 1), Upsample(4, smooth=True), Conv(5, 3, 3, border="replicate")), 4, "clip"
    ),
    "replicated at the end": Architecture(
        (Conv(3, 4, 3, stride=2), Upsample(2), Conv(4, 4, 3), Relu(), Conv(4, 3, 3, border="replicate")),
        2,
        "clip",
    ),
    "plain": Architecture((Conv(3, 3, 3),), 1, "clip"),
    "upsampled by 4": Architecture((Unshuffle(4), Conv(48, 5, 1), Upsample(4), Conv(5, 3, 3)), 4, "tanh"),
    "enlarged, no normalisation": Architecture(
        (Conv(3, 4, 3, stride=2), Relu(), Upsample(2), Conv(4, 4, 3), Relu(), Conv(4, 3, 5)), 2, "tanh"
    ),
    "enlarged at the end": Architecture(
        (Conv(3, 4, 3, stride=2), Norm(4), Upsample(2), Conv(4, 3, 3)), 2, "clip"
    ),
    "the photo beside a branch, plain": Architecture(
        (Beside((Conv(3, 4, 3), Norm(4), Relu())), Conv(7, 3, 3)), 1, "clip"
    ),
    "the photo beside a branch, normalised": Architecture(
        (Beside((Conv(3, 4, 3), Relu())), Norm(7), Conv(7, 3, 3)), 1, "tanh"
    ),
    "a branch beside the photo itself": Architecture(
        (Residual((Conv(3, 3, 3), Norm(3))), Unshuffle(2), Conv(12, 8, 3), Upsample(2), Conv(8, 3, 1)),
        2,
        "tanh",
    ),
}
SIZES = [(1, 16, 16), (2, 17, 31), (1, 40, 23), (3, 18, 64)]


def network(architecture):
    torch.manual_seed(0)
    network = StyleNetwork(architecture).eval().requires_grad_(False)
    for parameter in network.parameters():  # weights of normalisations are 1 and 0 at the start: not a test
        nn.init.normal_(parameter, std=0.5 if parameter.ndim == 1 else parameter[0].numel() ** -0.5)
    return network


def compiled(network, mode="own", precision="f32"):
    weights = {name: values.numpy() for name, values in network.state_dict().items()}
    model = graphs.model(network.architecture, weights, mode)
    return core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision})


def noise(*size):
    return np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)


def floats(photos):
    return torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 255


def painted(network, photos):
    return (network(floats(photos)) * 255).permute(0, 2, 3, 1).numpy()  # not rounded


def run(model, *inputs):
    return [values.copy() for values in model(list(inputs), share_inputs=False).values()]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_pictures_are_the_networks_at_any_size(name):
    reference = network(ARCHITECTURES[name])
    model = compiled(reference)
    for size in [*SIZES, SIZES[0]]:
        photos = noise(*size)
        (picture,) = run(model, photos)
        assert picture.dtype == np.uint8
        expected = painted(reference, photos)
        assert expected.std() > 3
        np.testing.assert_allclose(picture, expected, atol=0.51)  # rounded to the nearest


@pytest.mark.parametrize("name", ["johnson", "fast", "fast, smooth", "the photo beside a branch, normalised"])
def test_statistics_recorded_are_the_networks(name):
    reference = network(ARCHITECTURES[name])
    photos = noise(2, 33, 47)
    picture, *seen = run(compiled(reference, "recorded"), photos)
    expected = reference.statistics(floats(photos))
    assert len(seen) == len(expected)
    for (mean, rest, variance), known in zip(seen, expected, strict=True):
        np.testing.assert_allclose(mean + rest, known.mean.flatten(), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(variance, known.variance.flatten(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(picture, painted(reference, photos), atol=0.51)


@pytest.mark.parametrize("name", ["johnson", "fast", "fast, smooth", "the photo beside a branch, normalised"])
def test_frozen_statistics_stand_in_for_the_pictures_own(name):
    reference = network(ARCHITECTURES[name])
    photos = noise(2, 35, 26)
    known = reference.statistics(floats(noise(1, 64, 64) // 2))
    half = [torch.cat([seen.mean, seen.variance]).flatten(1).numpy() for seen in known]
    inputs = [np.stack([0.75 * mean, 0.25 * mean, (variance + 1e-5) ** -0.5]) for mean, variance in half]
    (picture,) = run(compiled(reference, "frozen"), photos, *inputs)
    with reference.frozen([Statistics(*seen) for seen in known]):
        expected = painted(reference, photos)
    assert np.abs(expected - painted(reference, photos)).mean() > 2
    np.testing.assert_allclose(picture, expected, atol=0.51)


@pytest.mark.parametrize("name", ["fast", "fast, smooth"])
def test_bfloat16_is_near(name):
    reference = network(ARCHITECTURES[name])
    photos = noise(1, 64, 64)
    (picture,) = run(compiled(reference, precision="bf16"), photos)
    assert np.abs(picture - painted(reference, photos)).mean() < 3
