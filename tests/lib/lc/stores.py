"""Redis and PostgreSQL, real ones, reachable only through a unix socket in their own temporary directory."""

import contextlib
import os
import shutil
import signal
import subprocess

import redis

from lc.process import Process, free_port
from lc.wait import until


class Redis:
    """redis-server in `directory`. With `aof` it remembers everything over kill9 (appendfsync always)."""

    def __init__(self, directory, aof=True, extra=(), tcp=False):
        self.directory = str(directory)
        os.makedirs(self.directory, exist_ok=True)
        self.socket = os.path.join(self.directory, "redis.sock")
        self.port = free_port() if tcp else 0
        self.url = f"unix://{self.socket}"
        self.tcp_url = f"redis://127.0.0.1:{self.port}/0" if tcp else None
        argv = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.socket,
                "--dir", self.directory, "--save", "", "--daemonize", "no", "--appendonly", "yes" if aof else "no",
                "--appendfsync", "always", "--maxmemory-policy", "noeviction", "--loglevel", "warning", *extra]
        self.process = Process("redis-server", argv, os.path.join(self.directory, "redis.log"))
        self.client = redis.Redis(unix_socket_path=self.socket, decode_responses=True)

    def start(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.process.spawn()
        self.process.wait_ready(self.client.ping)
        return self

    def kill9(self):
        self.process.kill9()

    def sigstop(self):
        self.process.sigstop()

    def sigcont(self):
        self.process.sigcont()

    def names(self):
        """The keys it holds, but for the probe that every readiness writes for a second."""
        return set(self.client.scan_iter()) - {"lc:probe"}

    def contents(self):
        """(key, type, value) of everything it holds; what expires meanwhile is left out."""
        read = {"string": self.client.get, "hash": self.client.hgetall, "set": self.client.smembers,
                "list": lambda key: self.client.lrange(key, 0, -1),
                "zset": lambda key: self.client.zrange(key, 0, -1, withscores=True)}
        for key in self.names():
            kind = self.client.type(key)
            if kind != "none":
                yield key, kind, read[kind](key)

    def forget(self):
        """Loses all memory, as a failover to an empty replica does: kill, remove the files, start."""
        self.kill9()
        shutil.rmtree(os.path.join(self.directory, "appendonlydir"), ignore_errors=True)
        return self.start()

    def stop(self):
        self.process.stop(expect=None)


class Postgres:
    """A PostgreSQL cluster of its own, run as `nobody` when the tests run as root."""

    SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

    def __init__(self, directory, settings=()):
        self.directory = os.path.join(str(directory), "pg")
        self.bin = _postgres_bin()
        self.owner = "nobody" if os.geteuid() == 0 else None
        argv = self._argv("postgres", "-D", self.directory, "-k", self.directory, "-c", "listen_addresses=",
                          *(f"--{setting}" for setting in settings))
        self.process = Process("postgres", argv, os.path.join(str(directory), "pg.log"), cwd="/")

    @staticmethod
    def available():
        return _postgres_bin() is not None

    def _argv(self, program, *args):
        argv = [os.path.join(self.bin, program), *args]
        if self.owner:
            argv = ["setpriv", f"--reuid={self.owner}", "--regid=nogroup", "--clear-groups", "--", *argv]
        return argv

    def _run(self, program, *args, timeout=60):
        return subprocess.run(self._argv(program, *args), check=True, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, cwd="/", timeout=timeout).stdout

    def _accepts(self):
        return self._run("pg_isready", "-h", self.directory, "-U", "app", "-q") == ""

    def start(self):
        if not os.path.exists(os.path.join(self.directory, "PG_VERSION")):
            os.makedirs(self.directory, exist_ok=True)
            if self.owner:
                _open_path_to(self.directory)
                shutil.chown(self.directory, self.owner)
            self._run("initdb", "-D", self.directory, "-U", "app", "--auth=trust", "--no-sync", "-E", "UTF8",
                      "--locale=C")
        self.process.spawn()
        self.process.wait_ready(self._accepts)
        return self

    def stop(self, mode="fast"):
        if self.process.alive():
            self.sigcont()
            self.process.signal(self.SIGNALS[mode])
            self.process.popen.wait(30)

    def pids(self):
        """The postmaster and its children, each in a process group of its own."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [pid, *map(int, f.read().split())]

    def _signal(self, number):
        pids = self.pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return pids

    def kill9(self):
        """As a crash of the database server."""
        pids = self._signal(signal.SIGKILL)
        self.process.kill9()
        until(lambda: not any(_lives(pid) for pid in pids), what="postgres to be gone")

    def sigstop(self):
        """Frozen: connections are taken by the kernel and nobody answers."""
        self._signal(signal.SIGSTOP)

    def sigcont(self):
        self._signal(signal.SIGCONT)

    def url(self, database="postgres"):
        return f"postgresql:///{database}?host={self.directory}&user=app"

    def create_database(self, name):
        self._run("createdb", "-h", self.directory, "-U", "app", name)
        return self.url(name)

    def rows(self, query, database="lc", timeout=60):
        """What psql prints, a list of strings per row."""
        out = self._run("psql", "-XAtq", "-F", "\t", "-h", self.directory, "-U", "app", "-c", query, database,
                        timeout=timeout)
        return [line.split("\t") for line in out.splitlines()]


def _lives(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _postgres_bin():
    for version in ("15", "16", "17"):
        path = f"/usr/lib/postgresql/{version}/bin"
        if os.path.exists(os.path.join(path, "initdb")):
            return path
    return None


def _open_path_to(directory):
    """pytest's temporary directories are 0700: let the database's user pass through."""
    path = os.path.dirname(os.path.realpath(directory))
    while path not in ("/", "/tmp"):
        os.chmod(path, os.stat(path).st_mode | 0o011)
        path = os.path.dirname(path)
