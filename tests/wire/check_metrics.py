#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks Prometheus text (format 0.0.4) on standard input: its grammar, that each family is told
once and in one piece, that histograms add up. With promtool on this machine, its lint too."""
import re
import shutil
import subprocess
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABELS = r'(?:\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\})?'
SAMPLE = re.compile(rf"({NAME})({LABELS}) ([-+]?(?:[0-9.]+(?:e[-+]?[0-9]+)?|Inf|NaN))")
LE = re.compile(r',?le="([^"]*)"')


def fail(number, what):
    sys.exit(f"line {number}: {what}")


def check(text):
    helps, types, done, seen = set(), {}, set(), set()
    family, buckets = None, {}
    for number, line in enumerate(text.split("\n")[:-1], 1):
        if line.startswith("# "):
            _, kind, name, rest = line.split(" ", 3)
            if kind == "HELP":
                if name in helps or not rest:
                    fail(number, f"{name}: no help, or for the second time")
                helps.add(name)
            elif kind == "TYPE":
                if name not in helps or name in types:
                    fail(number, f"{name}: type without help, or for the second time")
                types[name] = rest
                done.add(family)
                family = name
            else:
                fail(number, "neither HELP nor TYPE")
            continue
        match = SAMPLE.fullmatch(line)
        if not match:
            fail(number, f"no sample: {line}")
        name, labels, value = match.groups()
        if (name, labels) in seen:
            fail(number, f"for the second time: {name}{labels}")
        seen.add((name, labels))
        suffix = name[len(family):] if family and name.startswith(family) else None
        histogram = types.get(family) == "histogram"
        if suffix not in (("_bucket", "_sum", "_count") if histogram else ("",)):
            fail(number, f"{name} among samples of {family}")
        if types[family] == "counter" and not family.endswith("_total"):
            fail(number, f"a counter that is not named _total: {family}")
        if suffix == "_bucket":
            key = (family, LE.sub("", labels).replace("{}", ""))
            bound, count = float(LE.search(labels).group(1)), float(value)
            last = buckets.setdefault(key, [(-1.0, 0.0)])
            if bound <= last[-1][0] or count < last[-1][1]:
                fail(number, "buckets do not ascend")
            last.append((bound, count))
        elif suffix == "_count":
            if buckets[(family, labels)][-1] != (float("inf"), float(value)):
                fail(number, "the last bucket is not +Inf with the count")
    if not text.endswith("\n") or not types:
        sys.exit("no metrics, or no newline at their end")


def main():
    text = sys.stdin.read()
    check(text)
    promtool = shutil.which("promtool")
    if promtool:
        lint = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                              capture_output=True, check=False)
        if lint.returncode or lint.stdout or lint.stderr:
            sys.exit(f"promtool: {lint.stdout}{lint.stderr}")


main()
