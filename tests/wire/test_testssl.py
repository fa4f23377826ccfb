#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""testssl.sh looks at a listener with the defaults of `tls`, a certificate of a CA of ours, and HSTS: what it finds
worse than "info" is about our test's CA or headers that a site has to choose, not about TLS.

    test_testssl.py SLUICE"""
import json
import os
import shutil
import subprocess
import sys

import examples

CONFIG = """\
listeners:
  webs: { bind: "127.0.0.1:0", site: www, tls: { certificates: [{ cert: chain.pem, key: leaf.key }] } }
sites: { www: { hsts: 365d, routes: [{ respond: { body: hello } }] } }
"""
# WARN: a check that it could not make, in trouble of its own.
UNIMPORTANT = {"OK", "INFO", "WARN"}
# No list of revoked certificates and no DNS entry belongs to the CA; security_headers are the site's.
ALLOWED = {"engine_problem", "cert_revocation", "DNS_CAArecord", "security_headers"}
# What a run that saw everything has found.
WANTED = {"TLS1": "not offered", "TLS1_1": "not offered", "TLS1_2": "offered", "TLS1_3": "offered with final",
          "cert_trust": "Ok", "cert_chain_of_trust": "passed", "heartbleed": "not vulnerable", "ROBOT": "not vulnerable",
          "secure_renego": "supported", "secure_client_renego": "not vulnerable", "HSTS_time": "days"}
MAKE = """\
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca -days 300 -keyout ca.key \
    -out ca.pem -addext basicConstraints=critical,CA:TRUE
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout leaf.key -out leaf.csr
printf 'subjectAltName=DNS:localhost\\nextendedKeyUsage=serverAuth\\n' >ext
openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 90 -extfile ext -CAcreateserial -out leaf.pem
cat leaf.pem ca.pem >chain.pem
"""


def look(x):
    report = os.path.join(x.folder, "report.json")
    port = x.addresses[0].rpartition(":")[2]
    run = subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "off", "--add-ca",
                          os.path.join(x.folder, "ca.pem"), "--ip", "127.0.0.1", "--jsonfile", report,
                          f"https://localhost:{port}"], capture_output=True, text=True, timeout=400, check=False,
                         stdin=subprocess.DEVNULL)
    if not os.path.exists(report):
        raise AssertionError(f"testssl made no report: {run.stdout[-2000:]}\n{run.stderr[-2000:]}")
    with open(report, encoding="utf-8") as f:
        return json.load(f)


def main():
    if not shutil.which("testssl"):
        print("testssl.sh is not installed")
        return 77
    x = examples.Example(os.path.abspath(sys.argv[1]), "testssl")
    subprocess.run(["sh", "-e", "-c", MAKE], cwd=x.folder, check=True, capture_output=True)
    x.text = CONFIG.replace("chain.pem", x.folder + "/chain.pem").replace("leaf.key", x.folder + "/leaf.key")
    x.own_address = lambda: "127.0.0.1:0"
    try:
        x.start()
        findings = look(x)
        bad = [f for f in findings if f["severity"] not in UNIMPORTANT and f["id"] not in ALLOWED]
        seen = {f["id"]: f["finding"] for f in findings}
        missing = {key: seen.get(key) for key, text in WANTED.items()
                   if not any(text in finding for name, finding in seen.items() if name.startswith(key))}
        if bad or missing:
            raise AssertionError(f"bad: {bad}\nmissing or other: {missing}")
        print(f"{len(findings)} findings, none against us")
        x.stop()
    finally:
        x.clean()
    return 0


sys.exit(main())
