#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""test_floor.py BUILD: sluice's CPU time a request against the null relay's, in pairs; fails only
when the whole interval is beyond the limit of bench/scenarios/01-floor.toml. 77: cannot be run."""
import os
import shutil
import subprocess
import sys
import tempfile

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench/sluice-bench")


def main():
    if len(os.sched_getaffinity(0)) < 2 or not all(map(shutil.which, ("wrk", "taskset"))):
        print("two CPUs, wrk and taskset are needed")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([sys.executable, "-B", BENCH, "compare", "floor", "--strict",
                               "--build", sys.argv[1], "--output", folder, "--keep-congestion"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
