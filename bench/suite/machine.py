# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine: which CPUs are whose, what it is, whether it is fit to measure on."""
import glob
import gzip
import os
import platform
import resource
import shutil
import time
from typing import NamedTuple

from . import kernel
from .processes import Failure

CONGESTION = "/proc/sys/net/ipv4/tcp_congestion_control"
FILES_MAX = 32768
LOAD_MAX = 0.5       # load average before the run, beyond which the machine is not quiet
STOLEN_MAX = 0.02    # of a CPU's time
BUSY_MAX = 0.10      # of all CPUs, by others, while we do nothing
WATCH_SECONDS = 1.0
SETTLE_SECONDS = 150


class Cpus(NamedTuple):
    """As taskset writes them; proxy and load share none."""
    proxy: str
    load: str

    @property
    def workers(self):
        return len(kernel.cpu_numbers(self.proxy))


def read_cpus(text=None):
    """"P/L", for example 0/1 or 0-3/4-7; without: the first CPU for the proxy, the others for
    origin and load."""
    usable = sorted(os.sched_getaffinity(0))
    if text is None:
        if len(usable) < 2:
            raise Failure("two CPUs are needed: one for the proxy, one for origin and load")
        return Cpus(str(usable[0]), ",".join(map(str, usable[1:])))
    try:
        proxy, load = text.replace(" ", "").split("/")
        ours, theirs = set(kernel.cpu_numbers(proxy)), set(kernel.cpu_numbers(load))
    except ValueError as e:
        raise Failure(f"--cpus {text}: PROXY/LOAD is wanted, as in 0/1 or 0-3/4-7") from e
    if ours & theirs or not ours | theirs <= set(usable):
        raise Failure(f"--cpus {text}: two different sets of {usable} are wanted")
    return Cpus(proxy, load)


def raise_file_limit():
    """As many descriptors as may be had; returns how many."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return files


class CubicCongestion:
    """The machine's congestion control is cubic inside, and what it was afterwards: the pacing of
    BBR, a common default, shows on loopback."""

    def __init__(self, may_change=True):
        self.found = ""
        self.may_change = may_change
        self.changed = False

    def __enter__(self):
        with open(CONGESTION, encoding="utf-8") as f:
            self.found = f.read().strip()
        if self.found != "cubic" and self.may_change:
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
        return f"{self.found} (was not changed; its pacing may show)"


def kernel_option(name):
    """Of the running kernel, when its configuration can be read."""
    release = platform.release()
    for path, reader in (("/proc/config.gz", gzip.open), (f"/boot/config-{release}", open)):
        try:
            with reader(path, "rt", encoding="utf-8") as f:
                return f"CONFIG_{name}=y\n" in f.read()
        except OSError:
            continue
    return False


def read_text(path, default=""):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read().strip()
    except OSError:
        return default


def cpu_model():
    for line in read_text("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown CPU"


def facts(cpus, congestion):
    found = {
        "machine": f"{cpu_model()}, {os.cpu_count()} CPUs, Linux {platform.release()} "
                   f"{platform.machine()}",
        "CPUs": f"{cpus.proxy} for the proxy, {cpus.load} for origin and load",
        "load average at start": read_text("/proc/loadavg").partition(" ")[0],
        "congestion control": str(congestion),
    }
    if kernel_option("IRQ_TIME_ACCOUNTING"):
        found["accounting"] = "this kernel bills soft interrupts to nobody: figures lack them"
    return found


# ---- Fit to measure? ----------------------------------------------------------------------------

class Check(NamedTuple):
    what: str
    ok: bool
    found: str
    remedy: str = ""


def cpu_times():
    with open("/proc/stat", encoding="utf-8") as f:
        return list(map(int, f.readline().split()[1:9]))


def watch():
    """Shares of all CPUs' time that others used, and that was stolen, while we sleep."""
    before = cpu_times()
    time.sleep(WATCH_SECONDS)
    spent = [b - a for a, b in zip(before, cpu_times())]
    whole = max(1, sum(spent))
    idle, stolen = spent[3] + spent[4], spent[7]
    return (whole - idle - stolen) / whole, stolen / whole


def siblings_apart(cpus):
    """No core has one thread for the proxy and one for the load."""
    ours, theirs = set(kernel.cpu_numbers(cpus.proxy)), set(kernel.cpu_numbers(cpus.load))
    for cpu in ours:
        path = f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        shared = read_text(path, str(cpu))
        if set(kernel.cpu_numbers(shared)) & theirs:
            return False
    return True


def checks(cpus, tools):
    """What can be known about the machine before a run."""
    load = load_average()
    busy, stolen = watch()
    governors = {read_text(path) for path in
                 glob.glob("/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")}
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    congestion = read_text(CONGESTION)
    turbo = (read_text("/sys/devices/system/cpu/intel_pstate/no_turbo") == "0"
             or read_text("/sys/devices/system/cpu/cpufreq/boost") == "1")
    try:
        kernel.SyscallCounter([os.getpid()]).close()
        counted = ""
    except (Failure, OSError) as e:
        counted = str(e)
    low, high = map(int, read_text("/proc/sys/net/ipv4/ip_local_port_range", "0 0").split())
    found = [
        Check("load average", load <= LOAD_MAX, f"{load}", "wait until the machine is quiet"),
        Check("others on the CPUs", busy <= BUSY_MAX, f"{busy:.1%} in {WATCH_SECONDS:g} s",
              "stop what runs beside the measurement"),
        Check("stolen by the hypervisor", stolen <= STOLEN_MAX, f"{stolen:.1%}",
              "use a machine of your own; ratios of pairs still hold, absolute figures do not"),
        Check("frequency governor", governors <= {"performance"},
              ", ".join(sorted(governors)) or "not visible",
              "cpupower frequency-set -g performance"),
        Check("boost clock", not turbo, "on" if turbo else "off or not visible",
              "ratios of pairs still hold; for absolute figures switch it off"),
        Check("proxy and load on cores of their own", siblings_apart(cpus),
              f"{cpus.proxy} and {cpus.load}", "choose CPUs that are no siblings: --cpus P/L"),
        Check("congestion control", congestion == "cubic" or os.access(CONGESTION, os.W_OK),
              congestion, "sysctl net.ipv4.tcp_congestion_control=cubic (root's runs do it)"),
        Check("open files", files == resource.RLIM_INFINITY or files >= FILES_MAX,
              "unlimited" if files == resource.RLIM_INFINITY else f"{files}",
              f"ulimit -Hn {FILES_MAX}"),
        Check("ports for outgoing connections", high - low >= 20000, f"{low}-{high}",
              "sysctl net.ipv4.ip_local_port_range='32768 60999'"),
        Check("system calls can be counted", not counted, counted or "yes", "run as root"),
    ]
    for tool, package in tools.items():
        place = shutil.which(tool) or (tool if os.path.exists(tool) else "")
        found.append(Check(tool, bool(place), place or "not found", f"install {package}"))
    return found


def load_average():
    return float(read_text("/proc/loadavg", "0").split()[0])


def settle(say):
    """Waits, for a while, until the load average has forgotten what ran before (a build): only
    when nothing runs now."""
    end = time.monotonic() + SETTLE_SECONDS
    while load_average() > LOAD_MAX and time.monotonic() < end:
        busy, _ = watch()
        if busy > BUSY_MAX:
            return
        say(f"the machine is quiet, its load average is still {load_average():g}: waiting")
        time.sleep(10)


def unfit(found):
    """What of the machine itself makes figures doubtful, as sentences for the report."""
    return [f"{check.what}: {check.found} ({check.remedy})" for check in found
            if not check.ok and check.what in ("load average", "others on the CPUs",
                                               "stolen by the hypervisor",
                                               "proxy and load on cores of their own")]
