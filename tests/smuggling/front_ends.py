"""Real front ends before a service, and the relay between them that writes down what each side said. The front end's own
log tells how many requests it believes to have passed on."""

import os
import re
import shutil
import socket
import tempfile
import threading

from lc.flaky import Line
from lc.nginx import Nginx
from lc.process import Process, free_port
from lc.programs import which

HAPROXY = """
global
    log stdout format raw local0
defaults
    mode http
    log global
    log-format "passed=%s status=%ST"
    timeout connect 2s
    timeout client 600ms
    timeout server 2s
    retries 0
frontend f
    bind 127.0.0.1:{port}
    default_backend b
backend b
    http-reuse always
    server behind 127.0.0.1:{behind}
"""
NGINX_HTTP = """log_format passed 'passed=$upstream_addr status=$status';
    upstream behind { server 127.0.0.1:BEHIND; keepalive 8; }
    client_body_timeout 600ms; client_header_timeout 600ms; proxy_read_timeout 3s; ignore_invalid_headers off;
    underscores_in_headers on;"""
NGINX_SERVER = """access_log {dir}/passed.log passed; # the harness' http block says off
        location / { proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_request_buffering BUFFERING; proxy_next_upstream off; proxy_ignore_client_abort on; proxy_set_header Host $http_host; }"""


class Relay(Line):
    """Between a front end and a service: `asked` and `answered` are the bytes of each connection, in order."""

    def __init__(self, target):
        self.target, self.lock, self.streams = target, threading.Lock(), []
        super().__init__()

    def _take(self, client):
        back, stream = socket.create_connection(("127.0.0.1", self.target)), {"asked": b"", "answered": b""}
        with self.lock:
            self.streams.append(stream)
        for source, sink, what in ((client, back, "asked"), (back, client, "answered")):
            threading.Thread(target=self._pump, args=(source, sink, stream, what), daemon=True).start()

    def _pump(self, source, sink, stream, what):
        try:
            while data := source.recv(65536):
                with self.lock:
                    stream[what] += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                end.close()

    def answers(self):
        """How many final answers the service has given, over all connections."""
        with self.lock:
            return sum(count_answers(s["answered"]) for s in self.streams)

    def asked(self):
        with self.lock:
            return [s["asked"] for s in self.streams]


def count_answers(stream):
    """Walks over the answers by their lengths: a status line within a body is none."""
    count = 0
    while stream:
        head, end, rest = stream.partition(b"\r\n\r\n")
        if not end:
            break
        status = re.match(rb"HTTP/1\.1 (\d{3})", head)
        assert status, f"not an answer: {stream[:200]!r}"
        count += int(status.group(1)) >= 200
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
            rest = rest.partition(b"0\r\n\r\n")[2]
        stream = rest[int(length.group(1)):] if length else rest
    return count


class FrontEnd:
    """`passed()`: how many requests it says it has sent on."""

    def passed(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return sum("passed=" in line and not re.search(r"passed=(-|<NOSRV>) ", line) for line in f)


class NginxFront(FrontEnd):
    def __init__(self, behind, streaming):
        self.nginx = Nginx("nginx", None, NGINX_SERVER.replace("BUFFERING", "off" if streaming else "on"),
                           http=NGINX_HTTP.replace("BEHIND", str(behind)))
        self.port, self.log, self.process = self.nginx.port, f"{self.nginx.directory}/passed.log", self.nginx.process

    def close(self):
        self.nginx.close()


class HaproxyFront(FrontEnd):
    def __init__(self, behind):
        self.directory, self.port = tempfile.mkdtemp(), free_port()
        self.log = os.path.join(self.directory, "log")
        with open(f"{self.directory}/haproxy.cfg", "w", encoding="ascii") as f:
            f.write(HAPROXY.format(port=self.port, behind=behind))
        self.process = Process("haproxy", [which("haproxy"), "-db", "-f", f"{self.directory}/haproxy.cfg"], self.log)
        self.process.spawn()
        self.process.wait_ready(lambda: socket.create_connection(("127.0.0.1", self.port), 1).close() or True)

    def close(self):
        self.process.stop(expect=None)
        shutil.rmtree(self.directory, ignore_errors=True)


FRONT_ENDS = {"nginx": lambda behind: NginxFront(behind, False), "nginx-streaming": lambda behind: NginxFront(behind, True),
              "haproxy": HaproxyFront}
