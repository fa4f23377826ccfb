# SPDX-License-Identifier: GPL-3.0-or-later
"""Verbs that measure what is claimed of one part of sluice. Such a verb is a file beside this one
(the command line takes up every file of this folder) with nothing but data:

    from ..claims import Claim
    from .claims import verb

    VERBS = [verb("h2", "HTTP/2: what a request costs", [
        Claim("h2-tls", "sluice", "nginx", at_most=0.70),
        Claim("h2-tls", "sluice", "haproxy", at_most=0.75),
        Claim("idle", "sluice", at_most=8192, figure="idle_bytes"),
    ])]

Each scenario runs once, in interleaved pairs of the contenders its claims name; the verb prints
each figure with its interval, the goal, and whether it was met."""
import dataclasses

from .. import claims as judged
from .. import contenders
from ..processes import Failure
from . import compare


def add_options(parser):
    parser.add_argument("--pairs", type=int, metavar="N", help="instead of the scenarios' own")
    parser.add_argument("--seconds", type=float, metavar="N", help="a run; likewise")
    parser.add_argument("--only", metavar="SCENARIO,...", help="measure these alone")
    parser.add_argument("--strict", action="store_true", help="1 when a claim is missed: when the "
                        "whole interval is beyond it")


def chosen(claims, shown, only):
    """(claims, scenarios): those that are to be measured."""
    if only:
        wanted, known = only.split(","), {claim.key for claim in claims}
        unknown = [key for key in wanted if key not in known]
        if unknown:
            raise Failure(f"--only: no scenario '{unknown[0]}' here; there are: "
                          f"{', '.join(dict.fromkeys(claim.key for claim in claims))}")
        claims = [claim for claim in claims if claim.key in wanted]
        shown = {key: specs for key, specs in shown.items() if key in wanted}
    return claims, [dataclasses.replace(one, contenders=specs, claims=[])
                    for one, specs in judged.scenarios_of(claims, shown).values()]


def run(context, name, claims, shown, notes):
    options = context.options
    compare.check_options(options)
    claims, found = chosen(claims, shown, options.only)
    found = list(compare.adapted(found, options))
    for one in found:
        for spec in one.contenders:
            contenders.make(spec, context.build)
    sections = context.run.data["sections"]
    try:
        status = compare.run_all(context, found)
    finally:  # an interrupted run has some of them
        by_key = {section.get("key"): section for section in sections}
        titles = {one.key: one.title for one in found}
        rows = [[f"{titles[claim.key]}: {row[0]}", *row[1:]] for claim in claims
                for row in judged.rows([claim], by_key.get(claim.key))]
        if by_key:
            sections.insert(0, judged.table(f"{name}: what is claimed", rows, notes))
    return int(options.strict and judged.missed(context.run.data)) or status


def verb(name, text, claims, shown=None, notes=()):
    """An entry of VERBS. shown: {scenario's key: [specs]} of rows beside those that claims name."""
    return (name, text, add_options,
            lambda context: run(context, name, claims, shown or {}, notes), True)


VERBS = []
