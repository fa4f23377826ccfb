# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured, one adapter each: how it is configured, started, asked for its version and
stopped. All serve one address with one worker and forward to one origin without logging."""
import os
import shutil
import signal
import subprocess

from processes import Failure, family, free_port, spawn, stop, wait_for_port

FILES_MAX = 32768
FILES_SPARE = 200  # listeners, logs, libraries
PIPES = 256

NGINX_CONF = """\
worker_processes 1;
worker_rlimit_nofile {files};
daemon off;
pid {home}/nginx.pid;
error_log stderr crit;
events {{
    worker_connections {clients};
}}
http {{
    access_log off;
    server_tokens off;
    tcp_nodelay on;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    {forwarded}
    proxy_buffer_size 32k;
    proxy_buffers 2 256k;
    proxy_busy_buffers_size 256k;
    proxy_max_temp_file_size 0;
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 256;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }}
    server {{
        listen 127.0.0.1:{port} reuseport backlog=4096;
        location / {{
            proxy_pass http://origin;
        }}
    }}
}}
"""

HAPROXY_CFG = """\
global
    nbthread 1
    maxconn {clients}
    tune.bufsize {buffer}
    {pipes}
defaults
    mode http
    http-reuse always
    {splice}
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
listen bench
    bind 127.0.0.1:{port} backlog 4096
    {forwarded}
    server origin 127.0.0.1:{origin}
"""

# What sluice tells the server about a request without being asked to.
NGINX_FORWARDED = """\
proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Request-Id $request_id;"""
HAPROXY_FORWARDED = """\
http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(Host)]
    http-request set-header X-Request-Id %[uuid()]"""


def first_line(command):
    """Of what a command prints, to either stream."""
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=10, check=False)
    lines = run.stdout.splitlines()
    return lines[0].strip() if lines else ""


class Contender:
    """After start() port, pids and command say where and what it is."""
    program = ""  # to be found before it can start
    stop_signal = signal.SIGTERM
    proxy = True  # has a CPU of its own, whose time is of interest

    def __init__(self, name, files=FILES_MAX):
        self.name = name
        self.files = files  # descriptors it may have
        self.configuration = ""
        self.command = []
        self.port = 0
        self.process = None

    def missing(self):
        """Why it cannot take part, or nothing."""
        return "" if shutil.which(self.program) else f"{self.program} not found"

    def version(self):
        return ""

    def clients_max(self):
        return self.files - FILES_SPARE

    def prepare(self, home, port, origin):
        """Writes what it needs into its home; returns the command."""
        raise NotImplementedError

    def start(self, scratch, cpu, origin):
        home = os.path.join(scratch, "".join(c if c.isalnum() else "-" for c in self.name))
        os.makedirs(home, exist_ok=True)
        self.port = free_port()
        command = self.prepare(home, self.port, origin)
        log_path = os.path.join(home, "output")
        with open(log_path, "wb") as log:
            self.process = spawn(command, cpu, stdout=log, stderr=log)
        self.command = self.process.args
        wait_for_port(self.process, self.port, log_path)

    @property
    def pids(self):
        """Children that it starts after it listens are among them."""
        return family(self.process.pid)

    def stop(self):
        if self.process:
            stop(self.process, self.stop_signal)
            self.process = None

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def write_configuration(self, path, template, **values):
        """Lines that are left empty go."""
        lines = template.format(**values).splitlines(keepends=True)
        self.configuration = "".join(line for line in lines if line.strip())
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.configuration)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Sluice(Contender):
    stop_signal = signal.SIGINT  # at once; TERM drains

    def __init__(self, build, name="sluice", log=False):
        super().__init__(name)
        self.program = os.path.join(build, "sluice")
        self.log = log

    def version(self):
        return first_line([self.program, "--version"])

    def prepare(self, home, port, origin):
        log = "off"
        if self.log:
            log = f"json:{home}/access.log"
            if os.path.exists(f"{home}/access.log"):
                os.unlink(f"{home}/access.log")
        return [self.program, "proxy", "--from", f"127.0.0.1:{port}", "--to",
                f"127.0.0.1:{origin}", "--log", log, "--workers", "1"]


class NullRelay(Contender):
    """The floor: the same loop without HTTP."""

    def __init__(self, build, strategy):
        super().__init__(f"null relay, {strategy}")
        self.program = os.path.join(build, "sluice-null-relay")
        self.strategy = strategy

    def prepare(self, home, port, origin):
        return [self.program, "--from", f"127.0.0.1:{port}", "--to", f"127.0.0.1:{origin}",
                "--strategy", self.strategy]


class Nginx(Contender):
    """Tuned by its documentation; bare: it tells the server nothing about the client."""
    program = "nginx"

    def __init__(self, files, name="nginx", bare=False):
        super().__init__(name, files)
        self.bare = bare

    def version(self):
        return first_line([self.program, "-v"])

    def prepare(self, home, port, origin):
        path = os.path.join(home, "nginx.conf")
        self.write_configuration(path, NGINX_CONF, home=home, port=port, origin=origin,
                                 files=self.files, clients=self.clients_max(),
                                 forwarded="" if self.bare else NGINX_FORWARDED)
        return [self.program, "-p", home, "-c", path]


class Haproxy(Contender):
    """Tuned by its documentation; bare: it tells the server nothing about the client."""
    program = "haproxy"

    def __init__(self, files, name="HAProxy", bare=False, buffer=16384, splice=False):
        super().__init__(name, files)
        self.bare = bare
        self.buffer = buffer
        self.splice = splice

    def version(self):
        return first_line([self.program, "-v"])

    def clients_max(self):
        """It reckons with a connection to the server for each, and the pipes."""
        return (self.files - FILES_SPARE) // 2 - (PIPES if self.splice else 0)

    def prepare(self, home, port, origin):
        path = os.path.join(home, "haproxy.cfg")
        self.write_configuration(
            path, HAPROXY_CFG, port=port, origin=origin, clients=self.clients_max(),
            buffer=self.buffer, forwarded="" if self.bare else HAPROXY_FORWARDED,
            pipes=f"maxpipes {PIPES}\n    tune.pipesize 1048576" if self.splice else "",
            splice="option splice-response" if self.splice else "")
        return [self.program, "-db", "-f", path]


class Origin(Contender):
    """The server behind all of them; asked directly it shows what the load costs without a
    proxy."""
    proxy = False

    def __init__(self, build):
        super().__init__("direct")
        self.program = os.path.join(build, "sluice-origin")

    def prepare(self, home, port, origin):
        return [self.program, "--listen", f"127.0.0.1:{port}"]


def require(contender):
    reason = contender.missing()
    if reason:
        raise Failure(reason)
