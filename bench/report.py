# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as text: aligned for a terminal, or Markdown."""
import statistics
from typing import NamedTuple


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


def figure(value, digits):
    return "n/a" if value is None else f"{value:.{digits}f}"


def microseconds(value):
    return figure(value, 1 if value is not None and value < 100 else 0)


def percent(value):
    return "n/a" if value is None else f"{value * 100:.0f} %"


def with_interval(interval):
    return f"{interval.median:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def middle(samples, name):
    """The median of a figure over the samples that have it."""
    values = [v for v in (getattr(s, name) for s in samples) if v is not None]
    return statistics.median(values) if values else None


SCENARIO_HEADER = ["", "CPU us/request", "of it user", "syscalls/request", "switches/request",
                   "of its core", "requests/s", "p50 ms", "p99 ms", "sluice / it [95 %]"]


def scenario_row(result):
    """A contender's line in a scenario's table."""
    if result.broken:
        return [result.name, "INVALID"] + [""] * (len(SCENARIO_HEADER) - 2)
    loads = [s.load for s in result.samples]
    return [result.name, microseconds(middle(result.samples, "cpu_us")),
            percent(middle(result.samples, "user_share")),
            figure(middle(result.counted, "syscalls"), 2),
            figure(middle(result.samples, "switches"), 3),
            percent(middle(result.samples, "core_share")),
            f"{middle(loads, 'rate'):,.0f}", figure(middle(loads, "p50_ms"), 2),
            figure(middle(loads, "p99_ms"), 2),
            with_interval(result.ratio) if result.ratio else ""]


def scenario_table(scenario, results):
    notes = [f"INVALID: {result.name}: {result.broken}" for result in results if result.broken]
    pairs = max((len(r.samples) for r in results), default=0)
    return Table(f"{scenario.title} ({pairs} pairs of {scenario.seconds:g} s)", SCENARIO_HEADER,
                 [scenario_row(result) for result in results], notes + scenario.notes)
