import numpy as np
import pytest
import torch

from fastnst import config, distances, losses
from fastnst.distances import content_distance, gram_matrix, style_distance, total_variation
from fastnst.errors import ConfigError
from fastnst.grid import grid_power
from fastnst.losses import PerceptualLoss
from fastnst.settings import LossSettings, recorded_loss
from fastnst.vgg import VGG19Features

WEIGHTS = {
    "content_layers": {"relu2_2": 1.0},
    "style_layers": {"relu1_2": 0.5, "relu2_2": 0.25},
    "content_weight": 2.0,
    "style_weight": 10.0,
    "tv_weight": 0.5,
}


@pytest.fixture
def loss(tiny_weights):
    return PerceptualLoss(VGG19Features(tiny_weights, ["relu1_2", "relu2_2"]), **WEIGHTS)


def test_gram_matrix_against_numpy():
    activations = torch.rand(2, 3, 4, 5)
    expected = np.einsum("bchw,bdhw->bcd", activations, activations) / (3 * 4 * 5)
    torch.testing.assert_close(gram_matrix(activations), torch.from_numpy(expected))


def test_gram_matrix_of_half_precision_does_not_overflow():
    activations = torch.full((1, 2, 256, 256), 60.0, dtype=torch.float16)
    torch.testing.assert_close(gram_matrix(activations), torch.full((1, 2, 2), 1800.0))


def test_autocast_outside_leaves_the_loss_in_float32(loss, photo):
    content, style = loss.content_target(photo), loss.style_target(photo.square())
    alone = loss(photo.sqrt(), content, style).values()
    with torch.autocast("cpu", torch.bfloat16):
        assert loss(photo.sqrt(), content, style).values() == alone


def test_style_distance_is_four_times_the_energy_of_gatys():
    picture, painting = torch.rand(1, 6, 4, 5), torch.rand(1, 6, 4, 5)
    n, m = 6, 4 * 5
    g, a = (x.reshape(n, m) @ x.reshape(n, m).T for x in (picture, painting))
    energy = (g - a).square().sum() / (4 * n**2 * m**2)  # Gatys et al. (2016), eq. 4
    distance = style_distance(gram_matrix(picture), gram_matrix(painting))
    torch.testing.assert_close(distance, 4 * energy)


def test_distances_are_means_over_the_batch():
    a, b = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    one_by_one = torch.stack([content_distance(a[i : i + 1], b[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(content_distance(a, b), one_by_one.mean())
    target = gram_matrix(b[:1])
    one_by_one = torch.stack([style_distance(gram_matrix(a[i : i + 1]), target) for i in range(2)])
    torch.testing.assert_close(style_distance(gram_matrix(a), target), one_by_one.mean())


@pytest.mark.parametrize("size", [(6, 8), (60, 80)])
def test_total_variation_does_not_depend_on_size(size):
    ramp = torch.arange(float(size[1])).expand(1, 3, *size)  # a step of 1 to the right, flat downwards
    assert total_variation(ramp) == 1
    assert total_variation(torch.full((1, 3, *size), 0.5)) == 0


def test_terms_are_the_weighted_sums_of_the_raw_ones(loss, photo):
    terms = loss(photo.square(), loss.content_target(photo), loss.style_target(photo.flip(-1).sqrt()))
    torch.testing.assert_close(terms.content, 2 * terms.content_layers["relu2_2"])
    style = 0.5 * terms.style_layers["relu1_2"] + 0.25 * terms.style_layers["relu2_2"]
    torch.testing.assert_close(terms.style, 10 * style)
    torch.testing.assert_close(terms.tv, 0.5 * total_variation(photo.square()))
    torch.testing.assert_close(terms.total, terms.content + terms.style + terms.tv)
    values = terms.values()
    assert values["raw/style/relu1_2"] == terms.style_layers["relu1_2"].item() > 0
    assert set(values) == {
        "total", "content", "style", "tv", "raw/tv",
        "raw/content/relu2_2", "raw/style/relu1_2", "raw/style/relu2_2",
    }  # fmt: skip


def test_nothing_to_improve_at_the_target(tiny_weights, photo):
    loss = PerceptualLoss(VGG19Features(tiny_weights, ["relu1_2", "relu2_2"]), **WEIGHTS | {"tv_weight": 0.0})
    assert loss(photo, loss.content_target(photo), loss.style_target(photo)).total == 0


def test_style_ignores_where_things_are(loss, photo):
    style = loss.style_target(photo)
    turned = photo.flip(-1)
    assert loss(turned, loss.content_target(photo), style).content > 0
    moved = loss(turned, loss.content_target(turned), style).style
    assert moved < loss(photo.square(), loss.content_target(photo), style).style


def test_a_call_leaves_no_trace(loss, photo):
    content, style = loss.content_target(photo), loss.style_target(photo.square())
    first = loss(photo, content, style).total
    loss(photo.square(), content, style)
    assert loss(photo, content, style).total == first


def test_gradient_reaches_the_picture_alone(loss, photo):
    content, style = loss.content_target(photo), loss.style_target(photo.square())
    picture = photo.clone().requires_grad_()
    loss(picture, content, style).total.backward()
    assert picture.grad.abs().sum() > 0
    assert all(buffer.grad is None for buffer in loss.buffers())


def test_gradient_agrees_with_finite_differences(tiny_weights):
    features = VGG19Features(tiny_weights, ["relu1_2", "relu2_2"], dtype=torch.float64)
    loss = PerceptualLoss(features, **WEIGHTS)
    rng = torch.Generator().manual_seed(0)
    photo, painting, picture = (torch.rand(1, 3, 8, 8, generator=rng, dtype=torch.float64) for _ in range(3))
    content, style = loss.content_target(photo), loss.style_target(painting)
    picture.requires_grad_()
    (gradient,) = torch.autograd.grad(loss(picture, content, style).total, picture)
    direction = torch.randn(picture.shape, generator=rng, dtype=torch.float64)
    step = 1e-3
    with torch.no_grad():
        above = loss(picture + step * direction, content, style).total
        below = loss(picture - step * direction, content, style).total
    slope = (above - below).item() / (2 * step)
    assert slope == pytest.approx((gradient * direction).sum().item(), rel=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"style_weight": -1.0}, "the weight of style_weight must be 0 or more, not -1.0"),
        ({"style_layers": {"relu1_2": float("nan")}}, "the weight of relu1_2 must be 0 or more, not nan"),
        ({"content_weight": 0.0, "style_weight": 0.0, "tv_weight": 0.0}, "every weight of the loss is 0"),
    ],
)
def test_impossible_weights_are_named(tiny_weights, change, message):
    with pytest.raises(ConfigError, match=message):
        PerceptualLoss(VGG19Features(tiny_weights, ["relu1_2", "relu2_2"]), **WEIGHTS | change)


def test_build_multiplies_the_style_weight_by_the_paintings_strength(tiny_weights):
    others = {"coarse_weight": 0.0, "coarse_factor": 4, "pooling": "max", "padding": "replicate"}
    settings = LossSettings(**WEIGHTS, balance=False, **others)
    loss = losses.build(settings, tiny_weights, strength=2.5, dtype=torch.float32)
    assert loss.style_weight == 25.0
    assert loss.content_weight == 2.0
    assert loss.features.padding == "replicate"


@pytest.mark.parametrize("name", ["fastnst", "gatys", "gatys2016", "johnson", "nedeljkovic", "quaglia"])
def test_papers_see_zeros_beyond_the_edges(name):
    chosen = config.load("gatys", [f"loss={name}"]).loss
    assert chosen.padding == ("replicate" if name in ("fastnst", "gatys") else "zeros")


@pytest.mark.parametrize(("said", "padding"), [({}, "zeros"), ({"padding": "replicate"}, "replicate")])
def test_styles_from_before_there_was_a_choice_saw_zeros(said, padding):
    recorded = recorded_loss({"loss": {**WEIGHTS, "pooling": "max", **said}})
    assert recorded.padding == padding


def test_grid_power_is_the_power_of_a_grid_and_of_nothing_else():
    place = torch.arange(160)
    noise = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    shading = (place / 160).expand(1, 3, 160, 160)
    house = (place > 50).float().expand(1, 3, 160, 160)
    for period in (2, 4, 8):
        wave = 0.02 * torch.cos(2 * torch.pi * place / period)
        power = wave.square().mean()
        torch.testing.assert_close(grid_power(0.5 + wave.expand(1, 3, 160, 160)), power, rtol=0.01, atol=0)
        torch.testing.assert_close(grid_power(house + wave.view(-1, 1)), power, rtol=0.3, atol=0)
    for plain in (noise, shading, shading.mT, house, house.mT):
        assert grid_power(plain) < 1e-4


def test_grid_power_has_a_gradient_and_needs_three_windows():
    picture = (
        (0.5 + 0.02 * torch.cos(torch.pi * torch.arange(80.0))).expand(2, 3, 80, 80).clone().requires_grad_()
    )
    grid_power(picture).backward()
    assert picture.grad.abs().sum() > 0
    assert grid_power(picture[..., :72]) == 0


def test_coarse_content_sees_what_changes_slowly(tiny_weights):
    features = VGG19Features(tiny_weights, ["relu1_1", "relu3_1"])
    weights = {"content_layers": {"relu3_1": 2.0}, "style_layers": {}, "content_weight": 3.0}
    rest = {"style_weight": 0.0, "tv_weight": 0.0}
    flat = torch.full((1, 3, 64, 64), 0.5)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    blob = flat + 0.3 * torch.exp(-3 * (x**2 + y**2))
    plain = losses.PerceptualLoss(features, **weights, **rest)
    both = losses.PerceptualLoss(features, **weights, **rest, coarse_weight=0.5, coarse_factor=4)
    seen = both(blob, both.content_target(flat), {})
    alone = plain(blob, plain.content_target(flat), {})
    small = [torch.nn.functional.avg_pool2d(each, 4) for each in (blob, flat)]
    coarse = plain(small[0], plain.content_target(small[1]), {})
    assert seen.content_layers.keys() == {"relu3_1", "relu3_1_coarse"}
    torch.testing.assert_close(seen.content, alone.content + 0.5 * coarse.content)
    assert both(flat, both.content_target(flat), {}).total == 0


REGIONS = [None, torch.rand(2, 1, 8, 5, generator=torch.Generator().manual_seed(2))]


@pytest.mark.parametrize("regions", REGIONS)
def test_gram_matrices_do_not_depend_on_the_strips_they_are_made_in(monkeypatch, regions):
    found = []
    for strip in (1 << 16, 7):
        monkeypatch.setattr(distances, "_STRIP", strip)
        activations = torch.rand(1, 3, 8, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
        gram_matrix(activations, regions).square().sum().backward()
        found.append(activations.grad)
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("regions", REGIONS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradient_of_gram_matrices_against_autograds_own(regions, layout):
    made = torch.rand(1, 3, 8, 5, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=layout)
    weight = torch.ones(1, 1, 8, 5) if regions is None else regions

    def by_autograd(x):
        counts = weight.sum(dim=(1, 2, 3))[:, None, None]
        return torch.einsum("rhw,chw,dhw->rcd", weight[:, 0], x[0], x[0]) / (3 * counts)

    aim = torch.rand(3, 3, generator=torch.Generator().manual_seed(1))
    gradients = []
    for gram in (lambda x: gram_matrix(x, regions), by_autograd):
        activations = made.clone().requires_grad_()
        (gram(activations) - aim).square().sum().backward()
        gradients.append(activations.grad)
    torch.testing.assert_close(*gradients)


def test_gradient_of_gram_matrices_in_bfloat16_is_that_of_float32():
    exact = torch.randn(2, 16, 24, 32, generator=torch.Generator().manual_seed(0)).relu().bfloat16().float()
    gradients = []
    for dtype in (torch.float32, torch.bfloat16):
        activations = exact.to(dtype, copy=True).requires_grad_()
        gram_matrix(activations).square().sum().backward()
        gradients.append(activations.grad.float())
    difference = (gradients[0] - gradients[1]).norm() / gradients[0].norm()
    assert difference < 2**-8


def test_a_region_has_the_gram_matrix_of_its_part():
    activations = torch.rand(1, 3, 8, 12)
    left = torch.zeros(1, 1, 16, 24)
    left[..., :12] = 1
    found = gram_matrix(activations, torch.cat([left, 1 - left]))
    torch.testing.assert_close(found[:1], gram_matrix(activations[..., :6]))
    torch.testing.assert_close(found[1:], gram_matrix(activations[..., 6:]))


def test_one_region_of_all_is_as_none(loss, photo):
    targets = loss.content_target(photo), loss.style_target(photo.square())
    everywhere = torch.ones(1, 1, *photo.shape[-2:])
    assert loss(photo, *targets, regions=everywhere).values() == pytest.approx(loss(photo, *targets).values())


def test_regions_count_by_their_share(loss, photo):
    content, styles = loss.content_target(photo), [loss.style_target(photo**p) for p in (2, 3)]
    both = {layer: torch.cat([style[layer] for style in styles]) for layer in styles[0]}
    quarter = torch.zeros(1, 1, *photo.shape[-2:])
    quarter[..., : photo.shape[-1] // 4] = 1
    regions = torch.cat([quarter, 1 - quarter])
    found = loss(photo, content, both, regions=regions).style
    apart = [loss(photo, content, styles[i], regions=regions[i : i + 1]).style for i in (0, 1)]
    torch.testing.assert_close(found, 0.25 * apart[0] + 0.75 * apart[1])


def test_normalised_gradients_have_the_length_of_their_weights(tiny_weights, photo):
    features = VGG19Features(tiny_weights, ["relu1_2", "relu2_2"])
    plain, normalised = (
        PerceptualLoss(features, **WEIGHTS | {"tv_weight": 0.0}, normalise_gradients=on)
        for on in (False, True)
    )
    content, style = plain.content_target(photo), plain.style_target(photo.sqrt())
    gradients = []
    for factor in (1.0, 7.0):  # the length of a normalised gradient does not depend on the distance
        far = {layer: factor * gram for layer, gram in style.items()}
        picture = photo.square().requires_grad_()
        terms = normalised(picture, content, far)
        assert terms.values() == plain(picture, content, far).values()
        (gradient,) = torch.autograd.grad(terms.style_layers["relu1_2"], picture)
        gradients.append(gradient.abs().sum().item())
    assert gradients[0] == pytest.approx(gradients[1], rel=0.2)
