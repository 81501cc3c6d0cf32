"""What a style was trained to match, in its file."""

import numpy as np
import pytest
import tiny_style
import torch

from fastnst import style_file, style_targets
from fastnst.engines import open_engine
from fastnst.errors import ConfigError, StyleFileError

LOSS = {"style_layers": {"relu1_1": 0.5, "relu4_1": 0.5}}


def gram(channels, rank, seed=0):
    """``(1, C, C)`` of a painting whose activations have that rank."""
    rng = torch.Generator().manual_seed(seed)
    factor = torch.rand(channels, rank, generator=rng) / channels
    return (factor @ factor.T)[None]


def written(folder, target, **record):
    weights = tiny_style.weights() | {n: f.half().numpy() for n, f in style_targets.factors(target).items()}
    path = folder / "with.safetensors"
    style_file.write(path, weights, {**tiny_style.RECORD, "loss": LOSS, **record})
    return style_file.read(path)


def test_low_rank_comes_back_to_half_precision(tmp_path, tiny_weights):
    target = {"relu1_1": gram(64, 20), "relu4_1": gram(512, style_targets.RANK)}
    style = written(tmp_path, target)
    assert style.has_target
    found = style_targets.stored(style, tiny_weights)
    assert found.keys() == target.keys()
    for layer, each in found.items():
        assert (each - target[layer]).norm() < 1e-3 * target[layer].norm()


def test_a_higher_rank_comes_back_as_the_nearest(tmp_path, tiny_weights):
    target = {"relu1_1": gram(64, 20), "relu4_1": gram(512, 100)}
    found = style_targets.stored(written(tmp_path, target), tiny_weights)["relu4_1"]
    lost = np.linalg.eigvalsh(target["relu4_1"][0].double().numpy())[: -style_targets.RANK]
    assert (found - target["relu4_1"]).norm() == pytest.approx(np.linalg.norm(lost), rel=0.01)


def test_the_network_is_as_without(tmp_path, tiny_weights):
    style = written(tmp_path, {"relu1_1": gram(64, 20), "relu4_1": gram(512, 30)})
    plain = style_file.read(tiny_style.write(tmp_path))
    assert style.parameters == plain.parameters
    photo = tiny_style.noise(24, 32)[None]
    for engine in ("openvino", "torch"):
        pictures = [open_engine(each, engine=engine, device="cpu").stylise(photo) for each in (style, plain)]
        np.testing.assert_array_equal(*pictures)


def test_a_file_without_says_so(tmp_path, tiny_weights):
    style = style_file.read(tiny_style.write(tmp_path))
    assert not style.has_target
    with pytest.raises(ConfigError, match="does not hold what its network was trained to match"):
        style_targets.stored(style, tiny_weights)


def test_targets_are_for_the_weights_that_they_were_made_with(tmp_path, tiny_weights):
    target = {"relu1_1": gram(64, 20), "relu4_1": gram(512, 30)}
    style = written(tmp_path, target, training={"vgg_sha256": "1" * 64})
    with pytest.raises(ConfigError, match="was trained by other weights of VGG-19 than these"):
        style_targets.stored(style, tiny_weights)


@pytest.mark.parametrize("layers", [{"relu1_1": 1.0}, {"relu1_1": 1.0, "relu2_1": 1.0}])
def test_targets_of_other_layers_than_the_record_has_are_refused(tmp_path, tiny_weights, layers):
    target = {"relu1_1": gram(64, 20), "relu4_1": gram(512, 30)}
    style = written(tmp_path, target, loss={"style_layers": layers})
    with pytest.raises(StyleFileError, match="its targets are not those of its loss"):
        style_targets.stored(style, tiny_weights)
