# SPDX-License-Identifier: GPL-3.0-or-later
import os
import pwd

from ..processes import first_line
from .base import Contender

# As a reverse proxy (accel) that keeps nothing.
CONF = """\
http_port 127.0.0.1:{port} accel defaultsite=localhost no-vhost
cache_peer 127.0.0.1 parent {server} 0 no-query no-digest originserver name=server
acl all_of_it src all
http_access allow all_of_it
cache_peer_access server allow all_of_it
cache deny all
cache_mem 0 MB
{log}
cache_log {home}/cache.log
cache_store_log none
logfile_rotate 0
pid_filename {home}/squid.pid
coredump_dir {home}
netdb_filename none
pinger_enable off
client_idle_pconn_timeout 1 hour
server_idle_pconn_timeout 1 hour
max_filedescriptors {files}
shutdown_lifetime 1 seconds
visible_hostname localhost
"""


class Squid(Contender):
    title = "Squid"
    program = package = "squid"
    can = frozenset({"http", "log"})

    def version(self):
        return first_line([self.program, "-v"])

    def prepare(self, setup):
        if os.getuid() == 0:
            owner = pwd.getpwnam("proxy")
            os.chown(setup.home, owner.pw_uid, owner.pw_gid)
            os.chmod(setup.scratch, 0o755)
        path = self.write_configuration(
            "squid.conf", CONF, home=setup.home, port=setup.port, server=setup.servers[0],
            files=setup.files,
            log=f"access_log stdio:{setup.home}/access.log" if setup.log else "access_log none")
        return [self.program, "-N", "-n", f"bench{setup.port}", "-f", path]
