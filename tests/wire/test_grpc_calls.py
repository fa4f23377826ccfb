#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""gRPC's own client and server (Debian's python3-grpcio) with sluice between them: unary calls and
streams in all directions, errors, deadlines, cancelling, large messages, a server that goes.

    test_grpc_calls.py SLUICE        status 77: there is no grpc"""
import subprocess
import sys
import tempfile
import threading
import time
from concurrent import futures

try:
    import grpc
except ImportError:
    sys.exit(77)

CONFIGURATION = """
listeners: {{ l: {{ bind: "127.0.0.1:0", site: s }} }}
sites:
  s:
    routes:
      - {{ match: {{ path: /t.Gone/* }}, to: gone }}
      - {{ match: {{ path: /t.Denied/* }}, to: b, deny: [127.0.0.0/8] }}
      - {{ match: {{ path: /t.Test/* }}, to: b }}
backends:
  b: {{ protocol: h2, servers: ["127.0.0.1:{port}"] }}
  gone: {{ protocol: h2, servers: ["127.0.0.1:1"] }}
"""
cancelled = threading.Event()


def unary(request, context):
    metadata = dict(context.invocation_metadata())
    context.set_trailing_metadata((("t-saw", metadata.get("t-asked", "")),))
    return request[::-1]


def fail(request, context):
    context.set_trailing_metadata((("t-detail-bin", b"\0\xff"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "n\u00f6 " + request.decode())


def many(request, context):
    for i in range(int(request)):
        yield b"%d" % i


def collect(requests, context):
    return b",".join(requests)


def echo(requests, context):
    for request in requests:
        yield request


def sleep(request, context):
    context.add_callback(cancelled.set)
    time.sleep(float(request))
    return b""


def forever(request, context):
    context.add_callback(cancelled.set)
    while context.is_active():
        yield b"tick"
        time.sleep(0.01)


class Handlers(grpc.GenericRpcHandler):
    calls = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Many": grpc.unary_stream_rpc_method_handler(many),
        "Collect": grpc.stream_unary_rpc_method_handler(collect),
        "Echo": grpc.stream_stream_rpc_method_handler(echo),
        "Sleep": grpc.unary_unary_rpc_method_handler(sleep),
        "Forever": grpc.unary_stream_rpc_method_handler(forever),
    }

    def service(self, details):
        return self.calls.get(details.method.rsplit("/", 1)[1])


def status_of(call):
    try:
        call()
    except grpc.RpcError as e:
        return e
    raise SystemExit("a call that must fail did not")


def has_status(error, code, details):
    if error.code() != code or details not in error.details():
        raise SystemExit(f"{error.code()} '{error.details()}', not {code} '{details}'")


def test(channel):
    # As answered by the server.
    call = channel.unary_unary("/t.Test/Unary")
    answer, state = call.with_call(b"abc", metadata=(("t-asked", "this"),), timeout=10)
    assert answer == b"cba" and dict(state.trailing_metadata())["t-saw"] == "this"
    big = bytes(range(256)) * 12000
    assert call(big, timeout=20) == big[::-1]
    with futures.ThreadPoolExecutor(16) as pool:
        texts = [b"%d" % i for i in range(400)]
        assert list(pool.map(lambda t: call(t, timeout=20), texts)) == [t[::-1] for t in texts]
    error = status_of(lambda: channel.unary_unary("/t.Test/Fail")(b"x", timeout=10))
    has_status(error, grpc.StatusCode.FAILED_PRECONDITION, "n\u00f6 x")
    assert dict(error.trailing_metadata())["t-detail-bin"] == b"\0\xff"
    has_status(status_of(lambda: channel.unary_unary("/t.Test/None")(b"", timeout=10)),
               grpc.StatusCode.UNIMPLEMENTED, "Method not found")
    # Streams.
    assert list(channel.unary_stream("/t.Test/Many")(b"2000", timeout=20)) == [
        b"%d" % i for i in range(2000)]
    assert channel.stream_unary("/t.Test/Collect")(
        (b"%d" % i for i in range(500)), timeout=20) == b",".join(b"%d" % i for i in range(500))
    turns, asked = [], []

    def questions():
        for i in range(50):
            while len(turns) < i:
                time.sleep(0.0005)
            asked.append(b"%d" % i)
            yield asked[-1]

    for answer in channel.stream_stream("/t.Test/Echo")(questions(), timeout=20):
        turns.append(answer)  # each before the next question
        assert len(asked) <= len(turns) + 1
    assert turns == asked and len(turns) == 50
    # Deadlines and cancelling reach the server.
    has_status(status_of(lambda: channel.unary_unary("/t.Test/Sleep")(b"0.5", timeout=0.1)),
               grpc.StatusCode.DEADLINE_EXCEEDED, "")
    assert cancelled.wait(10)
    cancelled.clear()
    stream = channel.unary_stream("/t.Test/Forever")(b"")
    assert next(stream) == b"tick"
    stream.cancel()
    assert cancelled.wait(10)
    # As answered by sluice.
    has_status(status_of(lambda: channel.unary_unary("/t.Gone/X")(b"", timeout=10)),
               grpc.StatusCode.UNAVAILABLE, "server refused the connection (request id ")
    has_status(status_of(lambda: channel.unary_unary("/t.Denied/X")(b"", timeout=10)),
               grpc.StatusCode.PERMISSION_DENIED, "not allowed from this address")
    has_status(status_of(lambda: channel.unary_unary("/t.Other/X")(b"", timeout=10)),
               grpc.StatusCode.UNIMPLEMENTED, "no route for this request")


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=24), handlers=[Handlers()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(CONFIGURATION.format(port=port))
        f.flush()
        sluice = subprocess.Popen([sys.argv[1], "run", "-c", f.name], text=True,
                                  stderr=subprocess.PIPE)
        try:
            line = " "
            while line and "listening on" not in line:
                line = sluice.stderr.readline()
            with grpc.insecure_channel(line.split()[-1]) as channel:
                test(channel)
                stream = channel.unary_stream("/t.Test/Forever")(b"")
                assert next(stream) == b"tick"
                server.stop(0)
                error = status_of(lambda: list(stream))
                assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL,
                                        grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN), error
                has_status(status_of(lambda: channel.unary_unary("/t.Test/Unary")(b"", timeout=10)),
                           grpc.StatusCode.UNAVAILABLE, "request id ")
        finally:
            sluice.terminate()
            sluice.communicate()
    return sluice.returncode


if __name__ == "__main__":
    sys.exit(main())
