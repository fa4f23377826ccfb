#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The man pages are set without a warning, and say what they are for.

    test_man.py SLUICE"""
import os
import subprocess
import sys

import documents

EXPECTED = {
    "deploy/man/sluice.1": ["sluice check", "--format", "EXIT STATUS", "78", "USR1"],
    "deploy/man/sluice.yaml.5": ["first_byte", "rate_limit", "Example:", "$client_ip"],
}


def main():
    documents.need("man", "groff")
    wrong = 0
    environment = dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="100")
    for path, words in EXPECTED.items():
        man = subprocess.run(["man", "--warnings=w", "-l", path], capture_output=True, text=True,
                             env=environment, check=False)
        missing = [w for w in words if w not in man.stdout]
        if man.returncode or man.stderr or missing:
            wrong += 1
            print(f"{path}: {man.stderr} missing: {missing}")
    return 1 if wrong else 0


sys.exit(main())
