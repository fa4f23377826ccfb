# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs contenders through scenarios in blocks of pairs, and keeps what came out."""
import contextlib
import http.client
import random
import sys
import time
from dataclasses import dataclass, field

import measure
import stats
from processes import Failure

WARM_SECONDS = 0.3
COUNTED_SECONDS = 0.5


@dataclass
class Scenario:
    key: str
    title: str
    size: int
    connections: int
    contenders: list  # the first is what the others are compared with
    pairs: int
    seconds: float
    close: bool = False
    notes: list = field(default_factory=list)

    @property
    def path(self):
        return f"/size/{self.size}"

    def steps(self):
        return 2 * len(self.contenders) * ((self.pairs + 1) // 2)


@dataclass
class Result:
    """A contender in a scenario."""
    name: str
    command: list = field(default_factory=list)
    configuration: str = ""
    samples: list = field(default_factory=list)  # of each pair in turn
    counted: list = field(default_factory=list)  # of the runs that count system calls
    ratio: stats.Interval = None                 # of the first contender's CPU time to its own
    broken: str = ""                             # why the row is invalid


class Progress:
    """Says on stderr where the run is: one line on a terminal, else one for each block."""

    def __init__(self, steps):
        self.steps = steps
        self.done = 0
        self.began = time.monotonic()
        self.rewrites = sys.stderr.isatty()

    def seconds(self):
        return time.monotonic() - self.began

    def line(self, text):
        return f"[{100 * self.done // self.steps:3d} %, {self.seconds():3.0f} s] {text}"

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
    def __init__(self, origin, cpus, scratch, seed, progress):
        self.origin = origin  # is up
        self.cpus = cpus
        self.scratch = scratch
        self.rng = random.Random(seed)
        self.progress = progress
        self.foreign = []  # shares of the proxy's CPU that others took, run by run
        self.uncounted = ""  # why system calls are not counted
        try:
            measure.SyscallCounter(origin.pids).close()
        except Failure as e:
            self.uncounted = str(e)

    def run(self, scenario):
        results = {c.name: Result(c.name, broken=c.missing()) for c in scenario.contenders}
        blocks = list(stats.orders(list(results), scenario.pairs, self.rng))
        for number, order in enumerate(blocks, 1):
            self.progress.block(f"{scenario.title}: block {number} of {len(blocks)}")
            self.block(scenario, order, results)
        direct = Result(self.origin.name, self.origin.command)
        attempt(direct, lambda: self.measure(self.origin, scenario, direct))
        compare_with_first(list(results.values()))
        return [*results.values(), direct]

    def block(self, scenario, order, results):
        """Starts all, runs them in order, stops all."""
        contenders = {c.name: c for c in scenario.contenders}
        with contextlib.ExitStack() as stack:
            for name, contender in contenders.items():
                stack.enter_context(contender)
                attempt(results[name], lambda: self.start(contender, scenario, results[name]))
                if not self.uncounted:
                    attempt(results[name], lambda: self.count(contender, scenario, results[name]))
            for name in order:
                self.progress.step(f"{scenario.title}: {name}")
                attempt(results[name],
                        lambda: self.measure(contenders[name], scenario, results[name]))

    def start(self, contender, scenario, result):
        contender.start(self.scratch, self.cpus[0], self.origin.port)
        result.command, result.configuration = contender.command, contender.configuration
        self.warm(contender, scenario)

    def warm(self, contender, scenario):
        """Until it answers properly, and then some."""
        connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", scenario.path)
            response = connection.getresponse()
            body = response.read()
        if response.status != 200 or len(body) != scenario.size:
            raise Failure(f"answers {response.status} with {len(body)} bytes instead of "
                          f"200 with {scenario.size}")
        measure.run_wrk(contender.url(scenario.path), scenario.connections, WARM_SECONDS,
                        self.cpus[1], scenario.close)

    def count(self, contender, scenario, result):
        result.counted.append(sound(measure.measure(contender, scenario, COUNTED_SECONDS,
                                                    self.cpus, count_syscalls=True)))

    def measure(self, contender, scenario, result):
        sample = sound(measure.measure(contender, scenario, scenario.seconds, self.cpus))
        result.samples.append(sample)
        if sample.foreign_share is not None:
            self.foreign.append(sample.foreign_share)


def sound(sample):
    """Errors are told as such, never as speed."""
    if sample.load.errors:
        raise Failure(", ".join(sample.load.errors))
    return sample


def attempt(result, action):
    """What goes wrong makes the contender's row invalid, and it is left alone from then on."""
    if result.broken:
        return
    try:
        action()
    except (Failure, OSError, http.client.HTTPException) as e:
        result.broken = str(e)


def compare_with_first(results):
    first = results[0]
    for result in results[1:]:
        if not first.broken and not result.broken:
            result.ratio = stats.compare([s.cpu_us for s in first.samples],
                                         [s.cpu_us for s in result.samples])
