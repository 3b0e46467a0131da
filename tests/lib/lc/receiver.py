"""A receiver of web hooks on loopback: keeps what came and answers as the test says."""

import hashlib
import hmac
import json
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Call:
    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def delivery(self):
        return int(self.headers["X-LC-Delivery"])

    def is_signed_with(self, secret):
        """As the README tells receivers to check it."""
        signed = self.headers["X-LC-Timestamp"].encode() + b"." + self.body
        right = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(right, self.headers["X-LC-Signature"])


class Receiver:
    """`answers` maps a path to a list of (status, headers, body), the last of which stays; `gate` holds all back."""

    def __init__(self, host="127.0.0.1", certificate=None):
        self.calls, self.answers, self.lock = [], {}, threading.Lock()
        self.gate = threading.Event()
        self.gate.set()
        self.under_way, self.at_once = {}, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                outer.take(self)

            def log_message(self, *args):  # pylint: disable=arguments-differ
                pass

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.port = self.server.server_address[1]
        self.url = f"{scheme}://{host}:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        call = Call(handler.path, dict(handler.headers), body)
        with self.lock:
            self.calls.append(call)
            answers = self.answers.get(handler.path, [(204, {}, b"")])
            status, headers, content = answers.pop(0) if len(answers) > 1 else answers[0]
            self.under_way[call.delivery] = self.under_way.get(call.delivery, 0) + 1
            self.at_once = max(self.at_once, self.under_way[call.delivery])
        self.gate.wait(30)
        with self.lock:
            self.under_way[call.delivery] -= 1
        try:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, value)
            if status != 204:
                handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass  # the sender had enough

    def at(self, path):
        with self.lock:
            return [c for c in self.calls if c.path == path]

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
