#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""CPU time per request of sluice beside a null relay, nginx and HAProxy, in some minutes.

    bench/quick.py                         the tables, and whether the claims hold
    bench/quick.py --markdown              the tables as Markdown
    bench/quick.py --json result.json      also every sample, command and configuration
    bench/quick.py --only 13 --pairs 20    one scenario, more pairs

A proxy has one CPU, the origin and wrk another one. Every contender is started anew for each block
of two pairs; in a block all run once in a random order and once in its mirror image. Ratios are
medians over the pairs with a bootstrap interval; "sluice, again" is a second sluice: how far its
interval is from 1 says what this machine resolves. wrk is closed-loop: its percentiles are no
promise about a given load. nginx and HAProxy add the same X-Forwarded fields and request id as
sluice does; the rows "bare" show them without."""
import argparse
import contextlib
import dataclasses
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import measure
import report
import stats
from contenders import FILES_MAX, Haproxy, Nginx, NullRelay, Origin, Sluice, first_line, require
from processes import Failure, free_port, spawn, stop
from runner import Progress, Runner, Scenario

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INFORMATION_PAIRS = 4
INFORMATION_SECONDS = 0.5
IDLE_CLIENTS = 10000
IDLE_BYTES_MAX = 1024
IDLE_SECONDS = 20
STARTS = 10
START_MS_MAX = 50
SYSCALLS_MAX = 0.5
FOREIGN_MAX = 0.05  # of the proxy's CPU, beyond which a run is too noisy
RATIOS_MAX = {"null relay, copy": 1.15, "nginx": 0.72, "HAProxy": 0.70,
              "nginx, bare": 0.72, "HAProxy, bare": 0.70}
CLAIMED = "13"


def scenarios(options, files):
    sluice = Sluice(options.build)
    copy, splice = NullRelay(options.build, "copy"), NullRelay(options.build, "splice")
    nginx, haproxy = Nginx(files), Haproxy(files)
    small = [sluice, copy, nginx, haproxy]
    large = [sluice, copy, splice, nginx,
             Haproxy(files, "HAProxy, 32 KiB buffers", buffer=32768),
             Haproxy(files, "HAProxy, splice", splice=True)]
    claimed = [*small, Sluice(options.build, "sluice, again"),
               Sluice(options.build, "sluice, JSON log", log=True),
               Nginx(files, "nginx, bare", bare=True), Haproxy(files, "HAProxy, bare", bare=True)]
    few = min(options.pairs, INFORMATION_PAIRS), min(options.seconds, INFORMATION_SECONDS)
    return [
        Scenario(CLAIMED, "13 B, 64 keep-alive connections", 13, 64, claimed, options.pairs,
                 options.seconds),
        Scenario("13-8", "13 B, 8 keep-alive connections", 13, 8, small, *few),
        Scenario("new", "13 B, a new connection for each request, 64 at once", 13, 64, small, *few,
                 close=True, notes=["A null relay opens a connection to the server, too; the "
                                    "others reuse theirs."]),
        Scenario("16k", "16 KiB, 64 keep-alive connections", 16 << 10, 64, large, *few),
        Scenario("256k", "256 KiB, 64 keep-alive connections", 256 << 10, 64, large, *few),
    ]


# ---- Start and memory ---------------------------------------------------------------------------

def start_ms(sluice, home, origin_port, cpu):
    """From exec to the line that says it listens, taskset's exec included; one value a start."""
    values = []
    for _ in range(STARTS):
        command = sluice.prepare(home, free_port(), origin_port)
        began = time.monotonic()
        process = spawn(command, cpu, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            for line in process.stdout:
                if b"listening on" in line:
                    values.append((time.monotonic() - began) * 1e3)
                    break
            else:
                raise Failure("sluice does not start")
        finally:
            stop(process, sluice.stop_signal)
    return values


def idle_bytes(contender, runner, scenario, count):
    """Private user memory for each of `count` idle keep-alive clients, on top of what serving a
    few had taken."""
    count = min(count, contender.clients_max())
    with contender:
        contender.start(runner.scratch, runner.cpus[0], runner.origin.port)
        runner.warm(contender, scenario)
        before = measure.private_bytes(contender.pids)
        clients = spawn([sys.executable, os.path.join(ROOT, "bench", "idle_clients.py"),
                         str(contender.port), scenario.path, str(count)], runner.cpus[1],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                        text=True)
        try:
            line = clients.stdout.readline()
            if line != f"idle {count}\n":
                raise Failure("idle clients: " + line + clients.stdout.read())
            after = measure.private_bytes(contender.pids)
            text, _ = clients.communicate("", timeout=IDLE_SECONDS)
            if text != f"alive {count}\n":
                raise Failure(f"of {count} idle clients only {text.strip()}")
        except subprocess.TimeoutExpired as late:
            raise Failure("the idle clients do not end") from late
        finally:
            stop(clients, signal.SIGKILL)
    return (after - before) / count, count


def memory_table(runner, contenders, scenario):
    rows, values, notes = [], {}, []
    for contender in contenders:
        if contender.missing():
            continue
        runner.progress.block(f"idle clients of {contender.name}")
        runner.progress.step(f"idle clients of {contender.name}")
        try:
            value, count = idle_bytes(contender, runner, scenario, IDLE_CLIENTS)
            values[contender.name] = value, count
            rows.append([contender.name, f"{count:,}", f"{value:,.0f}"])
        except (Failure, OSError) as e:
            rows.append([contender.name, "", "INVALID"])
            notes.append(f"INVALID: {contender.name}: {e}")
    return report.Table("Idle keep-alive clients, each after one request",
                        ["", "clients", "B of private user memory each"], rows, notes), values


# ---- Claims -------------------------------------------------------------------------------------

def at_most(value, limit):
    return "met" if value <= limit else "missed"


def ratio_claims(results):
    for name, limit in RATIOS_MAX.items():
        result = next(r for r in results if r.name == name)
        text = f"CPU us/request <= {limit:.2f} x {name}"
        if result.ratio:
            yield [text, report.with_interval(result.ratio), stats.verdict(result.ratio, limit)]
        else:
            yield [text, "n/a", "not measured"]
    text = f"system calls/request <= {SYSCALLS_MAX}"
    counted = [sample.syscalls for sample in results[0].counted]
    if counted and not results[0].broken:
        middle = statistics.median(counted)
        spread = f"({min(counted):.3f} to {max(counted):.3f}, {len(counted)} runs)"
        yield [text, f"{middle:.3f} {spread}", at_most(middle, SYSCALLS_MAX)]
    else:
        yield [text, "n/a", "not measured"]


def memory_claim(values):
    text = f"<= {IDLE_BYTES_MAX} B of user memory for each of {IDLE_CLIENTS:,} idle clients"
    if "sluice" not in values:
        return [text, "n/a", "not measured"]
    value, count = values["sluice"]
    return [text, f"{value:,.0f} B ({count:,} clients)", at_most(value, IDLE_BYTES_MAX)]


def start_claim(values):
    text = f"start to listening < {START_MS_MAX} ms"
    middle = statistics.median(values)
    return [text, f"{middle:.1f} ms ({min(values):.1f} to {max(values):.1f}, {len(values)} starts)",
            at_most(middle, START_MS_MAX)]


def noise_notes(foreign):
    share = statistics.median(foreign) if foreign else 0
    if share <= FOREIGN_MAX:
        return []
    return [f"Others took {share:.0%} of the proxy's CPU: no figure of this run decides anything."]


# ---- The whole ----------------------------------------------------------------------------------

def facts_of(options, congestion):
    facts = measure.machine_facts(options.cpus)
    facts["congestion control"] = str(congestion)
    facts["command"] = measure.shown([os.path.relpath(sys.argv[0]), *sys.argv[1:]])
    facts["random seed"] = str(options.seed)
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], text=True,
                            capture_output=True, check=False)
    facts["commit"] = commit.stdout.strip() or "unknown"
    return facts


def versions_of(chosen):
    found = {"wrk": first_line(["wrk", "-v"])}
    for scenario in chosen:
        for contender in scenario.contenders:
            if not contender.missing() and contender.version():
                found[contender.program] = contender.version()
    return list(found.values())


def configurations(chosen, outcome, options):
    """Every contender's command and configuration once, and wrk's commands."""
    seen = {}
    for results in outcome.values():
        for result in results:
            if result.command:
                seen[result.name] = result
    lines = []
    for name, result in seen.items():
        lines += [f"{name}:", "    " + measure.shown(result.command)]
        lines += ["        " + line for line in result.configuration.splitlines()]
    for scenario in chosen:
        lines += [f"load, {scenario.title}:",
                  "    " + measure.wrk_shown(scenario, scenario.seconds, options.cpus[1])]
    return "\n".join(lines) + "\n"


def run(options, scratch, congestion):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    for tool in ("wrk", "taskset"):
        if not shutil.which(tool):
            raise Failure(f"{tool} not found")
    chosen = [s for s in scenarios(options, files) if not options.only or s.key in options.only]
    origin = Origin(options.build)
    require(origin)
    facts = facts_of(options, congestion)
    with_claims = any(s.key == CLAIMED for s in chosen)
    first = chosen[0].contenders[0]
    require(first)
    idle = [c for c in chosen[0].contenders[:4] if isinstance(c, (Sluice, Nginx, Haproxy))]
    progress = Progress(sum(s.steps() for s in chosen) + len(idle) * with_claims)
    outcome, tables, claims = {}, [], []
    with origin:
        origin.start(scratch, options.cpus[1], 0)
        runner = Runner(origin, options.cpus, scratch, options.seed, progress)
        for scenario in chosen:
            outcome[scenario.key] = runner.run(scenario)
            tables.append(report.scenario_table(scenario, outcome[scenario.key]))
        starts, idle_values = [], {}
        if with_claims:
            table, idle_values = memory_table(runner, idle, chosen[0])
            tables.append(table)
            starts = start_ms(first, scratch, origin.port, options.cpus[0])
            claims = [*ratio_claims(outcome[CLAIMED]), memory_claim(idle_values),
                      start_claim(starts)]
            tables.append(report.Table("Claims", ["", "measured", ""], claims,
                                       noise_notes(runner.foreign)))
    progress.end()
    if runner.uncounted:
        facts["system calls"] = runner.uncounted
    if runner.foreign:
        facts["others on the proxy's CPU"] = (f"median {statistics.median(runner.foreign):.1%}, "
                                              f"at most {max(runner.foreign):.1%} of a run")
    facts["took"] = f"{progress.seconds():.0f} s"
    return {"facts": facts, "versions": versions_of(chosen), "outcome": outcome,
            "idle_bytes": idle_values, "start_ms": starts, "tables": tables,
            "configurations": configurations(chosen, outcome, options)}


def print_result(result, markdown):
    if markdown:
        print(", ".join([result["facts"]["machine"], result["facts"]["congestion control"],
                         *result["versions"]]) + "\n")
        for table in result["tables"]:
            print(report.markdown_table(table))
        return
    for name, value in result["facts"].items():
        print(f"  {name:26} {value}")
    for version in result["versions"]:
        print(f"  {'':26} {version}")
    print()
    print(result["configurations"])
    for table in result["tables"]:
        print(report.text_table(table))


def write_json(result, path):
    plain = {key: value for key, value in result.items() if key != "tables"}
    plain["outcome"] = {key: [dataclasses.asdict(r) for r in results]
                        for key, results in result["outcome"].items()}
    with open(path, "w", encoding="utf-8") as f:
        json.dump(plain, f, indent=1)
        f.write("\n")


def two_cpus(text):
    try:
        proxy, load = map(int, text.split(","))
    except ValueError as e:
        raise argparse.ArgumentTypeError("two CPU numbers, as in 0,1") from e
    if proxy == load or not {proxy, load} <= os.sched_getaffinity(0):
        raise argparse.ArgumentTypeError(f"two different ones of {sorted(os.sched_getaffinity(0))}")
    return proxy, load


def read_options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10, metavar="N",
                        help="of the claimed scenario (default 10)")
    parser.add_argument("--seconds", type=float, default=1.5, metavar="N",
                        help="a run of the claimed scenario (default 1.5)")
    parser.add_argument("--only", action="append", metavar="KEY",
                        choices=[CLAIMED, "13-8", "new", "16k", "256k"],
                        help="a scenario: 13, 13-8, new, 16k, 256k; may be repeated")
    parser.add_argument("--json", metavar="FILE", help="write everything there")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    parser.add_argument("--cpus", type=two_cpus, metavar="P,L",
                        help="CPU of the proxy, CPU of origin and load (default: the first two)")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), metavar="DIR",
                        help="where the programs are (default build/)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1000000, metavar="N",
                        help="of the order of runs")
    options = parser.parse_args()
    if options.pairs < 2 or options.seconds < 0.5:
        parser.error("at least 2 pairs of half a second")
    if not options.cpus:
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) < 2:
            parser.error("two CPUs are needed: one for the proxy, one for origin and load")
        options.cpus = usable[0], usable[1]
    return options


def end(_signal, _frame):
    sys.exit(143)


def main():
    options = read_options()
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), end)
    os.sched_setaffinity(0, {options.cpus[1]})
    try:
        with contextlib.ExitStack() as stack:
            congestion = stack.enter_context(measure.CubicCongestion())
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-bench-"))
            result = run(options, scratch, congestion)
    except Failure as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbench: interrupted; everything it started has been stopped", file=sys.stderr)
        return 130
    if options.json:
        write_json(result, options.json)
    print_result(result, options.markdown)
    return any(r.broken for results in result["outcome"].values() for r in results)


if __name__ == "__main__":
    sys.exit(main())
