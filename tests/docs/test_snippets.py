#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every configuration shown in the README and the manual is valid.

    test_snippets.py SLUICE            fenced blocks that begin with ```yaml
    test_snippets.py SLUICE nginx      with ```nginx, by nginx -t
    test_snippets.py SLUICE haproxy    with ```haproxy, by haproxy -c

A word after the language says where a fragment stands: `yaml route` (one, or a list), `yaml site`,
`yaml backend`; without one it is the top level, and what it leaves out is put beside it. `nginx http`:
inside http {}, else inside server {}."""
import glob
import os
import re
import subprocess
import sys

import yaml

import documents

FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.M | re.S)


def snippets(language):
    for path in ["README.md", *sorted(glob.glob("deploy/manual/**/*.md", recursive=True))]:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for match in FENCE.finditer(text):
            if match.group(1) == language:
                line = text.count("\n", 0, match.start()) + 1
                yield f"{path}:{line}", match.group(2).strip(), match.group(3)


# ---- sluice ------------------------------------------------------------------------------------

def whole(kind, text):
    """A configuration with the fragment in its place, as text."""
    document, part = documents.base(), documents.load(text)
    if kind == "route":
        document["sites"]["www"]["routes"] = part if isinstance(part, list) else [part]
    elif kind == "site":
        document["sites"]["www"].update(part)
    elif kind == "backend":
        document["backends"]["app"].update(part)
    elif kind == "":
        if set(part) >= {"listeners", "sites"}:
            return text  # as it stands, to the letter
        for key, value in part.items():
            if isinstance(document.get(key), dict) and key in ("backends", "logs"):
                document[key].update(value)
            else:
                document[key] = value
    else:
        raise SystemExit(f"no such place: {kind}")
    return yaml.safe_dump(document)


def check_sluice(sluice, where, kind, text):
    errors, good = documents.check(sluice, where, whole(kind, text))
    return "" if good else "\n".join(errors)


# ---- The others --------------------------------------------------------------------------------

def check_nginx(_, where, kind, text):
    inside = text if kind == "http" else "server {\n" + text + "}\n"
    names = set(re.findall(r"https?://([a-z]+)[;/]", text)) - \
        set(re.findall(r"upstream +(\w+)", text))
    upstreams = "".join(f"upstream {n} {{ server 127.0.0.1:9000; }}\n" for n in sorted(names))
    inside = inside.replace("/etc/nginx/", where + "/").replace("/var/log/nginx/", where + "/")
    path = os.path.join(where, "nginx.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"pid {where}/pid; error_log stderr; events {{}}\nhttp {{ access_log off;\n"
                f"{upstreams}{inside}}}\n")
    run = subprocess.run(["nginx", "-t", "-q", "-e", "stderr", "-p", where, "-c", path],
                         capture_output=True, text=True, check=False)
    return "" if run.returncode == 0 else run.stderr


def check_haproxy(_, where, kind, text):
    text = text.replace("/etc/haproxy/", where + "/")
    text = text.replace("/run/haproxy/", where + "/")
    names = set(re.findall(r"(?:use|default)_backend +(\w+)", text)) - \
        set(re.findall(r"^backend +(\w+)", text, re.M))
    backends = "".join(f"backend {n}\n  server s 127.0.0.1:9000\n" for n in sorted(names))
    head = "" if kind == "whole" else "defaults\n  mode http\n  timeout connect 2s\n" \
        "  timeout client 1m\n  timeout server 1m\n"
    path = os.path.join(where, "haproxy.cfg")
    with open(path, "w", encoding="utf-8") as f:
        f.write(head + text + backends)
    run = subprocess.run(["haproxy", "-c", "-q", "-f", path], capture_output=True, text=True,
                         check=False)
    return "" if run.returncode == 0 else run.stderr


def main():
    sluice, language = sys.argv[1], (sys.argv[2:] or ["yaml"])[0]
    check = {"yaml": check_sluice, "nginx": check_nginx, "haproxy": check_haproxy}[language]
    if language != "yaml":
        documents.need(language)
    count = wrong = 0
    with documents.folder() as where:
        for place, kind, text in snippets(language):
            count += 1
            if said := check(sluice, where, kind, text):
                wrong += 1
                print(f"{place}: {kind}\n{text}\n{said}\n")
    print(f"{count} snippets, {wrong} wrong")
    return 1 if wrong or not count else 0


sys.exit(main())
