# SPDX-License-Identifier: GPL-3.0-or-later
"""Latency against offered load: flat for long, then a wall. Where is it, for whom?"""
import contextlib
import subprocess

from . import loads, measure
from .processes import Failure

CAPACITY_SECONDS = 1.0
SHARES = (0.15, 0.3, 0.45, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)  # of what the fastest was answered
CARRIED = 0.95  # of what was offered: with less the wall is behind us


def planned_seconds(scenario):
    """One contender's."""
    return CAPACITY_SECONDS + len(SHARES) * (scenario.seconds + 0.1)


def run(runner, scenario):
    """A curve's section, with a series for each contender. All are offered the same rates, up to
    more than the fastest of them was found to carry; each until it carries no more."""
    notes, taking = list(scenario.notes), []
    section = {"kind": "curve", "key": scenario.key, "title": scenario.title, "series": [],
               "x": "offered/s", "notes": notes, "load": loads.command_shown(
                   "open", scenario.request("URL"), scenario.seconds,
                   runner.cpus.load).replace("--rate max", "--rate N")}

    def attempt(name, action):
        try:
            return action()
        except (Failure, OSError, subprocess.SubprocessError) as e:
            notes.append(f"INVALID: {name}: {e}")
            return None
    with contextlib.ExitStack() as stack:
        for spec in scenario.contenders:
            made, result = runner.contender(spec, scenario)
            if result.skipped:
                notes.append(f"skipped: {result.name}: {result.skipped}")
                continue
            stack.enter_context(made)
            rate = attempt(result.name, lambda: capacity(runner, scenario, made))
            if rate:
                taking.append((made, result, rate))
        fastest = max((rate for _, _, rate in taking), default=0)
        for made, result, _ in taking:
            runner.progress.block(f"{scenario.title}: {made.name}")
            runner.progress.step(f"{scenario.title}: {made.name}")
            one = {"name": result.name, "spec": result.spec, "version": result.version,
                   "points": [], "command": made.command, "configuration": made.configuration}
            section["series"].append(one)
            attempt(result.name, lambda: climb(runner, scenario, made, fastest, one["points"]))
    return section


def capacity(runner, scenario, contender):
    """Starts it; what it answers in a closed loop."""
    contender.start(runner.setup(scenario))
    runner.warm(contender, scenario)
    found = loads.run(loads.closed_loop(scenario.http2),
                      scenario.request(contender.url(scenario.path)), CAPACITY_SECONDS,
                      runner.cpus.load, runner.build)
    if found.errors:
        raise Failure(", ".join(found.errors))
    return found.rate


def climb(runner, scenario, contender, fastest, points):
    for share in SHARES:
        request = scenario.request(contender.url(scenario.path))
        request.rate = max(1, round(share * fastest, -2))
        sample = measure.measured(
            contender.pids, runner.cpus.proxy,
            lambda: loads.run("open", request, scenario.seconds, runner.cpus.load, runner.build))
        points.append(measure.point(request.rate, sample))
        if sample.load.errors or sample.load.rate < CARRIED * request.rate:
            break
