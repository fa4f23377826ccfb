#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws what balance_sim finds: the tail by policy, and what more workers cost.

    bench/balance_sim.py build/balance_sim OUT.png [OPTION...]    options of balance_sim
"""
import csv
import subprocess
import sys


def simulate(program, *options):
    out = subprocess.run([program, "--csv", *options], check=True, capture_output=True, text=True)
    return list(csv.DictReader(out.stdout.splitlines()))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    program, picture, options = sys.argv[1], sys.argv[2], sys.argv[3:]
    rows = simulate(program, *options)
    figure, (tails, workers) = pyplot.subplots(1, 2, figsize=(12, 5))
    names = [row["policy"] for row in rows]
    for i, column in enumerate(("p50", "p99", "p999")):
        tails.barh([n + 0.27 * (1 - i) for n in range(len(rows))],
                   [float(row[column]) for row in rows], 0.25, label=column)
    tails.set_yticks(range(len(rows)), names)
    tails.set_xscale("log")
    tails.set_xlabel("time, in mean service times")
    tails.legend()
    counts = [1, 2, 4, 8, 16, 32, 64]
    for policy in ("least_requests", "power_of_two", "peak_ewma"):
        for style, more in (("-", ()), (":", ("--isolated",))):
            p99 = [float(simulate(program, "--policy", policy, "--workers", str(n), *more,
                                  *options)[0]["p99"]) for n in counts]
            workers.plot(counts, p99, style, label=policy + (" isolated" if more else ""))
    workers.set_xscale("log", base=2)
    workers.set_yscale("log")
    workers.set_xlabel("workers")
    workers.set_ylabel("p99")
    workers.legend()
    figure.tight_layout()
    figure.savefig(picture)
    for row in rows:
        print(" ".join(f"{value:>12}" for value in row.values()))
    print(f"drawn: {picture}")


if __name__ == "__main__":
    main()
