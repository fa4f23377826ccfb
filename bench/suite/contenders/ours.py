# SPDX-License-Identifier: GPL-3.0-or-later
"""sluice, the null relay that is its floor, and the origin behind all of them."""
import os
import signal

from ..processes import first_line
from .base import Contender

SLUICE_YAML = """\
workers: {workers}
defaults: {{ timeouts: {{ client_idle: 1h, upstream_idle: 1h }} }}
{logs}
listeners:
  bench: {{ bind: "127.0.0.1:{port}", {use}{tls} }}
{sites}
backends:
  servers: {{ servers: [{servers}] }}
"""

SITES = """\
sites:
  bench: {{ {log}routes: [{{ to: servers{upgrade}{rules} }}] }}"""

# What a variant makes of its route.
RULES = {
    "cache": ", cache: { default_ttl: 1h }",
    "gzip": ", compress: { encodings: [gzip], levels: { gzip: 5 } }",
    "br": ", compress: { encodings: [br] }",
    "zstd": ", compress: { encodings: [zstd] }",
}


class Sluice(Contender):
    title = "sluice"
    variants = {"again": "again", "log": "JSON log", "two": "two workers", "cache": "cache",
                "gzip": "gzip", "br": "brotli", "zstd": "zstd"}
    can = frozenset({"http", "tls", "h2", "tcp", "websocket", "log", "servers", "reload"})
    stop_signal = signal.SIGINT  # at once; TERM drains

    def __init__(self, build, words=(), spec=""):
        super().__init__(build, words, spec)
        self.program = os.path.join(build, "sluice")

    def version(self):
        return first_line([self.program, "--version"])

    def prepare(self, setup):
        access = os.path.join(setup.home, "access.log")
        workers = 2 if "two" in self.words else setup.workers
        logged = setup.log or "log" in self.words
        if os.path.exists(access):
            os.unlink(access)
        tls = ""
        if setup.certificate:
            pair = f"{{ cert: {setup.certificate.chain}, key: {setup.certificate.key} }}"
            tls = f", tls: {{ certificates: [{pair}] }}"
        path = self.write_configuration(
            "sluice.yaml", SLUICE_YAML, workers=workers, port=setup.port,
            tls=tls, use="tcp: servers" if setup.tcp else "site: bench",
            sites="" if setup.tcp else SITES.format(
                log="log: access, " if logged else "",
                upgrade=", upgrade: websocket" if setup.websocket else "",
                rules="".join(text for word, text in RULES.items() if word in self.words)),
            logs=f"logs: {{ access: {{ to: {access} }} }}" if logged else "",
            servers=", ".join(f'"127.0.0.1:{port}"' for port in setup.servers))
        return [self.program, "run", "-c", path]

    def reload(self):
        self.process.send_signal(signal.SIGHUP)


SLOWED_NS = 600  # at each of a request's two pieces


class NullRelay(Contender):
    """The floor: the same loop without HTTP."""
    title = "null relay"
    variants = {"splice": "splice", "ring-splice": "ring splice", "again": "again",
                "slowed": "slowed by 1.2 us"}
    can = frozenset({"http", "tcp", "websocket"})

    def __init__(self, build, words=(), spec=""):
        super().__init__(build, words, spec)
        self.program = os.path.join(build, "sluice-null-relay")

    def prepare(self, setup):
        strategy = next((w for w in self.words if "splice" in w), "copy")
        slowed = ["--burn", str(SLOWED_NS)] if "slowed" in self.words else []
        return [self.program, "--from", f"127.0.0.1:{setup.port}", "--to", setup.server(),
                "--strategy", strategy, "--workers", str(setup.workers), *slowed]


class Origin(Contender):
    """The server behind all of them; asked directly it shows what the load costs without a
    proxy."""
    title = "direct"
    can = frozenset({"http", "websocket"})
    proxy = False

    def __init__(self, build, words=(), spec=""):
        super().__init__(build, words, spec)
        self.program = os.path.join(build, "sluice-origin")

    def prepare(self, setup):
        return [self.program, "--listen", f"127.0.0.1:{setup.port}"]



