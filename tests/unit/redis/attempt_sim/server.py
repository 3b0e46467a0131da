"""A real redis-server whose time of day is ours, and the attempt scripts as it runs them."""

import hashlib
import mmap
import os
import socket
import struct

from lc.stores import Redis

SCRIPTS = os.path.join(os.path.dirname(__file__), "..", "..", "..", "..", "shared", "redis", "scripts")
NAMES = ("reserve", "renew", "commit", "release", "status", "project", "reconcile", "forget", "is_open")


class ReplyError(Exception):
    """An error of the server: a defect of a script."""


class Connection:
    """The least of a client: what a simulation of many thousand commands needs."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb", 65536)

    def close(self):
        self.file.close()
        self.socket.close()

    @staticmethod
    def _encoded(args):
        out = [b"*%d\r\n" % len(args)]
        for arg in args:
            data = arg if isinstance(arg, bytes) else str(arg).encode()
            out.append(b"$%d\r\n%b\r\n" % (len(data), data))
        return b"".join(out)

    def _read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self._read() for _ in range(int(rest))]
        if kind == b"-":
            raise ReplyError(rest.decode())
        return int(rest) if kind == b":" else rest

    def call(self, *args):
        self.socket.sendall(self._encoded(args))
        return self._read()

    def batch(self, commands):
        self.socket.sendall(b"".join(map(self._encoded, commands)))
        return [self._read() for _ in commands]


class Server:
    """redis-server with the frozen clock; `aof`: it remembers everything over kill -9 (each write reaches the kernel)."""

    def __init__(self, directory, clock_library, aof=False):
        os.makedirs(directory, exist_ok=True)
        self.aof = aof
        clock = os.path.join(directory, "clock")
        with open(clock, "wb") as f:
            f.write(bytes(8))
        with open(clock, "r+b") as f:
            self.clock = mmap.mmap(f.fileno(), 8)
        self.set_clock(2_000_000_000_000)
        self.redis = Redis(directory, aof=aof, extra=("--appendfsync", "no"))
        self.redis.process.env = dict(os.environ, LD_PRELOAD=clock_library, LC_CLOCK=clock)
        self.texts = {}
        with open(os.path.join(SCRIPTS, "prelude.lua"), "rb") as f:
            prelude = f.read()
        for name in NAMES:
            with open(os.path.join(SCRIPTS, name + ".lua"), "rb") as f:
                text = prelude + b"\n" + f.read()
            self.texts[name] = (hashlib.sha1(text).hexdigest(), text)
        self.connection = None

    def set_clock(self, ms):
        self.now = ms
        self.clock[:] = struct.pack("=q", ms * 1000)

    def start(self):
        self.redis.start()
        self._connect()
        seconds, micros = self.connection.call("TIME")
        assert int(seconds) * 1000 + int(micros) // 1000 == self.now, "redis-server does not use the preloaded clock"
        return self

    def _connect(self):
        self.connection = Connection(self.redis.socket)
        self.connection.batch([("SCRIPT", "LOAD", text) for _, text in self.texts.values()])

    def restart(self):
        """kill -9, start again."""
        self.connection.close()
        self.redis.kill9()
        self.redis.start()
        self._connect()

    def stop(self):
        if self.connection:
            self.connection.close()
        self.redis.stop()

    def call(self, *args):
        return self.connection.call(*args)

    def run(self, name, *args):
        reply = self.connection.call("EVALSHA", self.texts[name][0], 0, *args)
        if isinstance(reply, list):
            return [item.decode() if isinstance(item, bytes) else item for item in reply]
        return reply.decode() if isinstance(reply, bytes) else reply

    def flush(self):
        self.call("FLUSHALL")

    def dump(self):
        """Everything of ours, to go back to."""
        keys = sorted(self.call("KEYS", "lc:*"))
        commands = [(verb, key) for key in keys for verb in ("DUMP", "PEXPIRETIME")]
        values = self.connection.batch(commands)
        return [(key, values[2 * i], max(values[2 * i + 1], 0)) for i, key in enumerate(keys)]

    def restore(self, dump):
        self.flush()
        alive = [row for row in dump if row[2] == 0 or row[2] > self.now]
        self.connection.batch([("RESTORE", key, expires, value, "ABSTTL") for key, value, expires in alive])
