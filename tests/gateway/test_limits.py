"""Limits by ticket and by client network: said before the body, counted, gone when there is room again."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import uuid

import pytest
import requests

from lc import tus
from lc.raw import Raw
from lc.services import Gateway
from lc.tickets import seed_ticket
from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
from spool import held  # noqa: E402

GATEWAY_ENV = {"TRUSTED_PROXIES": "127.0.0.0/8", "MAX_UPLOADS_PER_TICKET": "2", "MAX_UPLOADS_PER_NETWORK": "3",
               "FAILED_TOKENS": "5", "FAILED_TOKENS_WINDOW": "4s"}


def begin(port, token, network, size=6):
    """An upload of a client behind the trusted proxy, its body not complete."""
    return Raw(port).send(f"PUT /u/{token}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nX-Forwarded-For: {network}\r\n"
                          f"Content-Length: {size}\r\n\r\nabc")


def refused(gateway, reason):
    return gateway.metrics()[f'lc_refused_total{{reason="{reason}"}}']


def put(gateway, token, network="192.0.2.1", data=b"x"):
    return requests.put(f"{gateway.url}/u/{token}/x", data=data, headers={"X-Forwarded-For": network, "Accept": "application/json"})


def test_uploads_per_ticket(gateway, redis_server):
    token, ticket = seed_ticket(redis_server, attempts=5)
    under_way = [begin(gateway.port, token, f"192.0.2.{i}") for i in range(2)]
    until(lambda: held(redis_server, ticket) == 2, 10, "two leases")
    before = refused(gateway, "UPLOADS_TICKET")
    r = put(gateway, token)
    assert r.status_code == 429 and r.json()["code"] == "too_many_uploads" and int(r.headers["Retry-After"]) > 0
    assert refused(gateway, "UPLOADS_TICKET") == before + 1
    assert under_way[0].send("def").answer().status == 201
    assert put(gateway, token).status_code == 201
    assert under_way[1].send("def").answer().status == 201


def test_uploads_per_network(gateway, redis_server):
    seeded = [seed_ticket(redis_server, attempts=5) for _ in range(3)]
    tickets = [token for token, _ in seeded]
    under_way = [begin(gateway.port, token, f"2001:db8:1:1::{i}") for i, token in enumerate(tickets)]
    for index, (_, ticket) in enumerate(seeded):
        until(lambda t=ticket: held(redis_server, t) == 1, 10, f"lease {index}")
    with Raw(gateway.port) as raw:
        answer = raw.send(f"PUT /u/{tickets[0]}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nX-Forwarded-For: 2001:db8:1:1:ffff::1\r\n"
                          "Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n").answer()
    assert answer.status == 429 and answer.interim == [] and answer.json()["code"] == "too_many_uploads"
    assert put(gateway, tickets[0], "2001:db8:1:2::1").status_code == 201, "another /64 is another network"
    for raw in under_way:
        assert raw.send("def").answer().status == 201
    assert put(gateway, tickets[1], "2001:db8:1:1::1").status_code == 201


def check(gateway, token, network):
    return requests.get(f"{gateway.url}/api/v1/check/token/{token}", headers={"X-Forwarded-For": network, "Accept": "application/json"})


def test_failed_tokens(gateway, redis_server):
    token, _ = seed_ticket(redis_server)
    before = refused(gateway, "THROTTLED")
    statuses = [put(gateway, uuid.uuid4(), "198.51.100.1").status_code for _ in range(3)]
    statuses += [check(gateway, uuid.uuid4(), "198.51.100.1").status_code for _ in range(2)]
    assert statuses == [403] * 3 + [404] * 2
    for r in (put(gateway, uuid.uuid4(), "198.51.100.1"), check(gateway, uuid.uuid4(), "198.51.100.1")):
        assert r.status_code == 429 and r.json()["code"] == "throttled" and 1 <= int(r.headers["Retry-After"]) <= 4
    assert refused(gateway, "THROTTLED") == before + 2
    assert put(gateway, token, "198.51.100.1").status_code == 201, "never for a valid token"
    assert check(gateway, token, "198.51.100.1").status_code == 200
    assert put(gateway, uuid.uuid4(), "198.51.100.2").status_code == 403
    until(lambda: put(gateway, uuid.uuid4(), "198.51.100.1").status_code == 403, 10, "the window to move on")


def test_failed_tokens_of_an_ipv6_network(gateway, redis_server):
    seed_ticket(redis_server)
    assert [put(gateway, uuid.uuid4(), f"2001:db8:2:3:{i}::1").status_code for i in range(6)] == [403] * 5 + [429]
    assert put(gateway, uuid.uuid4(), "2001:db8:2:4::1").status_code == 403


@pytest.fixture
def narrow(scratch, redis_server, tmp_path):
    """Without a proxy: five connections a network."""
    service = Gateway(os.path.join(scratch, "data"), redis_server.url, tmp_path / "log",
                      {"MAX_CONNECTIONS_PER_NETWORK": "5"}).start()
    yield service
    service.close()


def raw_from(address, port):
    raw = Raw(port)
    raw.sock.close()
    raw.sock = socket.create_connection(("127.0.0.1", port), 15, (address, 0))
    return raw


HEALTH = "GET /api/v1/check/health/ HTTP/1.1\r\nHost: x\r\n\r\n"


def test_connections_per_network(narrow):
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            raw = stack.enter_context(raw_from("127.0.0.2", narrow.port))
            assert raw.send(HEALTH).answer("GET").status == 200
        raw = stack.enter_context(raw_from("127.0.0.2", narrow.port))
        answer = raw.send(HEALTH).answer("GET")
        assert answer.status == 429 and answer.json()["code"] == "too_many_connections"
        assert int(answer.headers["retry-after"]) > 0 and refused(narrow, "CROWDED") == 1
        silent = [stack.enter_context(raw_from("127.0.0.2", narrow.port)) for _ in range(8)]
        assert any(raw.closed() for raw in silent[-3:]), "twice as many are not even told"
        with raw_from("127.0.0.3", narrow.port) as other:
            assert other.send(HEALTH).answer("GET").status == 200
    until(lambda: narrow.metrics()["lc_connections"] <= 1, 10, "the connections to be gone")
    with raw_from("127.0.0.2", narrow.port) as raw:
        assert raw.send(HEALTH).answer("GET").status == 200


def trickle(raw, token, size, piece, fast=0):
    """A line that carries `piece` bytes each twentieth of a second, until it is answered; the first `fast` ones at once."""
    raw.send(f"PUT /u/{token}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: {size + fast}\r\n\r\n")
    raw.send(bytes(fast))
    while not select.select([raw.sock], [], [], 0.05)[0]:
        raw.send("x" * min(piece, size))
        size -= min(piece, size)
    return raw.answer().status


def test_slow_senders_and_slow_lines(scratch, redis_server, tmp_path):
    """8 KB a second is enough, 100 bytes a second are not, though bytes never cease to come; also of a line that was fast
    before, where the gateway waits for larger pieces."""
    service = Gateway(os.path.join(scratch, "data"), redis_server.url, tmp_path / "log",
                      {"MIN_UPLOAD_RATE": "500", "UPLOAD_IDLE_TIMEOUT": "2s"}).start()
    token, _ = seed_ticket(redis_server)
    with Raw(service.port) as raw:
        assert trickle(raw, token, 40_000, 400) == 201
    with Raw(service.port) as raw:
        assert trickle(raw, token, 1_000_000, 5) == 408
    with Raw(service.port) as raw:
        assert trickle(raw, token, 3_000_000, 25_000, fast=32 << 20) == 201
    service.close()


def test_unfinished_uploads_are_limited(redis_server, tmp_path):
    """By ticket and by network, whatever gateway they were begun at; finished, terminated and expired ones count no more."""
    env = {**GATEWAY_ENV, "MAX_UNFINISHED_PER_TICKET": "2", "MAX_UNFINISHED_PER_NETWORK": "3", "UPLOAD_EXPIRY": "4s",
           "MAX_UPLOADS_PER_TICKET": "0"}
    gateway = Gateway(tmp_path / "data", redis_server.url, tmp_path / "log", env).start()
    (one, _), (two, _) = (seed_ticket(redis_server, attempts=10) for _ in range(2))

    def begin(token, network, length=10, body=b"abc"):
        return tus.create(gateway.port, token, length, body=body, X_Forwarded_For=network)

    first = begin(one, "203.0.113.50")
    assert begin(one, "203.0.113.50").status == 201
    refused = begin(one, "203.0.113.51")
    assert refused.status == 423 and refused.json()["code"] == "too_many_unfinished" and "2 uploads" in refused.json()["detail"]
    assert begin(two, "203.0.113.50").status == 201
    refused = begin(two, "203.0.113.50")
    assert refused.status == 429 and int(refused.headers["retry-after"]) > 0
    assert tus.request(gateway.port, "DELETE", tus.path_of(first)).status == 204
    assert begin(one, "203.0.113.51", 3).status == 201, "finished at once"
    last = begin(one, "203.0.113.51")
    assert last.status == 201 and begin(one, "203.0.113.52").status == 423
    until(lambda: begin(one, "203.0.113.52", 3).status == 201, 15, "the abandoned ones to expire")
    gateway.close()


@pytest.fixture
def small_disk(tmp_path):
    data = tmp_path / "small"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(data)], check=True)
    yield data
    subprocess.run(["umount", "-l", str(data)], check=True)


def test_what_another_gateway_has_coming_is_taken(redis_server, tmp_path, small_disk):
    """Two gateways on one directory: an upload at one, simple or resumable, of which nothing has arrived yet, is space that
    the other does not grant."""
    env = {**GATEWAY_ENV, "MAX_UPLOADS_PER_TICKET": "0", "STORAGE_RESERVE": "1M", "GATEWAY_SWEEP_INTERVAL": "1h"}
    token, _ = seed_ticket(redis_server, attempts=10)

    def begun(gateway, size):
        raw = Raw(gateway.port).send(f"PUT /u/{token}/a HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n"
                                     "Expect: 100-continue\r\n\r\n")
        return raw, raw.sock.recv(12)

    def answer(gateway):
        raw, said = begun(gateway, 9_000_000)
        raw.sock.close()
        return said

    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(contextlib.closing(
            Gateway(small_disk, redis_server.url, tmp_path / f"{name}.log", env).start())) for name in ("first", "second"))
        held_there, said = begun(first, 16_000_000)
        stack.callback(held_there.sock.close)
        assert said == b"HTTP/1.1 100"
        until(lambda: answer(second) == b"HTTP/1.1 507", 10, "the other gateway to know")
        until(lambda: second.metrics()["lc_upload_bytes_expected"] == 0, 10, "its own alone to be told")
        held_there.sock.close()
        until(lambda: answer(second) == b"HTTP/1.1 100", 10, "the space to be back")
        until(lambda: tus.create(first.port, token, 16_000_000).status == 201, 10, "what the other one had to be over here, too")
        until(lambda: answer(second) == b"HTTP/1.1 507", 10, "the other gateway to know of the resumable one")


def test_unfinished_uploads_keep_their_space(redis_server, tmp_path, small_disk):
    """What they declared is nobody else's, also after a restart; terminated ones give it back."""
    gateway = Gateway(small_disk, redis_server.url, tmp_path / "log", {  # it sweeps when it starts, and in none of the rounds
        **GATEWAY_ENV, "MAX_UPLOADS_PER_TICKET": "0", "STORAGE_RESERVE": "1M", "GATEWAY_SWEEP_INTERVAL": "1h"}).start()
    token, _ = seed_ticket(redis_server, attempts=10)
    begun = tus.create(gateway.port, token, 16_000_000, body=b"abc")
    assert begun.status == 201
    for _ in range(2):
        until(lambda: gateway.metrics()["lc_upload_bytes_expected"] >= 15_999_997, 10, "the reservation")
        assert put(gateway, token, "203.0.113.60", b"x" * 9_000_000).status_code == 507
        assert tus.create(gateway.port, token, 9_000_000).status == 507
        gateway.restart()
    path = tus.path_of(begun)
    assert tus.patch(gateway.port, path, 3, b"x" * 8_000_000).status == 204, "its own space is its own"
    assert tus.request(gateway.port, "DELETE", path).status == 204
    until(lambda: put(gateway, token, "203.0.113.60", b"x" * 9_000_000).status_code == 201, 10, "the space to be back")
    gateway.close()
