#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand idle HTTP/2 connections, each of which has had a request of a browser's size, cost at
most 8 KiB of user memory each; and they are all still answered.

    test_idle_h2.py SLUICE [CONNECTIONS]
"""
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

CONFIGURATION = """
workers: 1
listeners: { l: { bind: "127.0.0.1:0", site: s } }
sites: { s: { routes: [{ respond: { status: 200, body: ok } }] } }
"""
BYTES_MAX = 8 * 1024
WAIT_S = 10
FIELDS = {
    b":authority": b"www.example.com",
    b"user-agent": b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
    b"accept": b"text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
    b"accept-language": b"en-US,en;q=0.5",
    b"cookie": b"session=0123456789abcdef0123456789abcdef",
}


def own_bytes(pid):
    """Memory that the process wrote: no file's, no kernel's."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            if line.startswith("Anonymous:"):
                return int(line.split()[1]) * 1024
    raise SystemExit("no figure for the memory")


def server_process(pid):
    """The one that serves: the keeper's child."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return int(f.read().split()[0])


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def indexed(name, value):
    """RFC 7541 6.2.1: it goes into the table."""
    return b"\x40" + bytes([len(name)]) + name + bytes([len(value)]) + value


def ask(client, stream):
    block = b"\x82\x86\x84" + b"".join(indexed(n, v) for n, v in FIELDS.items())
    client.sendall(frame(1, 5, stream, block))
    answer, end = b"", frame(0, 1, stream, b"ok")
    while end not in answer:
        piece = client.recv(65536)
        if not piece:
            raise SystemExit("the connection ended")
        answer += piece


def dial(address):
    client = socket.create_connection(address, timeout=10)
    client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + frame(4, 1, 0))
    ask(client, 1)
    return client


def settled(pid):
    """The memory once it does not fall any more: a connection gives some back when it has been
    idle for a while."""
    last, same, until = own_bytes(pid), 0, time.monotonic() + WAIT_S
    while same < 10 and time.monotonic() < until:
        time.sleep(0.1)
        now = own_bytes(pid)
        same = same + 1 if now == last else 0
        last = now
    return last


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    clients = []
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(CONFIGURATION)
        f.flush()
        sluice = subprocess.Popen([sys.argv[1], "run", "-c", f.name], text=True,
                                  stderr=subprocess.PIPE)
        try:
            line = " "
            while line and "listening on" not in line:
                line = sluice.stderr.readline()
            host, port = line.split()[-1].rsplit(":", 1)
            clients += [dial((host, int(port))) for _ in range(100)]
            pid = server_process(sluice.pid)
            before = settled(pid)
            clients += [dial((host, int(port))) for _ in range(count)]
            each = (settled(pid) - before) / count
            for client in clients:
                ask(client, 3)
            print(f"{count} idle HTTP/2 connections: {each:.0f} bytes each")
            return int(each > BYTES_MAX)
        finally:
            for client in clients:
                client.close()
            sluice.terminate()
            sluice.communicate()


if __name__ == "__main__":
    sys.exit(main())
