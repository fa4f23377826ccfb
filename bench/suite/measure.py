# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of load against something that is up, with what it cost the processes behind it."""
import contextlib
import http.client
import ssl
import subprocess
import time
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from . import kernel, loads
from .processes import Failure


@dataclass
class Sample:
    """Figures of the processes are None when they are not ours to look at."""
    load: loads.Load
    cpu_us: float = None         # a request
    user_share: float = None
    switches: float = None       # a request
    core_share: float = None     # of the run's time, on its CPUs
    foreign_share: float = None  # the same, of everybody else: noise
    syscalls: float = None       # a request; only in runs that count them
    peak_bytes: int = None       # resident at most so far

    def plain(self):
        """For a file: the figures, without the histogram and the timeline."""
        found = {name: value for name, value in asdict(self).items() if name != "load"}
        found.update(requests=self.load.requests, seconds=self.load.seconds, rate=self.load.rate,
                     received_bytes=self.load.received_bytes, errors=self.load.errors,
                     saturated=self.load.saturated, offered=self.load.offered)
        for percent, value in self.load.percentiles.items():
            found[f"p{percent.replace('.', '_')}_ms"] = value
        return found


def measured(pids, cpus, action, count_syscalls=False):
    """action() gives a Load; the figures are those of the processes meanwhile."""
    with (kernel.SyscallCounter(pids) if count_syscalls
          else contextlib.nullcontext()) as counter:
        busy, begin = kernel.busy_seconds(cpus), time.monotonic()
        before, switches, cpu = (kernel.ticks(pids), kernel.context_switches(pids),
                                 kernel.cpu_ns(pids))
        load = action()
        cpu = kernel.cpu_ns(pids) - cpu
        elapsed, busy = time.monotonic() - begin, kernel.busy_seconds(cpus) - busy
        syscalls = counter.count() if counter else None
    user, system = (after - b for after, b in zip(kernel.ticks(pids), before))
    requests = max(1, load.requests)
    core_share = cpu / 1e9 / elapsed
    return Sample(load, cpu_us=cpu / 1e3 / requests,
                  user_share=user / max(1, user + system),
                  switches=(kernel.context_switches(pids) - switches) / requests,
                  core_share=core_share, foreign_share=max(0.0, busy / elapsed - core_share),
                  syscalls=syscalls / requests if counter else None,
                  peak_bytes=kernel.peak_bytes(pids))


def sound(sample):
    """Errors are told as such, never as speed."""
    if sample.load.errors:
        raise Failure(", ".join(sample.load.errors))
    if sample.load.saturated:
        raise Failure(f"the generator was the limit: {sample.load.saturated}")
    return sample


def point(x, sample):
    """Of a curve."""
    load = sample.load
    found = {"x": x, "rate": load.rate, "cpu_us": sample.cpu_us, "errors": load.errors,
             "saturated": load.saturated, "offered": load.offered,
             "histogram": load.histogram.counts if load.histogram else {}}
    for percent, value in load.percentiles.items():
        found[f"p{percent.replace('.', '_')}_ms"] = value
    return found


def latency_row(name, sample):
    load = sample.load
    return {"name": name, "offered": load.offered, "rate": load.rate, "errors": load.errors,
            "saturated": load.saturated, "percentiles": load.percentiles,
            "max_ms": (load.histogram.max_us() or 0) / 1e3, "cpu_us": sample.cpu_us,
            "histogram": load.histogram.counts, "seconds": load.timeline}


def connection_to(url, timeout):
    parts = urlsplit(url)
    if parts.scheme == "https":
        trusting = ssl._create_unverified_context()
        return http.client.HTTPSConnection(parts.hostname, parts.port or 443, timeout=timeout,
                                           context=trusting)
    return http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout)


def probe_http2(url):
    """As probe(), of a GET in HTTP/2 without TLS, by curl."""
    run = subprocess.run(["curl", "-sS", "-m", "5", "--http2-prior-knowledge", "-o", "/dev/null",
                          "-w", "%{http_code} %{size_download}", url],
                         capture_output=True, text=True, check=False)
    if run.returncode:
        raise Failure(f"{url} by HTTP/2: {run.stderr.strip()}")
    status, size = run.stdout.split()
    return int(status), int(size)


def probe(url, method="GET", body=None, timeout=5.0):
    """(status, bytes of the body) of one request; what goes wrong is told in words."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure(f"{url}: http://HOST[:PORT]/PATH or https://... is wanted")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with contextlib.closing(connection_to(url, timeout)) as connection:
        try:
            connection.request(method, path, body=body)
            response = connection.getresponse()
            return response.status, len(response.read())
        except ConnectionRefusedError as e:
            raise Failure(f"{url} refuses connections: is it up?") from e
        except (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected) as e:
            raise Failure(f"{url} closes the connection without an answer") from e
        except TimeoutError as e:
            raise Failure(f"{url} does not answer within {timeout:g} s") from e
        except http.client.HTTPException as e:
            raise Failure(f"{url} does not answer in HTTP/1.1: {e!r}") from e
        except OSError as e:
            raise Failure(f"{url}: {e}") from e
