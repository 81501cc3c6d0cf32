"""Several paintings in one picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from fastnst import config, mixtures
from fastnst.errors import ConfigError, ImageError
from fastnst.losses import PerceptualLoss
from fastnst.mixtures import Part
from fastnst.vgg import VGG19Features


@pytest.fixture
def loss(tiny_weights):
    return PerceptualLoss(
        VGG19Features(tiny_weights, ["relu1_1", "relu2_1"]),
        content_layers={"relu2_1": 1.0},
        style_layers={"relu1_1": 0.5, "relu2_1": 0.5},
        content_weight=1.0,
        style_weight=1.0,
        tv_weight=0.0,
    )


@pytest.fixture
def own():
    return config.painting("own", "paintings")


def left(height=24, width=32):
    mask = torch.zeros(1, 1, height, width)
    mask[..., : width // 2] = 1
    return mask


def test_weights_mix_gram_matrices(loss, photo):
    a, b = photo.square(), photo.sqrt()
    target = mixtures.targets([Part(a, 3.0), Part(b, 1.0)], loss, 24)(24, 32)
    assert target.regions is None
    for layer, gram in target.style.items():
        expected = 0.75 * loss.style_target(a)[layer] + 0.25 * loss.style_target(b)[layer]
        torch.testing.assert_close(gram, expected)


def test_a_mixture_has_the_gradient_of_the_weighted_losses(loss, photo):
    parts = [Part(photo.square(), 3.0), Part(photo.sqrt(), 1.0)]
    content, gradients = loss.content_target(photo), []
    mixed = mixtures.targets(parts, loss, 24)(24, 32).style
    for ways in (
        [(1.0, mixed)],
        [(0.75, loss.style_target(parts[0].painting)), (0.25, loss.style_target(parts[1].painting))],
    ):
        picture = photo.flip(-1).requires_grad_()
        sum(weight * loss(picture, content, style).style for weight, style in ways).backward()
        gradients.append(picture.grad)
    torch.testing.assert_close(*gradients)


def test_masks_make_regions_and_the_rest_goes_to_the_others(loss, photo):
    parts = [Part(photo.square(), 1.0, left()), Part(photo.sqrt(), 1.0)]
    target = mixtures.targets(parts, loss, 24)(12, 16)
    assert target.regions.shape == (2, 1, 12, 16)
    torch.testing.assert_close(target.regions.sum(dim=0), torch.ones(1, 12, 16))
    assert target.regions[0, 0, :, :8].min() == 1
    assert target.style["relu1_1"].shape == (2, 8, 8)


def test_paintings_share_a_mask_by_their_weights(loss, photo):
    mask = left()
    parts = [Part(photo.square(), 3.0, mask), Part(photo.sqrt(), 1.0, mask), Part(photo, 1.0)]
    target = mixtures.targets(parts, loss, 24)(24, 32)
    assert target.regions.shape[0] == 2
    mixed = mixtures.targets([Part(photo.square(), 3.0), Part(photo.sqrt(), 1.0)], loss, 24)(24, 32)
    torch.testing.assert_close(target.style["relu1_1"][:1], mixed.style["relu1_1"])


def test_paintings_get_smaller_with_the_picture(loss, photo):
    seen = []
    loss.style_target = lambda painting: (
        seen.append(tuple(painting.shape[-2:])) or {"relu1_1": torch.zeros(1, 8, 8)}
    )
    at = mixtures.targets([Part(torch.rand(1, 3, 100, 200), 1.0)], loss, 24)
    at(24, 32)
    at(12, 16)
    assert seen == [(100, 200), (50, 100)]


def test_masks_that_cover_everything_leave_nothing(loss, photo):
    parts = [Part(photo, 1.0, torch.ones(1, 1, 24, 32)), Part(photo.sqrt(), 1.0)]
    with pytest.raises(ConfigError, match="the masks cover the whole picture"):
        mixtures.targets(parts, loss, 24)


def test_presets_and_files_are_told_apart(own):
    found = mixtures.chosen(own, {"the_scream": 1.0, "mine.jpg": 0.5, "great_wave": 0.0}, {})
    assert list(found) == ["the_scream", "mine.jpg"]
    assert found["the_scream"][0].title == "The Scream"
    assert (found["mine.jpg"][0].image, found["mine.jpg"][1]) == ("mine.jpg", 0.5)
    assert list(mixtures.chosen(own, {}, {})) == ["painting"]


def test_a_file_has_nothing_of_the_paintings_own_beside_it():
    scream = config.painting("the_scream", "paintings")
    found = mixtures.chosen(scream, {"the_scream": 1.0, "mine.jpg": 0.5}, {})["mine.jpg"][0]
    assert (found.name, found.title, found.source, found.rights) == (None, None, None, None)


def test_the_painting_of_a_run_may_be_one_of_several_or_have_a_mask_of_its_own(own):
    own = replace(own, image="mine.jpg")
    assert list(mixtures.chosen(own, {"the_scream": 1.0, "mine.jpg": 0.5}, {})) == ["the_scream", "mine.jpg"]
    assert list(mixtures.chosen(own, {}, {"mine.jpg": "sky.png"})) == ["mine.jpg"]
    with pytest.raises(ConfigError, match=r"painting=mine.jpg is none of paintings=\{...\}: put it in there"):
        mixtures.chosen(own, {"the_scream": 1.0}, {})
    with pytest.raises(ConfigError, match=r"masks.sky.png belongs to no painting .* \(mine.jpg\)"):
        mixtures.chosen(own, {}, {"sky.png": "mine.jpg"})


@pytest.mark.parametrize(
    ("several", "masks", "message"),
    [
        ({"a.jpg": -1.0}, {}, "the weight of the painting a.jpg must be 0 or more, not -1.0"),
        ({"a.jpg": 0.0, "b.jpg": 0.0}, {}, "the weights of a.jpg, b.jpg are all 0: nothing would be painted"),
        (
            {"a.jpg": 1.0},
            {"c.jpg": "m.png"},
            r"masks.c.jpg belongs to no painting of paintings=\{...\} \(a.jpg\)",
        ),
        ({}, {"c.jpg": "m.png"}, "and there are none"),
    ],
)
def test_a_mistake_is_named(own, several, masks, message):
    with pytest.raises(ConfigError, match=message):
        mixtures.chosen(own, several, masks)


def test_a_mask_is_read_at_the_pictures_size(tmp_path):
    Image.fromarray(np.uint8(left(48, 64)[0, 0].numpy() * 255)).save(tmp_path / "m.png")
    mask = mixtures.read_mask(str(tmp_path / "m.png"), 24, 32)
    torch.testing.assert_close(mask, left(), atol=0.6, rtol=0)
    assert mask.mean() == pytest.approx(0.5, abs=0.01)


def test_a_mask_may_be_drawn_as_transparency(tmp_path):
    drawn = np.full((24, 32, 4), 255, np.uint8)
    drawn[:, 16:, 3] = 0
    Image.fromarray(drawn).save(tmp_path / "m.png")
    torch.testing.assert_close(mixtures.read_mask(str(tmp_path / "m.png"), 24, 32), left())


@pytest.mark.parametrize(
    ("size", "value", "message"),
    [((50, 20), 255, "is 50x20 px: a mask has the photo's shape"), ((32, 24), 0, "is black: white is where")],
)
def test_a_mask_that_fits_nothing_is_refused(tmp_path, size, value, message):
    Image.new("L", size, value).save(tmp_path / "m.png")
    with pytest.raises(ImageError, match=message):
        mixtures.read_mask(str(tmp_path / "m.png"), 24, 32)
