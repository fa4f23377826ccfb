#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each file of deploy/examples does what it claims: it is run between servers and clients of ours.

    test_examples.py SLUICE [NAME...]

A new example is a function below of its name, with @example(what has to be replaced in it, the
environment it wants), and says what it has to do."""
import base64
import contextlib
import glob
import gzip
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import examples

TESTS = {}


def example(**options):
    """options: of examples.Example."""
    def add(test):
        TESTS[test.__name__.replace("_", "-")] = (test, options)
        return test
    return add


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r}, not {wanted!r}")


def within(number, least, most, what):
    if not least <= number <= most:
        raise AssertionError(f"{what}: {number} is not between {least} and {most}")


# ---- The examples ------------------------------------------------------------------------------

@example()
def limits(x):
    equal(x.ask("/a").body[:3], "app")
    reports = x.origins["reports"][0]
    inside, most, go_on = [], [], threading.Semaphore(0)

    def answer(r):
        inside.append(r)
        most.append(len(inside))
        go_on.acquire()
        inside.remove(r)
        return 200, {}, r["path"]
    reports.answer = answer
    got = []

    def ask(n):
        got.append(x.ask(f"/reports/{n}"))
    threads = [threading.Thread(target=ask, args=(n,)) for n in range(6)]
    for t in threads:
        t.start()
    for t in threads[:2]:  # one is served and three wait: the other two are refused
        while len(got) < 2:
            t.join(0.01)
    for _ in range(4):
        go_on.release()
    for t in threads:
        t.join()
    equal(sorted(a.status for a in got), [200] * 4 + [503] * 2)
    equal([a.fields["Retry-After"] for a in got if a.status == 503], ["1", "1"])
    equal(max(most), 1, "requests at a time")
    for app in x.origins["app"]:
        app.answer = lambda r: (500, {}, "broken")
    for _ in range(30):
        last = x.ask("/a")
        if last.status == 503:
            break
    equal(last.status, 503, "the circuit")
    within(int(last.fields["Retry-After"]), 1, 6, "Retry-After")


@example()
def edge(x):
    equal(x.ask("/ping").body, "pong")
    a = x.ask("/api/users", host="shop.example.com")
    equal((a.status, a.fields["Server"]), (200, None), "hidden Server")
    equal(x.last("api")["path"], "/api/users")
    equal(len({x.ask("/api/users", host="shop.example.com").body for _ in range(8)}), 1,
          "servers of one client")
    a = x.ask("/a?b=c", host="example.com")
    equal((a.status, a.fields["Location"]), (308, "http://shop.example.com/a?b=c"))
    a = x.ask("/x", host="shop.example.com", listener=1)
    equal(a.body, "app-1 /x", "the second listener")
    equal(x.last("app")["headers"]["X-Real-IP"], "127.0.0.1")
    x.ask("/y?token=secret", host="shop.example.com")
    lines = x.log_records("access.log", 12)
    equal([r for r in lines if r["path"] == "/ping"], [], "the log of /ping")
    equal([r["path"] for r in lines if "secret" in r["path"]], [], "a token in the log")
    equal(sum("token=REDACTED" in r["path"] for r in lines), 1, "redacted")
    within(sum(x.ask("/api/", host="a.example.com").status == 429 for _ in range(2000)), 1, 1999,
           "refused for their rate")


@example(replace={"10.20.0.0/16": "127.0.0.5/32"})
def canary(x):
    equal(x.ask(fields={"X-Canary": "yes"}).body, "new-1 /")
    equal(x.ask(fields={"Cookie": "a=b; canary=on"}).body, "new-1 /")
    equal(x.ask(source="127.0.0.5").body, "new-1 /")
    connection = x.connect()
    answers = [x.ask(connection=connection) for _ in range(600)]
    within(sum(a.fields["X-Version"] == "new" for a in answers), 5, 65, "of 600 at 5 %")
    equal(all(a.body.startswith(a.fields["X-Version"]) for a in answers), True, "X-Version")


@example(replace={"10.0.0.0/8": "127.0.0.5/32"})
def maintenance(x):
    equal(x.ask("/healthz").status, 204)
    equal(x.ask("/").status, 200)
    equal(x.ask("/status/").status, 403)
    equal(x.ask("/status/", source="127.0.0.5").body, "status-1 /status/")
    x.edit("enabled: false", "enabled: true")
    x.reload()
    a = x.ask("/")
    equal((a.status, a.fields["Retry-After"]), (503, "600"))
    equal("<html" in a.body.lower(), True, "its own page")
    equal(x.ask("/", source="127.0.0.5").status, 200, "who works on it")


@example()
def tls(x):
    a = x.ask("/a?b=c", host="www.example.com:80")
    equal((a.status, a.fields["Location"]), (308, "https://www.example.com/a?b=c"))
    certificates = os.path.join(x.folder, "etc/certs")
    for name in ("www", "shop"):
        context = ssl.create_default_context(cafile=f"{certificates}/{name}.pem")
        host, port = x.addresses[1].split(":")
        with socket.create_connection((host, int(port)), timeout=examples.DEADLINE_S) as plain, \
                context.wrap_socket(plain, server_hostname=name + ".example.com") as s:
            equal(s.version(), "TLSv1.3")
            s.sendall(f"GET /x HTTP/1.1\r\nHost: {name}.example.com\r\nConnection: close\r\n\r\n".encode())
            with s.makefile("rb") as f:
                answer = f.read().decode()
        equal((answer.split()[1], answer.endswith(f"{name}-1 /x")), ("200", True))
        equal("Strict-Transport-Security: max-age=63072000" in answer, True, "HSTS")
        equal(x.last(name)["headers"]["X-Forwarded-Proto"], "https")


def served_name(x, name, alpn=None):
    """Whom the certificate is for that 443's listener shows."""
    context = ssl._create_unverified_context()
    if alpn:
        context.set_alpn_protocols([alpn])
    host, port = x.addresses[1].split(":")
    with socket.create_connection((host, int(port)), timeout=examples.DEADLINE_S) as plain, \
            context.wrap_socket(plain, server_hostname=name) as s:
        der = s.getpeercert(True)
    return next((n for n in ("www.example.com", "shop.example.com") if n.encode() in der), None)


@example()
def acme(x):
    equal(x.ask("/.well-known/acme-challenge/token").body, "acme_http-1 /.well-known/acme-challenge/token")
    equal(x.ask("/a").fields["Location"], "https://www.example.com/a")
    equal(served_name(x, "shop.example.com"), "www.example.com", "without a certificate of its own")
    try:
        served_name(x, "shop.example.com", "acme-tls/1")
        raise AssertionError("the challenge was answered here")
    except ssl.SSLError:
        pass  # what stands there is no TLS server
    equal(len(x.origin("acme_tls").connections), 1, "challenges passed on")
    live = os.path.join(x.folder, "etc/live")
    for ending, source in (("key", "key"), ("crt", "pem")):
        os.rename(f"{x.folder}/etc/certs/shop.{source}", f"{live}/shop.{ending}")
    x.wait_said("sluice: reloaded")
    equal(served_name(x, "shop.example.com"), "shop.example.com", "what the client wrote")


@example()
def cache(x):
    page = "a line of text\n" * 200

    def answer(request):
        fields = {"Content-Type": "text/html", "ETag": '"1"'}
        if request["path"].startswith("/assets/"):
            fields["Cache-Control"] = "max-age=0"  # the route knows better
        return 200, fields, page

    for origin in x.origins["app"]:
        origin.answer = answer
    status = lambda a: a.fields["Cache-Status"].split(";")[1].strip()  # noqa: E731
    equal(status(x.ask("/a?x=1&utm_source=y")), "fwd=miss")
    a = x.ask("/a?x=1")
    equal((status(a), a.body, a.fields["Vary"]), ("hit", page, "Accept-Encoding"))
    a = x.ask("/a?x=1", fields={"Cookie": "session=1"})
    equal(status(a), "fwd=bypass")
    for path, times in (("/assets/a.js?v=1", 1), ("/account/me", 2)):
        before = x.count("app")
        for _ in range(2):
            equal(x.ask(path).body, page)
        equal(x.count("app") - before, times, path)
    equal(x.ask("/a", method="DELETE").status, 405)
    for coding, decode in (("gzip", gzip.decompress),):
        c = x.connect()
        c.request("GET", "/a?x=1", headers={"Host": "www.example.com", "Accept-Encoding": coding})
        r = c.getresponse()
        body = r.read()
        equal((r.headers["Content-Encoding"], r.headers["ETag"]), (coding, 'W/"1"'))
        equal(decode(body).decode(), page)
        within(len(body), 1, 200, "bytes of it")
        c.close()
    before = x.count("app")
    x.ask("/a?x=1", method="POST", body="")  # which changes it
    x.ask("/a?x=1")
    equal(x.count("app") - before, 2, "requests after it was changed")


@example()
def static(x):
    a = x.ask("/assets/site.css")
    equal((a.status, a.fields["Server"], a.fields["X-Content-Type-Options"]), (200, None, "nosniff"))
    equal(a.fields["Cache-Control"], "public, max-age=31536000, immutable")
    equal(x.ask("/logo.svg").fields["Cache-Control"], a.fields["Cache-Control"])
    equal(x.ask("/about").fields["Cache-Control"], "no-cache")
    before = x.count("files")
    for path in ("/.git/config", "/a/.env", "/%2egit/config"):
        equal(x.ask(path).status, 404, path)
    a = x.ask("/", method="POST", body="x")
    equal((a.status, a.fields["Allow"]), (405, "GET, HEAD"))
    equal(x.ask("/", body="x").status, 413)
    equal(x.count("files"), before, "requests that reached a server")
    wanted = r'127\.0\.0\.1 - - \[[^]]+\] "GET /assets/site.css HTTP/1.1" 200 \d+ "-" "-"'
    lines = x.log_lines("static.log", 8)
    equal(sum(bool(re.fullmatch(wanted, line)) for line in lines), 1, lines)


@example(replace={"10.0.0.0/8": "127.0.0.5/32"})
def api(x):
    def verify(request):
        if request["headers"]["Authorization"] == "Bearer good":
            return 200, {"X-User": "alice"}, ""
        return 401, {"WWW-Authenticate": "Bearer"}, "who are you?"

    x.origin("auth").answer = verify
    host = "api.example.com"
    a = x.ask("/v1/users", host=host)
    equal((a.status, a.fields["WWW-Authenticate"], x.count("app")), (401, "Bearer", 0))
    a = x.ask("/v1/users?q=1", host=host, method="POST", body="name=x",
              fields={"Authorization": "Bearer good", "X-User": "mallory", "X-Scopes": "all"})
    r = x.last("app")
    equal((a.status, r["path"], r["body"], r["headers"]["X-User"], r["headers"]["Authorization"]),
          (200, "/users?q=1", b"name=x", "alice", None))
    equal(r["headers"]["X-Scopes"], None, "what only the auth service may say")
    equal(x.last("auth")["path"], "/verify")
    equal(x.ask("/v1/users", host=host, method="POST", body="x" * (1 << 20) + "x",
                fields={"Authorization": "Bearer good"}).status, 413)
    equal(x.ask("/admin/", host=host).status, 403)
    a = x.ask("/admin/", host=host, source="127.0.0.5")
    equal((a.status, a.fields["WWW-Authenticate"].startswith('Basic realm="operators"')), (401, True))

    def basic(text):
        return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    equal(x.ask("/admin/", host=host, source="127.0.0.5", fields=basic("operator:wrong")).status, 401)
    a = x.ask("/admin/", host=host, source="127.0.0.5", fields=basic("operator:correct-horse"))
    equal((a.status, x.last("app")["headers"]["X-Operator"]), (200, "operator"))
    equal(x.ask("/health", host=host).status, 200)
    equal(x.ask("/other", host=host).status, 404)


@example()
def blue_green(x):
    equal(x.ask(host="green.shop.example.com").body[:5], "green")
    equal(x.ask(host="blue.shop.example.com").body[:4], "blue")
    equal(x.ask().fields["X-Live"], "blue")
    stop, seen, failed = threading.Event(), [], []

    def client():
        connection = x.connect()
        while not stop.is_set():
            try:
                seen.append(x.ask(connection=connection).fields["X-Live"])
            except Exception as e:  # pylint: disable=broad-except
                failed.append(e)
                return

    clients = [threading.Thread(target=client) for _ in range(4)]
    for c in clients:
        c.start()
    x.edit("to: blue\n        response", "to: green\n        response")
    x.run("reload", "--socket", x.folder + "/run/admin.sock")
    equal(x.ask().fields["X-Live"], "green", "after the reload")
    stop.set()
    for c in clients:
        c.join()
    equal(failed, [], "requests that failed")
    equal(set(seen) <= {"blue", "green"} and len(seen) > 0, True, "what clients saw")


@example()
def spa(x):
    equal(x.ask("/api/items?x=1").body, "api-1 /items?x=1")
    a = x.ask("/main.4f3a.js")
    equal((a.body, a.fields["Cache-Control"]), ("files-1 /main.4f3a.js", "public, max-age=3600"))
    for path in ("/", "/orders/17", "/orders/17?tab=items"):
        a = x.ask(path)
        equal((a.body[:19], a.fields["Cache-Control"]), ("files-1 /index.html", "no-cache"), path)
    x.origin("files").answer = lambda r: (404, {}, "no such file")
    equal(x.ask("/missing.png").status, 404)
    equal(x.ask("/orders", method="POST", body="x").status, 404)


@example(replace={"to: syslog": "to: /var/log/sluice/www.json"})
def forward_logs(x):
    x.ask("/health")
    x.ask("/api/a?token=secret&b=1&session=s", fields={"traceparent": "00-abc", "Accept-Language": "de"})
    x.origin("api").answer = lambda r: (200, {"X-Cache": "HIT"}, "")
    x.ask("/api/b")
    first, second = sorted(x.log_records("api.json", 2), key=lambda r: r["path"])
    equal((first["path"], first["request_headers"]),
          ("/api/a?token=REDACTED&b=1&session=REDACTED", {"traceparent": "00-abc", "accept-language": "de"}))
    equal((second["route"], second["response_headers"]), ("api", {"x-cache": "HIT"}))
    connection = x.connect()
    for _ in range(500):
        x.ask("/page", connection=connection)
    x.origin("app").close()
    connection.close()
    errors = 20
    for _ in range(errors):
        equal(x.ask("/broken").status in (502, 503), True, "a dead server")
    while True:
        records = x.log_records("www.json", errors)
        if sum(r["path"] == "/broken" for r in records) == errors:
            break
    within(sum(r["path"] == "/page" for r in records), 15, 100, "of 500 at 10 %")
    equal([r for r in records if r["path"] == "/health"], [], "health checks")


@example(replace={"10.20.0.0/16": "127.0.0.50/32"})
def rate_limit(x):
    login = [x.ask("/login", method="POST", body="x") for _ in range(6)]
    equal([a.status for a in login], [200] * 5 + [429])
    within(int(login[5].fields["Retry-After"]), 1, 12, "Retry-After")
    equal(x.ask("/login", method="POST", body="x", source="127.0.0.9").status, 200, "another client")
    connection = x.connect("127.0.0.10")
    statuses = [x.ask(connection=connection).status for _ in range(100)]
    equal(statuses, [200] * 100, "a burst")
    within(sum(x.ask(connection=connection).status == 429 for _ in range(2000)), 1, 2000, "refused")
    equal(x.ask("/health", connection=connection).status, 204)
    connection = x.connect("127.0.0.50")
    equal({x.ask(connection=connection).status for _ in range(400)}, {200}, "the office")
    open_connections = [x.connect("127.0.0.11") for _ in range(100)]
    for c in open_connections:
        equal(x.ask("/health", connection=c).status, 204)
    try:
        status = x.ask("/health", source="127.0.0.11").status
    except OSError:
        status = "closed"
    equal(status in ("closed", 429), True, f"the 101st connection: {status}")
    for c in open_connections:
        c.close()


@example(replace={"10.0.0.2:9000": "127.0.0.21:$PORT"}, hosts={"more": "127.0.0.21"})
def discovery(x):
    def reached(names):
        end = time.monotonic() + examples.DEADLINE_S
        while {x.ask(source=f"127.0.0.{i}").body.split()[0] for i in range(30, 60)} != names:
            if time.monotonic() > end:
                raise AssertionError(f"requests do not go to {names}")

    reached({"app-1", x.origin("more").name})
    with open(x.folder + "/etc/app.servers.new", "w", encoding="ascii") as f:
        f.write("[]\n")
    os.rename(x.folder + "/etc/app.servers.new", x.folder + "/etc/app.servers")
    reached({"app-1"})
    added = subprocess.run([x.sluice, "ctl", "add", "app", x.origin("more").address, "--weight", "9",
                            "-c", x.path], capture_output=True, text=True, check=True)
    equal(added.stdout.split(" is ")[0], "app: " + x.origin("more").address)
    reached({"app-1", x.origin("more").name})


@example(replace={"192.0.2.0/24": "127.0.0.7/32", "198.51.100.0/24": "127.0.0.8/32"})
def behind_cdn(x):
    for cdn in ("127.0.0.7", "127.0.0.8"):
        a = x.ask(source=cdn, fields={"X-Forwarded-For": "1.2.3.4, 198.18.0.1", "X-Request-Id": "id-1"})
        h = x.last("app")["headers"]
        equal((a.status, h["X-Real-IP"], h["X-Came-Through"], h["X-Request-Id"]),
              (200, "198.18.0.1", cdn, "id-1"))
        equal(h["X-Forwarded-For"], f"1.2.3.4, 198.18.0.1, {cdn}")
    equal(x.ask(source="127.0.0.7", fields={"X-Forwarded-For": "203.0.113.5"}).status, 403)
    x.ask(source="127.0.0.9", fields={"X-Forwarded-For": "203.0.113.5", "X-Request-Id": "id-2"})
    h = x.last("app")["headers"]
    equal((h["X-Real-IP"], h["X-Forwarded-For"]), ("127.0.0.9", "127.0.0.9"), "somebody else")
    equal(h["X-Request-Id"] != "id-2", True, "an id of somebody else")
    equal(sorted(r["client"] for r in x.log_records("access.log", 4)),
          ["127.0.0.9", "198.18.0.1", "198.18.0.1", "203.0.113.5"])
    connection = x.connect("127.0.0.7")
    within(sum(x.ask(connection=connection, fields={"X-Forwarded-For": "198.18.0.2"}).status == 429
               for _ in range(1000)), 1, 1000, "one client through the CDN")
    equal(x.ask(source="127.0.0.7", fields={"X-Forwarded-For": "198.18.0.3"}).status, 200, "another")


@example()
def json_errors(x):
    def error(answer, status, code):
        equal((answer.status, answer.fields.get_content_type()), (status, "application/json"))
        said = json.loads(answer.body)["error"]
        equal((said["status"], said["code"], len(said["request"])), (status, code, 32))

    html = {"Accept": "text/html"}
    equal(x.ask("/api/a").status, 200)
    error(x.ask("/nowhere", fields=html), 404, "not_found")
    error(x.ask("/api/a", method="DELETE"), 405, "bad_request")
    error(x.ask("/api/a", method="POST", body="x" * 65537, fields=html), 413, "bad_request")
    x.origin("app").answer = lambda r: (404, {"Content-Type": "text/plain"}, "the server's own")
    equal(x.ask("/api/a").body, "the server's own")
    x.origin("app").close()
    error(x.ask("/api/a", fields=html), 502, "unavailable")


@example()
def canonical(x):
    def goes(path, status, location, host="www.example.com", method="GET"):
        a = x.ask(path, host=host, method=method)
        equal((a.status, a.fields["Location"]), (status, location), path)

    goes("/a?b=c", 301, "http://www.example.com/a?b=c", host="example.com")
    goes("/a", 301, "http://www.example.com/a", host="shop.example.net:80")
    goes("/shop", 308, "/store", method="POST")
    goes("/shop/shoes/9?size=42", 308, "/store/shoes/9?size=42")
    goes("/shop/shoes/9", 308, "/store/shoes/9")
    goes("/about/?a", 301, "http://www.example.com/about?a")
    goes("/about/", 301, "http://www.example.com/about")
    goes("//elsewhere.test/", 301, "http://www.example.com//elsewhere.test")
    equal(x.ask("/").body, "app-1 /")
    equal(x.ask("/", host="other.test").status, 404)


@example(replace={":8000": ":$PORT"}, hosts={"acme": "127.0.0.1", "globex": "127.0.0.2"},
         environment={"TENANT_DOMAIN": "example.com", "APP_HOST": "127.0.0"})
def tenants(x):
    acme, globex = sorted(range(2), key=lambda i: x.ask("/", host="acme.example.com",
                                                        listener=i).status)
    equal(x.ask("/a", host="acme.example.com", listener=acme).body, "acme /a")
    equal(x.ask("/a", host="globex.example.com", listener=acme).status, 404, "of another tenant")
    equal(x.ask("/b", host="globex.example.com", listener=globex).body, "globex /b")
    equal(x.ask("/b", host="www.globex.example", listener=globex).fields["Server"], None)
    within(sum(x.ask("/", host="globex.example.com", listener=globex).status == 429
               for _ in range(1000)), 1, 999, "beyond what is paid for")
    equal({r["site"] for r in x.log_records("tenants.log", 1000)}, {"acme", "globex"})


@contextlib.contextmanager
def http2_server(x, behind):
    """Another sluice: as a server it speaks HTTP/2. Gives its address and, at its end, its log."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen([x.sluice, "proxy", "--from", "127.0.0.1:0", "--to", behind,
                                    "--log", "json"], stdout=log, stderr=subprocess.PIPE, text=True)
        try:
            line = next(line for line in process.stderr if "listening on" in line)
            records = []
            yield line.split()[-1], records
        finally:
            process.terminate()
            process.communicate(timeout=20)
        log.seek(0)
        records += [json.loads(record) for record in log]


@example()
def http2_servers(x):
    equal(x.ask("/else").body, "app-1 /else")
    equal(x.ask("/rpc/a").status, 502, "a server of HTTP/1")
    equal(json.loads(x.log_lines("app.json", 2)[1])["end"], "server_wrong_protocol")
    address = x.origin("calls").address
    with http2_server(x, address) as (server, records):
        x.edit(f'"{address}"', f'"{server}"')
        x.reload()
        equal([x.ask("/rpc/b").body for _ in range(3)], ["calls-1 /rpc/b"] * 3)
        x.stop()
        x.process = None
    equal({r["version"] for r in records}, {"HTTP/2"})
    within(len({r["connection"] for r in records}), 1, 2, "connections, one of each worker")


# ---- All of them -------------------------------------------------------------------------------

@example()
def websocket(x):
    wish = {"Connection": "Upgrade", "Upgrade": "websocket, chess/3"}
    equal(x.ask("/chat/room", fields=wish).body[:4], "chat")
    equal(x.last("chat")["headers"]["Upgrade"], "websocket")
    equal(x.ask("/else", fields=wish).body[:3], "app")
    equal(x.last("app")["headers"]["Upgrade"], None)


# The servers here speak HTTP/1.1.
@example(replace={"protocol: h2": "protocol: h1", "    health: { type: grpc }\n": ""})
def grpc(x):
    def call(path, body=("-d", "x")):
        return subprocess.run(
            ["curl", "-s", "-i", "--http2-prior-knowledge", "-H", "TE: trailers", "-H",
             "Content-Type: application/grpc", "-H", "grpc-timeout: 10S", *body,
             f"http://{x.addresses[0]}{path}"], text=True, capture_output=True, check=True).stdout
    within(call("/shop.Orders/Get").find("orders"), 1, 10000, "the server's answer")
    equal(x.last("orders")["headers"]["grpc-timeout"], "10S")
    within(call("/shop.Events/Watch").find("events"), 1, 10000, "the server's answer")
    within(call("/shop.Others/Get", ("-X", "POST")).find("grpc-status: 12"), 1, 10000, "a status of gRPC")


@example(replace={"10.9.0.0/16": "127.0.0.0/8"})
def tcp(x):
    equal(x.ask("/anything").body[:8], "replicas")
    lines = [json.loads(line) for line in x.log_lines("tunnels.json", 2)]
    equal([line["end"] for line in lines[:2]], ["tunnel_opened", "tunnel_closed"])
    host, port = x.addresses[1].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as c:
        c.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\nGET /mail HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: c.recv(4096), b""))
    within(answer.find(b"mail-1 /mail"), 1, 10000, "the server's answer")
    equal(json.loads(x.log_lines("tunnels.json", 3)[2])["client"], "192.0.2.7")


def through(x, request):
    """The first answer to a request to the first listener, whole."""
    host, port = x.addresses[0].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as c:
        c.sendall(request.encode())
        c.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: c.recv(4096), b"")).decode()


@example(replace={"10.1.0.0/16": "127.0.0.0/8", "10.2.0.0/16": "127.0.0.0/8", "8000-8999": "1024-65535"})
def forward_proxy(x):
    server = examples.Origin("elsewhere")
    auth = "Proxy-Authorization: Basic " + base64.b64encode(b"operator:correct-horse").decode() + "\r\n"
    try:
        asked = through(x, f"CONNECT {server.address} HTTP/1.1\r\nHost: x\r\n\r\n")
        equal(asked.split()[1], "407")
        tunnel = through(x, f"CONNECT {server.address} HTTP/1.1\r\nHost: x\r\n{auth}\r\n"
                            "GET /tunnel HTTP/1.0\r\n\r\n")
        within(tunnel.find("elsewhere /tunnel"), 40, 10000, "the server's answer in the tunnel")
        plain = through(x, f"GET http://{server.address}/plain HTTP/1.1\r\nHost: x\r\n{auth}\r\n")
        within(plain.find("elsewhere /plain"), 40, 10000, "the server's answer")
        equal(server.requests[-1]["headers"].get("X-Forwarded-For"), None, "what it is told")
        for host in ("www.ads.example.net", "tracker.example"):
            refused = through(x, f"CONNECT {host}:443 HTTP/1.1\r\nHost: x\r\n{auth}\r\n")
            equal((refused.split()[1], "(blocked)" in refused), ("403", True), host)
        within(through(x, "GET /proxy.pac HTTP/1.1\r\nHost: proxy:3128\r\n\r\n").find("PROXY proxy:3128"), 40,
               10000, "the PAC file")
        lines = x.log_records("proxy.json", 7)
        equal({r["user"] for r in lines if r["end"] == "tunnel_opened"}, {"operator"}, "the log")
    finally:
        server.close()


def run(sluice, name):
    test, options = TESTS[name]
    x = examples.Example(sluice, name, **options)
    try:
        x.start()
        test(x)
        x.stop()
        return True
    except Exception:  # pylint: disable=broad-except
        print(f"{name}:\n{traceback.format_exc()}\n{x.said}")
        return False
    finally:
        x.clean()


def main():
    there = {os.path.basename(p).removesuffix(".yaml") for p in glob.glob("deploy/examples/*.yaml")}
    if there != set(TESTS):
        raise SystemExit(f"examples without a test, or the other way: {there ^ set(TESTS)}")
    names = sys.argv[2:] or sorted(TESTS)
    failed = [name for name in names if not run(os.path.abspath(sys.argv[1]), name)]
    for name in names:
        print(f"[  {'FAILED  ' if name in failed else '     OK '}] {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
