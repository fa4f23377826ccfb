#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""curl -x through the forward proxy: http and https, by name and password, with TLS to the proxy itself.

    test_forward_curl.py SLUICE"""
import http.server
import os
import re
import ssl
import subprocess
import sys
import tempfile
import threading

# alice: secret
USERS = "alice:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n"
CONFIGURATION = """
workers: 1
listeners:
  plain: {{ bind: "127.0.0.2:0", forward: {rules} }}
  tls:
    bind: "127.0.0.3:0"
    tls: {{ certificates: [{{ cert: {folder}/cert.pem, key: {folder}/key.pem }}] }}
    forward: {rules}
"""
RULES = ("{ allow_private: [127.0.0.1], basic_auth: FOLDER/users, log: off, "
         "rules: [{ name: never, action: deny, hosts: [blocked.test] }] }")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{self.path} {self.headers.get('Proxy-Authorization')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def start(sluice, folder):
    path = folder + "/sluice.yaml"
    with open(path, "w", encoding="utf-8") as f:
        f.write(CONFIGURATION.format(folder=folder, rules=RULES.replace("FOLDER", folder)))
    with open(folder + "/users", "w", encoding="utf-8") as f:
        f.write(USERS)
    process = subprocess.Popen([sluice, "run", "-c", path], text=True, stderr=subprocess.PIPE)
    addresses = {}
    while len(addresses) < 2:
        line = process.stderr.readline()
        if not line:
            raise SystemExit("sluice did not start")
        for address in re.findall(r"listening on (\S+)", line):
            addresses[address.split(":")[0]] = address
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return process, addresses["127.0.0.2"], addresses["127.0.0.3"]


def curl(*arguments):
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = subprocess.run(["curl", "-sS", "-k", "--proxy-insecure", "--noproxy", "", "--max-time", "20",
                           "-w", "|%{http_code}|%{http_connect}", *arguments],
                          capture_output=True, text=True, env=environment, check=False)
    return done.returncode, done.stdout


def main():
    with tempfile.TemporaryDirectory(prefix="sluice-curl-") as folder:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-keyout", folder + "/key.pem", "-out", folder + "/cert.pem"],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
        http_url, https_url = (f"http://localhost:{serve()}/a/../b", f"https://localhost:{serve(context)}/c")
        process, plain, tls = start(os.path.abspath(sys.argv[1]), folder)
        failures = 0
        try:
            for proxy in (f"http://{plain}", f"https://{tls}"):
                known = ("-x", proxy, "--proxy-user", "alice:secret")
                cases = [
                    (known + ("--path-as-is", http_url), (0, "/a/../b None|200|000")),
                    (known + (https_url,), (0, "/c None|200|200")),
                    (known + ("-p", http_url), (0, "/b None|200|200")),
                    (("-x", proxy, https_url), (56, "|000|407")),
                    (("-x", proxy, "--proxy-user", "alice:wrong", "-o", "/dev/null", http_url), (0, "|407|000")),
                    (known + ("https://www.blocked.test/",), (56, "|000|403")),
                    (known + ("-o", "/dev/null", "http://10.0.0.1/"), (0, "|403|000")),
                ]
                for arguments, wanted in cases:
                    got = curl(*arguments)
                    if got != wanted:
                        failures += 1
                        print(f"curl {' '.join(arguments)}: {got}, not {wanted}")
        finally:
            process.terminate()
            code = process.wait(timeout=60)
        print(f"{failures} failures; sluice ended with {code}")
        return 1 if failures or code else 0


sys.exit(main())
