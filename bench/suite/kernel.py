# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from the kernel about processes: CPU time, switches, memory, system calls."""
import contextlib
import ctypes
import os
import platform
import re
import tempfile
import time

from .processes import Failure

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_ns(pids):
    """User and system time of all threads, the kernel's I/O workers of io_uring and ended threads
    included: the scheduler's nanoseconds, as in schedstat, through each process's CPU clock."""
    return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in pids)


def ticks(pids):
    """Of user and of system time: coarser, but telling one from the other."""
    user = system = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        user += int(fields[11])
        system += int(fields[12])
    return user, system


def threads(pids):
    return [(pid, int(tid)) for pid in pids for tid in os.listdir(f"/proc/{pid}/task")]


def context_switches(pids):
    total = 0
    for pid, tid in threads(pids):
        with open(f"/proc/{pid}/task/{tid}/status", encoding="utf-8", errors="replace") as f:
            total += sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)", f.read())))
    return total


def private_bytes(pids):
    """User memory that belongs to nobody else."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
            total += sum(map(int, re.findall(r"Private_\w+:\s+(\d+) kB", f.read())))
    return total * 1024


def peak_bytes(pids):
    """The most memory that was resident, process by process; what they share counts in each."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
            total += sum(map(int, re.findall(r"VmHWM:\s+(\d+) kB", f.read())))
    return total * 1024


def cpu_numbers(text):
    """"0-2,5" as a list of numbers."""
    numbers = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def busy_seconds(cpus):
    """What CPUs did for anybody, their stolen time included."""
    wanted = {f"cpu{number}" for number in cpu_numbers(cpus)}
    total = 0.0
    with open("/proc/stat", encoding="utf-8") as f:
        for line in f:
            name, *values = line.split()
            if name in wanted:
                user, nice, system, _idle, _wait, irq, softirq, steal = map(int, values[:8])
                total += (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
    return total


@contextlib.contextmanager
def mounted_tracefs():
    """A folder with tracefs in it; OSError: that is not allowed here."""
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        place = folder.encode()
        if libc.mount(b"none", place, b"tracefs", 0, None):
            raise OSError(ctypes.get_errno(), "mount")
        try:
            yield folder
        finally:
            libc.umount2(place, 2)  # MNT_DETACH


class SyscallCounter:
    """Counts the system calls of all threads through the kernel's tracepoint: one counter a
    thread, read once at the end; nobody is stopped and nothing is recorded."""
    NUMBERS = {"x86_64": 298, "aarch64": 241}  # of perf_event_open
    TYPE_TRACEPOINT = 2
    ATTRIBUTE_BYTES = 64
    FLAG_INHERIT = 1 << 1  # threads created later count, too
    ID_FOLDERS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")

    def __init__(self, pids):
        self.fds = []
        number = self.NUMBERS.get(platform.machine())
        if not number:
            raise Failure("not counted: known on x86_64 and aarch64 only")
        attribute = (ctypes.c_uint64 * (self.ATTRIBUTE_BYTES // 8))()
        attribute[0] = self.TYPE_TRACEPOINT | self.ATTRIBUTE_BYTES << 32
        attribute[1] = self.tracepoint()
        attribute[5] = self.FLAG_INHERIT
        libc = ctypes.CDLL(None, use_errno=True)
        for _, tid in threads(pids):
            fd = libc.syscall(number, ctypes.byref(attribute), tid, -1, -1, 0)
            if fd < 0:
                self.close()
                raise Failure("not counted: perf_event_open: "
                              + os.strerror(ctypes.get_errno()))
            self.fds.append(fd)

    def tracepoint(self):
        for folder in self.ID_FOLDERS:
            try:
                return self.tracepoint_in(folder)
            except OSError:
                continue
        try:  # a machine that has not mounted it: for a moment, aside
            with mounted_tracefs() as folder:
                return self.tracepoint_in(folder)
        except OSError:
            raise Failure("not counted: tracefs is not readable (root can)") from None

    @staticmethod
    def tracepoint_in(folder):
        with open(f"{folder}/events/raw_syscalls/sys_enter/id", encoding="utf-8") as f:
            return int(f.read())

    def count(self):
        return sum(int.from_bytes(os.read(fd, 8), "little") for fd in self.fds)

    def close(self):
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
