# SPDX-License-Identifier: GPL-3.0-or-later
import os

from ..processes import first_line
from .base import Contender

MODULES = "/usr/lib/apache2/modules"

# The event MPM, connections to the server kept (mod_proxy: enablereuse), one process a worker.
CONF = """\
ServerRoot {home}
ServerName localhost
PidFile {home}/apache.pid
DefaultRuntimeDir {home}
Mutex file:{home}
ErrorLog {home}/error.log
LogLevel error
User {user}
{group}
{modules}
Listen 127.0.0.1:{port}
ListenBacklog 4096
ServerLimit {workers}
StartServers {workers}
ThreadLimit 256
ThreadsPerChild 256
MaxRequestWorkers {threads}
MaxConnectionsPerChild 0
AsyncRequestWorkerFactor 64
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 3600
{tls}
{log}
ProxyPass / http://{server}/ enablereuse=on keepalive=on max=256 retry=0{upgrade}
ProxyPreserveHost On
ProxyAddHeaders On
"""

TLS = """\
SSLEngine on
SSLCertificateFile {chain}
SSLCertificateKeyFile {key}
SSLProtocol -all +TLSv1.3
SSLOpenSSLConfCmd Groups X25519
SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256"""


class Apache(Contender):
    title = "Apache"
    program = package = "apache2"
    can = frozenset({"http", "tls", "h2", "websocket", "log"})

    def version(self):
        return first_line([self.program, "-v"])

    def prepare(self, setup):
        wanted = ["mpm_event", "authz_core", "proxy", "proxy_http"]
        tls = ""
        if setup.certificate:
            wanted += ["socache_shmcb", "ssl"]
            tls = TLS.format(chain=setup.certificate.chain, key=setup.certificate.key)
        if setup.http2:
            wanted.append("http2")
            tls += "\nProtocols h2 http/1.1"
        root = os.getuid() == 0
        path = self.write_configuration(
            "apache.conf", CONF, home=setup.home, port=setup.port, server=setup.server(),
            workers=setup.workers, threads=256 * setup.workers, tls=tls,
            upgrade=" upgrade=websocket" if setup.websocket else "",
            user="www-data" if root else "#" + str(os.getuid()),
            group="Group www-data" if root else "",
            modules="\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so"
                              for name in wanted),
            log=f'CustomLog {setup.home}/access.log "%h %l %u %t \\"%r\\" %>s %b"'
            if setup.log else "")
        return [self.program, "-D", "FOREGROUND", "-f", path]
