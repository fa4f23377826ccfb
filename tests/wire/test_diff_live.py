#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""test_diff_live.py BUILD: a null relay that is made some 10 % slower is caught, the same one again
passes. 77: cannot be run."""
import os
import shutil
import subprocess
import sys
import tempfile

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench/sluice-bench")


def bench(*arguments):
    return subprocess.run([sys.executable, "-B", BENCH, *arguments], check=False).returncode


def main():
    if len(os.sched_getaffinity(0)) < 2 or not all(map(shutil.which, ("wrk", "taskset", "nginx"))):
        print("two CPUs, wrk, taskset and nginx are needed")
        return 77
    with tempfile.TemporaryDirectory() as run:
        if bench("compare", "keep-alive", "--contenders",
                 "null-relay,null-relay:again,null-relay:slowed,nginx", "--pairs", "10",
                 "--seconds", "0.5", "--build", sys.argv[1], "--output", run,
                 "--keep-congestion"):
            return 1
        caught = bench("diff", run, run, "--reference", "nginx", "--as",
                       "null-relay:slowed=null-relay")
        passed = bench("diff", run, run, "--reference", "nginx", "--as",
                       "null-relay:again=null-relay")
    print(f"a slowdown of 10 % is {'caught' if caught == 1 else 'NOT CAUGHT'}; "
          f"the same {'passes' if passed == 0 else 'DOES NOT PASS'}")
    return 0 if (caught, passed) == (1, 0) else 1


if __name__ == "__main__":
    sys.exit(main())
