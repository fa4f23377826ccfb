#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL behind a layer 4 listener: psql copies a million rows in and out, pgbench keeps it busy.

    test_postgres.py SLUICE        status 77: there is no PostgreSQL
"""
import glob
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile

CONFIGURATION = """
listeners: {{ db: {{ bind: "127.0.0.1:0", tcp: replicas }} }}
backends: {{ replicas: {{ servers: ["127.0.0.1:{port}"] }} }}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Database:
    """A cluster in a folder of its own; PostgreSQL does not run as root, so it runs as its user."""

    def __init__(self, programs):
        self.programs, self.port = programs, free_port()
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self.folder = tempfile.mkdtemp(prefix="sluice-postgres-")
        self.process = None
        if os.getuid() == 0:
            shutil.chown(self.folder, self.user)

    def command(self, name, *arguments):
        line = [os.path.join(self.programs, name), *arguments]
        return ["runuser", "-u", self.user, "--", *line] if os.getuid() == 0 else line

    def __enter__(self):
        data = os.path.join(self.folder, "data")
        subprocess.run(self.command("initdb", "-A", "trust", "-N", "-D", data), check=True,
                       cwd=self.folder, stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen(
            self.command("postgres", "-D", data, "-p", str(self.port), "-h", "127.0.0.1", "-k", "",
                         "-c", "fsync=off"),
            cwd=self.folder, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "ready to accept connections" in line:
                return self
        raise SystemExit("PostgreSQL did not start")

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def query(database, port, sql):
    run = subprocess.run([os.path.join(database.programs, "psql"), "-h", "127.0.0.1", "-p", port,
                          "-U", database.user, "-d", "postgres", "-At", "-v", "ON_ERROR_STOP=1",
                          "-c", sql], capture_output=True, timeout=100, check=False)
    if run.returncode:
        raise SystemExit(run.stderr.decode())
    return run.stdout


def exercise(database, port):
    rows = "select i, md5(i::text) from generate_series(1, 300000) i"
    whole = query(database, port, rows)
    if whole != query(database, str(database.port), rows) or whole.count(b"\n") != 300000:
        raise SystemExit("the rows are not what they are without sluice")
    bench = [os.path.join(database.programs, "pgbench"), "-h", "127.0.0.1", "-p", port, "-U",
             database.user]
    subprocess.run([*bench, "-i", "-q", "-s", "1", "postgres"], check=True, timeout=100,
                   stderr=subprocess.DEVNULL)
    run = subprocess.run([*bench, "-c", "8", "-t", "100", "-C", "postgres"], check=True, timeout=100,
                         capture_output=True, text=True)
    if "800/800" not in run.stdout or "number of failed transactions: 0" not in run.stdout:
        raise SystemExit(run.stdout + run.stderr)


def main():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
    if not found:
        print("there is no PostgreSQL")
        return 77
    with Database(os.path.dirname(found[-1])) as database, \
            tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(CONFIGURATION.format(port=database.port))
        f.flush()
        sluice = subprocess.Popen([sys.argv[1], "run", "-c", f.name], text=True,
                                  stderr=subprocess.PIPE)
        try:
            line = " "
            while line and "listening on" not in line:
                line = sluice.stderr.readline()
            exercise(database, re.search(r"listening on \S+:(\d+)", line).group(1))
        finally:
            sluice.terminate()
            sluice.communicate()
    if sluice.returncode:
        raise SystemExit(f"sluice ended with {sluice.returncode}")
    print("300000 rows, 800 transactions: all is well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
