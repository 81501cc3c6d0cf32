"""A photo at another scale, part by part, and back."""

import numpy as np
import pytest
from made_pictures import noise, smooth
from PIL import Image

from fastnst.strokes import Scaled, Underpainted, brought_back, usual


def photo(height=90, width=131):
    return (smooth(height, width).transpose(1, 2, 0) * 255).astype(np.uint8)


@pytest.mark.parametrize("scale", [0.5, 0.71, 1.0, 1.4, 2.0])
def test_parts_of_a_scaled_photo_are_parts_of_the_whole(scale):
    scaled = Scaled(noise(90, 131), scale)
    whole = scaled.part((0, 0, scaled.height, scaled.width))
    assert whole.shape == (round(90 * scale), round(131 * scale), 3)
    for box in ((0, 0, 20, 30), (13, 7, 40, 60), (20, 31, scaled.height, scaled.width)):
        part = scaled.part(box).astype(int)
        assert np.abs(part - whole[box[0] : box[2], box[1] : box[3]]).max() <= 1


@pytest.mark.parametrize(
    ("scale", "method"), [(0.5, Image.Resampling.LANCZOS), (2, Image.Resampling.BICUBIC)]
)
def test_scaling_is_pillows(scale, method):
    scaled = Scaled(noise(90, 130), scale)
    expected = Image.fromarray(noise(90, 130)).resize((scaled.width, scaled.height), method)
    part = scaled.part((0, 0, scaled.height, scaled.width)).astype(int)
    assert np.abs(part - np.asarray(expected)).mean() < 0.5  # the order of its passes apart


def test_scale_one_is_the_photo_itself():
    scaled = Scaled(photo(), 1)
    assert scaled.margin == 0
    np.testing.assert_array_equal(scaled.part((3, 4, 50, 60)), photo()[3:50, 4:60])
    painted = noise(90, 131)
    np.testing.assert_array_equal(
        brought_back(painted[8:80], (8, 0), scaled, (10, 5, 70, 130)), painted[10:70, 5:130]
    )


@pytest.mark.parametrize("scale", [1.4, 2.0])
def test_what_is_brought_back_does_not_hang_on_the_part(scale):
    scaled = Scaled(noise(90, 131), scale)
    painted = noise(scaled.height, scaled.width, seed=1)
    whole = brought_back(painted, (0, 0), scaled, (0, 0, 90, 131)).astype(int)
    for box in ((0, 0, 40, 50), (33, 20, 61, 77), (50, 80, 90, 131)):
        near = scaled.around(box, scaled.margin)
        inner = painted[near[0] : near[2], near[1] : near[3]]
        part = brought_back(inner, near[:2], scaled, box)
        assert np.abs(part - whole[box[0] : box[2], box[1] : box[3]]).max() <= 1


def test_a_broad_brush_shines_through_by_half():
    broad = noise(40, 65, seed=1)
    both = Underpainted(noise(90, 131), broad)
    assert both.same
    whole = both.part((0, 0, 90, 131)).astype(int)
    enlarged = np.asarray(Image.fromarray(broad).resize((131, 90), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(whole - (noise(90, 131) + enlarged) / 2).max() <= 2
    for box in ((0, 0, 40, 50), (33, 20, 61, 77), (50, 80, 90, 131)):
        assert np.abs(both.part(box) - whole[box[0] : box[2], box[1] : box[3]]).max() <= 1


@pytest.mark.parametrize(
    ("height", "width", "times"),
    [(16, 16, 1), (562, 4000, 1), (563, 563, 563 / 450), (900, 1200, 2), (4000, 3000, 3000 / 450)],
)
def test_strokes_grow_with_the_picture(height, width, times):
    assert usual(height, width) == times


@pytest.mark.parametrize("scale", [1.0, 1.7])
def test_what_the_network_sees_lies_around_the_part_on_its_grid(scale):
    scaled = Scaled(photo(), scale)
    for box in ((0, 0, 10, 10), (30, 40, 60, 90), (80, 120, 90, 131)):
        top, left, bottom, right = scaled.around(box, 12, 8)
        assert top % 8 == left % 8 == 0
        assert top <= max(0, box[0] * scaled.down - 12)
        assert bottom >= min(scaled.height, box[2] * scaled.down + 12)
        assert bottom % 8 == 0 or bottom == scaled.height
        assert right % 8 == 0 or right == scaled.width
        assert left <= max(0, box[1] * scaled.across - 12)
