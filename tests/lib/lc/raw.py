"""HTTP by hand over a plain socket: for heads and bodies that no client library would send."""

import json
import re
import socket


class Answer:
    """One response: status, headers (lower case names), body, and what came after it."""

    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(re.match(r"HTTP/1\.[01] (\d{3})", lines[0]).group(1))
        self.headers = {k.strip().lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:] if line)}
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class Raw:
    """A connection: send() bytes, answer() reads one response. Use as a context manager."""

    def __init__(self, port, host="127.0.0.1", timeout=15, rcvbuf=None):
        self.sock = socket.socket()
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(timeout)
        self.sock.connect((host, port))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def shutdown(self):
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def reset(self):
        """Closes with RST, as a crashed client's kernel does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def _more(self):
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def _take(self, count):
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def answer(self, method="POST"):
        """The next final response, and 1xx ones apart in .interim; None if the connection ended before any byte."""
        interim = []
        while True:
            while b"\r\n\r\n" not in self.buffer:
                if not self._more():
                    assert not self.buffer, f"closed within a head: {self.buffer!r}"
                    return None
            head = self._take(self.buffer.index(b"\r\n\r\n") + 4)[:-4]
            answer = Answer(head, b"")
            if answer.status >= 200:
                break
            interim.append(answer.status)
        answer.interim = interim
        answer.body = b"" if method == "HEAD" or answer.status in (204, 304) else self._body(answer.headers)
        return answer

    def interim(self):
        """The status of the next 1xx response alone (100 Continue), left out of answer()."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                return None
        head = self._take(self.buffer.index(b"\r\n\r\n") + 4)[:-4]
        return Answer(head, b"").status

    def _body(self, headers):
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunked()
        if "content-length" in headers:
            length = int(headers["content-length"])
            while len(self.buffer) < length:
                assert self._more(), "closed within a body"
            return self._take(length)
        while self._more():
            pass
        return self._take(len(self.buffer))

    def _chunked(self):
        body = b""
        while True:
            while b"\r\n" not in self.buffer:
                assert self._more(), "closed within a chunk"
            size = int(self._take(self.buffer.index(b"\r\n") + 2)[:-2].split(b";")[0], 16)
            while len(self.buffer) < size + 2:
                assert self._more(), "closed within a chunk"
            body += self._take(size + 2)[:-2]
            if size == 0:
                return body

    def closed(self):
        """True when the other side has closed; waits for it up to the time-out."""
        try:
            return not self.buffer and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def exchange(port, data, method="POST", **kw):
    """Sends the bytes, gives the answer, closes."""
    with Raw(port, **kw) as raw:
        return raw.send(data).answer(method)


def chunks(*parts, end=True):
    """The parts as chunks of a chunked body."""
    coded = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts if p)
    return coded + (b"0\r\n\r\n" if end else b"")


def multipart(name, content, boundary="XX1a2b", field="file", fields=()):
    """A multipart/form-data body with one file: (content type, bytes)."""
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
                 "Content-Type: application/octet-stream\r\n\r\n".encode() + content +
                 f"\r\n--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)
