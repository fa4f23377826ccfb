# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios in which something happens under an open-loop load: who noticed, and for how long."""
import contextlib
import os
import signal
import subprocess
import sys

from . import contenders, kernel, loads, measure
from .processes import Failure, spawn, stop

INTERVALS = 24         # of a run's timeline
RELOADS_AT = (0.25, 0.5, 0.75)  # of the run
KILLED_AT, BACK_AT = 0.3, 0.65


def run(runner, scenario):
    """A timeline for each contender; a run with errors is shown with them, it is what is asked."""
    rows = []
    for spec in scenario.contenders:
        made, result = runner.contender(spec, scenario)
        row = {"name": result.name, "spec": spec, "version": result.version,
               "skipped": result.skipped, "note": result.note, "broken": "", "seconds": [],
               "marks": [], "errors": []}
        rows.append(row)
        if result.skipped:
            continue
        runner.progress.block(f"{scenario.title}: {made.name}")
        runner.progress.step(f"{scenario.title}: {made.name}")
        try:
            row.update(run_one(runner, scenario, made))
        except (Failure, OSError, subprocess.SubprocessError) as e:
            row["broken"] = str(e)
    return {"kind": "timeline", "key": scenario.key, "title": scenario.title,
            "scenario": {"notes": scenario.notes, "rate": scenario.rate,
                         "event": scenario.event}, "rows": rows,
            "load": loads.command_shown("open", scenario.request("URL"), scenario.seconds,
                                        runner.cpus.load)}


@contextlib.contextmanager
def several_origins(runner, count):
    """Servers of this scenario alone, so that they may be killed."""
    with contextlib.ExitStack() as stack:
        origins = []
        for number in range(count):
            origin = stack.enter_context(contenders.Origin(runner.build))
            origin.name = f"server {number}"
            origin.start(contenders.Setup(runner.scratch, [], cpus=runner.cpus.load))
            origins.append(origin)
        yield origins


def run_one(runner, scenario, contender):
    with several_origins(runner, scenario.servers) as origins, contender:
        contender.start(runner.setup(scenario, [origin.port for origin in origins]))
        runner.warm(contender, scenario)
        before = contender.memory()
        idle = (idle_clients(runner, contender, scenario.path,
                                     min(scenario.idle, contender.setup.clients_max() // 2),
                                     bool(scenario.tls))
                if scenario.idle else contextlib.nullcontext())
        with idle:
            each = (contender.memory() - before) / scenario.idle if scenario.idle else None
            marks = []
            sample = measure.measured(
                contender.pids, runner.cpus.proxy,
                lambda: with_event(runner, scenario, contender, origins, marks)) \
                if scenario.event == "idle" else measure.Sample(
                    with_event(runner, scenario, contender, origins, marks))
        memory = kernel.peak_bytes(contender.pids)
    load = sample.load
    return {"command": contender.command, "configuration": contender.configuration,
            "seconds": load.timeline, "marks": marks, "errors": load.errors,
            "saturated": load.saturated, "histogram": load.histogram.counts,
            "percentiles": load.percentiles, "requests": load.requests, "rate": load.rate,
            "max_ms": (load.histogram.max_us() or 0) / 1e3, "cpu_us": sample.cpu_us,
            "idle_bytes": each, "peak_bytes": memory}


def with_event(runner, scenario, contender, origins, marks):
    """Loads, and does on time what the scenario says; the marks say when."""
    request = scenario.request(contender.url(scenario.path))
    request.timeout_s = 5
    request.interval_s = max(0.1, scenario.seconds / INTERVALS)
    with loads.OpenRun(request, scenario.seconds, runner.cpus.load,
                       f"{runner.build}/sluice-load") as run_:
        if scenario.event == "reload":
            for share in RELOADS_AT:
                run_.at(share * scenario.seconds)
                marks.append({"t": share * scenario.seconds, "text": "reload"})
                contender.reload()
        elif scenario.event == "kill_server":
            run_.at(KILLED_AT * scenario.seconds)
            marks.append({"t": KILLED_AT * scenario.seconds, "text": "server killed"})
            victim = origins[-1]
            stop(victim.process, signal.SIGKILL)
            run_.at(BACK_AT * scenario.seconds)
            marks.append({"t": BACK_AT * scenario.seconds, "text": "server back"})
            victim.restart()
        return run_.result()


@contextlib.contextmanager
def idle_clients(runner, contender, path, count, tls=False):
    """`count` clients that made one request each and stay; yields when all stand, checks at the
    end that they still do."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "idle_clients.py")
    clients = spawn([sys.executable, script, str(contender.port), path, str(count),
                     *(["tls"] if tls else [])],
                    runner.cpus.load, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, text=True)
    try:
        line = clients.stdout.readline()
        if line != f"idle {count}\n":
            raise Failure("idle clients: " + line + clients.stdout.read())
        yield
        text, _ = clients.communicate("", timeout=30)
        if text != f"alive {count}\n":
            raise Failure(f"of {count} idle clients only {text.strip()}")
    except subprocess.TimeoutExpired as late:
        raise Failure("the idle clients do not end") from late
    finally:
        stop(clients)
