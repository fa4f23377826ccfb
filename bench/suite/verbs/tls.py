# SPDX-License-Identifier: GPL-3.0-or-later
"""tls: what TLS costs, against nginx and HAProxy with OpenSSL, and against its own cryptography."""
import json
import os
import statistics
import subprocess

from .. import claims as judged
from .. import stats
from ..claims import Claim
from ..processes import Failure, pinned
from . import claims

SUM_MAX = 1.3     # times the raw operations
WORKERS_MIN = 1.9  # times one worker's handshakes

CLAIMS = [
    Claim("tls-full", "sluice", "nginx", at_most=0.58),
    Claim("tls-resumed", "sluice", "nginx", at_most=0.58),
    Claim("tls-keep-alive", "sluice", "nginx", at_most=0.75),
    Claim("tls-bulk", "sluice", "haproxy", at_most=0.70),
    # n workers do n / (their CPU time over one's) times the work of one.
    Claim("tls-workers", "sluice:two", "sluice", at_most=round(2 / WORKERS_MIN, 3)),
    Claim("tls-idle", "sluice", at_most=8192, figure="idle_bytes"),
]
SHOWN = {"tls-full": ["haproxy"], "tls-resumed": ["haproxy"], "tls-keep-alive": ["haproxy"],
         "tls-bulk": ["nginx"]}
PLAIN = Claim("tls-new", "sluice", at_most=1e9)  # only measured: no claim of its own
NOTES = [f"Two workers: at least {WORKERS_MIN} times one's handshakes for the CPU time of two. They share the "
         "proxy's CPUs, as the load would disturb one that shares its own."]


def raw_operations(context):
    """{operation: {count, us}} and their sum in us."""
    program = os.path.join(context.build, "sluice-tls-sum")
    try:
        text = subprocess.run(pinned([program], context.cpus.proxy), check=True, text=True,
                              stdout=subprocess.PIPE, timeout=60).stdout
    except (OSError, subprocess.SubprocessError) as e:
        raise Failure(f"{program}: {e}") from e
    found = json.loads(text)
    return found, found.pop("sum_us")


def user_us(section):
    result = next(r for r in section["results"] if r["spec"] == "sluice")
    if result["broken"] or result["skipped"]:
        raise Failure(f"{section['title']}: {result['broken'] or result['skipped']}")
    return [s["cpu_us"] * s["user_share"] for s in result["samples"]]


def against_its_sum(context):
    """What a full handshake adds to a connection's user CPU, over the operations that it needs."""
    sections = {s.get("key"): s for s in context.run.data["sections"]}
    with_tls, without = user_us(sections["tls-full"]), user_us(sections["tls-new"])
    operations, sum_us = raw_operations(context)
    plain = statistics.median(without)
    measured = stats.compare([value - plain for value in with_tls], [sum_us] * len(with_tls))
    context.run.add({"kind": "table", "title": "Cryptography of a full handshake, by itself",
                     "header": ["", "times", "us each", "us"],
                     "rows": [[name, str(one["count"]), f"{one['us']:.2f}",
                               f"{one['count'] * one['us']:.2f}"]
                              for name, one in operations.items()]
                     + [["sum", "", "", f"{sum_us:.1f}"]], "notes": []})
    return [f"A full handshake: user CPU over the raw operations' {sum_us:.1f} us",
            f"{measured.median:.3f} [{measured.low:.3f}, {measured.high:.3f}]", f"<= {SUM_MAX:.2f}",
            stats.verdict(measured, SUM_MAX)]


def tls(context):
    made = CLAIMS + [PLAIN]
    status = claims.run(context, "TLS", made, SHOWN, NOTES)
    table = context.run.data["sections"][0]
    table["rows"] = [row for row in table["rows"] if row[2] != PLAIN.goal()]
    measured = {s.get("key") for s in context.run.data["sections"]}
    if {"tls-full", "tls-new"} <= measured:
        table["rows"].append(against_its_sum(context))
    return int(context.options.strict and judged.missed(context.run.data)) or status


VERBS = [("tls", "TLS: handshakes, resumption, small and large bodies, idle clients",
          claims.add_options, tls, True)]
