# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from the kernel about processes, and one run of load against one contender."""
import contextlib
import ctypes
import math
import os
import platform
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field

from processes import Failure, pinned, spawn, stop

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
CONGESTION = "/proc/sys/net/ipv4/tcp_congestion_control"


# ---- Processes --------------------------------------------------------------------------------

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


def busy_seconds(cpu):
    """What a CPU did for anybody, its stolen time included."""
    with open("/proc/stat", encoding="utf-8") as f:
        for line in f:
            name, *ticks = line.split()
            if name == f"cpu{cpu}":
                user, nice, system, _idle, _wait, irq, softirq, steal = map(int, ticks[:8])
                return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
    raise Failure(f"there is no CPU {cpu}")


class SyscallCounter:
    """Counts the system calls of all threads through the kernel's tracepoint: one counter a
    thread, read once at the end; nobody is stopped and nothing is recorded."""
    NUMBERS = {"x86_64": 298, "aarch64": 241}  # of perf_event_open
    TYPE_TRACEPOINT = 2
    ATTRIBUTE_BYTES = 64
    FLAG_INHERIT = 1 << 1  # threads created later count, too
    ID_PATHS = ("/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
                "/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id")

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
        for path in self.ID_PATHS:
            try:
                with open(path, encoding="utf-8") as f:
                    return int(f.read())
            except OSError:
                continue
        raise Failure("not counted: tracefs is not readable (root can)")

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


# ---- Load -------------------------------------------------------------------------------------

@dataclass
class Load:
    """What wrk says."""
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: list = field(default_factory=list)

    @property
    def rate(self):
        return self.requests / self.seconds


UNIT_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


def percentile_ms(text, percent):
    match = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)$", text, re.M)
    return float(match[1]) * UNIT_MS[match[2]] if match else 0.0


def parse_wrk(text):
    done = re.search(r"^\s+(\d+) requests in ([\d.]+)(ms|s|m),", text, re.M)
    if not done:
        raise Failure(f"wrk: {text.strip()[-300:] or 'no output'}")
    errors = []
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                        text)
    if sockets:
        for kind, count in zip(("connect", "read", "write", "timeout"), sockets.groups()):
            if int(count):
                errors.append(f"{count} {kind} errors")
    status = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if status:
        errors.append(f"{status[1]} responses of a wrong status")
    if done[1] == "0":
        errors.append("no response at all")
    return Load(int(done[1]), float(done[2]) * UNIT_MS[done[3]] / 1e3, percentile_ms(text, 50),
                percentile_ms(text, 99), errors)


def wrk_seconds(seconds):
    """wrk counts whole seconds; its SIGINT ends shorter runs."""
    return max(1, math.ceil(seconds))


def wrk_command(url, connections, seconds, close):
    header = ["-H", "Connection: close"] if close else []
    return ["wrk", "-t1", f"-c{connections}", f"-d{wrk_seconds(seconds)}s", "--latency", *header,
            url]


def run_wrk(url, connections, seconds, cpu, close=False):
    whole = wrk_seconds(seconds)
    wrk = spawn(wrk_command(url, connections, seconds, close), cpu, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True)
    try:
        if seconds < whole:
            time.sleep(seconds)
            wrk.send_signal(signal.SIGINT)
        text, _ = wrk.communicate(timeout=whole + 10)
    except subprocess.TimeoutExpired as late:
        raise Failure("wrk does not end") from late
    finally:
        stop(wrk, signal.SIGKILL)
    return parse_wrk(text)


@dataclass
class Sample:
    """One run. Figures of the contender are None when it is not a proxy."""
    load: Load
    cpu_us: float = None         # a request
    user_share: float = None
    switches: float = None       # a request
    core_share: float = None     # of the run's time, on its CPU
    foreign_share: float = None  # the same, of everybody else: noise
    syscalls: float = None       # a request; only in runs that count them


def measure(contender, scenario, seconds, cpus, count_syscalls=False):
    """One run of load against a contender that is up and warm."""
    def run():
        return run_wrk(contender.url(scenario.path), scenario.connections, seconds, cpus[1],
                       scenario.close)

    if not contender.proxy:
        return Sample(run())
    pids = contender.pids
    with SyscallCounter(pids) if count_syscalls else contextlib.nullcontext() as counter:
        busy, begin = busy_seconds(cpus[0]), time.monotonic()
        user, switches, cpu = ticks(pids), context_switches(pids), cpu_ns(pids)
        load = run()
        cpu = cpu_ns(pids) - cpu
        elapsed, busy = time.monotonic() - begin, busy_seconds(cpus[0]) - busy
        syscalls = counter.count() if counter else None
    user = [after - before for after, before in zip(ticks(pids), user)]
    requests = max(1, load.requests)
    core_share = cpu / 1e9 / elapsed
    return Sample(load, cpu_us=cpu / 1e3 / requests, user_share=user[0] / max(1, sum(user)),
                  switches=(context_switches(pids) - switches) / requests, core_share=core_share,
                  foreign_share=max(0.0, busy / elapsed - core_share),
                  syscalls=syscalls / requests if counter else None)


# ---- Machine ----------------------------------------------------------------------------------

class CubicCongestion:
    """The machine's congestion control is cubic inside, and what it was afterwards: the pacing of
    BBR, a common default, shows on loopback."""

    def __init__(self):
        self.found = ""
        self.changed = False

    def __enter__(self):
        with open(CONGESTION, encoding="utf-8") as f:
            self.found = f.read().strip()
        if self.found != "cubic":
            try:
                self.write("cubic")
                self.changed = True
            except OSError:
                pass
        return self

    def __exit__(self, *_):
        if self.changed:
            self.write(self.found)

    def write(self, name):
        with open(CONGESTION, "w", encoding="utf-8") as f:
            f.write(name)

    def __str__(self):
        if self.changed:
            return f"cubic during the run ({self.found} before and after)"
        if self.found == "cubic":
            return "cubic"
        return f"{self.found} (may not be changed; its pacing may show)"


def kernel_option(name):
    """Of the running kernel, when its configuration can be read."""
    import gzip
    release = platform.release()
    for path, reader in (("/proc/config.gz", gzip.open), (f"/boot/config-{release}", open)):
        try:
            with reader(path, "rt", encoding="utf-8") as f:
                return f"CONFIG_{name}=y\n" in f.read()
        except OSError:
            continue
    return False


def machine_facts(cpus):
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    with open("/proc/loadavg", encoding="utf-8") as f:
        load = f.read().split()[0]
    facts = {
        "machine": f"{model}, {os.cpu_count()} CPUs, Linux {platform.release()} "
                   f"{platform.machine()}",
        "CPUs": f"{cpus[0]} for the proxy, {cpus[1]} for origin and load",
        "load average at start": load,
    }
    if kernel_option("IRQ_TIME_ACCOUNTING"):
        facts["accounting"] = "this kernel bills soft interrupts to nobody: figures lack them"
    return facts


def shown(command):
    return " ".join(f"'{word}'" if " " in word else word for word in command)


def wrk_shown(scenario, seconds, cpu):
    text = shown(pinned(wrk_command("URL", scenario.connections, seconds, scenario.close), cpu))
    return text + (f"  (INT after {seconds:g} s)" if seconds < wrk_seconds(seconds) else "")
