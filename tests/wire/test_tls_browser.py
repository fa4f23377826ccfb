#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A browser loads a page with many pictures over TLS, by HTTP/2 and by HTTP/1.1.

    test_tls_browser.py SLUICE"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import examples

PICTURES = 40
PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da6364f8ff1f"
                    "0003030200efa8f0ad0000000049454e44ae426082")
BIG = "x" * (1 << 20)
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>tls</title>
<link rel="icon" href="/0.png"><script type="module">
const loaded = new Promise(done => window.addEventListener('load', done));
const big = await (await fetch('/big.txt')).text();
const back = await (await fetch('/back', { method: 'POST', body: big })).text();
await loaded;
const pictures = [...document.images].filter(i => i.naturalWidth === 1).length;
const by = performance.getEntriesByType('navigation')[0].nextHopProtocol;
document.getElementById('result').textContent =
    [isSecureContext, by, big.length, back, pictures].join(' | ');
</script></head><body><div id="result">not yet</div>""" + \
    "".join(f'<img alt="" src="/{i}.png">' for i in range(PICTURES)) + "</body></html>"
CONFIG = """\
logs: { access: { to: /var/log/sluice/access.log } }
listeners:
  webs: { bind: "127.0.0.1:0", site: www, HTTP2tls: { certificates: [{ cert: site.pem, key: site.key }] } }
sites: { www: { log: access, routes: [{ to: files }] } }
backends: { files: { servers: ["10.0.0.1:80"] } }
"""


def answer(request):
    if request["method"] == "POST":
        return 200, {"Content-Type": "text/plain"}, str(len(request["body"]))
    if request["path"].endswith(".png"):
        return 200, {"Content-Type": "image/png"}, PNG
    if request["path"] == "/big.txt":
        return 200, {"Content-Type": "text/plain"}, BIG
    return 200, {"Content-Type": "text/html"}, PAGE


def make_site(folder):
    """site.pem and .key for localhost, and what the browser is to trust: the hash of its key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=localhost", "-days", "30", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                    "site.key", "-out", "site.pem"], cwd=folder, check=True, capture_output=True)
    hashed = subprocess.run("openssl pkey -in site.key -pubout -outform der | openssl dgst -sha256 -binary | "
                            "openssl base64", shell=True, cwd=folder, check=True, capture_output=True, text=True)
    return hashed.stdout.strip()


def browse(browser, url, folder, key_hash):
    process = subprocess.Popen(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--no-proxy-server",
         "--user-data-dir=" + folder, "--ignore-certificate-errors-spki-list=" + key_hash,
         "--enable-logging=stderr", "--virtual-time-budget=30000", "--timeout=60000", "--dump-dom", url],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=dict(os.environ, HOME=folder))
    try:
        return process.communicate(timeout=100)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def visit(sluice, browser, http2):
    x = examples.Example(sluice, "tls-browser", text=CONFIG.replace("HTTP2", "" if http2 else "http2: off, "))
    key_hash = make_site(x.folder)
    x.text = x.text.replace("site.", x.folder + "/site.")
    x.own_address = lambda: "127.0.0.1:0"
    try:
        x.start()
        x.origin("files").answer = answer
        page, said = browse(browser, f"https://localhost:{x.addresses[0].rpartition(':')[2]}/", x.folder + "/browser",
                            key_hash)
        wanted = f"true | {'h2' if http2 else 'http/1.1'} | {len(BIG)} | {len(BIG)} | {PICTURES}"
        if f'<div id="result">{wanted}</div>' not in page or re.search("CONSOLE", said):
            raise AssertionError(f"{wanted!r} is not in\n{page[:600]}\n{said[-2000:]}\n{x.said}")
        lines = [json.loads(line) for line in x.log_lines("access.log", PICTURES + 3)]
        bad = [line for line in lines if line["end"] != "ok"]
        if bad:
            raise AssertionError(f"not well: {bad}")
        print(f"{wanted}: {len(lines)} requests, all well")
        x.stop()
    finally:
        x.clean()


def main():
    browser = shutil.which("chromium")
    if not browser:
        print("chromium is not installed")
        return 77
    for http2 in (True, False):
        visit(os.path.abspath(sys.argv[1]), browser, http2)
    return 0


sys.exit(main())
