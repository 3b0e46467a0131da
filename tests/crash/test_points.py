"""A gateway dies at each named point of a resumable upload, in its first, second and third passing: what was acknowledged
is kept, and the upload ends well on the gateway beside it. Only the build with crash points can play this."""

import hashlib
import os
import random
import signal
import sys

import pytest

from lc import tus
from lc.raw import Raw
from lc.services import Gateway
from lc.tickets import seed_ticket
from lc.wait import until

HERE = os.path.dirname(__file__)
sys.path[:0] = [HERE, os.path.join(HERE, "..", "gateway")]
# pylint: disable=wrong-import-position
from spool import held, published
from world import crash_points

DATA = random.Random(5).randbytes(300_000)
PARTS = (0, 100_000, 200_000, 300_000)
# Points of single bodies, of failing, and of a test of its own below.
ELSEWHERE = {"BODY_WHOLE", "DATA_SYNCED", "ANSWERED", "RELEASING", "DISCARDED", "TUS_SEIZED"}
POINTS = [p for p in crash_points()["gateway"] if p not in ELSEWHERE]
BROKEN = (OSError, AssertionError)  # reset, or closed within an answer
ENV = {"UPLOAD_LEASE": "3s", "RESUME_LEASE": "600ms", "GATEWAY_THREADS": "1", "GATEWAY_WORKERS": "1",
       "GATEWAY_SWEEP_INTERVAL": "500ms"}


@pytest.fixture
def pair(redis_server, tmp_path):
    """The victim, and the one beside it, which lives; both also in the fast lane."""
    gateways = [Gateway(tmp_path / "data", redis_server.url, tmp_path / f"gateway{i}.log",
                        {**ENV, "GATEWAY_FAST_LANE": ("always", "off")[i]}) for i in range(2)]
    gateways[1].start()
    yield gateways
    for gateway in gateways:
        gateway.close()


def arm(victim, point, passing):
    victim.env["LC_CRASH_AT"] = f"{point}:{passing}"
    victim.start(wait=False)
    until(lambda: not victim.process.alive() or victim.linked(), 20, "the victim to listen")


def died(victim):
    """By its own hand: the point was passed."""
    return victim.process.popen.poll() == -signal.SIGKILL


class Journey:
    """One archive in parts to the victim, to the other one once the victim is dead."""

    def __init__(self, pair, token):
        self.victim, self.other = pair
        self.token, self.path, self.acked = token, None, 0

    def gateway(self):
        return self.victim if self.victim.process.alive() else self.other

    def create(self):
        answer = tus.create(self.gateway().port, self.token, len(DATA), body=DATA[:PARTS[1]])
        if answer is not None and answer.status == 201:
            self.path, self.acked = tus.path_of(answer), PARTS[1]

    def part(self):
        at = tus.request(self.gateway().port, "HEAD", self.path)
        if at is None or at.status != 200:
            assert at is None or at.status in (423, 503), at
            return
        offset = int(at.headers["upload-offset"])
        assert offset >= self.acked, f"{self.acked} were acknowledged, {offset} are there"
        self.acked = offset
        if offset == len(DATA):
            return
        end = next(p for p in PARTS if p > offset)
        answer = tus.patch(self.gateway().port, self.path, offset, DATA[offset:end])
        if answer is not None and answer.status == 204:
            self.acked = int(answer.headers["upload-offset"])
            assert self.acked == end

    def step(self):
        """True: it has all been acknowledged."""
        try:
            if self.path is None:
                self.create()
            else:
                self.part()
        except BROKEN as e:
            if self.victim.process.alive() or isinstance(e, AssertionError) and "acknowledged" in str(e):
                raise
        return self.acked == len(DATA)


def verify(pair, redis_server, journey, ticket):
    """Whole, once, published and counted; nothing else of it is left but what nobody was told of."""
    upload_id = journey.path[len(tus.PATH):]
    answer = tus.request(pair[1].port, "HEAD", journey.path)
    assert answer.headers["upload-sha256"] == hashlib.sha256(DATA).hexdigest()
    found = published(pair[1])
    assert found[upload_id][0] == DATA
    assert redis_server.client.zscore(f"lc:{{{ticket}}}:done", upload_id) is not None
    assert all(data == DATA for data, _ in found.values())  # a creation whose answer was lost may have been whole
    assert held(redis_server, ticket) <= 2


@pytest.mark.parametrize("point", POINTS)
def test_dies_at(pair, redis_server, point):
    reached = 0
    for passing in (1, 2, 3):
        token, ticket = seed_ticket(redis_server, attempts=5)
        arm(pair[0], point, passing)
        journey = Journey(pair, token)
        until(journey.step, 20, f"the upload to be whole after {point}:{passing}")
        until(lambda: died(pair[0]) or tus.request(pair[0].port, "HEAD", journey.path), 5, "the victim's end")
        reached += died(pair[0])
        pair[0].kill9()
        verify(pair, redis_server, journey, ticket)
    assert reached > 0, f"{point} was never passed"


def test_dies_where_it_took_an_ended_lease(pair, redis_server):
    """TUS_SEIZED: the third one in turn, who finds a state that does not say so, still re-reads what lies there."""
    token, ticket = seed_ticket(redis_server)
    journey = Journey(pair, token)
    assert not journey.step()  # on the one beside: the victim does not run yet
    with Raw(pair[1].port) as raw:
        raw.send(tus.head_of("PATCH", journey.path, {"Content-Type": tus.PART, "Upload-Offset": str(PARTS[1]),
                                                     "Content-Length": "100000"}) + DATA[PARTS[1]:PARTS[1] + 5000])
        until(lambda: pair[1].metrics()["lc_upload_bytes_total"] == PARTS[1] + 5000, 10, "the part to begin")
        arm(pair[0], "TUS_SEIZED", 1)
        pair[1].kill9()
    until(lambda: journey.step() or died(pair[0]), 20, "the victim to take the lease")
    assert died(pair[0])
    pair[1].start()
    until(journey.step, 20, "the upload to be whole")
    verify(pair, redis_server, journey, ticket)
    pair[0].kill9()
