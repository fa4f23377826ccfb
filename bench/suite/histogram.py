# SPDX-License-Identifier: GPL-3.0-or-later
"""Latency histograms as HdrHistogram has them: three significant digits, microseconds, sparse here;
read and written in its V2 log format, so that its own tools can look at a run."""
import base64
import struct
import zlib

SIGNIFICANT_DIGITS = 3
HALF_BITS = 10              # 2^10 buckets for each doubling: better than 3 digits
HALF = 1 << HALF_BITS
LOWEST = 1
HIGHEST = 3_600_000_000     # an hour
COOKIE = 0x1c849303 | 0x10
COMPRESSED_COOKIE = 0x1c849304 | 0x10
HEADER = struct.Struct(">iiiiqqd")


def index_of(value):
    """The bucket of a value."""
    shift = max(0, value.bit_length() - HALF_BITS - 1)
    return (shift << HALF_BITS) + (value >> shift)


def value_of(index):
    """The largest value of a bucket."""
    shift = max(0, (index >> HALF_BITS) - 1)
    return ((index - (shift << HALF_BITS) + 1) << shift) - 1


class Histogram:
    """Counts by bucket."""

    def __init__(self, counts=None):
        self.counts = {int(index): count for index, count in (counts or {}).items()}

    def add(self, value_us, count=1):
        index = index_of(min(HIGHEST, max(LOWEST, int(value_us))))
        self.counts[index] = self.counts.get(index, 0) + count

    def merge(self, other):
        for index, count in other.counts.items():
            self.counts[index] = self.counts.get(index, 0) + count

    @property
    def total(self):
        return sum(self.counts.values())

    def percentile_us(self, percent):
        """The value that so many percent do not exceed; None when there is none."""
        wanted = max(1, -(-self.total * percent // 100)) if self.counts else 0
        for index in sorted(self.counts):
            wanted -= self.counts[index]
            if wanted <= 0:
                return value_of(index)
        return None

    def max_us(self):
        return value_of(max(self.counts)) if self.counts else None

    def curve(self):
        """(share of requests, us) at every bucket, both rising: the distribution as a line."""
        total, seen = self.total, 0
        for index in sorted(self.counts):
            seen += self.counts[index]
            yield seen / total, value_of(index)


# ---- The log format -------------------------------------------------------------------------------

def zigzag(value):
    """LEB128 of at most nine bytes, as HdrHistogram has it."""
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while len(out) < 8 and rest >= 0x80:
        out.append(rest & 0x7f | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def unzigzag(data, at):
    rest = shift = 0
    for step in range(9):
        byte = data[at]
        at += 1
        if step == 8:
            rest |= byte << shift
            break
        rest |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            break
    return (rest >> 1) ^ -(rest & 1), at


def encode(histogram):
    """Base64 of a compressed V2 histogram."""
    payload, expected = bytearray(), 0
    for index in sorted(histogram.counts):
        if index > expected:
            payload += zigzag(-(index - expected))
        payload += zigzag(histogram.counts[index])
        expected = index + 1
    header = HEADER.pack(COOKIE, len(payload), 0, SIGNIFICANT_DIGITS, LOWEST, HIGHEST, 1.0)
    packed = zlib.compress(header + bytes(payload))
    return base64.b64encode(struct.pack(">ii", COMPRESSED_COOKIE, len(packed)) + packed).decode()


def decode(text):
    raw = base64.b64decode(text)
    cookie, length = struct.unpack_from(">ii", raw)
    if cookie != COMPRESSED_COOKIE:
        raise ValueError("not a compressed V2 histogram")
    data = zlib.decompress(raw[8:8 + length])
    _, payload, *_ = HEADER.unpack_from(data)
    found, at, index = Histogram(), HEADER.size, 0
    while at < HEADER.size + payload:
        count, at = unzigzag(data, at)
        if count < 0:
            index -= count
        else:
            found.counts[index] = count
            index += 1
    return found


def write_log(path, rows, began):
    """rows: (tag, start in s, length in s, histogram); began: seconds since the epoch."""
    with open(path, "w", encoding="utf-8") as f:
        f.write("#[Histogram log format version 1.3]\n"
                f"#[StartTime: {began:.3f} (seconds since epoch)]\n"
                '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n')
        for tag, start, length, histogram in rows:
            most = (histogram.max_us() or 0) / 1e3
            name = "".join("_" if c in ", =" else c for c in tag)
            f.write(f"Tag={name},{start:.3f},{length:.3f},{most:.3f},{encode(histogram)}\n")


def read_log(path):
    rows = []
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("Tag="):
                tag, start, length, _, text = line.rstrip("\n").split(",")
                rows.append((tag[4:], float(start), float(length), decode(text)))
    return rows
