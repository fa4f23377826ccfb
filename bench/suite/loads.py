# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of load: wrk (closed loop), h2load (HTTP/2), or sluice-load (open loop). Each says the
same about it: how many, how long each took, and everything that went wrong."""
import json
import math
import os
import re
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

from .histogram import Histogram
from .processes import Failure, pinned, shown, spawn, stop

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WRK_SCRIPT = os.path.join(BENCH, "lua", "load.lua")
GRACE_SECONDS = 15
WRK_TRIES = 3
PERCENTILES = (50, 90, 99, 99.9)


@dataclass
class Request:
    """What is asked for, by whom, how often at once."""
    url: str
    connections: int = 64
    method: str = "GET"
    body_bytes: int = 0
    close: bool = False          # a new connection for each
    accept: str = ""             # wrk: of codings
    paths: list = field(default_factory=list)  # several, in turn; of the URL the path is ignored
    http2: bool = False
    websocket: bool = False      # sluice-load: a message each, of body_bytes, that comes back
    streams: int = 1             # HTTP/2: at once on a connection
    tls: str = "resumed"         # of new connections: "full" or "resumed"
    rate: float = 0              # sluice-load: requests/s; 0: as many as the connections carry
    arrivals: str = "uniform"    # or "poisson"
    timeout_s: float = 10
    trace: str = ""              # sluice-load: a file of requests with their times
    log: str = ""                # sluice-load: a file for a line per request
    interval_s: float = 1.0      # of the timeline
    expect_bytes: int = -1       # of each body; -1: any
    expect_status: int = 0       # 0: any below 400


@dataclass
class Load:
    """What came of it."""
    requests: int                # answered
    seconds: float
    percentiles: dict            # of latency: "50" -> ms
    errors: list = field(default_factory=list)
    histogram: Histogram = None  # when all are known
    points: list = field(default_factory=list)  # else (percent, us)
    received_bytes: int = 0
    offered: float = 0           # requests/s that were to be sent; 0: closed loop
    saturated: str = ""          # why the generator, not the target, was the limit
    timeline: list = field(default_factory=list)  # a dict a second

    @property
    def rate(self):
        return self.requests / self.seconds if self.seconds else 0.0

    def ms(self, percent):
        return self.percentiles.get(f"{percent:g}")


def of_histogram(histogram):
    if not histogram.counts:
        return {}
    return {f"{p:g}": histogram.percentile_us(p) / 1e3 for p in PERCENTILES}


def run_tool(command, cpus, seconds, whole, environment=None):
    """The output of a load program that ends by itself after `whole` seconds, by INT after fewer."""
    process = spawn(command, cpus, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                    env={**os.environ, **(environment or {})})
    try:
        if seconds < whole:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=whole + GRACE_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{command[0]} does not end") from late
    finally:
        stop(process, signal.SIGKILL)
    return text


# ---- wrk -------------------------------------------------------------------------------------------

def wrk_seconds(seconds):
    """wrk counts whole seconds; INT ends shorter runs."""
    return max(1, math.ceil(seconds))


def wrk_command(request, seconds, threads=1):
    words = []
    if request.method != "GET":
        words.append(f"method={request.method}")
    if request.body_bytes:
        words.append(f"body={request.body_bytes}")
    if request.close:
        words.append("close")
    if request.accept:
        words.append(f"accept={request.accept}")
    words += [f"path={path}" for path in request.paths]
    threads = min(threads, request.connections)
    return ["wrk", f"-t{threads}", f"-c{request.connections}", f"-d{wrk_seconds(seconds)}s",
            f"--timeout={math.ceil(request.timeout_s)}s", "-s", WRK_SCRIPT, request.url,
            *(["--", *words] if words else [])]


def parse_wrk(text):
    found = re.search(r"^json (\{.*\})$", text, re.M)
    if not found:
        raise Failure(f"wrk: {text.strip()[-300:] or 'no output'}")
    said = json.loads(found[1])
    errors = [f"{said[kind]} {kind} errors" for kind in ("connect", "read", "write", "timeout")
              if said[kind]]
    if said["status"]:
        errors.append(f"{said['status']} responses of a wrong status")
    if not said["requests"]:
        errors.append("no response at all")
    points = [tuple(point) for point in said["percentiles"]] + [(100, said["max"])]
    known = dict(points)
    return Load(said["requests"], said["microseconds"] / 1e6,
                {f"{p:g}": known[p] / 1e3 for p in PERCENTILES} if said["requests"] else {},
                errors, points=points, received_bytes=said["bytes"])


def run_wrk(request, seconds, cpus, threads=1):
    for _ in range(WRK_TRIES):
        text = run_tool(wrk_command(request, seconds, threads), cpus, seconds,
                        wrk_seconds(seconds))
        if text.strip():
            break  # else INT came before wrk had begun: the machine is crowded
    return parse_wrk(text)


# ---- h2load ----------------------------------------------------------------------------------------

def h2load_command(request, seconds, log, threads=1):
    extra = []
    if request.method != "GET":
        extra += ["-H", f":method: {request.method}"]
    if request.body_bytes:
        extra += ["-d", "BODY"]
    return ["h2load", f"-t{min(threads, request.connections)}", f"-c{request.connections}",
            f"-m{request.streams}", f"-D{wrk_seconds(seconds)}",
            f"-N{math.ceil(request.timeout_s)}s", f"--log-file={log}", *extra,
            *([request.url] if not request.paths
              else [re.match(r"\w+://[^/]+", request.url)[0] + path for path in request.paths])]


SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


UNIT_S = {"us": 1e-6, "ms": 1e-3, "s": 1}


def dried_up(starts_us, seconds):
    """Hardly any request began in the last quarter of the time."""
    last_quarter = min(starts_us, default=0) + 0.75e6 * seconds
    late = sum(start > last_quarter for start in starts_us)
    return len(starts_us) >= 100 and late < len(starts_us) / 4 / 3


def parse_h2load(text, log_lines):
    """Of the log: start in us, status, microseconds; a failed one has status -1."""
    done = re.search(r"requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed, "
                     r"(\d+) errored, (\d+) timeout", text)
    finished = re.search(r"finished in ([\d.]+)(us|ms|s)", text)
    if not done or not finished:
        raise Failure(f"h2load: {text.strip()[-300:] or 'no output'}")
    succeeded, failed, _errored, late = map(int, done.groups())
    histogram, wrong, starts = Histogram(), 0, []
    for line in log_lines:
        start, status, took = line.split()
        starts.append(int(start))
        if 200 <= int(status) < 400:
            histogram.add(int(took))
        elif int(status) >= 0:
            wrong += 1
    errors = []
    if wrong:
        errors.append(f"{wrong} responses of a wrong status")
    # What a duration cuts off counts as failed with some versions: those were never answered.
    if failed - wrong > 0 and late:
        errors.append(f"{late} timeout errors")
    if not succeeded:
        errors.append("no response at all")
    elif "Application protocol: h2" not in text:
        errors.append("the server did not speak HTTP/2")
    if succeeded and dried_up(starts, float(finished[1]) * UNIT_S[finished[2]]):
        errors.append("the server ended its connections in the middle, and h2load opens no others "
                      "(a limit of requests on a connection?)")
    size = re.search(r"traffic: [\d.]+\w+ \((\d+)\) total", text)
    seconds = float(finished[1]) * UNIT_S[finished[2]]
    return Load(succeeded, seconds, of_histogram(histogram), errors, histogram=histogram,
                received_bytes=int(size[1]) if size else 0)


def run_h2load(request, seconds, cpus, threads=1):
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        log, body = os.path.join(folder, "log"), os.path.join(folder, "body")
        with open(body, "wb") as f:
            f.write(b"0123456789abcdef" * (request.body_bytes // 16 + 1))
            f.truncate(request.body_bytes)
        command = [body if word == "BODY" else word
                   for word in h2load_command(request, seconds, log, threads)]
        text = run_tool(command, cpus, wrk_seconds(seconds), wrk_seconds(seconds))
        lines = []
        if os.path.exists(log):
            with open(log, encoding="utf-8") as f:
                lines = f.read().splitlines()
        return parse_h2load(text, lines)


# ---- sluice-load -------------------------------------------------------------------------------------

def open_command(request, seconds, program="sluice-load", threads=1):
    options = ["--url", request.url, "--connections", str(request.connections),
               "--timeout", f"{round(request.timeout_s * 1e3)}ms"]
    if request.trace:
        options += ["--trace", request.trace]
    else:
        options += ["--seconds", f"{seconds:g}", "--rate",
                    f"{request.rate:g}" if request.rate else "max"]
    if request.method != "GET":
        options += ["--method", request.method]
    if request.body_bytes:
        options += ["--body", str(request.body_bytes)]
    if request.close:
        options.append("--new-connections")
    if request.websocket:
        options.append("--websocket")
    if request.http2:
        options += ["--http2", "--streams", str(request.streams)]
    if request.tls == "full":
        options.append("--no-resumption")
    if request.arrivals != "uniform":
        options += ["--arrivals", request.arrivals]
    if request.expect_bytes >= 0:
        options += ["--expect-bytes", str(request.expect_bytes)]
    if request.expect_status:
        options += ["--expect-status", str(request.expect_status)]
    for path in request.paths:
        options += ["--path", path]
    if request.interval_s != 1.0:
        options += ["--interval", f"{round(request.interval_s * 1e3)}ms"]
    if request.log:
        options += ["--log", request.log]
    if threads > 1:
        options += ["--threads", str(threads)]
    return [program, *options]


ERROR_TEXTS = {
    "refused": "connections refused", "connect": "connections failed", "reset": "connections reset",
    "closed": "connections closed in mid-answer", "timeout": "requests without an answer in time",
    "status": "responses of a wrong status", "length": "bodies of a wrong length",
    "malformed": "malformed responses", "tls": "TLS failures", "protocol": "connections without HTTP/2", "unsent": "requests never sent",
}


def interval_plain(t, sent, done, errors, histogram):
    known = bool(histogram.counts)
    return {"t": t, "sent": sent, "done": done, "errors": errors, "histogram": histogram.counts,
            **{f"p{p}_ms": histogram.percentile_us(p) / 1e3 if known else None for p in (50, 99)},
            "max_ms": histogram.max_us() / 1e3 if known else None}


def timeline_of(lines):
    """Interval lines, several threads' of one interval joined."""
    joined = {}
    for said in map(json.loads, lines):
        at = joined.setdefault(said["t"], [0, 0, 0, Histogram()])
        for place, name in enumerate(("sent", "done", "errors")):
            at[place] += said[name]
        at[3].merge(Histogram(dict(said["histogram"])))
    return [interval_plain(t, *joined[t]) for t in sorted(joined)]


def parse_open(text):
    found = re.search(r"^(\{.*\})$", text, re.M)
    if not found:
        raise Failure(f"sluice-load: {text.strip()[-300:] or 'no output'}")
    said = json.loads(found[1])
    histogram = Histogram(dict(said["histogram"]))
    errors = [f"{count} {ERROR_TEXTS[kind]}" for kind, count in said["errors"].items() if count]
    if not said["done"]:
        errors.append("no response at all")
    timeline = timeline_of(re.findall(r"^interval (\{.*\})$", text, re.M))
    return Load(said["done"], said["seconds"], of_histogram(histogram), errors,
                histogram=histogram, received_bytes=said["received_bytes"],
                offered=said["offered"], saturated=said["saturated"], timeline=timeline)


def run_open(request, seconds, cpus, threads=1, program="sluice-load"):
    whole = seconds + request.timeout_s
    return parse_open(run_tool(open_command(request, seconds, program, threads), cpus, whole,
                               whole))


class OpenRun:
    """A run of sluice-load beside which something else is done; result() waits for its end."""

    def __init__(self, request, seconds, cpus, program, threads=1):
        self.limit = seconds + request.timeout_s + GRACE_SECONDS
        self.process = spawn(open_command(request, seconds, program, threads), cpus,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.began = time.monotonic()

    def at(self, seconds):
        """Sleeps until so many seconds of the run are over."""
        time.sleep(max(0.0, self.began + seconds - time.monotonic()))

    def result(self):
        try:
            text, _ = self.process.communicate(timeout=self.limit)
        except subprocess.TimeoutExpired as late:
            raise Failure("sluice-load does not end") from late
        return parse_open(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.process, signal.SIGKILL)


# ---- Any of them -------------------------------------------------------------------------------------

ENGINES = ("wrk", "h2load", "open")


def closed_loop(http2):
    """wrk has no HTTP/2."""
    return "h2load" if http2 else "wrk"


def run(engine, request, seconds, cpus, build, threads=1):
    if engine == "wrk":
        return run_wrk(request, seconds, cpus, threads)
    if engine == "h2load":
        return run_h2load(request, seconds, cpus, threads)
    return run_open(request, seconds, cpus, threads, os.path.join(build, "sluice-load"))


def command_shown(engine, request, seconds, cpus):
    """For the report: one that can be pasted."""
    if engine == "wrk":
        command = wrk_command(request, seconds)
        command[command.index("-s") + 1] = "bench/lua/load.lua"
        cut = f"  (INT after {seconds:g} s)" if seconds < wrk_seconds(seconds) else ""
        return shown(pinned(command, cpus)) + cut
    if engine == "h2load":
        return shown(pinned(h2load_command(request, seconds, "FILE"), cpus))
    return shown(pinned(open_command(request, seconds, "build/sluice-load"), cpus))
