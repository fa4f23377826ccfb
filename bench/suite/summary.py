# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole run as text: for a terminal, as Markdown, for the README; what is lost at, and what a
difference must exceed to mean anything."""
import re

from . import overview, tables


def losses(data):
    """What the first contender of each scenario loses at, as sentences: whole intervals above 1
    against another proxy (a null relay is no proxy, and one's own variants are no rivals)."""
    found = []
    for section in data["sections"]:
        if section["kind"] != "pairs":
            continue
        first = section["results"][0]
        own = first["spec"].partition(":")[0].partition("@")[0]
        for result in section["results"][1:]:
            kind = result["spec"].partition(":")[0].partition("@")[0]
            ratio = result["ratio"]
            if ratio and ratio["low"] > 1 and kind not in (own, "null-relay", "direct"):
                found.append(f"{section['title']}: {first['name']} needs {ratio['median']:.2f} "
                             f"times the CPU of {result['name']} "
                             f"[{ratio['low']:.2f}, {ratio['high']:.2f}]")
    return found


def resolution(data):
    """The A/A rows: what a difference must exceed to mean anything here."""
    found = []
    for section in data["sections"]:
        for result in section.get("results", []):
            if "again" in result["spec"].split(":")[1:] and result["ratio"]:
                found.append(f"{section['title']}: the same against itself "
                             f"{tables.with_interval(result['ratio'])}")
    return found


def without_ports(configuration):
    """Ports are new in each block, and mean nothing."""
    return re.sub(r"\b\d{5}\b", "PORT", configuration)


def configurations(data):
    """(name, command, configuration) of every contender once, and the load's commands."""
    seen, commands = {}, []
    for section in data["sections"]:
        if section.get("load"):
            commands.append((section["title"], section["load"]))
        for row in tables.rows_of(section):
            if row.get("command"):
                name, written = row["name"], row["configuration"]
                if name in seen and without_ports(seen[name][2]) != without_ports(written):
                    name += ": " + section["title"]
                seen.setdefault(name, (name, row["command"], written))
    return list(seen.values()), commands


def head_lines(data):
    lines = list(data["facts"].items())
    lines += [("", version) for version in data["versions"].values()]
    return lines


def text(data):
    """The run for a terminal."""
    parts = ["\n".join(f"  {name:26} {value}" for name, value in head_lines(data)), ""]
    parts += [f"NOT FIT TO MEASURE: {reason}" for reason in data["unfit"]]
    if data["interrupted"]:
        parts.append("INTERRUPTED: what was measured until then follows.\n")
    glance = overview.table(data)
    if glance:
        parts.append(tables.text_table(glance))
    parts += [tables.text_table(tables.of_section(section)) for section in data["sections"]]
    for title, sentences in (("What we lose at", losses(data)), ("Resolution", resolution(data))):
        if sentences:
            parts.append("\n".join([title, "", *(f"  {s}" for s in sentences), ""]))
    return "\n".join(parts)


def markdown(data):
    facts = data["facts"]
    parts = [f"{facts['machine']}; {facts['CPUs']}; load average {facts['load average at start']} "
             f"to {facts.get('load average at end', '?')}; {facts['congestion control']}; "
             f"{data['began']}; commit {facts['commit']}.",
             "", ", ".join(data["versions"].values()), "", f"`{facts['command']}`", ""]
    parts += [f"**Not fit to measure:** {reason}\n" for reason in data["unfit"]]
    if data["interrupted"]:
        parts.append("**Interrupted**: what was measured until then follows.\n")
    glance = overview.table(data)
    if glance:
        parts.append(tables.markdown_table(glance))
    lost = losses(data)
    if any(s["kind"] == "pairs" for s in data["sections"]):
        parts += ["**What we lose at**", "", *(f"- {s}" for s in lost or ["nothing measured here"]),
                  ""]
    if resolution(data):
        parts += ["**Resolution** (A/A)", "", *(f"- {s}" for s in resolution(data)), ""]
    parts += [tables.markdown_table(tables.of_section(section)) for section in data["sections"]]
    return "\n".join(parts)


# ---- The README's part ------------------------------------------------------------------------------

def contenders_table(section):
    """Rows of one scenario, without what only a report has room for."""
    first = section["results"][0]
    rows = [[r["name"], tables.microseconds(tables.middle(r["samples"], "cpu_us")),
             tables.figure(tables.middle(r["counted"], "syscalls"), 2),
             tables.figure(tables.middle(r["samples"], "rate"), 0), tables.with_interval(r["ratio"])]
            for r in section["results"] if r["samples"] and not r["broken"]]
    return tables.Table(section["title"], ["", "CPU us/request", "system calls/request",
                                           "requests/s", f"{first['name']} / it [95 %]"], rows, [])


def memory_sentence(data):
    """Of idle clients, from the scenario that has them."""
    for section in data["sections"]:
        rows = [row for row in section.get("rows", []) if isinstance(row, dict)
                and row.get("idle_bytes")]
        if rows:
            return (f"{section['title'].capitalize()}: an idle one costs "
                    + ", ".join(f"{row['name']} {row['idle_bytes']:,.0f} B" for row in rows)
                    + " of user memory.")
    return ""


def readme(data):
    """What stands between the README's marks, as Markdown."""
    facts = data["facts"]
    counts = [len(r["samples"]) for s in data["sections"] if s["kind"] == "pairs"
              for r in s["results"] if r["ratio"]] or [0]
    parts = [f"{data['began'][:10]}, {facts['machine']}, loopback, {facts['congestion control']}; "
             f"commit {facts['commit']}; {min(counts)} to {max(counts)} pairs of each.", ""]
    parts += [f"**Not fit to measure:** {reason}\n" for reason in data["unfit"]]
    pairs = [section for section in data["sections"] if section["kind"] == "pairs"]
    parts += [tables.markdown_table(contenders_table(section)) for section in pairs[:1]]
    glance = overview.table(data)
    if glance:
        parts.append(tables.markdown_table(glance))
    lost = losses(data)
    parts += ["**What we lose at**", "", *(f"- {s}" for s in lost or ["nothing measured here"]), ""]
    if memory_sentence(data):
        parts += [memory_sentence(data), ""]
    return "\n".join(parts)
