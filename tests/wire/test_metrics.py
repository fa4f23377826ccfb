#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""After traffic of all kinds, /metrics is what promtool wants, has the families that the manual lists, and
its counts agree with each other.

    test_metrics.py SLUICE"""
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import examples

TEXT = """
admin: /run/sluice/admin.sock
logs: { access: { to: /var/log/sluice/access.log } }
defaults: { log: access }
listeners:
  web: { bind: ":80", site: www }
  other: { bind: ":81", site: other }
sites:
  other: { maintenance: true, routes: [{ to: app }] }
  www:
    max_body: 64KiB
    methods: [GET, HEAD, POST]
    routes:
      - { match: { path: /pong }, respond: { body: pong } }
      - { match: { path: /away }, redirect: /pong }
      - { match: { path: /denied }, allow: 10.0.0.0/8, to: app }
      - { match: { path: /secret }, basic_auth: users.htpasswd, to: app }
      - { match: { path: /asked }, external_auth: { to: auth }, to: app }
      - { match: { path: /limited }, rate_limit: 1/h, to: app }
      - { match: { path: "~ ^/(a+)+$" }, to: app }
      - { match: { path: /dead }, to: dead }
      - { match: { path: /half }, to: half }
      - { match: { path: /slow }, to: slow }
      - { match: { path: /broken }, to: broken }
      - { match: { path: "/app/*" }, to: app }
backends:
  app: { servers: [{ name: "first", address: "10.0.0.1:1" }, "10.0.0.2:1"] }
  auth: { servers: "10.0.0.3:1" }
  dead: { servers: "10.0.0.4:1", retries: { attempts: 1 } }
  half: { servers: ["10.0.0.5:1", "10.0.0.6:1"] }
  slow: { servers: "10.0.0.7:1", timeouts: { first_byte: 50ms } }
  broken: { servers: "10.0.0.8:1" }
"""

ENDS = ["ok", "replied", "no_route", "access_denied", "auth_required", "auth_failed", "auth_denied",
        "rate_limited", "regex_limit", "connect_refused", "server_first_byte_timeout", "bad_status_line",
        "method_not_allowed", "body_too_large", "bad_version", "bad_chunk", "maintenance"]


def say(x, text):
    """Bytes as they are, to the end of the answer."""
    host, port = x.addresses[0].split(":")
    with socket.create_connection((host, int(port)), timeout=examples.DEADLINE_S) as s:
        s.sendall(text)
        while s.recv(65536):
            pass


def traffic(x):
    x.origin("auth").answer = lambda r: (403, {}, "no")
    x.origin("slow").answer = lambda r: time.sleep(0.3) or (200, {}, "late")
    x.origin("dead").close()
    x.origin("half", 1).close()
    connection = x.connect()
    for status in (100, 204, 301, 404, 500):
        x.origin("app").answer = lambda r, s=status: (s if s > 199 else 200, {}, "")
        for method in ("GET", "HEAD", "POST"):
            x.ask("/app/x", method=method, body="b" if method == "POST" else None,
                  connection=connection)
    for path in ("/pong", "/away", "/denied", "/secret", "/asked", "/limited", "/limited", "/dead",
                 "/half", "/half", "/slow", "/nowhere", "/" + "a" * 60 + "!"):
        x.ask(path)
    x.ask("/secret", fields={"Authorization": "Basic eDp5"})
    x.ask("/pong", method="DELETE")
    x.ask("/app/x", method="POST", body="x" * 65537)
    x.ask("/", listener=1)
    say(x, b"GET / HTTP/9\r\n\r\n")
    say(x, b"POST /app/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    broken(x)
    x.reload()
    x.edit("/pong", "/pong]")
    try:
        x.run("reload", "--socket", x.folder + "/run/admin.sock")
    except AssertionError:
        pass
    x.wait_said("not reloaded")


def broken(x):
    """A server that speaks no HTTP, in the place of an origin."""
    port = x.origin("broken").port
    x.origin("broken").close()
    with socket.create_server(("127.0.0.1", port)) as listener:
        host, there = x.addresses[0].split(":")
        client = http.client.HTTPConnection(host, int(there), timeout=examples.DEADLINE_S)
        client.request("GET", "/broken")
        with listener.accept()[0] as server:
            server.recv(65536)
            server.sendall(b"220 smtp.example.com\r\n\r\n")
            examples.Answer(client.getresponse())
        client.close()


def counts(text, family, label):
    """The sums of a family's samples by a label's value."""
    sums = {}
    for labels, value in re.findall(rf"^{family}{{(.*)}} (\d+)$", text, re.M):
        key = re.search(rf'{label}="([^"]*)"', labels).group(1)
        sums[key] = sums.get(key, 0) + int(value)
    return sums


def problems(x, text):
    families = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    told = {m["name"] for m in json.loads(x.run("reference"))["metrics"]}
    if families != told:
        yield f"families that only one of /metrics and the reference has: {families ^ told}"
    ends = counts(text, "sluice_site_ends_total", "reason")
    for end in ENDS:
        if not ends.get(end):
            yield f"nothing ended by {end}: {ends}"
    statuses = counts(text, "sluice_site_requests_total", "status")
    if sum(ends.values()) != sum(statuses.values()):
        yield f"{ends} and {statuses} are not as many requests"
    lint = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
                          check=False)
    if lint.returncode or lint.stdout or lint.stderr:
        yield f"promtool: {lint.stdout}{lint.stderr}"


def main():
    if not shutil.which("promtool"):
        print("promtool is not installed")
        return 77
    x = examples.Example(os.path.abspath(sys.argv[1]), "metrics", text=TEXT)
    try:
        x.start()
        traffic(x)
        until = time.monotonic() + 10  # what was just answered may not be counted yet
        while (found := list(problems(x, x.admin("/metrics")))) and time.monotonic() < until:
            time.sleep(0.05)
        print("\n".join(found))
        if found:
            print(x.said)
        x.stop()
        return 1 if found else 0
    finally:
        x.clean()


sys.exit(main())
