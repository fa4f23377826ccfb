# SPDX-License-Identifier: GPL-3.0-or-later
"""relay: what bodies cost by their size, against the null relay's strategies and HAProxy's splicing."""
import dataclasses

from ..processes import Failure
from ..scenario import UNITS, Scenario, read_size, size_text
from .compare import run_all

SIZES = "1KiB,4KiB,16KiB,64KiB,256KiB,1MiB,10MiB"
CONTENDERS = "sluice,null-relay,null-relay:splice,haproxy:splice"
# Of CPU time a request: by whom, from which size on, at most.
HAPROXY = {16 << 10: 0.85, 256 << 10: 0.60, 1 << 20: 0.60}
NULL_RELAY = 1.15
LAYER4 = (1 << 10, 256 << 10)


def add_relay(parser):
    parser.add_argument("--sizes", default=SIZES, metavar="A,B,...", help=f"default {SIZES}")
    parser.add_argument("--contenders", default=CONTENDERS, metavar="A,B,...",
                        help=f"the others are compared with the first; default {CONTENDERS}")
    parser.add_argument("--pairs", type=int, default=4, metavar="N", help="for each size (4)")
    parser.add_argument("--seconds", type=float, default=1.0, metavar="N", help="a run (1)")


def scenario_of(size, options):
    contenders = options.contenders.split(",")
    claims = [{"against": name, "ratio_max": NULL_RELAY} for name in contenders
              if name.startswith("null-relay")]
    if size in HAPROXY and "haproxy:splice" in contenders:
        claims.append({"against": "haproxy:splice", "ratio_max": HAPROXY[size]})
    connections = 16 if size >= UNITS["MiB"] else 64
    return Scenario(key=f"relay-{size}", title=f"{size_text(size)}, {connections} keep-alive "
                    "connections", contenders=contenders, path=f"/size/{size}", bytes=size,
                    connections=connections, pairs=options.pairs, seconds=options.seconds,
                    claims=claims,
                    notes=["Of the null relay's strategies the better one is the measure."])


def layer4_of(size, options):
    """The same through a listener that passes connections on."""
    contenders = [name for name in options.contenders.split(",") if not name.startswith("haproxy")]
    return dataclasses.replace(scenario_of(size, options), key=f"relay-tcp-{size}", tcp=True,
                               title=f"layer 4, {size_text(size)}, 64 keep-alive connections",
                               connections=64, contenders=contenders,
                               claims=[{"against": name, "ratio_max": NULL_RELAY}
                                       for name in contenders if name.startswith("null-relay")])


def relay(context):
    options = context.options
    sizes = [read_size(text) for text in options.sizes.split(",")]
    if options.pairs < 2:
        raise Failure("--pairs: at least 2, an interval needs more than one value")
    return run_all(context, [scenario_of(size, options) for size in sizes]
                   + [layer4_of(size, options) for size in sizes if size in LAYER4])


VERBS = [("relay", "large and small bodies: splicing, copying, and what it costs", add_relay, relay,
          True)]
