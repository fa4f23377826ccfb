# SPDX-License-Identifier: GPL-3.0-or-later
import signal

from ..processes import first_line
from .base import Contender

PIPES = 256

# http-reuse always and large buffers or splicing for large bodies: the manual's sections 4 and 3.2.
CONF = """\
global
    nbthread {workers}
    maxconn {clients}
    tune.bufsize {buffer}
    {pipes}
    {tickets}
defaults
    mode {mode}
    {reuse}
    option redispatch
    {log}
    {splice}
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
    {keep}
frontend bench
    bind 127.0.0.1:{port} backlog 4096{tls}
    {forwarded}
    default_backend servers
backend servers
    {servers}
"""

# What sluice tells the server about a request without being asked to.
FORWARDED = """\
http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto {scheme}
    http-request set-header X-Forwarded-Host %[req.hdr(Host)]
    http-request set-header X-Request-Id %[uuid()]"""


class Haproxy(Contender):
    """bare: it tells the server nothing about the client."""
    title = "HAProxy"
    program = package = "haproxy"
    variants = {"bare": "bare", "splice": "splice", "large": "32 KiB buffers", "again": "again"}
    can = frozenset({"http", "tls", "h2", "tcp", "websocket", "log", "servers", "reload"})

    def version(self):
        return first_line([self.program, "-v"])

    def prepare(self, setup):
        """It reckons with a connection to the server for each client, and the pipes."""
        splice = "splice" in self.words
        tls = ""
        if setup.certificate:
            tls = (f" ssl crt {setup.certificate.both} ssl-min-ver TLSv1.3 curves X25519 "
                   "ciphersuites TLS_AES_128_GCM_SHA256")
            tls += " alpn h2,http/1.1" if setup.http2 else ""
        path = self.write_configuration(
            "haproxy.cfg", CONF, port=setup.port, workers=setup.workers,
            clients=setup.clients_max() // 2 - (PIPES if splice else 0),
            buffer=32768 if "large" in self.words else 16384,
            pipes=f"maxpipes {PIPES}\n    tune.pipesize 1048576" if splice else "",
            splice="option splice-response\n    option splice-request" if splice else "",
            tickets="tune.ssl.default-dh-param 2048" if setup.certificate else "", tls=tls,
            log="log fd@2 format raw local0\n    option httplog" if setup.log else "",
            keep="" if setup.tcp else "timeout http-keep-alive 1h", mode="tcp" if setup.tcp else "http", reuse="" if setup.tcp else "http-reuse always",
            servers="\n    ".join(f"server s{i} 127.0.0.1:{port}"
                                  for i, port in enumerate(setup.servers)),
            forwarded="" if "bare" in self.words or setup.tcp else
            FORWARDED.format(scheme="https" if tls else "http"))
        return [self.program, "-W", "-db", "-f", path]

    def reload(self):
        self.process.send_signal(signal.SIGUSR2)
