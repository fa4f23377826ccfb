#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench's statistics, and how it reads what wrk says."""
import os
import random
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench"))

import measure  # noqa: E402
import stats  # noqa: E402
from processes import Failure  # noqa: E402


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


WRK = """\
Running 2s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.14ms    1.19ms  13.59ms   93.40%
    Req/Sec    62.31k     6.06k   74.40k    70.00%
  Latency Distribution
     50%  838.00us
     75%    1.05ms
     90%    1.71ms
     99%    1.02s
  124106 requests in 2.01s, 14.20MB read
{errors}Requests/sec:  61742.12
Transfer/sec:      7.06MB
"""


class Wrk(unittest.TestCase):
    def test_a_clean_run(self):
        load = measure.parse_wrk(WRK.format(errors=""))
        self.assertEqual((load.requests, load.seconds), (124106, 2.01))
        self.assertEqual((load.p50_ms, load.p99_ms), (0.838, 1020.0))
        self.assertEqual(load.errors, [])

    def test_socket_errors_are_told_by_kind(self):
        load = measure.parse_wrk(WRK.format(
            errors="  Socket errors: connect 0, read 12, write 0, timeout 3\n"))
        self.assertEqual(load.errors, ["12 read errors", "3 timeout errors"])

    def test_a_wrong_status_is_an_error(self):
        load = measure.parse_wrk(WRK.format(errors="  Non-2xx or 3xx responses: 7\n"))
        self.assertEqual(load.errors, ["7 responses of a wrong status"])

    def test_nothing_answered_is_an_error_and_no_speed(self):
        text = WRK.format(errors="").replace("124106 requests in 2.01s", "0 requests in 2.01s")
        self.assertEqual(measure.parse_wrk(text).errors, ["no response at all"])

    def test_what_wrk_complains_of_is_passed_on(self):
        with self.assertRaisesRegex(Failure, "unable to connect"):
            measure.parse_wrk("unable to connect to 127.0.0.1:8080 Connection refused\n")


if __name__ == "__main__":
    unittest.main()
