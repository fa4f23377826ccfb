# SPDX-License-Identifier: GPL-3.0-or-later
"""A contender: something with a program that is configured, started, asked for its version and
stopped. One file of this folder each; the registry is __init__.py."""
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass

from .. import kernel
from ..processes import Failure, family, free_port, spawn, stop, wait_for_port

FILES_SPARE = 200  # descriptors for listeners, logs, libraries


class Certificate:
    """A P-256 pair in a folder."""

    def __init__(self, folder):
        self.chain = os.path.join(folder, "site.pem")
        self.key = os.path.join(folder, "site.key")
        self.both = os.path.join(folder, "both.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-days", "30", "-keyout", self.key, "-out", self.chain],
                       check=True, stderr=subprocess.DEVNULL)
        with open(self.both, "w", encoding="utf-8") as out:
            for path in (self.chain, self.key):
                with open(path, encoding="utf-8") as f:
                    out.write(f.read())
        os.chmod(self.both, 0o644)
        os.chmod(self.key, 0o644)  # some drop their rights first; the pair lives for this run


@dataclass
class Setup:
    """What a contender is to be set up for: the same for all of a scenario."""
    scratch: str
    servers: list                     # ports on 127.0.0.1
    cpus: str = ""                    # as taskset has them
    workers: int = 1
    files: int = 32768                # descriptors it may have
    certificate: Certificate = None   # TLS 1.3, X25519, AES-128-GCM
    http2: bool = False               # offered to clients
    log: bool = False                 # an access log into a file
    tcp: bool = False                 # layer 4: no HTTP
    websocket: bool = False           # requests may ask for it
    home: str = ""                    # the contender's folder; set by start()
    port: int = 0                     # where it is to listen; set by start()

    def server(self):
        return f"127.0.0.1:{self.servers[0]}"

    def clients_max(self):
        return self.files - FILES_SPARE


class Contender:
    """After start(), port, command and configuration say where and what it is."""
    title = ""
    program = ""  # to be found before it can start
    package = ""  # Debian's that has it
    variants = {}  # word -> what it adds to the title
    can = frozenset()  # of "http", "tls", "h2", "tcp", "websocket", "log", "servers", "reload"
    stop_signal = signal.SIGTERM
    proxy = True  # has a CPU of its own, whose time is of interest
    note = ""     # said below the table in which it is

    def __init__(self, build, words=(), spec=""):
        self.build = build
        self.words = frozenset(words)
        self.spec = spec or "".join([self.title, *words])
        self.name = ", ".join([self.title, *(self.variants[word] for word in words)])
        self.configuration = ""
        self.command = []
        self.port = 0
        self.process = None
        self.setup = None

    def missing(self):
        """Why it cannot take part, or nothing."""
        if shutil.which(self.program):
            return ""
        return f"{os.path.basename(self.program)} not found" + (
            f" (Debian: {self.package})" if self.package else "")

    def lacks(self, wanted):
        """What of the things wanted it cannot do, or nothing."""
        lacking = sorted(set(wanted) - self.can)
        return f"does not do {', '.join(lacking)} here" if lacking else ""

    def version(self):
        return ""

    def prepare(self, setup):
        """Writes what it needs into setup.home; returns the command."""
        raise NotImplementedError

    def environment(self):
        return {}

    def start(self, setup):
        self.setup = setup
        folder = "".join(c if c.isalnum() else "-" for c in self.name)
        setup.home = os.path.join(setup.scratch, folder)
        os.makedirs(setup.home, exist_ok=True)
        os.chmod(setup.home, 0o777)  # some write there as a user of their own
        self.port = setup.port = free_port()
        self.command = self.prepare(setup)
        self.restart()

    def restart(self):
        """Runs the same command again, on the same port; it runs no more."""
        log_path = os.path.join(self.setup.home, "output")
        with open(log_path, "ab") as log:
            self.process = spawn(self.command, self.setup.cpus, stdout=log, stderr=log,
                                 env={**os.environ, **self.environment()})
        wait_for_port(self.process, self.port, log_path)

    def reload(self):
        """Takes its (unchanged) configuration up anew."""
        raise Failure(f"{self.name} is not reloaded here")

    @property
    def pids(self):
        """Children that it starts after it listens are among them."""
        return family(self.process.pid)

    def stop(self):
        if self.process:
            stop(self.process, self.stop_signal)
            self.process = None

    def url(self, path):
        scheme = "https" if self.setup.certificate else "http"
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def write_configuration(self, name, template, **values):
        """Into its home, without the lines that stay empty; returns the path."""
        lines = template.format(**values).splitlines(keepends=True)
        self.configuration = "".join(line for line in lines if line.strip())
        path = os.path.join(self.setup.home, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.configuration)
        return path

    def memory(self):
        return kernel.private_bytes(self.pids)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def require(contender):
    reason = contender.missing()
    if reason:
        raise Failure(reason)



