#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: everything is in it, nothing is taken from elsewhere, losses are told."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import html.parser  # noqa: E402
import re  # noqa: E402
import tempfile  # noqa: E402

import made_up  # noqa: E402
from suite import histogram, overview, page, store, summary, tables  # noqa: E402

RATIO = {"median": 1.3, "low": 1.2, "high": 1.4, "count": 10}
AGAIN = {"median": 1.0, "low": 0.98, "high": 1.02, "count": 10}


def timeline_section():
    seconds = [{"t": float(t), "sent": 10, "done": 9, "errors": int(t == 2), "p50_ms": 1.0,
                "p99_ms": 2.0, "max_ms": 3.0, "histogram": {100: 9}} for t in range(5)]
    return {"kind": "timeline", "key": "reload", "title": "reloads", "load": "sluice-load ...",
            "scenario": {"notes": [], "rate": 10, "event": "reload"},
            "rows": [{"name": "nginx", "spec": "nginx", "version": "nginx 1", "skipped": "",
                      "note": "", "broken": "", "seconds": seconds, "errors": ["1 connections reset"],
                      "marks": [{"t": 2.0, "text": "reload"}], "saturated": "", "requests": 49,
                      "histogram": made_up.latencies(), "percentiles": {"50": 1.0, "99": 2.0},
                      "rate": 10.0, "max_ms": 3.0, "cpu_us": None, "idle_bytes": None,
                      "peak_bytes": 1 << 20, "command": ["nginx"], "configuration": "x"},
                     {"name": "Squid", "spec": "squid", "version": "", "skipped": "squid not found",
                      "note": "", "broken": "", "seconds": [], "marks": [], "errors": []}]}


def curve_section(x):
    points = [{"x": 10.0 ** n, "rate": 900.0, "cpu_us": 5.0 * n if x != "offered/s" else None,
               "p50_ms": 1.0, "p90_ms": 1.5, "p99_ms": 2.0, "p99_9_ms": 3.0 * n, "errors": [],
               "saturated": "", "histogram": {}} for n in range(1, 5)]
    return {"kind": "curve", "title": f"over {x}", "x": x, "notes": [],
            "series": [{"name": "sluice", "points": points}]}


def whole_run():
    results = [made_up.result("sluice", [11.0] * 4),
               made_up.result("nginx", [8.0] * 4, RATIO),
               made_up.result("null-relay", [9.0] * 4, RATIO),
               made_up.result("sluice:again", [11.0] * 4, AGAIN),
               made_up.result("haproxy", [], broken="7 connections <reset>"),
               made_up.result("squid", [], skipped="squid not found (Debian: squid)")]
    latency = {"kind": "latency", "title": "latency", "notes": [], "rows": [
        {"name": "50 %", "offered": 100.0, "rate": 100.0, "errors": [], "saturated": "too slow",
         "percentiles": {"50": 1.0}, "max_ms": 9.0, "histogram": made_up.latencies(),
         "seconds": timeline_section()["rows"][0]["seconds"]}]}
    return made_up.run([made_up.section(results), timeline_section(), curve_section("offered/s"),
                        curve_section("body"), latency], ["load average: 3"])


def scenario_section(key, path, ours, theirs, **more):
    """A section with a scenario of its own, sluice beside a rival in two variants."""
    def ratio(median):
        return {"median": median, "low": median - 0.01, "high": median + 0.01, "count": 4}
    one = made_up.section([
        made_up.result("sluice", [ours] * 4), made_up.result("null-relay", [9.0] * 4, ratio(1.1)),
        made_up.result("haproxy:large", [theirs] * 4, ratio(ours / theirs)),
        made_up.result("haproxy:splice", [theirs * 0.9] * 4, ratio(ours / theirs / 0.9)),
        made_up.result("haproxy:bare", [theirs * 0.1] * 4, ratio(10 * ours / theirs)),
        made_up.result("squid", [50.0] * 4, ratio(ours / 50))], key)
    for one_result in one["results"]:
        one_result["name"] = one_result["name"].replace("null-relay", "null relay").replace(
            "haproxy", "HAProxy")
    one["scenario"].update(path=path, connections=64, **more)
    return one


class Tables(unittest.TestCase):
    def test_a_rate_that_the_load_limited_is_told(self):
        busy, idle = made_up.result("sluice", [10.0] * 3), made_up.result("nginx", [20.0] * 3)
        for one in idle["samples"]:
            one["core_share"] = 0.6
        notes = tables.of_section(made_up.section([busy, idle])).notes
        self.assertIn("requests/s are the load's and origin's, not the proxy's own, for nginx "
                      "(its CPU idled 39%); CPU time a request is.", notes)
        self.assertEqual(tables.limited_by_load([busy]), "")

    def test_fewer_pairs_than_planned_are_told(self):
        one = made_up.section([made_up.result("sluice", [10.0] * 2)])
        one["scenario"]["pairs"] = 10
        self.assertIn("2 pairs instead of 10: the run was to keep to its time.",
                      tables.of_section(one).notes)


class Glance(unittest.TestCase):
    def data(self):
        return made_up.run([scenario_section("16k", "/size/16384", 20.0, 40.0),
                            scenario_section("1k", "/size/1024", 10.0, 12.0),
                            scenario_section("256k", "/size/262144", 60.0, 50.0),
                            scenario_section("tls", "/size/13", 20.0, 40.0, tls="full")])

    def test_each_rival_s_best_variant_is_the_measure(self):
        found = overview.table(self.data())
        self.assertEqual(found.header[2:], ["over null relay", "over HAProxy",
                                            "over the best of others"])
        self.assertEqual(found.rows[0], [
            "title of 16k", "20.0", "1.10 [1.09, 1.11]", "0.56 [0.55, 0.57] splice",
            "0.40 [0.39, 0.41] squid"])

    def test_one_scenario_needs_no_overview(self):
        data = self.data()
        del data["sections"][1:]
        self.assertIsNone(overview.table(data))

    def test_sizes_make_a_curve_when_nothing_else_differs(self):
        curve = overview.sizes(self.data()["sections"])
        points = {one["name"]: [(p["x"], p["cpu_us"]) for p in one["points"]]
                  for one in curve["series"]}
        self.assertEqual(points["sluice"], [(1024, 10.0), (16384, 20.0), (262144, 60.0)])
        self.assertIsNone(overview.sizes(self.data()["sections"][:2]))

    def test_the_readme_gets_it_between_its_marks(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("RESULTS.md", "README.md")]
            with open(paths[1], "w", encoding="utf-8") as f:
                f.write("# x\n\n<!-- results -->\nold\n<!-- end of results -->\nbehind\n")
            for _ in range(2):
                self.assertEqual(store.publish(self.data(), paths[0], False, paths[1]), 0)
            with open(paths[1], encoding="utf-8") as f:
                made = f.read()
            self.assertTrue(made.startswith("# x\n\n<!-- results -->\n\n2026-01-01"), made)
            self.assertTrue(made.endswith("\n\n<!-- end of results -->\nbehind\n"), made)
            self.assertNotIn("old", made)
            self.assertIn("title of 256k: sluice needs 1.20 times", made)
            unfit = {**self.data(), "unfit": ["load average: 3"]}
            self.assertEqual(store.publish(unfit, paths[0], False, paths[1]), 1)


class Page(html.parser.HTMLParser):
    """Counts what is open, and looks for what comes from elsewhere."""
    VOID = {"meta", "link", "img", "br", "hr", "input"}

    def __init__(self, text):
        super().__init__()
        self.open, self.foreign, self.ids = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and not value.startswith("#"):
                self.foreign.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = whole_run()
        cls.html = page.html(cls.data)

    def test_the_page_is_well_formed_and_self_contained(self):
        found = Page(self.html)
        self.assertEqual(found.open, [])
        self.assertEqual(found.foreign, [])
        self.assertNotRegex(re.sub(r'xmlns(:\w+)?="[^"]*"', "", self.html), r"@import|url\(http")

    def test_it_is_made_for_a_phone_too(self):
        self.assertIn('name="viewport" content="width=device-width', self.html)

    def test_what_others_say_is_escaped(self):
        self.assertIn("7 connections &lt;reset&gt;", self.html)
        self.assertNotIn("<reset>", self.html)

    def test_invalid_skipped_unfit_and_saturated_are_said(self):
        for text in (self.html, summary.markdown(self.data), summary.text(self.data)):
            self.assertIn("INVALID", text)
            self.assertIn("skipped: squid: squid not found (Debian: squid)", text)
            self.assertIn("load average: 3", text)
            self.assertIn("generator: too slow", text)

    def test_losses_are_of_rivals_only(self):
        self.assertEqual(summary.losses(self.data),
                         ["title of keep-alive: sluice needs 1.30 times the CPU of nginx "
                          "[1.20, 1.40]"])
        self.assertIn("sluice needs 1.30 times the CPU of nginx", self.html)

    def test_the_resolution_is_that_of_the_a_a_row(self):
        self.assertEqual(len(summary.resolution(self.data)), 1)

    def test_configurations_are_printed(self):
        self.assertIn("configuration of nginx", self.html)

    def test_figures_are_there_when_matplotlib_is(self):
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            self.assertIn("matplotlib is missing", self.html)
            return
        self.assertGreaterEqual(self.html.count("<svg"), 7)
        self.assertIn("99.9 %", self.html)


class Files(unittest.TestCase):
    def test_a_run_is_kept_whole(self):
        class Run:
            data, began = whole_run(), 1.5e9
        with tempfile.TemporaryDirectory() as folder:
            store.save(Run, folder)
            store.write_report(Run.data, folder)
            self.assertEqual(sorted(os.listdir(folder)),
                             ["latency.hlog", "report.html", "report.md", "run.json",
                              "samples.csv"])
            again = store.load(folder)
            self.assertEqual(summary.markdown(again), summary.markdown(Run.data))
            with open(os.path.join(folder, "samples.csv"), encoding="utf-8") as f:
                lines = f.read().splitlines()
            self.assertTrue(lines[0].startswith("scenario,contender,run"))
            self.assertEqual(len(lines), 1 + 16 + 5 + 8)
            tags = {row[0] for row in histogram.read_log(os.path.join(folder, "latency.hlog"))}
            self.assertEqual(tags, {"reload:nginx", "latency:50_%"})


if __name__ == "__main__":
    unittest.main()
