# SPDX-License-Identifier: GPL-3.0-or-later
import os

from ..processes import first_line
from .base import Contender

CONF = """\
server.modules = ( "mod_proxy"{modules} )
server.document-root = "{home}"
server.errorlog = "{home}/error.log"
server.pid-file = "{home}/lighttpd.pid"
server.bind = "127.0.0.1"
server.port = {port}
server.listen-backlog = 4096
server.max-fds = {files}
server.max-connections = {clients}
{workers}
server.max-keep-alive-requests = 0
server.max-keep-alive-idle = 3600
server.stream-request-body = 2
server.stream-response-body = 2
server.feature-flags = ( "server.h2proto" => "{h2}" )
{tls}
{log}
proxy.server = ( "" => ( {servers} ) )
"""

TLS_MODULE = "/usr/lib/lighttpd/mod_openssl.so"

TLS = """\
ssl.engine = "enable"
ssl.pemfile = "{both}"
ssl.openssl.ssl-conf-cmd = ( "MinProtocol" => "TLSv1.3", "Groups" => "X25519",
                             "Ciphersuites" => "TLS_AES_128_GCM_SHA256" )"""


class Lighttpd(Contender):
    title = "lighttpd"
    program = package = "lighttpd"
    can = frozenset({"http", "tls", "h2", "log", "servers"})
    note = "lighttpd 1.4 opens a connection to the server for each request."

    def lacks(self, wanted):
        if "tls" in wanted and not os.path.exists(TLS_MODULE):
            return "has no TLS (Debian: lighttpd-mod-openssl)"
        return super().lacks(wanted)

    def version(self):
        return first_line([self.program, "-v"])

    def prepare(self, setup):
        modules = (', "mod_openssl"' if setup.certificate else "") + (
            ', "mod_accesslog"' if setup.log else "")
        path = self.write_configuration(
            "lighttpd.conf", CONF, home=setup.home, port=setup.port, files=setup.files,
            clients=setup.clients_max() // 2, modules=modules,
            workers=f"server.max-worker = {setup.workers}" if setup.workers > 1 else "",
            h2="enable" if setup.http2 else "disable",
            tls=TLS.format(both=setup.certificate.both) if setup.certificate else "",
            log=f'accesslog.filename = "{setup.home}/access.log"' if setup.log else "",
            servers=", ".join(f'( "host" => "127.0.0.1", "port" => {port} )'
                              for port in setup.servers))
        return [self.program, "-D", "-f", path]
