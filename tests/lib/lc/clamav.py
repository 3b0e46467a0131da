"""A real clamd whose only signature is the EICAR test string: starts at once and needs no database of malware."""

import os
import shutil
import socket

from lc.process import Process, free_port

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
        self.process = Process("clamd", [_program(), "-c", config], os.path.join(self.directory, "out.log"))

    @staticmethod
    def available():
        return _program() is not None

    def answers(self):
        if self.where.startswith("/"):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.where)
        else:
            s = socket.create_connection(self.where.rsplit(":", 1))
        with s:
            s.sendall(b"zPING\0")
            return s.recv(16) == b"PONG\0"

    def start(self):
        self.process.spawn()
        self.process.wait_ready(self.answers)
        return self

    def stop(self):
        self.process.stop(expect=None)


def _program():
    return shutil.which("clamd", path=os.environ.get("PATH", "") + ":/usr/sbin")
