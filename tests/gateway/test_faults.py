"""Faults around the gateway: Redis away, frozen or emptied, a full disk, a disk that fails, its own death, bad settings."""

import contextlib
import os
import resource
import signal
import subprocess
import sys

import pytest
import requests
from redis import Redis as RedisClient

from lc import strace, tus
from lc.raw import Raw
from lc.services import Gateway
from lc.stores import Redis
from lc.tickets import seed_ticket
from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
from spool import held, in_progress, published  # noqa: E402


@pytest.fixture
def redis(tmp_path_factory):
    server = Redis(str(tmp_path_factory.mktemp("r"))).start()
    yield server
    server.stop()


@pytest.fixture
def gw(tmp_path, redis):
    service = Gateway(tmp_path / "data", redis.url, tmp_path / "log", {"UPLOAD_LEASE": "3s", "REDIS_TIMEOUT": "2s"}).start()
    yield service
    service.close()


def begin(gw, token, size=6, first="abc"):
    raw = Raw(gw.port)
    return raw.send(f"PUT /u/{token}/x.txt HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: {size}\r\n\r\n{first}")


def put(gw, token, data=b"abcdef"):
    return requests.put(f"{gw.url}/u/{token}/x.txt", data=data, headers={"Accept": "application/json"})


def test_redis_away(gw, redis):
    token, ticket = seed_ticket(redis)
    raw = begin(gw, token)
    body = '--b\r\nContent-Disposition: form-data; name="file"; filename="form.txt"\r\n\r\nform\r\n--b--\r\n'
    form = Raw(gw.port).send(f"POST /u/{token} HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                             f"Content-Length: {len(body)}\r\n\r\n{body[:-9]}")
    until(lambda: held(redis, ticket) == 2, 5, "the leases")
    redis.kill9()
    refused = put(gw, token)
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0, refused.text
    assert requests.get(f"{gw.url}/api/v1/check/token/{token}").status_code == 503
    assert requests.get(f"{gw.url}/api/v1/check/health/").status_code == 200
    assert requests.get(f"{gw.status_url}/readyz").json()["stores"]["redis"] == "unreachable"
    ended = form.send(body[-9:]).answer()  # a receipt at once: no page could be led to
    assert ended.status == 201 and b"Received</h1>" in ended.body and b"form" in ended.body, ended
    page = requests.get(f"{gw.url}/u/{token}?received=x", headers={"Accept": "text/html"})
    assert page.status_code == 503 and "Your file has arrived" in page.text and "cannot take uploads" in page.text
    answer = raw.send("def").answer()  # in flight: completes all the same
    assert answer.status == 201 and published(gw)[answer.json()["upload_id"]][0] == b"abcdef"
    redis.start()
    until(lambda: requests.get(f"{gw.status_url}/readyz").status_code == 200, 15, "the gateway to reconnect")


def test_redis_frozen(gw, redis):
    token, ticket = seed_ticket(redis)
    raw = begin(gw, token)
    until(lambda: held(redis, ticket) == 1, 5, "the lease")
    redis.process.sigstop()
    try:
        assert put(gw, token).status_code == 503
        assert raw.send("def").answer().status == 201
    finally:
        redis.process.sigcont()
    until(lambda: put(gw, token).status_code == 201, 15, "uploads to work again")


def test_redis_emptied(gw, redis):
    """Without an epoch: 503, never 403; an upload reserved before goes on, whoever holds the attempts now."""
    token, ticket = seed_ticket(redis, attempts=1)
    raw = begin(gw, token)
    until(lambda: held(redis, ticket) == 1, 5, "the lease")
    raw_client = RedisClient(unix_socket_path=redis.socket)  # bytes: what DUMP gives is no text
    saved = {k: raw_client.dump(k) for k in redis.names() if not k.endswith(":open")}
    redis.client.flushall()
    assert put(gw, token).status_code == 503
    for key, value in saved.items():
        raw_client.restore(key, 0, value)
    redis.client.set("lc:epoch", "another")
    until(lambda: held(redis, ticket) == 1, 10, "the heartbeat to reserve again")
    assert raw.send("def").answer().status == 201
    assert put(gw, token).status_code == 423


def test_a_new_redis_hears_of_open_uploads_at_once(tmp_path, redis):
    """Not with the next heartbeat, which is twenty minutes away here."""
    service = Gateway(tmp_path / "data", redis.url, tmp_path / "log", {"UPLOAD_LEASE": "1h"}).start()
    token, ticket = seed_ticket(redis, attempts=1)
    raw = begin(service, token)
    until(lambda: held(redis, ticket) == 1, 5, "the lease")
    redis.forget()
    until(lambda: held(redis, ticket) == 1, 15, "the lease in the new server")
    assert raw.send("def").answer().status == 201
    service.close()


def test_killed_in_the_middle(gw, redis):
    token, ticket = seed_ticket(redis, attempts=1)
    raw = begin(gw, token)
    until(lambda: held(redis, ticket) == 1, 5, "the lease")
    gw.kill9()
    assert raw.answer() is None
    gw.start()
    until(lambda: put(gw, token).status_code == 201, 15, "the dead gateway's lease to lapse")
    assert held(redis, ticket) == 1


@pytest.fixture
def small_disk(tmp_path):
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_full_disk(small_disk, redis, tmp_path):
    service = Gateway(small_disk, redis.url, tmp_path / "full.log", {"STORAGE_RESERVE": "1M"}).start()
    token, ticket = seed_ticket(redis)
    with Raw(service.port) as raw:
        raw.send(f"PUT /u/{token}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nExpect: 100-continue\r\nContent-Length: 8000000\r\n\r\n")
        answer = raw.answer()
    assert answer.status == 507 and answer.interim == [], "before the body where the length is known"
    open_upload = begin(service, token, 5000000)  # what open uploads still have coming counts
    until(lambda: held(redis, ticket) == 1, 5, "the lease")
    assert put(service, token, b"x" * 4000000).status_code == 507
    open_upload.reset()
    until(lambda: held(redis, ticket) == 0 and service.metrics()["lc_upload_bytes_expected"] == 0 and not in_progress(service), 10,
          "attempt and room to come back")
    assert put(service, token, iter([b"x" * 1000000] * 10)).status_code == 507
    until(lambda: not in_progress(service), 10, "the spool to be empty again")
    assert held(redis, ticket) == 0
    assert put(service, token, b"x" * 4000000).status_code == 201
    service.close()


def test_unknown_length_leaves_what_is_promised(small_disk, redis, tmp_path):
    """A body of unknown length cannot take the space that was granted to another one by its Content-Length."""
    service = Gateway(small_disk, redis.url, tmp_path / "promised.log", {"STORAGE_RESERVE": "1M"}).start()
    token, ticket = seed_ticket(redis)
    promised = begin(service, token, 5000000)
    until(lambda: held(redis, ticket) == 1, 5, "the lease")
    assert put(service, token, iter([b"x" * 500000] * 8)).status_code == 507
    assert promised.send("x" * 4999997).answer().status == 201
    service.close()


def with_failing(call, redis, tmp_path):
    """A gateway whose calls of that name fail with EIO."""
    return strace.start_then_inject(Gateway(tmp_path / "data", redis.url, tmp_path / "eio.log"), call, "error=EIO")


def test_failed_rename_gives_attempt_and_name_back(redis, tmp_path):
    """It fails after the commit: what was taken there goes back before the customer is answered."""
    service = with_failing("renameat", redis, tmp_path)
    token, ticket = seed_ticket(redis, attempts=1)
    for _ in range(2):
        assert put(service, token).status_code == 500
        assert held(redis, ticket) == 0 and not in_progress(service) and not published(service)
        assert redis.client.hlen(f"lc:{{{ticket}}}:names") == 0
        assert redis.client.llen(f"lc:{{{ticket}}}:receipts") == 0
    service.process.stop()


@pytest.mark.parametrize("call", ["io_uring_setup", "io_uring_enter"])
def test_refused_io_uring_is_said_and_done_without(redis, tmp_path, call):
    """As container engines refuse it, wholly or in part: the log blames them, not the disk, once; uploads go well."""
    service = Gateway(tmp_path / "data", redis.url, tmp_path / "refused.log", {"GATEWAY_FAST_LANE": "always"})
    strace.inject(service, call, "error=EPERM").start()
    said = [line for line in service.process.output().splitlines() if "fast_lane" in line]
    assert len(said) == 1 and "fast_lane.none" in said[0] and "io_uring is refused here" in said[0], said
    token, _ = seed_ticket(redis)
    assert requests.put(f"{service.url}/u/{token}/a", data=os.urandom(9 << 20), timeout=60).status_code == 201
    assert service.metrics()["lc_upload_bytes_direct_total"] == 0
    service.process.stop()


def test_failed_fsync_is_never_acknowledged(redis, tmp_path):
    service = with_failing("fsync", redis, tmp_path)
    token, ticket = seed_ticket(redis)
    r = put(service, token)
    assert r.status_code == 500 and r.json()["code"] == "storage_failed", r.text
    assert not published(service)
    until(lambda: held(redis, ticket) == 0, 10, "the attempt to come back")
    assert "Input/output error" in service.process.output()
    service.process.stop()


def test_hung_file_system_stalls_nobody_else(redis, tmp_path):
    """statfs that hangs, as on NFS whose server is gone: health goes on, readiness and new uploads say what is wrong."""
    service = Gateway(tmp_path / "data", redis.url, tmp_path / "hung.log")
    strace.inject(service, "fstatfs", "delay_enter=60000000:when=4+").start()
    token, ticket = seed_ticket(redis)
    until(lambda: requests.get(f"{service.status_url}/readyz").json()["stores"]["storage"] == "unreachable", 20, "the silence")
    assert service.healthy()
    refused = put(service, token)
    assert refused.status_code == 500 and refused.json()["code"] == "storage_failed"
    assert held(redis, ticket) == 0 and service.healthy()
    os.kill(strace.tracer(service.process.pid), signal.SIGKILL)  # else the gateway cannot even be killed before the delay is over
    service.kill9()


@pytest.mark.parametrize("env,word", [
    ({"DATA_DIR": "/nonexistent/dir"}, "/nonexistent/dir"), ({"GATEWAY_LISTEN": "nowhere"}, "GATEWAY_LISTEN"),
    ({"GATEWAY_LISTEN": "unix:/nonexistent/gw.sock"}, "GATEWAY_LISTEN: unix:/nonexistent/gw.sock: its directory does not exist: make it"),
    ({"MAX_UPLOAD_SIZE": "many"}, "MAX_UPLOAD_SIZE"), ({"UPLOAD_LEASE": "-1s"}, "UPLOAD_LEASE"),
    ({"REDIS_URL": "http://x"}, "REDIS_URL"), ({"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
    ({"GATEWAY_WEB_DIR": "/nonexistent"}, "GATEWAY_WEB_DIR"), ({"REDIS_URL_FILE": "/nonexistent"}, "REDIS_URL")])
def test_bad_configuration_is_named(tmp_path, redis, env, word):
    service = Gateway(tmp_path, redis.url, tmp_path / "log")
    done = service.run(env=env)
    assert done.returncode == 1 and word in done.stderr, done


def test_port_taken(gw):
    done = gw.run(env={"GATEWAY_STATUS_LISTEN": "off"})
    assert done.returncode == 1 and "another process listens there already" in done.stderr


def test_unix_socket_of_a_living_gateway_is_kept(gw, tmp_path):
    where = f"unix:{tmp_path}/gw.sock"
    service = Gateway(gw.data_dir, gw.env["REDIS_URL"], tmp_path / "unix.log", {"GATEWAY_LISTEN": where})
    service.start(wait=False)
    until(lambda: subprocess.run(["curl", "-fsS", "--unix-socket", where[5:], "http://x/api/v1/check/health/"],
                                 capture_output=True, check=False).returncode == 0, 10, "the gateway on its socket")
    refused = gw.run(env={"GATEWAY_LISTEN": where, "GATEWAY_STATUS_LISTEN": "off"})
    assert refused.returncode == 1 and "another process listens there already" in refused.stderr
    service.kill9()
    service.start(wait=False)  # the socket of a dead one is taken over
    until(lambda: requests.get(f"{service.status_url}/readyz").status_code == 200, 10, "the gateway to be ready")
    service.close()


def test_file_in_place_of_a_socket_is_kept(gw, tmp_path):
    (tmp_path / "mine").write_text("somebody's")
    refused = gw.run(env={"GATEWAY_LISTEN": f"unix:{tmp_path}/mine", "GATEWAY_STATUS_LISTEN": "off"})
    assert refused.returncode == 1 and "something else has this name: remove it" in refused.stderr
    assert (tmp_path / "mine").read_text() == "somebody's"


def test_out_of_descriptors(gw):
    """Accepting pauses on both doors, goes on when there is room, and neither keeps the gateway from ending."""
    limit = gw.process.fd_count() + 8
    resource.prlimit(gw.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    with contextlib.ExitStack() as stack:
        for port in [gw.port] * 10 + [gw.status_port] * 4:
            stack.enter_context(Raw(port))
        until(lambda: gw.process.output().count("accept.paused") >= 2, 10, "accepting to pause again and again")
    until(gw.healthy, 10, "the gateway to accept again")
    assert requests.get(f"{gw.status_url}/readyz").status_code == 200
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(Raw(gw.status_port))
        seen = gw.process.output().count("accept.paused")
        until(lambda: gw.process.output().count("accept.paused") > seen, 10, "the status door to pause")
        gw.process.popen.terminate()
    gw.process.popen.wait(10)
    gw.process.popen = None


def test_drains(gw, redis):
    token, ticket = seed_ticket(redis)
    idle = Raw(gw.port)
    raw = begin(gw, token)
    until(lambda: held(redis, ticket) == 1, 5, "the lease")
    gw.process.popen.terminate()
    assert idle.answer() is None
    ready = requests.get(gw.status_url + "/readyz", timeout=5)
    assert (ready.status_code, ready.json()["status"]) == (503, "draining")
    answer = raw.send("def").answer()
    assert answer.status == 201 and answer.headers["connection"] == "close"
    gw.process.popen.wait(10)
    gw.process.popen = None


def test_drain_that_expires_leaves_nothing(tmp_path, redis):
    """Of a body that still was on its way: the sender is told, the attempt is back, nothing stays in the spool."""
    gw = Gateway(tmp_path / "data", redis.url, tmp_path / "log", {"DRAIN_TIMEOUT": "200ms", "UPLOAD_LEASE": "1h"}).start()
    token, ticket = seed_ticket(redis, attempts=1)
    try:
        raw = begin(gw, token)
        until(lambda: held(redis, ticket) == 1 and in_progress(gw), 5, "the upload")
        gw.process.popen.terminate()
        answer = raw.answer()
        assert answer.status == 503 and "drain.expired" in gw.process.output()
        gw.process.popen.wait(10)
        assert held(redis, ticket) == 0 and not in_progress(gw)
    finally:
        gw.process.popen = None
        gw.close()


def test_redis_forgets_amid_a_resumable_upload(tmp_path, redis):
    """FLUSHALL between two parts and within one: the disk knows how much counts, and the upload takes one attempt. Of the
    receipts only what arrives afterwards is there: they are Redis's alone."""
    service = Gateway(tmp_path / "data", redis.url, tmp_path / "log", {"UPLOAD_LEASE": "3s", "RESUME_LEASE": "600ms"}).start()
    token, ticket = seed_ticket(redis, attempts=1)
    ticket_keys = [f"lc:{{{ticket}}}:ticket", *redis.client.keys("lc:tok:*")]
    raw_client = RedisClient(unix_socket_path=redis.socket)

    def forget(epoch):
        saved = {k: raw_client.dump(k) for k in ticket_keys}
        redis.client.flushall()
        for key, value in saved.items():  # what admin-api projects again
            raw_client.restore(key, 0, value)
        redis.client.set("lc:epoch", epoch)

    path = tus.path_of(tus.create(service.port, token, 9, body=b"abc"))
    forget("second")
    assert tus.offset(service.port, path) == 3
    with Raw(service.port) as raw:
        raw.send(tus.head_of("PATCH", path, {"Content-Type": tus.PART, "Upload-Offset": "3", "Content-Length": "6"}, None) + b"def")
        until(lambda: held(redis, ticket) == 1, 10, "the lease")
        forget("third")
        until(lambda: held(redis, ticket) == 1, 10, "the heartbeat to tell Redis again")
        answer = raw.send(b"ghi").answer()
    assert answer.status == 204, answer
    assert [content for content, _ in published(service).values()] == [b"abcdefghi"]
    assert held(redis, ticket) == 1 and put(service, token).status_code == 423
    receipt = requests.get(f"{service.url}/u/{token}", headers={"Accept": "application/json"}).json()
    assert [a["size"] for a in receipt["archives"]] == [9]
    service.close()
