"""The loss of large pictures, in tiles."""

import pytest
import torch

from fastnst.errors import ConfigError
from fastnst.losses import PerceptualLoss
from fastnst.tiled_loss import TiledLoss
from fastnst.vgg import VGG19Features, reach, stride

LAYERS = ["relu1_1", "relu2_1", "relu3_1", "relu3_3"]
WEIGHTS = {
    "content_layers": {"relu3_3": 1.0},
    "style_layers": {"relu1_1": 0.5, "relu2_1": 0.2, "relu3_1": 0.3},
    "content_weight": 2.0,
    "style_weight": 30.0,
    "tv_weight": 0.1,
}


def losses(weights, side=40, padding="replicate", **changes):
    features = VGG19Features(weights, LAYERS, padding=padding, dtype=torch.float64)
    loss = PerceptualLoss(features, **WEIGHTS, **changes)
    return loss, TiledLoss(loss, side)


def pictures(height=101, width=131):
    rng = torch.Generator().manual_seed(0)
    photo, painting, picture = (
        torch.rand(1, 3, height, width, generator=rng, dtype=torch.float64) for _ in range(3)
    )
    return photo, painting**3, picture  # another style than noise's, lest rounding be what is compared


@pytest.mark.parametrize("side", [24, 40, 500])
@pytest.mark.parametrize("coarse", [0.0, 0.5])
@pytest.mark.parametrize("padding", ["replicate", "zeros"])
def test_losses_and_gradients_are_those_of_the_whole(tiny_weights, side, coarse, padding):
    whole, tiled = losses(tiny_weights, side, padding, coarse_weight=coarse, coarse_factor=4)
    photo, painting, picture = pictures()
    found = []
    for loss in (whole, tiled):
        seen = picture.clone().requires_grad_()
        terms = loss(seen, loss.content_target(photo), loss.style_target(painting))
        terms.total.backward()
        found.append((terms.values(), seen.grad))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-5)
    torch.testing.assert_close(found[1][1], found[0][1], rtol=1e-4, atol=1e-7)


def test_regions_are_cut_too(tiny_weights):
    whole, tiled = losses(tiny_weights)
    photo, painting, picture = pictures()
    regions = torch.zeros(2, 1, 101, 131, dtype=torch.float64)
    regions[0, :, :, :70] = 1
    regions[1] = 1 - regions[0]
    style = {name: torch.cat([gram, 2 * gram]) for name, gram in whole.style_target(painting).items()}
    values = [
        loss(picture, loss.content_target(photo), style, regions=regions).values() for loss in (whole, tiled)
    ]
    assert values[1] == pytest.approx(values[0], rel=1e-5)


def test_no_more_than_a_tile_is_seen_at_once(tiny_weights):
    _, tiled = losses(tiny_weights, side=40)
    photo, _, picture = pictures()
    seen = []
    tiled.loss.features.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[-2:].numel()))
    content = tiled.content_target(photo)
    tiled(picture.requires_grad_(), content, {n: torch.zeros(1, 8, 8) for n in WEIGHTS["style_layers"]})
    widest = 40 + 4 + 2 * (reach("relu3_3") + stride("relu3_3"))
    assert max(seen) <= widest**2 < picture[0, 0].numel()


@pytest.mark.parametrize("layer", ["relu1_1", "conv2_2", "relu3_4", "relu5_1"])
def test_nothing_beyond_its_reach_moves_a_position(tiny_weights, layer):
    features = VGG19Features(tiny_weights, [layer], pooling="average", dtype=torch.float64)
    size = 2 * (reach(layer) + 2 * stride(layer)) // 16 * 16 + 48
    photo = torch.rand(1, 3, size, size, dtype=torch.float64).requires_grad_()
    activation = features(photo)[layer]
    middle = activation.shape[-1] // 2
    features_at = activation[0, :, middle, middle].square().sum()
    (gradient,) = torch.autograd.grad(features_at, photo)
    touched = gradient.abs().sum(dim=(0, 1, 2)).nonzero().flatten()
    first, last = middle * stride(layer) - reach(layer), (middle + 1) * stride(layer) - 1 + reach(layer)
    assert first <= touched.min()
    assert touched.max() <= last


def test_normalised_gradients_need_the_whole(tiny_weights):
    with pytest.raises(ConfigError, match="normalise_gradients needs the whole picture at once"):
        losses(tiny_weights, normalise_gradients=True)
