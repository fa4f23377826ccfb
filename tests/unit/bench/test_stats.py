#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench's statistics."""
import os
import random
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench"))

from suite import stats  # noqa: E402


class Orders(unittest.TestCase):
    NAMES = ["a", "b", "c", "d"]

    def test_a_block_is_an_order_and_its_mirror_image(self):
        blocks = list(stats.orders(self.NAMES, 10, random.Random(1)))
        self.assertEqual(len(blocks), 5)
        for block in blocks:
            self.assertEqual(sorted(block[:4]), self.NAMES)
            self.assertEqual(block[4:], block[3::-1])

    def test_a_steady_drift_favours_nobody(self):
        for block in stats.orders(self.NAMES, 20, random.Random(2)):
            places = {name: [i for i, n in enumerate(block) if n == name] for name in self.NAMES}
            self.assertEqual({sum(p) for p in places.values()}, {len(block) - 1})

    def test_an_odd_number_of_pairs_is_rounded_up(self):
        self.assertEqual(len(list(stats.orders(self.NAMES, 3, random.Random(3)))), 2)

    def test_who_starts_is_a_matter_of_chance(self):
        firsts = {block[0] for block in stats.orders(self.NAMES, 100, random.Random(4))}
        self.assertEqual(firsts, set(self.NAMES))


class Intervals(unittest.TestCase):
    def test_equal_pairs_have_the_ratio_one_exactly(self):
        self.assertEqual(stats.compare([3.0, 5.0, 4.0], [3.0, 5.0, 4.0]),
                         stats.Interval(1.0, 1.0, 1.0, 3))

    def test_noise_that_both_of_a_pair_share_cancels(self):
        base = [10.0, 30.0, 12.0, 80.0]
        measured = stats.compare([1.2 * b for b in base], base)
        self.assertAlmostEqual(measured.low, 1.2)
        self.assertAlmostEqual(measured.high, 1.2)

    def test_the_median_ignores_one_wild_pair(self):
        measured = stats.compare([11.0] * 9 + [500.0], [10.0] * 10)
        self.assertAlmostEqual(measured.median, 1.1)
        self.assertAlmostEqual(measured.high, 1.1)

    def test_the_interval_is_of_values_and_around_the_median(self):
        values = [random.Random(5).gauss(1, 0.1) for _ in range(10)]
        measured = stats.interval(values, random.Random(6))
        self.assertLessEqual(min(values), measured.low)
        self.assertLessEqual(measured.low, measured.median)
        self.assertLessEqual(measured.median, measured.high)
        self.assertLessEqual(measured.high, max(values))

    def test_the_interval_holds_the_truth_about_as_often_as_it_says(self):
        rng = random.Random(7)
        hits, trials = 0, 200
        resamples, stats.RESAMPLES = stats.RESAMPLES, 500
        try:
            for _ in range(trials):
                measured = stats.interval([rng.gauss(1, 0.1) for _ in range(10)], rng)
                hits += measured.low <= 1 <= measured.high
        finally:
            stats.RESAMPLES = resamples
        self.assertGreater(hits / trials, 0.88)
        self.assertLess(hits / trials, 1)

    def test_the_same_data_give_the_same_interval(self):
        a, b = [1.0, 1.3, 0.9, 1.1], [1.0, 1.0, 1.1, 0.8]
        self.assertEqual(stats.compare(a, b), stats.compare(a, b))

    def test_a_value_without_its_partner_is_refused(self):
        with self.assertRaises(ValueError):
            stats.compare([1.0, 2.0], [1.0])
        with self.assertRaises(ValueError):
            stats.compare([], [])


class Verdicts(unittest.TestCase):
    def test_only_a_whole_interval_decides(self):
        self.assertEqual(stats.verdict(stats.Interval(1.1, 1.0, 1.15, 10), 1.15), "met")
        self.assertEqual(stats.verdict(stats.Interval(1.2, 1.16, 1.3, 10), 1.15), "missed")
        self.assertEqual(stats.verdict(stats.Interval(1.1, 1.0, 1.2, 10), 1.15),
                         "undecided, median within")
        self.assertEqual(stats.verdict(stats.Interval(1.16, 1.0, 1.2, 10), 1.15),
                         "undecided, median beyond")


class TwoRuns(unittest.TestCase):
    def test_values_that_are_no_pairs_have_the_ratio_of_their_medians(self):
        rng = random.Random(7)
        old = [rng.gauss(10, 0.2) for _ in range(10)]
        new = [rng.gauss(11, 0.2) for _ in range(12)]
        found = stats.unpaired(new, old)
        self.assertLess(found.low, 1.1)
        self.assertGreater(found.low, 1.03)
        self.assertGreater(found.high, 1.1)

    def test_nothing_cannot_be_compared(self):
        with self.assertRaises(ValueError):
            stats.unpaired([], [1.0])


if __name__ == "__main__":
    unittest.main()
