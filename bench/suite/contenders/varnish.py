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
{rules}
"""

PASS = """\
sub vcl_recv {
    return (pass);
}"""
KEEP = """\
sub vcl_backend_response {
    set beresp.ttl = 1h;
    set beresp.grace = 0s;
}"""


class Varnish(Contender):
    title = "Varnish"
    program = "varnishd"
    package = "varnish"
    can = frozenset({"http"})
    variants = {"cache": "cache"}

    @property
    def note(self):
        return "" if "cache" in self.words else \
            "Varnish passes everything on here; what it is for is caching."

    def version(self):
        return first_line([self.program, "-V"])

    def prepare(self, setup):
        path = self.write_configuration("bench.vcl", VCL, server=setup.servers[0],
                                        rules=KEEP if "cache" in self.words else PASS)
        return [self.program, "-F", "-n", setup.home, "-j", "none", "-f", path,
                "-a", f"127.0.0.1:{setup.port}", "-s", "malloc,256m",
                "-s", "Transient=malloc,256m",
                "-p", "thread_pools=1", "-p", "thread_pool_min=100", "-p", "thread_pool_max=5000",
                "-p", "timeout_idle=3600", "-p", "listen_depth=4096"]
