"""Tiles cover a picture once, lie on the network's grid, and see as far as they must."""

import numpy as np
import pytest

from fastnst.tiling import Tile, pooled, spread, tiles

SIZES = [(100, 100), (101, 37), (16, 1000), (1, 1), (333, 512), (65, 64)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("side", [16, 64, 1000])
@pytest.mark.parametrize("stride", [1, 8])
def test_every_px_is_kept_once(height, width, side, stride):
    count = np.zeros((height, width), int)
    for tile in tiles(height, width, side=side, overlap=5, stride=stride):
        top, left, bottom, right = tile.kept
        assert top < bottom
        assert left < right
        count[top:bottom, left:right] += 1
    assert (count == 1).all()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_tiles_begin_on_the_grid_and_see_the_overlap_or_the_end(height, width):
    for tile in tiles(height, width, side=40, overlap=13, stride=8):
        for start, seen in zip(tile.kept[:2], tile.seen[:2], strict=True):
            assert start % 8 == seen % 8 == 0
            assert seen == max(0, start - 16)
        for end, seen, length in zip(tile.kept[2:], tile.seen[2:], (height, width), strict=True):
            assert end % 8 == 0 or end == length
            assert seen == min(length, end + 16)


def test_tiles_are_of_about_one_size():
    heights = {tile.kept[2] - tile.kept[0] for tile in tiles(1000, 16, side=301, overlap=0, stride=4)}
    assert len({*heights, 248, 252}) <= 3
    assert max(heights) <= 301 + 4


def test_a_picture_smaller_than_a_tile_is_one_tile():
    assert tiles(33, 20, side=64, overlap=8, stride=4) == (Tile((0, 0, 33, 20), (0, 0, 33, 20)),)


def test_what_is_kept_is_told_from_the_corner_of_what_is_seen():
    assert Tile((16, 24, 32, 40), (8, 8, 40, 48)).kept_in_seen == (8, 16, 24, 32)


def test_a_sample_of_tiles_is_spread_over_the_picture():
    whole = tiles(1000, 1000, side=100, overlap=0)
    sample = spread(whole, 25)
    assert len(set(sample)) == 25
    for top, left in np.ndindex(2, 2):  # each quarter has some
        assert sum(tile.kept[0] // 500 == top and tile.kept[1] // 500 == left for tile in sample) >= 4
    assert spread(whole, 100) == spread(whole, 1000) == whole


def test_statistics_of_parts_together_are_those_of_the_whole():
    values = np.random.default_rng(0).normal(3, 2, (5, 100)).astype(np.float32)  # (C, px)
    layers = [values, values**2]

    def seen(part):
        return tuple(np.stack([x[:, part].mean(1), x[:, part].var(1)]) for x in layers)

    together = pooled((part.stop - part.start, seen(part)) for part in (slice(0, 30), slice(30, 100)))
    for mine, whole in zip(together, seen(slice(0, 100)), strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, whole, rtol=1e-5)
