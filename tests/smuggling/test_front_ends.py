"""No request is ever seen as two: each odd request of the table goes through nginx (buffering and streaming) and HAProxy to
the gateway and to admin-api; the service has never answered more requests than the front end says it passed on,
and the next customer on the same connections gets the answer to his own request."""

import os
import re
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lc.programs import need
from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
from front_ends import FRONT_ENDS, Relay  # noqa: E402
from table import cases  # noqa: E402

PATHS = {"gateway": b"/api/v1/archives/", "admin": b"/api/v1/auth/token/"}
WELL_FORMED = {  # heads that are read in one way only: what is wrong is what they ask for
    "length and coding, underscore", "coding alone, underscore", "coding and then length, underscore", "length zero with a body",
    "length named by Connection", "get with a length", "delete with a length", "1.0 kept alive", "lower method", "upgrade",
    "expect", "pipelined"}
AT_ONCE = 36
HEALTH = b"GET /api/v1/check/health/ HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nConnection: close\r\n\r\n"


def exchange(port, data, seconds=2.5):
    """What comes back until the other side closes, or is silent for a moment behind an answer."""
    answer, deadline = b"", time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(0.4)
        try:
            s.sendall(data)
            while time.monotonic() < deadline:
                try:
                    part = s.recv(65536)
                except TimeoutError:
                    if answer:
                        break
                    continue
                if not part:
                    break
                answer += part
        except OSError:
            pass
    return answer


@pytest.fixture(scope="module", params=list(FRONT_ENDS))
def front_of(request, stack):
    """service → (its front end, the relay between them)."""
    need(request.param.split("-")[0])
    made = {}
    for name, service in (("gateway", stack.gateway), ("admin", stack.admin)):
        relay = Relay(service.port)
        made[name] = FRONT_ENDS[request.param](relay.port), relay
    yield made
    for front, relay in made.values():
        front.close()
        relay.close()


def disagreement(front, relay, batch):
    """Sends them at once, and after each a request of another customer; what is wrong, as text, or nothing."""
    passed, answers, bad = front.passed(), relay.answers(), []

    def one(item):
        exchange(front.port, item[1])
        canary = exchange(front.port, HEALTH)
        if b" 200 " not in canary.split(b"\r\n", 1)[0] or not canary.rstrip().endswith(b'"status":"ok"}'):
            bad.append(f"{item[0]}: the next request was answered {canary[:300]!r}")

    with ThreadPoolExecutor(len(batch)) as pool:
        list(pool.map(one, batch))
    try:
        until(lambda: front.passed() - passed >= relay.answers() - answers, 5, "the front end to have written its log")
    except AssertionError:
        bad.append(f"{front.passed() - passed} passed on, {relay.answers() - answers} answered: {batch}")
    return bad


@pytest.mark.parametrize("service", list(PATHS))
def test_no_request_is_seen_as_two(front_of, service):
    front, relay = front_of[service]
    table, bad = list(cases(PATHS[service]).items()), []
    for at in range(0, len(table), AT_ONCE):
        together = disagreement(front, relay, table[at:at + AT_ONCE])
        if together:  # which of them it is
            bad += [text for item in table[at:at + AT_ONCE] for text in disagreement(front, relay, [item])] or together
    assert not bad, "\n".join(bad)
    assert front.passed() >= relay.answers()
    assert front.passed() > len(table), "hardly anything came through: the table is of no use here"


def finals_of(answer):
    """The status of each answer in it that is none in between."""
    return [int(s) for s in re.findall(rb"(?:^|\n|})HTTP/1\.1 ([2-5]\d\d) ", answer)]


@pytest.mark.parametrize("service", list(PATHS))
def test_nothing_is_read_behind_a_malformed_head(stack, service):
    """Without a front end: a request refused for its form is the last one of its connection."""
    port, refused = {"gateway": stack.gateway, "admin": stack.admin}[service].port, 0
    table = cases(PATHS[service])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda data: exchange(port, data), table.values()))
    for name, answer in zip(table, answers):
        if not finals_of(answer):
            if service == "admin":  # it waits for the end of a body before it answers
                continue
            answer = exchange(port, table[name], 20)  # alone, where a machine was too slow for all at once
        finals = finals_of(answer)
        assert finals, f"{name}: no answer"
        kept = b"\r\nconnection: keep-alive\r\n" in answer.partition(b"\r\n\r\n")[0].lower() + b"\r\n"
        assert not kept or name in WELL_FORMED, f"{name}: more may be read behind {answer[:1500]!r}"
        if finals[0] in (400, 417, 431, 501, 505) and not kept:
            refused += 1
            assert len(finals) == 1, f"{name}: {answer[:1500]!r}"
    assert refused > 40
