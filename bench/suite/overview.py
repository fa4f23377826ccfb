# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a whole run fits on a page: the first contender against each rival, scenario by scenario,
and what a body's size does to it."""
import re

from . import tables

RIVALS = {"null relay": "null-relay", "nginx": "nginx", "HAProxy": "haproxy"}
NO_RIVALS = {"direct"}
UNEQUAL = {"bare", "again", "slowed"}  # variants that do less work, or are the same once more
SIZES_LEAST = 3
SPECIAL = ("tls", "http2", "tcp", "websocket", "close", "upload", "paths", "log", "rate")
LARGE = 1 << 20  # bodies that fewer connections carry


def kind_of(result):
    """("haproxy", ["splice"]) of haproxy:splice@BUILD."""
    name, *variants = result["spec"].partition("@")[0].split(":")
    return name, variants


def sound(section):
    """Results with figures that may be compared, the first one among them; else none."""
    found = [r for r in section["results"] if r["samples"] and not r["broken"]
             and not UNEQUAL & set(kind_of(r)[1])]
    return found if found and found[0] is section["results"][0] else []


def best(results):
    """Who needs least CPU, of those that were compared."""
    known = [r for r in results if r["ratio"]]
    return max(known, key=lambda r: r["ratio"]["median"]) if known else None


def against(rival, own_name):
    """The ratio, and by which variant: the best of a rival's is the measure."""
    if not rival:
        return ""
    ratio = rival["ratio"]
    said = f"{ratio['median']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]"
    added = rival["name"][len(own_name):].lstrip(", ") if rival["name"].startswith(own_name) \
        else rival["name"]
    return f"{said} {added}".rstrip()


def row_of(section):
    results = sound(section)
    if not results:
        return None
    first, own = results[0], kind_of(results[0])[0]
    rivals = [r for r in results[1:] if kind_of(r)[0] not in NO_RIVALS | {own}]
    cells = [against(best([r for r in rivals if kind_of(r)[0] == spec]), name)
             for name, spec in RIVALS.items()]
    others = best([r for r in rivals if kind_of(r)[0] not in RIVALS.values()])
    if not any(cells) and not others:
        return None
    return [section["title"], tables.microseconds(tables.middle(first["samples"], "cpu_us")),
            *cells, against(others, "")]


def table(data):
    """None when there is nothing to be compared."""
    pairs = [section for section in data["sections"] if section["kind"] == "pairs"]
    rows = [row for row in map(row_of, pairs) if row]
    if len(rows) < 2:
        return None
    first = pairs[0]["results"][0]["name"]
    header = ["", f"{first}: CPU us/request", *(f"over {name}" for name in RIVALS),
              "over the best of others"]
    keep = [i for i in range(len(header)) if i < 2 or any(row[i] for row in rows)]
    return tables.Table(
        f"At a glance: CPU time of {first} over theirs, request by request",
        [header[i] for i in keep], [[row[i] for i in keep] for row in rows],
        ["Below 1: it needs less. Median and 95 % interval of interleaved pairs; of each rival the "
         "variant that needs least, which is named. The null relay reads no HTTP: the floor."])


# ---- Sizes -----------------------------------------------------------------------------------------

def size_of(section):
    """Of the body, when that is all there is to the scenario; None: it is about something else."""
    one = section["scenario"]
    match = re.fullmatch(r"/size/(\d+)", one.get("path", ""))
    if not match or any(one.get(name) for name in SPECIAL):
        return None
    size = int(match[1])
    usual = one.get("connections") == 64 or size >= LARGE
    return size if usual else None


def point_of(size, result):
    samples = result["samples"]
    found = {name: tables.middle(samples, name) for name in
             ("cpu_us", "rate", "p50_ms", "p90_ms", "p99_ms", "p99_9_ms")}
    return {"x": size, "errors": [], "saturated": "", **found}


def sizes(sections):
    """A curve's section over the sizes of bodies; None: too few."""
    series, seen = {}, set()
    for section in sections:
        size = size_of(section) if section["kind"] == "pairs" else None
        if size is None or size in seen:
            continue
        seen.add(size)
        for result in section["results"]:
            if result["samples"] and not result["broken"] and result["spec"] != "direct":
                series.setdefault(result["name"], []).append(point_of(size, result))
    curves = [{"name": name, "points": sorted(points, key=lambda p: p["x"])}
              for name, points in series.items() if len(points) >= SIZES_LEAST]
    if not curves:
        return None
    return {"kind": "curve", "title": "CPU time of a request over the size of its body",
            "series": curves, "load": "", "x": "bytes of the body", "notes":
            ["The medians of the scenarios above that differ in size (and in how many connections "
             "carry the largest)."]}
