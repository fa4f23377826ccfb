# SPDX-License-Identifier: GPL-3.0-or-later
"""compare: contenders x scenarios; reload: what a reload costs whom."""
import dataclasses

from .. import claims, contenders, overview, scenario
from ..budget import Budget
from ..processes import Failure

STANDARD = "standard"
BUDGET_SECONDS = 540  # of ten minutes: the rest is for the report and for what comes before


def add_compare(parser):
    parser.add_argument("scenarios", nargs="*", default=[STANDARD], metavar="SCENARIO",
                        help="a scenario, a set of them, 'all', or a .toml file of your own "
                        "(default: the set standard)")
    parser.add_argument("--contenders", metavar="A,B,...", help="instead of the scenarios' own; "
                        "the others are compared with the first")
    parser.add_argument("--pairs", type=int, metavar="N", help="instead of the scenarios' own")
    parser.add_argument("--seconds", type=float, metavar="N", help="a run; likewise")
    parser.add_argument("--budget", type=float, metavar="S", help="keep to so many seconds of "
                        f"measuring, by fewer pairs where it must be (default: {BUDGET_SECONDS} "
                        "for the standard set, else none)")
    parser.add_argument("--strict", action="store_true", help="1 when a claim is missed: when the "
                        "whole interval is beyond it")
    parser.add_argument("--publish", metavar="FILE", help="write the Markdown there, too: only of "
                        "a whole run on a machine that is fit to measure")
    parser.add_argument("--readme", metavar="FILE", help="... and put the figures between its marks "
                        "<!-- results --> and <!-- end of results -->")
    parser.add_argument("--anyway", action="store_true", help="... of an unfit machine, too; it "
                        "says so")
    parser.add_argument("--list", action="store_true", help="name what there is, and end")


def adapted(chosen, options):
    """The scenarios with what the command line says."""
    for one in chosen:
        changes = {}
        if getattr(options, "contenders", None):
            changes["contenders"] = options.contenders.split(",")
        if options.pairs:
            changes["pairs"] = options.pairs
        if options.seconds:
            changes["seconds"] = options.seconds
        yield dataclasses.replace(one, **changes)


def list_all(build):
    print("Contenders (NAME[:VARIANT][@BUILD])")
    for name, kind in contenders.REGISTRY.items():
        made = contenders.make(name, build)
        variants = f"variants: {', '.join(kind.variants)}" if kind.variants else ""
        print(f"  {name:12} {made.missing() or made.version() or 'ours':44} {variants}".rstrip())
    print("\nScenarios")
    for one in scenario.load_all().values():
        print(f"  {one.key:18} {one.title}" + (f"  [{', '.join(one.sets)}]" if one.sets else ""))


def check_options(options):
    if options.pairs is not None and options.pairs < 2:
        raise Failure("--pairs: at least 2, an interval needs more than one value")
    if options.seconds is not None and options.seconds < 0.2:
        raise Failure("--seconds: at least 0.2")
    if getattr(options, "budget", None) is not None and options.budget <= 0:
        raise Failure("--budget: above 0")


def compare(context):
    options = context.options
    if options.list:
        list_all(context.build)
        return 0
    check_options(options)
    chosen = list(adapted(scenario.choose(options.scenarios), options))
    for one in chosen:
        for spec in one.contenders:
            contenders.make(spec, context.build)  # a typo is told before the first minute is over
    status = run_all(context, chosen, budget_of(options, chosen))
    return int(options.strict and claims.missed(context.run.data)) or status


def budget_of(options, chosen):
    """None: as long as it takes. Who says how many pairs, or how long, means it."""
    seconds = options.budget
    if seconds is None and options.scenarios == [STANDARD] and not (options.pairs
                                                                    or options.seconds):
        seconds = BUDGET_SECONDS
    if seconds is None:
        return None
    return Budget(seconds, [(one.key, one.planned_seconds(), one.planned_seconds(blocks=1))
                            for one in chosen])


def run_all(context, chosen, budget=None):
    runner = context.runner
    left_out = []
    runner.progress.steps = sum(one.steps() for one in chosen)
    with runner:
        if runner.uncounted:
            context.run.data["facts"]["system calls"] = runner.uncounted
        for one in chosen:
            deadline = budget.begin(one.key) if budget else None
            if budget and deadline is None:
                left_out.append(one.title)
                runner.progress.done += one.steps()
                continue
            section = runner.run(one, deadline)
            context.run.add(section)
            if one.claims:
                made = [claims.of_dict(one, claim) for claim in one.claims]
                context.run.add(claims.table(f"Claims: {one.title}", claims.rows(made, section)))
    by_size = overview.sizes(context.run.data["sections"])
    if by_size:
        context.run.add(by_size)
    if left_out:
        context.run.data["facts"]["left out for lack of time"] = "; ".join(left_out)
    return 0


# ---- reload ----------------------------------------------------------------------------------------

def add_reload(parser):
    parser.add_argument("--contenders", metavar="A,B,...", help="default: who can be reloaded")
    parser.add_argument("--rate", type=float, metavar="N", help="requests/s (default 2000)")
    parser.add_argument("--seconds", type=float, metavar="N", help="a run (default 6)")


def reload(context):
    options = context.options
    one = scenario.load_all()["reload"]
    changes = {"rate": options.rate or one.rate, "seconds": options.seconds or one.seconds}
    if options.contenders:
        changes["contenders"] = options.contenders.split(",")
    if changes["seconds"] < 2 or changes["rate"] <= 0:
        raise Failure("at least 2 seconds and 1 request/s")
    return run_all(context, [dataclasses.replace(one, **changes)])


VERBS = [
    ("compare", "contenders x scenarios, in interleaved pairs", add_compare, compare, True),
    ("reload", "reloads under load: who loses requests, who stalls", add_reload, reload, True),
]
