#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A browser sees a single-page application through deploy/examples/spa.yaml: its page, style, script, picture
and API come, at an address inside the application, and nothing is complained of.

    test_browser.py SLUICE"""
import base64
import os
import re
import shutil
import signal
import subprocess
import sys

import examples

PICTURES = 30
BIG = "x" * (1 << 20)
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
                       "awAAAABJRU5ErkJggg==")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>spa</title>
<link rel="icon" href="/pictures/0.png"><link rel="stylesheet" href="/site.css">
<script type="module" src="/main.js"></script></head>
<body><div id="result">not yet</div>""" + \
    "".join(f'<img alt="" src="/pictures/{i}.png">' for i in range(PICTURES)) + "</body></html>"
SCRIPT = """
const loaded = new Promise(done => window.addEventListener('load', done));
const items = await (await fetch('/api/items?from=' + encodeURIComponent(location.pathname))).json();
const big = await (await fetch('/big.txt')).text();
const stored = await (await fetch('/api/items', { method: 'POST', body: big })).json();
await loaded;
const pictures = [...document.images].filter(i => i.naturalWidth === 1).length;
const colour = getComputedStyle(document.body).color;
document.getElementById('result').textContent =
    [items.from, big.length, stored.bytes, pictures, colour].join(' | ');
"""
WANTED = f"/orders/17 | {len(BIG)} | {len(BIG)} | {PICTURES} | rgb(1, 2, 3)"


def files(request):
    path = request["path"]
    if path.endswith(".png"):
        return 200, {"Content-Type": "image/png"}, PNG
    kinds = {"/index.html": ("text/html", PAGE), "/site.css": ("text/css", "body { color: #010203 }"),
             "/main.js": ("text/javascript", SCRIPT), "/big.txt": ("text/plain", BIG)}
    if path in kinds:
        return 200, {"Content-Type": kinds[path][0]}, kinds[path][1]
    return 404, {"Content-Type": "text/plain"}, "no such file"


def api(request):
    if request["method"] == "POST":
        return 200, {"Content-Type": "application/json"}, f'{{"bytes": {len(request["body"])}}}'
    return 200, {"Content-Type": "application/json"}, '{"from": "/orders/17"}'


def browse(browser, url, folder):
    """The page as it is after its scripts, and what the browser had to say."""
    process = subprocess.Popen(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--no-proxy-server", "--user-data-dir=" + folder, "--enable-logging=stderr",
         "--virtual-time-budget=30000", "--timeout=60000", "--dump-dom", url],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=dict(os.environ, HOME=folder))
    try:
        return process.communicate(timeout=120)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def main():
    browser = shutil.which("chromium")
    if not browser:
        print("chromium is not installed")
        return 77
    x = examples.Example(os.path.abspath(sys.argv[1]), "spa")
    try:
        x.start()
        x.origin("files").answer = files
        x.origin("api").answer = api
        page, said = browse(browser, f"http://{x.addresses[0]}/orders/17", x.folder + "/browser")
        console = re.findall(r".*CONSOLE.*", said)
        good = f'<div id="result">{WANTED}</div>' in page and not console
        if not good:
            print(f"{page[-2000:]}\n{said[-2000:]}\nconsole: {console}\n{x.said}")
        missing = [r["path"] for r in x.origin("files").requests if files(r)[0] != 200]
        if missing:
            print(f"asked for and not there: {missing}")
        x.stop()
        return 0 if good and not missing else 1
    finally:
        x.clean()


sys.exit(main())
