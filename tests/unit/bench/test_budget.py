#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time of a run is shared by plan, and kept."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench"))

from suite import scenario  # noqa: E402
from suite.budget import Budget, another_fits  # noqa: E402
from suite.verbs.compare import BUDGET_SECONDS  # noqa: E402


def play(budget_s, plans, slowness, block_s=10.0):
    """When all is over, and the blocks of each, when every block takes `slowness` times its plan."""
    now, made = 0.0, {}
    budget = Budget(budget_s, plans, now)
    for key, planned, _ in plans:
        deadline = budget.begin(key, now)
        made[key] = 0
        while deadline is not None and made[key] < planned / block_s:
            now += block_s * slowness
            made[key] += 1
            if not another_fits(deadline, block_s * slowness, now):
                break
    return now, made


PLANS = [("a", 100.0, 10.0)] + [(f"s{i}", 20.0, 10.0) for i in range(20)]


class Shares(unittest.TestCase):
    def test_a_quiet_machine_measures_all_of_it(self):
        end, made = play(550, PLANS, 1.0)
        self.assertEqual((end, made["a"], made["s7"]), (500, 10, 2))

    def test_a_slow_machine_keeps_the_time_with_fewer_pairs_everywhere(self):
        for slowness in (1.2, 1.5, 2.0):
            end, made = play(550, PLANS, slowness)
            self.assertLessEqual(end, 550 + 10 * slowness, slowness)
            self.assertEqual(min(made.values()), 1, slowness)
            self.assertGreater(made["a"], 2)

    def test_a_very_slow_one_leaves_the_last_scenarios_out(self):
        end, made = play(550, PLANS, 6.0)
        self.assertLessEqual(end, 610)
        self.assertEqual(made["s19"], 0)
        self.assertGreaterEqual(made["s2"], 1)

    def test_without_a_deadline_all_is_measured(self):
        self.assertTrue(another_fits(None, 1e9))


class Standard(unittest.TestCase):
    def test_the_standard_set_fits_its_budget_as_planned(self):
        planned = sum(one.planned_seconds() for one in scenario.choose(["standard"]))
        self.assertLess(planned, BUDGET_SECONDS)


if __name__ == "__main__":
    unittest.main()
