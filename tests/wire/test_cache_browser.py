#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A storm of browsers, each without a cache of its own, on a page with assets through deploy/examples/cache.yaml:
every page comes whole, and the servers are asked for each thing once.

    test_cache_browser.py SLUICE"""
import collections
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys

import examples

BROWSERS = 3
FRAMES = 8   # pages in a page: each of them loads all assets
PICTURES = 20
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="1"/>'
FILLER = "/* " + "so that it is worth coding " * 200 + "*/"
# A frame tells its page when all that it shows is there.
FRAME = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>frame</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/assets/site-1f3a.css">
<script src="/assets/main-77b0.js" defer></script></head><body>""" + \
    "".join(f'<img alt="" src="/assets/{i}.svg">' for i in range(1, PICTURES + 1)) + "</body></html>"
SCRIPT = FILLER + """
window.addEventListener('load', () => {
    const wrong = [...document.images].filter((image, i) => image.naturalWidth !== i + 1).length;
    parent.postMessage(wrong + getComputedStyle(document.body).color, '*');
});"""
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>storm</title>
<link rel="icon" href="data:,"><script>
const said = [];
window.addEventListener('message', e => {
    said.push(e.data);
    document.getElementById('result').textContent = said.length + ' ' + [...new Set(said)].join();
});
</script></head><body><div id="result">not yet</div>""" + \
    '<iframe src="/frame"></iframe>' * FRAMES + "</body></html>"
WANTED = f'<div id="result">{FRAMES} 0rgb(1, 2, 3)</div>'
FRESH = {"Cache-Control": "max-age=3600"}


def answer(request):
    path = request["path"]
    picture = re.fullmatch(r"/assets/(\d+)\.svg", path)
    if picture:
        return 200, {"Content-Type": "image/svg+xml", **FRESH}, PICTURE.format(picture[1])
    kinds = {"/": ("text/html", PAGE), "/frame": ("text/html", FRAME),
             "/assets/site-1f3a.css": ("text/css", "body { color: #010203 }" + FILLER),
             "/assets/main-77b0.js": ("text/javascript", SCRIPT)}
    if path in kinds:
        return 200, {"Content-Type": kinds[path][0], **FRESH}, kinds[path][1]
    return 404, {"Content-Type": "text/plain"}, "no such file"


def browse(browser, url, folder):
    """The page as it is when all has loaded."""
    process = subprocess.Popen(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--no-proxy-server", "--user-data-dir=" + folder, "--disk-cache-size=1",
         "--virtual-time-budget=30000", "--timeout=60000", "--dump-dom", url],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=dict(os.environ, HOME=folder))
    try:
        return process.communicate(timeout=120)[0]
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
    x = examples.Example(os.path.abspath(sys.argv[1]), "cache")
    try:
        x.start()
        servers = x.origins["app"]
        for server in servers:
            server.answer = answer
        url = f"http://{x.addresses[0]}/"
        with concurrent.futures.ThreadPoolExecutor(BROWSERS) as pool:
            pages = list(pool.map(lambda i: browse(browser, url, f"{x.folder}/browser{i}"),
                                  range(BROWSERS)))
        bad = [page for page in pages if WANTED not in page]
        asked = collections.Counter(r["path"] for s in servers for r in s.requests)
        wanted = {"/", "/frame", "/assets/site-1f3a.css", "/assets/main-77b0.js",
                  *(f"/assets/{i}.svg" for i in range(1, PICTURES + 1))}
        once = set(asked) == wanted and set(asked.values()) == {1}
        print(f"{BROWSERS} browsers, {FRAMES} frames each: {sum(asked.values())} requests to the servers "
              f"for {len(wanted)} things")
        if bad or not once:
            print(f"asked: {asked}\n{[page[-1000:] for page in bad]}\n{x.said}")
        print(x.run("ctl", "cache", "stats", "--socket", x.folder + "/run/admin.sock"))
        x.stop()
        return 0 if not bad and once else 1
    finally:
        x.clean()


sys.exit(main())
