"""The support team of the crash tests: changes tickets and archives while customers send, each change until it is
acknowledged, and writes into the book what may have happened when."""

import threading
import time

import requests

TRIES = 60


class Engineer(threading.Thread):
    """Works on one ticket. `kinds`: the changes it makes, in order."""

    def __init__(self, world, book, ticket, kinds, rng):
        super().__init__(daemon=True)
        self.world, self.book, self.ticket, self.kinds, self.rng = world, book, ticket, kinds, rng
        self.session = requests.Session()
        self.session.headers.update(world.stack.api.headers)
        self.number = ticket["number"]

    def run(self):
        for kind in self.kinds:
            time.sleep(self.rng.uniform(0.05, 0.4))  # people take their time
            if self.book.over.is_set():
                return
            getattr(self, kind)()

    def call(self, method, path, **kw):
        """Until there is an answer that says what happened; None: there was none in this round."""
        for _ in range(TRIES):
            try:
                answer = self.session.request(method, self.world.stack.admin.url + path, timeout=5, **kw)
                if answer.status_code < 500:
                    return answer
                if answer.status_code not in (500, 503, 504):
                    self.book.finding(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            except requests.RequestException:
                pass
            time.sleep(0.05)
        return None

    def at(self, number=None):
        return f"/api/v1/tickets/{self.number if number is None else number}/"

    def patch(self, **fields):
        answer = self.call("PATCH", self.at(), json=fields)
        if answer is not None and answer.status_code != 200:
            self.book.finding(f"PATCH {fields} of {self.number}: {answer.status_code} {answer.text[:200]}")

    def resolve(self):
        self.patch(resolved=True)

    def reopen(self):
        self.patch(resolved=False)

    def attempts(self):
        value, begun = self.rng.randint(0, 8), time.time()
        self.patch(attempts=value)
        self.book.attempts_set(self.ticket["id"], value, begun, time.time())

    def rename(self):
        """A second try after an unheard success finds the old number gone."""
        new = self.number + 500_000
        self.book.renamed(self.ticket["id"], new)
        answer = self.call("PATCH", self.at(), json={"number": new})
        if answer is not None and answer.status_code == 404:
            answer = self.call("GET", self.at(new))
        if answer is not None and answer.status_code == 200:
            self.number = new

    def rotate(self):
        answer = self.call("POST", self.at() + "rotate-token/")
        if answer is not None and answer.status_code == 200:
            self.book.rotated(self.ticket, answer.json()["token"])
            self.world.stack.gateway.secrets.add(answer.json()["token"])

    def delete_archive(self):
        answer = self.call("GET", "/api/v1/archives/", params={"ticket": self.number})
        if answer is None or answer.status_code != 200 or not answer.json():
            return
        archive = self.rng.choice(answer.json())
        self.book.deleting(archive["sha256"])
        answer = self.call("DELETE", f"/api/v1/archives/{archive['id']}/")
        if answer is not None and answer.status_code in (204, 404):
            self.book.deleted(archive["id"])

    def delete_ticket(self):
        self.book.deleting_ticket(self.ticket["id"])
        answer = self.call("DELETE", self.at())
        if answer is not None and answer.status_code not in (204, 404):
            self.book.finding(f"DELETE of ticket {self.number}: {answer.status_code} {answer.text[:200]}")
