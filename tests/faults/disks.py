"""Disks that fail on purpose: a small ext4 in a file, and one behind an nbdkit whose filters refuse, delay or stand
still. Each is mounted for one test; where the machine cannot, the test is a visible skip, in CI as well."""

import contextlib
import os
import re
import signal
import subprocess

import pytest

from lc import strace
from lc.programs import need
from lc.wait import until


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)


def need_mounts(*names):
    """And root and a kernel with loop devices; a container may have neither."""
    need(*names)
    if os.geteuid() != 0:
        pytest.skip("only root may mount")


@contextlib.contextmanager
def mounted(image, where):
    where.mkdir()
    try:
        run("mount", "-o", "loop", str(image), str(where))
    except subprocess.CalledProcessError as e:
        pytest.skip(f"no loop mounts here: {e.stderr.strip()}")
    try:
        yield where
    finally:
        run("umount", "-l", str(where))


@contextlib.contextmanager
def ext4(tmp_path, size="64M", inodes=None):
    """A file system of its own, mounted."""
    need_mounts("mkfs.ext4")
    image = tmp_path / "disk.img"
    run("truncate", "-s", size, str(image))
    run("mkfs.ext4", "-q", "-m", "0", *(["-N", str(inodes)] if inodes else []), str(image))
    with mounted(image, tmp_path / "disk") as where:
        yield where


class Nbd:
    """An ext4 behind nbdkit. `stop` and `go`: its server stands still, as a storage that hangs; `fail`: every write of
    its blocks is refused with EIO, `mend`: no longer."""

    def __init__(self, tmp_path):
        self.flag, self.directory, self.image = tmp_path / "failing", tmp_path / "nbd", tmp_path / "nbd.img"
        self.disk, self.where, self.server = self.directory / "disk", tmp_path / "slow", None

    def __enter__(self):
        need_mounts("nbdkit", "nbdfuse", "mkfs.ext4")
        if not os.path.exists("/dev/fuse"):
            pytest.skip("no /dev/fuse here")
        run("truncate", "-s", "64M", str(self.image))
        run("mkfs.ext4", "-q", "-m", "0", str(self.image))
        self.directory.mkdir()
        pidfile = self.directory.parent / "nbdkit.pid"
        # pylint: disable=consider-using-with
        self.fuse = subprocess.Popen(["nbdfuse", str(self.disk), "[", "nbdkit", "-P", str(pidfile), "file", str(self.image),
                                      "--filter=error", "error-pwrite=EIO", "error-pwrite-rate=100%",
                                      f"error-pwrite-file={self.flag}", "]"], stdin=subprocess.DEVNULL)
        until(lambda: self.disk.exists() and pidfile.exists(), 10, "nbdfuse")
        self.server = int(pidfile.read_text(encoding="ascii"))
        self.stack = contextlib.ExitStack()
        self.stack.enter_context(mounted(self.disk, self.where))
        return self

    def stop(self):
        os.kill(self.server, signal.SIGSTOP)

    def go(self):
        os.kill(self.server, signal.SIGCONT)

    def fail(self):
        self.flag.touch()

    def mend(self):
        self.flag.unlink(missing_ok=True)

    def __exit__(self, *exc):
        if self.server is None:
            return
        self.go()
        self.mend()
        self.stack.close()
        self.fuse.terminate()
        try:
            self.fuse.wait(10)
        except subprocess.TimeoutExpired:
            self.fuse.kill()
            self.fuse.wait(10)


class Trace:
    """What a service asked of the disk and said to its clients, in the order in which it was done; `under` is taken off
    the paths."""

    CALLS = "fsync,fdatasync,pwrite64,write,writev,renameat,mkdir,mkdirat,unlinkat,sendto,sendmsg"

    def __init__(self, tmp_path, under):
        self.path, self.under, self.seen = tmp_path / "strace.out", os.path.realpath(under) + "/", 0

    def start(self, service):
        need("strace")
        return strace.wrap(service, ["strace", "-D", "-f", "-qq", "-y", "-s", "24", "-o", str(self.path), "-e", f"trace={self.CALLS}"]).start()

    def lines(self):
        """Whole calls; one that another thread's interrupted stands where it ended."""
        begun = {}
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            thread, text = line.split(None, 1)
            if text.endswith("<unfinished ...>"):
                begun[thread] = text.removesuffix("<unfinished ...>")
                continue
            rest = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
            yield begun.pop(thread, "") + rest[1] if rest else text

    def short(self, path):
        return f"{path}/".removeprefix(self.under).rstrip("/") or "."

    def events(self):
        """"fsync spool/new", "rename spool/tmp/ID spool/new/ID", "answer 201" …"""
        for line in self.lines():
            call, paths = line.split("(", 1)[0], [self.short(path) for path in re.findall(r"<(/[^>]*)>", line)]
            names = re.findall(r'"([^"]*)"', line)
            status = re.search(r'"HTTP/1\.1 (\d+) ', line)
            if status:
                yield f"answer {status[1]}"
            elif call == "renameat":
                yield f"rename {paths[0]}/{names[0]} {paths[1]}/{names[1]}"
            elif call == "mkdir":
                yield f"mkdir {self.short(names[0])}"
            elif call == "mkdirat":
                yield f"mkdir {paths[0]}/{names[0]}"
            elif paths:
                yield f"{call.removesuffix('64')} {paths[0]}"

    def until_answer(self, status, behind=""):
        """The events since the last answer that was waited for, to the next one of this status behind an event that matches."""
        def found():
            events, answer = list(self.events())[self.seen:], f"answer {status}"
            first = next(at for at, event in enumerate(events) if re.match(behind, event))
            return events[:events.index(answer, first) + 1]
        events = until(found, 15, f"answer {status} in the trace")
        self.seen += len(events)
        return events
