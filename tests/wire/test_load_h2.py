#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sluice-load --http2 against sluice, h2load, and servers that misbehave by script."""
import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../bench"), HERE]

from suite import loads  # noqa: E402
from suite.histogram import Histogram  # noqa: E402
from test_load import LOAD, SLUICE, delayed, origin, program, run  # noqa: E402

DATA, HEADERS, RST, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4
STATUS_200 = b"\x88"  # HPACK's static table
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
REFUSED_STREAM, INTERNAL_ERROR = 7, 2


@contextlib.contextmanager
def sluice(*origin_options):
    """(port of TLS, port of the origin behind it)."""
    with origin(*origin_options) as (_, port), program(
            [SLUICE, "proxy", "--from", "127.0.0.1:0", "--to", f"127.0.0.1:{port}", "--tls",
             "self-signed", "--log", "off", "--workers", "1"], "listening on") as (_, tls_port):
        yield tls_port, port


class WithSluice(unittest.TestCase):
    def expect(self, url, count, *options):
        found = run(url, "--http2", *options)
        self.assertEqual((found.errors, found.requests), ([], count), options)
        return found

    def test_one_or_several_streams_on_kept_or_new_connections(self):
        with sluice() as (port, _):
            url = f"https://127.0.0.1:{port}/size/13"
            self.expect(url, 200, "--rate", "400", "--seconds", "0.5")
            self.expect(url, 200, "--rate", "400", "--seconds", "0.5", "--streams", "8",
                        "--connections", "2")
            self.expect(url, 50, "--rate", "100", "--seconds", "0.5", "--new-connections")
            self.expect(url, 200, "--rate", "400", "--seconds", "0.5", "--streams", "4",
                        "--connections", "6", "--threads", "3")

    def test_bodies_both_ways(self):
        with sluice() as (port, _):
            url = f"https://127.0.0.1:{port}"
            for path, size in (("/size/1000000", 1000000), ("/chunked/70000", 70000),
                               ("/trailers/100", 100)):
                self.expect(url + path, 10, "--rate", "20", "--seconds", "0.5", "--expect-bytes",
                            str(size))
            self.expect(url + "/upload", 10, "--rate", "20", "--seconds", "0.5", "--method",
                        "POST", "--body", "1000000", "--expect-bytes", "8")

    def test_a_closed_loop_fills_every_stream(self):
        with sluice() as (port, _):
            found = run(f"https://127.0.0.1:{port}/delay/50", "--http2", "--rate", "max",
                        "--connections", "2", "--streams", "5", "--seconds", "1")
        self.assertEqual(found.errors, [])
        self.assertGreater(found.requests, 100)     # one at a time would be 40
        self.assertLessEqual(found.requests, 210)   # 10 at once, 20 times

    def test_what_goes_wrong_with_a_stream_is_told_and_ends_no_other(self):
        with sluice() as (port, _):
            for path, error, options in (
                    ("/status/503", "responses of a wrong status", ()),
                    ("/size/10", "bodies of a wrong length", ("--expect-bytes", "11")),
                    ("/reset/100", "connections reset", ()),
                    ("/delay/60000", "requests without an answer in time", ("--timeout", "100ms"))):
                found = run(f"https://127.0.0.1:{port}", "--path", path, "--path", "/size/11",
                            "--http2", "--rate", "100", "--seconds", "0.4", "--streams", "50",
                            "--connections", "1", *options)
                self.assertEqual((found.errors, found.requests), ([f"20 {error}"], 20), path)

    def test_agrees_with_h2load_at_a_low_load(self):
        if not shutil.which("h2load"):
            self.skipTest("h2load is missing")
        with sluice() as (port, _), tempfile.TemporaryDirectory() as folder:
            url, log = f"https://127.0.0.1:{port}/delay/20", os.path.join(folder, "log")
            subprocess.run(["h2load", "-c1", "-m1", "-n60", f"--log-file={log}", url], check=True,
                           timeout=60, stdout=subprocess.DEVNULL)
            theirs = Histogram()
            with open(log, encoding="utf-8") as f:
                for line in f:
                    theirs.add(int(line.split()[2]))
            ours = self.expect(url, 80, "--rate", "40", "--seconds", "2")
        # Of the tenth that others on the machine disturb least.
        self.assertAlmostEqual(ours.histogram.percentile_us(10) / theirs.percentile_us(10), 1,
                               delta=0.15)


class Stall(unittest.TestCase):
    def test_a_second_s_stall_delays_a_second_s_requests(self):
        rate = 500
        with origin() as (process, port), program(
                [SLUICE, "proxy", "--from", "127.0.0.1:0", "--to", f"127.0.0.1:{port}", "--tls",
                 "self-signed", "--log", "off", "--workers", "1"], "listening on") as (_, tls_port):
            load = subprocess.Popen([LOAD, "--url", f"https://127.0.0.1:{tls_port}/", "--http2",
                                     "--streams", "4", "--connections", "2", "--rate", str(rate),
                                     "--seconds", "3"], stdout=subprocess.PIPE, text=True)
            time.sleep(1)
            process.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            time.sleep(1)
            process.send_signal(signal.SIGCONT)
            stall = time.monotonic() - stopped
            found = loads.parse_open(load.communicate(timeout=60)[0])
        self.assertEqual((found.errors, found.requests), ([], 3 * rate))
        waited = delayed(found.histogram, 100, 1e3 * stall + 500)
        self.assertAlmostEqual(waited / (rate * (stall - 0.1)), 1, delta=0.25)


class OtherProtocols(unittest.TestCase):
    def test_a_server_of_http_1_1_is_told_as_that(self):
        with origin() as (_, port):
            found = run(f"http://127.0.0.1:{port}/", "--http2", "--rate", "50", "--seconds", "0.2")
        self.assertEqual(found.errors, ["10 connections without HTTP/2", "no response at all"])

    def test_nobody_listens(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            found = run(f"http://127.0.0.1:{closed.getsockname()[1]}/", "--http2", "--rate", "50",
                        "--seconds", "0.2")
        self.assertEqual(found.errors, ["10 connections refused", "no response at all"])

    def test_streams_are_http_2_s(self):
        done = subprocess.run([LOAD, "--url", "http://127.0.0.1:1/", "--streams", "2"],
                              capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("they are HTTP/2's", done.stderr)


def frame(kind, flags, stream, payload=b""):
    return (struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
            + struct.pack(">I", stream) + payload)


class Peer:
    """One connection's server side: says SETTINGS, then what `answer(peer, stream)` sends for each
    request; answer gives False to close."""

    def __init__(self, client, answer, settings):
        self.client = client
        with client, contextlib.suppress(OSError):
            self.read(len(PREFACE))
            client.sendall(frame(SETTINGS, 0, 0, settings))
            while True:
                size, kind, flags, stream = self.head()
                self.read(size)
                if kind == SETTINGS and not flags & 1:
                    client.sendall(frame(SETTINGS, 1, 0))
                if kind == HEADERS and not answer(self, stream):
                    return

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.client.recv(count - len(data))
            if not more:
                raise OSError("end")
            data += more
        return data

    def head(self):
        data = self.read(9)
        return (int.from_bytes(data[:3], "big"), data[3], data[4],
                int.from_bytes(data[5:], "big") & 0x7fffffff)

    def send(self, *frames):
        self.client.sendall(b"".join(frames))
        return True


def fine(stream):
    return (frame(HEADERS, END_HEADERS, stream, STATUS_200)
            + frame(DATA, END_STREAM, stream, b"hello"))


class Scripted(unittest.TestCase):
    def play(self, answer, *options, settings=b""):
        server = socket.create_server(("127.0.0.1", 0))

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=Peer, args=(server.accept()[0], answer, settings),
                                     daemon=True).start()
        threading.Thread(target=serve, daemon=True).start()
        try:
            done = subprocess.run([LOAD, "--url", f"http://127.0.0.1:{server.getsockname()[1]}/",
                                   "--http2", "--rate", "100", "--seconds", "0.3",
                                   "--connections", "2", "--streams", "4", "--timeout", "2s",
                                   *options], capture_output=True, text=True, timeout=60,
                                  check=True)
        finally:
            server.close()
        return loads.parse_open(done.stdout), done.stdout

    def test_a_script_that_behaves(self):
        found, _ = self.play(lambda peer, stream: peer.send(fine(stream)))
        self.assertEqual((found.errors, found.requests), ([], 30))

    def test_interim_answers_are_passed_over(self):
        early = b"\x48\x03103"  # :status 103, literal
        found, _ = self.play(lambda peer, stream: peer.send(
            frame(HEADERS, END_HEADERS, stream, early), fine(stream)))
        self.assertEqual((found.errors, found.requests), ([], 30))

    def test_a_reset_stream_is_an_error(self):
        found, _ = self.play(lambda peer, stream: peer.send(
            frame(RST, 0, stream, struct.pack(">I", INTERNAL_ERROR))))
        self.assertEqual(found.errors, ["30 connections reset", "no response at all"])

    def test_a_refused_stream_is_asked_once_more(self):
        def answer(peer, stream):
            if stream == 9:
                return peer.send(frame(RST, 0, stream, struct.pack(">I", REFUSED_STREAM)))
            return peer.send(fine(stream))
        found, text = self.play(answer, "--connections", "1")
        self.assertEqual((found.errors, found.requests), ([], 30))
        self.assertIn('"retries":1,', text)

    def test_after_a_goaway_the_next_requests_go_over_a_new_connection(self):
        def answer(peer, stream):
            if stream == 5:
                peer.send(frame(GOAWAY, 0, 0, struct.pack(">II", stream, 0)))
            return peer.send(fine(stream))
        # One at a time: none is on its way when the GOAWAY is.
        found, text = self.play(answer, "--streams", "1")
        self.assertEqual((found.errors, found.requests), ([], 30))
        opened = int(text.partition('"connections_opened":')[2].partition(",")[0])
        self.assertGreaterEqual(opened, 8)  # three requests each

    def test_an_end_in_mid_answer_is_an_error(self):
        def answer(peer, stream):
            peer.send(frame(HEADERS, END_HEADERS, stream, STATUS_200),
                      frame(DATA, 0, stream, b"hel"))
            return False
        found, _ = self.play(answer, "--connections", "30", "--streams", "1")
        self.assertEqual(found.requests, 0)
        self.assertTrue(all("closed" in e or "reset" in e or "no response" in e
                            for e in found.errors), found.errors)

    def test_frames_that_break_the_protocol_are_malformed(self):
        for bad in (frame(DATA, 0, 0, b"x"),                       # no stream
                    frame(HEADERS, END_HEADERS, 2, STATUS_200),    # nobody asked
                    frame(SETTINGS, 0, 0, b"xxx"),                 # a wrong length
                    b"\xff\xff\xff\0\0\0\0\0\1"):                  # larger than allowed
            found, _ = self.play(lambda peer, stream, bad=bad: peer.send(bad))
            self.assertEqual(found.errors, ["30 malformed responses", "no response at all"])

    def test_no_more_streams_at_once_than_the_server_allows(self):
        at_once, most = {}, []

        def answer(peer, stream):
            at_once.setdefault(peer, []).append(stream)
            most.append(len(at_once[peer]))
            if len(at_once[peer]) == 2:
                peer.send(*map(fine, at_once.pop(peer)))
            return True
        found, _ = self.play(answer, "--rate", "max", "--connections", "1",
                             settings=struct.pack(">HI", 3, 2))
        self.assertGreater(found.requests, 10)
        self.assertLessEqual(max(most[4:]), 2)  # the first ones were sent before it was known


if __name__ == "__main__":
    unittest.main()
