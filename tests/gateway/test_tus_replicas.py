"""Two gateways on one Redis and one directory: every request may land on the other one, either may die at any byte, and
no byte that was acknowledged is lost. The schedule is random; its seed is printed and can be given again by LC_SEED."""

import hashlib
import os
import random
import sys
import threading
import time

import pytest

from lc import tus
from lc.raw import Raw
from lc.services import Gateway
from lc.tickets import seed_ticket
from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
from spool import held, in_progress, published  # noqa: E402

SEED = int(os.environ.get("LC_SEED") or random.SystemRandom().randrange(1 << 32))
UPLOADS, KILLS, WORKERS, PATIENCE = 60, 10, 8, 90
DATA = random.Random(2).randbytes(200_000)


@pytest.fixture
def pair(scratch, redis_server, request, tmp_path):
    """Two gateways with the same directory; env by indirect parametrization."""
    env = {"UPLOAD_LEASE": "3s", "RESUME_LEASE": "1s", "GATEWAY_THREADS": "2", **getattr(request, "param", {})}
    data_dir = tmp_path / "data"
    gateways = [Gateway(data_dir, redis_server.url, tmp_path / f"gateway{i}.log", env).start() for i in range(2)]
    yield gateways
    for gateway in gateways:
        gateway.close()


class Delivery:
    """A client that never gives up, and remembers what was acknowledged."""

    def __init__(self, number, gateways, token):
        self.rng = random.Random(f"{SEED}-{number}")
        self.gateways, self.token = gateways, token
        self.data = self.rng.randbytes(int(10 ** self.rng.uniform(3, 6.4)))
        self.path, self.acked, self.breaks, self.sha256 = None, 0, 0, None

    def port(self):
        return self.rng.choice(self.gateways).port

    def create(self):
        first = self.data[:self.rng.choice((0, 0, len(self.data) // 3, len(self.data)))]
        answer = tus.create(self.port(), self.token, len(self.data), body=first)
        if answer is None or answer.status in (423, 503):
            return
        assert answer.status == 201, answer
        self.path = tus.path_of(answer)
        self.acked = int(answer.headers["upload-offset"])

    def ask(self):
        """The offset, or None where the answer has to wait."""
        answer = tus.request(self.port(), "HEAD", self.path)
        if answer is None or answer.status in (423, 503):
            return None
        assert answer.status == 200, f"{answer} after {self.acked} of {len(self.data)} were acknowledged"
        at = int(answer.headers["upload-offset"])
        assert at >= self.acked, f"offset {at} after {self.acked} were acknowledged"
        self.sha256 = answer.headers.get("upload-sha256")
        return at

    def send(self, at):
        part = self.data[at:at + self.rng.randint(1, len(self.data))]
        with Raw(self.port(), timeout=30) as raw:
            raw.send(tus.head_of("PATCH", self.path, {"Content-Type": tus.PART, "Upload-Offset": str(at)}, part))
            step = max(1, len(part) // self.rng.randint(1, 25))
            for i in range(0, len(part), step):
                raw.send(part[i:i + step])
                time.sleep(self.rng.uniform(0, 0.02))  # a line has a rate; the moment of a crash falls anywhere in it
                if self.rng.random() < 0.02:
                    raw.reset()
                    return
            answer = raw.answer()
        if answer is not None and answer.status == 204:
            self.acked = int(answer.headers["upload-offset"])
            assert self.acked == at + len(part)
        else:
            assert answer is None or answer.status in (409, 423, 503), answer

    def run(self):
        deadline = time.monotonic() + PATIENCE
        while self.sha256 is None:
            assert time.monotonic() < deadline, f"not delivered: {self.path} {self.acked} of {len(self.data)}"
            try:
                if self.path is None:
                    self.create()
                    continue
                at = self.ask()
                if at is not None and self.sha256 is None:
                    self.send(at)
            except OSError:
                self.breaks += 1
        assert self.sha256 == hashlib.sha256(self.data).hexdigest()


def kill_at_random(gateways, deliveries, over, kills):
    """At any moment, but not before something was acknowledged since the last time: a disk may be slow."""
    rng, last = random.Random(f"{SEED}-killer"), -1
    while not over.is_set():
        over.wait(rng.uniform(0.05, 0.3))
        while (now := sum(d.acked + (d.path is not None) for d in deliveries)) == last and not over.wait(0.02):
            pass
        last = now
        victim = rng.choice(gateways)
        victim.kill9()
        kills.append(victim)
        victim.start()


def test_kills_at_any_byte(pair, redis_server):
    print(f"LC_SEED={SEED}")
    token, ticket = seed_ticket(redis_server, attempts=UPLOADS * 50)
    deliveries = [Delivery(i, pair, token) for i in range(UPLOADS)]
    waiting, failures, over, kills = list(deliveries), [], threading.Event(), []

    def deliver():
        if waiting:
            waiting.pop().run()
        else:  # the gateways start slowly here: there are kills to come
            delivery = Delivery(len(deliveries), pair, token)
            deliveries.append(delivery)
            delivery.run()

    def work():
        while not failures and (waiting or len(kills) <= KILLS):
            try:
                deliver()
            except Exception as e:  # pylint: disable=broad-except
                failures.append(e)

    killer = threading.Thread(target=kill_at_random, args=(pair, deliveries, over, kills))
    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in [killer, *workers]:
        thread.start()
    for thread in workers:
        thread.join()
    over.set()
    killer.join()
    if failures:
        raise failures[0]
    assert len(kills) > KILLS
    found = published(pair[0])
    for delivery in deliveries:
        assert found[delivery.path[len(tus.PATH):]][0] == delivery.data
    orphans = set(found) - {d.path[len(tus.PATH):] for d in deliveries}
    for orphan in orphans:  # created with all its bytes, and the answer was lost
        assert any(found[orphan][0] == d.data for d in deliveries)
    done = set(redis_server.client.zrange(f"lc:{{{ticket}}}:done", 0, -1))
    assert set(found) <= done
    for unfinished in done - set(found):  # as such an orphan, and killed before it was published
        assert unfinished in in_progress(pair[0])


def begin(gateway, redis_server, length=len(DATA), body=b""):
    token, ticket = seed_ticket(redis_server)
    answer = tus.create(gateway.port, token, length, body=body)
    assert answer.status == 201, answer
    return tus.path_of(answer), ticket


def send_some(gateway, path, at, count):
    """A part under way on a connection that stays open, its first bytes received."""
    before = gateway.metrics()["lc_upload_bytes_total"]
    raw = Raw(gateway.port, timeout=60)
    raw.send(tus.head_of("PATCH", path, {"Content-Type": tus.PART, "Upload-Offset": str(at),
                                         "Content-Length": str(len(DATA) - at)}) + DATA[at:at + count])
    until(lambda: gateway.metrics()["lc_upload_bytes_total"] == before + count, what="the bytes to be received")
    return raw


def test_parts_in_turn(pair, redis_server):
    path, ticket = begin(pair[0], redis_server)
    for i, at in enumerate(range(0, len(DATA), 20_000)):
        answer = tus.patch(pair[i % 2].port, path, at, DATA[at:at + 20_000])
        assert answer.status == 204 and answer.headers["upload-offset"] == str(at + 20_000)
        assert tus.offset(pair[(i + 1) % 2].port, path) == at + 20_000
    assert answer.headers["upload-sha256"] == hashlib.sha256(DATA).hexdigest()
    assert published(pair[0])[path[len(tus.PATH):]][0] == DATA
    assert held(redis_server, ticket) == 1


@pytest.mark.parametrize("pair", [{"RESUME_LEASE": "10m"}], indirect=True)
def test_the_other_gateway_asks(pair, redis_server):
    """With a lease of ten minutes: what arrived on a connection that hangs is had at once, for the holder is asked."""
    path, _ = begin(pair[0], redis_server)
    at = 0
    for i in range(4):
        raw = send_some(pair[i % 2], path, at, 10_000)
        at += 10_000
        assert tus.offset(pair[(i + 1) % 2].port, path) == at
        assert raw.answer().json()["code"] == "upload_taken"
        raw.sock.close()
    answer = tus.patch(pair[1].port, path, at, DATA[at:])
    assert answer.headers["upload-sha256"] == hashlib.sha256(DATA).hexdigest()
    assert sum(g.metrics()["lc_uploads_seized_total"] for g in pair) == 0


def test_a_gateway_that_slept_through_its_lease(pair, redis_server):
    """It wakes up in the middle of somebody else's upload: it may neither count its bytes nor put the state back."""
    path, ticket = begin(pair[0], redis_server)
    raw = send_some(pair[0], path, 0, 50_000)
    pair[0].process.sigstop()
    at = tus.offset(pair[1].port, path, timeout=60)
    assert at == 0 and pair[1].metrics()["lc_uploads_seized_total"] == 1
    assert tus.patch(pair[1].port, path, 0, DATA[:150_000]).status == 204
    pair[0].process.sigcont()
    raw.send(DATA[50_000:120_000])
    answer = raw.answer()
    assert answer is None or answer.json()["code"] in ("upload_taken", "unavailable"), answer
    assert tus.offset(pair[0].port, path) == 150_000
    answer = tus.patch(pair[0].port, path, 150_000, DATA[150_000:])
    assert answer.headers["upload-sha256"] == hashlib.sha256(DATA).hexdigest()
    assert published(pair[0])[path[len(tus.PATH):]][0] == DATA
    assert redis_server.client.zcard(f"lc:{{{ticket}}}:done") == 1


@pytest.mark.parametrize("pair", [{"RESUME_LEASE": "10m"}], indirect=True)
def test_a_gateway_that_is_stopped_hands_over(pair, redis_server):
    path, _ = begin(pair[0], redis_server)
    raw = send_some(pair[0], path, 0, 70_000)
    pair[0].process.stop()
    assert raw.answer().status == 503
    answer = tus.patch(pair[1].port, path, 70_000, DATA[70_000:])
    assert answer.status == 204 and answer.headers["upload-sha256"] == hashlib.sha256(DATA).hexdigest()
    assert not in_progress(pair[1])
    pair[0].start()


def test_a_slow_line_does_not_bring_it_twice(pair, redis_server):
    """In the middle of one long part, far below what a fast one may have at risk: a gateway that dies has kept most."""
    length, piece = 64 << 20, b"x" * (1 << 20)
    path, _ = begin(pair[0], redis_server, length)
    state = os.path.join(pair[0].data_dir, "spool", "tmp", path[len(tus.PATH):], "state")
    begun, sent = os.stat(state).st_ino, [0]

    with Raw(pair[0].port, timeout=60) as raw:
        raw.send(tus.head_of("PATCH", path, {"Content-Type": tus.PART, "Upload-Offset": "0", "Content-Length": str(length)}))

        def kept():
            assert sent[0] < length - len(piece), "none of it was kept"
            raw.send(piece)
            sent[0] += len(piece)
            return os.stat(state).st_ino != begun

        until(kept, 60, what="a state in the middle of the part")
        pair[0].kill9()
    assert tus.offset(pair[1].port, path) >= 4 << 20
    pair[0].start()
