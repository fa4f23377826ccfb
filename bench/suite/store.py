# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as it is kept: a folder with run.json (everything), samples.csv, latency.hlog (in
HdrHistogram's format), report.html and report.md."""
import csv
import json
import os
import subprocess
import sys
import time

from . import histogram, machine, page, summary, tables
from .processes import Failure, first_line, shown

FORMAT = 1
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUNS = os.path.join(ROOT, "build", "bench")


class Run:
    """What a verb collects. Sections are dicts with a kind: pairs, timeline, curve, latency,
    table, replay; the report knows how each is shown."""

    def __init__(self, verb, arguments, cpus, congestion, seed):
        self.began = time.time()
        self.data = {
            "format": FORMAT, "verb": verb, "arguments": arguments, "seed": seed,
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began)),
            "facts": machine.facts(cpus, congestion), "unfit": [], "interrupted": False,
            "versions": {}, "sections": [],
        }
        facts = self.data["facts"]
        facts["command"] = shown(["bench/sluice-bench", verb, *arguments])
        facts["random seed"] = str(seed)
        commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], text=True,
                                capture_output=True, check=False)
        facts["commit"] = commit.stdout.strip() or "unknown"
        for tool, command in (("wrk", ["wrk", "-v"]), ("h2load", ["h2load", "--version"])):
            try:
                self.data["versions"][tool] = first_line(command)
            except OSError:
                pass

    def add(self, section):
        self.data["sections"].append(section)
        for row in tables.rows_of(section):
            if row.get("version"):
                self.data["versions"][row["spec"].partition(":")[0]] = row["version"]

    def finish(self, foreign=()):
        facts = self.data["facts"]
        if foreign:
            middle = sorted(foreign)[len(foreign) // 2]
            facts["others on the proxy's CPU"] = (f"median {middle:.1%}, at most "
                                                  f"{max(foreign):.1%} of a run")
            if middle > 0.05:
                self.data["unfit"].append(f"others took {middle:.0%} of the proxy's CPU: no "
                                          "figure of this run decides anything")
        facts["load average at end"] = machine.read_text("/proc/loadavg").partition(" ")[0]
        facts["took"] = f"{time.time() - self.began:.0f} s"


def folder_for(verb, given=None):
    """A new folder for a run's files."""
    if given:
        os.makedirs(given, exist_ok=True)
        return given
    name = time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "-" + verb
    for number in range(100):
        path = os.path.join(RUNS, name + (f"-{number}" if number else ""))
        try:
            os.makedirs(path)
            return path
        except FileExistsError:
            continue
    raise Failure(f"{RUNS} is full of runs of this second")


def samples_of(data):
    """Every sample as a flat dict."""
    for section in data["sections"]:
        if section["kind"] == "pairs":
            for result in section["results"]:
                for number, sample in enumerate(result["samples"]):
                    yield {"scenario": section["key"], "contender": result["name"],
                           "run": number, **sample}
        elif section["kind"] == "curve":
            for series in section["series"]:
                for number, point in enumerate(series["points"]):
                    yield {"scenario": section["title"], "contender": series["name"],
                           "run": number, **{k: v for k, v in point.items() if k != "histogram"}}
        elif section["kind"] == "timeline":
            for row in section["rows"]:
                for second in row["seconds"]:
                    yield {"scenario": section["key"], "contender": row["name"],
                           "run": second["t"],
                           **{k: v for k, v in second.items() if k != "histogram"}}


def histograms_of(data):
    """(tag, start, length, histogram) of everything whose latencies are all known."""
    for section in data["sections"]:
        rows = section.get("results") or section.get("rows") or []
        for row in rows:
            if not isinstance(row, dict):
                continue
            tag = f"{section.get('key', section['title'])}:{row['name']}"
            if row.get("seconds") and isinstance(row["seconds"], list):
                for second in row["seconds"]:
                    if second["histogram"]:
                        yield tag, second["t"], 1.0, histogram.Histogram(second["histogram"])
            elif row.get("histogram"):
                length = sum(s["seconds"] for s in row.get("samples", [])) or 1.0
                yield tag, 0.0, length, histogram.Histogram(row["histogram"])


def save(run, folder):
    """Writes all files but the report; returns the path of run.json."""
    data, path = run.data, os.path.join(folder, "run.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(data, f, indent=1)
        f.write("\n")
    samples = list(samples_of(data))
    columns = list(dict.fromkeys(name for sample in samples for name in sample))
    with open(os.path.join(folder, "samples.csv"), "w", encoding="utf-8", newline="") as f:
        writer = csv.DictWriter(f, columns)
        writer.writeheader()
        for sample in samples:
            writer.writerow({k: "; ".join(v) if isinstance(v, list) else v
                             for k, v in sample.items()})
    histogram.write_log(os.path.join(folder, "latency.hlog"), histograms_of(data), run.began)
    return path


def load(path):
    """A run's data, from its folder or its run.json."""
    if os.path.isdir(path):
        path = os.path.join(path, "run.json")
    try:
        with open(path, encoding="utf-8") as f:
            data = json.load(f)
    except OSError as e:
        raise Failure(f"{path}: {e.strerror}") from e
    except ValueError as e:
        raise Failure(f"{path} is no run of sluice-bench: {e}") from e
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise Failure(f"{path} is no run of this sluice-bench (format {FORMAT} is wanted)")
    return data


def newest():
    """The last run's folder."""
    if os.path.isdir(RUNS):
        names = sorted(n for n in os.listdir(RUNS)
                       if os.path.exists(os.path.join(RUNS, n, "run.json")))
        if names:
            return os.path.join(RUNS, names[-1])
    raise Failure(f"there is no run in {os.path.relpath(RUNS)}; give one")


def relative(path):
    return os.path.relpath(path) if not os.path.relpath(path).startswith("../../") else path



def write_report(data, folder):
    with open(os.path.join(folder, "report.md"), "w", encoding="utf-8") as f:
        f.write(summary.markdown(data))
    with open(os.path.join(folder, "report.html"), "w", encoding="utf-8") as f:
        f.write(page.html(data))


README_MARKS = ("<!-- results -->\n", "<!-- end of results -->\n")


def publish(data, path, anyway, readme=None):
    """The run's Markdown as the one that is shown; 1: this run is none to be shown."""
    if data["interrupted"] or (data["unfit"] and not anyway):
        why = "it was interrupted" if data["interrupted"] else "; ".join(data["unfit"])
        print(f"{path} stays as it was: {why}", file=sys.stderr)
        return 1
    with open(path, "w", encoding="utf-8") as f:
        f.write("# What was measured last\n\nMade by `./build.sh bench results`; how to read it: "
                "../README.md, \"How fast\".\n\n" + summary.markdown(data))
    if readme:
        put_between_marks(readme, summary.readme(data))
    return 0


def put_between_marks(path, text):
    """What stood there goes."""
    with open(path, encoding="utf-8") as f:
        whole = f.read()
    before, begin, rest = whole.partition(README_MARKS[0])
    _, end, after = rest.partition(README_MARKS[1])
    if not begin or not end:
        raise Failure(f"{path}: the lines {' and '.join(map(str.strip, README_MARKS))} are wanted")
    with open(path, "w", encoding="utf-8") as f:
        f.write(before + begin + "\n" + text.strip() + "\n\n" + end + after)
