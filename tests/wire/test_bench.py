#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sluice-bench as its users run it. SLUICE_BUILD names the folder of our programs."""
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../bench"), HERE]

from suite import store  # noqa: E402
from test_load import SLUICE, origin, program  # noqa: E402

BENCH = os.path.join(HERE, "../../bench/sluice-bench")
BUILD = os.environ.get("SLUICE_BUILD", "build")
FIT = len(os.sched_getaffinity(0)) >= 2 and shutil.which("taskset") and shutil.which("wrk")


class Bench:
    """A run of sluice-bench in a folder of its own; whoever it starts carries a mark."""

    def __init__(self, folder, *arguments, **environment):
        self.mark = f"SLUICE_BENCH_TEST={uuid.uuid4()}"
        self.folder = folder
        name, _, value = self.mark.partition("=")
        extra = ["--build", BUILD, "--output", folder, "--keep-congestion"]
        self.process = subprocess.Popen(
            [sys.executable, "-B", BENCH, *arguments, *extra], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, name: value, **environment})

    def wait(self, timeout=120):
        self.out, self.said = self.process.communicate(timeout=timeout)
        return self.process.returncode

    def left(self):
        """Processes with the mark."""
        found = []
        for path in glob.glob("/proc/[0-9]*/environ"):
            try:
                with open(path, "rb") as f:
                    if self.mark.encode() in f.read().split(b"\0"):
                        with open(os.path.dirname(path) + "/cmdline", "rb") as command:
                            found.append(command.read().replace(b"\0", b" "))
            except OSError:
                continue
        return found

    def data(self):
        return store.load(self.folder)


class Case(unittest.TestCase):
    def setUp(self):
        if not FIT:
            self.skipTest("two CPUs, taskset and wrk are needed")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def bench(self, *arguments, status=0, **options):
        run = Bench(self.folder, *arguments, **options)
        self.assertEqual(run.wait(), status, run.said)
        self.assertEqual(run.left(), [])
        return run

    def refused(self, text, *arguments):
        run = self.bench(*arguments, status=1)
        self.assertIn(text, run.said)
        return run


class Compare(Case):
    def test_a_run_is_kept_with_everything_that_is_needed_to_repeat_it(self):
        run = self.bench("compare", "keep-alive", "--contenders", "null-relay,null-relay:again",
                         "--pairs", "2", "--seconds", "0.2", "--seed", "5")
        data = run.data()
        self.assertEqual(data["seed"], 5)
        self.assertIn("--seed 5", data["facts"]["command"])
        for name in ("machine", "CPUs", "congestion control", "commit", "load average at start"):
            self.assertIn(name, data["facts"])
        results = data["sections"][0]["results"]
        self.assertEqual([r["name"] for r in results],
                         ["null relay", "null relay, again", "direct"])
        for result in results[:2]:
            self.assertEqual(result["broken"], "")
            self.assertEqual(len(result["samples"]), 2)
            self.assertGreater(result["samples"][0]["cpu_us"], 0)
            self.assertIn("sluice-null-relay", " ".join(result["command"]))
        self.assertIn("wrk", data["sections"][0]["load"])
        self.assertIn("Resolution", run.out)
        for name in ("samples.csv", "latency.hlog", "report.html", "report.md"):
            self.assertGreater(os.path.getsize(os.path.join(self.folder, name)), 0)

    def test_a_missing_contender_is_skipped_by_name(self):
        tools = os.path.join(self.folder, "tools")
        os.mkdir(tools)
        for tool in ("wrk", "taskset", "git", "openssl", "env"):
            if shutil.which(tool):
                os.symlink(shutil.which(tool), os.path.join(tools, tool))
        run = self.bench("compare", "keep-alive", "--contenders", "null-relay,squid", "--pairs",
                         "2", "--seconds", "0.2", PATH=tools)
        self.assertIn("skipped: Squid: squid not found (Debian: squid)", run.out)

    def test_who_answers_wrongly_is_invalid_and_has_no_figures(self):
        scenario = os.path.join(self.folder, "own.toml")
        with open(scenario, "w", encoding="utf-8") as f:
            f.write('title = "errors"\ncontenders = ["null-relay"]\npath = "/status/500"\n'
                    "bytes = 28\nseconds = 0.2\npairs = 2\n")
        run = self.bench("compare", scenario)
        self.assertIn("INVALID: null relay: answers 500", run.out)
        self.assertEqual(run.data()["sections"][0]["results"][0]["samples"], [])

    def test_an_interrupt_leaves_no_process_and_keeps_what_was_measured(self):
        run = Bench(self.folder, "compare", "keep-alive", "few-connections", "--contenders",
                    "null-relay", "--pairs", "2", "--seconds", "0.2")
        for line in run.process.stderr:
            if "8 keep-alive connections: block" in line:
                break
        time.sleep(0.5)
        self.assertNotEqual(run.left(), [])
        run.process.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(), 130)
        self.assertEqual(run.left(), [])
        self.assertTrue(run.data()["interrupted"])
        self.assertEqual({s["title"].partition(": ")[2] or s["title"]
                          for s in run.data()["sections"]}, {"13 B, 64 keep-alive connections"})

    def test_being_killed_leaves_no_process_either(self):
        run = Bench(self.folder, "compare", "keep-alive", "--contenders", "null-relay", "--pairs",
                    "20", "--seconds", "1")
        for line in run.process.stderr:
            if "block" in line:
                break
        time.sleep(0.5)
        run.process.kill()
        run.wait()
        end = time.monotonic() + 20
        while run.left() and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual(run.left(), [])

    def test_a_budget_is_kept_with_fewer_pairs_and_said(self):
        run = self.bench("compare", "keep-alive", "few-connections", "--contenders", "null-relay",
                         "--pairs", "20", "--seconds", "0.2", "--budget", "5")
        pairs = [len(s["results"][0]["samples"]) for s in run.data()["sections"]
                 if s["kind"] == "pairs"]
        self.assertTrue(pairs and all(2 <= count < 20 for count in pairs), pairs)
        self.assertIn("pairs instead of 20: the run was to keep to its time.", run.out)

    def test_the_name_of_a_set_is_a_verb(self):
        run = self.bench("websocket", "--contenders", "null-relay", "--pairs", "2", "--seconds",
                         "0.2")
        data = run.data()
        self.assertEqual([s["key"] for s in data["sections"]], ["websocket"])
        self.assertEqual(data["sections"][0]["results"][0]["broken"], "")
        self.assertIn("sluice-bench compare websocket", data["facts"]["command"])

    def test_latency_is_measured_on_the_way_to_the_knee(self):
        run = self.bench("compare", "knee", "--contenders", "null-relay,squid:x", "--seconds",
                         "0.3", status=1)
        self.assertIn("'squid' has no variant 'x'", run.said)
        section = self.bench("compare", "knee", "--contenders", "null-relay", "--seconds",
                             "0.3").data()["sections"][0]
        points = section["series"][0]["points"]
        self.assertGreater(len(points), 1, section["notes"])
        self.assertEqual([p["x"] for p in points], sorted(p["x"] for p in points))
        self.assertGreater(points[0]["rate"], 0.5 * points[0]["x"])

    def test_a_verb_of_claims_gives_a_verdict_for_each(self):
        run = self.bench("relay", "--sizes", "1KiB,16KiB,64KiB", "--contenders",
                         "null-relay,null-relay:splice", "--pairs", "2", "--seconds", "0.2")
        tables = [s for s in run.data()["sections"] if s["kind"] == "table"]
        self.assertGreaterEqual(len(tables), 3)
        for table in tables:
            self.assertEqual(table["header"][-1], "verdict")
            self.assertTrue(all(row[1] and row[-1] for row in table["rows"]), table)
        curve = next(s for s in run.data()["sections"] if s["kind"] == "curve")
        self.assertEqual([p["x"] for p in curve["series"][0]["points"]], [1024, 16384, 65536])

    def test_mistakes_are_told_before_anything_is_measured(self):
        self.refused("no scenario 'x'; there are: ", "compare", "x")
        self.refused("no contender 'ngnix'", "compare", "keep-alive", "--contenders", "ngnix")
        self.refused("at least 2", "compare", "keep-alive", "--pairs", "1")
        self.refused("--budget: above 0", "compare", "keep-alive", "--budget", "0")
        self.refused("two different sets", "compare", "keep-alive", "--cpus", "0/0")
        self.refused("PROXY/LOAD is wanted", "compare", "keep-alive", "--cpus", "zero")
        self.assertEqual(os.listdir(self.folder), [])


class Target(Case):
    def test_what_is_no_working_target_is_told_as_that(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self.refused("refuses connections", "target",
                         f"http://127.0.0.1:{closed.getsockname()[1]}/")
        with origin() as (_, port):
            url = f"http://127.0.0.1:{port}"
            self.refused("closes the connection without an answer", "target", url + "/reset")
            self.refused("answers 503", "latency", url + "/status/503")
            self.refused("does not answer within 0.5 s", "max-rate", url + "/delay/60000",
                         "--timeout", "0.5")
        self.refused("http://HOST", "target", "htp://127.0.0.1/")
        self.assertEqual(os.listdir(self.folder), [])

    def test_errors_in_the_middle_are_reported_and_fail_the_run(self):
        with origin() as (_, port):
            run = Bench(self.folder, "latency", f"http://127.0.0.1:{port}/chance/20/status/500",
                        "--rate", "200", "--seconds", "1")
            status = run.wait()
        if status and "answers 500" in run.said:
            return  # the first one was one of them
        self.assertEqual(status, 1, run.said)
        self.assertIn("responses of a wrong status", run.out)

    def test_a_server_of_one_s_own_with_its_cpu_time(self):
        with origin() as (process, port):
            run = self.bench("target", f"http://127.0.0.1:{port}/size/100", "--seconds", "0.5",
                             "--pid", str(process.pid))
        table, latency = run.data()["sections"]
        self.assertGreater(float(table["rows"][0][2].replace(",", "")), 0)
        self.assertEqual([row["name"] for row in latency["rows"]],
                         ["50% of the maximum", "80% of the maximum"])

    def test_a_target_of_http_2_has_its_capacity_and_its_latency(self):
        if not shutil.which("h2load"):
            self.skipTest("h2load is missing")
        with origin() as (_, port), program(
                [SLUICE, "proxy", "--from", "127.0.0.1:0", "--to", f"127.0.0.1:{port}", "--tls",
                 "self-signed", "--log", "off", "--workers", "1"], "listening on") as (_, tls_port):
            run = self.bench("target", f"https://127.0.0.1:{tls_port}/size/100", "--http2",
                             "--streams", "4", "--connections", "4", "--seconds", "1")
            self.refused("by HTTP/2: ", "target", f"http://127.0.0.1:{port}/", "--http2",
                         "--seconds", "0.5")
        table, latency = run.data()["sections"]
        self.assertIn("h2load", table["title"])
        self.assertGreater(latency["rows"][0]["rate"], 10)

    def test_a_sweep_has_a_point_for_each_value(self):
        with origin() as (_, port):
            run = self.bench("sweep", f"http://127.0.0.1:{port}/size/{{body}}", "--body",
                             "13,1KiB,64KiB", "--seconds", "0.5")
        points = run.data()["sections"][0]["series"][0]["points"]
        self.assertEqual([p["x"] for p in points], [13, 1024, 65536])

    def test_the_highest_rate_is_found_between_two_trials(self):
        with origin() as (_, port):
            run = Bench(self.folder, "max-rate", f"http://127.0.0.1:{port}/delay/100", "--p99",
                        "1s", "--connections", "10", "--from", "20", "--seconds", "1",
                        "--timeout", "2")
            run.wait()
        # Ten connections, 0.1 s each: 100 a second, and the p99 lets a queue grow a little.
        notes = run.data()["sections"][0]["notes"]
        if "generator was the limit" not in notes[-1]:
            best = float(notes[0].split()[0].replace(",", ""))
            self.assertTrue(60 <= best <= 250, notes)


class Replay(Case):
    def record(self, port):
        """A trace that sluice wrote of some requests."""
        trace = os.path.join(self.folder, "trace")
        yaml = os.path.join(self.folder, "sluice.yaml")
        with open(yaml, "w", encoding="utf-8") as f:
            f.write(f"""workers: 1
logs: {{ t: {{ to: {trace}, format: trace, redact: [token], redact_paths: ["/size/*"] }} }}
listeners: {{ l: {{ bind: "127.0.0.1:0", site: s }} }}
sites: {{ s: {{ log: t, routes: [{{ match: {{ path: /own }}, respond: {{ body: hello }} }}, {{ to: o }}] }} }}
backends: {{ o: {{ servers: ["127.0.0.1:{port}"] }} }}
""")
        with program([SLUICE, "run", "-c", yaml], "listening on") as (process, sluice_port):
            for path in ("/chunked/5000?token=secret", "/size/77", "/own", "/status/301"):
                subprocess.run(["curl", "-s", "-o", "/dev/null",
                                f"http://127.0.0.1:{sluice_port}{path}"], check=True, timeout=20)
            subprocess.run(["curl", "-s", "-o", "/dev/null", "-d", "12345",
                            f"http://127.0.0.1:{sluice_port}/upload"], check=True, timeout=20)
            process.terminate()
            process.wait(20)
        with open(trace, encoding="utf-8") as f:
            return trace, [json.loads(line) for line in f]

    def test_what_sluice_recorded_is_played_and_compared(self):
        with origin() as (_, port), origin() as (_, other):
            trace, lines = self.record(port)
            self.assertEqual(
                [(s["method"], s["path"], s["request_bytes"], s["status"], s["response_bytes"],
                  s["end"]) for s in lines],
                [("GET", "/chunked/5000?token=REDACTED", 0, 200, 5000, "ok"),
                 ("GET", "/size/REDACTED", 0, 200, 77, "ok"), ("GET", "/own", 0, 200, 5, "replied"),
                 ("GET", "/status/301", 0, 301, 28, "ok"), ("POST", "/upload", 5, 200, 2, "ok")])
            run = self.bench("replay", trace, f"http://127.0.0.1:{port}",
                             f"http://127.0.0.1:{other}", "--methods", "all", status=1)
        title = run.data()["sections"][1]["title"]
        self.assertEqual(title, "answers that differ: 2 of 5")  # the redacted one, and our own
        self.assertIn("GET /size/REDACTED", run.out)
        self.assertNotIn("GET /chunked", run.out)

    def test_what_is_no_trace_is_refused_by_line(self):
        path = os.path.join(self.folder, "trace")
        with open(path, "w", encoding="utf-8") as f:
            f.write('{"at":1,"method":"GET","path":"/","request_bytes":0,"status":200,'
                    '"response_bytes":13,"us":5}\n{"at":"x"}\n')
        self.refused("trace:2: no line of a trace", "replay", path, "http://127.0.0.1:1")
        self.refused("2x, 0.5x", "replay", path, "http://127.0.0.1:1", "--speed", "fast")


class Help(unittest.TestCase):
    def test_help_is_led_by_examples_and_names_every_verb(self):
        done = subprocess.run([sys.executable, "-B", BENCH, "--help"], capture_output=True,
                              text=True, check=True, timeout=30)
        for verb in ("compare", "target", "sweep", "latency", "max-rate", "soak", "reload",
                     "replay", "report", "diff", "doctor", "repeat"):
            self.assertIn(f"bench/sluice-bench {verb}", done.stdout, verb)

    def test_the_doctor_says_what_is_wrong_and_what_helps(self):
        done = subprocess.run([sys.executable, "-B", BENCH, "doctor", "--format", "json",
                               "--build", BUILD], capture_output=True, text=True, check=False,
                              timeout=30)
        checks = {check["what"]: check for check in json.loads(done.stdout)}
        self.assertIn("load average", checks)
        self.assertTrue(all(check["remedy"] for check in checks.values() if not check["ok"]))


if __name__ == "__main__":
    unittest.main()
