# SPDX-License-Identifier: GPL-3.0-or-later
"""doctor, report, diff, repeat: about machines and runs, without a measurement of their own."""
import json
import os
import sys

from .. import machine, stats, store, summary, tables
from ..processes import Failure

LIMIT = 0.03           # a difference up to this is no regression
SYSCALLS_LIMIT = 0.05
SYSCALLS_LEAST = 0.02  # a request: below this they are equal
TOOLS = {"wrk": "wrk", "h2load": "nghttp2-client", "taskset": "util-linux", "openssl": "openssl",
         "nginx": "nginx", "haproxy": "haproxy"}


# ---- doctor ----------------------------------------------------------------------------------------

def add_doctor(parser):
    parser.add_argument("--cpus", metavar="P/L", help="as of the run that is planned")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    parser.add_argument("--build", default=os.path.join(store.ROOT, "build"), metavar="DIR")


def doctor(options):
    cpus = machine.read_cpus(options.cpus)
    tools = dict(TOOLS)
    for program in ("sluice", "sluice-origin", "sluice-null-relay", "sluice-load"):
        tools[os.path.join(options.build, program)] = "it: ./build.sh build"
    found = machine.checks(cpus, tools)
    if options.format == "json":
        print(json.dumps([check._asdict() for check in found], indent=1))
    else:
        for check in found:
            mark = "ok  " if check.ok else "BAD "
            remedy = "" if check.ok else f"\n       -> {check.remedy}"
            print(f"{mark} {check.what:34} {check.found}{remedy}")
    reasons = machine.unfit(found)
    if options.format == "text":
        print("\nfit to measure" if not reasons else
              "\nNOT fit to measure: ratios of interleaved pairs may still hold, absolute figures "
              "and percentiles do not")
    return 1 if reasons else 0


# ---- report ----------------------------------------------------------------------------------------

def add_run(parser):
    parser.add_argument("run", nargs="?", metavar="RUN", help="a run's folder (default: the last)")


def add_report(parser):
    add_run(parser)
    parser.add_argument("--markdown", action="store_true", help="print Markdown")


def report(options):
    folder = options.run or store.newest()
    data = store.load(folder)
    store.write_report(data, folder if os.path.isdir(folder) else os.path.dirname(folder))
    print(summary.markdown(data) if options.markdown else summary.text(data))
    return 0


# ---- diff ------------------------------------------------------------------------------------------

def add_diff(parser):
    parser.add_argument("old", metavar="OLD", help="a run's folder")
    parser.add_argument("new", metavar="NEW")
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SHARE",
                        help=f"a slowdown up to this is let pass (default {LIMIT})")
    parser.add_argument("--reference", default="null-relay", metavar="CONTENDER",
                        help="where both runs have it, figures are taken relative to it: how fast "
                        "the machine was that day cancels out (default null-relay)")
    parser.add_argument("--as", dest="alias", metavar="A=B", default="",
                        help="take the new run's A for the old one's B: another variant or rival")


def kind_of(spec):
    return spec.partition("@")[0]


def results_of(data):
    """(scenario, contender) -> result, of sound rows."""
    return {(section["key"], kind_of(result["spec"])): result
            for section in data["sections"] if section["kind"] == "pairs"
            for result in section["results"] if not result["broken"] and result["samples"]}


def cpu_of(results, key, reference):
    """CPU of each sample, over the reference's of the same pair when there is one."""
    values = [sample["cpu_us"] for sample in results[key]["samples"]]
    base = results.get((key[0], reference)) if reference else None
    if base:
        return [a / b["cpu_us"] for a, b in zip(values, base["samples"])]
    return values


def judge(interval, limit):
    if interval.low > 1 + limit:
        return "REGRESSION"
    if interval.high < 1 - limit:
        return "faster"
    if interval.low > 1:
        return "slower, within the limit"
    if interval.high < 1:
        return "faster, a little"
    return "no difference seen"


def interval_of(before, after, key, reference, same):
    """Of one run the pairs are pairs; two runs have nothing in common but the reference."""
    if same:
        return stats.compare(cpu_of(after, key, None), cpu_of(before, key, None))
    shared = all((key[0], reference) in results for results in (before, after))
    return stats.unpaired(cpu_of(after, key, reference if shared else None),
                          cpu_of(before, key, reference if shared else None))


def compare_runs(old, new, limit, reference, alias=""):
    """Rows (scenario, contender, old us, new us, interval, verdict), and what cannot be told."""
    before, after = results_of(old), results_of(new)
    if alias:
        name, _, meant = alias.partition("=")
        after.update({(key, meant): result for (key, spec), result in list(after.items())
                      if spec == name})
        before = {key: result for key, result in before.items() if key[1] in (meant, reference)}
    rows, notes = [], []
    for key in before:
        if key not in after:
            notes.append(f"{key[0]}: {key[1]} is not in the new run, or not sound there")
            continue
        if before[key]["samples"][0]["cpu_us"] is None or key[1] == reference:
            continue
        interval = interval_of(before, after, key, reference, same=old["began"] == new["began"])
        rows.append((*key, tables.middle(before[key]["samples"], "cpu_us"),
                     tables.middle(after[key]["samples"], "cpu_us"), interval,
                     judge(interval, limit)))
        calls = [tables.middle(results[key]["counted"], "syscalls") for results in (before, after)]
        if None not in calls and calls[1] > calls[0] * (1 + SYSCALLS_LIMIT) + SYSCALLS_LEAST:
            rows.append((key[0], f"{key[1]}, system calls", *calls, None, "REGRESSION"))
    return rows, notes


def diff(options):
    old, new = store.load(options.old), store.load(options.new)
    rows, notes = compare_runs(old, new, options.limit, options.reference, options.alias)
    if not rows:
        raise Failure("the runs have no scenario with the same contender in common")
    for name, data in (("OLD", old), ("NEW", new)):
        notes += [f"{name} was not fit to measure: {reason}" for reason in data["unfit"]]
    if old["facts"]["machine"] != new["facts"]["machine"]:
        notes.append("The machines differ: "
                     f"{old['facts']['machine']} / {new['facts']['machine']}")
    table = tables.Table(
        f"{old['began']} ({old['facts']['commit']}) -> {new['began']} ({new['facts']['commit']})",
        ["", "old us/request", "new us/request", "new / old [95 %]", ""],
        [[f"{scenario}: {contender}", tables.figure(a, 2), tables.figure(b, 2),
          tables.with_interval(interval._asdict()) if interval else "", verdict]
         for scenario, contender, a, b, interval, verdict in rows], notes)
    print(tables.text_table(table))
    return 1 if any(row[-1] == "REGRESSION" for row in rows) else 0


# ---- repeat ----------------------------------------------------------------------------------------

def repeat(options):
    data = store.load(options.run or store.newest())
    arguments = [a for a in data["arguments"]]
    if "--seed" not in arguments:
        arguments += ["--seed", str(data["seed"])]
    program = os.path.join(store.ROOT, "bench", "sluice-bench")
    print(f"{data['facts']['command']}", file=sys.stderr)
    os.execv(sys.executable, [sys.executable, program, data["verb"], *arguments])


VERBS = [
    ("doctor", "is this machine fit to measure?", add_doctor, doctor, False),
    ("report", "a run's report, made again", add_report, report, False),
    ("diff", "two runs: verdicts with intervals; 1 on a regression", add_diff, diff, False),
    ("repeat", "a run once more, with its arguments and seed", add_run, repeat, False),
]
