"""One child process: started, watched, stopped or killed by its own id; its output goes to a log file."""

import fcntl
import os
import random
import signal
import socket
import subprocess

from lc.wait import until

SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", ": runtime error: ")
_ports = {"file": None, "ours": set()}
started = []  # every Process that ever ran, for scripts that must leave none behind


def _reserve(port):
    """For as long as this process lives, of all that run tests here: servers come back to their port after a kill."""
    if _ports["file"] is None:
        _ports["file"] = open(f"/tmp/lc-test-ports.{os.getuid()}", "a", encoding="ascii")  # pylint: disable=consider-using-with
    try:
        fcntl.lockf(_ports["file"], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)  # such locks are none against oneself
    except OSError:
        return False
    new = port not in _ports["ours"]
    _ports["ours"].add(port)
    return new


def free_port():
    """A port below the ephemeral range, so that no outgoing connection takes it between here and bind()."""
    while True:
        port = random.SystemRandom().randrange(15000, 32000)
        if not _reserve(port):
            continue
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Process:
    """argv with an environment; `log` collects stdout and stderr over restarts."""

    def __init__(self, name, argv, log, env=None, cwd=None):
        self.name, self.argv, self.log, self.env, self.cwd = name, argv, log, env, cwd
        self.popen = None
        self.listeners = []  # (name, socket), handed over as systemd does: LISTEN_FDS

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen is not None and self.popen.poll() is None

    def spawn(self):
        assert not self.alive(), f"{self.name} runs already"
        if self not in started:
            started.append(self)
        argv, env, handed = self.argv, self.env, ()
        if self.listeners:
            handed = tuple(s.fileno() for _, s in self.listeners)
            env = {**(env or os.environ), "LISTEN_FDS": str(len(handed)),
                   "LISTEN_FDNAMES": ":".join(name for name, _ in self.listeners)}
            moves = " ".join(f"{3 + i}<&{fd}" for i, fd in enumerate(handed))
            argv = ["bash", "-c", f'export LISTEN_PID=$$; exec {moves}; exec "$0" "$@"', *argv]
        with open(self.log, "ab") as out:
            # pylint: disable=consider-using-with
            self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, cwd=self.cwd,
                                          pass_fds=handed)
        return self

    def wait_ready(self, condition, timeout=20.0):
        def check():
            if self.popen.poll() is not None:
                return "died"
            return "ready" if condition() else None

        try:
            state = until(check, timeout, f"{self.name} to be ready")
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.tail()}") from None
        assert state == "ready", f"{self.name} exited with {self.popen.returncode}:\n{self.tail()}"

    def signal(self, number):
        os.kill(self.popen.pid, number)

    def sigstop(self):
        self.signal(signal.SIGSTOP)

    def sigcont(self):
        self.signal(signal.SIGCONT)

    def kill9(self):
        """As a crash: no chance to clean up."""
        if self.alive():
            self.popen.kill()
        if self.popen is not None:
            self.popen.wait(10)

    def stop(self, timeout=20.0, expect=(0,)):
        """SIGTERM; a service that does not end, or ends badly, fails the test."""
        if self.popen is None:
            return
        if self.popen.poll() is None:
            self.sigcont()
            self.popen.terminate()
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill9()
                raise AssertionError(f"{self.name} did not end within {timeout} s of SIGTERM:\n{self.tail()}") from None
        code, self.popen = self.popen.returncode, None
        assert expect is None or code in expect or code == -signal.SIGKILL, \
            f"{self.name} exited with {code}:\n{self.tail()}"

    def output(self):
        try:
            with open(self.log, "rb") as f:
                return f.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def wait_says(self, *words):
        """Until its log has each of them: what is seen of a step may be there before the line that tells of it."""
        for text in words:
            until(lambda t=text: t in self.output(), what=f"{self.name} to say {text!r}")

    def tail(self, lines=30):
        return "\n".join(self.output().splitlines()[-lines:])

    def rss_kib(self):
        """Resident memory now."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))

    def peak_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))

    def fd_count(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def assert_clean_log(self, secrets=()):
        """No secret and no sanitizer report in what the process wrote."""
        text = self.output()
        for mark in SANITIZER_MARKS:
            assert mark not in text, f"{self.name} reported:\n{text[text.index(mark):][:6000]}"
        lower = text.lower()
        for secret in secrets:
            for form in {secret, secret.replace("-", "")}:
                assert form.lower() not in lower, f"{self.name} wrote a secret to its log"
