#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams both ways at once, through layer 4, CONNECT and HTTP, while a part of the connections is reset by
either side at any byte: what arrives is what was sent, to the byte, and all of it where nobody broke it.

    test_checksums.py SLUICE [MIB]      MIB in each direction, in all; 48"""
import os
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

PERIOD = 1048573  # a prime: what is lost, doubled or moved does not fit any more
DEADLINE_S = 300
PIECE = 1 << 18
CONFIGURATION = """
workers: 1
listeners:
  tcp: {{ bind: "127.0.0.2:0", tcp: b }}
  proxy: {{ bind: "127.0.0.3:0", forward: {{ allow_private: [127.0.0.0/8] }} }}
  web: {{ bind: "127.0.0.4:0", site: s }}
sites: {{ s: {{ routes: [{{ to: b }}] }} }}
backends: {{ b: {{ servers: ["{server}"] }} }}
"""


class Stream:
    """Bytes that a seed and the position determine."""

    def __init__(self, seed):
        block = random.Random(seed).randbytes(PERIOD)
        self.text = memoryview(block + block[:PIECE])

    def at(self, position, count):
        start = position % PERIOD
        return self.text[start:start + min(count, PIECE)]


UP, DOWN = Stream(1), Stream(2)


class Broken(Exception):
    pass


def send(s, stream, total, reset_at):
    """False: reset, by us at that byte or by the other side."""
    sent = 0
    try:
        while sent < total:
            count = min(total, reset_at) - sent if reset_at is not None else total - sent
            if count == 0:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.shutdown(socket.SHUT_RD)  # who receives stops, and the close that follows resets
                return False
            sent += s.send(stream.at(sent, count))
        return True
    except OSError:
        return False


def receive(s, stream, total, what):
    """How many of the bytes came; raises if others did."""
    got = 0
    memory = bytearray(PIECE)
    view = memoryview(memory)
    try:
        while got < total:
            n = s.recv_into(view, min(PIECE, total - got))
            if n == 0:
                break
            if view[:n] != stream.at(got, n)[:n]:
                raise Broken(f"{what}: other bytes than were sent, behind {got}")
            got += n
    except OSError:
        pass
    return got


def read_head(s):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = s.recv(1)
        if not byte:
            raise OSError("no head")
        head += byte
    return head


class Run:
    """One connection of a client and what the server has of it."""

    def __init__(self, kind, total, reset_by, reset_at):
        self.kind, self.total, self.reset_by, self.reset_at = kind, total, reset_by, reset_at
        self.up = self.down = 0  # received
        self.problem = None
        self.served = threading.Event()

    def both(self, s, own, other, side):
        reset_at = self.reset_at if self.reset_by == side else None
        sender = threading.Thread(target=send, args=(s, own, self.total, reset_at))
        sender.start()
        try:
            return receive(s, other, self.total, f"{self.kind}, {side}")
        finally:
            sender.join()


class Server:
    """Told by the first 16 bytes of a connection, or by the path, which run it is."""

    def __init__(self, runs):
        self.runs = runs
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            s, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        run = None
        try:
            s.settimeout(DEADLINE_S)
            head = s.recv(16, socket.MSG_WAITALL)
            if head[:4] in (b"PUT ", b"GET "):
                head += read_head(s)
            found = re.search(rb"run(\d+)", head)
            if not found:
                return
            run = self.runs[int(found.group(1))]
            if run.kind == "http":
                run.up = receive(s, UP, run.total, "http, server") if head[:3] == b"PUT" else 0
                s.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
                          b"Content-Length: %d\r\n\r\n" % run.total)
                send(s, DOWN, run.total, run.reset_at if run.reset_by == "server" else None)
            else:
                run.up = run.both(s, DOWN, UP, "server")
        except OSError:
            pass
        except Broken as e:
            run.problem = e
        finally:
            s.close()
            if run:
                run.served.set()


def client(run, number, addresses, server):
    host, port = addresses[run.kind].split(":")
    s = socket.create_connection((host, int(port)), timeout=DEADLINE_S)
    try:
        if run.kind == "http":
            s.sendall(b"PUT /run%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (number, run.total))
            send(s, UP, run.total, run.reset_at if run.reset_by == "client" else None)
            read_head(s)
            run.down = receive(s, DOWN, run.total, "http, client")
            return
        if run.kind == "connect":
            s.sendall(f"CONNECT {server} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            read_head(s)
        s.sendall(f"run{number}".encode().ljust(16))
        run.down = run.both(s, UP, DOWN, "client")
    except OSError:
        pass
    except Broken as e:
        run.problem = e
    finally:
        s.close()


def judge(run):
    whole = (run.up, run.down) == (run.total, run.total)
    if run.problem:
        return str(run.problem)
    if run.reset_by is None and not whole:
        return f"{run.kind}: of {run.total} bytes {run.up} went up, {run.down} down, and nobody had broken it"
    return None


def make_runs(mib):
    rng = random.Random(3)
    runs, left = [], mib << 20
    while left > 0:
        total = min(left, int(rng.choice([1, 70000, 1 << 20, 3 << 20, mib << 15]) * (0.5 + rng.random())) + 1)
        reset_by = rng.choice([None, None, "client", "server"])
        runs.append(Run(rng.choice(["tcp", "connect", "http"]), total, reset_by, rng.randrange(total)))
        left -= total
    return runs


def start(sluice, server):
    f = tempfile.NamedTemporaryFile("w", suffix=".yaml")
    f.write(CONFIGURATION.format(server=server))
    f.flush()
    process = subprocess.Popen([sluice, "run", "-c", f.name], text=True, stderr=subprocess.PIPE)
    addresses = []
    while len(addresses) < 3:
        line = process.stderr.readline()
        if not line:
            raise SystemExit("sluice did not start")
        addresses += re.findall(r"listening on (\S+)", line)
    threading.Thread(target=process.stderr.read, daemon=True).start()
    kinds = {"127.0.0.2": "tcp", "127.0.0.3": "connect", "127.0.0.4": "http"}
    return f, process, {kinds[a.split(":")[0]]: a for a in addresses}


def main():
    mib = int(sys.argv[2]) if len(sys.argv) > 2 else 48
    runs = make_runs(mib)
    server = Server(runs)
    keep, process, addresses = start(os.path.abspath(sys.argv[1]), server.address)
    begin = time.monotonic()
    numbers = iter(range(len(runs)))
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            client(runs[number], number, addresses, server.address)
            if runs[number].reset_by is None:
                runs[number].served.wait(30)

    threads = [threading.Thread(target=work) for _ in range(4)]
    try:
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        seconds = time.monotonic() - begin
    finally:
        process.terminate()
        code = process.wait(timeout=60)
        keep.close()
    problems = [p for p in map(judge, runs) if p]
    moved = sum(r.up + r.down for r in runs) >> 20
    whole = sum(r.reset_by is None for r in runs)
    print(f"{len(runs)} connections, {whole} of them left alone: {moved} MiB arrived as they were sent, "
          f"{seconds:.1f} s; {len(problems)} problems; sluice ended with {code}")
    print("\n".join(problems[:10]))
    return 0 if not problems and code == 0 and whole else 1


sys.exit(main())
