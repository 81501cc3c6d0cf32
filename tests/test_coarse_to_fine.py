"""From small to large."""

import pytest
import torch

from fastnst import coarse_to_fine as module
from fastnst.coarse_to_fine import Target, coarse_to_fine, sizes
from fastnst.losses import PerceptualLoss
from fastnst.settings import OptimiserSettings
from fastnst.vgg import VGG19Features

LBFGS = OptimiserSettings("lbfgs", lr=0.02, betas=[0.9, 0.99], history=10, precondition=False)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(module, "SMALLEST", 8)
    monkeypatch.setattr(module, "NARROWEST", 8)


@pytest.fixture
def loss(tiny_weights):
    return PerceptualLoss(
        VGG19Features(tiny_weights, ["relu1_1", "relu2_1", "relu3_1"]),
        content_layers={"relu3_1": 1.0},
        style_layers={"relu1_1": 0.5, "relu2_1": 0.5},
        content_weight=1.0,
        style_weight=100.0,
        tv_weight=0.0,
    )


@pytest.fixture
def run(loss, photo):
    def call(**changes):
        seen = []

        def target(height, width):
            seen.append((height, width))
            return Target(loss.style_target(module.resized(photo.square(), (height, width))))

        settings = {"levels": 2, "steps": 20, "seconds": None, "should_stop": lambda: False, "how": LBFGS}
        return coarse_to_fine(photo, target, loss, init=photo, **(settings | changes)), seen

    return call


def test_each_level_is_half_the_next():
    assert sizes(100, 75, 3) == ((25, 19), (50, 38), (100, 75))
    assert sizes(100, 75, 1) == ((100, 75),)
    assert sizes(14, 10, 5) == ((14, 10),)  # half would be too small
    assert sizes(15, 400, 5) == ((15, 400),)  # and half of this too narrow
    assert sizes(16, 400, 5) == ((8, 200), (16, 400))


@pytest.mark.parametrize(("longer", "count"), [(300, 1), (512, 1), (513, 2), (1024, 2), (1500, 3), (4096, 4)])
def test_large_pictures_get_as_many_levels_as_they_need(longer, count):
    found = sizes(longer * 3 // 4, longer, "auto")
    assert len(found) == count
    assert max(found[0]) <= 513


def test_evaluations_are_shared_and_counted_on(run):
    result, seen = run(steps=21)
    assert seen == [(12, 16), (24, 32)]
    assert [record["evaluation"] for record in result.trace] == list(range(1, 22))
    assert [record["size"] for record in result.trace] == [16] * 4 + [32] * 17
    seconds = [record["seconds"] for record in result.trace]
    assert seconds == sorted(seconds)
    assert result.best["total"] == min(record["total"] for record in result.trace if record["size"] == 32)


def test_snapshots_are_counted_over_all_levels(run):
    seen = []
    run(
        steps=21,
        snapshot_every=3,
        on_snapshot=lambda number, picture: seen.append((number, picture.shape[-1])),
    )
    assert seen == [(3, 16), (6, 32), (9, 32), (12, 32), (15, 32), (18, 32), (21, 32)]


def test_what_a_level_changed_goes_on_to_the_next(run, photo, loss):
    result, _ = run()
    (first,) = [record["total"] for record in result.trace if record["evaluation"] == 5]
    alone, _ = run(levels=1)
    assert first < alone.trace[0]["total"]
    assert "size" not in alone.trace[0]


def test_one_level_is_the_optimiser_itself(run, photo, loss):
    from fastnst.gatys import optimise

    result, _ = run(levels=1)
    plain = optimise(photo, photo.square(), loss, init=photo, steps=20, how=LBFGS)
    assert torch.equal(result.picture, plain.picture)


def test_fewer_steps_than_levels_leave_levels_out(run):
    result, seen = run(levels=4, steps=1)
    assert seen == [(24, 32)]
    assert result.evaluations == 1


def test_a_stop_on_the_way_still_gives_a_picture_of_full_size(run, photo, loss):
    asked = []

    def should_stop():
        asked.append(1)
        return len(asked) >= 3

    result, _ = run(should_stop=should_stop)
    assert [record["size"] for record in result.trace] == [16] * 3
    assert result.picture.shape == photo.shape
    assert result.stopped_early
    content, style = loss.content_target(photo), loss.style_target(photo.square())
    assert result.best == loss(result.picture, content, style).values()


def test_time_that_is_out_ends_it(run):
    result, _ = run(seconds=1e-9, steps=1000)
    assert result.evaluations == 1  # of the last level, and none before it
    assert result.stopped_early
