# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims as data, and what a run's data say to them: a figure, its interval, the goal, a verdict."""
import random
from dataclasses import dataclass
from typing import NamedTuple

from . import scenario as scenarios
from . import stats

NOT_MEASURED = "not measured"
MISSES = ("missed", NOT_MEASURED)


class Figure(NamedTuple):
    words: str
    digits: int
    of: str = "samples"  # where a result keeps it; "row": one value of an event's row


FIGURES = {
    "cpu_us": Figure("CPU us/request", 2),
    "rate": Figure("requests/s", 0),
    "syscalls": Figure("system calls/request", 3, "counted"),
    "switches": Figure("context switches/request", 3),
    "peak_bytes": Figure("bytes of memory at most", 0),
    "p50_ms": Figure("p50 in ms", 2),
    "p99_ms": Figure("p99 in ms", 2),
    "idle_bytes": Figure("bytes an idle client", 0, "row"),
    "max_ms": Figure("longest wait in ms", 1, "row"),
}


@dataclass(frozen=True)
class Claim:
    """`a`'s figure is at most so many times `b`'s, in a scenario; without a `b` the limit is in the
    figure's own unit. Contenders are specs (contenders/__init__.py)."""
    scenario: object          # the key of a file in bench/scenarios, or a Scenario
    a: str
    b: str = ""
    at_most: float = None
    at_least: float = None    # instead
    figure: str = "cpu_us"

    def __post_init__(self):
        if self.figure not in FIGURES or (self.at_most is None) == (self.at_least is None):
            raise ValueError(f"claim about {self.scenario}: one figure of "
                             f"{', '.join(FIGURES)}, and one limit")

    @property
    def key(self):
        return getattr(self.scenario, "key", self.scenario)

    def found(self):
        """Its scenario, whole."""
        if isinstance(self.scenario, scenarios.Scenario):
            return self.scenario
        return scenarios.choose([self.scenario])[0]

    def words(self):
        return f"{self.a}: {FIGURES[self.figure].words}"

    def goal(self):
        limit, sign = ((self.at_most, "<=") if self.at_least is None else (self.at_least, ">="))
        return f"{sign} {limit:.2f} x {self.b}" if self.b else f"{sign} {limit:,g}"


def of_dict(one, claim):
    """A claim of a scenario's file: { against, ratio_max } or { syscalls_max }, of its first
    contender."""
    if "against" in claim:
        return Claim(one, one.contenders[0], claim["against"], claim["ratio_max"])
    return Claim(one, one.contenders[0], at_most=claim["syscalls_max"], figure="syscalls")


def scenarios_of(claims, shown=()):
    """Each scenario once, with the contenders that its claims and `shown` (key -> specs) name: an
    A/A row is the user's to ask for."""
    found = {}
    for claim in claims:
        one = found.setdefault(claim.key, (claim.found(), []))
        for spec in (claim.a, claim.b):
            if spec and spec not in one[1]:
                one[1].append(spec)
    for key, specs in dict(shown).items():
        found[key][1].extend(spec for spec in specs if spec not in found[key][1])
    return found


def values_of(result, figure):
    """Of a result or an event's row; none: it was not measured, or is not sound."""
    if not result or result["broken"] or result["skipped"]:
        return []
    if FIGURES[figure].of == "row":
        return [result[figure]] if result.get(figure) is not None else []
    samples = result.get(FIGURES[figure].of, [])
    if not samples and figure == "cpu_us" and result.get("cpu_us"):
        return [result["cpu_us"]]  # an event's one run
    return [sample[figure] for sample in samples if sample.get(figure) is not None]


def measured(claim, section):
    """The interval of the ratio, or of the figure itself; None: not measured."""
    results = {result["spec"]: result
               for result in section.get("results", section.get("rows", []))}
    ours = values_of(results.get(claim.a), claim.figure)
    if not claim.b:
        return stats.interval(ours, random.Random(1)) if ours else None
    theirs = values_of(results.get(claim.b), claim.figure)
    pairs = min(len(ours), len(theirs))
    if not pairs or not all(theirs):
        return None
    return stats.compare(ours[:pairs], theirs[:pairs])


def verdict(claim, interval):
    if claim.at_least is None:
        return stats.verdict(interval, claim.at_most)
    # "At least" is "at most" of the mirror image.
    mirrored = stats.Interval(-interval.median, -interval.high, -interval.low, interval.count)
    return stats.verdict(mirrored, -claim.at_least)


def shown(claim, interval):
    digits = 3 if claim.b else FIGURES[claim.figure].digits
    low, median, high = (f"{value:,.{digits}f}"
                         for value in (interval.low, interval.median, interval.high))
    what = f"{median} [{low}, {high}]" if interval.count > 1 else f"{median} (one run)"
    return what + (f" x {claim.b}" if claim.b else "")


def rows(claims, section):
    """(claim, measured, goal, verdict) of each, as texts."""
    for claim in claims:
        interval = measured(claim, section) if section else None
        if interval is None:
            yield [claim.words(), "", claim.goal(), NOT_MEASURED]
        else:
            yield [claim.words(), shown(claim, interval), claim.goal(), verdict(claim, interval)]


def table(title, made, notes=()):
    return {"kind": "table", "title": title, "notes": list(notes), "rows": list(made),
            "header": ["", "measured [95 %]", "goal", "verdict"]}


def missed(data):
    """A claim of the run was missed, or could not be measured."""
    return any(row[-1] in MISSES for section in data["sections"]
               if section["kind"] == "table" and section["header"][-1] == "verdict"
               for row in section["rows"])
