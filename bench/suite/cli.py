# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of sluice-bench: verbs, their options, what happens at the end of a run."""
import argparse
import os
import shutil
import signal
import sys
import tempfile
import time

from . import machine, runner, scenario, store, summary, verbs
from .processes import Failure

EXAMPLES = """\
Examples
  bench/sluice-bench doctor                               is this machine fit to measure?
  bench/sluice-bench compare                              the standard comparison: under 10 minutes
  bench/sluice-bench compare keep-alive tls               a scenario and a set of scenarios
  bench/sluice-bench relay                                what is claimed of a part, and what holds
  bench/sluice-bench compare keep-alive --contenders sluice,sluice@../old/build,nginx
  bench/sluice-bench target http://127.0.0.1:8080/        your own system: capacity, then latency
  bench/sluice-bench target https://127.0.0.1:8443/ --http2 --pid 4711
  bench/sluice-bench sweep nginx --connections 1,8,64,512
  bench/sluice-bench sweep http://127.0.0.1:8080/ --rate 1000,5000,10000,20000
  bench/sluice-bench latency http://127.0.0.1:8080/ --rate 2000 --seconds 30
  bench/sluice-bench max-rate sluice --p99 5ms            how much, as long as the p99 is kept?
  bench/sluice-bench soak sluice --rate 2000 --hours 8
  bench/sluice-bench reload                               who loses requests when reloaded?
  bench/sluice-bench replay trace.jsonl http://127.0.0.1:8080 http://127.0.0.1:8081 --speed 2x
  bench/sluice-bench report                               the last run's report again
  bench/sluice-bench diff OLD NEW                         faster or slower? 1 on a regression
  bench/sluice-bench repeat RUN                           the same run once more

A target is a URL or a contender's name (nginx, haproxy:splice, ...: started here, before an origin
of ours). `compare --list` names contenders, scenarios and sets. Every run is kept in build/bench/:
run.json, samples.csv, latency.hlog, report.html, report.md.
"""


def add_common(parser):
    group = parser.add_argument_group("common options")
    group.add_argument("--cpus", metavar="P/L", help="CPUs of the proxy / of origin and load, as "
                       "in 0/1 or 0-3/4-7 (default: the first / the others)")
    group.add_argument("--build", default=os.path.join(store.ROOT, "build"), metavar="DIR",
                       help="where our programs are (default build/)")
    group.add_argument("--seed", type=int, default=None, metavar="N",
                       help="of the order of runs (default: by the clock)")
    group.add_argument("--output", metavar="DIR", help="where the run's files go (default: a new "
                       "folder in build/bench/)")
    group.add_argument("--keep-congestion", action="store_true", help="leave the machine's TCP "
                       "congestion control; else it is cubic for the run, if that is allowed")
    group.add_argument("--markdown", action="store_true", help="print Markdown")


def read_options(arguments):
    """(options, arguments with their verb)."""
    parser = argparse.ArgumentParser(
        prog="sluice-bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Performance testing that can be trusted, of sluice or of anything else.\n\n"
        + EXAMPLES)
    parsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    known = verbs.load()
    for name, text, add, action, measures in known:
        sub = parsers.add_parser(name, help=text, description=text.replace("%%", "%"))
        add(sub)
        sub.set_defaults(action=action, measures=measures)
        if measures:
            add_common(sub)
    if not arguments:
        parser.print_help()
        sys.exit(2)
    arguments = with_verb(arguments, [name for name, *_ in known])
    return parser.parse_args(arguments), arguments


def with_verb(arguments, known):
    """A scenario's name, or a set's, is as good as a verb: it is compared."""
    if arguments[0] not in known and scenario.is_known(arguments[0]):
        return ["compare", *arguments]
    return arguments


class Context:
    """What a measuring verb works with."""

    def __init__(self, options, arguments, scratch, congestion):
        self.options = options
        self.cpus = machine.read_cpus(options.cpus)
        self.seed = time.time_ns() % 1000000 if options.seed is None else options.seed
        self.build = os.path.abspath(options.build)
        self.run = store.Run(options.verb, arguments, self.cpus, congestion, self.seed)
        self.runner = runner.Runner(self.build, self.cpus, scratch, self.seed,
                                    machine.raise_file_limit())
        # What the suite itself does belongs to the load's side.
        os.sched_setaffinity(0, set(machine.kernel.cpu_numbers(self.cpus.load)))


def measure(options, arguments):
    """A verb with a run: kept and reported even when it is interrupted."""
    for tool in ("taskset", "wrk"):
        if not shutil.which(tool):
            raise Failure(f"{tool} not found: ./build.sh bench installs what is missing")
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as scratch, \
            machine.CubicCongestion(not options.keep_congestion) as congestion:
        os.chmod(scratch, 0o755)  # contenders that drop their rights look into it
        if getattr(options, "publish", None):
            machine.settle(lambda text: print(text, file=sys.stderr))
        context = Context(options, arguments, scratch, congestion)
        run, status = context.run, 0
        run.data["unfit"] += machine.unfit(machine.checks(context.cpus, {}))
        for reason in run.data["unfit"]:
            print(f"not fit to measure: {reason}", file=sys.stderr)
        try:
            status = options.action(context) or 0
        except KeyboardInterrupt:
            run.data["interrupted"], status = True, 130
        context.runner.progress.end()
        run.finish(context.runner.foreign)
    if run.data["sections"]:
        folder = store.folder_for(options.verb, options.output)
        store.save(run, folder)
        store.write_report(run.data, folder)
        print(summary.markdown(run.data) if options.markdown else summary.text(run.data))
        if getattr(options, "publish", None):
            status = store.publish(run.data, options.publish, options.anyway,
                                   options.readme) or status
        print(f"report: {store.relative(os.path.join(folder, 'report.html'))}", file=sys.stderr)
    return status


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main(arguments):
    signal.signal(signal.SIGTERM, interrupt)
    options, arguments = read_options(arguments)
    try:
        if options.measures:
            return measure(options, arguments[1:])
        return options.action(options) or 0
    except Failure as e:
        print(f"sluice-bench: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
