# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verb is pointed at: a URL of the user's own, or a contender that is started for it."""
import contextlib
import os

from . import contenders, loads, measure, scenario
from .processes import Failure, family


def add_options(parser, several=True):
    parser.add_argument("targets" if several else "target", metavar="TARGET",
                        nargs="+" if several else None,
                        help="a URL, or a contender's name (sluice, nginx, haproxy:splice, ...)")
    parser.add_argument("--connections", default="64", metavar="N", help="at once (default 64)")
    parser.add_argument("--method", default="GET", metavar="WORD")
    parser.add_argument("--body", default="0", metavar="SIZE", help="of each request: 1KiB")
    parser.add_argument("--close", action="store_true", help="a new connection for each request")
    parser.add_argument("--http2", action="store_true", help="HTTP/2: by ALPN, or over http:// with "
                        "prior knowledge")
    parser.add_argument("--streams", default="1", metavar="N",
                        help="HTTP/2: requests at once on a connection (default 1)")
    parser.add_argument("--expect-status", type=int, default=0, metavar="N",
                        help="anything else is an error (default: 400 and more are)")
    parser.add_argument("--path", default=None, metavar="PATH",
                        help="of a contender's origin (default /size/13; sluice-origin --help)")
    parser.add_argument("--pid", type=int, metavar="PID",
                        help="of a URL's server on this machine: its CPU time is measured, too")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="S", help="of a request")


def one_number(name, text, least=1):
    try:
        value = int(text)
    except ValueError as e:
        raise Failure(f"--{name} {text}: a whole number is wanted") from e
    if value < least:
        raise Failure(f"--{name} {text}: at least {least}")
    return value


class Subject:
    """Is up and answers inside its `with`."""

    def __init__(self, context, text):
        self.context = context
        self.options = context.options
        self.name = text
        self.stack = contextlib.ExitStack()
        self.contender = None
        self.base = text if "://" in text else ""
        if not self.base:
            self.contender = contenders.make(text, context.build)
            self.name = self.contender.name
        if self.contender and self.options.pid:
            raise Failure("--pid is for a URL; a contender's processes are known")

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            if self.contender:
                self.start(stack)
            else:
                self.probe()
            self.stack = stack.pop_all()
        return self

    def start(self, stack):
        runner = self.context.runner
        contenders.require(self.contender)
        one = scenario.Scenario("target", "target", [self.contender.spec],
                                path=self.options.path or "/size/13", bytes=-1,
                                http2=self.options.http2,
                                tls="resumed" if self.options.http2 else "")
        lacking = self.contender.lacks(one.needs())
        if lacking:
            raise Failure(f"{self.name} {lacking}")
        stack.enter_context(runner)
        stack.enter_context(self.contender)
        self.contender.start(runner.setup(one))
        version = self.contender.version()
        if version:
            self.context.run.data["versions"][self.contender.spec] = version
        self.probe()

    def probe(self):
        """One request: whoever refuses, resets, stalls or answers with an error is told so now."""
        if self.options.http2:
            self.probe_http2()
            return
        body = b"x" * scenario.read_size(self.options.body) or None
        status, _ = measure.probe(self.url(), self.options.method, body,
                                  min(10.0, self.options.timeout))
        wanted = self.options.expect_status
        if status != wanted if wanted else status >= 400:
            raise Failure(f"{self.url()} answers {status}"
                          + ("" if wanted else "; --expect-status if that is what is wanted"))

    def probe_http2(self):
        """The same by sluice-load, and no more than one."""
        request = self.request(connections=1, streams=1, rate=1,
                               timeout_s=min(10.0, self.options.timeout))
        load = loads.run("open", request, 0.5, self.cpus(), self.context.build)
        if load.errors:
            raise Failure(f"{self.url()} by HTTP/2: {load.errors[0]}")

    def __exit__(self, *what):
        return self.stack.__exit__(*what)

    def url(self, path=None):
        if self.contender:
            return self.contender.url(path or self.options.path or "/size/13")
        return self.base

    def pids(self):
        if self.contender:
            return self.contender.pids if self.contender.proxy else []
        if not self.options.pid:
            return []
        if not os.path.exists(f"/proc/{self.options.pid}"):
            raise Failure(f"--pid {self.options.pid}: there is no such process")
        return family(self.options.pid)

    def request(self, **changes):
        options = self.options
        request = loads.Request(
            self.url(), connections=one_number("connections", options.connections),
            method=options.method, body_bytes=scenario.read_size(options.body),
            close=options.close, http2=options.http2,
            streams=one_number("streams", options.streams), timeout_s=options.timeout, expect_status=options.expect_status)
        for name, value in changes.items():
            setattr(request, name, value)
        return request

    def cpus(self):
        """Where the load runs: a target of one's own may be anywhere."""
        return self.context.cpus.load if self.contender or self.options.cpus else ""

    def sample(self, engine, request, seconds):
        pids = self.pids()

        def action():
            return loads.run(engine, request, seconds, self.cpus(), self.context.build)
        if not pids:
            return measure.Sample(action())
        return measure.measured(pids, self.context.cpus.proxy, action)
