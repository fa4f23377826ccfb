# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML file that needs nothing else."""
import html as escaping
import re

from . import overview, plots, summary, tables

STYLE = """
:root { color-scheme: light; --ink: #1c1f23; --soft: #5c6570; --line: #d9dde2; --wash: #f5f7f9;
        --warn: #8a2b06; --warnwash: #fdf1e7; --good: #1d6b34 }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem; max-width: 80rem; color: var(--ink); background: #fff;
       font: 16px/1.45 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.5rem; margin: .2rem 0 } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem }
h3 { font-size: .95rem; margin: 1.2rem 0 .3rem }
p, ul, figure { margin: .4rem 0 } ul { padding-left: 1.2rem }
.soft { color: var(--soft); font-size: .88rem }
.warn { color: var(--warn); background: var(--warnwash); border-left: 4px solid; padding: .5rem .8rem;
        margin: .6rem 0 }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; width: 100% }
th, td { padding: .35rem .6rem; text-align: right; white-space: nowrap;
         border-bottom: 1px solid var(--line) }
tr:last-child td { border-bottom: 0 }
th { background: var(--wash); font-weight: 600; cursor: pointer; user-select: none;
     white-space: normal; vertical-align: bottom; line-height: 1.25 }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--wash);
                                 min-width: 7.5rem; max-width: 15rem; white-space: normal }
table.facts td { white-space: normal; text-align: left }
th[aria-sort=ascending]::after { content: " \\25B2" } th[aria-sort=descending]::after { content: " \\25BC" }
td.bad { color: var(--warn); font-weight: 600 } td.good { color: var(--good) }
td.more { color: var(--warn) }
table.glance td { white-space: normal }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr));
           gap: 1rem; margin-top: .8rem; align-items: start }
figure svg { width: 100%; height: auto; display: block }
figcaption { font-size: .88rem; color: var(--soft) }
pre { overflow-x: auto; background: var(--wash); padding: .6rem; font-size: .78rem; border-radius: 6px;
      margin: .3rem 0 }
details { margin: .4rem 0 } summary { cursor: pointer }
nav { font-size: .9rem; columns: 3 18rem; margin: 1rem 0 }
nav a { display: block; padding: .2rem 0; color: #0b5c8a; text-decoration: none }
nav a:hover { text-decoration: underline }
"""

# A click on a column's head sorts by it: numbers as such, the rest as text; again: the other way.
SCRIPT = """
for (const th of document.querySelectorAll("table.data th")) th.addEventListener("click", () => {
  const table = th.closest("table"), at = [...th.parentNode.children].indexOf(th);
  const up = th.getAttribute("aria-sort") !== "ascending";
  const value = row => {
    const text = row.children[at].textContent.trim(), n = parseFloat(text.replace(/,/g, ""));
    return text === "" ? null : isNaN(n) ? text : n;
  };
  const body = table.tBodies[0], rows = [...body.rows];
  rows.sort((a, b) => {
    const x = value(a), y = value(b);
    if (x === null || y === null) return (x === null) - (y === null);
    const order = typeof x === "number" && typeof y === "number" ? x - y
      : String(x).localeCompare(String(y));
    return up ? order : -order;
  });
  for (const other of th.parentNode.children) other.removeAttribute("aria-sort");
  th.setAttribute("aria-sort", up ? "ascending" : "descending");
  body.append(...rows);
});
"""


def text(value):
    return escaping.escape(str(value))


VERDICTS = {"INVALID": "bad", "missed": "bad", "REGRESSION": "bad", "met": "good",
            "faster": "good"}


def verdict_class(cell, of_rival):
    """Whether a whole interval is on one side of its limit; a rival's ratio: of 1."""
    interval = re.match(r"[\d.]+ \[([\d.]+), ([\d.]+)\](?! x )", cell)
    if interval and of_rival:
        low, high = map(float, interval.groups())
        return "good" if high < 1 else "more" if low > 1 else ""
    return VERDICTS.get(cell, "")


def row_html(header, row):
    """The floor, and the same once more, are nobody's rivals."""
    cells = []
    for name, cell in zip(header, row):
        of_rival = not any(word in name + row[0] for word in ("null relay", "again"))
        kind = verdict_class(cell, of_rival)
        cells.append(f'<td class="{kind}">{text(cell)}</td>' if kind else f"<td>{text(cell)}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def table_html(table, kind="data"):
    head = "".join(f'<th scope="col">{text(cell)}</th>' for cell in table.header)
    rows = [row_html(table.header, row) for row in table.rows]
    notes = "".join(f'<p class="{"warn" if note.startswith("INVALID") else "soft"}">{text(note)}</p>'
                    for note in table.notes)
    return (f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead>'
            f'<tbody>{"".join(rows)}</tbody></table></div>{notes}')


def section_html(number, section, figures):
    table = tables.of_section(section)
    drawn = [(caption, svg) for caption, svg in plots.of_section(figures, section) if svg] \
        if figures else []
    pictures = "".join(f"<figure>{svg}<figcaption>{text(caption)}</figcaption></figure>"
                       for caption, svg in drawn)
    load = f"<pre>{text(section['load'])}</pre>" if section.get("load") else ""
    return (f'<section id="s{number}"><h2>{text(table.title)}</h2>{table_html(table)}'
            f'<div class="figures">{pictures}</div>{load}</section>')


def glance_html(data):
    table = overview.table(data)
    return f"<h2>{text(table.title)}</h2>{table_html(table, 'data glance')}" if table else ""


def sentences(title, found, otherwise=""):
    if not found and not otherwise:
        return ""
    items = "".join(f"<li>{text(sentence)}</li>" for sentence in found) or f"<li>{otherwise}</li>"
    return f"<h2>{title}</h2><ul>{items}</ul>"


def facts_html(data):
    rows = "".join(f"<tr><td>{text(name)}</td><td>{text(value)}</td></tr>"
                   for name, value in summary.head_lines(data))
    return f'<h2>Machine and versions</h2><div class="wide"><table class="facts">{rows}</table></div>'


def configurations_html(data):
    found, commands = summary.configurations(data)
    parts = ["<h2>Commands and configurations</h2>"]
    for name, command, configuration in found:
        parts.append(f"<details><summary>{text(name)}</summary><pre>{text(' '.join(command))}</pre>"
                     + (f"<pre>{text(configuration)}</pre>" if configuration else "")
                     + "</details>")
    if commands:
        lines = "\n".join(f"{title}\n    {command}" for title, command in commands)
        parts.append(f"<details><summary>the load</summary><pre>{text(lines)}</pre></details>")
    return "".join(parts)


def html(data):
    try:
        figures, missing = plots.Figures(), ""
    except ImportError:
        figures, missing = None, ('<p class="warn">Figures are left out: matplotlib is missing '
                                  "(Debian: python3-matplotlib).</p>")
    warnings = "".join(f'<p class="warn">Not fit to measure: {text(reason)}</p>'
                       for reason in data["unfit"])
    if data["interrupted"]:
        warnings += '<p class="warn">Interrupted: what was measured until then follows.</p>'
    sections = data["sections"]
    names = "".join(f'<a href="#s{i}">{text(s["title"])}</a>' for i, s in enumerate(sections))
    pairs = any(s["kind"] == "pairs" for s in sections)
    title = f"sluice-bench {data['verb']}"
    return "".join([
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        f'<p class="soft">{text(data["began"])}, {text(data["facts"]["took"])}, commit '
        f'{text(data["facts"]["commit"])}. A column\'s head sorts by it.</p>',
        warnings, missing, f"<nav>{names}</nav>" if len(sections) > 1 else "",
        glance_html(data),
        sentences("What we lose at", summary.losses(data), "Nothing that was measured here."
                  if pairs else ""),
        sentences("Resolution (the same against itself)", summary.resolution(data)),
        *(section_html(i, s, figures) for i, s in enumerate(sections)),
        facts_html(data), configurations_html(data),
        f"<script>{SCRIPT}</script></body></html>\n",
    ])
