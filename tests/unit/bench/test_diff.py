#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""diff: catches a slowdown of 10 %, lets the same pass, however fast the machine was that day."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import contextlib  # noqa: E402
import copy  # noqa: E402
import io  # noqa: E402
import json  # noqa: E402
import tempfile  # noqa: E402
from types import SimpleNamespace  # noqa: E402

import made_up  # noqa: E402
from suite.processes import Failure  # noqa: E402
from suite.verbs import judge  # noqa: E402


def diff(old, new, limit=judge.LIMIT, alias=""):
    """(status, what was printed)"""
    if new is not old:
        new = {**new, "began": "2026-01-02T00:00:00Z"}
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, data in (("old", old), ("new", new)):
            paths.append(os.path.join(folder, name + ".json"))
            with open(paths[-1], "w", encoding="utf-8") as f:
                json.dump(data, f)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = judge.diff(SimpleNamespace(old=paths[0], new=paths[1], limit=limit,
                                                reference="null-relay", alias=alias))
        return status, out.getvalue()


class Verdicts(unittest.TestCase):
    def test_ten_percent_slower_is_a_regression_at_every_seed(self):
        for seed in range(20):
            status, text = diff(made_up.measured(11.0, seed=seed),
                                made_up.measured(12.1, seed=seed + 100))
            self.assertEqual(status, 1, text)
            self.assertIn("REGRESSION", text)

    def test_the_same_passes_at_every_seed(self):
        for seed in range(20):
            status, text = diff(made_up.measured(11.0, seed=seed),
                                made_up.measured(11.0, seed=seed + 100))
            self.assertEqual(status, 0, text)

    def test_a_slower_machine_is_no_regression(self):
        status, text = diff(made_up.measured(11.0), made_up.measured(11.0, machine=1.5, seed=2))
        self.assertEqual(status, 0, text)

    def test_a_faster_machine_hides_no_regression(self):
        status, _ = diff(made_up.measured(11.0), made_up.measured(12.1, machine=0.6, seed=2))
        self.assertEqual(status, 1)

    def test_faster_is_told(self):
        status, text = diff(made_up.measured(11.0), made_up.measured(9.0, seed=2))
        self.assertEqual(status, 0)
        self.assertIn("faster", text)

    def test_more_system_calls_are_a_regression(self):
        old = made_up.measured(11.0)
        new = copy.deepcopy(old)
        for result in new["sections"][0]["results"]:
            for sample in result["counted"]:
                sample["syscalls"] = 0.6
        status, text = diff(old, new)
        self.assertEqual(status, 1)
        self.assertIn("system calls", text)

    def test_variants_of_one_run_are_compared_in_its_pairs(self):
        run = made_up.measured(11.0)
        results = run["sections"][0]["results"]
        slow = made_up.result("sluice:again", [1.1 * s["cpu_us"] for s in results[0]["samples"]])
        results.append(slow)
        status, text = diff(run, run, alias="sluice:again=sluice")
        self.assertEqual(status, 1)
        self.assertIn("1.100 [1.100, 1.100]", text)
        self.assertEqual(diff(run, run, alias="sluice=sluice")[0], 0)

    def test_an_invalid_row_is_no_basis(self):
        old = made_up.measured(11.0)
        new = copy.deepcopy(old)
        new["sections"][0]["results"][0]["broken"] = "7 connections reset"
        with self.assertRaisesRegex(Failure, "in common"):
            diff(old, new)

    def test_an_unfit_machine_is_told(self):
        old, new = made_up.measured(11.0), made_up.measured(11.0)
        new["unfit"] = ["load average: 9"]
        self.assertIn("NEW was not fit to measure: load average: 9", diff(old, new)[1])


class Files(unittest.TestCase):
    def test_what_is_no_run_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.json")
            for text in ("{", "[]", '{"format": 99}'):
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
                with self.assertRaisesRegex(Failure, "is no run of"):
                    judge.store.load(path)
        with self.assertRaisesRegex(Failure, "No such file"):
            judge.store.load("/nonexistent")


if __name__ == "__main__":
    unittest.main()
