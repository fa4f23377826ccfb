#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that die, stop, fail, are slow, flap or come under load: what wrk sees of it.

    test_failover.py SLUICE SLUICE_ORIGIN"""
import concurrent.futures
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

SLUICE, ORIGIN = "", ""


class Process:
    """One whose output is read line by line."""

    def __init__(self, *command):
        self.lines, self.more = [], threading.Condition()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.more:
                self.lines.append(line)
                self.more.notify_all()

    def says(self, pattern, count=1):
        """Waits for the count-th line of the kind: its match."""
        def found():
            return [m for m in (re.search(pattern, line) for line in self.lines) if m]
        with self.more:
            if not self.more.wait_for(lambda: len(found()) >= count, 30):
                raise AssertionError(f"'{pattern}' was not said: {''.join(self.lines)}")
            return found()[count - 1]

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


class World:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-failover-")
        self.processes = []

    def start(self, *command):
        process = Process(*command)
        self.processes.append(process)
        address = process.says(r"listening on (?:http://)?([0-9.]+:[0-9]+)").group(1)
        return process, address

    def origin(self, name):
        return self.start(ORIGIN, "--listen", "127.0.0.1:0", "--name", name)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def moody(self, name, route):
        """A server whose answers `mood` changes: a sluice before nothing."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.ports = getattr(self, "ports", {})
        self.ports[name] = port
        process, address = self.start(SLUICE, "run", "-c", self.mood(name, route))
        return process, address

    def mood(self, name, route):
        backends = "backends: { o: { servers: [\"%s\"] } }\n" % self.slow if "o }" in route else ""
        return self.write(name, 'listeners: { l: { bind: "127.0.0.1:%d", site: s } }\n'
                          "sites: { s: { routes: [%s] } }\n%s"
                          % (self.ports[name], route, backends))

    def change(self, process, name, route):
        self.mood(name, route)
        before = sum("reloaded" in line for line in process.lines)
        process.signal(signal.SIGHUP)
        process.says("reloaded", before + 1)

    def proxy(self, servers, rules):
        self.rules = rules
        process, self.address = self.start(SLUICE, "run", "-c", self.configuration(servers))
        return process

    def configuration(self, servers):
        text = ", ".join(f'"{s}"' for s in servers)
        return self.write("proxy", "workers: 2\nadmin: \"%s/admin\"\n"
                          "listeners: { web: { bind: \"127.0.0.1:0\", site: s } }\n"
                          "sites: { s: { routes: [{ to: b }] } }\n"
                          "backends: { b: { servers: [%s], %s } }\n"
                          % (self.folder, text, self.rules))

    def load(self, seconds, connections=16):
        return subprocess.Popen(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout",
                                 "20s", f"http://{self.address}/"], stdout=subprocess.PIPE,
                                text=True)

    def counts(self):
        """Answers by server."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.folder + "/admin")
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
        got = {}
        for server, n in re.findall(r'sluice_server_responses_total\{backend="b",server="([^"]*)",'
                                    r'status="..."\} ([0-9]+)', text):
            got[server] = got.get(server, 0) + int(n)
        return got

    def close(self):
        for process in self.processes:
            process.end()
        shutil.rmtree(self.folder)


def result(load):
    """Requests, and those that failed."""
    text = load.communicate()[0]
    requests = int(re.search(r"(\d+) requests in", text).group(1))
    failed = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
    failed += sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", text)))
    if requests < 100:
        raise AssertionError(text)
    return requests, failed


def nothing_failed(load, what):
    requests, failed = result(load)
    if failed:
        raise AssertionError(f"{what}: {failed} of {requests} requests failed")


def alternatives(w, rules):
    """Two good servers beside another one."""
    return [w.origin("a")[1], w.origin("b")[1]], rules


# ---- What happens ------------------------------------------------------------------------------

CHECKED = "health: { path: /, interval: 50ms, timeout: 300ms }, retries: { try_timeout: 500ms }"


def one_of_three_is_killed(w):
    good, rules = alternatives(w, CHECKED)
    victim, address = w.origin("c")
    proxy = w.proxy([*good, address], rules)
    load = w.load(2)
    time.sleep(0.5)
    victim.signal(signal.SIGKILL)
    proxy.says(f"server {address} is down")
    nothing_failed(load, "killed")
    nothing_failed(w.load(1), "after that")


def one_of_three_is_stopped(w):
    good, rules = alternatives(w, CHECKED)
    victim, address = w.origin("c")
    proxy = w.proxy([*good, address], rules)
    load = w.load(3)
    time.sleep(0.5)
    victim.signal(signal.SIGSTOP)
    proxy.says(f"server {address} is down: it did not answer in time")
    nothing_failed(load, "stopped")
    before = w.counts()[address]
    nothing_failed(w.load(1), "after that")
    if w.counts()[address] != before:
        raise AssertionError("it is still asked")
    victim.signal(signal.SIGCONT)
    proxy.says(f"server {address} is up again")


EJECTED = "ejection: { failures: 5, latency: 500%%, interval: 200ms, requests: 5, time: %s }"


def one_of_three_answers_500(w):
    good, rules = alternatives(w, EJECTED % "1h" + ", retries: { on: [5xx] }")
    bad, address = w.moody("c", "{ respond: 200 }")
    proxy = w.proxy([*good, address], rules)
    load = w.load(2)
    time.sleep(0.5)
    w.change(bad, "c", "{ respond: 500 }")
    proxy.says(f"server {address} is ejected for 300 s: too many failures in a row")
    nothing_failed(load, "answers 500")
    before = w.counts()[address]
    nothing_failed(w.load(1), "after that")
    if w.counts()[address] != before:
        raise AssertionError("it is still asked")


def without_retries_only_those_before_detection_fail(w):
    good, rules = alternatives(w, EJECTED % "1h")
    bad, address = w.moody("c", "{ respond: 200 }")
    proxy = w.proxy([*good, address], rules)
    load = w.load(2)
    time.sleep(0.5)
    w.change(bad, "c", "{ respond: 500 }")
    proxy.says(f"server {address} is ejected")
    requests, failed = result(load)
    if not 5 <= failed <= requests / 10:
        raise AssertionError(f"{failed} of {requests} requests failed")
    nothing_failed(w.load(1), "after that")


def one_of_four_is_slow(w):
    good, rules = alternatives(w, EJECTED % "1h")
    good.append(w.origin("d")[1])
    w.slow = w.origin("o")[1]
    bad, address = w.moody("c", "{ respond: 200 }")
    proxy = w.proxy([*good, address], rules)
    load = w.load(3)
    time.sleep(0.5)
    w.change(bad, "c", "{ rewrite: /delay/150, to: o }")
    proxy.says(f"server {address} is ejected for 300 s: it fails too often, or is too slow")
    nothing_failed(load, "slow")
    before = w.counts()[address]
    nothing_failed(w.load(1), "after that")
    if w.counts()[address] != before:
        raise AssertionError("it is still asked")


def a_flapping_one_is_out_for_longer_each_time(w):
    good, rules = alternatives(w, EJECTED % "200ms" + ", retries: { on: [5xx] }")
    bad, address = w.moody("c", "{ respond: 500 }")
    proxy = w.proxy([*good, address], rules)
    load = w.load(3)
    times = [float(proxy.says(f"server {address} is ejected for ([0-9.]+) s", n).group(1))
             for n in (1, 2, 3)]
    if [round(t / times[0]) for t in times] != [1, 2, 4]:
        raise AssertionError(f"out for {times} s")
    nothing_failed(load, "flapping")
    bad.end()


def an_added_one_takes_its_share_within_slow_start(w):
    good, rules = alternatives(w, "slow_start: 4s")
    proxy = w.proxy(good, rules)
    load = w.load(7)
    time.sleep(0.5)
    address = w.origin("c")[1]
    w.configuration([*good, address])
    start = time.monotonic()
    proxy.signal(signal.SIGHUP)
    proxy.says("sluice: reloaded")
    before, shares = w.counts(), []
    for at in (1, 2, 5):
        time.sleep(max(0, start + at - time.monotonic()))
        now = w.counts()
        new = {s: now[s] - before.get(s, 0) for s in now}
        shares.append((time.monotonic() - start, new[address] / sum(new.values())))
        before = now
    time.sleep(1)
    new = {s: n - before[s] for s, n in w.counts().items()}
    # By the end of each span at most so much of a third has been its share.
    for passed, share in shares[:2]:
        if share > passed / 4 / 3 * 1.2:
            raise AssertionError(f"a share of {share:.3f} after {passed:.2f} s of 4 s")
    share = new[address] / sum(new.values())
    if abs(share - 1 / 3) > 0.05:
        raise AssertionError(f"a share of {share:.3f} in the end, {shares}")
    nothing_failed(load, "added")


def the_name_asked_for_in_tls_can_be_the_key(w):
    certificate = os.path.join(w.folder, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=sni", "-addext",
                    "subjectAltName=DNS:*.example.com", "-keyout", certificate + ".key", "-out",
                    certificate], check=True, capture_output=True)
    servers = ", ".join(f'"{w.origin(name)[1]}"' for name in "ab")
    _, address = w.start(SLUICE, "run", "-c", w.write("sni", """
listeners: { l: { bind: "127.0.0.1:0", site: s,
                  tls: { certificates: [{ cert: %s, key: %s.key }] } } }
sites: { s: { routes: [{ to: b }] } }
backends: { b: { balance: { policy: maglev, key: sni }, servers: [%s] } }
""" % (certificate, certificate, servers)))

    def origin_of(name):
        out = subprocess.run(["curl", "-sk", "-o", "/dev/null", "-w", "%header{x-origin}",
                              "--connect-to", f"{name}:443:{address}", f"https://{name}/"],
                             check=True, capture_output=True, text=True).stdout
        if out not in ("a", "b"):
            raise AssertionError(f"answered by '{out}'")
        return out
    names = [f"n{i}.example.com" for i in range(12)]
    first = [origin_of(name) for name in names]
    if set(first) != {"a", "b"} or [origin_of(name) for name in names] != first:
        raise AssertionError(f"{first}, then others")


TESTS = [the_name_asked_for_in_tls_can_be_the_key, one_of_three_is_killed, one_of_three_is_stopped, one_of_three_answers_500,
         without_retries_only_those_before_detection_fail, one_of_four_is_slow,
         a_flapping_one_is_out_for_longer_each_time,
         an_added_one_takes_its_share_within_slow_start]


def run(test):
    w = World()
    try:
        test(w)
        return None
    except Exception:
        return traceback.format_exc()
    finally:
        w.close()


def main():
    global SLUICE, ORIGIN
    SLUICE, ORIGIN, *names = sys.argv[1:]
    tests = [t for t in TESTS if not names or t.__name__ in names]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for test, why in zip(tests, pool.map(run, tests)):
            print(f"[  {'FAILED' if why else '    OK'}  ] {test.__name__}\n{why or ''}", end="")
            failed += why is not None
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
