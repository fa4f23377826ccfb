# SPDX-License-Identifier: GPL-3.0-or-later
import os

from ..processes import first_line
from .base import Contender

CONF = """\
{{
    admin off
    auto_https off
    log {{
        level ERROR
    }}
    servers {{
        protocols h1{h2}
        timeouts {{
            idle 1h
        }}
    }}
}}
{scheme}://127.0.0.1:{port} {{
    bind 127.0.0.1
    {tls}
    {log}
    reverse_proxy {servers} {{
        transport http {{
            keepalive 1h
            keepalive_idle_conns 1024
            keepalive_idle_conns_per_host 256
        }}
    }}
}}
"""


class Caddy(Contender):
    title = "Caddy"
    program = package = "caddy"
    can = frozenset({"http", "tls", "h2", "websocket", "log", "servers"})
    note = "Caddy's runtime has as many threads as the scheduler gives it on the proxy's CPUs."

    def version(self):
        return "Caddy " + first_line([self.program, "version"])

    def environment(self):
        home = self.setup.home
        return {"GOMAXPROCS": str(self.setup.workers), "HOME": home, "XDG_CONFIG_HOME": home,
                "XDG_DATA_HOME": home}

    def prepare(self, setup):
        tls = ""
        if setup.certificate:
            tls = (f"tls {setup.certificate.chain} {setup.certificate.key} {{\n"
                   "        protocols tls1.3\n        curves x25519\n    }")
        path = self.write_configuration(
            "Caddyfile", CONF, port=setup.port, tls=tls,
            scheme="https" if setup.certificate else "http",
            h2=" h2" if setup.http2 else "",
            servers=" ".join(f"127.0.0.1:{port}" for port in setup.servers),
            log=f"log {{\n        output file {os.path.join(setup.home, 'access.log')}\n"
            "        level INFO\n    }" if setup.log else "")
        return [self.program, "run", "--adapter", "caddyfile", "--config", path]
