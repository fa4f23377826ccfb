# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of documents share: a place to check configurations in."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

SKIPPED = 77

# What a fragment may refer to.
BASE = """
listeners: { web: { bind: "127.0.0.1:8080", site: www } }
sites: { www: { routes: [{ to: app }] } }
logs: { access: { to: stdout } }
backends:
  app: { servers: ["127.0.0.1:9000"] }
  api: { servers: ["127.0.0.1:9001"] }
  auth: { servers: ["127.0.0.1:9002"] }
  old: { servers: ["127.0.0.1:9003"] }
  new: { servers: ["127.0.0.1:9004"] }
"""

PAGE = "<p>$status $request_id</p>\n"
USERS = "alice:$2y$10$abcdefghijklmnopqrstuuWd7YxSPmQm3y8kUFVzBdQdXh0nN7X0a\n"
NETWORKS = "# a list\n192.0.2.0/24\n2001:db8::/32\n"

# Files that the documents name, in the folder of the configuration; /etc/sluice is that folder.
FILES = {
    "users": USERS, "users.htpasswd": USERS, "office.txt": NETWORKS, "blocked.txt": NETWORKS,
    "adverts.txt": "ads.example.net\n0.0.0.0 tracker.example\n",
    "tickets.new": "n" * 48, "tickets.old": "o" * 48, "site.ocsp": "",
    "ca.conf": "[ca]\ndefault_ca = d\n[d]\ndatabase = index\ndefault_md = sha256\n"
               "default_crl_days = 30\n", "index": "",
    "conf.d/empty.yaml": "", "sticky.key": "0123456789abcdef" * 4 + "\n", "pages/404.html": PAGE, "pages/5xx.html": PAGE, "pages/503.html": PAGE,
}


class Loader(yaml.SafeLoader):
    """As YAML 1.2 has it: on, off, yes and no are text (and keys)."""


Loader.yaml_implicit_resolvers = {
    first: [r for r in resolvers if r[0] != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


def load(text):
    return yaml.load(text, Loader)  # a SafeLoader


def base():
    return load(BASE)


def make_certificate(path):
    """client.key, and client.pem and internal-ca.pem with the certificate and the key."""
    key, cert = os.path.join(path, "client.key"), os.path.join(path, "client.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=example.com", "-days", "30",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    with open(key, encoding="ascii") as f, open(cert, "a", encoding="ascii") as both:
        both.write(f.read())
    for name in ("internal-ca.pem", "site.pem"):
        shutil.copy(cert, os.path.join(path, name))
    shutil.copy(key, os.path.join(path, "site.key"))
    os.mkdir(os.path.join(path, "certificates"))
    shutil.copy(cert, os.path.join(path, "certificates"))
    subprocess.run(["openssl", "ca", "-gencrl", "-config", "ca.conf", "-keyfile", key, "-cert", cert,
                    "-out", "internal-ca.crl"], check=True, capture_output=True, cwd=path)
    with open(os.path.join(path, "client.pass"), "w", encoding="ascii") as f:
        f.write("secret\n")


@contextlib.contextmanager
def folder():
    """A directory with those files; gone afterwards."""
    path = tempfile.mkdtemp(prefix="sluice-docs-")
    try:
        for name, text in FILES.items():
            full = os.path.join(path, name)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as f:
                f.write(text)
        make_certificate(path)
        yield path
    finally:
        shutil.rmtree(path)


def check(sluice, where, text):
    """The errors of a configuration, and whether it is valid."""
    path = os.path.join(where, "sluice.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(re.sub(r"/etc/sluice\b", where, text))
    run = subprocess.run([sluice, "check", "--format", "json", "-c", path], capture_output=True,
                         text=True, timeout=60, check=False,
                         env=dict(os.environ, WORKERS="4"))
    answer = json.loads(run.stdout)
    errors = [f"{m.get('line')}: {m['message']}" for m in answer["messages"]
              if m["severity"] == "error"]
    return errors, run.returncode == 0


def reference(sluice):
    return json.loads(subprocess.run([sluice, "reference"], check=True,
                                     capture_output=True).stdout)


def need(*tools):
    """Skips the test where one is missing."""
    for tool in tools:
        if not shutil.which(tool):
            print(f"{tool} is not installed")
            sys.exit(SKIPPED)
