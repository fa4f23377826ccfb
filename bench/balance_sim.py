#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What balance_sim finds of all policies, as tables and pictures: one slow server among ten, more
workers, skewed keys, servers that fail together.

    bench/balance_sim.py build/balance_sim FOLDER [OPTION...]    options of balance_sim

FOLDER gets report.md and its pictures. Times are in mean service times."""
import csv
import os
import subprocess
import sys

UNBOUNDED = 1000  # a queue that grows for as long as is simulated
COUNTS = [1, 2, 4, 8, 16, 32, 64]
BY_LOAD = ("least_requests", "power_of_two", "peak_ewma")
COLUMNS = [("policy", "policy"), ("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"),
           ("slow_share", "share of the slow one"), ("peak", "peak / average"),
           ("movement", "keys moved, one lost")]


class Report:
    def __init__(self, program, folder, options):
        self.program, self.folder, self.options = program, folder, options
        self.text = ["# What balance_sim finds\n"]
        os.makedirs(folder, exist_ok=True)

    def simulate(self, *options):
        out = subprocess.run([self.program, "--csv", *options, *self.options], check=True,
                             capture_output=True, text=True)
        return list(csv.DictReader(out.stdout.splitlines()))

    def table(self, title, rows):
        self.text += [f"## {title}\n", "| " + " | ".join(name for _, name in COLUMNS) + " |",
                      "|---" + "|---:" * (len(COLUMNS) - 1) + "|"]
        self.text += ["| " + " | ".join(cell(key, row[key]) for key, _ in COLUMNS) + " |"
                      for row in rows]
        self.text.append("")

    def picture(self, figure, name):
        figure.tight_layout()
        figure.savefig(os.path.join(self.folder, name + ".png"), dpi=110)
        self.text.append(f"![{name}]({name}.png)\n")

    def write(self):
        path = os.path.join(self.folder, "report.md")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(self.text))
        print("\n".join(self.text))
        print(f"written: {path}")


def cell(key, text):
    return "unbounded" if key != "policy" and float(text) > UNBOUNDED else text


def bars(axes, rows, columns, xlabel, log=True):
    """A group of bars for each row, the first on top."""
    height = 0.8 / len(columns)
    for i, column in enumerate(columns):
        values = [float(row[column]) for row in rows]
        places = [n - 0.4 + height * (i + 0.5) for n in range(len(rows))]
        drawn = axes.barh(places, [min(v, UNBOUNDED) for v in values], height,
                          label=dict(COLUMNS)[column])
        labels = ["unbounded" if v > UNBOUNDED else f"{v:.3g}" if v else "" for v in values]
        axes.bar_label(drawn, labels, fontsize=7, padding=2)
    axes.set_yticks(range(len(rows)), [row["policy"] for row in rows])
    axes.invert_yaxis()
    if log:
        axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set_xlabel(xlabel)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(columns), fontsize=8)


def scenario(report, pyplot, title, name, options):
    rows = report.simulate(*options)
    report.table(title, rows)
    figure, (tails, spread) = pyplot.subplots(1, 2, figsize=(13, 5.5))
    figure.suptitle(title)
    bars(tails, rows, ("p50", "p99", "p999"), "time, in mean service times")
    bars(spread, rows, ("slow_share", "peak", "movement"),
         "shares; the busiest server over the average", log=False)
    report.picture(figure, name)
    pyplot.close(figure)


def workers(report, pyplot):
    title = "More workers: the p99 of one of ten servers 10x slower, load 0.7"
    report.text += [f"## {title}\n", "| policy | " + " | ".join(map(str, COUNTS)) + " |",
                    "|---" + "|---:" * len(COUNTS) + "|"]
    figure, axes = pyplot.subplots(figsize=(9, 5.5))
    colors = {}
    for isolated in (False, True):
        for policy in BY_LOAD:
            more = ["--isolated"] if isolated else []
            p99 = [float(report.simulate("--policy", policy, "--workers", str(n), *more)[0]["p99"])
                   for n in COUNTS]
            label = policy + (", each worker by itself" if isolated else "")
            line, = axes.plot(COUNTS, p99, "o:" if isolated else "o-", label=label,
                              color=colors.get(policy))
            colors[policy] = line.get_color()
            report.text.append(f"| {label} | " + " | ".join(f"{p:.1f}" for p in p99) + " |")
    report.text.append("")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(COUNTS, COUNTS)
    axes.set_xlabel("workers")
    axes.set_ylabel("p99, in mean service times")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    report.picture(figure, "workers")
    pyplot.close(figure)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    report = Report(sys.argv[1], sys.argv[2], sys.argv[3:])
    scenario(report, pyplot, "One of ten servers is 10x slower, load 0.7", "slow", [])
    scenario(report, pyplot, "A hundred equal servers, keys skewed (Zipf 1.1), load 0.7", "skewed",
             ["--servers", "100", "--slow", "1", "--skew", "1.1"])
    scenario(report, pyplot, "A fifth of a hundred servers fails together for a while, load 0.7",
             "failing", ["--servers", "100", "--slow", "1", "--failing", "20"])
    workers(report, pyplot)
    report.write()


if __name__ == "__main__":
    main()
