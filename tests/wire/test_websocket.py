#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""WebSocket between Node's ws, on both sides, through sluice: texts, binary messages of megabytes,
pings, a subprotocol, closing codes from either side.

    test_websocket.py SLUICE        status 77: there is no Node, or no ws
"""
import os
import re
import subprocess
import sys
import tempfile

SERVER = """
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({ host: '127.0.0.1', port: 0,
    handleProtocols: names => names.has('chat') ? 'chat' : false });
server.on('listening', () => console.log(server.address().port));
server.on('connection', ws => ws.on('message', (data, binary) =>
    data.toString() === 'bye' ? ws.close(4001, 'as you wish') : ws.send(data, { binary })));
"""

CLIENT = """
const { WebSocket } = require('ws'), crypto = require('crypto'), assert = require('assert');
const url = process.argv[1];
const big = crypto.randomBytes(8 << 20);
let waiting = 60;
const done = () => { if (--waiting === 0) { console.log('all is well'); process.exit(0); } };
for (let i = 0; i < 60; i++) {
    const ws = new WebSocket(url, 'chat');
    const sent = i % 3 === 0 ? big.subarray(0, i * 100000 + 1) : 'text ' + i;
    ws.on('open', () => { assert.equal(ws.protocol, 'chat'); ws.ping('p' + i); });
    ws.on('pong', data => { assert.equal(data.toString(), 'p' + i); ws.send(sent); });
    ws.on('message', (data, binary) => {
        assert.equal(binary, i % 3 === 0);
        assert.ok(Buffer.from(sent).equals(data));
        if (i % 2) ws.send('bye'); else ws.close(4000, 'enough');
    });
    ws.on('close', code => { assert.equal(code, i % 2 ? 4001 : 4000); done(); });
    ws.on('error', e => { console.error(e); process.exit(1); });
}
"""

CONFIGURATION = """
listeners: {{ l: {{ bind: "127.0.0.1:0", site: s }} }}
sites: {{ s: {{ routes: [{{ to: b, upgrade: websocket }}] }} }}
backends: {{ b: {{ servers: ["127.0.0.1:{port}"] }} }}
"""


def node(script, *arguments, **options):
    environment = dict(os.environ, NODE_PATH=os.environ.get("NODE_PATH", "/usr/share/nodejs"))
    return subprocess.Popen(["node", "-e", script, *arguments], text=True, env=environment,
                            stdout=subprocess.PIPE, **options)


def main():
    try:
        probe = node("require('ws')", stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        print("there is no Node")
        return 77
    if probe.wait():
        print("Node has no ws (node-ws)")
        return 77
    server = node(SERVER)
    sluice = client = None
    try:
        port = int(server.stdout.readline())
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write(CONFIGURATION.format(port=port))
            f.flush()
            sluice = subprocess.Popen([sys.argv[1], "run", "-c", f.name], text=True,
                                      stderr=subprocess.PIPE)
            line = ""
            while "listening on" not in line:
                line = sluice.stderr.readline()
                if not line:
                    raise SystemExit("sluice did not start")
            address = re.search(r"listening on (\S+)", line).group(1)
            client = node(CLIENT, f"ws://{address}/")
            out, _ = client.communicate(timeout=120)
            print(out.strip())
            return 0 if "all is well" in out and client.returncode == 0 else 1
    finally:
        for process in (client, server, sluice):
            if process and process.poll() is None:
                process.terminate()
                process.wait()


if __name__ == "__main__":
    sys.exit(main())
