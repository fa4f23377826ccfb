#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every key stands in the manual, the man page and the schema, and its example is taken at every
place where the key may stand.

    test_keys.py SLUICE"""
import json
import subprocess
import sys

import jsonschema
import yaml

import documents

NAMES = {"listeners": "web", "sites": "www", "backends": "app", "logs": "access"}

# What an object has to have beside any of its keys.
NEEDS = {
    "backends.NAME.balance": {"policy": "maglev"},
    "backends.NAME.tls": {"cert": "client.pem"},
    "listeners.NAME.tls.certificates[]": {"cert": "site.pem", "key": "site.key"},
    "listeners.NAME.tls.client_certificates[]": {"ca": "internal-ca.pem"},
    "sites.NAME.connection_limit": {"rate": "10/s"},
    "listeners.NAME.forward.connection_limit": {"rate": "10/s"},
}


# What a key has to have beside it.
BESIDE = {"backends.NAME.health.service": {"type": "grpc"},
          "listeners.NAME.log": {"tcp": "app"}, "listeners.NAME.sni": {"tcp": "app"},
          "listeners.NAME.acme": {"tls": {"certificates": [{"cert": "site.pem", "key": "site.key"}]}}}

# Keys that take the place of another.
INSTEAD = {
    "sites.NAME.routes[].redirect": "to",
    "sites.NAME.routes[].respond": "to",
    "listeners.NAME.tcp": "site",
    "listeners.NAME.log": "site",
    "listeners.NAME.sni": "site",
    "listeners.NAME.forward": "site",
}


def object_at(document, parts, keys):
    """The map for which the path's last key is, made with what its own required keys want."""
    path = ""
    here = document
    for part in parts:
        name, many = part.removesuffix("[]"), part.endswith("[]")
        path += ("." if path else "") + part
        if part == "NAME":
            name = NAMES[path.split(".")[0]]
            if not isinstance(here.get(name), dict):
                here[name] = {}
            here = here[name]
        else:
            there = here.get(name)
            if many and not (isinstance(there, list) and there and isinstance(there[0], dict)):
                there = here[name] = [{}]
            elif not many and not isinstance(there, dict):
                there = here[name] = {}
            here = there[0] if many else there
            for beside, value in NEEDS.get(path, {}).items():
                here.setdefault(beside, value)
        for k in keys.get(path, []):
            if k["required"] and k["name"] not in here:
                here.update(documents.load(k["example"]))
    return here


def document_for(key, keys):
    document = documents.base()
    parts = key["path"].split(".")
    here = object_at(document, parts[:-1], keys)
    for path, other in INSTEAD.items():
        if (key["path"] + ".").startswith(path + "."):
            above = object_at(document, path.split(".")[:-1], keys)
            above.pop(other, None)
    if key["path"].endswith("certificates[].directory"):
        here.clear()
    here.update(BESIDE.get(key["path"], {}))
    here.update(documents.load(key["example"]))
    return document


def main():
    sluice, wrong = sys.argv[1], 0
    data = documents.reference(sluice)
    schema = jsonschema.Draft202012Validator(
        json.loads(subprocess.run([sluice, "schema"], check=True, capture_output=True).stdout))
    with open("deploy/manual/reference/configuration.md", encoding="utf-8") as f:
        page = f.read()
    with open("deploy/man/sluice.yaml.5", encoding="utf-8") as f:
        man = f.read()
    keys = {}
    for key in data["keys"]:
        keys.setdefault(key["path"].rpartition(".")[0], []).append(key)
    with documents.folder() as where:
        with open(where + "/conf.yaml", "w", encoding="utf-8"):
            pass
        for key in data["keys"]:
            if f"**`{key['name']}`** · " not in page or f"`{key['example']}`" not in page:
                print(f"{key['path']}: not in the manual")
                wrong += 1
            if f"\\fB{key['name']}\\fR" not in man:
                print(f"{key['path']}: not in sluice.yaml(5)")
                wrong += 1
            document = json.loads(json.dumps(document_for(key, keys)))
            if key["path"] == "include":
                document["include"] = "conf.yaml"
            text = yaml.safe_dump(document)
            errors, good = documents.check(sluice, where, text)
            refused = [e.message for e in schema.iter_errors(document)]
            if errors or not good or refused:
                print(f"{key['path']}: {key['example']}\n  {errors} {refused}\n{text}")
                wrong += 1
    print(f"{len(data['keys'])} keys, {wrong} wrong")
    return 1 if wrong or len(data["keys"]) < 200 else 0


sys.exit(main())
