import pytest
import torch
from torch import nn

from fastnst import images, samples, vgg_weights
from fastnst.errors import ConfigError, ImageError
from fastnst.vgg import LAYERS, PADDINGS, VGG19Features, bfloat16_pays, choose_dtype, mean_activations
from fastnst.vgg_weights import CAFFE, ONES, ORIGINAL_SCALES, RELUS, SHAPES, TORCHVISION, VGGWeights


@pytest.fixture(scope="module")
def reference():
    """torchvision's vgg19 with random weights, and the same weights for fastnst."""
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    layers = torchvision.models.vgg19(weights=None).features.eval()
    convs = [module for module in layers if isinstance(module, nn.Conv2d)]
    for conv in convs:
        nn.init.normal_(conv.bias, std=0.1)
    state = {}
    for name, conv in zip(SHAPES, convs, strict=True):
        state |= {f"{name}.weight": conv.weight.detach(), f"{name}.bias": conv.bias.detach()}
    return layers, VGGWeights(state, TORCHVISION, {"max": ONES, "average": ONES}, "random", "")


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_same_activations_as_torchvision(reference, pooling):
    layers, weights = reference
    images_ = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    mean, std = torch.tensor(TORCHVISION.mean), torch.tensor(TORCHVISION.std)
    x = (images_ - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    expected = []
    with torch.no_grad():
        for module in layers:
            if isinstance(module, nn.MaxPool2d) and pooling == "average":
                module = nn.AvgPool2d(2)
            x = x.relu() if isinstance(module, nn.ReLU) else module(x)
            if not isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
                expected.append(x)
    activations = VGG19Features(weights, LAYERS, pooling=pooling)(images_)
    assert list(activations) == list(LAYERS)
    for name, wanted in zip(LAYERS, expected, strict=True):
        torch.testing.assert_close(activations[name], wanted, rtol=1e-4, atol=1e-5)


def test_a_file_of_torchvision_names_is_read_with_its_own_convention(reference, tmp_path, monkeypatch):
    layers, weights = reference
    torch.save({f"features.{name}": value for name, value in layers.state_dict().items()}, tmp_path / "a.pth")
    monkeypatch.setattr(vgg_weights, "_measure", lambda weights: weights.scales)
    loaded = vgg_weights.load(str(tmp_path / "a.pth"))
    assert loaded.convention is TORCHVISION
    assert vgg_weights.load(str(tmp_path / "a.pth"), convention="caffe").convention is CAFFE
    for name, value in weights.state.items():
        assert torch.equal(loaded.state[name], value)


def test_caffe_convention_is_bgr_less_the_mean_of_0_to_255():
    image = torch.rand(1, 3, 2, 2)
    wanted = 255 * image.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    torch.testing.assert_close(CAFFE.apply(image), wanted, rtol=1e-4, atol=1e-3)


def test_torchvision_convention_is_rgb_over_imagenet_statistics():
    transforms = pytest.importorskip("torchvision.transforms.v2.functional")
    image = torch.rand(1, 3, 2, 2)
    wanted = transforms.normalize(image, list(TORCHVISION.mean), list(TORCHVISION.std))
    torch.testing.assert_close(TORCHVISION.apply(image), wanted)


def test_original_weights_have_mean_activation_1_on_photos():
    weights = vgg_weights.load("original")
    photos = [
        torch.from_numpy(images.read(samples.photo(name), size=256).rgb)[None] for name in samples.PHOTOS
    ]
    measured = mean_activations(weights, "max", photos)
    for layer, mean in measured.items():
        assert mean == pytest.approx(ORIGINAL_SCALES["max"][layer], rel=0.01), layer


def test_scales_make_loss_weights_independent_of_the_weights_scale(tiny_weights, photo, monkeypatch):
    photos = [photo, photo.flip(-1).square()]
    louder = {name: value * 3 for name, value in tiny_weights.state.items()}
    both = []
    for state in (tiny_weights.state, louder):
        weights = VGGWeights(state, TORCHVISION, {"max": ONES, "average": ONES}, "tiny", "")
        scales = {pooling: mean_activations(weights, pooling, photos) for pooling in ("max", "average")}
        scaled = VGGWeights(state, TORCHVISION, scales, "tiny", "")
        both.append(VGG19Features(scaled, ["relu1_1", "relu4_2"])(photo))
    for layer in ("relu1_1", "relu4_2"):
        torch.testing.assert_close(both[0][layer], both[1][layer])
        assert 0.3 < both[0][layer].mean() < 3


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_activations_are_divided_by_their_scales(reference, pooling):
    _, plain = reference
    rng = torch.Generator().manual_seed(3)
    scales = {relu: 0.1 + 5 * torch.rand((), generator=rng).item() for relu in RELUS}
    weights = VGGWeights(plain.state, TORCHVISION, {"max": scales, "average": scales}, "random", "")
    picture = torch.rand(1, 3, 48, 64, generator=rng)
    found, before = (VGG19Features(each, LAYERS, pooling=pooling)(picture) for each in (weights, plain))
    for layer, activation in found.items():
        expected = before[layer] / scales[layer.replace("conv", "relu")]
        assert (activation - expected).abs().max() < 1e-5 * expected.abs().max()


def test_has_nothing_to_train_or_to_save(tiny_weights):
    features = VGG19Features(tiny_weights, ["relu5_1"])
    assert not list(features.parameters())
    assert not features.state_dict()
    assert features.to("meta").conv1_1_weight.is_meta


def test_nothing_past_the_deepest_layer_is_kept(tiny_weights):
    names = dict(VGG19Features(tiny_weights, ["relu2_1", "conv1_2"]).named_buffers())
    assert sorted({name.rsplit("_", 1)[0] for name in names}) == ["conv1_1", "conv1_2", "conv2_1"]


@pytest.mark.parametrize("padding", PADDINGS)
def test_bfloat16_is_near_float32_and_keeps_the_input_apart(tiny_weights, photo, padding):
    exact = VGG19Features(tiny_weights, ["relu3_1"], padding=padding)(photo)["relu3_1"]
    features = VGG19Features(tiny_weights, ["relu3_1"], padding=padding, dtype=torch.bfloat16)
    coarse = features(photo)["relu3_1"]
    assert coarse.dtype is torch.bfloat16
    torch.testing.assert_close(coarse.float(), exact, rtol=0.05, atol=0.02)


def test_autocast_outside_changes_nothing(tiny_weights, photo):
    features = VGG19Features(tiny_weights, ["relu3_1"])
    with torch.autocast("cpu", torch.bfloat16):
        inside = features(photo)["relu3_1"]
    assert torch.equal(inside, features(photo)["relu3_1"])


def test_unknown_layer_is_named(tiny_weights):
    with pytest.raises(ConfigError, match="has no relu9_9; its layers are conv1_1, relu1_1, "):
        VGG19Features(tiny_weights, ["relu1_1", "relu9_9"])


def test_unknown_pooling_is_named(tiny_weights):
    with pytest.raises(ConfigError, match="pooling must be 'max' or 'average', not 'mean'"):
        VGG19Features(tiny_weights, ["relu1_1"], pooling="mean")


def test_unknown_padding_is_named(tiny_weights):
    with pytest.raises(ConfigError, match="padding must be 'replicate' or 'zeros', not 'reflect'"):
        VGG19Features(tiny_weights, ["relu1_1"], padding="reflect")


@pytest.mark.parametrize("layer", ["relu1_1", "relu3_1", "relu5_1"])
def test_edges_of_a_plain_picture_are_seen_by_zeros_alone(tiny_weights, layer):
    plain = torch.full((1, 3, 48, 64), 0.7)
    spreads = {}
    for padding in ("replicate", "zeros"):
        activation = VGG19Features(tiny_weights, [layer], padding=padding)(plain)[layer]
        low, high = activation.amin((2, 3)), activation.amax((2, 3))
        spreads[padding] = ((high - low) / activation.mean()).max()
    assert spreads["replicate"] < 1e-4
    assert spreads["zeros"] > 0.1


def test_within_a_picture_padding_makes_no_difference(tiny_weights):
    photo = torch.rand(1, 3, 64, 64)
    seen = [VGG19Features(tiny_weights, ["relu2_1"], padding=each)(photo)["relu2_1"] for each in PADDINGS]
    torch.testing.assert_close(seen[0][..., 3:-3, 3:-3], seen[1][..., 3:-3, 3:-3])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5), (2, 2), (6, 9)])
def test_gradient_beside_repeated_edges(tiny_weights, height, width):
    features = VGG19Features(tiny_weights, ["conv1_2"], padding="replicate", dtype=torch.float64)
    photo = torch.rand(1, 3, height, width, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: features(x)["conv1_2"], photo, atol=1e-4)


def test_repeated_edges_take_no_more_memory_than_zeros(tiny_weights):
    kept = {}
    for padding in PADDINGS:
        storages = {}

        def keep(tensor, storages=storages):
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        photo = torch.rand(1, 3, 64, 64, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            activations = VGG19Features(tiny_weights, ["relu4_1"], padding=padding)(photo)
        kept[padding] = sum(storages.values())
        del activations
    assert kept["replicate"] <= kept["zeros"]


@pytest.mark.parametrize("padding", PADDINGS)
def test_fewer_multiplications_make_no_difference(tiny_weights, padding, monkeypatch):
    photo = torch.rand(2, 3, 50, 70, generator=torch.Generator().manual_seed(0))
    found = {}
    for quick in (False, True):
        monkeypatch.setattr("fastnst.winograd.pays", lambda weight, x, quick=quick: quick)
        picture = photo.clone().requires_grad_()
        features = VGG19Features(tiny_weights, ["relu4_1"], padding=padding, pooling="average")
        activation = features(picture)["relu4_1"]
        (gradient,) = torch.autograd.grad(activation.square().sum(), picture)
        found[quick] = activation, gradient
    for exact, other in zip(found[False], found[True], strict=True):
        assert not torch.equal(exact, other)  # by another way indeed
        assert (exact - other).norm() < 1e-5 * exact.norm()


def test_what_was_first_seen_without_gradients_has_them_later(tiny_weights, photo, monkeypatch):
    monkeypatch.setattr("fastnst.winograd.pays", lambda weight, x: True)
    features = VGG19Features(tiny_weights, ["relu3_1"])
    with torch.inference_mode():
        features(photo)
    photo.requires_grad_()
    (gradient,) = torch.autograd.grad(features(photo)["relu3_1"].sum(), photo)
    assert gradient.any()


def test_weights_that_were_rounded_are_those_that_are_used(tiny_weights, photo, monkeypatch):
    monkeypatch.setattr("fastnst.winograd.pays", lambda weight, x: weight.dtype == torch.float32)
    features = VGG19Features(tiny_weights, ["relu3_1"])
    features(photo)
    features.bfloat16()
    rounded = features(photo)["relu3_1"].float()
    exact = features.float()(photo)["relu3_1"]
    monkeypatch.setattr("fastnst.winograd.pays", lambda weight, x: False)
    torch.testing.assert_close(exact, features(photo)["relu3_1"], rtol=1e-4, atol=1e-5)
    assert not torch.equal(exact, rounded)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("layer", "side"), [("relu1_1", 1), ("relu3_1", 4), ("conv5_4", 16)])
def test_smallest_picture(tiny_weights, layer, side, padding):
    features = VGG19Features(tiny_weights, [layer], padding=padding)
    assert features(torch.rand(1, 3, side, side))[layer].shape == (1, 8, 1, 1)
    if side > 1:
        with pytest.raises(ImageError, match=f"{side}x{side - 1} px; .* needs at least {side} px a side"):
            features(torch.rand(1, 3, side - 1, side))


def test_auto_precision_is_float32_where_bfloat16_does_not_pay(monkeypatch):
    monkeypatch.setattr("fastnst.vgg.bfloat16_pays", lambda device: device == "cuda")
    assert choose_dtype("auto", "cpu") is torch.float32
    assert choose_dtype("auto", "cuda") is torch.bfloat16
    assert choose_dtype("float32", "cuda") is torch.float32


@pytest.mark.parametrize(
    ("capabilities", "faster"),
    [
        ({"cpu_name": "AMD EPYC", "avx512_bf16": True}, True),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": True}, True),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False}, False),
        ({"cpu_name": "Intel Xeon"}, False),
        ({}, False),
    ],
)
def test_bfloat16_is_faster_by_amx_and_by_the_vectors_of_amd(monkeypatch, capabilities, faster):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert bfloat16_pays("cpu") is faster


def test_autocast_does_not_round_the_gradient_of_repeated_edges(tiny_weights):
    features = VGG19Features(tiny_weights, ["relu2_1"], padding="replicate")
    gradients = []
    for lower in (False, True):
        picture = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0)).requires_grad_()
        loss = features(picture)["relu2_1"].square().sum()
        with torch.autocast("cpu", torch.bfloat16, enabled=lower):
            loss.backward()
        gradients.append(picture.grad)
    assert torch.equal(*gradients)


def test_layers_are_in_the_order_of_the_network():
    assert LAYERS[:4] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2")
    assert len(RELUS) == 16
