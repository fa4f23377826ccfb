#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sluice-load against real servers: is what it says true? SLUICE_LOAD_BIN, SLUICE_ORIGIN_BIN and
SLUICE_BIN name the programs."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench"))

from suite import loads  # noqa: E402
from suite.histogram import Histogram, value_of  # noqa: E402

LOAD, ORIGIN, SLUICE = (os.environ.get(name, f"build/{program}") for name, program in
                        (("SLUICE_LOAD_BIN", "sluice-load"),
                         ("SLUICE_ORIGIN_BIN", "sluice-origin"), ("SLUICE_BIN", "sluice")))


@contextlib.contextmanager
def program(command, line):
    """Runs until the block's end; yields (process, the port of the line that says it listens)."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for text in process.stdout:
            if line in text:
                break
        else:
            raise AssertionError(f"{command[0]} does not start")
        yield process, int(text.split()[-1].rpartition(":")[2])
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()


def origin(*options):
    return program([ORIGIN, "--listen", "127.0.0.1:0", *options], "listening on")


def run(url, *options, timeout=60):
    done = subprocess.run([LOAD, "--url", url, *options], capture_output=True, text=True,
                          timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    return loads.parse_open(done.stdout)


def delayed(histogram, low_ms, high_ms):
    return sum(count for index, count in histogram.counts.items()
               if low_ms <= value_of(index) / 1e3 < high_ms)


class Stall(unittest.TestCase):
    """What a closed loop omits: who came while the server stood still, and had to wait."""

    def test_a_second_s_stall_delays_a_second_s_requests_evenly(self):
        rate = 1000
        with origin() as (process, port):
            load = subprocess.Popen([LOAD, "--url", f"http://127.0.0.1:{port}/", "--rate",
                                     str(rate), "--seconds", "4"], stdout=subprocess.PIPE,
                                    text=True)
            time.sleep(1.5)  # somewhere within the run
            process.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            time.sleep(1)
            process.send_signal(signal.SIGCONT)
            stall = time.monotonic() - stopped
            found = loads.parse_open(load.communicate(timeout=60)[0])
        self.assertEqual(found.errors, [])
        self.assertEqual(found.requests, 4 * rate)
        expected = rate * (stall - 0.1)
        waited = delayed(found.histogram, 100, 1e3 * stall + 500)
        self.assertAlmostEqual(waited / expected, 1, delta=0.2)
        for tenth in range(1, 10):  # 100 of each tenth of a second
            self.assertGreater(delayed(found.histogram, 100 * tenth, 100 * (tenth + 1)), 50, tenth)
        self.assertGreater(found.ms(99.9), 900 * stall)


class Agreement(unittest.TestCase):
    """At a low load, with a server that takes 20 ms, all load programs say the same: of the tenth
    that others on the machine disturb least."""

    def expect(self, p10_ms):
        with origin() as (_, port):
            ours = run(f"http://127.0.0.1:{port}/delay/20", "--rate", "40", "--seconds", "2")
        self.assertEqual(ours.errors, [])
        self.assertAlmostEqual(ours.histogram.percentile_us(10) / 1e3 / p10_ms, 1, delta=0.15)

    def test_wrk(self):
        if not shutil.which("wrk"):
            self.skipTest("wrk is missing")
        with origin() as (_, port):
            request = loads.Request(f"http://127.0.0.1:{port}/delay/20", connections=1)
            theirs = loads.run_wrk(request, 2, "")
        self.assertEqual(theirs.errors, [])
        self.expect(dict(theirs.points)[10] / 1e3)

    def test_h2load(self):
        if not shutil.which("h2load"):
            self.skipTest("h2load is missing")
        with origin() as (_, port), tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, "log")
            subprocess.run(["h2load", "--h1", "-c1", "-n60", f"--log-file={log}",
                            f"http://127.0.0.1:{port}/delay/20"], check=True, timeout=60,
                           stdout=subprocess.DEVNULL)
            histogram = Histogram()
            with open(log, encoding="utf-8") as f:
                for line in f:
                    histogram.add(int(line.split()[2]))
        self.expect(histogram.percentile_us(10) / 1e3)


class Failures(unittest.TestCase):
    """Each told as what it was, none as speed."""

    def expect(self, path, error, *options):
        with origin() as (_, port):
            found = run(f"http://127.0.0.1:{port}{path}", "--rate", "100", "--seconds", "0.3",
                        *options)
        self.assertEqual(found.errors, [f"30 {error}", "no response at all"])
        self.assertEqual((found.requests, found.histogram.total), (0, 0))

    def test_refused(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # and does not listen
            found = run(f"http://127.0.0.1:{closed.getsockname()[1]}/", "--rate", "100",
                        "--seconds", "0.3")
        self.assertEqual(found.errors, ["30 connections refused", "no response at all"])

    def test_reset(self):
        self.expect("/reset/100", "connections reset")

    def test_a_wrong_status(self):
        self.expect("/status/503", "responses of a wrong status")
        self.expect("/", "responses of a wrong status", "--expect-status", "204")

    def test_a_wrong_length(self):
        self.expect("/size/10", "bodies of a wrong length", "--expect-bytes", "11")

    def test_too_late(self):
        self.expect("/delay/60000", "requests without an answer in time", "--timeout", "50ms")

    def test_no_connection_is_free(self):
        with origin() as (_, port):
            found = run(f"http://127.0.0.1:{port}/delay/60000", "--rate", "10", "--seconds", "1",
                        "--timeout", "2s", "--connections", "1")
        self.assertEqual(found.requests, 0)
        self.assertTrue(any("never sent" in error for error in found.errors), found.errors)

    def scripted(self, answer):
        """A server that says the same to everybody and closes."""
        server = socket.create_server(("127.0.0.1", 0))

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client, contextlib.suppress(OSError):
                        client.recv(65536)
                        client.sendall(answer)
                        client.shutdown(socket.SHUT_WR)
                        client.recv(65536)
        threading.Thread(target=serve, daemon=True).start()
        found = run(f"http://127.0.0.1:{server.getsockname()[1]}/", "--rate", "50", "--seconds",
                    "0.2", "--new-connections")
        server.close()
        return found.errors[0]

    def test_another_protocol(self):
        self.assertEqual(self.scripted(b"SSH-2.0-x\r\n\r\n"), "10 malformed responses")

    def test_half_an_answer(self):
        self.assertEqual(self.scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
                         "10 connections closed in mid-answer")

    def test_no_tls_where_it_is_wanted(self):
        with origin("--keep-alive-idle", "100") as (_, port):
            found = run(f"https://127.0.0.1:{port}/", "--rate", "20", "--seconds", "0.2",
                        "--timeout", "500ms", "--new-connections")
        self.assertEqual(found.requests, 0)
        self.assertTrue(found.errors)

    def test_some_of_them(self):
        with origin() as (_, port):
            found = run(f"http://127.0.0.1:{port}/chance/30/reset", "--rate", "1000",
                        "--seconds", "1")
        resets = int(found.errors[0].split()[0])
        self.assertEqual(found.errors, [f"{resets} connections reset"])
        self.assertEqual(found.requests + resets, 1000)
        self.assertAlmostEqual(resets, 300, delta=100)
        self.assertEqual(sum(s["errors"] for s in found.timeline), resets)


class Generator(unittest.TestCase):
    def test_too_much_for_itself_is_said(self):
        with origin() as (_, port):
            found = run(f"http://127.0.0.1:{port}/", "--rate", "2000000", "--seconds", "0.5",
                        "--timeout", "1s")
        self.assertNotEqual(found.saturated, "")

    def test_an_interrupt_ends_it_with_what_there_is(self):
        with origin() as (_, port):
            load = subprocess.Popen([LOAD, "--url", f"http://127.0.0.1:{port}/", "--rate", "200",
                                     "--seconds", "60"], stdout=subprocess.PIPE, text=True)
            time.sleep(1)
            load.send_signal(signal.SIGINT)
            found = loads.parse_open(load.communicate(timeout=20)[0])
        self.assertEqual(load.returncode, 0)
        self.assertEqual(found.errors, [])
        self.assertGreater(found.requests, 20)

    def test_connections_are_kept_or_new_as_asked(self):
        with origin() as (process, port):
            url = f"http://127.0.0.1:{port}/"
            run(url, "--rate", "200", "--seconds", "1", "--connections", "7")
            run(url, "--rate", "50", "--seconds", "1", "--new-connections")
            process.terminate()
            said = process.stdout.read()
        self.assertIn(" 57 connections, 250 requests", said)

    def test_a_server_that_closes_kept_connections_loses_nothing(self):
        with origin("--keep-alive-requests", "3") as (_, port):
            found = run(f"http://127.0.0.1:{port}/", "--rate", "500", "--seconds", "1")
        self.assertEqual((found.errors, found.requests), ([], 500))

    def test_all_framings_and_uploads(self):
        with origin() as (_, port):
            for path, size in (("/chunked/70000", 70000), ("/close/5000", 5000), ("/drip/30/10", 30),
                               ("/trailers/100", 100), ("/size/1000000", 1000000)):
                found = run(f"http://127.0.0.1:{port}{path}", "--rate", "20", "--seconds", "0.5",
                            "--expect-bytes", str(size))
                self.assertEqual((found.errors, found.requests), ([], 10), path)
            found = run(f"http://127.0.0.1:{port}/upload", "--rate", "20", "--seconds", "0.5",
                        "--method", "POST", "--body", "1000000", "--expect-bytes", "8")
            self.assertEqual((found.errors, found.requests), ([], 10))

    def test_a_trace_is_played_on_time_and_logged(self):
        with origin() as (_, port), tempfile.TemporaryDirectory() as folder:
            trace, log = os.path.join(folder, "trace"), os.path.join(folder, "log")
            with open(trace, "w", encoding="utf-8") as f:
                f.write("0 GET /size/5 0\n200000 POST /upload 1000\n400000 GET /status/404 0\n")
            began = time.monotonic()
            run(f"http://127.0.0.1:{port}", "--trace", trace, "--log", log)
            self.assertGreater(time.monotonic() - began, 0.4)
            with open(log, encoding="utf-8") as f:
                lines = sorted(line.split() for line in f)
        self.assertEqual([line[:2] + line[3:] for line in lines],
                         [["0", "0", "200", "5", "ok"], ["1", "200000", "200", "5", "ok"],
                          ["2", "400000", "404", "28", "status"]])

    def test_messages_of_a_websocket_come_back(self):
        with origin() as (_, port):
            url = f"http://127.0.0.1:{port}"
            for size in (0, 13, 125, 126, 65535, 65536, 1000000):
                found = run(url + "/websocket", "--websocket", "--body", str(size), "--rate", "40",
                            "--seconds", "0.25", "--connections", "2")
                self.assertEqual((found.errors, found.requests), ([], 10), size)
            found = run(url + "/size/13", "--websocket", "--rate", "20", "--seconds", "0.5")
            self.assertEqual(found.errors, ["10 responses of a wrong status",
                                            "no response at all"])

    def test_messages_of_a_websocket_through_the_proxy(self):
        with origin() as (_, port), tempfile.TemporaryDirectory() as folder:
            yaml = os.path.join(folder, "sluice.yaml")
            with open(yaml, "w", encoding="utf-8") as f:
                f.write("""workers: 1
listeners: { l: { bind: "127.0.0.1:0", site: s } }
sites: { s: { routes: [{ to: b, upgrade: websocket }] } }
backends: { b: { servers: ["127.0.0.1:%d"] } }
""" % port)
            with program([SLUICE, "run", "-c", yaml], "listening on") as (_, proxy_port):
                found = run(f"http://127.0.0.1:{proxy_port}/websocket", "--websocket", "--body",
                            "300000", "--rate", "100", "--seconds", "0.5")
        self.assertEqual((found.errors, found.requests), ([], 50))

    def test_threads_share_the_rate(self):
        with origin() as (_, port):
            found = run(f"http://127.0.0.1:{port}/", "--rate", "300", "--seconds", "1",
                        "--threads", "3", "--connections", "9", "--arrivals", "uniform")
        self.assertEqual((found.errors, found.requests), ([], 300))

    def test_tls_sessions_are_resumed_or_not_as_asked(self):
        with origin() as (_, port), program(
                [SLUICE, "proxy", "--from", "127.0.0.1:0", "--to", f"127.0.0.1:{port}", "--tls",
                 "self-signed", "--log", "off", "--workers", "1"], "listening on") as (_, tls_port):
            for options, least, most in (([], 90, 99), (["--no-resumption"], 0, 0)):
                done = subprocess.run([LOAD, "--url", f"https://127.0.0.1:{tls_port}/", "--rate",
                                       "100", "--seconds", "1", "--new-connections",
                                       "--connections", "1", *options],
                                      capture_output=True, text=True, timeout=60, check=True)
                found = loads.parse_open(done.stdout)
                resumed = int(done.stdout.partition('"sessions_resumed":')[2].partition(",")[0])
                self.assertEqual((found.errors, found.requests), ([], 100))
                self.assertTrue(least <= resumed <= most, (options, resumed))


class Options(unittest.TestCase):
    def refused(self, text, *options):
        done = subprocess.run([LOAD, *options], capture_output=True, text=True, timeout=20,
                              check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(text, done.stderr)

    def test_mistakes_are_told(self):
        url = ("--url", "http://127.0.0.1:1/")
        self.refused("--url is needed")
        self.refused("http://HOST", "--url", "ftp://a/")
        self.refused("a host is wanted", "--url", "http:///x")
        self.refused("blanks or control", "--url", "http://127.0.0.1:1/a b")
        self.refused("a number above 0", *url, "--rate", "-5")
        self.refused("a number above 0", *url, "--seconds", "nan")
        self.refused("from 1 to 100000", *url, "--connections", "0")
        self.refused("with its unit", *url, "--timeout", "10")
        self.refused("uniform or poisson", *url, "--arrivals", "never")
        self.refused("of HTTP/1.1", *url, "--websocket", "--http2")
        self.refused("more than there are connections", *url, "--connections", "1", "--threads",
                     "2")
        self.refused("No such file", *url, "--trace", "/nonexistent")

    def test_lines_of_a_trace_are_checked(self):
        with tempfile.NamedTemporaryFile("w", suffix=".trace") as f:
            for text, said in (("5 GET / 0\n3 GET / 0\n", ":2: "), ("x\n", ":1: "),
                               ("1 get / 0\n", ":1: "), ("1 GET x 0\n", ":1: "), ("", "no request")):
                f.seek(0)
                f.truncate()
                f.write(text)
                f.flush()
                self.refused(said, "--url", "http://127.0.0.1:1/", "--trace", f.name)


if __name__ == "__main__":
    unittest.main()
