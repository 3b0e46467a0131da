"""Redis and the database frozen (SIGSTOP: connections stand, nobody answers) beneath both services: health is honest,
what can be done is done, what cannot says so, and all goes on by itself."""

import os
import time

import pytest
import requests

from lc.wait import until

GATEWAY_ENV = {"REDIS_TIMEOUT": "1s", "UPLOAD_LEASE": "3s"}
ADMIN_ENV = {"REDIS_TIMEOUT": "1s", "STATEMENT_TIMEOUT": "2s", "SWEEP_INTERVAL": "500ms"}


def put(stack, ticket, data=b"abc"):
    return requests.put(f"{stack.gateway.url}/u/{ticket['token']}/x.txt", data=data, timeout=30,
                        headers={"Accept": "application/json"})


def readiness(service):
    answer = requests.get(service.status_url + "/readyz", timeout=20)
    return answer.status_code, answer.json()["stores"]


def alive(service):
    assert requests.get(service.url + "/api/v1/check/health/", timeout=2).json()["status"] == "ok"


def ready_again(stack):
    for service in (stack.admin, stack.gateway):
        until(lambda s=service: readiness(s)[0] == 200, 30, f"{service.program} to be ready again")


def test_redis_frozen(stack):
    ticket = stack.make_ticket()
    stack.redis.sigstop()
    try:
        for service in (stack.admin, stack.gateway):
            status, stores = until(lambda s=service: (lambda r: r if r[0] == 503 else None)(readiness(s)), 20, "honesty")
            assert (status, stores["redis"], stores["storage"]) == (503, "unreachable", "ok")
            alive(service)
        refused = put(stack, ticket)
        assert refused.status_code == 503 and refused.json()["code"] == "unavailable" and refused.headers["Retry-After"]
        assert stack.get(f"/api/v1/tickets/{ticket['number']}/").status_code == 200, "the database is there"
        assert stack.patch(f"/api/v1/tickets/{ticket['number']}/", {"note": "x", "attempts": 1}).status_code == 200
    finally:
        stack.redis.sigcont()
    ready_again(stack)
    until(lambda: put(stack, ticket).status_code == 201, 20, "uploads to be possible")
    stack.wait_archives(ticket, 1)
    assert stack.attempts(ticket) == 0, "what was changed while Redis stood still has reached it"
    assert put(stack, ticket).status_code == 423


def test_redis_started_anew(stack):
    """The first answer says that it is there: the connection of before was to another."""
    for _ in range(5):
        assert readiness(stack.admin)[1]["redis"] == "ok"
        stack.redis.kill9()
        stack.redis.start()
        began = time.monotonic()
        said = readiness(stack.admin)[1]["redis"]
        if said == "ok" or time.monotonic() - began < 0.9:
            break
        ready_again(stack)  # Redis took as long as admin-api waits for it: a slow disk, and no word on the connection
    assert said == "ok"
    assert stack.admin.run("health", "--ready").returncode == 0
    ready_again(stack)


def takes_nothing(stack, state, words):
    """What readiness, the customer, `check` and both logs say of a Redis that is there and refuses writes."""
    ticket = stack.make_ticket(attempts=1)
    yield
    for service in (stack.admin, stack.gateway):
        until(lambda s=service: readiness(s)[1]["redis"] == state, 20, f"{service.program} to say {state}")
        assert readiness(service)[0] == 503
        until(lambda s=service: words in s.process.output(), 10, f"{service.program} to write down what to do")
    if state == "read-only":  # a full one still gives the attempts of tickets that it knows
        assert put(stack, ticket).json()["code"] == "unavailable"
    checked = stack.admin.run("check")
    assert checked.returncode == 1 and words in checked.stdout
    yield
    ready_again(stack)
    until(lambda: put(stack, ticket).status_code == 201, 20, "uploads to be possible")


@pytest.mark.parametrize("begin,end,state,words", [
    (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "read-only", "this Redis is a replica, read only: name the master"),
    (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"), "full", "no memory left within its maxmemory: raise it"),
], ids=["replica", "full"])
def test_redis_that_takes_nothing_any_more(stack, begin, end, state, words):
    """Changed under the services' open connections; no restart is needed afterwards."""
    steps = takes_nothing(stack, state, words)
    next(steps)
    stack.redis.client.execute_command(*begin)
    try:
        next(steps)
    finally:
        stack.redis.client.execute_command(*end)
    assert next(steps, "the end") == "the end"


@pytest.mark.skipif(os.environ.get("LC_DB") != "postgres", reason="sqlite is no server")
def test_database_frozen(stack, postgres):
    """The gateway needs no database: customers notice nothing."""
    ticket = stack.make_ticket()
    postgres.sigstop()
    try:
        status, stores = readiness(stack.admin)
        assert (status, stores["database"], stores["redis"]) == (503, "unreachable", "ok")
        alive(stack.admin)
        alive(stack.gateway)
        assert readiness(stack.gateway)[0] == 200
        assert put(stack, ticket).status_code == 201
        refused = stack.get("/api/v1/platforms/")
        assert refused.status_code == 503, refused.text
    finally:
        postgres.sigcont()
    ready_again(stack)
    stack.wait_archives(ticket, 1)
    assert stack.attempts(ticket) == 4
