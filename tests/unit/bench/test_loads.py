#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the load programs' outputs are read, and their commands made."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench"))

from suite import loads, scenario  # noqa: E402
from suite.processes import Failure  # noqa: E402

WRK = """\
Running 2s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  124106 requests in 2.01s, 14.20MB read
Requests/sec:  61742.12
json {"requests":%d,"microseconds":2010000,"bytes":14200000,"connect":%d,"read":%d,"write":0,\
"timeout":%d,"status":%d,"max":13590,"percentiles":[[50,838],[90,1710],[99,10200],[99.9,12000]]}
"""


class Wrk(unittest.TestCase):
    def test_a_clean_run(self):
        load = loads.parse_wrk(WRK % (124106, 0, 0, 0, 0))
        self.assertEqual((load.requests, load.seconds), (124106, 2.01))
        self.assertEqual((load.ms(50), load.ms(99), load.ms(99.9)), (0.838, 10.2, 12.0))
        self.assertEqual(load.errors, [])

    def test_socket_errors_are_told_by_kind(self):
        load = loads.parse_wrk(WRK % (5, 1, 12, 3, 0))
        self.assertEqual(load.errors, ["1 connect errors", "12 read errors", "3 timeout errors"])

    def test_a_wrong_status_is_an_error(self):
        load = loads.parse_wrk(WRK % (50, 0, 0, 0, 7))
        self.assertEqual(load.errors, ["7 responses of a wrong status"])

    def test_nothing_answered_is_an_error_and_no_speed(self):
        load = loads.parse_wrk(WRK % (0, 0, 0, 0, 0))
        self.assertEqual(load.errors, ["no response at all"])
        self.assertEqual(load.percentiles, {})

    def test_what_wrk_complains_of_is_passed_on(self):
        with self.assertRaisesRegex(Failure, "unable to connect"):
            loads.parse_wrk("unable to connect to 127.0.0.1:8080 Connection refused\n")

    def test_the_script_gets_method_body_and_paths(self):
        command = loads.wrk_command(loads.Request("http://a/", method="POST", body_bytes=10,
                                                  close=True, paths=["/x", "/y"]), 0.5)
        self.assertEqual(command[command.index("--") + 1:],
                         ["method=POST", "body=10", "close", "path=/x", "path=/y"])
        self.assertIn("-d1s", command)


H2LOAD = """\
Application protocol: h2
finished in 1.00s, 40925.00 req/s, 4.64MB/s
requests: 40925 total, 40929 started, 40925 done, %d succeeded, %d failed, 0 errored, %d timeout
status codes: 40925 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 4.64MB (4870075) total, 2.77MB (2905817) headers (space savings 0.00%%), 519.58KB data
"""


class H2load(unittest.TestCase):
    LOG = ["1795253446626317\t200\t150", "1795253446626322\t200\t250"]

    def test_a_clean_run_with_the_log_s_latencies(self):
        load = loads.parse_h2load(H2LOAD % (2, 0, 0), self.LOG)
        self.assertEqual((load.requests, load.seconds, load.errors), (2, 1.0, []))
        self.assertAlmostEqual(load.ms(50), 0.15)
        self.assertEqual(load.received_bytes, 4870075)

    def test_a_wrong_status_is_an_error(self):
        load = loads.parse_h2load(H2LOAD % (1, 1, 0), self.LOG[:1] + ["1\t503\t90"])
        self.assertEqual(load.errors, ["1 responses of a wrong status"])

    def test_another_protocol_is_an_error(self):
        text = H2LOAD.replace("protocol: h2", "protocol: http/1.1")
        load = loads.parse_h2load(text % (2, 0, 0), self.LOG)
        self.assertEqual(load.errors, ["the server did not speak HTTP/2"])

    def test_connections_that_end_in_the_middle_are_an_error_and_no_low_rate(self):
        log = [f"{1000000 + 1000 * i}\t200\t90" for i in range(400)]
        load = loads.parse_h2load(H2LOAD % (400, 0, 0), log)
        self.assertRegex(load.errors[0], "ended its connections in the middle")
        log = [f"{1000000 + 2400 * i}\t200\t90" for i in range(400)]
        self.assertEqual(loads.parse_h2load(H2LOAD % (400, 0, 0), log).errors, [])

    def test_no_output_is_a_failure(self):
        with self.assertRaises(Failure):
            loads.parse_h2load("h2load: unrecognized option", [])


OPEN = """\
interval {"t":0.000,"sent":3,"done":2,"errors":1,"histogram":[[100,1],[200,1]]}
interval {"t":0.000,"sent":1,"done":1,"errors":0,"histogram":[[100,1]]}
interval {"t":1.000,"sent":2,"done":0,"errors":2,"histogram":[]}
{"sent":6,"done":3,"seconds":2.0,"offered":3,"received_bytes":9,"saturated":"","errors":\
{"refused":1,"connect":0,"tls":0,"reset":2,"closed":0,"timeout":0,"unsent":0,"status":0,"length":0,\
"malformed":0},"histogram":[[100,2],[200,1]]}
"""


class Open(unittest.TestCase):
    def test_intervals_of_several_threads_are_joined(self):
        load = loads.parse_open(OPEN)
        self.assertEqual([(s["t"], s["sent"], s["done"], s["errors"]) for s in load.timeline],
                         [(0.0, 4, 3, 1), (1.0, 2, 0, 2)])
        self.assertEqual(load.timeline[0]["p50_ms"], 0.1)
        self.assertIsNone(load.timeline[1]["p99_ms"])

    def test_errors_are_told_in_words(self):
        self.assertEqual(loads.parse_open(OPEN).errors,
                         ["1 connections refused", "2 connections reset"])

    def test_rate_counts_answers_only(self):
        self.assertEqual(loads.parse_open(OPEN).rate, 1.5)


class Commands(unittest.TestCase):
    def words(self, **what):
        return loads.open_command(loads.Request("http://h/", **what), 1)

    def test_protocols_are_asked_for(self):
        self.assertNotIn("--http2", self.words())
        found = self.words(http2=True, streams=8)
        self.assertEqual(found[found.index("--http2"):][:3], ["--http2", "--streams", "8"])
        self.assertIn("--websocket", self.words(websocket=True, body_bytes=125))

    def test_a_closed_loop_is_made_by_who_can(self):
        self.assertEqual([loads.closed_loop(http2) for http2 in (False, True)], ["wrk", "h2load"])
        one = scenario.Scenario("x", "x", ["sluice"], http2=True)
        self.assertEqual(one.runs_by(), "h2load")


if __name__ == "__main__":
    unittest.main()
