"""The clock of the services' machine steps, hours ahead and back, while uploads are under way (libfaketime; the monotonic
clock and Redis' own stay as they are): nothing is dropped, counted wrongly or left lying for it."""

import glob
import os
import subprocess

import pytest
import requests

from lc import tus
from lc.build import binary
from lc.programs import missing
from lc.raw import Raw
from lc.stack import Stack
from lc.wait import until

BODY = b"0123456789" * 1000


def faketime():
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found:
        missing("libfaketime is not installed (package faketime)")
    if "libasan" in subprocess.run(["ldd", binary("upload-gw")], capture_output=True, text=True, check=True).stdout:
        pytest.skip("libfaketime does not go with the address sanitizer")
    return found[0]


class Clock:
    def __init__(self, path):
        self.path = path
        self.step(0)

    def step(self, seconds):
        new = f"{self.path}.new"
        with open(new, "w", encoding="ascii") as f:
            f.write(f"{seconds:+d}s\n")
        os.replace(new, self.path)


@pytest.fixture
def clock(tmp_path):
    return Clock(str(tmp_path / "clock"))


@pytest.fixture
def skewed(clock, tmp_path_factory):
    """A stack whose services go by that clock."""
    stack = Stack(tmp_path_factory.mktemp("s"), {"UPLOAD_LEASE": "3s", "RESUME_LEASE": "1s"},
                  {"SWEEP_INTERVAL": "200ms", "RECONCILE_AGE": "2s", "ACCESS_TOKEN_LIFETIME": "1d"})
    for service in (stack.gateway, stack.admin):
        service.env.update(LD_PRELOAD=faketime(), FAKETIME_TIMESTAMP_FILE=clock.path, FAKETIME_NO_CACHE="1",
                           FAKETIME_DONT_FAKE_MONOTONIC="1")
    yield stack.start()
    stack.close()


@pytest.mark.parametrize("hours", (6, -6))
def test_step_in_the_middle(skewed, clock, hours):
    stack = skewed
    ticket = stack.make_ticket(attempts=3)
    raw = Raw(stack.gateway.port).send(f"PUT /u/{ticket['token']}/plain.bin HTTP/1.1\r\nHost: x\r\n"
                                       f"Content-Length: {len(BODY)}\r\n\r\n").send(BODY[:100])
    path = tus.path_of(tus.create(stack.gateway.port, ticket["token"], len(BODY), "parts.bin", BODY[:500]))
    key = f"lc:{{{ticket['id']}}}:open"
    until(lambda: stack.redis.client.zcard(key) == 2, 10, "both leases")
    clock.step(hours * 3600)
    for service in (stack.gateway, stack.admin):
        assert requests.get(service.url + "/api/v1/check/health/", timeout=2).status_code == 200
    assert tus.offset(stack.gateway.port, path) == 500
    assert tus.patch(stack.gateway.port, path, 500, BODY[500:]).status == 204
    assert raw.send(BODY[100:]).answer().status == 201
    stack.wait_archives(ticket, 2)
    assert stack.attempts(ticket) == 1
    clock.step(0)
    answer = requests.put(f"{stack.gateway.url}/u/{ticket['token']}/after.bin", data=BODY, timeout=30)
    assert answer.status_code == 201, answer.text
    stack.wait_archives(ticket, 3)
    assert stack.attempts(ticket) == 0
    until(lambda: not os.listdir(os.path.join(stack.data_dir, "spool", "tmp")), 10, "an empty spool")


def sweep_what_is_old(stack, ticket):
    """Redis' clock was not set: an attempt of what cannot be an upload comes back all the same."""
    done = f"lc:{{{ticket['id']}}}:done"
    stack.redis.client.zadd(done, {"nobody's": 1})
    until(lambda: stack.redis.client.zscore(done, "nobody's") is None, 15, "the sweep")


def test_clock_far_ahead_removes_nothing(skewed, clock):
    """By 400 days, while both run and across a restart: neither an archive by its retention nor an unfinished upload by
    its expiry goes; it is said why, and a row says otherwise."""
    stack = skewed
    for service in (stack.admin, stack.gateway):
        service.stop()
    stack.admin.env.update(RETENTION_ALL="365d", UPLOAD_EXPIRY="24h", SESSION_LIFETIME="365d", ACCESS_TOKEN_LIFETIME="1d")
    for service in (stack.admin, stack.gateway):
        service.start()
    ticket = stack.make_ticket(attempts=3)
    answer = requests.put(f"{stack.gateway.url}/u/{ticket['token']}/kept.bin", data=BODY, timeout=30)
    assert answer.status_code == 201, answer.text
    stack.wait_archives(ticket, 1)
    path = tus.path_of(tus.create(stack.gateway.port, ticket["token"], len(BODY), "parts.bin", BODY[:500]))
    clock.step(400 * 86400)
    until(lambda: "part=clock" in stack.admin.process.output(), 15, "the clock to be noticed")
    assert tus.patch(stack.gateway.port, path, 500, BODY[500:]).status == 503
    aside = os.path.join(stack.data_dir, "spool", "orphans", "a" * 32)
    os.mkdir(aside)
    os.utime(aside, (1, 1))
    stack.redis.client.zadd(f"lc:{{{ticket['id']}}}:done", {os.path.basename(path): 2})  # as if it had been committed
    for _ in range(2):  # the second begins when the first has been through
        sweep_what_is_old(stack, ticket)
    assert os.path.exists(aside), "put aside for people"
    refused = stack.admin.run("cleanup", "--dry-run")
    assert refused.returncode == 1 and "CLOCK_AHEAD_MAX" in refused.stdout, refused.stdout + refused.stderr
    stack.admin.restart()
    until(lambda: stack.admin.process.output().count("part=clock") > 1, 15, "the clock to be noticed by a new process")
    allowed = stack.admin.run("cleanup", "--dry-run", env={"CLOCK_AHEAD_MAX": "0"})
    assert allowed.returncode == 1 and "CLOCK_GAP_MAX" in allowed.stdout, allowed.stdout
    allowed = stack.admin.run("cleanup", "--dry-run", env={"CLOCK_AHEAD_MAX": "0", "CLOCK_GAP_MAX": "0"})
    assert allowed.returncode == 0 and "expired" in allowed.stdout and "abandoned" in allowed.stdout, allowed.stdout
    clock.step(0)
    stack.admin.restart()
    assert tus.patch(stack.gateway.port, path, 500, BODY[500:]).status == 204
    stack.wait_archives(ticket, 2)
