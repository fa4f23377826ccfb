#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A browser behind the forward proxy: a page and its script by whole URLs, a WebSocket by CONNECT, echoing texts
of some size; and the same WebSocket through a listener with a site. The page says how it went.

    test_forward_browser.py SLUICE        status 77: there is no Chromium"""
import base64
import hashlib
import http.server
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading

PAGE = """<!doctype html><meta charset="utf-8"><title>proxy</title><script>
const echo = (url, text) => new Promise((done, failed) => {
    const ws = new WebSocket(url);
    ws.onopen = () => ws.send(text);
    ws.onmessage = e => { ws.close(); done(e.data === text); };
    ws.onerror = () => failed('WebSocket to ' + url);
});
(async () => {
    const said = [];
    try {
        const big = 'x'.repeat(60000);
        said.push((await (await fetch('/data')).text()).length);
        said.push((await (await fetch('/data', { method: 'POST', body: big })).text()));
        said.push(await echo('ws://' + location.host + '/ws', 'hello'));
        said.push(await echo('ws://' + location.host + '/ws', big));
        said.push(await echo('ws://WEB/ws', big));
    } catch (e) { said.push(String(e)); }
    fetch('/result', { method: 'POST', body: said.join(' | ') });
})();
</script>"""
DATA = b"y" * 1000000
WANTED = "1000000 | 60000 | true | true | true"
CONFIGURATION = """
workers: 1
listeners:
  proxy: {{ bind: "127.0.0.2:0", forward: {{ allow_private: [127.0.0.1], log: proxy }} }}
  web: {{ bind: "127.0.0.3:0", site: s }}
sites: {{ s: {{ routes: [{{ to: b }}] }} }}
backends: {{ b: {{ servers: ["{server}"] }} }}
logs: {{ proxy: {{ to: "{log}" }} }}
"""


def read_frame(f):
    """The payload of a text; None: it was a close (RFC 6455 5.2)."""
    text = b""
    while True:
        first, second = f.read(2)
        size = second & 127
        if size == 126:
            size = struct.unpack(">H", f.read(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", f.read(8))[0]
        mask = f.read(4)
        payload = bytes(b ^ mask[i % 4] for i, b in enumerate(f.read(size)))
        if first & 15 == 8:
            return None
        text += payload
        if first & 128:
            return text


def frame(text):
    size = len(text)
    head = bytes([size]) if size < 126 else struct.pack(">BH", 126, size) if size < 65536 \
        else struct.pack(">BQ", 127, size)
    return b"\x81" + head + text


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body, kind="text/plain"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/ws":
            self.websocket()
        elif self.path == "/data":
            self.answer(DATA)
        else:
            self.answer(PAGE.replace("WEB", self.server.web).encode(), "text/html")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(str(len(body)).encode())
        if self.path == "/result":
            self.server.result = body.decode()
            self.server.done.set()

    def websocket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept",
                         base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while (text := read_frame(self.rfile)) is not None:
            self.wfile.write(frame(text))

    def log_message(self, *_):
        pass


def start(sluice, server, folder):
    path = folder + "/sluice.yaml"
    with open(path, "w", encoding="utf-8") as f:
        f.write(CONFIGURATION.format(server=server, log=folder + "/proxy.json"))
    process = subprocess.Popen([sluice, "run", "-c", path], text=True, stderr=subprocess.PIPE)
    addresses = {}
    while len(addresses) < 2:
        line = process.stderr.readline()
        if not line:
            raise SystemExit("sluice did not start")
        for address in re.findall(r"listening on (\S+)", line):
            addresses[address.split(":")[0]] = address
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return process, addresses["127.0.0.2"], addresses["127.0.0.3"]


def main():
    browser = shutil.which("chromium")
    if not browser:
        print("chromium is not installed")
        return 77
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.done, server.result = threading.Event(), "nothing"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    own = "127.0.0.1:%d" % server.server_port
    with tempfile.TemporaryDirectory(prefix="sluice-browser-", ignore_cleanup_errors=True) as folder:
        sluice, proxy, server.web = start(os.path.abspath(sys.argv[1]), own, folder)
        # The site's listener is reached directly, everything else through the proxy, loopback included.
        process = subprocess.Popen(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             f"--proxy-server=http://{proxy}", "--proxy-bypass-list=<-loopback>;127.0.0.3",
             "--user-data-dir=" + folder + "/browser", "--remote-debugging-port=0", f"http://{own}/"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env=dict(os.environ, HOME=folder))
        try:
            server.done.wait(120)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            sluice.terminate()
            code = sluice.wait(timeout=60)
        with open(folder + "/proxy.json", encoding="utf-8") as f:
            log = f.read()
        methods = {m: len(re.findall(f'"method":"{m}".*"destination":"{own}"|"destination":"{own}".*"method":"{m}"', log))
                   for m in ("GET", "POST", "CONNECT")}
        print(server.result, methods, f"sluice ended with {code}")
        good = server.result == WANTED and code == 0 and all(methods.values())
        return 0 if good else 1


sys.exit(main())
