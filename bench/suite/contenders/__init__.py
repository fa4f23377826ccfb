# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry of contenders. A contender is named by a spec:

    NAME[:VARIANT...][@BUILD]      sluice  sluice:log  haproxy:splice  sluice@../old/build

BUILD is a directory with programs of ours: two builds in one run are compared in pairs."""
import os

from ..processes import Failure
from .apache import Apache
from .base import Certificate, Contender, Setup, require
from .caddy import Caddy
from .haproxy import Haproxy
from .hitch import Hitch
from .lighttpd import Lighttpd
from .nginx import Nginx
from .ours import NullRelay, Origin, Sluice
from .squid import Squid
from .varnish import Varnish

REGISTRY = {
    "sluice": Sluice, "null-relay": NullRelay, "direct": Origin, "nginx": Nginx,
    "haproxy": Haproxy, "varnish": Varnish, "apache": Apache, "caddy": Caddy,
    "lighttpd": Lighttpd, "squid": Squid, "hitch": Hitch,
}


def make(spec, build):
    """The contender of a spec; Failure names what there is."""
    words, _, own_build = spec.partition("@")
    name, *variants = words.split(":")
    if name not in REGISTRY:
        raise Failure(f"no contender '{name}'; there are: {', '.join(REGISTRY)}")
    kind = REGISTRY[name]
    for variant in variants:
        if variant not in kind.variants:
            raise Failure(f"'{name}' has no variant '{variant}'"
                          + (f"; it has: {', '.join(kind.variants)}" if kind.variants else ""))
    contender = kind(os.path.abspath(own_build or build), variants, spec)
    if own_build:
        contender.name += f" ({own_build})"
    return contender


__all__ = ["Certificate", "Contender", "Origin", "REGISTRY", "Setup", "make", "require"]
