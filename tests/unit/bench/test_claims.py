#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims are judged by whole intervals, and what was not measured is told as that."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../../bench"), HERE]

import made_up  # noqa: E402
from suite import claims, scenario, verbs  # noqa: E402
from suite.claims import Claim  # noqa: E402
from suite.processes import Failure  # noqa: E402
from suite.verbs import claims as claims_verb  # noqa: E402


class Verdicts(unittest.TestCase):
    def judge(self, claim, *results):
        return list(claims.rows([claim], made_up.section(list(results))))[0]

    def pair(self, ours, theirs, **limit):
        return self.judge(Claim("keep-alive", "sluice", "nginx", **limit),
                          made_up.result("sluice", ours), made_up.result("nginx", theirs))

    def test_a_ratio_is_met_missed_or_undecided(self):
        ours, theirs = [7.0, 7.1, 6.9, 7.0], [10.0, 10.1, 9.9, 10.0]
        self.assertEqual(self.pair(ours, theirs, at_most=0.75),
                         ["sluice: CPU us/request", "0.700 [0.697, 0.703] x nginx",
                          "<= 0.75 x nginx", "met"])
        self.assertEqual(self.pair(ours, theirs, at_most=0.60)[-1], "missed")
        self.assertEqual(self.pair([6, 8, 7, 7.2], [10] * 4, at_most=0.70)[-1],
                         "undecided, median beyond")

    def test_at_least_is_the_mirror_image(self):
        for limit, verdict in ((900, "met"), (1100, "missed")):
            claim = Claim("keep-alive", "sluice", at_least=limit, figure="rate")
            self.assertEqual(self.judge(claim, made_up.result("sluice", [1, 2])),
                             ["sluice: requests/s", "1,000 [1,000, 1,000]", f">= {limit:,}",
                              verdict])

    def test_without_another_contender_the_limit_is_absolute(self):
        claim = Claim("keep-alive", "sluice", at_most=0.5, figure="syscalls")
        self.assertEqual(self.judge(claim, made_up.result("sluice", [1, 2]))[-1], "met")

    def test_an_event_s_row_has_one_value(self):
        row = {"name": "sluice", "spec": "sluice", "broken": "", "skipped": "", "idle_bytes": 900.4}
        section = {"kind": "timeline", "key": "idle", "rows": [row]}
        claim = Claim("idle", "sluice", at_most=1024, figure="idle_bytes")
        self.assertEqual(list(claims.rows([claim], section)),
                         [["sluice: bytes an idle client", "900 (one run)", "<= 1,024", "met"]])

    def test_a_broken_or_absent_contender_is_no_success(self):
        claim = Claim("keep-alive", "sluice", "nginx", at_most=9.0)
        good = made_up.result("sluice", [1, 1])
        for results in ([good], [good, made_up.result("nginx", [5, 5], broken="answers 500")],
                        [good, made_up.result("nginx", [], skipped="nginx not found")],
                        [made_up.result("sluice", [], broken="x"), made_up.result("nginx", [5])]):
            self.assertEqual(self.judge(claim, *results)[-1], "not measured")
        self.assertEqual(list(claims.rows([claim], None))[0][-1], "not measured")

    def test_missed_claims_are_found_in_a_run(self):
        made = claims.table("t", [["a", "", "", "met"]])
        self.assertFalse(claims.missed(made_up.run([made])))
        for word in ("missed", "not measured"):
            made = claims.table("t", [["a", "", "", "met"], ["b", "", "", word]])
            self.assertTrue(claims.missed(made_up.run([made])))

    def test_a_claim_has_one_limit_of_a_known_figure(self):
        for limits in ({}, {"at_most": 1, "at_least": 1}, {"at_most": 1, "figure": "speed"}):
            with self.assertRaises(ValueError):
                Claim("keep-alive", "sluice", **limits)


class Verbs(unittest.TestCase):
    CLAIMS = [Claim("h2-tls", "sluice", "nginx", at_most=0.7),
              Claim("h2-tls", "sluice", "haproxy", at_most=0.75),
              Claim("h2-bulk", "sluice", "haproxy", at_most=0.7)]

    def test_a_scenario_runs_once_with_those_its_claims_name(self):
        _, found = claims_verb.chosen(self.CLAIMS, {"h2-tls": ["null-relay", "nginx"]}, None)
        self.assertEqual([(one.key, one.contenders) for one in found],
                         [("h2-tls", ["sluice", "nginx", "haproxy", "null-relay"]),
                          ("h2-bulk", ["sluice", "haproxy"])])

    def test_a_part_of_them(self):
        claimed, found = claims_verb.chosen(self.CLAIMS, {"h2-tls": ["direct"]}, "h2-bulk")
        self.assertEqual((claimed, [one.key for one in found]), (self.CLAIMS[2:], ["h2-bulk"]))
        with self.assertRaisesRegex(Failure, "there are: h2-tls, h2-bulk"):
            claims_verb.chosen(self.CLAIMS, {}, "h3")

    def test_a_scenario_of_the_verb_s_own(self):
        one = scenario.Scenario("own", "of its own", ["sluice"])
        found = claims.scenarios_of([Claim(one, "sluice", "null-relay", at_most=1)])
        self.assertEqual(found, {"own": (one, ["sluice", "null-relay"])})

    def test_every_file_s_verbs_are_taken_up_once(self):
        names = [name for name, *_ in verbs.load()]
        self.assertEqual(len(names), len(set(names)))
        for name in ("compare", "target", "relay", "replay", "diff"):
            self.assertIn(name, names)

    def test_claims_of_scenario_files_can_be_judged(self):
        for one in scenario.load_all().values():
            for claim in one.claims:
                self.assertIn(claims.of_dict(one, claim).b or one.contenders[0], one.contenders)


if __name__ == "__main__":
    unittest.main()
