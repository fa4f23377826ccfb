# SPDX-License-Identifier: GPL-3.0-or-later
"""target, sweep, latency, max-rate: one system, or some, under one kind of load."""
import re
import sys

from .. import loads, measure, scenario, subject, tables
from ..processes import Failure
from ..subject import Subject

SHARES = (0.5, 0.8)  # of the maximum, at which latency is measured
PRECISION = 0.05     # of a searched rate
TRIALS_MAX = 40


def say(context, text):
    context.runner.progress.block(text)
    context.runner.progress.step(text)


def troubles(load):
    return load.errors + ([f"the generator was the limit: {load.saturated}"]
                          if load.saturated else [])


def numbers(name, text):
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError as e:
        raise Failure(f"--{name} {text}: numbers with commas between are wanted") from e
    if not all(value > 0 for value in values):
        raise Failure(f"--{name} {text}: numbers above 0 are wanted")
    return values


def seconds_of(options):
    if options.seconds < 0.5:
        raise Failure("--seconds: at least 0.5")
    return options.seconds


# ---- target ----------------------------------------------------------------------------------------

def add_target(parser):
    subject.add_options(parser, several=False)
    parser.add_argument("--seconds", type=float, default=4.0, metavar="N", help="a run (default 4)")


def target(context):
    options = context.options
    seconds, status = seconds_of(options), 0
    engine = loads.closed_loop(options.http2)
    context.runner.progress.steps = 5
    with Subject(context, options.target) as one:
        samples = []
        for number in range(3):
            say(context, f"{one.name}: as much as it carries, {number + 1} of 3")
            samples.append(one.sample(engine, one.request(), seconds))
            if samples[-1].load.errors:
                break
        loads_ = [sample.load for sample in samples]
        errors = [error for load in loads_ for error in load.errors]
        rates = sorted(load.rate for load in loads_)
        rows = [[f"run {i + 1}", tables.figure(s.load.rate, 0), tables.microseconds(s.cpu_us),
                 *(tables.milliseconds(s.load.ms(p)) for p in (50, 90, 99, 99.9)),
                 "; ".join(s.load.errors)] for i, s in enumerate(samples)]
        context.run.add({
            "kind": "table", "title": f"{one.name}: as much as it carries ({engine}, "
            f"{options.connections} connections, closed loop)",
            "header": ["", "answered/s", "CPU us/request", "p50 ms", "p90 ms", "p99 ms",
                       "p99.9 ms", ""], "rows": rows,
            "load": loads.command_shown(engine, one.request(), seconds, one.cpus()),
            "notes": ["A closed loop asks no more while it waits: its percentiles are indicative."]
            + [f"INVALID: {error}" for error in errors]})
        if errors:
            return 1
        section = {"kind": "latency", "title": f"{one.name}: latency at a given rate (open loop)",
                   "rows": [], "notes": [], "load": loads.command_shown(
                       "open", one.request(rate=SHARES[0] * rates[len(rates) // 2]), seconds,
                       one.cpus())}
        for share in SHARES:
            say(context, f"{one.name}: {share:.0%} of it, open loop")
            rate = share * rates[len(rates) // 2]
            sample = one.sample("open", one.request(rate=rate), seconds)
            section["rows"].append(measure.latency_row(f"{share:.0%} of the maximum", sample))
            status = status or int(bool(sample.load.errors))
        context.run.add(section)
    return status


# ---- sweep -----------------------------------------------------------------------------------------

def add_sweep(parser):
    subject.add_options(parser)
    parser.set_defaults(connections=None, body=None)
    parser.add_argument("--rate", metavar="N,N,...", help="offered requests/s, open loop")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="N", help="a run (default 2)")
    parser.epilog = ("What is given with commas is swept: --connections 1,8,64, --rate "
                     "1000,2000,4000, or --body 1KiB,64KiB,1MiB (of the response; of the request "
                     "with --method POST; in a URL, {body} stands for it).")


def swept(options):
    """(what, values): the one option that has several."""
    several = [name for name in ("connections", "body", "rate")
               if getattr(options, name) and "," in getattr(options, name)]
    if len(several) != 1:
        raise Failure("one of --connections, --body and --rate is wanted with several values, "
                      "as in --connections 1,8,64")
    name = several[0]
    text = getattr(options, name)
    if name == "body":
        return name, [scenario.read_size(word) for word in text.split(",")]
    return name, numbers(name, text)


def sweep_request(one, what, value, rate):
    options = one.options
    if what == "connections":
        return one.request(connections=int(value), rate=rate)
    if what == "rate":
        return one.request(rate=value)
    if options.method != "GET":
        return one.request(body_bytes=int(value), url=one.url("/upload"))
    if one.contender:
        return one.request(url=one.url(f"/size/{int(value)}"))
    if "{body}" not in one.base:
        raise Failure("--body: {body} is wanted in the URL, as in http://HOST/file/{body}")
    return one.request(url=one.base.replace("{body}", str(int(value))))


def sweep(context):
    options = context.options
    what, values = swept(options)
    seconds = seconds_of(options)
    setattr(options, what, {"connections": "64", "body": "0", "rate": None}[what])
    options.connections, options.body = options.connections or "64", options.body or "0"
    rate = numbers("rate", options.rate)[0] if options.rate else 0
    engine = "open" if what == "rate" or rate else loads.closed_loop(options.http2)
    context.runner.progress.steps = len(values) * len(options.targets)
    section = {"kind": "curve", "title": f"sweep over {what}", "series": [],
               "x": "offered/s" if what == "rate" else what,
               "notes": [] if engine == "open" else
               ["A closed loop asks no more while it waits: its percentiles are indicative."]}
    context.run.add(section)
    for text in options.targets:
        probe_as = re.sub(r"\{body\}", str(int(values[0])), text)
        with Subject(context, probe_as) as one:
            if one.base:
                one.base = text
            series = {"name": one.name, "points": []}
            section["series"].append(series)
            for value in values:
                say(context, f"{one.name}: {what} {value:g}")
                request = sweep_request(one, what, value, rate)
                section["load"] = loads.command_shown(engine, request, seconds, one.cpus())
                sample = one.sample(engine, request, seconds)
                series["points"].append(measure.point(value, sample))
    return int(any(p["errors"] for s in section["series"] for p in s["points"]))


# ---- latency ---------------------------------------------------------------------------------------

def add_latency(parser):
    subject.add_options(parser)
    parser.add_argument("--rate", default="1000", metavar="N,...",
                        help="requests/s (default 1000); several are measured one after the other")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="N",
                        help="a run (default 10)")
    parser.add_argument("--arrivals", choices=["uniform", "poisson"], default="uniform")


def latency(context):
    options = context.options
    seconds, rates, status = seconds_of(options), numbers("rate", options.rate), 0
    context.runner.progress.steps = len(rates) * len(options.targets)
    section = {"kind": "latency", "title": "latency at a given rate (open loop)", "rows": [],
               "notes": ["Each request is timed from when it was due."]}
    context.run.add(section)
    for text in options.targets:
        with Subject(context, text) as one:
            for rate in rates:
                say(context, f"{one.name}: {rate:g} requests/s")
                request = one.request(rate=rate, arrivals=options.arrivals)
                section["load"] = loads.command_shown("open", request, seconds, one.cpus())
                sample = one.sample("open", request, seconds)
                section["rows"].append(measure.latency_row(f"{one.name}, {rate:g}/s", sample))
                status = status or int(bool(sample.load.errors))
    return status


# ---- max-rate --------------------------------------------------------------------------------------

def add_max_rate(parser):
    subject.add_options(parser, several=False)
    parser.add_argument("--p99", default="10ms", metavar="MS", help="to be kept (default 10ms)")
    parser.add_argument("--from", dest="first", type=float, default=500.0, metavar="N",
                        help="the first rate that is tried (default 500)")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="N",
                        help="a trial (default 3)")


def search(first, kept, precision=PRECISION, trials_max=TRIALS_MAX):
    """The highest rate that kept(rate) accepts, within the precision: doubles, then halves the
    interval. (best or 0, first rate above it that was refused or None)."""
    best, refused, rate = 0.0, None, first
    for _ in range(trials_max):
        if kept(rate):
            best = rate
        else:
            refused = rate
        if refused is None:
            rate = 2 * best
        elif best == 0:
            rate = refused / 2
            if rate < 1:
                break
        elif refused / best <= 1 + precision:
            break
        else:
            rate = (best * refused) ** 0.5
    return best, refused


def max_rate(context):
    options = context.options
    seconds = seconds_of(options)
    match = re.match(r"([\d.]+)(us|ms|s)$", options.p99)
    if not match or not float(match[1]) or options.first <= 0:
        raise Failure("--p99: a duration with its unit is wanted, as in 5ms; --from: above 0")
    limit_ms = float(match[1]) * {"us": 1e-3, "ms": 1, "s": 1e3}[match[2]]
    points, refusals = [], {}
    with Subject(context, options.target) as one:
        def kept(rate):
            say(context, f"{one.name}: {rate:,.0f} requests/s")
            sample = one.sample("open", one.request(rate=rate), seconds)
            points.append(measure.point(rate, sample))
            load, why = sample.load, troubles(sample.load)
            if not why and load.ms(99) > limit_ms:
                why = [f"p99 was {load.ms(99):.2f} ms"]
            refusals[rate] = "; ".join(why)
            return not why
        best, refused = search(options.first, kept)
        command = loads.command_shown("open", one.request(rate=best or 1), seconds, one.cpus())
    notes = [f"{best:,.0f} requests/s with a p99 of at most {options.p99}" if best else
             "no rate was carried"]
    if refused:
        notes.append(f"not {refused:,.0f}: {refusals[refused]}")
    print("; ".join(notes), file=sys.stderr)
    context.run.add({"kind": "curve", "title": f"{one.name}: how much with a p99 of at most "
                     f"{options.p99}", "x": "offered/s", "notes": notes, "load": command,
                     "series": [{"name": one.name,
                                 "points": sorted(points, key=lambda p: p["x"])}]})
    return 0 if best else 1


VERBS = [
    ("target", "a system: what it carries, and its latency at 50 and 80 %% of that", add_target,
     target, True),
    ("sweep", "over connections, body sizes or offered rates", add_sweep, sweep, True),
    ("latency", "at a fixed rate, from when each request was due (open loop)", add_latency,
     latency, True),
    ("max-rate", "the highest rate that keeps a p99", add_max_rate, max_rate, True),
]
