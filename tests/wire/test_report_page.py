#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench's report in a browser: it fits a phone and a desk, its figures are there and can be
read, a click on a column's head sorts. With --keep DIR the screenshots stay there. 77: no browser."""
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../bench"), os.path.join(HERE, "../unit/bench")]

from suite import page  # noqa: E402
from test_report import whole_run  # noqa: E402

WIDTHS = (375, 1100)
LETTERS_MIN = 6  # pixels, of a figure's text at a phone's width

CHECKS = """
<script>
const found = [], frames = [...document.querySelectorAll("iframe")];
const check = (ok, text) => { if (!ok) found.push(text); };
addEventListener("load", () => {
  for (const frame of frames) {
    const page = frame.contentDocument, width = frame.clientWidth;
    check(page.documentElement.scrollWidth <= width,
          `${width}: the page is ${page.documentElement.scrollWidth} wide`);
    const figures = [...page.querySelectorAll("figure svg")];
    check(figures.length >= 7, `${width}: ${figures.length} figures`);
    for (const svg of figures) {
      const box = svg.getBoundingClientRect();
      check(box.width > 200 && box.right <= width, `${width}: a figure ends at ${box.right}`);
      const letters = Math.min(...[...svg.querySelectorAll("text")].map(
        text => text.getBoundingClientRect().height));
      check(letters >= LETTERS_MIN, `${width}: letters of ${letters} pixels`);
    }
    const table = page.querySelector("table.data"), head = table.querySelectorAll("th")[1];
    const column = () => [...table.tBodies[0].rows].map(row => row.cells[1].textContent)
      .filter(text => text && text !== "INVALID").map(Number);
    for (const order of [(a, b) => a - b, (a, b) => b - a]) {
      head.click();
      const values = column();
      check(values.length > 2 && values.join() === [...values].sort(order).join(),
            `${width}: sorted as ${values}`);
    }
  }
  document.body.innerHTML = `<p id="result">${found.join("; ") || "fine"}</p>`;
});
</script>
""".replace("LETTERS_MIN", str(LETTERS_MIN))


def browser():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return name
    return None


def run(name, folder, *options):
    return subprocess.run(
        [name, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={folder}/profile", *options], check=True, timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def main(arguments):
    name = browser()
    if not name:
        print("chromium is not there")
        return 77
    report = page.html(whole_run())
    with tempfile.TemporaryDirectory() as folder:
        kept = arguments[1] if arguments[:1] == ["--keep"] else folder
        path, around = os.path.join(folder, "report.html"), os.path.join(folder, "around.html")
        with open(path, "w", encoding="utf-8") as f:
            f.write(report)
        with open(around, "w", encoding="utf-8") as f:
            f.write("<!doctype html><body>" + "".join(
                f'<iframe width="{width}" height="900" style="border:0" '
                f'srcdoc="{html.escape(report)}"></iframe>' for width in WIDTHS) + CHECKS)
        dom = run(name, folder, "--virtual-time-budget=10000", "--dump-dom", f"file://{around}")
        result = re.search(r'<p id="result">(.*?)</p>', dom)
        print(result[1] if result else f"the page's script did not run: {dom[:500]}")
        for width in WIDTHS:
            shot = os.path.join(kept, f"report-{width}.png")
            run(name, folder, f"--window-size={max(width, 500)},2400", f"--screenshot={shot}",
                f"file://{path}")
            if os.path.getsize(shot) < 20000:
                print(f"{shot} is empty")
                return 1
        return 0 if result and result[1] == "fine" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
