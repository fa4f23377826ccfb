# SPDX-License-Identifier: GPL-3.0-or-later
"""Latency against offered load: flat for long, then a wall. Where is it, for whom?"""
import subprocess

from . import loads, measure
from .processes import Failure

CAPACITY_SECONDS = 1.0
SHARES = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)  # of what a closed loop was answered
CARRIED = 0.95  # of what was offered: with less the wall is behind us


def planned_seconds(scenario):
    """One contender's."""
    return CAPACITY_SECONDS + len(SHARES) * (scenario.seconds + 0.1)


def run(runner, scenario):
    """A curve's section, with a series for each contender."""
    series, notes = [], list(scenario.notes)
    section = {"kind": "curve", "key": scenario.key, "title": scenario.title, "series": series,
               "x": "offered/s", "notes": notes, "load": loads.command_shown(
                   "open", scenario.request("URL"), scenario.seconds, runner.cpus.load)}
    for spec in scenario.contenders:
        made, result = runner.contender(spec, scenario)
        if result.skipped:
            notes.append(f"skipped: {result.name}: {result.skipped}")
            continue
        runner.progress.block(f"{scenario.title}: {made.name}")
        runner.progress.step(f"{scenario.title}: {made.name}")
        one = {"name": result.name, "spec": spec, "version": result.version, "points": []}
        series.append(one)
        try:
            with made:
                made.start(runner.setup(scenario))
                runner.warm(made, scenario)
                one.update(command=made.command, configuration=made.configuration)
                climb(runner, scenario, made, one["points"])
        except (Failure, OSError, subprocess.SubprocessError) as e:
            notes.append(f"INVALID: {result.name}: {e}")
    return section


def climb(runner, scenario, contender, points):
    url = contender.url(scenario.path)
    capacity = loads.run(loads.closed_loop(scenario.http2), scenario.request(url),
                         CAPACITY_SECONDS, runner.cpus.load, runner.build)
    if capacity.errors:
        raise Failure(", ".join(capacity.errors))
    for share in SHARES:
        request = scenario.request(url)
        request.rate = max(1, round(share * capacity.rate))
        sample = measure.measured(
            contender.pids, runner.cpus.proxy,
            lambda: loads.run("open", request, scenario.seconds, runner.cpus.load, runner.build))
        points.append(measure.point(request.rate, sample))
        if sample.load.errors or sample.load.rate < CARRIED * request.rate:
            break
