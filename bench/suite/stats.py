# SPDX-License-Identifier: GPL-3.0-or-later
"""Statistics of paired measurements: orders of runs, ratios of pairs, intervals, verdicts."""
import math
import random
import statistics
from typing import NamedTuple

RESAMPLES = 10000
LEVEL = 0.95


class Interval(NamedTuple):
    """The median of some values, and where the median of their population lies."""
    median: float
    low: float
    high: float
    count: int


def orders(names, pairs, rng):
    """The runs of each block: a random order, then its mirror image, so that any two names meet
    as A B B A (or with others between them) and a steady drift of the machine favours neither.
    A block makes two pairs; an odd number of pairs is rounded up."""
    for _ in range(math.ceil(pairs / 2)):
        order = list(names)
        rng.shuffle(order)
        yield order + order[::-1]


def ratios(a, b):
    """The ratios of the pairs: the n-th value of a over the n-th of b."""
    if len(a) != len(b):
        raise ValueError("every value needs its partner")
    return [x / y for x, y in zip(a, b)]


def interval(values, rng):
    """Median and percentile bootstrap interval."""
    if not values:
        raise ValueError("no values")
    medians = sorted(statistics.median(rng.choices(values, k=len(values)))
                     for _ in range(RESAMPLES))
    tail = (1 - LEVEL) / 2
    return Interval(statistics.median(values), medians[round(tail * (RESAMPLES - 1))],
                    medians[round((1 - tail) * (RESAMPLES - 1))], len(values))


def compare(a, b, seed=1):
    """The interval of the ratio a/b, the same at every call."""
    return interval(ratios(a, b), random.Random(seed))


def unpaired(a, b, seed=1):
    """The interval of the ratio of medians, of values that are no pairs: of two runs."""
    if not a or not b:
        raise ValueError("no values")
    rng = random.Random(seed)
    found = sorted(statistics.median(rng.choices(a, k=len(a)))
                   / statistics.median(rng.choices(b, k=len(b))) for _ in range(RESAMPLES))
    tail = (1 - LEVEL) / 2
    return Interval(statistics.median(a) / statistics.median(b),
                    found[round(tail * (RESAMPLES - 1))],
                    found[round((1 - tail) * (RESAMPLES - 1))], min(len(a), len(b)))


def verdict(measured, limit):
    """Of the claim "at most limit": the data decide only when the whole interval is on one
    side."""
    if measured.high <= limit:
        return "met"
    if measured.low > limit:
        return "missed"
    return "undecided, median " + ("within" if measured.median <= limit else "beyond")
