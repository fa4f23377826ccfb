# SPDX-License-Identifier: GPL-3.0-or-later
"""cache: what a hit costs, a crowd that asks for one thing, what is kept for how much memory, and
what compression costs."""
import json
import os
import re
import subprocess

from .. import claims as judged
from .. import contenders, scenario
from ..claims import Claim
from ..processes import Failure, pinned
from . import claims

METADATA_MAX = 150  # bytes of a small object
LRU_MIN = 0.10      # fewer misses than LRU, with scans
CROWD = 1000
CROWD_MS = 5
CROWD_PATH = "/delay/500/size/100000"

CLAIMS = [
    Claim("cache-hit", "sluice:cache", "null-relay", at_most=0.65),
    Claim("cache-hit", "sluice:cache", "nginx:cache", at_most=0.80),
    Claim("cache-hit", "sluice:cache", "varnish:cache", at_most=0.80),
    Claim("cache-hit-256k", "sluice:cache", "varnish:cache", at_most=0.80),
    Claim("gzip", "sluice:gzip", "nginx:gzip", at_most=1.10),
]
SHOWN = {"cache-hit-256k": ["nginx:cache"], "gzip": ["sluice:br", "sluice:zstd"]}


def run_program(context, *arguments, cpus=None):
    program = os.path.join(context.build, "sluice-cache-sum")
    try:
        text = subprocess.run(pinned([program, *arguments], cpus or context.cpus.proxy), check=True,
                              text=True, stdout=subprocess.PIPE, timeout=120).stdout
    except (OSError, subprocess.SubprocessError) as e:
        raise Failure(f"{program}: {e}") from e
    return json.loads(text)


def verdict(held):
    return "met" if held else "missed"


def kept(context):
    """Rows of the table of claims: memory, and misses beside those of LRU."""
    found = run_program(context)
    share = found["resident_bytes"] - found["own_bytes"]
    rows = [[f"{found['objects']:,} small objects: bytes of metadata each, the allocator's rounding "
             f"counted ({share} by the process's resident memory)", str(found["metadata_bytes"]),
             f"<= {METADATA_MAX}", verdict(found["metadata_bytes"] <= METADATA_MAX)]]
    for one in found["misses"]:
        fewer = 1 - one["ours"] / one["lru"]
        goal = f">= {LRU_MIN:.0%}" if one["scans"] else ""
        rows.append([f"Zipf {one['zipf']}{' with scans' if one['scans'] else ''}: misses "
                     f"{one['ours']:.4f}, LRU's {one['lru']:.4f}", f"{fewer:.1%} fewer", goal,
                     verdict(fewer >= LRU_MIN) if goal else ""])
    return rows


def crowd(context):
    """A row: so many clients ask at once for what is not there yet."""
    runner = context.runner
    origin = contenders.Origin(context.build)
    ours = contenders.make("sluice:cache", context.build)
    one = scenario.Scenario("crowd", "crowd", ["sluice:cache"])
    with runner, origin, ours:
        origin.start(contenders.Setup(runner.scratch, [], cpus=context.cpus.load))
        ours.start(runner.setup(one, servers=[origin.port]))
        found = run_program(context, "crowd", str(ours.port), CROWD_PATH, str(CROWD),
                            cpus=context.cpus.load)
        asked = requests_of(origin)
    return [[f"{CROWD} clients ask at once for what takes 500 ms: fetches", str(asked), "1",
             verdict(asked == 1)],
            ["... ms from the first client's first byte to the last one's",
             f"{found['spread_ms']:.2f}", f"<= {CROWD_MS}", verdict(found["spread_ms"] <= CROWD_MS)]]


def requests_of(origin):
    """What it says when it ends, behind what those before it have said."""
    with open(os.path.join(origin.setup.home, "output"), encoding="utf-8") as said:
        said.seek(0, os.SEEK_END)
        origin.stop()
        text = said.read()
    return sum(int(n) for n in re.findall(r"(\d+) requests", text))


def cache(context):
    status = claims.run(context, "The cache", CLAIMS, SHOWN, [])
    if not context.options.only:
        table = context.run.data["sections"][0]
        table["rows"] += crowd(context) + kept(context)
    return int(context.options.strict and judged.missed(context.run.data)) or status


VERBS = [("cache", "the cache: hits, crowds, memory, misses, and compression", claims.add_options,
          cache, True)]
