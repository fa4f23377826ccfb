#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the manual that tables make: pages of reference, man pages, completion for bash.

    generate.py SLUICE           writes them below deploy/
    generate.py --check SLUICE   status 1, and what differs, if they are out of date

All of it comes from `sluice reference`; nothing is known here but how it is set."""
import difflib
import json
import os
import subprocess
import sys
import textwrap

DEPLOY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MADE = "Made by `./build.sh manual` from sluice's own tables: do not edit."

# Objects of the configuration whose names say too little.
TITLES = {
    "configuration": "Top level",
    "listener": "Listeners",
    "defaults": "Defaults",
    "site": "Sites",
    "route": "Routes",
    "handling": "What sites, routes and defaults share",
    "target": "Targets of `to`",
    "backend": "Backends",
    "server": "Servers",
    "log": "Logs",
}
# The order in which people write a file; what is not here follows.
FIRST = ["listeners", "sites", "backends", "logs", "defaults"]


# ---- The keys, by object -----------------------------------------------------------------------

def parent(path):
    """sites.NAME.routes[].to: sites.NAME.routes[]"""
    return path.rpartition(".")[0]


def holder(path):
    """The key whose value the object at a parent's path is: sites.NAME.routes[]: sites.NAME.routes"""
    return path.removesuffix("[]").removesuffix(".NAME")


class Section:
    """An object's own keys, each once, and where the object stands."""

    def __init__(self, name):
        self.name = name
        self.title = TITLES.get(name, f"`{name}`")
        self.rows = {}
        self.places = []

    def add(self, key):
        row = self.rows.setdefault(key["row"], dict(key, places=[]))
        row["places"].append(parent(key["path"]))
        if parent(key["path"]) not in self.places:
            self.places.append(parent(key["path"]))


def sections(keys):
    """In reading order: an object, then those that stand in it."""
    found, children = {}, {}
    for key in keys:
        found.setdefault(key["object"], Section(key["object"])).add(key)
        inside = children.setdefault(holder(parent(key["path"])), [])
        if key["object"] not in inside:
            inside.append(key["object"])
    done = []

    def visit(name):
        if name in done:
            return
        done.append(name)
        rows = list(found[name].rows.values())
        rows.sort(key=lambda k: FIRST.index(k["name"]) if k["name"] in FIRST else len(FIRST))
        for row in rows:
            for inner in children.get(row["path"], []):
                visit(inner)

    visit("configuration")
    return [found[name] for name in done]


def facts(key):
    """The form, bounds and default of a key."""
    form = key["form"].replace(", see below", "").replace("see below", "maps")
    if key.get("units"):
        form += f" (units: {key['units']})"
    yield form
    if "min" in key:
        yield f"{key['min']} to {key['max']}"
    if key["required"]:
        yield "required"
    elif "default" in key:
        yield f"default: {key['default']}"
    elif "otherwise" in key:
        yield f"default: {key['otherwise']}"


# ---- Markdown ----------------------------------------------------------------------------------

def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines) + "\n"


def page(title, *parts):
    return f"<!-- {MADE} -->\n# {title}\n\n" + "\n".join(parts)


def code(text):
    return f"`{text}`" if text else ""


def configuration_page(data):
    out = [textwrap.dedent("""\
        Every key, with how its value is written, its bounds, its default and an example that
        `sluice check` accepts. `sluice help KEY` says the same; `sluice schema` prints the JSON Schema
        for editors. NAME stands for a name of your choice, `[]` for an item of a list.

        Durations and sizes carry their units: `500ms`, `2s`, `64KiB`; a bare number there is an error.
        Where a list is wanted, one item may stand alone. `${NAME}` anywhere in a value is the environment
        variable NAME (which has to be there); `$${` stands for the characters `${`.
        """)]
    all_sections = sections(data["keys"])
    out.append("Contents: " + " · ".join(
        f"[{s.title}](#{anchor(s.title)})" for s in all_sections) + "\n")
    for section in all_sections:
        out.append(f"## {section.title}\n")
        places = [p for p in section.places if p]
        if places:
            out.append("At " + ", ".join(code(p) for p in places) + ".\n")
        for row in section.rows.values():
            out.append(f"**`{row['name']}`** · " + " · ".join(facts(row)) + "\n")
            text = row["doc"].replace("*", "\\*")
            if row["variables"]:
                text += " [Variables](#variables) are replaced."
            out.append(textwrap.fill(text, 100, break_long_words=False,
                                     break_on_hyphens=False) + "\\")
            if set(row["places"]) != set(section.places):
                out.append("Only at " + ", ".join(code(p) for p in row["places"]) + ".\\")
            out.append(f"Example: `{row['example']}`\n")
    out.append("## Variables\n")
    out.append("`$NAME`, or `$(NAME)` where letters follow. `$1` to `$9` are the groups of the path's "
               "regular\nexpression, `$$` is the character.\n")
    out.append(table(["variable", "what it is"],
                     [(code("$" + v["name"]), v["doc"]) for v in data["variables"]]))
    return page("Reference: the configuration", *out)


def anchor(title):
    """As forges make it of a heading."""
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def command_page(data):
    out = []
    for c in data["commands"]:
        out.append(f"## sluice {c['name']}\n\n```\nsluice {c['name']} {c['synopsis']}".rstrip())
        out.append("```\n\n" + textwrap.fill(c["doc"], 100) + "\n")
        out.append(table(["example", "what it does"],
                         [(code(e["line"]), e["what"]) for e in c["examples"]]))
        if c["options"]:
            out.append(table(["option", "meaning"], [
                (code(", ".join(names(o)) + (" " + o["value"] if "value" in o else "")),
                 " ".join(o["doc"].split())) for o in c["options"]]))
    out.append("## Exit codes\n")
    out.append(table(["code", "meaning"], [(e["name"], e["doc"]) for e in data["exit_codes"]]))
    out.append("## Signals\n")
    out.append(table(["signal", "what sluice does"], [(s["name"], s["doc"]) for s in data["signals"]]))
    out.append("stdout is data, stderr is messages. `NO_COLOR` in the environment keeps messages plain.\n")
    return page("Reference: the command line", *out)


def names(option):
    return [option[n] for n in ("alias", "name") if n in option]


def log_page(data):
    return page(
        "Reference: fields of the access log",
        "A log in the format `json` (the default) has one object a line, with these fields in this order.\n"
        "What did not happen or is not known is absent.\n",
        table(["field", "type", "there", "meaning"],
              [(code(f["name"]), f["type"], f["when"], f["doc"]) for f in data["log_fields"]]),
        "`combined` is Apache's format; a request that got no answer has status 499 when the client broke\n"
        "it, 444 otherwise. `human` is one short line for terminals.\n")


def ends_page(data):
    return page(
        "Reference: how a request can end",
        "The field `end` of the log and the label `reason` of `sluice_site_ends_total` say one of these.\n"
        "The status is what the client gets if nothing had been sent yet; without one the connection is\n"
        "closed. `sluice help WORD` says it too.\n",
        table(["end", "broken by", "status", "meaning"],
              [(code(e["name"]), e.get("broken_by", ""), e["status"] or "", e["doc"])
               for e in data["end_reasons"]]))


def metrics_page(data):
    return page(
        "Reference: metrics",
        "`GET /metrics` on the admin socket, in Prometheus' text format:\n\n"
        "```\ncurl --unix-socket /run/sluice/admin.sock http://localhost/metrics\n```\n",
        table(["metric", "type", "labels", "meaning"],
              [(code(m["name"]), m["type"],
                ", ".join(m[k] for k in ("of", "by") if k in m), m["doc"])
               for m in data["metrics"]]))


# ---- Man pages ---------------------------------------------------------------------------------

def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def man_head(name, section, title):
    return (f'.\\" {MADE.replace("`", "")}\n.TH {name.upper()} {section} "" "sluice" "{title}"\n')


def bold(text):
    return f"\\fB{roff(text)}\\fR"


def italic(text):
    return f"\\fI{roff(text)}\\fR"


def tagged(tag, text):
    return f".TP\n{tag}\n{roff(text)}\n"


def man_command(data):
    out = [man_head("sluice", 1, "User Commands")]
    out.append(".SH NAME\nsluice \\- reverse proxy on io_uring\n.SH SYNOPSIS\n")
    for i, c in enumerate(data["commands"]):
        if i:
            out.append(".br\n")
        out.append(f"{bold('sluice ' + c['name'])} {roff(c['synopsis'])}".rstrip() + "\n")
    out.append(".SH DESCRIPTION\nsluice is a reverse proxy for HTTP on Linux: it takes requests, decides by "
               "rules where they\ngo, and says of each how it ended. Its configuration is described in\n"
               ".BR sluice.yaml (5).\n.SH COMMANDS\n")
    for c in data["commands"]:
        out.append(f".SS {roff('sluice ' + c['name'])}\n{roff(c['doc'])}\n")
        for o in c["options"]:
            tag = ", ".join(bold(n) for n in names(o))
            if "value" in o:
                tag += " " + italic(o["value"])
            out.append(tagged(tag, " ".join(o["doc"].split())))
    out.append(".SH EXIT STATUS\n")
    out += [tagged(bold(e["name"]), e["doc"]) for e in data["exit_codes"]]
    out.append(".SH SIGNALS\n")
    out += [tagged(bold(s["name"]), s["doc"]) for s in data["signals"]]
    out.append(".SH ENVIRONMENT\n" + tagged(bold("NO_COLOR"), "Set and not empty: messages are plain."))
    out.append(".SH FILES\n" + tagged(italic("/etc/sluice/sluice.yaml"), "The configuration, unless -c names another."))
    out.append(".SH EXAMPLES\n")
    for c in data["commands"]:
        for e in c["examples"]:
            out.append(tagged(bold(e["line"]), e["what"]))
    out.append(".SH SEE ALSO\n.BR sluice.yaml (5)\n")
    return "".join(out)


def man_configuration(data):
    out = [man_head("sluice.yaml", 5, "File Formats")]
    out.append(".SH NAME\nsluice.yaml \\- configuration of sluice\n.SH DESCRIPTION\n"
               "A file in YAML. NAME stands for a name of your choice, [] for an item of a list. Durations "
               "and\nsizes carry their units. Where a list is wanted, one item may stand alone. ${NAME} is "
               "the\nenvironment variable NAME.\n.SH EXAMPLE\n.nf\n")
    out.append(roff(textwrap.dedent("""\
        listeners:
          web: { bind: ":80", site: edge }
        sites:
          edge:
            routes:              # the first that matches; none: 404
              - { match: { path: "/api/*" }, to: api }
              - { to: app }
        backends:
          api: { servers: ["10.0.0.1:9000", "10.0.0.2:9000"] }
          app: { servers: ["unix:/run/app.sock"] }
        """)) + ".fi\n.SH KEYS\n")
    for section in sections(data["keys"]):
        out.append(f".SS {roff(section.title.replace('`', ''))}\n")
        places = [p for p in section.places if p]
        if places:
            out.append("At " + ", ".join(italic(p) for p in places) + ".\n")
        for row in section.rows.values():
            out.append(tagged(bold(row["name"]), row["doc"]))
            out.append(f".br\n{roff('; '.join(facts(row)))}\n")
            out.append(f".br\nExample: {bold(row['example'])}\n")
    out.append(".SH VARIABLES\n")
    out += [tagged(bold("$" + v["name"]), v["doc"]) for v in data["variables"]]
    out.append(".SH SEE ALSO\n.BR sluice (1)\n")
    return "".join(out)


# ---- Completion --------------------------------------------------------------------------------

def quoted(words):
    return "'" + " ".join(words).replace("'", "'\\''") + "'"


def completion(data):
    keys = sorted({k["name"] for k in data["keys"]} |
                  {k["path"].replace("[]", "") for k in data["keys"]})
    timeouts = sorted({k["name"] + "=" for k in data["keys"] if k["object"] == "timeouts"})
    helped = [c["name"] for c in data["commands"]] + ["keys"] + [e["name"] for e in data["end_reasons"]]

    def action(item):
        return {"nothing": ":", "file": "_sluice_files",
                "words": f"_sluice_words {quoted(item.get('words', '').split())}",
                "key": '_sluice_words "$_sluice_topics $_sluice_keys"',
                "timeout": f"_sluice_words {quoted(timeouts)}"}[item["complete"]]

    out = [textwrap.dedent(f"""\
        # shellcheck shell=bash
        # {MADE}
        """)]
    out.append(f"_sluice_topics={quoted(helped)}\n_sluice_keys={quoted(keys)}\n")
    out.append(textwrap.dedent("""
        # Offers those of the words that begin with what was typed.
        _sluice_words() {
            mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
            case ${COMPREPLY[0]-} in *[=:]) compopt -o nospace 2>/dev/null ;; esac
        }

        _sluice_files() {
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        }

        _sluice() {
            local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
            COMPREPLY=()
            if [ "$COMP_CWORD" -eq 1 ]; then
        """))
    verbs = [c["name"] for c in data["commands"]]
    out.append(f"        _sluice_words {quoted(verbs + ['--help', '--version'])}\n")
    out.append("        return\n    fi\n")
    out.append("    # --name=value comes in three words.\n"
               "    if [ \"$cur\" = = ]; then\n        cur=\n"
               "    elif [ \"$before\" = = ]; then\n"
               "        before=${COMP_WORDS[COMP_CWORD - 2]}\n    fi\n"
               "    case ${COMP_WORDS[1]}:$before in\n")
    for c in data["commands"]:
        for o in c["options"]:
            if "value" in o:
                patterns = " | ".join(f"{c['name']}:{n}" for n in names(o))
                out.append(f"    {patterns}) {action(o)} ;;\n")
    out.append("    *)\n        case ${COMP_WORDS[1]}:$cur in\n")
    for c in data["commands"]:
        options = [n for o in c["options"] for n in names(o)] + ["--help"]
        out.append(f"        {c['name']}:-*) _sluice_words {quoted(options)} ;;\n")
    for c in data["commands"]:
        if c["complete"] != "nothing":
            out.append(f"        {c['name']}:*) {action(c)} ;;\n")
    out.append("        esac\n        ;;\n    esac\n}\n\ncomplete -F _sluice sluice\n")
    return "".join(out)


# ---- Files -------------------------------------------------------------------------------------

def files(data):
    reference = "manual/reference/"
    return {
        reference + "configuration.md": configuration_page(data),
        reference + "command-line.md": command_page(data),
        reference + "log.md": log_page(data),
        reference + "ends.md": ends_page(data),
        reference + "metrics.md": metrics_page(data),
        "man/sluice.1": man_command(data),
        "man/sluice.yaml.5": man_configuration(data),
        "completion/sluice.bash": completion(data),
    }


def main():
    check = sys.argv[1] == "--check"
    sluice = os.path.abspath(sys.argv[-1])
    data = json.loads(subprocess.run([sluice, "reference"], check=True, capture_output=True).stdout)
    wrong = 0
    for name, text in files(data).items():
        path = os.path.join(DEPLOY, name)
        old = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                old = f.read()
        if check and old != text:
            wrong += 1
            print("".join(difflib.unified_diff(old.splitlines(True), text.splitlines(True),
                                               "deploy/" + name, "as it should be", n=0)))
        if not check and old != text:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            print("deploy/" + name)
    if wrong:
        print(f"{wrong} out of date: run ./build.sh manual, and commit what it wrote")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
