"""What studies say, on cells whose numbers are known."""

import numpy as np
import pytest

from fastnst import likeness
from fastnst.findings import Measured, find

RNG = np.random.default_rng(0)
PHOTO = RNG.random((3, 24, 32), np.float32)
PAINTING = RNG.random((3, 24, 32), np.float32)


def cell(label, totals, *, picture=PHOTO, seconds=1.0, frames=None, **last):
    """A cell whose loss was ``totals``, a fifth of it content, and whose other terms end as ``last`` says."""
    start = {"raw/style/relu1_1": 10.0, "raw/style/relu5_1": 10.0, "raw/content/relu4_2": 0.0}
    trace = [
        {"evaluation": i + 1, "seconds": seconds * i / len(totals), "total": total}
        | {"content": 0.2 * total if i else 0.0, "style": 0.8 * total if i else total, **start}
        for i, total in enumerate(totals)
    ]
    best = {**trace[-1], **{name.replace("__", "/"): value for name, value in last.items()}}
    return Measured(label, picture, PHOTO, PAINTING, best, trace, seconds, frames or {})


def mixed(part):
    return (PHOTO * part + PAINTING * (1 - part)).astype(np.float32)


@pytest.mark.parametrize(("parts", "confirmed"), [((1, 0.6, 0.3), True), ((0.3, 0.6, 1), False)])
def test_reconstructions_are_told_by_their_correlation(parts, confirmed):
    found = find("content_layers", [[cell(f"conv{i}", [1], picture=mixed(p)) for i, p in enumerate(parts)]])
    expected = [np.corrcoef(mixed(part).ravel(), PHOTO.ravel())[0, 1] for part in parts]
    assert list(found.numbers["correlation"].values()) == pytest.approx(expected, rel=1e-3)
    assert found.confirmed is confirmed
    assert f"conv1 {expected[1]:.2f}" in found.text
    assert len(found.captions[0]) == 3


def test_the_literal_row_refutes_and_ours_is_beside_it():
    literal = cell("a", [4, 3], raw__style__relu1_1=9.0, raw__style__relu5_1=9.0)
    ours = cell("a", [4, 1], picture=mixed(0), raw__style__relu1_1=0.5, raw__style__relu5_1=0.5)
    found = find("three_paintings", [[literal], [ours]])
    assert not found.confirmed
    assert "by 0.0 of 255 levels and 90% of its distance from the style is left" in found.text
    rms = 255 * np.sqrt(np.mean((PAINTING - PHOTO) ** 2))
    assert f"by {rms:.1f} levels, and 5% is left" in found.text
    assert find("three_paintings", [[ours], [ours]]).confirmed


def test_deep_and_shallow_are_compared_by_the_layers_at_the_ends():
    shallow = cell("all on conv1_1", [9, 1], raw__style__relu1_1=0.1, raw__style__relu5_1=8.0)
    deep = cell("all on conv5_1", [9, 1], raw__style__relu1_1=12.0, raw__style__relu5_1=2.0)
    found = find("shallow_or_deep", [[shallow, deep]])
    assert found.confirmed
    assert "1.0% of its distance from the style is left and 80% of conv5_1's" in found.text
    assert "20.0% of its own, and 120% of conv1_1's" in found.text
    assert not find("shallow_or_deep", [[deep, shallow]]).confirmed


def test_shares_of_the_style_term_are_those_of_the_trace():
    rows = [[cell("one", [5, 4, 3], frames={1: PHOTO, 3: PHOTO})], [cell("two", [5, 2], frames={2: PHOTO})]]
    found = find("terms", rows)
    assert found.numbers["style_share_first_and_last"] == {"beta 0.05": [1.0, 0.8], "beta 40": [1.0, 0.8]}
    assert found.confirmed
    assert found.captions[0][1] == "one, step 3\nstyle: 80% of the loss"
    assert [len(line) for line in found.captions] == [2, 1]


def test_ratios_trade_style_for_content():
    def at(label, style, content):
        return cell(
            label,
            [9, 1],
            raw__style__relu1_1=style,
            raw__style__relu5_1=style,
            raw__content__relu4_2=content,
        )

    rows = [[at("low", 9, 0.1), at("equal", 5, 1)], [at("high", 1, 3)]]
    found = find("ratios", rows)
    assert found.confirmed
    assert found.numbers == {"style_left": [0.9, 0.5, 0.1], "content_moved": [0.1, 1.0, 3.0]}
    assert "with equal weights 50.0% is left" in found.text
    assert not find("ratios", [[at("low", 9, 0.1), at("equal", 9, 0.1)]]).confirmed


@pytest.mark.parametrize(("last", "confirmed"), [(1.1, True), (2.0, False)])
def test_starts_are_told_by_where_they_end(last, confirmed):
    found = find("starts", [[cell("a", [5, 1]), cell("b", [5, last], picture=PAINTING)]])
    assert found.confirmed is confirmed
    assert f"the highest is {last:.2f} times the lowest" in found.text


def test_optimisers_are_told_by_evaluations_and_by_seconds():
    adams = [cell("Adam, lr 0.1", [8, 4, 2], seconds=3), cell("Adam, lr 1", [8, 7, 6], seconds=3)]
    found = find("optimisers", [adams, [cell("L-BFGS", [8, 2, 1], seconds=6)]])
    assert found.confirmed
    assert found.numbers["best_adam"] == "Adam, lr 0.1"
    assert (found.numbers["lbfgs_evaluations"], found.numbers["lbfgs_seconds"]) == (2, 2.0)
    assert "reaches it in 2 evaluations and 2.0 s, and ends at 1." in found.text
    slow = find("optimisers", [adams, [cell("L-BFGS", [8, 7, 7])]])
    assert not slow.confirmed
    assert "L-BFGS does not reach it, and ends at 7" in slow.text


def test_a_network_is_told_by_time_and_by_loss():
    network = Measured("a", PHOTO, PHOTO, PAINTING, {"total": 3.0}, [], 0.01)
    found = find("fast_or_slow", [[network], [cell("a", [9, 5, 2], seconds=20)]])
    assert found.numbers == {"loss_ratio": [1.5], "times_faster": [2000.0], "evaluations_to_pass": [3]}
    assert "10.0 ms a photo, the optimiser 20 s: 2,000 times longer" in found.text
    assert "1.50 times the optimiser's, which passes it after 3 evaluations." in found.text
    assert "does not pass it." in find("fast_or_slow", [[network], [cell("a", [9, 5])]]).text
    some = find("fast_or_slow", [[network, network], [cell("a", [9, 5, 2]), cell("b", [9, 5])]])
    assert "which passes it after 3 evaluations, in 1 of 2 photos." in some.text


def test_a_network_is_as_said_only_if_the_optimiser_needs_as_long_and_takes_as_much_longer():
    def confirmed(evaluations, seconds):
        network = Measured("a", PHOTO, PHOTO, PAINTING, {"total": 1.5}, [], 0.01)
        totals = [2.0] * (evaluations - 1) + [1.0]
        return find("fast_or_slow", [[network], [cell("a", totals, seconds=seconds)]]).confirmed

    assert confirmed(60, 20)
    assert not confirmed(21, 20)
    assert not confirmed(60, 1.2)


@pytest.mark.parametrize(("evaluations", "confirmed"), [(40, False), (60, True)])
def test_where_the_optimiser_stopped_too_soon_nothing_is_known(evaluations, confirmed):
    network = Measured("a", PHOTO, PHOTO, PAINTING, {"total": 1.5}, [], 0.01)
    found = find("fast_or_slow", [[network], [cell("a", [2.0] * evaluations, seconds=20)]])
    assert found.numbers["evaluations_to_pass"] == [None]
    assert found.confirmed is confirmed


def test_textures_are_told_by_the_layer_that_sees_farthest():
    def with_layers(label, deepest, picture=PHOTO):
        return cell(label, [9, 1], picture=picture, raw__style__relu5_1=deepest)

    found = find("style_layers", [[with_layers("conv1_1", 6.0), with_layers("and conv5_1", 1.0)]])
    assert found.confirmed
    assert "60%, 10% of the noise's distance" in found.text
    assert not find("style_layers", [[with_layers("a", 1.0), with_layers("b", 6.0)]]).confirmed
    assert not find("style_layers", [[with_layers("a", 6.0), with_layers("b", 1.0, PAINTING)]]).confirmed


def test_flat_pictures_have_no_correlation():
    flat = np.full_like(PHOTO, 0.5)
    assert likeness.correlation(flat, PHOTO) == 0
    assert likeness.levels(flat, flat) == 0
