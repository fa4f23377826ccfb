# SPDX-License-Identifier: GPL-3.0-or-later
from ..processes import first_line
from .base import Contender

# As a proxy: nothing is kept. Its way of storing passed objects is a transient malloc.
VCL = """\
vcl 4.1;
backend server {{
    .host = "127.0.0.1";
    .port = "{server}";
}}
sub vcl_recv {{
    return (pass);
}}
"""


class Varnish(Contender):
    title = "Varnish"
    program = "varnishd"
    package = "varnish"
    can = frozenset({"http"})
    note = "Varnish passes everything on here; what it is for is caching."

    def version(self):
        return first_line([self.program, "-V"])

    def prepare(self, setup):
        path = self.write_configuration("bench.vcl", VCL, server=setup.servers[0])
        return [self.program, "-F", "-n", setup.home, "-j", "none", "-f", path,
                "-a", f"127.0.0.1:{setup.port}", "-s", "Transient=malloc,256m",
                "-p", "thread_pools=1", "-p", "thread_pool_min=100", "-p", "thread_pool_max=5000",
                "-p", "timeout_idle=3600", "-p", "listen_depth=4096"]
