#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Completion in a real bash: what it offers for a command line that ends there.

    test_completion.py SLUICE"""
import os
import re
import shlex
import subprocess
import sys
import tempfile

import documents

SCRIPT = os.path.abspath("deploy/completion/sluice.bash")


def words_of(line):
    """As readline breaks it: '=' and ':' are words of their own."""
    return re.findall(r"[=:]|[^ =:]+", line) + ([""] if line.endswith(" ") else [])


def offered(line, where):
    words = words_of(line)
    script = (f". {shlex.quote(SCRIPT)}\nset -u\n"
              f"COMP_WORDS=({' '.join(shlex.quote(w) for w in words)})\nCOMP_CWORD={len(words) - 1}\n"
              "complete -p sluice >&2\n_sluice\n"
              'printf "%s\\n" ${COMPREPLY[@]+"${COMPREPLY[@]}"}\n')
    run = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, cwd=where,
                         check=True)
    if run.stderr != "complete -F _sluice sluice\n":
        raise SystemExit(f"{line!r}: {run.stderr}")
    return set(run.stdout.split())


def main():
    documents.need("bash")
    data = documents.reference(sys.argv[1])
    verbs = {c["name"] for c in data["commands"]}
    wrong = 0

    with tempfile.TemporaryDirectory() as where:
        for name in ("site.yaml", "other.txt"):
            with open(os.path.join(where, name), "w", encoding="utf-8"):
                pass

        def expect(line, has=(), only=None, lacks=()):
            nonlocal wrong
            got = offered(line, where)
            if (only is not None and got != set(only)) or set(has) - got or set(lacks) & got:
                wrong += 1
                print(f"{line!r} offers {sorted(got)[:40]}")

        expect("sluice ", only=verbs | {"--help", "--version"})
        expect("sluice re", only=["reload", "reference"])
        expect("sluice check -", only=["-c", "--config", "--format", "--help"])
        expect("sluice check --format ", only=["text", "json"])
        expect("sluice check --format=j", only=["json"])
        expect("sluice check --format=", only=["text", "json"])
        expect("sluice check -c s", only=["site.yaml"])
        expect("sluice run --config=s", only=["site.yaml"])
        expect("sluice run -c ", only=["site.yaml", "other.txt"])
        expect("sluice schema ", only=[])
        expect("sluice proxy --timeout first", only=["first_byte="])
        expect("sluice proxy --ba", only=["--balance"])
        expect("sluice route P", only=["POST", "PUT", "PATCH"])
        expect("sluice help first_b", only=["first_byte"])
        expect("sluice help sites.NAME.routes.timeouts.", has=["sites.NAME.routes.timeouts.stall"],
               lacks=["backends.NAME.timeouts.stall"])
        expect("sluice help connect_", has=["connect_refused", "connect_timeout"])
        expect("sluice nonsense ", only=[])
        # Every option of every command, and every key.
        for c in data["commands"]:
            for o in c["options"]:
                expect(f"sluice {c['name']} {o['name']}", has=[o["name"]])
        expect("sluice help ", has={k["name"] for k in data["keys"]} | verbs |
               {k["path"].replace("[]", "") for k in data["keys"]})
    return 1 if wrong else 0


sys.exit(main())
