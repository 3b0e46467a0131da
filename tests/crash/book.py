"""What customers and engineers of one round were told and what they began: the verifier holds the stores against it."""

import threading
from collections import Counter, defaultdict


class Book:
    """Written by many threads; read when they have ended."""

    def __init__(self, tickets):
        self.lock, self.over = threading.Lock(), threading.Event()
        self.tickets = {t["id"]: t for t in tickets}
        self.tokens = {t["id"]: t["token"] for t in tickets}
        self.numbers = {t["number"]: t["id"] for t in tickets}
        self.promises, self.findings, self.kinds = [], [], Counter()
        self.settings = defaultdict(list)  # ticket id → (value, begun, acknowledged) of its attempts
        self.maybe_deleted, self.surely_deleted, self.doomed_tickets = set(), set(), set()

    def finding(self, text):
        with self.lock:
            self.findings.append(text)

    def promise(self, promise):
        with self.lock:
            self.promises.append(promise)
            self.kinds[promise.kind] += 1

    def token(self, ticket):
        return self.tokens[ticket["id"]]

    def rotated(self, ticket, token):
        with self.lock:
            self.tokens[ticket["id"]] = token

    def attempts_set(self, ticket_id, value, begun, ended):
        with self.lock:
            self.settings[ticket_id].append((value, begun, ended))

    def renamed(self, ticket_id, number):
        with self.lock:
            self.numbers[number] = ticket_id

    def deleting(self, sha256):
        with self.lock:
            self.maybe_deleted.add(sha256)

    def deleted(self, archive_id):
        with self.lock:
            self.surely_deleted.add(archive_id)

    def deleting_ticket(self, ticket_id):
        with self.lock:
            self.doomed_tickets.add(ticket_id)
