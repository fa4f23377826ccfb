#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios are checked when they are read; contenders are named by specs."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench"))

from suite import contenders, scenario  # noqa: E402
from suite.processes import Failure  # noqa: E402

GOOD = {"title": "t", "contenders": ["sluice"]}


class Files(unittest.TestCase):
    def test_every_file_is_sound_and_names_contenders_that_exist(self):
        known = scenario.load_all()
        self.assertIn("keep-alive", known)
        for one in known.values():
            for spec in one.contenders:
                contenders.make(spec, "build")

    def test_the_standard_set_is_there(self):
        self.assertGreater(len(scenario.choose(["standard"])), 10)
        self.assertEqual([s.key for s in scenario.choose(["256k", "keep-alive"])],
                         ["256k", "keep-alive"])

    def test_a_set_of_several_has_no_scenario_s_name(self):
        known = scenario.load_all()
        for one in known.values():
            for name in one.sets:  # the scenario alone would be what the word means
                self.assertTrue(name not in known or name == one.key, f"{one.key} is of set {name}")

    def test_a_wrong_name_lists_what_there_is(self):
        with self.assertRaisesRegex(Failure, "no scenario 'kep-alive'; there are: .*keep-alive"):
            scenario.choose(["kep-alive"])


class Keys(unittest.TestCase):
    def refused(self, text, **data):
        with self.assertRaisesRegex(Failure, text):
            scenario.of_dict("x", {**GOOD, **data})

    def test_mistakes_are_told_by_key(self):
        self.refused("unknown key 'conections'", conections=3)
        self.refused("connections = '64' is not of type int", connections="64")
        self.refused("'64kb' is no size", bytes="64kb")
        self.refused("engine is one of wrk, h2load, open", engine="ab")
        self.refused("event is one of", event="flood", rate=1.0)
        self.refused("an event needs a rate", event="reload")
        self.refused("tls is", tls="yes")
        self.refused("'contenders' is needed", contenders=[])

    def test_sizes_carry_units(self):
        self.assertEqual(scenario.of_dict("x", {**GOOD, "bytes": "10MiB"}).bytes, 10 << 20)
        self.assertEqual(scenario.size_text(262144), "256 KiB")
        self.assertEqual(scenario.size_text(13), "13 B")

    def test_what_is_needed_of_a_contender(self):
        one = scenario.of_dict("x", {**GOOD, "tls": "full", "log": True})
        self.assertEqual(one.needs(), {"tls", "log"})
        self.assertEqual(contenders.make("hitch", "build").lacks(one.needs()),
                         "does not do log here")


class Specs(unittest.TestCase):
    def test_variants_and_builds(self):
        made = contenders.make("haproxy:splice", "build")
        self.assertEqual(made.name, "HAProxy, splice")
        made = contenders.make("sluice@/old", "build")
        self.assertEqual((made.program, made.name), ("/old/sluice", "sluice (/old)"))

    def test_mistakes_name_what_there_is(self):
        with self.assertRaisesRegex(Failure, "no contender 'ngnix'; there are: sluice"):
            contenders.make("ngnix", "build")
        with self.assertRaisesRegex(Failure, "no variant 'fast'; it has: bare"):
            contenders.make("nginx:fast", "build")

    def test_a_missing_program_is_told_by_name(self):
        made = contenders.make("squid", "build")
        made.program = "no-such-squid"
        self.assertEqual(made.missing(), "no-such-squid not found (Debian: squid)")


if __name__ == "__main__":
    unittest.main()
