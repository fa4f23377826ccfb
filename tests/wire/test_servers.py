#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench's own servers: the origin answers as its --help says, the null relay passes everything
on unchanged by each of its strategies."""
import concurrent.futures
import hashlib
import http.client
import os
import socket
import statistics
import sys
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../bench"), HERE]

from test_load import origin, program, run  # noqa: E402

RELAY = os.environ.get("SLUICE_RELAY_BIN", "build/sluice-null-relay")


def get(port, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST" if body is not None else "GET", path, body=body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class Delays(unittest.TestCase):
    """Of many requests at once: their latencies are the delays that were drawn."""

    def drawn(self, what, count=600):
        with origin() as (_, port):
            found = run(f"http://127.0.0.1:{port}/delay/{what}", "--rate", str(count), "--seconds",
                        "1", "--connections", str(count), "--timeout", "3s")
        self.assertGreater(found.requests, 0.97 * count, found.errors)  # but for a heavy tail's end
        self.assertTrue(all("in time" in error for error in found.errors), found.errors)
        return lambda percent: found.histogram.percentile_us(percent) / 1e3

    def test_constant(self):
        at = self.drawn("30")
        self.assertGreaterEqual(at(0.5), 29)
        self.assertLess(at(50), 60)

    def test_uniform(self):
        at = self.drawn("100-300")
        self.assertGreaterEqual(at(0.5), 99)
        self.assertAlmostEqual(at(50), 200, delta=40)
        self.assertAlmostEqual(at(90) - at(10), 160, delta=40)

    def test_exponential(self):
        at = self.drawn("exp:100")
        self.assertAlmostEqual(at(50), 69, delta=30)   # ln 2
        self.assertAlmostEqual(at(90), 230, delta=70)  # ln 10
        self.assertLess(at(5), 40)

    def test_pareto(self):
        at = self.drawn("pareto:50")
        self.assertGreaterEqual(at(0.5), 49)
        self.assertAlmostEqual(at(50), 79, delta=30)    # 2 ^ (2/3)
        self.assertAlmostEqual(at(90), 232, delta=110)  # 10 ^ (2/3)


class Errors(unittest.TestCase):
    def test_so_many_of_a_hundred(self):
        with origin() as (_, port):
            found = run(f"http://127.0.0.1:{port}/error/25", "--rate", "1000", "--seconds", "1")
        wrong = 1000 - found.requests
        self.assertEqual(found.errors, [f"{wrong} responses of a wrong status"])
        self.assertAlmostEqual(wrong, 250, delta=80)

    def test_a_reset_before_and_in_the_middle_of_the_body(self):
        with origin() as (_, port):
            for path, least in (("/reset", 0), ("/reset/1000", 100)):
                with socket.create_connection(("127.0.0.1", port), 20) as client:
                    client.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: o\r\n\r\n")
                    got = 0
                    with self.assertRaises(ConnectionResetError):
                        while True:
                            piece = client.recv(65536)
                            self.assertTrue(piece, "a polite end")
                            got += len(piece)
                self.assertGreaterEqual(got, least)

    def test_a_body_drips(self):
        with origin() as (_, port):
            began = time.monotonic()
            self.assertEqual(get(port, "/drip/50/10/40"), (200, b"0123456789abcdef" * 3 + b"01"))
            self.assertGreater(time.monotonic() - began, 0.15)  # four pauses


class KeepAlive(unittest.TestCase):
    def test_a_limit_of_requests(self):
        with origin("--keep-alive-requests", "2") as (_, port):
            with socket.create_connection(("127.0.0.1", port), 20) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: o\r\n\r\n" * 3)
                got = b""
                while piece := client.recv(65536):
                    got += piece
        self.assertEqual(got.count(b"Hello, world!"), 2)
        self.assertEqual(got.count(b"Connection: close"), 1)

    def test_a_limit_of_waiting(self):
        with origin("--keep-alive-idle", "200") as (_, port):
            with socket.create_connection(("127.0.0.1", port), 20) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: o\r\n\r\n")
                began, got = time.monotonic(), b""
                while piece := client.recv(65536):
                    got += piece
        self.assertIn(b"Hello, world!", got)
        self.assertGreater(time.monotonic() - began, 0.15)


class Relay(unittest.TestCase):
    def test_every_strategy_passes_everything_on(self):
        size = 3_000_001
        body = os.urandom(size)
        for options in ((), ("--strategy", "splice"), ("--strategy", "ring-splice"),
                        ("--strategy", "splice", "--pipe", "65536", "--piece", "10000"),
                        ("--strategy", "ring-splice", "--pipe", "4096", "--workers", "2")):
            with origin() as (_, port), program(
                    [RELAY, "--from", "127.0.0.1:0", "--to", f"127.0.0.1:{port}", *options],
                    "listening on") as (_, relay_port), \
                    concurrent.futures.ThreadPoolExecutor(4) as pool:
                whole = (b"0123456789abcdef" * (size // 16 + 1))[:size]
                for status, got in pool.map(lambda _: get(relay_port, f"/size/{size}"), range(4)):
                    self.assertEqual((status, hashlib.sha256(got).digest()),
                                     (200, hashlib.sha256(whole).digest()), options)
                status, echoed = get(relay_port, "/echo", body)
                self.assertEqual((status, echoed.endswith(body)), (200, True), options)

    def test_a_slowdown_is_one(self):
        """What `diff` is shown by."""
        took = {}
        for burn in ("0", "20000000"):
            options = ["--burn", burn] if burn != "0" else []
            with origin() as (_, port), program(
                    [RELAY, "--from", "127.0.0.1:0", "--to", f"127.0.0.1:{port}", *options],
                    "listening on") as (_, relay_port):
                found = run(f"http://127.0.0.1:{relay_port}/", "--rate", "5", "--seconds", "1")
                took[burn] = found.histogram.percentile_us(50) / 1e3
        self.assertGreater(took["20000000"], 39)
        self.assertLess(took["0"], statistics.mean(took.values()))


if __name__ == "__main__":
    unittest.main()
