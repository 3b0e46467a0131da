"""The services on disks that are full, refuse, write half of what they are given, or stand still: the answer says what is
wrong, nothing is acknowledged that is not kept, health stays honest, and all goes on without a restart."""

import contextlib
import os
import shutil
import sqlite3
import sys
import threading

import pytest
import requests

from lc import curl, strace, tus
from lc.build import library
from lc.panel import Account
from lc.raw import Raw
from lc.services import Admin, Gateway
from lc.tickets import seed_ticket
from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "gateway"))
from disks import Nbd, Trace, ext4, run  # noqa: E402
from spool import held, in_progress, published  # noqa: E402

BODY = bytes(range(256)) * 4000  # 1 MB
FAILED = 'lc_uploads_total{outcome="failed"}'


@pytest.fixture
def gateway_at(redis_server, tmp_path):
    """gateway_at(directory, **env): a gateway on it, ended with the test."""
    services = []

    def start(where, begin=Gateway.start, preload=None, **env):
        service = Gateway(where, redis_server.url, tmp_path / "gw.log",
                          {"STORAGE_RESERVE": "0", "UPLOAD_LEASE": "3s", "GATEWAY_WORKERS": "1", **env})
        if preload:
            service.env["LD_PRELOAD"] = preload
            service.env["ASAN_OPTIONS"] = "verify_asan_link_order=0"  # of a build that has it: this comes before it
        services.append(service)
        begin(service)
        return service

    yield start
    for service in services:
        service.close()


def put(gw, token, data=BODY, timeout=30):
    return requests.put(f"{gw.url}/u/{token}/x.bin", data=data, timeout=timeout, headers={"Accept": "application/json"})


def says(answer, status, code):
    assert answer.status_code == status and answer.json()["code"] == code, answer.text


def refused(gw, token, file, *options):
    """By curl: it reads what a service says in the middle of sending."""
    done = curl.run("-H", "Accept: application/json", *options, "-T", file.path, f"{gw.url}/u/{token}/")
    assert done.status == 507 and done.json()["code"] == "no_space", done


def nothing_left(gw, redis_server, ticket):
    """What failed has cost no attempt and left nothing behind."""
    until(lambda: held(redis_server, ticket) == 0 and not in_progress(gw), 15, "attempt and spool to be as before")


def ready(gw):
    answer = requests.get(gw.status_url + "/readyz", timeout=5)
    return answer.status_code, answer.json()["status"], answer.json()["stores"]["storage"]


def fill(disk):
    with contextlib.suppress(OSError), open(disk / "rest", "wb", buffering=0) as f:
        while f.write(bytes(4096)) == 4096:
            pass


def healthy(gw):
    assert requests.get(gw.url + "/api/v1/check/health/", timeout=2).json() == {"status": "ok"}


# --- full ---

@pytest.mark.parametrize("lane", ["off", "always"])
def test_full_by_bytes(gateway_at, redis_server, tmp_path, make_file, lane):
    """By a neighbour that the gateway's own sums know nothing of, in the middle of a body of unknown length."""
    with ext4(tmp_path, "24M") as disk:
        gw = gateway_at(disk, GATEWAY_FAST_LANE=lane)
        token, ticket = seed_ticket(redis_server)
        large = make_file(30 << 20)
        refused(gw, token, large)
        refused(gw, token, large, "-H", "Transfer-Encoding: chunked")
        nothing_left(gw, redis_server, ticket)
        healthy(gw)
        neighbour = disk / "neighbour"
        room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        neighbour.write_bytes(bytes(room - (1 << 20)))
        refused(gw, token, make_file(4 << 20))
        nothing_left(gw, redis_server, ticket)
        fill(disk)
        until(lambda: ready(gw) == (503, "unavailable", "full"), 10, "readiness to say that the disk is full")
        assert '"storage":"full"' in gw.run("health", "--ready").stderr
        for name in ("neighbour", "rest"):
            (disk / name).unlink()
        until(lambda: put(gw, token).status_code == 201, 15, "room again, without a restart")
        assert [data for data, _ in published(gw).values()] == [BODY]


def test_full_by_inodes(gateway_at, redis_server, tmp_path):
    with ext4(tmp_path, "24M", inodes=64) as disk:
        gw = gateway_at(disk)
        token, ticket = seed_ticket(redis_server)
        (disk / "taken").mkdir()
        while os.statvfs(disk).f_ffree > 0:
            (disk / "taken" / str(os.statvfs(disk).f_ffree)).touch()
        says(put(gw, token), 507, "no_space")
        until(lambda: ready(gw) == (503, "unavailable", "full"), 10, "readiness to say that there are no inodes")
        nothing_left(gw, redis_server, ticket)
        shutil.rmtree(disk / "taken")
        until(lambda: put(gw, token).status_code == 201, 15, "room again, without a restart")
        assert len(published(gw)) == 1


def test_mounted_read_only(gateway_at, redis_server, tmp_path):
    with ext4(tmp_path, "24M") as disk:
        gw = gateway_at(disk)
        token, ticket = seed_ticket(redis_server)
        run("mount", "-o", "remount,ro", str(disk))
        until(lambda: ready(gw) == (503, "unavailable", "read-only"), 10, "readiness to say so")
        says(put(gw, token), 500, "storage_failed")
        nothing_left(gw, redis_server, ticket)
        run("mount", "-o", "remount,rw", str(disk))
        until(lambda: put(gw, token).status_code == 201, 15, "writing again, without a restart")
        assert ready(gw) == (200, "ok", "ok")


# --- refusing ---

@pytest.mark.parametrize("call,error,status,code", [
    ("pwrite64", "EIO", 500, "storage_failed"), ("pwrite64", "ENOSPC", 507, "no_space"),
    ("fsync", "EIO", 500, "storage_failed"), ("fsync", "EDQUOT", 507, "no_space"),
    ("renameat", "EIO", 500, "storage_failed")])
def test_refused_once(gateway_at, redis_server, tmp_path, call, error, status, code):
    """The first call is refused, the next ones work: the first upload fails and says why, the second is kept."""
    gw = gateway_at(tmp_path / "data", lambda s: strace.start_then_inject(s, call, f"error={error}:when=1"), GATEWAY_PUBLISHERS="1")
    token, ticket = seed_ticket(redis_server)
    says(put(gw, token), status, code)
    nothing_left(gw, redis_server, ticket)
    assert not published(gw)
    healthy(gw)
    if status == 500:
        assert ready(gw) == (503, "unavailable", "failing")
    assert put(gw, token).status_code == 201
    assert [data for data, _ in published(gw).values()] == [BODY]
    assert ready(gw) == (200, "ok", "ok")


def test_resumable_part_refused(gateway_at, redis_server, tmp_path):
    """A part that the disk refused is not counted; what was acknowledged before is still there."""
    gw = gateway_at(tmp_path / "data", lambda s: strace.start_then_inject(s, "fdatasync", "error=EIO:when=2"), GATEWAY_PUBLISHERS="1")
    token, _ = seed_ticket(redis_server)
    path = tus.path_of(tus.create(gw.port, token, len(BODY)))
    assert tus.patch(gw.port, path, 0, BODY[:1000]).status == 204
    refused = tus.patch(gw.port, path, 1000, BODY[1000:5000])
    assert refused.status == 500 and refused.json()["code"] == "storage_failed", refused
    assert tus.offset(gw.port, path) == 1000
    assert tus.patch(gw.port, path, 1000, BODY[1000:]).status == 204
    assert [data for data, _ in published(gw).values()] == [BODY]


def pour(gw, token, size, amid=lambda: None):
    """The answer to an upload of so many bytes, and the bytes; `amid` is called when half of them are in."""
    data = os.urandom(size)
    with Raw(gw.port) as raw:
        raw.send(f"PUT /u/{token}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: {size}\r\n\r\n")
        before = gw.metrics()
        raw.send(data[:size // 2])

        def is_in():
            """Or refused before it was."""
            now = gw.metrics()
            grown = {name: now[name] - before[name] for name in ("lc_upload_bytes_total", FAILED)}
            return grown["lc_upload_bytes_total"] >= size // 2 or grown[FAILED] > 0
        until(is_in, 30, "the first half")
        amid()
        raw.send(data[size // 2:])
        return raw.answer(), data


def test_direct_writes_refused_amid(gateway_at, redis_server, tmp_path):
    """The file system takes no more of them in the middle of an upload: the page cache takes the rest, and what was
    under way."""
    with ext4(tmp_path) as disk:
        gw = gateway_at(disk, preload=library("no_direct"), GATEWAY_FAST_LANE="always")
        token, _ = seed_ticket(redis_server)
        for direct in (True, False):
            before = gw.metrics()["lc_upload_bytes_direct_total"]
            answer, data = pour(gw, token, 20_000_001)
            assert answer.status == 201 and published(gw)[answer.json()["upload_id"]][0] == data, answer
            assert (gw.metrics()["lc_upload_bytes_direct_total"] > before) == direct
        assert gw.metrics()["lc_direct_writes_refused_total"] >= 2


def test_busy_ring(gateway_at, redis_server, tmp_path):
    """It takes nothing for a while: what it was given is given to it again."""
    with ext4(tmp_path) as disk:
        gw = gateway_at(disk, lambda s: strace.inject(s, "io_uring_enter", "error=EAGAIN:when=3..9").start(), GATEWAY_FAST_LANE="always")
        token, _ = seed_ticket(redis_server)
        answer, data = pour(gw, token, 20_000_001)
        assert answer.status == 201 and published(gw)[answer.json()["upload_id"]][0] == data, answer
        assert gw.metrics()["lc_upload_bytes_direct_total"] > 0


def test_ring_that_breaks(gateway_at, redis_server, tmp_path):
    """What it had taken may be on the disk or not: such an upload is refused, and its attempt comes back."""
    with ext4(tmp_path) as disk:
        gw = gateway_at(disk, lambda s: strace.inject(s, "io_uring_enter", "error=EBADF:when=4+").start(), GATEWAY_FAST_LANE="always")
        token, ticket = seed_ticket(redis_server, attempts=10)
        answer = None
        for _ in range(4):
            answer, _ = pour(gw, token, 6_000_000)
            if answer.status != 201:
                break
        assert answer.status == 500 and answer.json()["code"] == "storage_failed", answer
        until(lambda: held(redis_server, ticket) == len(published(gw)), 15, "the attempt to come back")
        healthy(gw)


def test_short_writes(gateway_at, redis_server, tmp_path):
    """POSIX lets a write take less than it was given: not a byte is lost or doubled, of archives and of their records."""
    gw = gateway_at(tmp_path / "data", preload=library("short_writes"))
    token, _ = seed_ticket(redis_server)
    assert put(gw, token).status_code == 201
    path = tus.path_of(tus.create(gw.port, token, len(BODY)))
    assert tus.patch(gw.port, path, 0, BODY[:1000]).status == 204
    assert tus.patch(gw.port, path, 1000, BODY[1000:]).status == 204
    assert [data for data, _ in published(gw).values()] == [BODY] * 2
    manifests = [(tmp_path / "data" / "spool" / "new" / upload_id / "manifest").read_bytes() for upload_id in published(gw)]
    assert sorted(m[-3:] for m in manifests) == [b"put", b"tus"], "to their last field"


# --- a power cut: what it would find is what was synced before the answer ---

def in_order(events, *wanted):
    """These are among them, in this order; the last of each kind counts."""
    last = {event: at for at, event in enumerate(events)}
    assert [e for e in wanted if e not in last] == [], "\n".join(events)
    at = [last[e] for e in wanted]
    assert at == sorted(at), "\n".join(events)


@pytest.mark.parametrize("lane", ["off", "always"])
def test_all_is_synced_before_201(gateway_at, redis_server, tmp_path, lane):
    """Where a first start makes directories, these; data, manifest, the directory that names them; then the rename, and
    both directories that it changed."""
    trace = Trace(tmp_path, tmp_path / "data")
    gw = gateway_at(tmp_path / "data", trace.start, GATEWAY_FAST_LANE=lane)
    token, _ = seed_ticket(redis_server)
    assert put(gw, token).status_code == 201
    (upload_id,) = published(gw)
    tmp, events = f"spool/tmp/{upload_id}", trace.until_answer(201)
    in_order(events, "mkdir ./spool", "mkdir spool/tmp", "mkdir spool/new", "fsync .", "fsync spool", f"fsync {tmp}/data")
    in_order(events, f"fsync {tmp}/data", f"fsync {tmp}/manifest", f"fsync {tmp}", f"rename {tmp} spool/new/{upload_id}",
             "fsync spool/new", "fsync spool/tmp", "answer 201")
    in_order(events, f"write {tmp}/manifest", f"fsync {tmp}/manifest")
    if lane == "off":
        in_order(events, f"pwrite {tmp}/data", f"fsync {tmp}/data")


def test_resumable_parts_are_synced_before_they_are_counted(gateway_at, redis_server, tmp_path):
    """The data before the state that counts it, the state before it takes its place, and that before the answer."""
    trace = Trace(tmp_path, tmp_path / "data")
    gw = gateway_at(tmp_path / "data", trace.start)
    token, _ = seed_ticket(redis_server)
    path = tus.path_of(tus.create(gw.port, token, len(BODY)))
    tmp = f"spool/tmp/{os.path.basename(path)}"

    def took_its_place(events):
        (renamed,) = [e for e in events if e.startswith("rename") and e.endswith(f" {tmp}/state")]
        return renamed.split()[1], renamed

    events = trace.until_answer(201)
    beside, renamed = took_its_place(events)
    in_order(events, f"write {beside}", f"fsync {beside}", renamed, f"fsync {tmp}", "fsync spool/tmp", "answer 201")
    for at, end in ((0, 1000), (1000, len(BODY))):
        assert tus.patch(gw.port, path, at, BODY[at:end]).status == 204
        events = trace.until_answer(204)
        beside, renamed = took_its_place(events)
        in_order(events, f"pwrite {tmp}/data", f"fdatasync {tmp}/data", renamed, f"fsync {tmp}", "answer 204")
        in_order(events, f"write {beside}", f"fsync {beside}", renamed)
    new = f"spool/new/{os.path.basename(path)}"
    in_order(events, f"fsync {tmp}/manifest", f"rename {tmp} {new}", "fsync spool/new", "fsync spool/tmp", "answer 204")


def test_place_of_archives_is_synced(redis_server, tmp_path):
    trace = Trace(tmp_path, tmp_path / "data")
    admin = Admin(tmp_path / "data", redis_server.url, tmp_path / "admin.log")
    trace.start(admin)
    try:
        until(lambda: in_order(list(trace.events()), "mkdir archives", "fsync .", "fsync archives") or True, what="the order")
    finally:
        admin.close()


def test_archives_are_synced_where_they_go(gateway_at, redis_server, tmp_path):
    """By filing: the row, then the move and both directories; by the API: the files and the row before the answer; an
    end before it is forgotten. The shelves are there already, made by one who was killed before he could sync them."""
    gw = gateway_at(tmp_path / "data")
    for shelf in range(256):
        (tmp_path / "data" / "archives" / f"{shelf:02x}").mkdir(parents=True)
    trace = Trace(tmp_path, tmp_path / "data")
    admin = Admin(tmp_path / "data", redis_server.url, tmp_path / "admin.log")
    trace.start(admin)
    try:
        panel = Account(admin, "ann", superuser=True).panel()
        panel.post("/api/v1/platforms/", json={"name": "a", "pretty_name": "A"})
        ticket = panel.post("/api/v1/tickets/", json={"number": 7, "platform": "a"}).json()
        admin.secrets.add(ticket["token"])
        sent = until(lambda: (r := put(gw, ticket["token"])).status_code == 201 and r, 15, "the gateway to know the ticket")
        (archive,) = until(lambda: panel.get("/api/v1/archives/?ticket=7").json(), 15, "the archive")
        filed = sent.json()["upload_id"]
        shelf, moved = f"archives/{filed[:2]}", f"rename spool/new/{filed} archives/{filed[:2]}/{filed}"
        events = until(lambda: "fsync spool/new" in (e := list(trace.events()))[e.index(moved):] and e, 15, "the move")
        before, behind = events[:events.index(moved)], events[events.index(moved):]
        assert f"mkdir {shelf}" in before and "fsync archives" in before[before.index(f"mkdir {shelf}"):], before
        assert before.index("fdatasync admin.sqlite3-wal") < before.index(f"mkdir {shelf}"), before
        assert behind.index(f"fsync {shelf}") < behind.index("fsync spool/new"), behind
        replaced = panel.put(f"/api/v1/archives/{archive['id']}/", files={"file": ("b.log", b"other")}, data={"ticket": 7})
        assert replaced.status_code == 200, replaced.text
        events = trace.until_answer(200, "write archives/../")
        (data,) = [e.split()[1] for e in events if e.startswith("fsync archives/") and e.endswith("/data")]
        made = os.path.dirname(data)
        in_order(events, f"write {data}", f"fsync {data}", f"fsync {made}/manifest", f"fsync {made}", "answer 200")
        in_order(events, f"write {made}/manifest", f"fsync {made}/manifest")
        shelf = os.path.dirname(made)
        in_order(events, f"mkdir {made}", f"fsync {shelf}", "fdatasync admin.sqlite3-wal", "answer 200")
        assert panel.delete(f"/api/v1/archives/{archive['id']}/").status_code == 204

        def removed():
            """The shelf is synced behind the directory's end, and then the row that says what is still to be removed goes."""
            left = list(trace.events())[trace.seen:]
            left = left[left.index(f"unlinkat {made}"):]
            left = left[left.index(f"unlinkat {shelf}"):]
            return "fdatasync admin.sqlite3-wal" in left[left.index(f"fsync {shelf}"):]
        until(removed, 15, "its end to be synced")
    finally:
        admin.close()


# --- hanging ---

def test_storage_that_stands_still(gateway_at, redis_server, tmp_path):
    """Uploads wait for it; who only asks is answered at once; when it goes on, all of them end well."""
    with Nbd(tmp_path) as nbd:
        gw = gateway_at(nbd.where)
        token, _ = seed_ticket(redis_server, attempts=5)
        answers = []
        nbd.stop()
        threads = [threading.Thread(target=lambda: answers.append(put(gw, token, timeout=60))) for _ in range(3)]
        for thread in threads:
            thread.start()
        until(lambda: gw.metrics()["lc_uploads_open"] == 3, 10, "three uploads to wait for the disk")
        for _ in range(20):
            healthy(gw)
            assert requests.get(f"{gw.url}/api/v1/check/token/{token}", timeout=2).status_code == 200
        assert not answers, "201 before the disk has it"
        nbd.go()
        for thread in threads:
            thread.join(60)
        assert [a.status_code for a in answers] == [201] * 3
        assert [data for data, _ in published(gw).values()] == [BODY] * 3


@pytest.mark.parametrize("lane", ["off", "always"])
def test_block_device_with_errors(gateway_at, redis_server, tmp_path, lane):
    """No 201 for what the device did not take. (ext4 may then refuse to write at all: that is its operator's.)"""
    with Nbd(tmp_path) as nbd:
        gw = gateway_at(nbd.where, GATEWAY_FAST_LANE=lane)
        token, ticket = seed_ticket(redis_server)
        answer, _ = pour(gw, token, 8_000_000, nbd.fail)
        assert answer.status == 500 and answer.json()["code"] == "storage_failed", answer
        healthy(gw)
        until(lambda: held(redis_server, ticket) == 0, 15, "the attempt to come back")
        assert not published(gw)


def test_a_reader_that_is_gone_costs_nothing(gateway_at, redis_server, tmp_path):
    """The customer breaks off while the disk stands still: the attempt comes back or the archive is there, never both."""
    with Nbd(tmp_path) as nbd:
        gw = gateway_at(nbd.where)
        token, ticket = seed_ticket(redis_server, attempts=1)
        nbd.stop()
        raw = Raw(gw.port).send(f"PUT /u/{token}/x HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n")
        raw.send(BODY)
        until(lambda: gw.metrics()["lc_upload_bytes_total"] >= 0, 10, "the gateway to answer its operator")
        raw.reset()
        nbd.go()
        until(lambda: gw.metrics()["lc_uploads_open"] == 0, 30, "the upload to end")
        assert len(published(gw)) == held(redis_server, ticket)


# --- admin-api and its database ---

def cannot_be_written(postgres, disk):
    if postgres is None:
        fill(disk)
        return
    postgres.rows("ALTER DATABASE shut SET default_transaction_read_only = on", "postgres")
    postgres.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shut'", "postgres")


def try_to_write(admin):
    """A server tells only who writes: here the audit log of a login."""
    answer = requests.post(admin.url + "/api/v1/auth/token/", json={"username": "nobody", "password": "x"}, timeout=10)
    return answer.status_code in (401, 429, 503, 507)


def can_be_written(postgres, disk):
    if postgres is None:
        (disk / "rest").unlink()
        return
    postgres.rows("ALTER DATABASE shut RESET default_transaction_read_only", "postgres")
    postgres.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shut'", "postgres")


@pytest.mark.parametrize("database", ["full sqlite", "read-only postgres"])
def test_database_that_cannot_be_written(redis_server, tmp_path, request, database):
    """Reading goes on, whoever asks and however he logged in; readiness, `health` and `check` name what is wrong."""
    how = database.split()[0]
    postgres = request.getfixturevalue("postgres") if how == "read-only" else None
    with ext4(tmp_path, "24M") as disk:
        admin = Admin(disk, redis_server.url, tmp_path / "admin.log", {"SWEEP_INTERVAL": "300ms"},
                      postgres.create_database("shut") if postgres else None)
        admin.start()
        try:
            user = Account(admin, "ann", superuser=True)
            panel = user.panel()
            token = panel.post("/api/v1/account/access-tokens/", json={"name": "t", "scopes": ["read"]})
            assert token.status_code == 201, token.text
            admin.secrets.add(token.json()["token"])
            used_long_ago = "UPDATE sessions SET last_seen = last_seen - 120000000"  # to be noted again
            if postgres:
                postgres.rows(used_long_ago, "shut")
            else:
                with contextlib.closing(sqlite3.connect(disk / "admin.sqlite3", timeout=10)) as db, db:
                    db.execute(used_long_ago)
            cannot_be_written(postgres, disk)
            stores = {"database": how, "redis": "ok", "storage": "ok" if postgres else how}
            until(lambda: try_to_write(admin) and (not_ready(admin) or {}).get("stores") == stores, 15, "readiness to say so")
            assert f'"database":"{how}"' in admin.run("health", "--ready").stderr
            checked = admin.run("check")
            assert checked.returncode == 1 and "database       DB_URL" in checked.stdout, checked.stdout
            by_token = {"Authorization": "Bearer " + token.json()["token"]}
            assert requests.get(admin.url + "/api/v1/tickets/", headers=by_token, timeout=10).status_code == 200
            assert panel.get("/api/v1/tickets/").status_code == 200
            refused = panel.post("/api/v1/platforms/", json={"name": "a", "pretty_name": "A"})
            assert refused.status_code == (503 if postgres else 507), refused.text
            can_be_written(postgres, disk)
            until(lambda: not not_ready(admin), 10, "to be ready again")
            again = until(lambda: made(panel), 10, "writing to go on")
            assert again.json()["name"] == "a"
        finally:
            admin.close()


def not_ready(admin):
    answer = requests.get(admin.status_url + "/readyz", timeout=10)
    return answer.json() if answer.status_code == 503 else None


def made(panel):
    answer = panel.post("/api/v1/platforms/", json={"name": "a", "pretty_name": "A"})
    return answer if answer.status_code == 201 else None
