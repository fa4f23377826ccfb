# SPDX-License-Identifier: GPL-3.0-or-later
import os

from ..processes import first_line
from .base import Contender

CONF = """\
frontend = "[127.0.0.1]:{port}"
backend = "[{host}]:{server}"
pem-file = "{both}"
workers = {workers}
backlog = 4096
keepalive = 3600
tls-protos = TLSv1.3
ciphersuites = "TLS_AES_128_GCM_SHA256"
ecdh-curve = "X25519"
daemon = off
quiet = on
{user}
"""


class Hitch(Contender):
    title = "hitch"
    program = package = "hitch"
    can = frozenset({"tls"})
    note = "hitch ends TLS and reads no HTTP: one connection to the server for each client's."

    def version(self):
        return first_line([self.program, "--version"])

    def prepare(self, setup):
        path = self.write_configuration(
            "hitch.conf", CONF, port=setup.port, host="127.0.0.1", server=setup.servers[0],
            both=setup.certificate.both, workers=setup.workers,
            user='user = "nobody"\ngroup = "nogroup"' if os.getuid() == 0 else "")
        return [self.program, f"--config={path}"]
