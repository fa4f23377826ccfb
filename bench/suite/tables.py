# SPDX-License-Identifier: GPL-3.0-or-later
"""A run's sections as tables of texts; tables as text for a terminal and as Markdown."""
import statistics
from typing import NamedTuple

from .scenario import size_text


class Table(NamedTuple):
    title: str
    header: list
    rows: list  # of texts; the first column is left-aligned, the others right
    notes: list


def text_table(table):
    widths = [max(len(row[i]) for row in [table.header, *table.rows])
              for i in range(len(table.header))]

    def line(cells):
        first, *others = (cell.ljust(width) if i == 0 else cell.rjust(width)
                          for i, (cell, width) in enumerate(zip(cells, widths)))
        return "  ".join(["  " + first, *others]).rstrip()

    rule = "  " + "-" * (sum(widths) + 2 * len(widths) - 2)
    return "\n".join([table.title, "", line(table.header), rule, *map(line, table.rows),
                      *(f"  {note}" for note in table.notes), ""])


def markdown_table(table):
    def line(cells):
        return "| " + " | ".join(cells) + " |"

    rule = line(["---"] + ["---:"] * (len(table.header) - 1))
    return "\n".join([f"**{table.title}**", "", line(table.header), rule, *map(line, table.rows),
                      "", *(f"{note}\n" for note in table.notes)])


# ---- Figures as texts ----------------------------------------------------------------------------

def figure(value, digits):
    return "" if value is None else f"{value:,.{digits}f}"


def microseconds(value):
    return figure(value, 1 if value is not None and value < 100 else 0)


def milliseconds(value):
    if value is None:
        return ""
    return figure(value, 2 if value < 10 else 1 if value < 100 else 0)


def percent(value):
    return "" if value is None else f"{value * 100:.0f} %"


def mebibytes(value):
    return "" if value is None else f"{value / (1 << 20):,.1f}"


def with_interval(interval):
    if not interval:
        return ""
    return f"{interval['median']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


def middle(samples, name):
    """The median of a figure over the samples that have it."""
    values = [s[name] for s in samples if s.get(name) is not None]
    return statistics.median(values) if values else None


# ---- Sections ------------------------------------------------------------------------------------

def pairs_row(result):
    samples = result["samples"]
    return [result["name"], microseconds(middle(samples, "cpu_us")),
            with_interval(result["ratio"]), percent(middle(samples, "user_share")),
            figure(middle(result["counted"], "syscalls"), 2),
            figure(middle(samples, "switches"), 3),
            figure(middle(samples, "rate"), 0),
            *(milliseconds(middle(samples, name))
              for name in ("p50_ms", "p90_ms", "p99_ms", "p99_9_ms")),
            mebibytes(middle(samples, "peak_bytes"))]


IDLE_MAX = 0.15  # of the proxy's CPU, in a closed loop: beyond, it was not what limited the rate


def limited_by_load(results):
    """Whose requests/s are rather origin's and load's: a sentence, or nothing."""
    idle = {}
    for result in results:
        shares = [1 - s["core_share"] - s["foreign_share"] for s in result["samples"]
                  if s.get("core_share") is not None]
        if shares and statistics.median(shares) > IDLE_MAX:
            idle[result["name"]] = statistics.median(shares)
    if not idle:
        return ""
    return ("requests/s are the load's and origin's, not the proxy's own, for "
            + ", ".join(f"{name} (its CPU idled {share:.0%})" for name, share in idle.items())
            + "; CPU time a request is.")


def pairs_table(section):
    results = section["results"]
    first = results[0]["name"]
    header = ["", "CPU us/request", f"{first} / it [95 %]", "of it user", "syscalls/request",
              "switches/request", "requests/s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms",
              "peak MiB"]
    rows, notes = [], []
    for result in results:
        if result["skipped"]:
            notes.append(f"skipped: {result['name']}: {result['skipped']}")
        elif result["broken"]:
            notes.append(f"INVALID: {result['name']}: {result['broken']}")
            rows.append([result["name"], "INVALID"] + [""] * (len(header) - 2))
        else:
            rows.append(pairs_row(result))
        if result["note"] and not result["skipped"]:
            notes.append(result["note"])
    scenario = section["scenario"]
    pairs = max((len(r["samples"]) for r in results if r["spec"] != "direct"), default=0)
    said = limited_by_load([r for r in results if not r["broken"]])
    if said and not scenario.get("rate"):
        notes.append(said)
    if pairs and pairs < scenario.get("pairs", 0):
        notes.append(f"{pairs} pairs instead of {scenario['pairs']}: the run was to keep to its "
                     "time.")
    return Table(f"{section['title']} ({pairs} pairs of {scenario['seconds']:g} s)", header, rows,
                 notes + scenario["notes"])


def timeline_table(section):
    header = ["", "requests/s", "errors", "p50 ms", "p99 ms", "p99.9 ms", "max ms",
              "intervals with errors", "CPU us/request", "B an idle client", "peak MiB"]
    rows, notes = [], []
    for row in section["rows"]:
        if row["skipped"]:
            notes.append(f"skipped: {row['name']}: {row['skipped']}")
            continue
        if row["broken"]:
            notes.append(f"INVALID: {row['name']}: {row['broken']}")
            rows.append([row["name"], "INVALID"] + [""] * (len(header) - 2))
            continue
        notes += [f"{row['name']}: {error}" for error in row["errors"]]
        if row["saturated"]:
            notes.append(f"{row['name']}: the generator was the limit: {row['saturated']}")
        bad = sum(1 for second in row["seconds"] if second["errors"])
        count = sum(second["errors"] for second in row["seconds"])
        p = row["percentiles"]
        rows.append([row["name"], figure(row["rate"], 0), str(count),
                     *(milliseconds(p.get(name)) for name in ("50", "99", "99.9")),
                     milliseconds(row["max_ms"]), str(bad), microseconds(row["cpu_us"]),
                     figure(row["idle_bytes"], 0), mebibytes(row["peak_bytes"])])
    keep = [i for i in range(len(header))
            if i == 0 or any(row[i] for row in rows) or not rows]
    return Table(section["title"], [header[i] for i in keep],
                 [[row[i] for i in keep] for row in rows],
                 notes + section["scenario"]["notes"])


def curve_table(section):
    header = [section["x"], "answered/s", "CPU us/request", "p50 ms", "p90 ms", "p99 ms",
              "p99.9 ms", ""]
    rows = []
    for series in section["series"]:
        for point in series["points"]:
            said = "; ".join(point["errors"]) or (
                f"generator: {point['saturated']}" if point["saturated"] else "")
            label = size_text(int(point["x"])) if section["x"] == "body" else f"{point['x']:,.0f}"
            name = f"{series['name']}: " if len(section["series"]) > 1 else ""
            rows.append([name + label, figure(point["rate"], 0), microseconds(point["cpu_us"]),
                         *(milliseconds(point.get(n)) for n in
                           ("p50_ms", "p90_ms", "p99_ms", "p99_9_ms")), said])
    return Table(section["title"], header, rows, section["notes"])


def latency_table(section):
    header = ["", "offered/s", "answered/s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms",
              ""]
    rows = []
    for row in section["rows"]:
        p = row["percentiles"]
        said = "; ".join(row["errors"]) or (
            f"generator: {row['saturated']}" if row["saturated"] else "")
        rows.append([row["name"], figure(row["offered"], 0), figure(row["rate"], 0),
                     *(milliseconds(p.get(name)) for name in ("50", "90", "99", "99.9")),
                     milliseconds(row["max_ms"]), said])
    return Table(section["title"], header, rows, section["notes"])


def plain_table(section):
    return Table(section["title"], section["header"], section["rows"], section["notes"])


KINDS = {"pairs": pairs_table, "timeline": timeline_table, "curve": curve_table,
         "latency": latency_table, "table": plain_table}


def rows_of(section):
    """The dicts of a section, one a contender, whatever its kind."""
    rows = section.get("results") or section.get("series") or section.get("rows") or []
    return [row for row in rows if isinstance(row, dict)]


def of_section(section):
    return KINDS[section["kind"]](section)
