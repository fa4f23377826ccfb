#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates by ACME from end to end, without the internet: Debian's pebble as the CA, lego as the client, sluice
between them. http-01 is routed to the client on port 80's listener, tls-alpn-01 is passed on unopened by 443's;
what the client writes is picked up without a reload.

    test_acme.py SLUICE"""
import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import examples

CONFIG = """\
listeners:
  web: { bind: "127.0.0.1:0", site: plain, https_redirect: true }
  webs:
    bind: "127.0.0.1:0"
    site: www
    acme: lego_tls
    tls:
      certificates:
        - { cert: first.pem, key: first.key }
        - { directory: FOLDER/certificates }
sites:
  plain: { routes: [{ match: { path: "/.well-known/acme-challenge/*" }, to: lego_http }] }
  www: { routes: [{ respond: { body: "hello" } }] }
backends:
  lego_http: { servers: ["127.0.0.1:HTTP"] }
  lego_tls: { servers: ["127.0.0.1:TLS"] }
"""
DEADLINE_S = 60


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run_tool(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False, **more)
    if done.returncode:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


def self_signed(folder, name, host):
    run_tool(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
              "-days", "2", "-subj", "/CN=" + host, "-addext", "subjectAltName=DNS:" + host,
              "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", f"{name}.key", "-out",
              f"{name}.pem"], cwd=folder)


def wait_for_port(port):
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on port {port}")


class Pebble:
    """The CA; every name is at 127.0.0.1, its challenges go to the ports of `web` and `webs`."""

    def __init__(self, folder, web, webs, stack):
        self.port, dns, rest = free_port(), free_port(), [str(free_port()) for _ in range(5)]
        self_signed(folder, "ca", "localhost")
        config = {"pebble": {"listenAddress": f"127.0.0.1:{self.port}",
                             "managementListenAddress": "127.0.0.1:" + rest[0],
                             "certificate": "ca.pem", "privateKey": "ca.key", "httpPort": web,
                             "tlsPort": webs, "ocspResponderURL": "", "externalAccountBindingRequired": False}}
        with open(os.path.join(folder, "pebble.json"), "w", encoding="utf-8") as f:
            json.dump(config, f)
        output = stack.enter_context(open(os.path.join(folder, "pebble.log"), "w", encoding="utf-8"))
        names = ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01",
                 f"127.0.0.1:{dns}", "-http01", "", "-https01", "", "-tlsalpn01", "", "-management",
                 "127.0.0.1:" + rest[1]]
        ca = ["pebble", "-config", "pebble.json", "-dnsserver", f"127.0.0.1:{dns}"]
        environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        for command in (names, ca):
            process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, env=environment)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        wait_for_port(self.port)

    def certify(self, folder, name, how):
        """lego gets a certificate for the name."""
        return run_tool(["lego", "--server", f"https://localhost:{self.port}/dir", "--accept-tos", "--email",
                         "a@example.com", "--path", folder, "--domains", name, *how, "run"],
                        env={**os.environ, "LEGO_CA_CERTIFICATES": os.path.join(folder, "ca.pem")})


def presented(port, name, alpn=None):
    """The certificate for the name, as OpenSSL reads it; what speaks the protocols of `alpn`."""
    context = ssl._create_unverified_context()
    if alpn:
        context.set_alpn_protocols(alpn)
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as s, \
            context.wrap_socket(s, server_hostname=name) as t:
        pem = ssl.DER_cert_to_PEM_cert(t.getpeercert(True))
    return subprocess.run(["openssl", "x509", "-noout", "-issuer", "-ext", "subjectAltName"], input=pem,
                          capture_output=True, text=True, check=True).stdout


def picked_up(port, name):
    until = time.monotonic() + DEADLINE_S
    while "Pebble" not in presented(port, name):
        if time.monotonic() > until:
            raise AssertionError(f"the certificate for {name} is not picked up: {presented(port, name)}")
        time.sleep(0.1)
    found = presented(port, name)
    if f"DNS:{name}" not in found:
        raise AssertionError(found)


def main():
    for tool in ("pebble", "pebble-challtestsrv", "lego"):
        if not shutil.which(tool):
            print(f"{tool} is not installed")
            return 77
    sluice = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="sluice-acme-") as folder, contextlib.ExitStack() as stack:
        http, tls = free_port(), free_port()
        os.mkdir(os.path.join(folder, "certificates"))
        text = CONFIG.replace("FOLDER", folder).replace(":HTTP", f":{http}").replace(":TLS", f":{tls}")
        text = text.replace("first.", folder + "/first.")
        self_signed(folder, "first", "first.test")
        x = examples.Example(sluice, "acme", text=text)
        x.give_servers = lambda text, *_: text
        x.own_address = lambda: f"127.0.0.1:{free_port()}"
        stack.callback(x.clean)
        x.start()
        web, webs = (int(address.rpartition(":")[2]) for address in x.addresses)
        pebble = Pebble(folder, web, webs, stack)
        try:
            pebble.certify(folder, "www.test", ["--http", "--http.port", f"127.0.0.1:{http}"])
            picked_up(webs, "www.test")
            said = pebble.certify(folder, "shop.test", ["--tls", "--tls.port", f"127.0.0.1:{tls}"])
            if "TLS-ALPN-01" not in said.upper():
                raise AssertionError(said)
            picked_up(webs, "shop.test")
            # The first name is still served, the challenge's certificate never was by us.
            if "first.test" not in presented(webs, "other.test", ["http/1.1"]):
                raise AssertionError("the first certificate is no longer the one for other names")
            with contextlib.suppress(OSError):  # nobody waits for a challenge now
                presented(webs, "shop.test", ["acme-tls/1"])
                raise AssertionError("a challenge was answered although nobody answers any")
            picked_up(webs, "www.test")
        except Exception:
            print(x.said)
            with open(os.path.join(folder, "pebble.log"), encoding="utf-8") as f:
                print(f.read()[-3000:])
            raise
        x.stop()
    print("http-01 and tls-alpn-01: certificates were issued and picked up")
    return 0


sys.exit(main())
