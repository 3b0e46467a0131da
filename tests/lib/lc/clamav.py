"""A real clamd whose only signature is the EICAR test string: starts at once and needs no database of malware."""

import contextlib
import os
import socket
import threading

from lc.process import Process, free_port
from lc.programs import which

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"  # in two, for scanners' sake


class Clamd:
    """In `directory`, on a unix socket (`where`), or with tcp=True on a port of loopback."""

    def __init__(self, directory, tcp=False, stream_max="1M"):
        self.directory = str(directory)
        database = os.path.join(self.directory, "db")
        os.makedirs(database, exist_ok=True)
        with open(os.path.join(database, "test.ndb"), "w", encoding="ascii") as f:
            f.write(f"Test.Eicar:0:*:{EICAR.hex()}\n")
        port, path = free_port(), os.path.join(self.directory, "clamd.sock")
        self.where = f"127.0.0.1:{port}" if tcp else path
        listen = f"TCPSocket {port}\nTCPAddr 127.0.0.1" if tcp else f"LocalSocket {path}"
        config = os.path.join(self.directory, "clamd.conf")
        with open(config, "w", encoding="ascii") as f:
            f.write(f"{listen}\nDatabaseDirectory {database}\nForeground yes\nStreamMaxLength {stream_max}\n"
                    f"TemporaryDirectory {self.directory}\nLogFile {self.directory}/clamd.log\nMaxThreads 4\n")
        os.chmod(self.directory, 0o777)
        self.process = Process("clamd", [which("clamd"), "-c", config], os.path.join(self.directory, "out.log"))

    def answers(self):
        return self.ask(b"zPING\0") == b"PONG\0"

    def ask(self, said):
        """What clamd says to all that a client said."""
        if self.where.startswith("/"):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.where)
        else:
            s = socket.create_connection(self.where.rsplit(":", 1))
        with s:
            with contextlib.suppress(BrokenPipeError):  # it says why it hangs up on what is too large
                s.sendall(said)
            return s.recv(512)

    def start(self):
        self.process.spawn()
        self.process.wait_ready(self.answers)
        return self

    def stop(self):
        self.process.stop(expect=None)


class Stumbling:
    """A clamd that stumbles over some files: between client and `clamd`, on a unix socket at `where`. A file that
    begins with a word of TROUBLES gets what stands there instead of an answer, None: silence. `seen` counts them. One
    that begins with HASTY is called clean before it has come."""

    HASTY = b"hasty"

    TROUBLES = {b"mute": None, b"broken": b"", b"garbage": b"stream: what?\0"}

    def __init__(self, clamd, where):
        self.clamd, self.where = clamd, where
        self.troubles = dict(self.TROUBLES)
        self.seen = dict.fromkeys(self.TROUBLES, 0)
        self.held, self.hasty = [], 0
        self.listener = socket.socket(socket.AF_UNIX)

    def __enter__(self):
        self.listener.bind(self.where)
        self.listener.listen(8)
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for s in self.held:
            s.close()
        os.unlink(self.where)

    def _accept(self):
        while True:
            try:
                s = self.listener.accept()[0]
            except OSError:
                return
            self._serve(s)

    def _serve(self, s):
        with s.makefile("rb") as said:
            command = said.read(6)
            if command == b"zPING\0":
                text, whole = b"", command
            else:
                text, whole = _instream(said, command + said.read(4), self.HASTY)
            if text.startswith(self.HASTY):
                self.hasty += 1
                s.sendall(b"stream: OK\0")
                while said.read(65536):
                    pass
                s.close()
                return
        if whole is None:  # clamd would wait for the rest
            s.close()
            return
        word = next((w for w in self.troubles if text.startswith(w)), None)
        self.held.append(s)
        answer = self.clamd.ask(whole) if word is None else self.troubles[word]
        if answer is not None:
            with contextlib.suppress(BrokenPipeError):  # the client did not wait for it
                s.sendall(answer)
            s.close()
        if word is not None:
            self.seen[word] += 1


def _instream(said, whole, hasty):
    """The text of a file and the bytes that carried it, None: it broke off; of one that begins with `hasty` the first piece."""
    text = b""
    while True:
        length = said.read(4)
        if len(length) < 4:
            return text, None
        piece = said.read(int.from_bytes(length, "big"))
        text, whole = text + piece, whole + length + piece
        if not piece or text.startswith(hasty):
            return text, whole
