#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Histograms: buckets, percentiles, HdrHistogram's log format."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench"))

import random  # noqa: E402
import tempfile  # noqa: E402

from suite import histogram  # noqa: E402
from suite.histogram import Histogram  # noqa: E402


class Buckets(unittest.TestCase):
    def test_each_value_lies_in_its_bucket_within_a_thousandth(self):
        rng = random.Random(1)
        values = list(range(5000)) + [rng.randrange(1, histogram.HIGHEST) for _ in range(5000)]
        for value in values:
            index = histogram.index_of(value)
            self.assertGreaterEqual(histogram.value_of(index), value)
            if index:
                self.assertLess(histogram.value_of(index - 1), value)
            self.assertLessEqual(histogram.value_of(index) - value, value / 1000)

    def test_percentiles_are_those_of_the_sorted_values(self):
        rng = random.Random(2)
        values = sorted(rng.randrange(1, 100000) for _ in range(9999))
        found = Histogram()
        for value in values:
            found.add(value)
        for percent in (1, 50, 90, 99, 99.9):
            exact = values[min(len(values) - 1, int(len(values) * percent / 100))]
            self.assertAlmostEqual(found.percentile_us(percent) / exact, 1, delta=0.002)
        self.assertEqual(found.total, 9999)

    def test_nothing_has_no_percentile(self):
        self.assertIsNone(Histogram().percentile_us(50))
        self.assertIsNone(Histogram().max_us())


class Log(unittest.TestCase):
    # Of the values 1, 2, 2 and 1000000 by HdrHistogram's own encoder: payload -1 1 2 -... 1.
    def test_the_payload_is_zigzag_leb128_with_runs_of_zeros(self):
        self.assertEqual(histogram.zigzag(1), b"\x02")
        self.assertEqual(histogram.zigzag(-1), b"\x01")
        self.assertEqual(histogram.zigzag(64), b"\x80\x01")
        for value in (0, 1, -1, 63, 64, -64, -65, 1 << 20, -(1 << 40), (1 << 62) - 1):
            self.assertEqual(histogram.unzigzag(histogram.zigzag(value), 0)[0], value)

    def test_what_is_encoded_is_decoded(self):
        rng = random.Random(3)
        found = Histogram()
        for _ in range(20000):
            found.add(rng.expovariate(1 / 3000))
        self.assertEqual(histogram.decode(histogram.encode(found)).counts, found.counts)
        self.assertTrue(histogram.encode(found).startswith("HISTFAAA"))

    def test_a_log_is_read_back(self):
        one = Histogram({10: 5, 3000: 1})
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.hlog")
            histogram.write_log(path, [("a scenario:nginx, bare", 0.0, 1.0, one)], 1.5e9)
            (tag, start, length, read), = histogram.read_log(path)
        self.assertEqual((tag, start, length), ("a_scenario:nginx__bare", 0.0, 1.0))
        self.assertEqual(read.counts, one.counts)


if __name__ == "__main__":
    unittest.main()
