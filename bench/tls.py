#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""CPU time per request with TLS: sluice beside nginx and HAProxy, in some minutes.

    bench/tls.py                        all scenarios
    bench/tls.py --only handshake       one of: handshake, resumed, 13, 256k

TLS 1.3, a P-256 certificate, X25519, AES-128-GCM, session tickets. The load of full handshakes is
openssl's s_time, since wrk resumes its sessions. Read as bench/quick.py's tables."""
import argparse
import contextlib
import http.client
import os
import re
import resource
import signal
import ssl
import subprocess
import sys
import tempfile

import measure
import report
from contenders import FILES_MAX, Haproxy, Nginx, Origin, Sluice, require
from processes import Failure, spawn, stop
from runner import Progress, Runner, Scenario

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Certificate:
    """A P-256 pair in a folder."""

    def __init__(self, folder):
        self.chain = os.path.join(folder, "site.pem")
        self.key = os.path.join(folder, "site.key")
        self.both = os.path.join(folder, "both.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
                        "-days", "30", "-keyout", self.key, "-out", self.chain],
                       check=True, stderr=subprocess.DEVNULL)
        with open(self.both, "w", encoding="utf-8") as out:
            for path in (self.chain, self.key):
                with open(path, encoding="utf-8") as f:
                    out.write(f.read())


def https(contender):
    contender.url = lambda path: f"https://127.0.0.1:{contender.port}{path}"
    return contender


class TlsSluice(Sluice):
    def __init__(self, build, certificate, name="sluice"):
        super().__init__(build, name)
        self.certificate = certificate

    def prepare(self, home, port, origin):
        return [*super().prepare(home, port, origin), "--tls",
                f"{self.certificate.chain},{self.certificate.key}"]


class TlsNginx(Nginx):
    def __init__(self, files, certificate):
        super().__init__(files)
        self.certificate = certificate

    def write_configuration(self, path, template, **values):
        super().write_configuration(path, template.replace(
            "reuseport backlog=4096;",
            f"ssl reuseport backlog=4096;\n        ssl_certificate {self.certificate.chain};\n"
            f"        ssl_certificate_key {self.certificate.key};\n"
            "        ssl_protocols TLSv1.3;\n        ssl_ecdh_curve X25519;\n"
            "        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;"), **values)


class TlsHaproxy(Haproxy):
    def __init__(self, files, certificate):
        super().__init__(files)
        self.certificate = certificate

    def write_configuration(self, path, template, **values):
        super().write_configuration(path, template.replace(
            "backlog 4096",
            f"backlog 4096 ssl crt {self.certificate.both} ssl-min-ver TLSv1.3 curves X25519 "
            "ciphersuites TLS_AES_128_GCM_SHA256"), **values)


RUN_WRK = measure.run_wrk


def full_handshakes(url, connections, seconds, cpu, close=True):
    """In place of wrk: new sessions only, each for one request. The origin, asked directly, has no
    TLS."""
    if not url.startswith("https"):
        return RUN_WRK(url, connections, seconds, cpu, close)
    port, path = re.match(r"https://127.0.0.1:(\d+)(.*)", url).groups()
    whole = max(1, round(seconds))
    command = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-www", path, "-new",
               "-time", str(whole)]
    running = [spawn(command, cpu, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
               for _ in range(connections)]
    done = 0
    try:
        for process in running:
            text, _ = process.communicate(timeout=whole + 10)
            found = re.search(r"^(\d+) connections in \d+ real seconds", text, re.M)
            if not found:
                raise Failure(f"s_time: {text.strip()[-200:]}")
            done += int(found[1])
    finally:
        for process in running:
            stop(process, signal.SIGKILL)
    return measure.Load(done, whole, 0.0, 0.0)


@contextlib.contextmanager
def load_of(scenario):
    if scenario.key == "handshake":
        measure.run_wrk = full_handshakes
    try:
        yield
    finally:
        measure.run_wrk = RUN_WRK


class TlsRunner(Runner):
    def run(self, scenario):
        with load_of(scenario):
            return super().run(scenario)

    def warm(self, contender, scenario):
        trusting = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", contender.port, timeout=5,
                                                 context=trusting)
        with contextlib.closing(connection):
            connection.request("GET", scenario.path)
            response = connection.getresponse()
            body = response.read()
        if response.status != 200 or len(body) != scenario.size:
            raise Failure(f"answers {response.status} with {len(body)} bytes")
        measure.run_wrk(contender.url(scenario.path), scenario.connections, 0.3, self.cpus[1],
                        scenario.close)


def scenarios(options, certificate, files):
    all_of = [https(c) for c in (TlsSluice(options.build, certificate),
                                 TlsNginx(files, certificate),
                                 TlsHaproxy(files, certificate))]
    return [Scenario("handshake", "a full handshake for each request, 8 at once", 13, 8, all_of,
                     options.pairs, options.seconds, close=True),
            Scenario("resumed", "a resumed session for each request, 32 at once", 13, 32, all_of,
                     options.pairs, options.seconds, close=True),
            Scenario("13", "13 B, 64 keep-alive connections", 13, 64, all_of, options.pairs,
                     options.seconds),
            Scenario("256k", "256 KiB, 64 keep-alive connections", 256 << 10, 64, all_of,
                     options.pairs, options.seconds)]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--only", action="append", choices=["handshake", "resumed", "13", "256k"])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    options = parser.parse_args()
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        parser.error("two CPUs are needed")
    cpus = usable[0], usable[1]
    os.sched_setaffinity(0, {cpus[1]})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    with measure.CubicCongestion(), tempfile.TemporaryDirectory(prefix="sluice-tls-") as scratch:
        chosen = [s for s in scenarios(options, Certificate(scratch), files)
                  if not options.only or s.key in options.only]
        progress = Progress(sum(s.steps() for s in chosen))
        with Origin(options.build) as origin:
            require(origin)
            origin.start(scratch, cpus[1], 0)
            runner = TlsRunner(origin, cpus, scratch, 1, progress)
            tables = [report.scenario_table(s, runner.run(s)) for s in chosen]
        progress.end()
    for name, value in measure.machine_facts(cpus).items():
        print(f"  {name:26} {value}")
    for table in tables:
        print(report.text_table(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
