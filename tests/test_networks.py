import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastnst.errors import ConfigError, ImageError
from fastnst.networks import InstanceNorm, build


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = build("johnson", {"width": 4, "blocks": 2}).eval()
    for parameter in network.parameters():  # weights of normalisations are 1 and 0 at the start: not a test
        nn.init.normal_(parameter, std=0.3)
    return network


def by_the_paper(state, x):
    """The same network written as a plain sequence of torch's own operations."""

    def conv(x, name, stride=1):
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        pad = weight.shape[-1] // 2
        return F.conv2d(F.pad(x, (pad,) * 4, mode="reflect"), weight, bias, stride=stride)

    def norm(x, name):
        mean = x.mean((2, 3), keepdim=True)
        deviation = (x.var((2, 3), keepdim=True, correction=0) + 1e-5).sqrt()
        weight, bias = (state[f"{name}.{kind}"].view(1, -1, 1, 1) for kind in ("weight", "bias"))
        return (x - mean) / deviation * weight + bias

    for index, stride in ((0, 1), (3, 2), (6, 2)):
        x = norm(conv(x, f"layers.{index}", stride), f"layers.{index + 1}").relu()
    for index in (9, 10):
        branch = f"layers.{index}.branch"
        y = norm(conv(x, f"{branch}.0"), f"{branch}.1").relu()
        x = x + norm(conv(y, f"{branch}.3"), f"{branch}.4")
    for index in (12, 16):
        x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        x = norm(conv(x, f"layers.{index}"), f"layers.{index + 1}").relu()
    return torch.sigmoid(2 * conv(x, "layers.19"))


def test_same_pictures_as_an_independent_reference(network):
    photo = torch.rand(2, 3, 32, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(
            network(photo), by_the_paper(network.state_dict(), photo), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("size", [(16, 16), (17, 19), (33, 16), (30, 41), (18, 23)])
def test_picture_is_as_large_as_the_photo(network, size):
    with torch.no_grad():
        picture = network(torch.rand(1, 3, *size))
    assert picture.shape == (1, 3, *size)
    assert picture.min() >= 0
    assert picture.max() <= 1


def test_a_photo_too_small_is_refused(network):
    with pytest.raises(ImageError, match="picture is 40x15 px; at least 16 px a side"):
        network(torch.rand(1, 3, 15, 40))


def test_the_paper_has_1_68_million_weights():
    count = sum(p.numel() for p in build("johnson", {"width": 32, "blocks": 5}).parameters())
    assert count == 1_679_235  # as PyTorch's own example, which has the same layers


def test_pictures_of_a_batch_do_not_touch_each_other(network):
    photos = torch.rand(2, 3, 20, 24)
    with torch.no_grad():
        together, alone = network(photos), network(photos[1:])
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-5)


def test_instance_normalisation_against_torch():
    mine, theirs = InstanceNorm(5), nn.InstanceNorm2d(5, affine=True)
    with torch.no_grad():
        theirs.weight.copy_(mine.weight.normal_())
        theirs.bias.copy_(mine.bias.normal_())
    x = torch.rand(2, 5, 6, 7)
    torch.testing.assert_close(mine(x), theirs(x))


def test_statistics_of_a_photo_frozen_give_the_same_picture(network):
    photo = torch.rand(1, 3, 24, 28)
    with torch.no_grad():
        own = network(photo)
        with network.frozen(network.statistics(photo)):
            torch.testing.assert_close(network(photo), own, rtol=1e-4, atol=1e-5)


def test_with_frozen_statistics_a_part_is_a_part_of_the_whole(network):
    photo = torch.rand(1, 3, 128, 128)
    with torch.no_grad(), network.frozen(network.statistics(photo)):
        whole, left = network(photo), network(photo[..., :96])
    torch.testing.assert_close(left[..., :48], whole[..., :48], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("smooth", [0, 1])
def test_a_px_changes_no_picture_beyond_the_reach(smooth):
    torch.manual_seed(0)
    arguments = {"width": 6, "blocks": 1, "deep": 8, "deep_blocks": 1, "half": 5, "full": 3, "smooth": smooth}
    network = build("fast", arguments).eval()
    photo = torch.rand(1, 3, 240, 240) / 4
    spread = 0
    with torch.no_grad(), network.frozen(network.statistics(photo)):
        before = network(photo)
        for shift in range(0, 8, 3):
            at = 120 + shift
            other = photo.clone()
            other[..., at, at] = 1
            rows, columns = (network(other) != before).any(1)[0].nonzero().unbind(1)
            spread = max(spread, int((rows - at).abs().max()), int((columns - at).abs().max()))
    reach = network.architecture.reach
    assert reach / 2 < spread <= reach


def test_bilinear_enlarging_leaves_no_edges_of_px():
    torch.manual_seed(0)
    arguments = {"width": 6, "blocks": 1, "deep": 8, "deep_blocks": 1, "half": 5, "full": 3}
    ramps = []
    for smooth in (0, 1):
        network = build("fast", {**arguments, "smooth": smooth})
        up = next(module for module in network.modules() if isinstance(module, nn.Upsample))
        ramps.append(up(torch.arange(8.0).expand(1, 1, 8, 8))[0, 0, 4].diff())
    assert ramps[0].unique().tolist() == [0, 1]
    assert ramps[1][1:-1].unique().tolist() == [0.5]


def test_after_the_block_a_picture_has_its_own_statistics_again(network):
    photo, other = torch.rand(1, 3, 24, 28), torch.rand(1, 3, 24, 28).square()
    with torch.no_grad():
        before = network(photo)
        with network.frozen(network.statistics(other)):
            assert not torch.allclose(network(photo), before)
        assert torch.equal(network(photo), before)


def test_an_unknown_network_or_argument_is_named():
    with pytest.raises(ConfigError, match="there is no network 'unet'; there are fast, johnson"):
        build("unet", {})
    with pytest.raises(ConfigError, match=r"network johnson does not take \{'depth': 3\}"):
        build("johnson", {"depth": 3})
    with pytest.raises(ConfigError, match=r"smooth of the fast network must be a number from 0 to 1, not 2"):
        build("fast", {"smooth": 2})
    with pytest.raises(ConfigError, match=r"width of the johnson network must be a number .*, not 0"):
        build("johnson", {"width": 0, "blocks": 5})
