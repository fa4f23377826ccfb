# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs scenarios: pairs in ABBA blocks, or something that happens in the middle of a load."""
import contextlib
import random
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field

from . import contenders, events, kernel, knee, loads, measure, stats
from .budget import another_fits
from .histogram import Histogram
from .processes import Failure

SHORT_TRIES = 3  # of these, which a crowded machine may not let begin in time


@dataclass
class Result:
    """What became of one contender in one scenario."""
    name: str
    spec: str = ""
    command: list = field(default_factory=list)
    configuration: str = ""
    version: str = ""
    note: str = ""
    samples: list = field(default_factory=list)
    counted: list = field(default_factory=list)  # samples with syscalls, no others
    ratio: stats.Interval = None                 # CPU of the first contender over this one's
    broken: str = ""                             # why the row is invalid
    skipped: str = ""                            # why there is no row

    def histogram(self):
        whole = Histogram()
        for sample in self.samples:
            if sample.load.histogram:
                whole.merge(sample.load.histogram)
        return whole

    def points(self):
        """(percent, us): of all runs when every latency is known, else the runs' medians."""
        whole = self.histogram()
        if whole.counts:
            return [(100 * share, us) for share, us in whole.curve()]
        columns = zip(*(sample.load.points for sample in self.samples))
        fewest = min((sample.load.requests for sample in self.samples), default=0)
        return [(column[0][0], sorted(us for _, us in column)[len(column) // 2])
                for column in columns  # a percentile beyond the last request is none
                if column[0][0] == 100 or (100 - column[0][0]) / 100 * fewest >= 1]

    def plain(self):
        return {"name": self.name, "spec": self.spec, "command": self.command,
                "configuration": self.configuration, "version": self.version, "note": self.note,
                "broken": self.broken, "skipped": self.skipped,
                "ratio": self.ratio._asdict() if self.ratio else None,
                "samples": [sample.plain() for sample in self.samples],
                "counted": [sample.plain() for sample in self.counted],
                "histogram": self.histogram().counts, "points": self.points()}


class Progress:
    """Says on stderr where the run is: one line on a terminal, else one for each block."""

    def __init__(self, steps):
        self.steps = max(1, steps)
        self.done = 0
        self.began = time.monotonic()
        self.rewrites = sys.stderr.isatty()

    def seconds(self):
        return time.monotonic() - self.began

    def line(self, text):
        return f"[{min(100, 100 * self.done // self.steps):3d} %, {self.seconds():3.0f} s] {text}"

    def block(self, text):
        if not self.rewrites:
            print(self.line(text), file=sys.stderr, flush=True)

    def step(self, text):
        if self.rewrites:
            print(f"\r{self.line(text):78.78}", end="", file=sys.stderr, flush=True)
        self.done += 1

    def end(self):
        if self.rewrites:
            print(f"\r{'':78}\r", end="", file=sys.stderr, flush=True)


class Runner:
    """Owns the origins; everything else lives within a block."""

    def __init__(self, build, cpus, scratch, seed, files, progress=None):
        self.build = build
        self.cpus = cpus
        self.scratch = scratch
        self.files = files
        self.rng = random.Random(seed)
        self.progress = progress or Progress(1)
        self.foreign = []  # shares of the proxy's CPU that others took, run by run
        self.origin = contenders.Origin(build)
        self.certificate = None
        self.uncounted = ""  # why system calls are not counted

    def __enter__(self):
        contenders.require(self.origin)
        self.origin.start(contenders.Setup(self.scratch, [], cpus=self.cpus.load))
        try:
            kernel.SyscallCounter(self.origin.pids).close()
        except (Failure, OSError) as e:
            self.uncounted = str(e)
        return self

    def __exit__(self, *_):
        self.origin.stop()

    # ---- Parts that other verbs use, too ----

    def setup(self, scenario, servers=None):
        if scenario.tls and not self.certificate:
            self.certificate = contenders.Certificate(self.scratch)
        return contenders.Setup(self.scratch, servers or [self.origin.port],
                                cpus=self.cpus.proxy, workers=self.cpus.workers, files=self.files,
                                certificate=self.certificate if scenario.tls else None,
                                http2=scenario.http2, log=scenario.log, tcp=scenario.tcp,
                                websocket=scenario.websocket)

    def load(self, scenario, url, seconds, **changes):
        request = scenario.request(url)
        for name, value in changes.items():
            setattr(request, name, value)
        return loads.run(scenario.runs_by(), request, seconds, self.cpus.load, self.build)

    def warm(self, contender, scenario):
        """Until it answers properly, and then some."""
        url = contender.url(scenario.path)
        body = b"x" * scenario.upload if scenario.upload else None
        for _ in range(0 if scenario.websocket else 5):
            status, size = (measure.probe_http2(url) if scenario.http2 and not scenario.tls
                            else measure.probe(url, scenario.method, body))
            if status == 200 and scenario.bytes in (-1, size):
                break
            if status < 500 or "error" not in scenario.path:
                raise Failure(f"answers {status} with {size} bytes instead of 200"
                              + (f" with {scenario.bytes}" if scenario.bytes >= 0 else ""))
        for _ in range(SHORT_TRIES):
            load = self.load(scenario, url, scenario.warm_seconds())
            if load.requests:
                return
        raise Failure(", ".join(load.errors))

    def contender(self, spec, scenario):
        """(contender, result): the result says when it takes no part."""
        made = contenders.make(spec, self.build)
        reason = made.missing() or made.lacks(scenario.needs())
        return made, Result(made.name, spec, skipped=reason, note=made.note,
                            version="" if reason else made.version())

    # ---- A scenario ----

    def run(self, scenario, deadline=None):
        """The scenario's section of the report; pairs after the first block are left out when the
        deadline is near."""
        if scenario.event == "knee":
            return knee.run(self, scenario)
        if scenario.event:
            return events.run(self, scenario)
        taking, results = {}, {}
        for spec in scenario.contenders:
            made, result = self.contender(spec, scenario)
            results[made.name] = result
            if not result.skipped:
                taking[made.name] = made
        blocks = list(stats.orders(list(taking), scenario.pairs, self.rng))
        for number, order in enumerate(blocks, 1):
            began = time.monotonic()
            self.progress.block(f"{scenario.title}: block {number} of {len(blocks)}")
            self.block(scenario, taking, order, results)
            if not another_fits(deadline, time.monotonic() - began):
                self.progress.done += sum(map(len, blocks[number:]))
                break
        if scenario.direct():
            direct = Result(self.origin.name, "direct", self.origin.command)
            attempt(direct, lambda: self.measure(self.origin, scenario, direct))
            results[direct.name] = direct
        compare_with_first(list(results.values()))
        return self.section(scenario, list(results.values()))

    def section(self, scenario, results):
        return {"kind": "pairs", "key": scenario.key, "title": scenario.title,
                "scenario": asdict(scenario),
                "load": loads.command_shown(scenario.runs_by(), scenario.request("URL"), scenario.seconds,
                                            self.cpus.load),
                "results": [result.plain() for result in results]}

    def block(self, scenario, taking, order, results):
        """Starts all, runs them in order, stops all."""
        with contextlib.ExitStack() as stack:
            for name, contender in taking.items():
                stack.enter_context(contender)
                attempt(results[name], lambda: self.start(contender, scenario, results[name]))
                if not self.uncounted:
                    attempt(results[name], lambda: self.count(contender, scenario, results[name]))
            for name in order:
                self.progress.step(f"{scenario.title}: {name}")
                attempt(results[name],
                        lambda: self.measure(taking[name], scenario, results[name]))

    def start(self, contender, scenario, result):
        contender.start(self.setup(scenario))
        result.command, result.configuration = contender.command, contender.configuration
        self.warm(contender, scenario)

    def count(self, contender, scenario, result):
        """Without a single answer in so short a time nothing is counted; that is no failure."""
        for _ in range(SHORT_TRIES):
            sample = self.sample(contender, scenario, scenario.counted_seconds(),
                                 count_syscalls=True)
            if sample.load.requests:
                result.counted.append(measure.sound(sample))
                return

    def sample(self, contender, scenario, seconds, count_syscalls=False):
        """One run against a contender that is up and warm."""
        url = contender.url(scenario.path)
        if not contender.proxy:
            return measure.Sample(self.load(scenario, url, seconds))
        return measure.measured(contender.pids, self.cpus.proxy,
                                lambda: self.load(scenario, url, seconds), count_syscalls)

    def measure(self, contender, scenario, result):
        sample = measure.sound(self.sample(contender, scenario, scenario.seconds))
        result.samples.append(sample)
        if sample.foreign_share is not None:
            self.foreign.append(sample.foreign_share)


def attempt(result, action):
    """What goes wrong makes the contender's row invalid, and it is left alone from then on."""
    if result.broken or result.skipped:
        return
    try:
        action()
    except (Failure, OSError, subprocess.SubprocessError) as e:
        result.broken = str(e)


def compare_with_first(results):
    first = results[0]
    for result in results[1:]:
        pairs = min(len(first.samples), len(result.samples))
        if pairs and not (first.broken or result.broken) and result.samples[0].cpu_us:
            result.ratio = stats.compare([s.cpu_us for s in first.samples[:pairs]],
                                         [s.cpu_us for s in result.samples[:pairs]])
