# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of the command line: a file of this folder has a list VERBS of
(name, one line of help, add options to a parser, action, whether it measures). A measuring action
gets the command line's Context, another one its options; both give the exit status."""
import importlib
import pkgutil

FIRST = ["compare", "target"]  # as the help lists them; then by name


def load():
    """Every verb of every file here."""
    names = sorted((module.name for module in pkgutil.iter_modules(__path__)),
                   key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    return [verb for name in names
            for verb in importlib.import_module(f"{__name__}.{name}").VERBS]
