#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Idle keep-alive clients, in a process of their own: each makes one request and stays.

    idle_clients.py PORT PATH COUNT [tls]

Prints "idle COUNT" when all have their answer; at the end of its input prints "alive COUNT" with
the number of those whose connection still stands."""
import socket
import ssl
import sys

BATCH = 64  # at once: what a warm proxy has been through before


def read_response(client):
    text = b""
    while b"\r\n\r\n" not in text:
        piece = client.recv(65536)
        if not piece:
            raise ConnectionError("closed within a response's head")
        text += piece
    head, _, body = text.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise ConnectionError(head.decode("latin-1"))
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        piece = client.recv(65536)
        if not piece:
            raise ConnectionError("closed within a response's body")
        body += piece


def alive(client):
    client.setblocking(False)
    try:
        return bool(client.recv(1))
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False


def connect(port, context):
    client = socket.create_connection(("127.0.0.1", port), 10)
    return context.wrap_socket(client) if context else client


def main():
    port, path, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    context = ssl._create_unverified_context() if sys.argv[4:] == ["tls"] else None
    clients = []
    while len(clients) < count:
        batch = [connect(port, context)
                 for _ in range(min(BATCH, count - len(clients)))]
        for client in batch:
            client.sendall(request)
        for client in batch:
            read_response(client)
        clients += batch
    print("idle", len(clients), flush=True)
    sys.stdin.read()
    print("alive", sum(map(alive, clients)), flush=True)


if __name__ == "__main__":
    main()
