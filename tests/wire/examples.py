# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a configuration of deploy/examples as it stands, but for addresses: each server is one of our own,
each listener has a free port, files are in a folder of the test."""
import contextlib
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import yaml

EXAMPLES = "deploy/examples"
DEADLINE_S = 60


def make_certificates(folder, names):
    """NAME.pem and NAME.key of certs/ in the folder, for the hosts they are given with."""
    os.makedirs(os.path.join(folder, "certs"), exist_ok=True)
    for name, host in names.items():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + host, "-days", "30",
                        "-addext", "subjectAltName=DNS:" + host, "-keyout", f"certs/{name}.key",
                        "-out", f"certs/{name}.pem"], cwd=folder, check=True, capture_output=True)


# Those that examples name.
CERTIFICATES = {"www": "www.example.com", "shop": "shop.example.com"}


class Origin:
    """A server. It notes what it was asked, and says its name and the path; `answer` may be replaced:
    it gets the request's note and gives status, fields and body."""

    def __init__(self, name, address=("127.0.0.1", 0)):
        self.name = name
        self.requests = []
        self.connections = []
        self.answer = lambda r: (200, {}, f"{self.name} {r['path']}")
        origin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            server_version = "origin/1"
            disable_nagle_algorithm = True

            def do_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                request = {"method": self.command, "path": self.path, "headers": self.headers,
                           "body": self.rfile.read(length), "at": time.monotonic_ns()}
                origin.requests.append(request)
                status, fields, body = origin.answer(request)
                body = body.encode() if isinstance(body, str) else body
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_any

            def setup(self):
                super().setup()
                origin.connections.append(self.connection)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # a peer that went away is what some tests are about

        self.server = Server(address, Handler)
        self.port = self.server.server_port
        self.address = f"{self.server.server_address[0]}:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        """From now on it refuses connections, and those there were are gone."""
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def origins_at(hosts):
    """Origins by name, each at its own address and all at one port, which is given, too."""
    while True:
        first = None
        try:
            made = {}
            for name, host in hosts.items():
                made[name] = [Origin(name, (host, first.port if first else 0))]
                first = first or made[name][0]
            return made, first.port
        except OSError:  # the port is taken at another address: try the next
            for there in made.values():
                there[0].close()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.fields = response.headers
        self.body = response.read().decode()


class Example:
    """A running example. replace: further texts of its files; environment: variables; hosts: servers
    with addresses of the test's choice, all at the port that $PORT in `replace` stands for; text: a
    configuration of the test's own."""

    def __init__(self, sluice, name, replace=None, environment=None, hosts=None, text=None):
        self.sluice, self.name, self.text = sluice, name, text
        self.folder = tempfile.mkdtemp(prefix="sluice-example-")
        self.replace = dict(replace or {})
        self.environment = dict(os.environ, **(environment or {}))
        self.origins, port = origins_at(hosts) if hosts else ({}, 0)  # backend: [Origin, ...]
        self.replace = {old: new.replace("$PORT", str(port)) for old, new in self.replace.items()}
        self.process = None
        self.said = ""
        self.addresses = []
        self.heard = threading.Condition()

    # ---- files ----

    def prepare(self):
        copy = os.path.join(self.folder, "etc")
        shutil.copytree(EXAMPLES, copy)
        if self.name in ("tls", "acme"):
            make_certificates(copy, CERTIFICATES)
            os.mkdir(os.path.join(copy, "live"))  # where an ACME client writes
        for name in ("log", "run"):
            os.mkdir(os.path.join(self.folder, name))
        self.path = os.path.join(copy, self.name + ".yaml")
        if self.text:
            with open(self.path, "w", encoding="utf-8") as f:
                f.write(self.text)
        self.binds = self.hosts = 0
        for folder, _, names in os.walk(copy):
            for name in names:
                self.rewrite(os.path.join(folder, name), name.endswith(".yaml"))

    def rewrite(self, path, is_configuration):
        if path.endswith((".pem", ".key")):
            return
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for old, new in self.replace.items():
            text = text.replace(old, new)
        if is_configuration:
            text = text.replace("/var/log/sluice", self.folder + "/log")
            text = text.replace("/run/sluice", self.folder + "/run")
            text = re.sub(r'bind: ("[^"]*"|\[[^]]*\])', lambda _: f'bind: "{self.own_address()}"', text)
            if path == self.path or os.path.dirname(path) == self.path.replace(".yaml", ".d"):
                self.binds += text.count("bind: ")
                for name, backend in (yaml.safe_load(text).get("backends") or {}).items():
                    text = self.give_servers(text, name, backend["servers"])
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def own_address(self):
        self.hosts += 1
        return f"127.0.1.{self.hosts}:0"

    def give_servers(self, text, backend, servers):
        for server in [servers] if isinstance(servers, str) else servers:
            address = server if isinstance(server, str) else server["address"]
            if "$" in address:
                continue  # the test knows what the variable holds
            there = self.origins.setdefault(backend, [])
            there.append(Origin(f"{backend}-{len(there) + 1}"))
            text = text.replace(f'"{address}"', f'"{there[-1].address}"')
        return text

    def edit(self, old, new):
        """Changes the configuration, for a reload."""
        with open(self.path, encoding="utf-8") as f:
            text = f.read()
        if old not in text:
            raise AssertionError(f"{self.name}: there is no {old!r}")
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text.replace(old, new))

    # ---- the process ----

    def start(self):
        self.prepare()
        self.process = subprocess.Popen([self.sluice, "run", "-c", self.path], text=True,
                                        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        env=self.environment)
        threading.Thread(target=self.listen, daemon=True).start()
        self.wait_said("sluice: listening on ", self.binds)
        self.addresses = re.findall(r"listening on (\S+)", self.said)

    def listen(self):
        for line in self.process.stderr:
            with self.heard:
                self.said += line
                self.heard.notify_all()
        with self.heard:
            self.heard.notify_all()

    def wait_said(self, text, times=1):
        with self.heard:
            if not self.heard.wait_for(lambda: self.said.count(text) >= times or
                                       self.process.poll() is not None, DEADLINE_S) or \
                    self.said.count(text) < times:
                raise AssertionError(f"{self.name}: sluice does not say {text!r}:\n{self.said}")

    def reload(self):
        before = self.said.count("sluice: reloaded")
        self.process.send_signal(signal.SIGHUP)
        self.wait_said("sluice: reloaded", before + 1)

    def run(self, *arguments):
        """A command of sluice to its end: what it printed."""
        run = subprocess.run([self.sluice, *arguments], capture_output=True, text=True,
                             env=self.environment, timeout=DEADLINE_S, check=False)
        if run.returncode:
            raise AssertionError(f"{arguments}: {run.stderr}")
        return run.stdout

    def admin(self, path):
        """The body of an answer of the admin socket."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(DEADLINE_S)
            s.connect(self.folder + "/run/admin.sock")
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: sluice\r\nConnection: close\r\n\r\n".encode())
            with s.makefile("rb") as f:
                return f.read().partition(b"\r\n\r\n")[2].decode()

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGINT)
            try:
                code = self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                code = "none: it had to be killed"
            if code != 0:
                raise AssertionError(f"{self.name}: exit code {code}\n{self.said}")

    def clean(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for origins in self.origins.values():
            for origin in origins:
                with contextlib.suppress(OSError):
                    origin.close()
        shutil.rmtree(self.folder)

    # ---- what tests ask ----

    def connect(self, source="127.0.0.1", listener=0):
        host, port = self.addresses[listener].split(":")
        return http.client.HTTPConnection(host, int(port), timeout=DEADLINE_S,
                                          source_address=(source, 0))

    def ask(self, path="/", host="www.example.com", method="GET", fields=None, body=None,
            source="127.0.0.1", listener=0, connection=None):
        c = connection or self.connect(source, listener)
        c.request(method, path, body=body, headers={"Host": host, **(fields or {})})
        answer = Answer(c.getresponse())
        if not connection:
            c.close()
        return answer

    def origin(self, backend, number=1):
        return self.origins[backend][number - 1]

    def last(self, backend):
        """What the backend's servers were asked last."""
        requests = [r for o in self.origins[backend] for r in o.requests[-1:]]
        return max(requests, key=lambda r: r["at"])

    def count(self, backend):
        """How many requests the backend's servers got."""
        return sum(len(o.requests) for o in self.origins[backend])

    def log_lines(self, name, count):
        """Waits for so many lines."""
        path = os.path.join(self.folder, "log", name)
        until = time.monotonic() + DEADLINE_S
        while time.monotonic() < until:
            with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as f:
                lines = f.read().split("\n")[:-1]  # whole ones
                if len(lines) >= count:
                    return lines
            time.sleep(0.01)
        raise AssertionError(f"{self.name}: {name} has not got {count} lines")

    def log_records(self, name, count):
        return [json.loads(line) for line in self.log_lines(name, count)]
