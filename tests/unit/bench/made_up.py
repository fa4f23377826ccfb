# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that were never measured, for tests of what is made of runs."""
import random

from suite.histogram import Histogram


def sample(cpu_us, errors=()):
    return {"cpu_us": cpu_us, "user_share": 0.2, "switches": 0.1, "core_share": 0.9,
            "foreign_share": 0.01, "syscalls": 0.5, "peak_bytes": 10 << 20, "requests": 1000,
            "seconds": 1.0, "rate": 1000.0, "received_bytes": 1, "errors": list(errors),
            "saturated": "", "offered": 0, "p50_ms": 0.5, "p90_ms": 1.0, "p99_ms": 2.0,
            "p99_9_ms": 3.0}


def result(spec, values, ratio=None, broken="", skipped=""):
    return {"name": spec.replace(":", ", "), "spec": spec, "command": ["x", spec],
            "configuration": f"configuration of {spec}\n", "version": "", "note": "",
            "broken": broken, "skipped": skipped, "ratio": ratio,
            "samples": [sample(v) for v in values], "counted": [sample(v) for v in values[:1]],
            "histogram": {}, "points": [(50, 500), (90, 1000), (99, 2000), (99.9, 3000)]}


def section(results, key="keep-alive"):
    return {"kind": "pairs", "key": key, "title": f"title of {key}", "load": "wrk ...",
            "scenario": {"seconds": 1.0, "notes": ["a note"], "engine": "wrk"},
            "results": results}


def run(sections, unfit=()):
    return {"format": 1, "verb": "compare", "arguments": [], "seed": 1,
            "began": "2026-01-01T00:00:00Z", "unfit": list(unfit), "interrupted": False,
            "facts": {"machine": "m", "CPUs": "0 and 1", "load average at start": "0.1",
                      "congestion control": "cubic", "command": "bench/sluice-bench compare",
                      "commit": "abc", "took": "1 s"},
            "versions": {"wrk": "wrk 4"}, "sections": sections}


def measured(level, spread=0.02, count=10, machine=1.0, seed=1, reference=10.0):
    """A run of sluice at `level` us beside a null relay, on a machine so fast, whose speed swings
    from pair to pair for both alike."""
    rng = random.Random(seed)
    swings = [machine * rng.uniform(0.85, 1.15) for _ in range(count)]
    return run([section([
        result("sluice", [level * s * rng.gauss(1, spread) for s in swings]),
        result("null-relay", [reference * s * rng.gauss(1, spread) for s in swings])])])


def latencies(seed=1, scale=1000):
    rng, found = random.Random(seed), Histogram()
    for _ in range(5000):
        found.add(rng.expovariate(1 / scale))
    return found.counts
