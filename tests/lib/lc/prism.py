"""Every request that a test makes, against the published document.

The service is asked first. Then the same request goes through prism to a small server that has nothing but this answer,
so that nothing happens twice. What was answered well is compared by `prism proxy --errors`, which refuses a request or
an answer that is not as documented; of a refusal only the answer is compared, for its request was wrong on purpose."""

import collections
import contextlib
import json
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import requests

from lc.build import ROOT
from lc.process import Process, free_port

TOOLS = os.path.join(ROOT, "tests", "contract", "node_modules", ".bin")
METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}
PARAMETER = re.compile(r"\{[^}]+\}")
HOPS = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server", "host", "accept-encoding"}
MOST_ALIKE = 20  # requests of one test that differ in values alone
BODY_MOST = 1 << 18  # larger ones are too much for prism's reader; their answers are compared
FREE = "/api/v1/schema/"  # what it answers are documents of others


def closed(document):
    """The same document, in which answers may hold nothing that is not described, and integers of any size: prism's
    own check of int64 rounds them."""
    copy = json.loads(json.dumps(document))
    for name, schema in copy["components"]["schemas"].items():
        if schema.get("type") == "object" and "properties" in schema and not name.endswith(("Input", "Change")):
            schema.setdefault("additionalProperties", False)
    _each(copy, lambda node: node.pop("format") if node.get("format") == "int64" else None)
    return copy


def _each(node, visit):
    if isinstance(node, dict):
        visit(node)
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _each(child, visit)


def with_types(body, content_type):
    """A multipart body in which every part says its type: prism's reader stops for good at one that does not. None: it
    is no such body."""
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    mark = b"--" + (boundary.group(1) if boundary else "").encode()
    pieces = body.split(mark)
    if not boundary or len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        return None
    for i, piece in enumerate(pieces[1:-1], 1):
        head, end, content = piece.partition(b"\r\n\r\n")
        if b"\r\ncontent-type:" not in head.lower():
            pieces[i] = head + b"\r\nContent-Type: text/plain" + end + content
    return mark.join(pieces)


class Operations:
    """Which operation of the document a request is."""

    def __init__(self, document):
        self.paths = document["paths"]
        self.patterns = [(re.compile(PARAMETER.sub("[^/]+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}")) + "$"), path)
                         for path in self.paths]

    def template(self, path):
        if path in self.paths:
            return path
        found = [template for pattern, template in self.patterns if pattern.match(path)]
        return min(found, key=lambda t: t.count("{")) if found else None

    def find(self, method, path):
        """The path's template and its operation; None, None where the document has neither."""
        template = self.template(path)
        operation = self.paths[template].get(method.lower()) if template else None
        return (template, operation) if operation else (None, None)


class Echo:
    """A server whose only answer is the one it was given last."""

    def __init__(self):
        self.answer = None

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            echo = self

            def reply(self):
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                status, headers, body = self.echo.answer
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                if status not in (204, 304):
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if status not in (204, 304):
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = reply  # noqa: the base class's names

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Proxy:
    """One prism over the document; started again where it has ended."""

    def __init__(self, file, upstream, strict, directory):
        self.port = free_port()
        options = ["--errors"] if strict else []
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = Process("prism", [os.path.join(TOOLS, "prism"), "proxy", *options, "-p", str(self.port), file,
                                         upstream], os.path.join(directory, f"prism-{self.port}.log"), env=dict(os.environ))
        self.session = requests.Session()
        self.starts = 0

    def ask(self, method, path, headers, body):
        if not self.process.alive():
            self.starts += 1
            self.process.spawn()
            listening = "Prism is listening"
            self.process.wait_ready(lambda: self.process.output().count(listening) >= self.starts, 240)
        return self.session.send(requests.Request(method, self.url + path, headers=headers, data=body).prepare(),
                                 timeout=60, allow_redirects=False)

    def close(self):
        self.session.close()
        self.process.stop(expect=None)


def _violations(answer, strict):
    """What prism has to say, [] for nothing."""
    if strict and "application/problem+json" in answer.headers.get("Content-Type", "") and "stoplight" in answer.text:
        return [answer.text]
    found = json.loads(answer.headers.get("sl-violations", "[]"))
    return found if strict else [v for v in found if v["location"][0] != "request"]


class Conformance:
    """The document, what was seen of it, and what was not as it says."""

    def __init__(self, document, directory):
        self.document, self.operations = document, Operations(document)
        self.seen, self.differences, self.refusals, self.replayed = set(), [], set(), 0
        self.is_generous, self.alike = False, collections.Counter()
        self.lock = threading.RLock()
        self.file = os.path.join(directory, "api.json")
        with open(self.file, "w", encoding="utf-8") as f:
            json.dump(closed(document), f)
        self.echo = Echo()
        self.strict = Proxy(self.file, self.echo.url, True, directory)
        self.lenient = Proxy(self.file, self.echo.url, False, directory)

    def close(self):
        self.strict.close()
        self.lenient.close()
        self.echo.close()

    def begin_test(self, is_generous):
        """is_generous: its requests are taken although the document says less."""
        self.is_generous = is_generous
        self.alike.clear()
        self.differences.clear()

    def is_own(self, url):
        return url.startswith((self.strict.url, self.lenient.url, self.echo.url))

    def _differs(self, method, path, status, why):
        self.differences.append(f"{method} {path} {status}: {why}")

    def look(self, request, answer):
        """One exchange; `answer` has been read."""
        path, status = urlsplit(request.url).path, answer.status_code
        template, operation = self.operations.find(request.method, path)
        if operation is None:
            if status < 300 and path.startswith("/api/") and not self._follows(request.method, path, status):
                self._differs(request.method, path, status, "is not in the document")
            return
        if str(status) not in operation["responses"]:
            self._differs(request.method, request.url, status, f"{operation['operationId']} does not document it")
            return
        self.seen.add((operation["operationId"], str(status)))
        if request.method == "HEAD" or answer.is_redirect or template.startswith(FREE):
            return  # prism would read the body that HEAD's Content-Type speaks of, and follow a redirect by itself
        with self.lock:
            if not self._is_enough(operation, request, answer):
                self._replay(request, answer, template, operation)

    def _follows(self, method, path, status):
        """HEAD is there where GET is, with its statuses; OPTIONS wherever anything is (RFC 9110, 9.3.2 and 9.3.7)."""
        if method == "OPTIONS":
            return self.operations.template(path) is not None
        return method == "HEAD" and str(status) in (self.operations.find("GET", path)[1] or {"responses": ()})["responses"]

    def _is_enough(self, operation, request, answer):
        """Refusals are compared without their requests, so the same one need not be twice; nor need the like of what
        was answered well be more often than some times."""
        if answer.status_code >= 400:
            key = (operation["operationId"], answer.status_code, tuple(sorted(answer.headers)), answer.content)
            known = key in self.refusals
            self.refusals.add(key)
            return known
        key = (operation["operationId"], answer.status_code, tuple(sorted(parse_qs(urlsplit(request.url).query))))
        self.alike[key] += 1
        return self.alike[key] > MOST_ALIKE

    def _request_of(self, request, template, operation, strict):
        """What prism is sent: path, headers, body and whether it can be read; of a refusal the path's template alone,
        for prism itself stumbles over what such requests are made of."""
        parts = urlsplit(request.url)
        path, body = parts.path + (f"?{parts.query}" if parts.query else ""), request.body
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOPS}
        if "requestBody" not in operation:
            body, headers = None, {k: v for k, v in headers.items() if k.lower() != "content-type"}  # nobody reads it
        content_type = str(headers.get("Content-Type", ""))
        if strict and content_type.startswith("multipart/") and body:
            body = with_types(body if isinstance(body, bytes) else body.encode(), content_type)
            strict = body is not None
        strict = strict and len(body or "") <= BODY_MOST
        return (path, headers, body, True) if strict else (PARAMETER.sub("1", template), {"Accept": "*/*"}, None, False)

    def _replay(self, request, answer, template, operation):
        is_good = answer.status_code < 300 and not self.is_generous
        path, headers, body, strict = self._request_of(request, template, operation, is_good)
        self.echo.answer = (answer.status_code, [(k, v) for k, v in answer.headers.items()
                                                 if k.lower() not in HOPS | {"content-encoding"}], answer.content)
        self.replayed += 1
        try:
            got = (self.strict if strict else self.lenient).ask(request.method, path, headers, body)
        except requests.ConnectionError as e:
            self._differs(request.method, request.url, answer.status_code, f"prism gave up: {e}")
            return
        bad = _violations(got, strict)
        if bad or got.status_code != answer.status_code:
            self._differs(request.method, request.url, answer.status_code, f"{bad or got.text[:1000]}\n  request: "
                          f"{(request.body or b'')[:300]!r} answer: {answer.text[:300]!r}")


@contextlib.contextmanager
def listening(conformance):
    """While it lasts, every exchange of a requests.Session with a service on this machine is looked at."""
    send = requests.Session.send

    def observed(session, request, **kw):
        answer = send(session, request, **kw)
        first = answer.history[0] if answer.history else answer  # those behind a redirect come here by themselves
        if not kw.get("stream") and not conformance.is_own(first.request.url):
            conformance.look(first.request, first)
        return answer

    requests.Session.send = observed
    try:
        yield
    finally:
        requests.Session.send = send
