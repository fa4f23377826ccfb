#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTPS server for tests, on the listening socket that descriptor 3 is.

  tls_origin.py certificates DIR                 makes the files that tests use
  tls_origin.py serve DIR CERT [OPTION...]       serves with DIR/CERT.pem

Options: tls1.2, tls1.3 (only that), clients (asks clients for a certificate of DIR/ca.pem), stall
(takes connections, says nothing), plain (answers the ClientHello in plain text), sni (refuses names
but a.test with an alert), alpn=NAME,NAME (protocols, in place of http/1.1), to=HOST:PORT (what is
inside TLS is passed on to there and back). Every answer tells how the connection came about; /bytes/N is N bytes;
what is sent is counted and hashed; /close ends the connection without close_notify.
"""
import hashlib
import os
import select
import socket
import ssl
import subprocess
import sys
import threading


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def certificates(folder):
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for ca in ("ca", "other"):
        openssl(folder, "req", "-x509", *key, "-keyout", ca + ".key", "-out", ca + ".pem", "-days", "30",
                "-subj", "/CN=" + ca, "-addext", "basicConstraints=critical,CA:TRUE")
    for name, san, ca, dates in (
            ("good", "DNS:a.test,DNS:*.wild.test,DNS:localhost,IP:127.0.0.1", "ca", None),
            ("named", "DNS:a.test", "ca", None),
            ("strange", "DNS:a.test,IP:127.0.0.1", "other", None),
            ("expired", "DNS:a.test,IP:127.0.0.1", "ca", ("20200101000000Z", "20210101000000Z")),
            ("future", "DNS:a.test,IP:127.0.0.1", "ca", ("20900101000000Z", "20910101000000Z")),
            ("client", "DNS:sluice.test", "ca", None)):
        path = os.path.join(folder, name)
        openssl(folder, "req", "-new", *key, "-keyout", name + ".key", "-out", name + ".csr",
                "-subj", "/CN=" + name)
        os.makedirs(path + ".d")
        open(path + ".d/index", "w").close()
        with open(path + ".d/conf", "w") as f:
            f.write("[ca]\ndefault_ca=a\n[a]\ndatabase=%s.d/index\nnew_certs_dir=%s.d\nrand_serial=yes\n"
                    "default_md=sha256\npolicy=p\nx509_extensions=e\ncopy_extensions=none\n"
                    "[p]\ncommonName=supplied\n[e]\nsubjectAltName=%s\n" % (name, name, san))
        begin, end = dates or ("20200101000000Z", "20400101000000Z")
        openssl(folder, "ca", "-batch", "-config", name + ".d/conf", "-in", name + ".csr", "-out",
                name + ".pem", "-cert", ca + ".pem", "-keyfile", ca + ".key", "-startdate", begin,
                "-enddate", end, "-notext")
    openssl(folder, "pkcs8", "-topk8", "-in", "client.key", "-out", "locked.key", "-v2", "aes-256-cbc",
            "-passout", "pass:open sesame")
    with open(os.path.join(folder, "passphrase"), "w") as f:
        f.write("open sesame\n")


def option(options, name, otherwise):
    return next((o[len(name):] for o in options if o.startswith(name)), otherwise)


def make_context(folder, cert, options):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(os.path.join(folder, cert + ".pem"), os.path.join(folder, cert + ".key"))
    if "tls1.2" in options:
        c.maximum_version = ssl.TLSVersion.TLSv1_2
    if "tls1.3" in options:
        c.minimum_version = ssl.TLSVersion.TLSv1_3
    if "clients" in options:
        c.verify_mode = ssl.CERT_REQUIRED
        c.load_verify_locations(os.path.join(folder, "ca.pem"))
    names = option(options, "alpn=", "http/1.1")
    if names:
        c.set_alpn_protocols(names.split(","))

    def note_name(connection, name, context):
        connection.asked = name or "-"
        if "sni" in options and name != "a.test":
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        return None
    c.sni_callback = note_name
    return c


def read_request(f):
    line = f.readline().decode().split()
    if len(line) != 3:
        return None
    fields = {}
    while True:
        name, _, value = f.readline().decode().partition(":")
        if not value:
            break
        fields[name.strip().lower()] = value.strip()
    body = hashlib.sha256()
    count = 0
    if "content-length" in fields:
        left = int(fields["content-length"])
        while left:
            chunk = f.read(min(left, 65536))
            if not chunk:
                return None
            body.update(chunk)
            count += len(chunk)
            left -= len(chunk)
    return line[0], line[1], fields, count, body.hexdigest()


def pattern(count):
    return (bytes(range(256)) * (count // 256 + 1))[:count]


def serve(raw, context):
    connection = context.wrap_socket(raw, server_side=True)
    with connection, connection.makefile("rb") as f:
        uses = 0
        while True:
            request = read_request(f)
            if not request:
                return
            method, path, fields, count, digest = request
            uses += 1
            peer = connection.getpeercert() or {}
            names = [v for part in peer.get("subject", ()) for k, v in part if k == "commonName"]
            if path.startswith("/bytes/"):
                body = pattern(int(path[7:]))
            else:
                body = ("version=%s sni=%s resumed=%s client=%s uses=%d host=%s body=%d:%s\n" % (
                    connection.version(), getattr(connection, "asked", "-"), connection.session_reused,
                    ",".join(names) or "-", uses, fields.get("host"), count, digest[:16])).encode()
            if path == "/close":
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
                raw2 = socket.socket(fileno=os.dup(connection.fileno()))
                raw2.shutdown(socket.SHUT_WR)
                raw2.close()
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def relay(raw, context, target):
    """Both ways in one thread: a TLS connection is not to be used by two."""
    host, port = target.rsplit(":", 1)
    raw.settimeout(10)
    with context.wrap_socket(raw, server_side=True) as inner, \
            socket.create_connection((host, int(port))) as outer:
        outer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            ready = [inner] if inner.pending() else select.select([inner, outer], [], [])[0]
            for source in ready:
                data = source.recv(65536)
                if not data:
                    return
                (outer if source is inner else inner).sendall(data)


def handle(raw, context, options):
    try:
        if "stall" in options:
            while raw.recv(4096):
                pass
        elif "plain" in options:
            raw.recv(4096)
            raw.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        elif option(options, "to=", ""):
            relay(raw, context, option(options, "to=", ""))
        else:
            serve(raw, context)
    except OSError:
        pass
    finally:
        raw.close()


def main():
    folder = sys.argv[2]
    if sys.argv[1] == "certificates":
        certificates(folder)
        return
    options = sys.argv[4:]
    context = make_context(folder, sys.argv[3], options)
    listener = socket.socket(fileno=3)
    while True:
        raw, _ = listener.accept()
        if raw.family != socket.AF_UNIX:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=handle, args=(raw, context, options), daemon=True).start()


main()
