#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of type grpc against gRPC's own server (Debian's python3-grpcio), in clear and over TLS: a
server that stops serving goes down, one that serves again comes back.

    test_grpc_health.py SLUICE"""
import os
import subprocess
import sys
import tempfile
import threading
from concurrent import futures

import grpc

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


class Health(grpc.GenericRpcHandler):
    def __init__(self):
        self.answer = SERVING
        self.services = []

    def service(self, details):
        if details.method != "/grpc.health.v1.Health/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(self.check)

    def check(self, request, context):
        self.services.append(request)
        if request not in (b"", b"\x0a\x04shop"):
            context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return self.answer


class Sluice:
    def __init__(self, binary, folder, text):
        path = os.path.join(folder, "sluice.yaml")
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        self.lines, self.more = [], threading.Condition()
        self.process = subprocess.Popen([binary, "run", "-c", path], stderr=subprocess.PIPE,
                                        text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stderr:
            with self.more:
                self.lines.append(line)
                self.more.notify_all()

    def says(self, text):
        with self.more:
            if not self.more.wait_for(lambda: any(text in line for line in self.lines), 60):
                raise AssertionError(f"sluice did not say '{text}': {''.join(self.lines)}")
            self.lines = []

    def stop(self):
        self.process.terminate()
        if self.process.wait(60) != 0:
            raise AssertionError("sluice did not end well")


def run(binary, folder, certificate, service):
    health = Health()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2), handlers=[health])
    if certificate:
        with open(certificate + ".key", "rb") as key, open(certificate, "rb") as chain:
            credentials = grpc.ssl_server_credentials([(key.read(), chain.read())])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    tls = f"tls: {{ ca: {certificate}, sni: localhost }}, " if certificate else ""
    name = f", service: {service}" if service else ""
    sluice = Sluice(binary, folder, f"""
listeners: {{ web: {{ bind: "127.0.0.1:0", site: s }} }}
sites: {{ s: {{ routes: [{{ to: b }}] }} }}
backends: {{ b: {{ {tls}health: {{ type: grpc, interval: 30ms, timeout: 10s{name} }},
                  servers: ["127.0.0.1:{port}"] }} }}
""")
    try:
        if service == "nowhere":
            sluice.says("is down: grpc-status is 5")
            return
        sluice.says("listening")
        health.answer = NOT_SERVING
        sluice.says("is down: it says NOT_SERVING")
        health.answer = SERVING
        sluice.says("is up again")
        wanted = b"\x0a\x04shop" if service else b""
        if set(health.services) != {wanted}:
            raise AssertionError(f"asked about {set(health.services)}")
        server.stop(None).wait()
        sluice.says("is down: it refuses connections")
    finally:
        sluice.stop()
        server.stop(None)


def main():
    with tempfile.TemporaryDirectory() as folder:
        certificate = os.path.join(folder, "cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost", "-keyout", certificate + ".key", "-out",
                        certificate], check=True, capture_output=True)
        for tls in None, certificate:
            for service in None, "shop", "nowhere":
                print("over TLS" if tls else "in clear", service or "-", flush=True)
                run(sys.argv[1], folder, tls, service)


if __name__ == "__main__":
    main()
