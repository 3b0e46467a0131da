"""Customers of the crash tests: each sends one archive in its own way and remembers what it was promised."""

import hashlib
import threading
import time
from dataclasses import dataclass

from lc import raw as http
from lc import tus
from lc.raw import Raw

BROKEN = (OSError, AssertionError)  # refused, reset, timed out, or closed within an answer
# What a service that is being killed, or its neighbour, may say; anything else is a finding.
EXPECTED = {201, 204, 403, 404, 408, 409, 410, 423, 503}
TRIES = 12


@dataclass
class Promise:
    """An upload that was acknowledged."""

    upload_id: str
    sha256: str
    size: int
    ticket_id: int
    kind: str


class Customer(threading.Thread):
    """Tries until it has its 201, has been refused for good, or the round is over."""

    def __init__(self, world, book, ticket, kind, rng):
        super().__init__(daemon=True)
        self.world, self.book, self.ticket, self.kind, self.rng = world, book, ticket, kind, rng
        self.data = rng.randbytes(int(10 ** rng.uniform(1.3, 6.4)))
        self.sha256 = hashlib.sha256(self.data).hexdigest()
        self.name = f"log{rng.randint(1, 3)}.txt"
        self.answers = []

    def port(self):
        return self.rng.choice(self.world.ports)

    def run(self):
        for _ in range(TRIES):
            if self.book.over.is_set():
                return
            try:
                if SENDERS[self.kind](self):
                    return
            except BROKEN as e:
                self.answers.append(type(e).__name__)
            time.sleep(self.rng.uniform(0.02, 0.3))  # a customer's pause, not a wait for anything

    def promise(self, upload_id):
        self.book.promise(Promise(upload_id, self.sha256, len(self.data), self.ticket["id"], self.kind))
        return True

    def take(self, answer):
        """True: it is over."""
        self.answers.append(answer and answer.status)
        if answer is None or answer.status in (408, 503):
            return False
        if answer.status not in EXPECTED:
            self.book.finding(f"{self.kind} was answered {answer}")
        if answer.status == 201:
            said = answer.json()
            if said["sha256"] != self.sha256 or said["size"] != len(self.data):
                self.book.finding(f"{self.kind}: 201 speaks of other bytes: {said}")
            return self.promise(said["upload_id"])
        return answer.status != 423 or "retry-after" not in answer.headers

    # -- one request

    def head(self, method, path, *lines):
        return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", "Accept: application/json", *lines, "", ""]).encode()

    def send_parts(self, raw, data, pause):
        step = max(1, len(data) // self.rng.randint(1, 12))
        for at in range(0, len(data), step):
            raw.send(data[at:at + step])
            time.sleep(self.rng.uniform(0, pause))  # a line has a rate
        return raw

    def put(self, pause=0.004):
        head = self.head("PUT", f"/u/{self.book.token(self.ticket)}/{self.name}", f"Content-Length: {len(self.data)}")
        with Raw(self.port(), timeout=10) as raw:
            return self.take(self.send_parts(raw.send(head), self.data, pause).answer())

    def slow(self):
        return self.put(0.12)

    def chunked(self):
        head = self.head("PUT", f"/u/{self.book.token(self.ticket)}/{self.name}", "Transfer-Encoding: chunked")
        third = max(1, len(self.data) // 3)
        body = http.chunks(*(self.data[at:at + third] for at in range(0, len(self.data), third)))
        with Raw(self.port(), timeout=10) as raw:
            return self.take(self.send_parts(raw.send(head), body, 0.004).answer())

    def post(self):
        head = self.head("POST", "/api/v1/archives/", f"Upload-Token: {self.book.token(self.ticket)}",
                         f"Content-Length: {len(self.data)}", f"Content-Disposition: attachment; filename={self.name}")
        with Raw(self.port(), timeout=10) as raw:
            return self.take(self.send_parts(raw.send(head), self.data, 0.004).answer())

    def multipart(self):
        kind, body = http.multipart(self.name, self.data)
        head = self.head("POST", "/api/v1/archives/", f"Upload-Token: {self.book.token(self.ticket)}",
                         f"Content-Length: {len(body)}", f"Content-Type: {kind}")
        with Raw(self.port(), timeout=10) as raw:
            return self.take(self.send_parts(raw.send(head), body, 0.004).answer())

    def aborted(self):
        """Breaks off somewhere; sometimes behind the last byte, so that the answer has no reader."""
        head = self.head("PUT", f"/u/{self.book.token(self.ticket)}/{self.name}", f"Content-Length: {len(self.data)}")
        raw = Raw(self.port(), timeout=10)
        part = self.data[:self.rng.choice((0, len(self.data) // 2, len(self.data)))]
        self.send_parts(raw.send(head), part, 0.004).reset()
        return False

    # -- many requests

    def tus(self):
        if not hasattr(self, "path"):
            first = self.data[:self.rng.choice((0, len(self.data) // 2, len(self.data)))]
            answer = tus.create(self.port(), self.book.token(self.ticket), len(self.data), self.name, first)
            if answer is None or answer.status != 201:
                return self.take(answer)
            self.path, self.acked = tus.path_of(answer), int(answer.headers["upload-offset"])
        elif not self.ask():
            return self.gone
        while self.acked < len(self.data):
            part = self.data[self.acked:self.acked + self.rng.randint(1, len(self.data))]
            answer = tus.patch(self.port(), self.path, self.acked, part, timeout=10)
            if answer is None or answer.status != 204:
                return self.take(answer)
            self.acked = int(answer.headers["upload-offset"])
        return self.promise(self.path.rsplit("/", 1)[1])

    gone = False

    def ask(self):
        """Where to go on; an offset below what was acknowledged is a loss."""
        answer = tus.request(self.port(), "HEAD", self.path, timeout=10)
        if answer is not None and answer.status == 200:
            at = int(answer.headers["upload-offset"])
            if at < self.acked:
                self.book.finding(f"offset {at} after {self.acked} were acknowledged: {self.path}")
            self.acked = at
            return True
        self.gone = self.take(answer)
        return False


SENDERS = {"put": Customer.put, "slow": Customer.slow, "chunked": Customer.chunked, "post": Customer.post,
           "multipart": Customer.multipart, "aborted": Customer.aborted, "tus": Customer.tus}
