# SPDX-License-Identifier: GPL-3.0-or-later
"""compare: contenders x scenarios; reload: what a reload costs whom."""
import dataclasses

from .. import contenders, scenario, stats
from ..processes import Failure

STANDARD = "standard"


def add_compare(parser):
    parser.add_argument("scenarios", nargs="*", default=[STANDARD], metavar="SCENARIO",
                        help="a scenario, a set of them, 'all', or a .toml file of your own "
                        "(default: the set standard)")
    parser.add_argument("--contenders", metavar="A,B,...", help="instead of the scenarios' own; "
                        "the others are compared with the first")
    parser.add_argument("--pairs", type=int, metavar="N", help="instead of the scenarios' own")
    parser.add_argument("--seconds", type=float, metavar="N", help="a run; likewise")
    parser.add_argument("--strict", action="store_true", help="1 when a claim is missed: when the "
                        "whole interval is beyond it")
    parser.add_argument("--publish", metavar="FILE", help="write the Markdown there, too: only of "
                        "a whole run on a machine that is fit to measure")
    parser.add_argument("--anyway", action="store_true", help="... of an unfit machine, too; it "
                        "says so")
    parser.add_argument("--list", action="store_true", help="name what there is, and end")


def adapted(chosen, options):
    """The scenarios with what the command line says."""
    for one in chosen:
        changes = {}
        if options.contenders:
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


def compare(context):
    options = context.options
    if options.list:
        list_all(context.build)
        return 0
    if options.pairs is not None and options.pairs < 2:
        raise Failure("--pairs: at least 2, an interval needs more than one value")
    if options.seconds is not None and options.seconds < 0.2:
        raise Failure("--seconds: at least 0.2")
    chosen = list(adapted(scenario.choose(options.scenarios), options))
    for one in chosen:
        for spec in one.contenders:
            contenders.make(spec, context.build)  # a typo is told before the first minute is over
    status = run_all(context, chosen)
    return int(options.strict and missed(context.run.data)) or status


def missed(data):
    """A claim was, or could not be measured."""
    return any(row[-1] in ("missed", "not measured") for section in data["sections"]
               if section["kind"] == "table" for row in section["rows"])


def run_all(context, chosen):
    runner = context.runner
    runner.progress.steps = sum(one.steps() for one in chosen)
    with runner:
        if runner.uncounted:
            context.run.data["facts"]["system calls"] = runner.uncounted
        for one in chosen:
            section = runner.run(one)
            context.run.add(section)
            if one.claims:
                context.run.add(claims_section(one, section))
    return 0


# ---- Claims ----------------------------------------------------------------------------------------

def claims_section(one, section):
    """What a scenario's file claims of its first contender, and what the data say to it."""
    results = {result["spec"]: result for result in section["results"]}
    first = section["results"][0]
    rows = []
    for claim in one.claims:
        if "against" in claim:
            other = results.get(claim["against"])
            text = f"CPU us/request <= {claim['ratio_max']:.2f} x {claim['against']}"
            if other and other["ratio"]:
                interval = stats.Interval(**other["ratio"])
                rows.append([text, f"{interval.median:.3f} [{interval.low:.3f}, "
                             f"{interval.high:.3f}]", stats.verdict(interval, claim["ratio_max"])])
            else:
                rows.append([text, "", "not measured"])
        else:
            text = f"system calls/request <= {claim['syscalls_max']}"
            values = sorted(sample["syscalls"] for sample in first["counted"])
            if values:
                middle = values[len(values) // 2]
                rows.append([text, f"{middle:.3f} ({values[0]:.3f} to {values[-1]:.3f}, "
                             f"{len(values)} runs)",
                             "met" if middle <= claim["syscalls_max"] else "missed"])
            else:
                rows.append([text, "", "not measured"])
    return {"kind": "table", "title": f"Claims: {one.title}", "header": ["", "measured", ""],
            "rows": rows, "notes": []}


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
