#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Schema that sluice prints is one, takes every example, and refuses what sluice refuses
for its shape.

    test_schema.py SLUICE
"""
import glob
import json
import subprocess
import os
import shutil
import sys
import tempfile

import jsonschema
import yaml

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../wire"))
import examples as wire_examples  # noqa: E402  pylint: disable=wrong-import-position

REST = """
listeners: { l: { bind: ":80", site: s } }
sites: { s: { routes: [ { to: b } ] } }
backends: { b: { servers: "10.0.0.1:1" } }
"""

# What the texts and examples take from it.
ENVIRONMENT = {"WORKERS": "4", "TENANT_DOMAIN": "example.com", "APP_HOST": "10.0.3"}

# Taken by both.
GOOD = [
    REST,
    "workers: ${WORKERS}\n" + REST,
    "workers: auto\nlame_duck: 1.5s\ntrusted_proxies: { file: [], networks: 10.0.0.0/8 }\n" + REST,
    "defaults: { log: off, rate_limit: off, max_body: unlimited, hide: Server }\n" + REST,
    """
listeners: { l: { bind: [":80", "unix:/run/x"], site: s } }
sites:
  s:
    maintenance: false
    routes:
      - match: { path: ["/a/*", "~ ^/b"], headers: { X-A: 1, X-B: true }, query: { v: "*" } }
        to: [ { backend: b, weight: 3 }, c ]
        timeouts: { stall: 5s }
        rewrite_location: true
      - { match: { path: /r }, redirect: { to: "https://$host$uri", status: 301 } }
      - { match: { path: /s }, respond: 204 }
      - respond: { status: 404, body: no, headers: { X-N: [1, b] } }
backends:
  b: { servers: [ "10.0.0.1:1", { address: "10.0.0.2:1", weight: 2 } ], balance: maglev }
  c: { servers: "10.0.0.1:1", balance: { policy: maglev, key: "header:X-U" } }
""",
]

# Refused by both.
BAD = [
    "workers: 0\n" + REST,
    "workers: '4'\n" + REST,
    "workers: [4]\n" + REST,
    "lame_duck: 5\n" + REST,
    "lame_duck: 5sec\n" + REST,
    "workres: 4\n" + REST,
    "trusted_proxies: all\n" + REST,
    "request_id: { trust: sometimes }\n" + REST,
    "logs: { a: stdout }\n" + REST,
    "logs: { a: { to: stdout, format: xml } }\ndefaults: { log: a }\n" + REST,
    "logs: { 'off': { to: stdout } }\n" + REST,
    "defaults: { via: yes please }\n" + REST,
    "defaults: { max_body: 10 }\n" + REST,
    "defaults: { max_body: 10MB }\n" + REST,
    "defaults: { rate_limit: 10 }\n" + REST,
    "defaults: { rate_limit: { burst: 1 } }\n" + REST,
    "defaults: { timeouts: 5s }\n" + REST,
    "defaults: { hide: 'X Y' }\n" + REST,
    REST.replace('":80"', "80"),
    REST.replace('bind: ":80", ', ""),
    REST.replace("{ to: b }", "{ to: b, match: { path: api } }"),
    REST.replace("{ to: b }", "{ to: b, match: { host: 'a.b:80' } }"),
    REST.replace("{ to: b }", "{ to: b, strip_prefix: /a/ }"),
    REST.replace("{ to: b }", "{ respond: 99 }"),
    REST.replace("{ to: b }", "{ redirect: { to: /, status: 300 } }"),
    REST.replace("{ to: b }", "{ redirect: { status: 301 } }"),
    REST.replace('"10.0.0.1:1"', '{ address: "10.0.0.1:1" }'),
    REST.replace('"10.0.0.1:1"', '[{ weight: 1 }]'),
    REST.replace('"10.0.0.1:1"', '"10.0.0.1:1", balance: magic'),
    REST.replace('"10.0.0.1:1"', '"10.0.0.1:1", balance: { policy: maglev, key: colour }'),
    REST.replace('"10.0.0.1:1"', '"10.0.0.1:1", timeouts: { drain: 1s }'),
]


def main():
    sluice = sys.argv[1]
    wrong = 0
    schema = json.loads(subprocess.run([sluice, "schema"], check=True, capture_output=True).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    def problems(text):
        # Keys of JSON are text; YAML has numbers too (404:).
        document = json.loads(json.dumps(yaml.safe_load(text)))
        return [f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(document)]

    def check(arguments, text=None):
        run = subprocess.run([sluice, "check", "--format", "json", *arguments], input=text,
                             capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
        answer = json.loads(run.stdout)
        if (run.returncode == 0) != answer["ok"]:
            raise SystemExit(f"exit code {run.returncode}, but ok is {answer['ok']}")
        return answer["messages"]

    def complain(what, text):
        nonlocal wrong
        wrong += 1
        print(f"{what}\n{text}\n")

    # A copy, with the certificates that they name.
    folder = tempfile.mkdtemp(prefix="sluice-schema-")
    shutil.copytree("deploy/examples", folder, dirs_exist_ok=True)
    wire_examples.make_certificates(folder, wire_examples.CERTIFICATES)
    os.makedirs(folder + "/live")  # where an ACME client writes
    for ending in ("pem", "key"):
        shutil.copy(f"{folder}/certs/shop.{ending}", folder + "/live")
    examples = sorted(glob.glob(folder + "/*.yaml"))
    for path in examples + glob.glob(folder + "/*.d/*.yaml"):
        with open(path, encoding="utf-8") as f:
            found = problems(f.read())
        if found:
            complain("the schema refuses " + path, "\n".join(found))
        if path in examples and (messages := check(["-c", path])):
            complain("sluice has to say something of " + path, messages)
    shutil.rmtree(folder)
    for text in GOOD:
        if found := problems(text):
            complain("the schema refuses", text + "\n".join(found))
        if any(m["severity"] == "error" for m in check(["-c", "-"], text)):
            complain("sluice refuses", text)
    for text in BAD:
        if not problems(text):
            complain("the schema takes", text)
        if not any(m["severity"] == "error" for m in check(["-c", "-"], text)):
            complain("sluice takes", text)
    print(f"{len(examples)} examples, {len(GOOD)} good and {len(BAD)} bad texts, {wrong} wrong")
    return 1 if wrong or len(examples) < 15 else 0


if __name__ == "__main__":
    sys.exit(main())
