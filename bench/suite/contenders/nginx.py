# SPDX-License-Identifier: GPL-3.0-or-later
import os
import signal

from ..processes import first_line
from .base import Contender

# Keep-alive to the server as ngx_http_upstream_module advises, buffers that hold the large bodies
# in memory, one accept queue per worker.
CONF = """\
worker_processes {workers};
worker_rlimit_nofile {files};
daemon off;
pid {home}/nginx.pid;
error_log stderr crit;
events {{
    worker_connections {clients};
}}
http {{
    access_log {log};
    server_tokens off;
    tcp_nodelay on;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    proxy_http_version 1.1;
    proxy_request_buffering off;
    {connection}
    proxy_set_header Host $http_host;
    {forwarded}
    proxy_buffer_size 32k;
    proxy_buffers 2 256k;
    proxy_busy_buffers_size 256k;
    proxy_max_temp_file_size 0;
    upstream servers {{
        {servers}
        keepalive 256;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }}
    {cache}
    server {{
        listen 127.0.0.1:{port} {listen}reuseport backlog=4096;
        {tls}
        location / {{
            proxy_pass http://servers;
            {rules}
        }}
    }}
}}
"""

# Its cache is a directory: one in memory, whose files stay open.
CACHE = """\
proxy_cache_path {home}/cache levels=1:2 keys_zone=bench:64m max_size=1g inactive=1h use_temp_path=off;
    open_file_cache max=10000 inactive=1h;
    open_file_cache_valid 1h;
    sendfile on;"""
CACHED = """\
proxy_cache bench;
            proxy_cache_valid any 1h;
            proxy_cache_lock on;"""
GZIP = """\
gzip on;
            gzip_comp_level 5;
            gzip_proxied any;
            gzip_types *;
            gzip_buffers 16 8k;"""

# What sluice tells the server about a request without being asked to.
FORWARDED = """\
proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Request-Id $request_id;"""

# As nginx's page on WebSocket proxying has it; every request of such a run is one.
WEBSOCKET = """\
proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
    proxy_read_timeout 1h;"""

TLS = """\
ssl_certificate {chain};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.3;
        ssl_ecdh_curve X25519;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        ssl_session_cache off;"""


class Nginx(Contender):
    """bare: it tells the server nothing about the client."""
    title = "nginx"
    program = package = "nginx"
    variants = {"bare": "bare", "again": "again", "cache": "cache", "gzip": "gzip"}
    can = frozenset({"http", "tls", "h2", "websocket", "log", "servers", "reload"})

    def version(self):
        return first_line([self.program, "-v"])

    def prepare(self, setup):
        tls = setup.certificate
        path = self.write_configuration(
            "nginx.conf", CONF, home=setup.home, port=setup.port, workers=setup.workers,
            files=setup.files, clients=setup.clients_max(),
            servers="\n        ".join(f"server 127.0.0.1:{port};" for port in setup.servers),
            connection=WEBSOCKET if setup.websocket else 'proxy_set_header Connection "";',
            forwarded="" if "bare" in self.words else FORWARDED,
            cache=CACHE.format(home=setup.home) if "cache" in self.words else "",
            rules=CACHED if "cache" in self.words else GZIP if "gzip" in self.words else "",
            log=f"{setup.home}/access.log" if setup.log else "off",
            listen=("ssl " if tls else "") + ("http2 " if setup.http2 else ""),
            tls=TLS.format(chain=tls.chain, key=tls.key) if tls else "")
        return [self.program, "-p", setup.home, "-c", path]

    def reload(self):
        with open(os.path.join(self.setup.home, "nginx.pid"), encoding="utf-8") as f:
            os.kill(int(f.read()), signal.SIGHUP)
