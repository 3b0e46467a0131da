"""Random query strings, JSON bodies, forms and heads against the live server: never a 5xx, never a dead process.

A minute in CI. LC_SEED repeats a run, LC_FUZZ_SECONDS makes it longer."""

import http.client
import json
import os
import random
import time

import pytest
import requests

SECONDS = float(os.environ.get("LC_FUZZ_SECONDS", "60" if os.environ.get("CI") else "15"))
SEED = int(os.environ.get("LC_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)

NAMES = ["id", "id__in", "id__lte", "number", "number__in", "number__contains", "number__gte", "resolved", "user", "search",
         "ordering", "limit", "offset", "year", "month__lt", "year__gte", "ticket", "ticket__lte", "time_create",
         "time_create__gte", "name", "pretty_name", "platform", "attempts", "note", "expires_at", "max_bytes", "token",
         "file", "username", "password", "otp", "refresh", "unknown"]
WORDS = ["", "0", "1", "-1", "5", "1001", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e3", "1e999",
         "0.5", ".", "-", "+", "abc", "true", "False", "null", "None", "NaN", ",", ",,1,", " ", "\t", "\n", "\0", "%", "_",
         "\\", "'", '"', ";", "--", "$1", "vm6", "Ж", "\U0001f600", "\u202e", "2026-11-24", "2026-11-24T01:02:03.4Z",
         "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59", "10000-01-01", "-number", "number,id", "a" * 300,
         "1," * 400, "<b>", "../", "{}", "[]"]
PATHS = ["platforms/", "platforms/vm6/", "platforms/x/", "tickets/", "tickets/1001/", "tickets/7/", "archives/", "archives/1/",
         "archives/2/", "auth/token/", "auth/token/refresh/", "auth/token/verify/", "check/storage/", "check/token/x",
         "tickets/1001/uploads/", "tickets/1001/rotate-token/", "archives/1/verify/", "/archives/download/1001/a.log"]
METHODS = ["GET", "GET", "POST", "PUT", "PATCH", "HEAD", "OPTIONS"]


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def word(self):
        text = self.r.choice(WORDS)
        if self.r.random() < 0.3:
            text += self.r.choice(WORDS)
        return text

    def raw(self, most=40):
        return bytes(self.r.randrange(256) for _ in range(self.r.randrange(most)))

    def value(self, depth=0):
        kind = self.r.randrange(9 if depth < 4 else 6)
        if kind < 3:
            return self.word()
        if kind == 3:
            return self.r.choice([0, 1, -1, 10, 11, 2 ** 31, 2 ** 63 - 1, 2 ** 63, -2 ** 63, -2 ** 63 - 1, 10 ** 40])
        if kind == 4:
            return self.r.choice([True, False, None])
        if kind == 5:
            return self.r.choice([0.5, 1.0, -0.0, 1e300, 5e-324, 2.0 ** 63])
        if kind == 6:
            return [self.value(depth + 1) for _ in range(self.r.randrange(4))]
        return {self.r.choice(NAMES): self.value(depth + 1) for _ in range(self.r.randrange(4))}

    def query(self):
        pairs = []
        for _ in range(self.r.randrange(5)):
            name, value = self.r.choice(NAMES), self.word()
            if self.r.random() < 0.8:
                pairs.append(f"{name}={requests.utils.quote(value)}")
            else:
                pairs.append(f"{name}=" + "".join(f"%{b:02x}" for b in self.raw(12)))
        return "".join(chr(b) if 0x20 < b < 0x7f and b != 0x23 else f"%{b:02X}"
                       for b in self.broken("&".join(pairs).encode()))

    def broken(self, data):
        """Now and then a few bytes are changed, left out or doubled."""
        if self.r.random() < 0.75 or not data:
            return data
        data = bytearray(data)
        for _ in range(self.r.randrange(1, 4)):
            at = self.r.randrange(len(data) + 1)
            data[at:at + self.r.randrange(3)] = self.r.choice([b"", self.raw(4), bytes(data[at:at + 8]) * 2])
        return bytes(data)

    def json_body(self):
        body = {self.r.choice(NAMES): self.value() for _ in range(self.r.randrange(7))}
        kind = self.r.random()
        if kind < 0.2:
            body = self.value()
        elif kind < 0.5:  # nearly right, so that it goes further
            body = {"name": f"p{self.r.randrange(10 ** 6)}", "pretty_name": "P", "number": self.r.randrange(10 ** 9),
                    "platform": "vm6", **dict(list(body.items())[:1])}
        return "application/json", self.broken(json.dumps(body, ensure_ascii=self.r.random() < 0.5).encode())

    def form(self):
        parts = []
        for _ in range(self.r.randrange(5)):
            name = self.r.choice(NAMES)
            file = f'; filename="{self.r.choice(["a.log", "", "/", "..", "Ж", "x" * 300])}"' if self.r.random() < 0.4 else ""
            value = self.word().encode() if self.r.random() < 0.7 else self.raw(200)
            parts.append(f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value + b"\r\n")
        return self.r.choice(["multipart/form-data; boundary=b", "multipart/form-data"]), \
            self.broken(b"".join(parts) + b"--b--\r\n")

    def body(self):
        kind = self.r.random()
        if kind < 0.6:
            return self.json_body()
        if kind < 0.9:
            return self.form()
        return self.r.choice(["text/plain", "application/x-www-form-urlencoded", "", "a/b;c=d"]), self.raw(200)

    def headers(self):
        names = ["Accept", "If-Match", "If-None-Match", "Range", "If-Range", "Content-Disposition", "X-Forwarded-For", "Cookie",
                 "Origin"]
        values = ["*", "*/*", '"x"', 'W/"x", "y', "bytes=0-1", "bytes=9-1,2-", "attachment; filename=x", "::1, 1.2.3.4", "a=b;=",
                  "application/json;q=0", "null", ";", ",,,"]
        return {self.r.choice(names): self.r.choice(values) for _ in range(self.r.randrange(3))}


def test_random_requests(stack):
    print(f"LC_SEED={SEED}")
    stack.make_platform("vm6")
    ticket = stack.make_ticket(platform="vm6", number=1001, attempts=10)
    for _ in range(2):
        requests.post(stack.gateway.url + "/api/v1/archives/", headers={"Upload-Token": ticket["token"]},
                      files={"file": ("a.log", b"x")}, timeout=10)
    connection = http.client.HTTPConnection("127.0.0.1", stack.admin.port, timeout=30)
    maker, pid, seen = Maker(SEED), stack.admin.process.pid, {}
    ends, count = time.monotonic() + SECONDS, 0
    while time.monotonic() < ends:
        method, path = maker.r.choice(METHODS), maker.r.choice(PATHS)
        path = path if path.startswith("/") else "/api/v1/" + path
        type_, body = maker.body() if method in ("POST", "PUT", "PATCH") else (None, None)
        headers = {**maker.headers(), **({"Content-Type": type_} if type_ is not None else {})}
        target = path + ("?" + maker.query() if maker.r.random() < 0.7 else "")
        connection.request(method, target, body, {**headers, "Authorization": stack.api.headers["Authorization"]})
        answer = connection.getresponse()
        text = answer.read()
        what = f"{method} {target!r} {headers} {body!r}: {answer.status} {text[:300]!r} (LC_SEED={SEED})"
        assert answer.status < 500, what
        assert answer.status not in (400, 404) or method == "HEAD" or json.loads(text), what
        seen[answer.status] = seen.get(answer.status, 0) + 1
        count += 1
    print(count, "requests", dict(sorted(seen.items())))
    assert count > 20 and {200, 201, 400, 404} <= set(seen)
    assert stack.admin.process.alive() and stack.admin.process.pid == pid
    assert stack.get("/api/v1/tickets/").status_code == 200


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_seed_asks_the_same(seed):
    first, second = Maker(seed), Maker(seed)
    for _ in range(50):
        assert (first.query(), first.body(), first.headers()) == (second.query(), second.body(), second.headers())
