"""Requests to admin-api as tables of cases say them, and the answers every one of them must be like."""

import json as jsonlib

SECURITY = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin"}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


class Rest:
    """The administrator's session on /api/v1/: a path without a leading slash is below it."""

    def __init__(self, stack):
        self.stack, self.url, self.session = stack, stack.admin.url, stack.api

    def call(self, method, path, **kw):
        kw.setdefault("allow_redirects", False)
        session = kw.pop("session", self.session)
        where = path if path.startswith("/") else "/api/v1/" + path
        answer = session.request(method, self.url + where, timeout=30, **kw)
        check_common(answer)
        return answer

    def get(self, path, **kw):
        return self.call("GET", path, **kw)

    def head(self, path, **kw):
        return self.call("HEAD", path, **kw)

    def post(self, path, json=None, **kw):
        return self.call("POST", path, json=json, **kw)

    def put(self, path, json=None, **kw):
        return self.call("PUT", path, json=json, **kw)

    def patch(self, path, json=None, **kw):
        return self.call("PATCH", path, json=json, **kw)

    def delete(self, path, **kw):
        return self.call("DELETE", path, **kw)

    def numbers(self, query):
        """The ticket numbers of a filtered list, in its order."""
        answer = self.get(f"tickets/?{query}")
        assert answer.status_code == 200, answer.text
        return [t["number"] for t in answer.json()]


def check_common(answer):
    """What the contract says of every answer."""
    assert answer.status_code < 500, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    assert "Allow" in answer.headers, answer.headers
    for name, value in SECURITY.items():
        assert answer.headers.get(name) == value, f"{name} of {answer.request.method} {answer.request.url}"
    assert "Access-Control-Allow-Origin" not in answer.headers
    if answer.content and answer.headers.get("Content-Type") == "application/json" and answer.status_code != 206:
        assert answer.content == compact(answer.json()), answer.text


def compact(value):
    return jsonlib.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def expect(answer, status, body=None):
    """The answer's status and, if given, its body word for word."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    if body is not None:
        assert answer.json() == body, answer.text
    return answer
