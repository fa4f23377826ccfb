#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts test cases in the JUnit files of ctest: summary.py FILE...

A cmocka program counts as its cases, any other test as one. A program that fails without naming a
failed case (a crash, a leak found at its end, a timeout) counts as one failed case more. The last
line is "N passed, N failed"; the exit status is 0 when nothing failed and something passed.
"""
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

CASE_OK = re.compile(r"^\[ +OK \] ", re.M)
CASE_FAILED = re.compile(r"^\[  FAILED  \] (?!\d+ test)(\S+)", re.M)


def count(case):
    """(passed, failed) of one <testcase> of ctest."""
    output = case.findtext("system-out") or ""
    passed = len(CASE_OK.findall(output))
    failed = len(set(CASE_FAILED.findall(output)))
    if case.get("status") == "run":
        return max(passed, 1), failed
    return passed, max(failed, 1)


def skipped(case):
    """Whether a <testcase> ended with the exit code for that."""
    mark = case.find("skipped")
    return mark is not None and (mark.get("message") or "").startswith("SKIP_")


def main(paths):
    passed = failed = 0
    for path in paths:
        if not os.path.exists(path):
            print(f"{path}: no tests ran")
            failed += 1
            continue
        here = [0, 0]
        for case in ElementTree.parse(path).iter("testcase"):
            if skipped(case):
                print(f"{os.path.dirname(path)}: {case.get('name')} was skipped: "
                      f"{(case.findtext('system-out') or '').strip()}")
                continue
            ok, bad = count(case)
            here[0] += ok
            here[1] += bad
            if bad:
                print(f"---- {os.path.dirname(path)}: {case.get('name')} ----")
                print("\n".join((case.findtext("system-out") or "").splitlines()[-60:]))
        print(f"{os.path.dirname(path)}: {here[0]} passed, {here[1]} failed")
        passed += here[0]
        failed += here[1]
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
