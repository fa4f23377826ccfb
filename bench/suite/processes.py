# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of the bench: started on a CPU, waited for, stopped by id whatever happens."""
import contextlib
import ctypes
import os
import random
import shlex
import signal
import socket
import subprocess
import time

PORTS = range(20000, 30000)  # below the range that outgoing connections take theirs from
START_SECONDS = 10
STOP_SECONDS = 5
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Failure(Exception):
    """Something that has to run did not; the text is for the user."""


def free_port():
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Failure("no free port on 127.0.0.1")


def end_with_parent():
    """In the child: TERM when the bench dies, even by KILL."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def spawn(command, cpus, **options):
    """Starts a command on CPUs, as taskset writes them, out of the reach of the terminal's
    Ctrl-C."""
    return subprocess.Popen(pinned(command, cpus), stdin=options.pop("stdin", subprocess.DEVNULL),
                            start_new_session=True, preexec_fn=end_with_parent, **options)


def pinned(command, cpus):
    return ["taskset", "-c", str(cpus), *command] if cpus else list(command)


def shown(command):
    """As a shell would take it."""
    return " ".join(shlex.quote(word) for word in command)


def first_line(command):
    """Of what a command prints, to either stream."""
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=10, check=False)
    lines = run.stdout.splitlines()
    return lines[0].strip() if lines else ""


def stop(process, sign=signal.SIGTERM):
    """Asks it to end, insists after a while; its children end with it."""
    if process.poll() is None:
        process.send_signal(sign)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    with contextlib.suppress(ProcessLookupError):  # nobody is left, as it should be
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()


def family(pid):
    """A process and its children, theirs too."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                    parent = int(f.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def wait_for_port(process, port, log_path):
    """Until it accepts connections; Failure with what it wrote when it ends instead."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > end:
            with open(log_path, encoding="utf-8", errors="replace") as f:
                raise Failure(f"{' '.join(process.args)}: does not listen:\n{f.read()[-2000:]}")
        time.sleep(0.002)
