"""tus 1.0.0 by hand: single requests as bytes, so that each clause of the protocol can be kept or broken."""

import base64
import hashlib

from lc.raw import Raw

PATH = "/api/v1/uploads/"
PART = "application/offset+octet-stream"


def encoded(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def metadata(**pairs):
    """An Upload-Metadata value."""
    return ",".join(f"{k} {encoded(v)}" if v is not None else k for k, v in pairs.items())


def checksum(data, algorithm="sha1"):
    return f"{algorithm} {encoded(hashlib.new(algorithm, data).digest())}"


def head_of(method, path, headers, body=b"", version="1.0.0"):
    lines = {"Host": "x", "Tus-Resumable": version, **headers}
    if body is not None and "Transfer-Encoding" not in lines and "Content-Length" not in lines:
        if body or method in ("POST", "PATCH"):
            lines["Content-Length"] = str(len(body))
    text = "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v is not None)
    return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode()


def request(port, method, path, headers=None, body=b"", version="1.0.0", timeout=30):
    """One request on a connection of its own: its answer."""
    with Raw(port, timeout=timeout) as raw:
        raw.send(head_of(method, path, headers or {}, body, version) + body)
        return raw.answer(method)


def create(port, token, length, name="app.log", body=b"", **headers):
    fields = {"Upload-Token": token, "Upload-Metadata": metadata(filename=name)}
    fields.update({"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)})
    if body:
        fields["Content-Type"] = PART
    fields.update({k.replace("_", "-"): v for k, v in headers.items()})
    return request(port, "POST", PATH, fields, body)


def path_of(answer):
    """The path of a creation's Location, relative or absolute."""
    assert answer.status == 201, answer
    location = answer.headers["location"]
    return location[location.index(PATH):]


def offset(port, path, timeout=30):
    """What the server has, by HEAD."""
    answer = request(port, "HEAD", path, timeout=timeout)
    assert answer.status == 200, answer
    return int(answer.headers["upload-offset"])


def patch(port, path, at, body, timeout=30, **headers):
    fields = {"Content-Type": PART, "Upload-Offset": str(at)}
    fields.update({k.replace("_", "-"): v for k, v in headers.items()})
    return request(port, "PATCH", path, fields, body, timeout=timeout)
