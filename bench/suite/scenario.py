# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios are data: bench/scenarios/NN-NAME.toml, one each, read and checked here."""
import glob
import math
import os
import re
import tomllib
from dataclasses import dataclass, field

from . import knee, loads
from .processes import Failure

FOLDER = os.path.join(loads.BENCH, "scenarios")
SIZE = re.compile(r"(\d+)(B|KiB|MiB|GiB)?$")
UNITS = {None: 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
WARM_SECONDS = 0.2     # before the runs of a block, at least
COUNTED_SECONDS = 0.3  # of the run that counts system calls, at least
START_SECONDS = 0.25   # of a contender
EVENT_SPARE_S = 1.5
EVENTS = ("reload", "kill_server", "idle", "knee")


def read_size(text):
    match = SIZE.match(str(text).replace(" ", ""))
    if not match:
        raise Failure(f"'{text}' is no size: 13, 64KiB, 10MiB")
    return int(match[1]) * UNITS[match[2]]


def size_text(size):
    for unit in ("GiB", "MiB", "KiB"):
        if size >= UNITS[unit] and size % UNITS[unit] == 0:
            return f"{size // UNITS[unit]} {unit}"
    return f"{size} B"


@dataclass
class Scenario:
    key: str
    title: str
    contenders: list                 # specs; the first is what the others are compared with
    engine: str = "wrk"
    path: str = "/size/13"
    paths: list = field(default_factory=list)  # several, in turn
    bytes: int = 13                  # of the response; -1: any
    connections: int = 64
    method: str = "GET"
    upload: int = 0                  # bytes of the request's body
    accept: str = ""                 # Accept-Encoding
    close: bool = False              # a new connection for each request
    streams: int = 1
    tls: str = ""                    # "": plain; "full", "resumed": of new connections
    http2: bool = False
    websocket: bool = False          # messages of `upload` bytes through a tunnel
    log: bool = False
    tcp: bool = False                # layer 4: bytes are passed on as they are
    rate: float = 0                  # of an open-loop scenario
    event: str = ""                  # what happens in the middle
    servers: int = 1
    idle: int = 0                    # connections that stand idle beside the load
    pairs: int = 4
    seconds: float = 0.5
    sets: list = field(default_factory=list)
    claims: list = field(default_factory=list)  # {against, ratio_max} or {syscalls_max}
    notes: list = field(default_factory=list)

    def needs(self):
        """What a contender must be able to do."""
        found = {"tls" if self.tls else "http"}
        if self.http2:
            found.add("h2")
        if self.websocket:
            found.add("websocket")
        if self.tcp:
            found.add("tcp")
        if self.log:
            found.add("log")
        if self.servers > 1:
            found.add("servers")
        if self.event == "reload":
            found.add("reload")
        return found

    def direct(self):
        """The origin can be asked without a proxy, too."""
        return not self.http2 and not self.event

    def runs_by(self):
        """The engine, one that can do it."""
        return loads.closed_loop(self.http2) if self.engine == "wrk" else self.engine

    def request(self, url):
        return loads.Request(url, connections=self.connections, method=self.method,
                             body_bytes=self.upload, close=self.close, accept=self.accept, paths=list(self.paths),
                             http2=self.http2, streams=self.streams,
                             websocket=self.websocket, tls=self.tls or "resumed", rate=self.rate)

    def warm_seconds(self):
        return max(WARM_SECONDS, self.seconds / 4)

    def counted_seconds(self):
        return max(COUNTED_SECONDS, self.seconds / 2)

    def planned_seconds(self, blocks=None):
        """What it takes on a quiet machine; of so many blocks of two pairs."""
        if self.event:
            each = knee.planned_seconds(self) if self.event == "knee" else self.seconds
            return len(self.contenders) * (each + EVENT_SPARE_S)
        blocks = math.ceil(self.pairs / 2) if blocks is None else blocks
        each = START_SECONDS + self.warm_seconds() + self.counted_seconds() + 2 * self.seconds
        return blocks * len(self.contenders) * each

    def steps(self):
        return (2 * ((self.pairs + 1) // 2) * len(self.contenders) if not self.event
                else len(self.contenders))


def of_dict(key, data):
    """Failure names the key that is wrong."""
    known = Scenario.__dataclass_fields__
    for name, value in data.items():
        if name not in known or name == "key":
            raise Failure(f"scenario {key}: unknown key '{name}'; there are: "
                          f"{', '.join(n for n in known if n != 'key')}")
        kind = known[name].type
        if name in ("bytes", "upload"):
            data[name] = read_size(value) if value != -1 else -1
        elif kind is float and isinstance(value, int) and not isinstance(value, bool):
            data[name] = float(value)
        elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise Failure(f"scenario {key}: {name} = {value!r} is not of type {kind.__name__}")
    for name in ("title", "contenders"):
        if not data.get(name):
            raise Failure(f"scenario {key}: '{name}' is needed")
    scenario = Scenario(key, **data)
    if scenario.engine not in loads.ENGINES:
        raise Failure(f"scenario {key}: engine is one of {', '.join(loads.ENGINES)}")
    if scenario.event and scenario.event not in EVENTS:
        raise Failure(f"scenario {key}: event is one of {', '.join(EVENTS)}")
    if scenario.websocket and scenario.engine != "open":
        raise Failure(f"scenario {key}: a websocket is for the engine 'open'")
    if scenario.tls not in ("", "full", "resumed"):
        raise Failure(f"scenario {key}: tls is 'full' or 'resumed'")
    if scenario.event not in ("", "knee") and not scenario.rate:
        raise Failure(f"scenario {key}: an event needs a rate")
    return scenario


def load_file(path):
    key = re.sub(r"^\d+-", "", os.path.splitext(os.path.basename(path))[0])
    try:
        with open(path, "rb") as f:
            return of_dict(key, tomllib.load(f))
    except OSError as e:
        raise Failure(f"scenario {path}: {e.strerror}") from e
    except tomllib.TOMLDecodeError as e:
        raise Failure(f"scenario {path}: {e}") from e


def load_all():
    found = [load_file(path) for path in sorted(glob.glob(os.path.join(FOLDER, "*.toml")))]
    return {scenario.key: scenario for scenario in found}


def is_known(word):
    """A scenario's name, or a set's."""
    return any(word == key or word in one.sets for key, one in load_all().items())


def choose(words):
    """By name, by set, or by the path of a file of one's own; in the order given."""
    known, chosen = load_all(), {}
    for word in words:
        if word.endswith(".toml"):
            own = load_file(word)
            chosen[own.key] = own
        elif word in known:
            chosen[word] = known[word]
        else:
            of_set = {key: s for key, s in known.items() if word in s.sets or word == "all"}
            if not of_set:
                raise Failure(f"no scenario '{word}'; there are: {', '.join(known)}; sets: "
                              + ", ".join(sorted({n for s in known.values() for n in s.sets})))
            chosen.update(of_set)
    return list(chosen.values())
