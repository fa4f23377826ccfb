#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk in deploy/manual/caching.md is as it says: its commands are run, one after the other,
between sluice with the configuration shown there and a server, and print what stands below them.

    test_walk.py SLUICE"""
import http.server
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

PAGE = ("line " * 600).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):  # noqa: N802
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("ETag", '"v1"')
        if self.path == "/private":
            self.send_header("Cache-Control", "private")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


def commands(text):
    """Each command with what it prints."""
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, printed = part.partition("\n")
            yield command, printed


def normal(text):
    """What depends on the time that passes."""
    return re.sub(r"ttl=\d+", "ttl=N", text.replace("\r", ""))


def walk(sluice, folder, text):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shown = re.search(r"^```yaml\n(listeners:.*?)^```$", text, re.M | re.S).group(1)
    path = os.path.join(folder, "sluice.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(shown.replace(":8080", "127.0.0.1:0").replace("/run/sluice", folder)
                .replace("127.0.0.1:9000", f"127.0.0.1:{server.server_port}"))
    process = subprocess.Popen([sluice, "run", "-c", path], stderr=subprocess.PIPE, text=True)
    failed = 0
    try:
        for line in process.stderr:
            if "listening on 127.0.0.1:" in line:
                break
        port = line.rsplit(":", 1)[1].strip()
        for line in process.stderr:
            if line.startswith("sluice: try"):
                break
        for command, wanted in commands(text):
            own = command.replace("localhost:8080", f"127.0.0.1:{port}")
            own = own.replace("/tmp/", folder + "/").replace("/run/sluice", folder)
            got = subprocess.run(["bash", "-c", own], capture_output=True, text=True, timeout=30,
                                 check=False).stdout
            if normal(got) != normal(wanted):
                print(f"$ {command}\nprints\n{got}\nnot\n{wanted}")
                failed += 1
    finally:
        process.terminate()
        if process.wait(30):
            failed += 1
    return failed


def main():
    with open("deploy/manual/caching.md", encoding="utf-8") as f:
        text = f.read()
    if len(list(commands(text))) < 5:
        raise SystemExit("there are no commands")
    folder = tempfile.mkdtemp(prefix="sluice-walk-")
    try:
        sys.exit(1 if walk(sys.argv[1], folder, text) else 0)
    finally:
        shutil.rmtree(folder)


main()
