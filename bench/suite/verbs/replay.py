# SPDX-License-Identifier: GPL-3.0-or-later
"""replay: a trace of live requests, played to one target or two; soak: hours of the same load."""
import collections
import json
import os
import re
import signal
import subprocess
import tempfile
import time

from .. import kernel, loads, measure, subject, tables
from ..histogram import Histogram
from ..processes import Failure, spawn, stop
from ..subject import Subject

SHOWN_MAX = 25        # differences in the report
POINTS_MAX = 600      # of a soak's timeline
SETTLED = 1 / 3       # of a soak: memory is compared from there on
GROWTH_MAX = 0.10


# ---- replay ----------------------------------------------------------------------------------------

def add_replay(parser):
    parser.add_argument("trace", metavar="TRACE", help="as sluice writes it: logs: { t: { to: FILE, "
                        "format: trace } }")
    parser.add_argument("targets", nargs="+", metavar="URL", help="one or two: http://HOST:PORT")
    parser.add_argument("--speed", default="1x", metavar="Nx", help="2x: in half the time")
    parser.add_argument("--connections", type=int, default=256, metavar="N",
                        help="at most so many at once (default 256)")
    parser.add_argument("--methods", default="GET,HEAD", metavar="A,B", help="what is played; "
                        "'all' too if it may be done again (default GET,HEAD)")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="S", help="of a request")
    parser.add_argument("--ignore-bytes", action="store_true", help="bodies may differ in length")


Traced = collections.namedtuple("Traced", "at method path request_bytes status response_bytes us")
Played = collections.namedtuple("Played", "latency_us status response_bytes result")


def read_trace(path, methods="all"):
    """The requests by time; Failure names the line that is none."""
    found, skipped, wanted = [], 0, None if methods == "all" else set(methods.split(","))
    try:
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                try:
                    said = json.loads(line)
                    one = Traced(*(said[name] for name in Traced._fields))
                    if not all(isinstance(v, int) and v >= 0 for v in
                               (one.at, one.request_bytes, one.status, one.response_bytes, one.us)):
                        raise ValueError("a number is wanted")
                except (ValueError, KeyError, TypeError) as e:
                    raise Failure(f"{path}:{number}: no line of a trace ({e})") from e
                playable = re.match(r"/[!-~]*$", one.path) and re.match(r"[A-Z]+$", one.method)
                if playable and (wanted is None or one.method in wanted):
                    found.append(one)
                else:
                    skipped += 1
    except (OSError, UnicodeDecodeError) as e:
        raise Failure(f"{path}: {e}") from e
    if not found:
        raise Failure(f"{path}: no request in it that is to be played")
    return sorted(found, key=lambda one: one.at), skipped


def read_speed(text):
    match = re.match(r"([\d.]+)x?$", text)
    try:
        speed = float(match[1]) if match else 0
    except ValueError:
        speed = 0
    if speed <= 0:
        raise Failure(f"--speed {text}: 2x, 0.5x")
    return speed


def write_requests(path, traced, speed):
    """For sluice-load; returns how long the play takes, in s."""
    at = 0.0
    with open(path, "w", encoding="utf-8") as f:
        for one in traced:
            at = (one.at - traced[0].at) / speed
            f.write(f"{round(at)} {one.method} {one.path} {one.request_bytes}\n")
    return at / 1e6


def read_played(path):
    """By the number of the request."""
    found = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            index, _due, latency, status, size, result = line.split()
            found[int(index)] = Played(int(latency), int(status), int(size), result)
    return found


def carried(played):
    """An answer came, whatever it says."""
    return played is not None and played.result in ("ok", "status", "length")


def differences(traced, plays, with_bytes):
    """(request, [what recorded and each target said]) where they are not all the same."""
    for index, one in enumerate(traced):
        said = [(one.status, one.response_bytes if with_bytes and one.method != "HEAD" else 0)]
        for play in plays:
            got = play.get(index)
            if not carried(got):
                said.append((got.result if got else "unsent", 0))
            else:
                said.append((got.status, got.response_bytes
                             if with_bytes and one.method != "HEAD" else 0))
        if len(set(said)) > 1:
            yield one, said


def replay(context):
    options = context.options
    if len(options.targets) > 2:
        raise Failure("one or two targets are wanted")
    if options.connections < 1 or options.timeout <= 0:
        raise Failure("--connections, --timeout: above 0")
    speed = read_speed(options.speed)
    traced, skipped = read_trace(options.trace, options.methods)
    context.runner.progress.steps = len(options.targets)
    section = {"kind": "latency", "title": f"replay of {os.path.basename(options.trace)}, "
               f"{len(traced):,} requests at {speed:g}x (open loop)", "rows": [],
               "notes": ["recorded: as sluice took it, from the request's first byte"]}
    plays, errors = [], 0
    recorded = Histogram()
    for one in traced:
        recorded.add(one.us)
    took = max(1e-6, (traced[-1].at - traced[0].at) / 1e6)
    section["rows"].append(row_of("recorded", len(traced) / took, len(traced), took, recorded))
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        requests = os.path.join(folder, "requests")
        seconds = write_requests(requests, traced, speed)
        for url in options.targets:
            url = url.rstrip("/")
            measure.probe(url + "/")
            context.runner.progress.block(url)
            context.runner.progress.step(url)
            log = os.path.join(folder, "log")
            request = loads.Request(url, connections=options.connections, trace=requests,
                                    timeout_s=options.timeout, log=log)
            load = loads.run("open", request, seconds, "", context.build)
            plays.append(read_played(log))
            latencies = Histogram()
            for played in plays[-1].values():
                if carried(played):
                    latencies.add(played.latency_us)
            row = row_of(url, load.offered, latencies.total, load.seconds, latencies)
            row["errors"] = [error for error in load.errors if "of a wrong" not in error
                             and "no response" not in error]
            row.update(saturated=load.saturated, seconds=load.timeline)
            errors += len(row["errors"])
            section["rows"].append(row)
    context.run.add(section)
    found = list(differences(traced, plays, not options.ignore_bytes))
    context.run.add({
        "kind": "table", "title": f"answers that differ: {len(found):,} of {len(traced):,}",
        "header": ["", "recorded", *options.targets],
        "rows": [[f"{one.method} {one.path[:80]}", *(answer_text(s) for s in said)]
                 for one, said in found[:SHOWN_MAX]],
        "notes": ([f"{skipped:,} requests of the trace were not played (--methods)"]
                  if skipped else []) +
        ([f"the first {SHOWN_MAX} of them are shown"] if len(found) > SHOWN_MAX else []) +
        ["Bodies of requests are filled with a pattern; redacted paths are played as they stand."]})
    return int(bool(found) or bool(errors))


def row_of(name, offered, answered, seconds, histogram):
    return {"name": name, "offered": offered, "rate": answered / max(seconds, 1e-6), "errors": [],
            "saturated": "", "percentiles": loads.of_histogram(histogram), "cpu_us": None,
            "max_ms": (histogram.max_us() or 0) / 1e3, "histogram": histogram.counts,
            "seconds": []}


def answer_text(said):
    status, size = said
    return f"{status}, {size:,} B" if isinstance(status, int) else status


# ---- soak ------------------------------------------------------------------------------------------

def add_soak(parser):
    subject.add_options(parser, several=False)
    parser.add_argument("--rate", type=float, default=1000, metavar="N",
                        help="requests/s (default 1000)")
    parser.add_argument("--hours", type=float, default=1.0, metavar="N", help="default 1")
    parser.add_argument("--seconds", type=float, metavar="N", help="instead of --hours")


def memory_of(pids):
    return kernel.private_bytes(pids) if pids else None


def follow(context, one, process, interval_s):
    """Reads interval lines as they come, memory beside them; (lines, the last one, memory)."""
    lines, last, memory, began = [], "", [], time.monotonic()
    pids = one.pids()
    while True:
        try:
            line = process.stdout.readline()
            if not line:
                return lines, last, memory
            if line.startswith("interval "):
                lines.append(line[len("interval "):])
                if pids:
                    memory.append((time.monotonic() - began, memory_of(pids)))
                said = json.loads(lines[-1])
                context.runner.progress.step(
                    f"{one.name}: {said['t'] + interval_s:,.0f} s, {said['done']:,} answered, "
                    f"{said['errors']:,} errors")
            else:
                last = line
        except KeyboardInterrupt:
            context.run.data["interrupted"] = True
            process.send_signal(signal.SIGINT)


def soak(context):
    options = context.options
    seconds = options.seconds or options.hours * 3600
    if seconds < 2 or options.rate <= 0:
        raise Failure("at least 2 seconds and more than 0 requests/s")
    interval_s = max(1.0, float(-(-seconds // POINTS_MAX)))
    context.runner.progress.steps = round(seconds / interval_s)
    with Subject(context, options.target) as one:
        request = one.request(rate=options.rate, interval_s=interval_s)
        command = loads.open_command(request, seconds,
                                     os.path.join(context.build, "sluice-load"))
        process = spawn(command, one.cpus(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                        text=True)
        try:
            lines, last, memory = follow(context, one, process, interval_s)
        finally:
            stop(process, signal.SIGKILL)
        command_shown = loads.command_shown("open", request, seconds, one.cpus())
    load = loads.parse_open("".join("interval " + line for line in lines) + last)
    row = measure.latency_row(one.name, measure.Sample(load))
    notes = []
    grown = growth([value for _, value in memory])
    if grown is not None:
        notes.append(f"memory in the last part of the run against that after its first third: "
                     f"{grown:+.1%} (from {tables.mebibytes(memory[len(memory) // 3][1])} MiB)")
    context.run.add({"kind": "latency", "title": f"soak: {options.rate:g} requests/s for "
                     f"{seconds:,.0f} s (open loop)", "rows": [row], "notes": notes,
                     "load": command_shown, "memory": memory})
    grows = grown is not None and grown > GROWTH_MAX
    if grows:
        row["errors"].append(f"memory grew by {grown:.0%}")
    return int(bool(load.errors) or grows)


def growth(values):
    """Of a median near the end over one after the first third; None: too few to tell."""
    if len(values) < 9:
        return None
    third = round(len(values) * SETTLED)
    width = max(1, len(values) // 9)
    early, late = sorted(values[third:third + width]), sorted(values[-width:])
    return late[len(late) // 2] / early[len(early) // 2] - 1


VERBS = [
    ("soak", "hours of one load: errors, stalls, memory that grows", add_soak, soak, True),
    ("replay", "a recorded trace, against one target or two: status, bytes, latency", add_replay,
     replay, True),
]
