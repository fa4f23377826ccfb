#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verbs decide by: searches, growth, traces; the losses they tell."""
import json
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench"))

from suite.processes import Failure  # noqa: E402
from suite.verbs import replay, target  # noqa: E402


class Search(unittest.TestCase):
    def find(self, capacity, first):
        tried = []

        def kept(rate):
            tried.append(rate)
            return rate <= capacity
        best, refused = target.search(first, kept)
        self.assertLessEqual(len(tried), target.TRIALS_MAX)
        return best, refused

    def test_the_best_is_within_the_precision(self):
        for capacity in (3, 100, 499, 500, 501, 7777, 1e6):
            for first in (1, 500, 20000):
                best, refused = self.find(capacity, first)
                self.assertLessEqual(best, capacity)
                self.assertGreaterEqual(best * (1 + target.PRECISION), min(capacity, refused) * 0.95)

    def test_nothing_is_carried(self):
        self.assertEqual(self.find(0, 500)[0], 0)


class Growth(unittest.TestCase):
    def test_a_leak_is_seen(self):
        self.assertGreater(replay.growth([100 + i for i in range(90)]), 0.3)

    def test_warming_up_is_no_leak(self):
        self.assertAlmostEqual(replay.growth(list(range(10, 40)) + [40] * 60), 0, delta=0.01)

    def test_too_few_values_tell_nothing(self):
        self.assertIsNone(replay.growth([1, 2, 3]))


LINE = {"at": 1000, "method": "GET", "path": "/", "request_bytes": 0, "status": 200,
        "response_bytes": 13, "us": 500, "end": "ok"}


class Traces(unittest.TestCase):
    def read(self, lines, methods="all"):
        with tempfile.NamedTemporaryFile("w", suffix=".trace") as f:
            f.write("".join((json.dumps(line) if isinstance(line, dict) else line) + "\n"
                            for line in lines))
            f.flush()
            return replay.read_trace(f.name, methods)

    def test_lines_are_put_in_the_order_of_their_time(self):
        traced, skipped = self.read([{**LINE, "at": 5}, {**LINE, "at": 3, "path": "/b"}])
        self.assertEqual([one.path for one in traced], ["/b", "/"])
        self.assertEqual(skipped, 0)

    def test_what_cannot_be_played_is_counted(self):
        traced, skipped = self.read([LINE, {**LINE, "method": "POST"},
                                     {**LINE, "method": "", "path": ""}], "GET,HEAD")
        self.assertEqual((len(traced), skipped), (1, 2))

    def test_damage_is_told_by_line(self):
        for bad in ("{", "[]", "7", {**LINE, "at": -1}, {**LINE, "status": "200"}, {"at": 1}):
            with self.assertRaisesRegex(Failure, ":2: no line of a trace"):
                self.read([LINE, bad])
        with self.assertRaisesRegex(Failure, "no request in it"):
            self.read([])
        with self.assertRaisesRegex(Failure, "No such file"):
            replay.read_trace("/nonexistent")

    def test_speed(self):
        self.assertEqual([replay.read_speed(s) for s in ("2x", "0.5", "10x")], [2, 0.5, 10])
        for bad in ("0x", "x", "-1x", "1.2.3x", "fast"):
            with self.assertRaises(Failure):
                replay.read_speed(bad)
        traced, _ = self.read([LINE, {**LINE, "at": 3001000}])
        with tempfile.NamedTemporaryFile("r") as f:
            self.assertEqual(replay.write_requests(f.name, traced, 2), 1.5)
            self.assertEqual(f.read(), "0 GET / 0\n1500000 GET / 0\n")

    def test_answers_are_compared_with_the_record_and_each_other(self):
        traced, _ = self.read([LINE, LINE, LINE])
        same = replay.Played(1, 200, 13, "ok")
        plays = [{0: same, 1: same, 2: same},
                 {0: same, 1: replay.Played(1, 500, 13, "status"), 2: same}]
        found = list(replay.differences(traced, plays, True))
        self.assertEqual([said for _, said in found], [[(200, 13), (200, 13), (500, 13)]])
        plays[1] = {0: same, 1: replay.Played(1, 200, 14, "ok")}
        self.assertEqual(len(list(replay.differences(traced, plays, True))), 2)
        self.assertEqual([said[2] for _, said in replay.differences(traced, plays, False)],
                         [("unsent", 0)])


if __name__ == "__main__":
    unittest.main()
