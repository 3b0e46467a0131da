"""What a killed gateway leaves whole is published by the next one: at every step between the last byte and the answer,
for single bodies and resumable uploads, with one gateway coming after it or two at once."""

import hashlib
import os
import shutil
import sys
import uuid

import pytest
import requests

from lc import strace, tus
from lc.raw import Raw
from lc.services import Gateway
from lc.stores import Redis
from lc.tickets import seed_ticket
from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
from spool import held, in_progress, published  # noqa: E402

DATA = b"whole and wanted" * 1000
ENV = {"UPLOAD_LEASE": "3s", "RESUME_LEASE": "600ms", "GATEWAY_SWEEP_INTERVAL": "200ms"}

started = []


@pytest.fixture(autouse=True)
def nothing_left():
    """A test that fails in the middle leaves no gateway behind."""
    yield
    while started:
        gateway = started.pop()
        if gateway.process.popen is not None:
            gateway.close()


@pytest.fixture
def redis(tmp_path_factory):
    server = Redis(str(tmp_path_factory.mktemp("r"))).start()
    yield server
    server.stop()


def doomed(redis, tmp_path, where):
    """A gateway that is killed at a system call: `where` as strace has it, which counts by thread, from its start
    on. It is slow under strace: its leases are longer than its successors'."""
    call, when = where.split(":")
    service = Gateway(tmp_path / "data", redis.url, tmp_path / "doomed.log", {**ENV, "RESUME_LEASE": "3s", "GATEWAY_PUBLISHERS": "1"})
    started.append(service)
    return strace.start_then_inject(service, call, f"signal=KILL:when={when}")


def successors(service, redis, tmp_path, count):
    service.process.popen.wait(10)
    service.process.popen = None
    gateways = [Gateway(service.data_dir, redis.url, tmp_path / f"next{i}.log", ENV) for i in range(count)]
    started.extend(gateways)
    return [gateway.start() for gateway in gateways]


def expect_published(gateways, redis, ticket, name):
    found = until(lambda: published(gateways[0]), 30, "the upload to be published")
    (content, sha256), = found.values()
    assert content == DATA and sha256 == hashlib.sha256(DATA).hexdigest()
    until(lambda: not in_progress(gateways[0]), 10, "the spool to be tidy")
    assert held(redis, ticket) == 1, "it took one attempt"
    (upload_id,) = found
    kept = os.path.join(gateways[0].data_dir, "spool", "new", upload_id)
    until(lambda: sorted(os.listdir(kept)) == ["data", "manifest"], 10, "its journal to go")
    with open(os.path.join(kept, "manifest"), "rb") as f:
        assert name.encode() in f.read()
    until(lambda: sum(g.metrics()["lc_uploads_swept_total"] for g in gateways) >= 1, 10, "the sweep to count it")
    for gateway in gateways:
        gateway.close()


def die_amid_put(redis, tmp_path, where):
    """Of a ticket with one attempt: the gateway that was killed there, the token, the ticket."""
    token, ticket = seed_ticket(redis, attempts=1)
    service = doomed(redis, tmp_path, where)
    with Raw(service.port) as raw:
        raw.send(f"PUT /u/{token}/app.log HTTP/1.1\r\nHost: x\r\nContent-Length: {len(DATA)}\r\n\r\n".encode() + DATA)
        assert raw.answer() is None
    return service, token, ticket


# fsync: data, manifest, its directory; then the rename.
@pytest.mark.parametrize("where,manifest", [("fsync:2", True), ("fsync:2", False), ("fsync:3", True), ("renameat:1", True)])
@pytest.mark.parametrize("count", [1, 2])
def test_committed_upload_is_published(redis, tmp_path, where, manifest, count):
    service, _, ticket = die_amid_put(redis, tmp_path, where)
    assert held(redis, ticket) == 1
    (upload_id,) = in_progress(service)
    if not manifest:  # as if it had been killed right after the commit
        os.unlink(os.path.join(service.data_dir, "spool", "tmp", upload_id, "manifest"))
    expect_published(successors(service, redis, tmp_path, count), redis, ticket, "app.log")


def test_upload_that_was_not_committed_is_left(redis, tmp_path):
    """Killed while its data was synced: nobody was promised anything, and the attempt is another's."""
    service, token, ticket = die_amid_put(redis, tmp_path, "fsync:1")
    (gateway,) = successors(service, redis, tmp_path, 1)
    until(lambda: requests.put(f"{gateway.url}/u/{token}/other.log", data=b"x").status_code == 201, 15, "the lease to lapse")
    assert len(published(gateway)) == 1 and len(in_progress(gateway)) == 1 and held(redis, ticket) == 1
    gateway.close()


def copy_of(service, redis, ticket, upload_id):
    """Another upload with the same data, and committed: its id."""
    other, tmp = uuid.uuid4().hex, os.path.join(service.data_dir, "spool", "tmp")
    shutil.copytree(os.path.join(tmp, upload_id), os.path.join(service.data_dir, other))
    with open(os.path.join(service.data_dir, other, "draft"), "r+b") as f:
        draft = f.read().replace(upload_id.encode(), other.encode())
        f.seek(0)
        f.write(draft)
    redis.client.zadd(f"lc:{{{ticket}}}:done", {other: 1})
    redis.client.hset(f"lc:{{{ticket}}}:names", f"/{other}", f"{other}.log")
    os.rename(os.path.join(service.data_dir, other), os.path.join(tmp, other))
    return other


def test_whole_upload_that_was_not_committed_is_left(redis, tmp_path):
    """Killed between its draft and the commit. Sweeps pass by it: the second one that finds something else has been there."""
    service, _, ticket = die_amid_put(redis, tmp_path, "fsync:2")
    (upload_id,) = in_progress(service)
    os.unlink(os.path.join(service.data_dir, "spool", "tmp", upload_id, "manifest"))
    redis.client.zrem(f"lc:{{{ticket}}}:done", upload_id)
    (gateway,) = successors(service, redis, tmp_path, 1)
    for count in (1, 2):
        other = copy_of(service, redis, ticket, upload_id)
        until(lambda o=other: o in published(gateway), 15, "a committed one to be published")
        assert len(published(gateway)) == count and in_progress(gateway) == [upload_id]
    gateway.close()


# fsync: of a creation its state and two directories, of its part the state and its directory, then manifest and directory.
@pytest.mark.parametrize("where", ["fsync:5", "fsync:6", "fsync:7", "renameat:3"])
@pytest.mark.parametrize("count", [1, 2])
def test_whole_resumable_upload_is_published(redis, tmp_path, where, count):
    """Its client never comes back."""
    token, ticket = seed_ticket(redis, attempts=1)
    service = doomed(redis, tmp_path, where)
    assert tus.create(service.port, token, len(DATA), "app.log", DATA) is None
    expect_published(successors(service, redis, tmp_path, count), redis, ticket, "app.log")


def test_living_uploads_are_left_alone(redis, tmp_path):
    token, ticket = seed_ticket(redis)
    gateway = Gateway(tmp_path / "data", redis.url, tmp_path / "log", {**ENV, "RESUME_LEASE": "5s"}).start()
    begun = tus.create(gateway.port, token, len(DATA), body=DATA[:100])
    with Raw(gateway.port) as raw:
        raw.send(f"PUT /u/{token}/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
        until(lambda: held(redis, ticket) == 2, 10, "both leases")
        stray = os.path.join(gateway.data_dir, "spool", "tmp", uuid.uuid4().hex)  # of nobody knows whom
        os.mkdir(stray)
        for name in ("state", "draft"):
            with open(os.path.join(stray, name), "wb") as f:
                f.write(b"\xff")
        assert tus.patch(gateway.port, tus.path_of(begun), 100, DATA[100:]).status == 204
        assert raw.send("def").answer().status == 201
    assert len(published(gateway)) == 2 and gateway.metrics()["lc_uploads_swept_total"] == 0
    assert in_progress(gateway) == [os.path.basename(stray)]
    gateway.close()
