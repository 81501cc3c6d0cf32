"""Who wins how often: Bradley-Terry strengths of methods from votes on pairs, with intervals.

Each method has a strength s, and is preferred to another with the chance 1 / (1 + exp(s_other - s)). The
strengths are those that make the votes most likely; they add up to 0, so 0 is the average method. A vote that
finds two equal counts as half a win for each. Bradley & Terry (1952), https://doi.org/10.2307/2334029.

Two things cannot be had from votes, and are said:

* Methods that no chain of votes connects cannot be compared: they are ranked in groups of their own.
* Where a method never lost, or never won, against the rest of its group (Ford, 1957,
  https://doi.org/10.2307/2308513), no finite strength is the most likely. There each pair of methods that was
  compared is given half a win more on either side, as Haldane and Anscombe do for odds.

The intervals take votes as independent: many votes of few people, or on few photos, tell less than they seem.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse.csgraph import connected_components
from scipy.special import expit, log_expit

NORMAL = 1.959963984540054  # half the width of a 95 % interval, in standard errors


class Vote(NamedTuple):
    """What one person said of two pictures.

    Args:
        first: a method.
        second: another one.
        share: of the win that goes to the first: 1, 0.5 (equal) or 0.
    """

    first: str
    second: str
    share: float


class Estimate(NamedTuple):
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Standing:
    """Where a method stands.

    Args:
        method: its name.
        votes: how many it was in.
        wins: how many it won, and half of those that found it equal.
        score: its log-strength; None without votes.
        group: scores are comparable inside a group, counted from 0.
        duel: whether the group is of two.
        corrected: whether the group was given half a win more on either side.
    """

    method: str
    votes: int
    wins: float
    score: Estimate | None
    group: int
    duel: bool
    corrected: bool

    @property
    def chance(self) -> Estimate | None:
        """The chance, 0 to 1, to be preferred: to the other of two, or to a method of average strength."""
        apart = 2 if self.duel else 1  # the scores of two add up to 0
        return (
            None if self.score is None else Estimate(*(float(expit(apart * score)) for score in self.score))
        )


def rank(methods: Sequence[str], votes: Iterable[Vote]) -> list[Standing]:
    """Rank methods by votes: groups that votes connect, the largest first, and in each the strongest first.

    Args:
        methods: all there are, those without votes too.
        votes: in any order, on these methods.
    """
    place = {method: index for index, method in enumerate(methods)}
    wins = np.zeros((len(methods), len(methods)))  # (row's, against column)
    for first, second, share in votes:
        wins[place[first], place[second]] += share
        wins[place[second], place[first]] += 1 - share

    _, labels = connected_components(wins, directed=False)
    groups = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
    standings = []
    for group, members in enumerate(sorted(groups, key=len, reverse=True)):
        inside = wins[np.ix_(members, members)]
        corrected = connected_components(inside, connection="strong")[0] > 1
        scores = _fit(inside + 0.5 * (inside + inside.T > 0) if corrected else inside)
        standings += [
            Standing(
                methods[members[row]],
                votes=round(inside[row].sum() + inside[:, row].sum()),
                wins=float(inside[row].sum()),
                score=scores[row] if len(members) > 1 else None,
                group=group,
                duel=len(members) == 2,
                corrected=corrected,
            )
            for row in sorted(range(len(members)), key=lambda row: -scores[row].value)
        ]
    return standings


def notes(standings: Sequence[Standing]) -> list[str]:
    """What a reader of a ranking has to know of it, in sentences."""
    found = []
    ranked = [standing for standing in standings if standing.score is not None]
    if ranked:
        others = {standing.duel: "the other" if standing.duel else "an average one" for standing in ranked}
        found.append(
            f"Preferred: the chance to be preferred to {' or '.join(others.values())}, by the model of "
            "Bradley and Terry; the score is a log-strength. An equal is half a win. Intervals take votes as "
            "independent: many votes of few people, or on few photos, tell less than they seem to."
        )
    if any(standing.corrected for standing in standings):
        found.append(
            "Some methods always won against the rest, or never, and have no finite score: every two that "
            "were compared are given half a win more each."
        )
    groups: dict[int, list[str]] = {}
    for standing in standings:
        groups.setdefault(standing.group, []).append(standing.method)
    if len(groups) > 1:
        apart = "; ".join(", ".join(methods) for methods in groups.values())
        found.append(f"No votes connect these groups, so their scores do not compare: {apart}.")
    return found


def _fit(wins: NDArray[np.float64]) -> list[Estimate]:
    """The most likely strengths for wins (n, n), row's against column's.

    Standard errors come from the observed information, inverted among strengths that add up to 0.
    """
    votes = wins + wins.T

    def loss(strengths: NDArray[np.float64]) -> float:
        return -float((wins * log_expit(strengths[:, None] - strengths)).sum())

    def gradient(strengths: NDArray[np.float64]) -> NDArray[np.float64]:
        expected = votes * expit(strengths[:, None] - strengths)
        slope: NDArray[np.float64] = expected.sum(1) - wins.sum(1)
        return slope

    def information(strengths: NDArray[np.float64]) -> NDArray[np.float64]:
        chances = expit(strengths[:, None] - strengths)
        spread = votes * chances * chances.T
        laplacian: NDArray[np.float64] = np.diag(spread.sum(1)) - spread
        return laplacian

    found = minimize(
        loss, np.zeros(len(wins)), jac=gradient, hess=information, method="Newton-CG", options={"xtol": 1e-10}
    )
    strengths = found.x - found.x.mean()
    covariance = np.linalg.pinv(information(strengths), hermitian=True)
    margins = NORMAL * np.sqrt(np.diag(covariance))
    return [
        Estimate(float(strength), float(strength - margin), float(strength + margin))
        for strength, margin in zip(strengths, margins, strict=True)
    ]
