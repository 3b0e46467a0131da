"""What lies in spool/new is not taken at its word: what is no upload of the gateway's is put aside for people to look at,
with its reason, costs no attempt and keeps nothing else from being filed. What was filed before is not filed twice."""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from lc import tus
from lc.flaky import HeldLine
from lc.manifest import give_id
from lc.raw import Raw
from lc.rest import expect
from lc.services import Gateway
from lc.stack import Stack
from lc.wait import until

ADMIN_ENV = {"SWEEP_INTERVAL": "200ms", "RECONCILE_AGE": "1s"}
CONTENT = b"what happened\n" * 100


def spooled(stack, upload_id, *names):
    return os.path.join(stack.data_dir, "spool", "new", upload_id, *names)


def receiving(stack, *names):
    return os.path.join(stack.data_dir, "spool", "tmp", *names)


def filed(stack, upload_id):
    return os.path.join(stack.data_dir, "archives", upload_id[:2], upload_id)


def send(stack, ticket, name="logs.txt"):
    answer = requests.post(stack.gateway.url + "/api/v1/archives/", headers={"Upload-Token": ticket["token"]},
                           files={"file": (name, CONTENT)}, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.json()["upload_id"]


def database(stack):
    path = stack.admin.env["DB_URL"].removeprefix("sqlite:///")
    return contextlib.closing(sqlite3.connect(path, timeout=20, isolation_level=None))


def said_of(stack, event, upload_id):
    """The lines of that event about that upload."""
    return [line for line in stack.admin.process.output().splitlines() if f" {event} " in line and upload_id in line]


def rename_upload(stack, old, new):
    """As it would lie there had the gateway drawn that id."""
    give_id(spooled(stack, old), old, new)
    os.rename(spooled(stack, old), spooled(stack, new))


def cut_data(path):
    os.truncate(os.path.join(path, "data"), len(CONTENT) - 1)


def lose_manifest(path):
    os.unlink(os.path.join(path, "manifest"))


def link_data(path):
    """To a file that whoever downloads it must not see."""
    os.unlink(os.path.join(path, "data"))
    os.symlink("/etc/shadow", os.path.join(path, "data"))


def share_data(path):
    """With somebody who could go on writing to it."""
    os.link(os.path.join(path, "data"), os.path.join(path, "..", "..", "shared"))


def data_is_a_fifo(path):
    os.unlink(os.path.join(path, "data"))
    os.mkfifo(os.path.join(path, "data"))


def spoil_manifest(path):
    with open(os.path.join(path, "manifest"), "r+b") as f:
        f.write(b"\xc1")  # in no msgpack


def be_a_link(path):
    elsewhere = os.path.join(path, "..", "..", "elsewhere")
    os.rename(path, elsewhere)
    os.symlink(elsewhere, path)


def be_another(path):
    give_id(path, os.path.basename(path), "0123456789abcdef" * 2)


WRONG = [
    (cut_data, "the data is not as long as the manifest says"),
    (lose_manifest, "a file is missing or a symlink"),
    (link_data, "a file is missing or a symlink"),
    (share_data, "not a regular file with one link"),
    (data_is_a_fifo, "not a regular file with one link"),
    (spoil_manifest, "the manifest is malformed"),
    (be_a_link, "not a directory"),
    (be_another, "the manifest is another upload's"),
]


def wait_aside(stack, upload_id, why):
    aside = os.path.join(stack.data_dir, "spool", "orphans", upload_id)
    until(lambda: os.path.lexists(aside) and said_of(stack, "filing.orphaned", upload_id), what=f"{why}: to be put aside")
    (line,) = said_of(stack, "filing.orphaned", upload_id)
    assert f'why="{why}"' in line, line
    assert not os.path.lexists(spooled(stack, upload_id)) and not os.path.lexists(filed(stack, upload_id))


def wait_attempts_back(stack, ticket, count):
    """Redis holds none any more of what was committed and never filed; the database never knew of them."""
    until(lambda: stack.redis.client.zcard(f"lc:{{{ticket['id']}}}:done") == 0, what="the attempts to come back")
    assert stack.attempts(ticket) == count


def test_what_is_no_upload_is_put_aside(stack):
    ticket = stack.make_ticket(attempts=10)
    stack.admin.stop()
    sent = {send(stack, ticket, f"{i}.log"): wrong for i, wrong in enumerate(WRONG)}
    good = send(stack, ticket, "good.log")
    for upload_id, (spoil, _) in sent.items():
        spoil(spooled(stack, upload_id))
    stack.admin.start()
    with ThreadPoolExecutor(6) as pool:  # they file, and so does the keeper: each is put aside and told of once
        list(pool.map(lambda _: stack.archives(ticket), range(6)))
    (archive,) = stack.wait_archives(ticket, 1)
    assert archive["name"] == "good.log" and archive["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    for upload_id, (_, why) in sent.items():
        wait_aside(stack, upload_id, why)
    until(lambda: os.path.exists(filed(stack, good)), what="the good one to be filed")
    assert stack.admin.metrics()["lc_admin_uploads_orphaned_total"] == len(WRONG)
    wait_attempts_back(stack, ticket, 9)
    assert all(said_of(stack, "reconcile.attempt_returned", upload_id) for upload_id in sent)
    assert {send(stack, ticket, f"again {i}.log") for i in range(9)}, "the customer has all attempts but the good one's"
    stack.wait_archives(ticket, 10)


def test_file_of_another_user_is_told_and_filed_once_it_is_right(stack):
    if os.getuid() != 0:
        pytest.skip("needs root to give files away")
    ticket, other = stack.make_ticket(), stack.make_ticket(attempts=9)
    stack.admin.stop()
    upload_id = send(stack, ticket)
    for i in range(8):  # some of them are found behind it
        send(stack, other, f"{i}.log")
    os.chown(spooled(stack, upload_id, "data"), 12345, 12345)
    stack.admin.start()
    until(lambda: said_of(stack, "sweep.failing", upload_id), what="it to be told")
    assert 'why="not a file of GATEWAY_UID"' in said_of(stack, "sweep.failing", upload_id)[0]
    stack.wait_archives(other, 8)
    assert stack.admin.metrics()["lc_admin_filing_errors_total"] >= 1
    assert os.path.exists(spooled(stack, upload_id)), "it stays where it is"
    assert not stack.archives(ticket)
    done = f"lc:{{{ticket['id']}}}:done"
    never_came = "f" * 32
    stack.redis.client.zadd(done, {never_came: stack.redis.client.zscore(done, upload_id) + 1})
    until(lambda: said_of(stack, "reconcile.attempt_returned", never_came), what="the sweep to look at both")
    assert stack.redis.client.zscore(done, upload_id), "its attempt stays with it"
    os.chown(spooled(stack, upload_id, "data"), os.getuid(), os.getgid())
    stack.wait_archives(ticket, 1)
    until(lambda: "sweep.recovered part=filing" in stack.admin.process.output(), what="it to be told that it is over")


def test_ticket_that_is_gone(stack):
    """Not by the API, which files first what has come: by somebody's hand, or a database restored from before."""
    ticket, other = stack.make_ticket(), stack.make_ticket()
    stack.admin.stop()
    upload_id, good = send(stack, ticket), send(stack, other)
    with database(stack) as db:
        assert db.execute("DELETE FROM tickets WHERE number = ?", (ticket["number"],)).rowcount == 1
    stack.admin.start()
    stack.wait_archives(other, 1)
    wait_aside(stack, upload_id, "its ticket is gone")
    until(lambda: os.path.exists(filed(stack, good)), what="the other's to be filed")


def test_id_of_an_archive_that_the_api_made(stack, rest):
    ticket = stack.make_ticket()
    send(stack, ticket, "first.log")
    (archive,) = stack.wait_archives(ticket, 1)
    put = rest.put(f"archives/{archive['id']}/", files={"file": ("theirs.log", b"by hand")},
                   data={"ticket": ticket["number"]})
    expect(put, 200)
    with database(stack) as db:
        ((theirs,),) = db.execute("SELECT upload_id FROM archives WHERE id = ?", (archive["id"],)).fetchall()
    stack.admin.stop()
    rename_upload(stack, send(stack, ticket, "second.log"), theirs)
    stack.admin.start()
    said = until(lambda: said_of(stack, "filing.orphaned", theirs), what="it to be put aside")
    assert "its id is that of an archive made by the API" in said[0]
    assert os.path.exists(os.path.join(stack.data_dir, "spool", "orphans", theirs))
    (archive,) = stack.archives(ticket)
    assert stack.download(archive).content == b"by hand"


def test_what_was_filed_is_not_filed_again(stack, rest):
    """Copies come back into the spool, of an archive that is there and of one that was deleted."""
    ticket = stack.make_ticket(attempts=5)
    stays, goes = send(stack, ticket, "stays.log"), send(stack, ticket, "goes.log")
    archives = {a["name"]: a for a in stack.wait_archives(ticket, 2)}
    until(lambda: all(os.path.exists(filed(stack, i)) for i in (stays, goes)), what="them to be filed")
    copies = {i: shutil.copytree(filed(stack, i), os.path.join(stack.directory, i)) for i in (stays, goes)}
    expect(rest.delete(f"archives/{archives['goes.log']['id']}/"), 204)
    until(lambda: not os.path.exists(filed(stack, goes)), what="its files to be removed")
    for upload_id, copy in copies.items():
        os.rename(copy, spooled(stack, upload_id))
    until(lambda: all(said_of(stack, "filing.replayed", i) for i in copies), what="both to be thrown away")
    assert 'why="its archive is there already"' in said_of(stack, "filing.replayed", stays)[0]
    assert 'why="its archive was deleted"' in said_of(stack, "filing.replayed", goes)[0]
    (archive,) = stack.archives(ticket)
    assert archive["name"] == "stays.log" and stack.download(archive).content == CONTENT
    assert not os.path.exists(filed(stack, goes)) and stack.attempts(ticket) == 3


def test_what_a_killed_gateway_had_of_a_body(stack, scratch):
    """Nobody can send the rest: it goes long before UPLOAD_EXPIRY, and what stands still on a living gateway does not.
    Nor does what can be resumed."""
    ticket, other = stack.make_ticket(attempts=2), stack.make_ticket()
    doomed = Gateway(stack.data_dir, stack.redis.url, os.path.join(scratch, "doomed.log")).start()

    def begun(gateway):
        """Half of an upload, and its id."""
        before = set(os.listdir(receiving(stack)))
        raw = Raw(gateway.port)
        raw.send(f"PUT /u/{ticket['token']}/half.log HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + "x" * 1000000)
        (upload_id,) = until(lambda: set(os.listdir(receiving(stack))) - before, what="it to begin")
        return raw, upload_id

    try:
        resumable = tus.path_of(tus.create(doomed.port, other["token"], 100, body=b"y" * 50))
        (stays, upload_id), (_, cut) = begun(stack.gateway), begun(doomed)
    finally:
        doomed.kill9()
    until(lambda: said_of(stack, "spool.abandoned", cut), 30, "it to be removed")
    assert not said_of(stack, "spool.abandoned", upload_id)
    assert stays.send("x" * 1000000).answer().status == 201
    assert tus.patch(stack.gateway.port, resumable, 50, b"y" * 50).status == 204
    stack.wait_archives(other, 1)
    assert [a["size"] for a in stack.wait_archives(ticket, 1)] == [2000000] and stack.attempts(ticket) == 1


def lay_down(stack, data, **files):
    """Something in spool/tmp whose last byte is ten seconds old: its id."""
    upload_id = secrets.token_hex(16)
    path = receiving(stack, upload_id)
    os.mkdir(path)
    for name, content in {**files, "data": data}.items():
        with open(os.path.join(path, name), "wb") as f:
            f.write(content)
    make_old(stack, upload_id, 10)
    return upload_id


def make_old(stack, upload_id, seconds):
    when = time.time() - seconds
    os.utime(receiving(stack, upload_id, "data"), (when, when))


def is_received(stack, upload_id):
    return os.path.exists(receiving(stack, upload_id))


def wait_looked(stack):
    """Until admin-api has looked through all of spool/tmp: the second time at what is nobody's, from beginning to end."""
    for _ in range(2):
        cut = lay_down(stack, b"cut off")
        until(lambda c=cut: said_of(stack, "spool.abandoned", c), what="it to be removed")


def test_what_may_still_come_to_something_stays(stack):
    """In spool/tmp: whole, resumable though its state cannot be read here, just written to, just begun."""
    kept = [lay_down(stack, b"whole", draft=b"\xc1"), lay_down(stack, b"whole", manifest=b"\xc1"),
            lay_down(stack, b"part", state=b"\xc1"), lay_down(stack, b"fresh"), lay_down(stack, b"")]
    make_old(stack, kept[3], -3600)
    wait_looked(stack)
    assert [upload_id for upload_id in kept if not is_received(stack, upload_id)] == []
    for upload_id in kept:
        make_old(stack, upload_id, 90000)
        os.utime(receiving(stack, upload_id), (1, 1))
    until(lambda: not [i for i in kept if is_received(stack, i)], what="them to go with UPLOAD_EXPIRY")


def test_whole_and_committed_it_waits_for_a_gateway(stack):
    """Its attempt is given back only when nobody has published it for UPLOAD_EXPIRY."""
    ticket = stack.make_ticket()
    done = "lc:{%d}:done" % ticket["id"]
    whole, nothing = lay_down(stack, b"whole", draft=b"\xc1"), secrets.token_hex(16)
    stack.redis.client.zadd(done, {whole: 1, nothing: 2})
    until(lambda: stack.redis.client.zrange(done, 0, -1) == [whole], what="the other's attempt to come back")
    wait_looked(stack)
    assert is_received(stack, whole) and stack.redis.client.zscore(done, whole) is not None
    make_old(stack, whole, 90000)
    until(lambda: stack.redis.client.zcard(done) == 0 and not is_received(stack, whole), what="it to expire")


def test_what_is_being_published_is_nobodys(stack, scratch):
    """Between the last byte and the rename, and were its draft not to be written: it is locked until it is published."""
    ticket = stack.make_ticket()
    with HeldLine(stack.redis.socket) as line:
        gateway = Gateway(stack.data_dir, f"redis://127.0.0.1:{line.port}/0", os.path.join(scratch, "held.log"),
                          {"REDIS_TIMEOUT": "20s"}).start()
        with contextlib.closing(gateway), Raw(gateway.port) as raw:
            raw.send(f"PUT /u/{ticket['token']}/late.log HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + "x" * 100000)
            (upload_id,) = until(lambda: stack.redis.client.zrange("lc:{%d}:open" % ticket["id"], 0, -1), what="its lease")
            commit = line.hold(upload_id.encode())
            raw.send("x" * 100000)
            assert commit.arrived.wait(15)
            os.unlink(receiving(stack, upload_id, "draft"))
            make_old(stack, upload_id, 10)
            wait_looked(stack)
            assert is_received(stack, upload_id)
            commit.go.set()
            assert raw.answer().status == 201
    assert [a["size"] for a in stack.wait_archives(ticket, 1)] == [200000]


def test_cleanup_names_what_is_in_the_trash_and_abandoned(stack):
    stack.admin.stop()
    trashed, abandoned = "a" * 32, "b" * 32
    for place, upload_id in (("trash", trashed), ("tmp", abandoned)):
        os.makedirs(os.path.join(stack.data_dir, "spool", place, upload_id))
        os.utime(os.path.join(stack.data_dir, "spool", place, upload_id), (1, 1))
    try:
        until(lambda: trashed in stack.admin.run("cleanup", "--dry-run").stdout, what="the trash to be a second old")
        would = stack.admin.run("cleanup", "--dry-run").stdout
        assert re.search(f"trash +{trashed}  would be removed: older than RECONCILE_AGE", would), would
        assert re.search(f"abandoned +{abandoned}  would be moved to spool/trash", would), would
        assert os.path.exists(os.path.join(stack.data_dir, "spool", "trash", trashed))
        done = stack.admin.run("cleanup")
        assert done.returncode == 0 and f"{abandoned}  moved to spool/trash" in done.stdout, done.stdout + done.stderr
        assert not os.path.exists(os.path.join(stack.data_dir, "spool", "trash", trashed))
        assert not os.path.exists(receiving(stack, abandoned))
    finally:
        stack.admin.start()


def test_filed_while_all_is_told(scratch):
    """Redis is told everything anew; of an upload that the spool held when that began, and that a reader's list has
    filed and a change of its ticket has told meanwhile. Its attempt is the archive's then, and no longer the spool's too."""
    stack = Stack(os.path.join(scratch, "held"), admin_env={**ADMIN_ENV, "RECONCILE_AGE": "1h", "REDIS_TIMEOUT": "20s"})
    with HeldLine(stack.redis.socket) as line:
        stack.admin.env["REDIS_URL"] = f"redis://127.0.0.1:{line.port}/0"
        try:
            stack.start()
            told = stack.admin.metrics()["lc_admin_full_projections_total"]
            ticket = stack.make_ticket(attempts=2)
            begins = line.hold(b"DEL\r\n$8\r\nlc:epoch")
            stack.redis.client.set("lc:epoch", "of another server")
            assert begins.arrived.wait(15)
            sent = send(stack, ticket)
            tells = line.hold(sent.encode())
            begins.go.set()
            assert tells.arrived.wait(15)
            assert os.path.exists(spooled(stack, sent))
            (archive,) = stack.archives(ticket)
            assert archive["name"] == "logs.txt" and stack.attempts(ticket) == 1
            expect(stack.patch(f"/api/v1/tickets/{ticket['number']}/", {"note": "told"}), 200)
            tells.go.set()
            until(lambda: stack.admin.metrics()["lc_admin_full_projections_total"] > told, what="all to be told")
            assert stack.redis.client.zrange(f"lc:{{{ticket['id']}}}:done", 0, -1) == []
            send(stack, ticket, "second.txt")
            stack.wait_archives(ticket, 2)
        finally:
            stack.close()
