"""Bradley-Terry strengths, against closed forms, another algorithm and simulated votes."""

import math
import random

import numpy as np
import pytest

from fastnst.ranking import NORMAL, Vote, notes, rank


def simulated(strengths, number, seed):
    """Votes on random pairs of methods with known strengths."""
    rng = random.Random(seed)
    votes = []
    for _ in range(number):
        first, second = rng.sample(sorted(strengths), 2)
        chance = 1 / (1 + math.exp(strengths[second] - strengths[first]))
        votes.append(Vote(first, second, float(rng.random() < chance)))
    return votes


def matrix(methods, votes):
    wins = np.zeros((len(methods), len(methods)))
    for first, second, share in votes:
        wins[methods.index(first), methods.index(second)] += share
        wins[methods.index(second), methods.index(first)] += 1 - share
    return wins


def scores(standings):
    return {standing.method: standing.score for standing in standings}


@pytest.mark.parametrize(("won", "lost"), [(30, 10), (1, 99), (7, 7)])
def test_two_methods_have_a_closed_form(won, lost):
    votes = [Vote("a", "b", 1)] * won + [Vote("b", "a", 1)] * lost
    found = scores(rank(["a", "b"], votes))
    margin = NORMAL * math.sqrt(1 / won + 1 / lost)
    assert found["a"].value - found["b"].value == pytest.approx(math.log(won / lost), abs=1e-8)
    assert (found["a"].high - found["a"].low) + (found["b"].high - found["b"].low) == pytest.approx(
        2 * margin
    )
    assert found["a"].value == pytest.approx(-found["b"].value)


def test_strengths_are_those_of_another_algorithm():
    """Zermelo's iteration, Hunter (2004), https://doi.org/10.1214/aos/1079120141."""
    methods = list("abcde")
    votes = simulated(dict(zip(methods, (1.5, 0.5, 0, -0.5, -1.5), strict=True)), 300, seed=1)
    wins = matrix(methods, votes)
    worth = np.ones(5)
    for _ in range(2000):
        worth = wins.sum(1) / ((wins + wins.T) / (worth[:, None] + worth)).sum(1)
    expected = np.log(worth) - np.log(worth).mean()
    found = scores(rank(methods, votes))
    np.testing.assert_allclose([found[method].value for method in methods], expected, atol=1e-7)


def test_intervals_are_those_of_the_curvature():
    methods = list("abcd")
    votes = simulated({"a": 1, "b": 0.2, "c": -0.2, "d": -1}, 200, seed=2)
    wins = matrix(methods, votes)
    found = scores(rank(methods, votes))
    best = np.array([found[method].value for method in methods])
    basis = np.vstack([np.eye(3), -np.ones(3)])  # strengths that add up to 0, by three of them

    def likelihood(free):
        strengths = basis @ free
        return -(wins * np.log1p(np.exp(strengths - strengths[:, None]))).sum()

    step, curvature = 1e-3, np.zeros((3, 3))
    for i, j in np.ndindex(3, 3):
        for one, other in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            shift = step * (one * np.eye(3)[i] + other * np.eye(3)[j])
            curvature[i, j] += one * other * likelihood(best[:3] + shift) / (4 * step**2)
    covariance = basis @ np.linalg.inv(-curvature) @ basis.T
    margins = [(found[method].high - found[method].low) / 2 for method in methods]
    np.testing.assert_allclose(margins, NORMAL * np.sqrt(np.diag(covariance)), rtol=1e-5)


def test_95_percent_intervals_hold_the_truth_95_times_in_100():
    strengths = {"a": 0.8, "b": 0.0, "c": -0.8}
    held = [
        standing.score.low <= strengths[standing.method] <= standing.score.high
        for seed in range(300)
        for standing in rank(list("abc"), simulated(strengths, 90, seed))
    ]
    assert 0.93 <= np.mean(held) <= 0.97


def test_an_equal_is_half_a_win_for_each():
    halves = rank(["a", "b"], [Vote("a", "b", 0.5)] * 2 + [Vote("a", "b", 1)] * 3 + [Vote("a", "b", 0)])
    wholes = rank(["a", "b"], [Vote("a", "b", 1)] * 4 + [Vote("a", "b", 0)] * 2)
    assert halves == wholes
    assert [(row.method, row.votes, row.wins) for row in halves] == [("a", 6, 4), ("b", 6, 2)]


def test_sides_and_order_do_not_matter():
    votes = simulated({"a": 0.5, "b": 0, "c": -0.5}, 60, seed=3)
    turned = [Vote(second, first, 1 - share) for first, second, share in reversed(votes)]
    for one, other in zip(rank(list("abc"), votes), rank(list("abc"), turned), strict=True):
        assert one.method == other.method
        assert one.score == pytest.approx(other.score)


def test_the_chance_of_two_is_that_against_the_other():
    votes = [Vote("a", "b", 1)] * 9 + [Vote("b", "a", 1)]
    first, second = rank(["a", "b"], votes)
    assert first.chance.value == pytest.approx(0.9)
    assert first.chance.low == pytest.approx(1 / (1 + math.exp(1.96 / math.sqrt(0.9)) / 9), abs=1e-3)
    assert second.chance.value == pytest.approx(0.1)
    assert notes([first, second])[0].startswith("Preferred: the chance to be preferred to the other, by")


def test_the_chance_of_several_is_that_against_an_average_one():
    votes = [Vote(*pair, share) for pair in ("ab", "bc") for share in [1] * 3 + [0]]
    first, middle, last = rank(list("abc"), votes)
    assert first.chance.value == pytest.approx(0.75)  # odds of 3 to 1 from one to the next
    assert middle.chance.value == pytest.approx(0.5)
    assert last.chance.value == pytest.approx(0.25)
    assert notes([first, middle, last])[0].startswith(
        "Preferred: the chance to be preferred to an average one"
    )


def test_who_never_lost_gets_half_a_win_against_it_and_that_is_said():
    first, second = rank(["a", "b"], [Vote("a", "b", 1)] * 5)
    assert first.score.value - second.score.value == pytest.approx(math.log(5.5 / 0.5))
    assert first.corrected
    assert (first.wins, second.wins) == (5, 0)
    assert "half a win more" in notes([first, second])[1]
    assert len(notes(rank(["a", "b"], [Vote("a", "b", 1), Vote("a", "b", 0)]))) == 1
    assert notes(rank(["a"], [])) == []


def test_two_camps_of_which_one_always_won_are_corrected_too():
    """Every method has won and has lost, and still no finite scores would be the most likely."""
    votes = [Vote("a", "b", 0.5), Vote("c", "d", 0.5), Vote("a", "c", 1), Vote("b", "d", 1)]
    found = rank(list("abcd"), votes)
    assert all(row.corrected for row in found)
    assert {row.method for row in found[:2]} == {"a", "b"}


def test_methods_that_no_votes_connect_are_apart():
    found = rank(list("abcdef"), [Vote("a", "b", 0.5), Vote("c", "d", 0.5), Vote("d", "e", 0.5)])
    groups = {row.method: row.group for row in found}
    assert groups == {"c": 0, "d": 0, "e": 0, "a": 1, "b": 1, "f": 2}
    assert found[-1].score is None
    assert found[-1].chance is None
    assert "do not compare: c, d, e; a, b; f." in notes(found)[1]
