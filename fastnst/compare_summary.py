"""What many comparisons say together: the median of each figure, and how far they spread."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastnst.settings import flat

TERMS = ("total", "content", "style")


def summary(pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Over all pairs of a comparison's results.

    Returns:
        How many ``pairs`` there are and in how many the optimiser has ``overtaken`` the network; and the
        ``spread`` of: the evaluation at which it did, both speed-ups, the network's loss terms in parts of
        the optimiser's, and every figure of ``fast``, ``gatys`` and ``crossing`` by its dotted name.
    """
    ratios = {
        term: [
            pair["fast"]["losses"][term] / pair["gatys"]["losses"][term]
            for pair in pairs
            if pair["gatys"]["losses"][term]
        ]
        for term in TERMS
    }
    overtaken = [pair["overtaken_at"] for pair in pairs if pair["overtaken_at"] is not None]
    return {
        "pairs": len(pairs),
        "overtaken": len(overtaken),
        "overtaken_at": spread(overtaken),
        "speed_up": {
            kind: spread([pair["speed_up"][kind] for pair in pairs if pair["speed_up"][kind] is not None])
            for kind in ("equal_budget", "equal_quality")
        },
        "loss_ratio": {term: spread(values) for term, values in ratios.items()},
        **{
            way: _spreads([pair[way] for pair in pairs if pair[way] is not None])
            for way in ("fast", "gatys", "crossing")
        },
    }


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Median, quartiles, ends and count; None of nothing."""
    if not values:
        return None
    low, high = (float(value) for value in np.percentile(values, (25, 75)))
    return {
        "median": statistics.median(values),
        "low": low,
        "high": high,
        "min": min(values),
        "max": max(values),
        "count": len(values),
    }


def _spreads(measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The ``spread`` of every number by its dotted name."""
    found: dict[str, list[float]] = {}
    for one in measured:
        for name, value in flat(one):
            if isinstance(value, int | float):
                found.setdefault(name, []).append(value)
    return {name: spread(values) for name, values in found.items()}
