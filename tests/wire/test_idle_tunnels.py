#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of idle tunnels cost at most 1 KiB of user memory each, and hold no pipe.

    test_idle_tunnels.py SLUICE [TUNNELS]     as many as descriptors allow, 9000 at most
"""
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading

CONFIGURATION = """
workers: 1
listeners: {{ l: {{ bind: "127.0.0.1:0", tcp: b }} }}
backends: {{ b: {{ servers: ["127.0.0.1:{port}"] }} }}
"""
BYTES_MAX = 1024


def own_bytes(pid):
    """Memory that the process wrote: no file's, no kernel's."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            if line.startswith("Anonymous:"):
                return int(line.split()[1]) * 1024
    raise SystemExit("no figure for the memory")


def pipes(pid):
    folder = f"/proc/{pid}/fd"
    return sum(os.readlink(os.path.join(folder, fd)).startswith("pipe:") for fd in os.listdir(folder))


def server_process(pid):
    """The one that serves: the keeper's child."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return int(f.read().split()[0])


def serve(listener, held):
    while True:
        try:
            held.append(listener.accept()[0])
        except OSError:
            return


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 9000
    count = min(wanted, (hard - 300) // 2)
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    held, clients = [], []
    threading.Thread(target=serve, args=(listener, held), daemon=True).start()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(CONFIGURATION.format(port=listener.getsockname()[1]))
        f.flush()
        sluice = subprocess.Popen([sys.argv[1], "run", "-c", f.name], text=True,
                                  stderr=subprocess.PIPE)
        try:
            line = " "
            while line and "listening on" not in line:
                line = sluice.stderr.readline()
            host, port = line.split()[-1].rsplit(":", 1)

            def dial(number):
                while len(clients) < number:
                    c = socket.create_connection((host, int(port)), timeout=10)
                    c.sendall(b"x")
                    clients.append(c)
                    while len(held) < len(clients):
                        pass

            dial(200)
            pid = server_process(sluice.pid)
            before, pipes_before = own_bytes(pid), pipes(pid)
            dial(200 + count)
            for c in held:
                c.settimeout(10)
                c.recv(1)
            each = (own_bytes(pid) - before) / count
            print(f"{count} idle tunnels: {each:.0f} bytes each, {pipes(pid) - pipes_before} pipes")
            return int(each > BYTES_MAX or pipes(pid) > pipes_before)
        finally:
            for c in clients + held:
                c.close()
            listener.close()
            sluice.terminate()
            sluice.communicate()


if __name__ == "__main__":
    sys.exit(main())
