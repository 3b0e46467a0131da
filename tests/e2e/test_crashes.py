"""kill -9 of each service in the middle of uploads: whatever was answered 201 is there, whatever was not costs nothing.

The schedule is random; its seed is printed and can be given again by LC_SEED."""

import contextlib
import hashlib
import os
import random
import sqlite3
import time

import pytest

from lc import curl
from lc.wait import until

GATEWAY_ENV = {"UPLOAD_LEASE": "3s"}
ADMIN_ENV = {"SWEEP_INTERVAL": "500ms", "RECONCILE_AGE": "5s"}
SEED = int(os.environ.get("LC_SEED") or random.SystemRandom().randrange(1 << 32))
UPLOADS = 6


def victim_of(stack, name):
    return {"gateway": stack.gateway, "admin": stack.admin, "redis": stack.redis}[name]


def crash_amid_uploads(stack, rng, name, files):
    """UPLOADS uploads at random rates, a kill at a random moment, a start; [(file, curl's result)] and the ticket."""
    ticket = stack.make_ticket(attempts=UPLOADS + 1)
    url = f"{stack.gateway.url}/u/{ticket['token']}/"
    running = [(file, curl.Background("--limit-rate", f"{rng.randint(2, 60)}M", "-T", file.path, url))
               for file in files]
    time.sleep(rng.uniform(0.0, 0.8))  # the moment of the crash is the random part of this test, not a wait
    victim_of(stack, name).kill9()
    time.sleep(rng.uniform(0.0, 0.5))
    victim_of(stack, name).start()
    return ticket, [(file, upload.result()) for file, upload in running]


def sha256_of_download(stack, archive):
    with stack.download(archive, stream=True) as answer:
        assert answer.status_code == 200, answer.text
        digest = hashlib.sha256()
        for block in answer.iter_content(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def upload_when_available(stack, ticket, file):
    """Past the 503 of a gateway that has just lost Redis."""

    def attempt():
        result = curl.run("-T", file.path, f"{stack.gateway.url}/u/{ticket['token']}/")
        return result if result.status != 503 else None

    return until(attempt, 15, "the gateway to admit uploads again", step=0.1)


@pytest.mark.parametrize("round_number", range(4))
@pytest.mark.parametrize("name", ["gateway", "admin", "redis"])
def test_every_201_survives(stack, make_file, name, round_number):
    seed = f"{SEED}-{name}-{round_number}"
    print(f"LC_SEED={SEED} (schedule {seed})")
    rng = random.Random(seed)
    files = [make_file(rng.randint(1, 12_000_000)) for _ in range(UPLOADS)]
    ticket, results = crash_amid_uploads(stack, rng, name, files)
    stack.wait_projected()

    for file, result in results:
        assert result.status in (201, 503, 100, 0), f"{file.size} bytes: {result}"
        assert result.status or name == "gateway", f"no answer though the gateway lived: {result}"
    promised = {file.sha256 for file, result in results if result.status == 201}
    until(lambda: promised <= {a["sha256"] for a in stack.archives(ticket)}, 20, "every archive that was answered 201")
    for archive in stack.archives(ticket):  # more may be there: published, but the answer was lost with the gateway
        assert sha256_of_download(stack, archive) == archive["sha256"]
    until(lambda: stack.attempts(ticket) == UPLOADS + 1 - len(stack.archives(ticket)), 15, "one attempt less for each")

    key = f"lc:{{{ticket['id']}}}"
    until(lambda: stack.redis.client.zcount(f"{key}:open", time.time() * 1000, "+inf") == 0, 15,
          "leases of dead uploads to lapse")
    until(lambda: stack.redis.client.zcard(f"{key}:done") == 0, 30,
          "attempts committed by a gateway that died before it published to come back")
    last = make_file(1000)
    statuses = [upload_when_available(stack, ticket, last).status for _ in range(stack.attempts(ticket) + 1)]
    state = {name: stack.redis.client.zrange(f"{key}:{name}", 0, -1, withscores=True) for name in ("open", "done")}
    assert statuses == [201] * (len(statuses) - 1) + [423], state


def test_redis_that_lost_everything_is_told_again(stack, make_file):
    """Tickets, names and attempts come back from the database; an upload in flight ends well."""
    ticket, file = stack.make_ticket(attempts=3), make_file(6 << 20)
    url = f"{stack.gateway.url}/u/{ticket['token']}/"
    assert curl.run("-T", file.path, url).status == 201
    begun = os.path.join(stack.data_dir, "spool", "tmp")  # not its lease: the gateway may not have heard of that yet
    before = set(os.listdir(begun))
    slow = curl.Background("--limit-rate", "2M", "-T", file.path, url)
    until(lambda: not slow.running() or set(os.listdir(begun)) - before, what="the upload to begin")
    assert slow.running(), slow.result()
    stack.redis.forget()
    stack.wait_projected()
    assert slow.result().status == 201
    assert upload_when_available(stack, ticket, file).status == 201
    assert upload_when_available(stack, ticket, file).status == 423
    stack.wait_archives(ticket, 3)
    assert stack.attempts(ticket) == 0


def test_a_name_is_not_forgotten_by_another_telling(stack, make_file):
    """An archive was deleted, and who deleted it died before Redis was told of the name: the next that is told of the
    ticket, whatever changed in it, frees the name too."""
    stack.admin.stop()
    stack.admin.env["SWEEP_INTERVAL"] = "1h"
    stack.admin.start()
    try:
        ticket, file = stack.make_ticket(attempts=3), make_file(1000, "left.log")
        assert curl.run("-T", file.path, f"{stack.gateway.url}/u/{ticket['token']}/").status == 201
        (archive,) = stack.wait_archives(ticket, 1)
        path = stack.admin.env["DB_URL"].removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path, timeout=20)) as db:
            until(lambda: db.execute("SELECT count(*) FROM tickets WHERE rev > projected_rev").fetchone() == (0,), 15,
                  "all to be told")
            with db:
                db.execute("DELETE FROM archives WHERE id = ?", (archive["id"],))
                db.execute("UPDATE tickets SET rev = rev + 1 WHERE id = ?", (ticket["id"],))
        names = f"lc:{{{ticket['id']}}}:names"
        assert stack.redis.client.hexists(names, "left.log")
        assert stack.patch(f"/api/v1/tickets/{ticket['number']}/", {"attempts": 5}).status_code == 200
        assert stack.redis.client.hget(f"lc:{{{ticket['id']}}}:ticket", "attempts") == "5"
        assert not stack.redis.client.hexists(names, "left.log")
    finally:
        stack.admin.stop()
        del stack.admin.env["SWEEP_INTERVAL"]
        stack.admin.start()


def test_a_name_freed_while_redis_was_away_is_free(stack, make_file):
    """Whoever deleted an archive could not tell Redis: the projection that follows does."""
    ticket, file = stack.make_ticket(attempts=3), make_file(1000, "app.log")
    url = f"{stack.gateway.url}/u/{ticket['token']}/"
    assert curl.run("-T", file.path, url).status == 201
    (archive,) = stack.wait_archives(ticket, 1)
    stack.redis.kill9()
    assert stack.delete(f"/api/v1/archives/{archive['id']}/").status_code == 204
    stack.redis.start()
    names = f"lc:{{{ticket['id']}}}:names"
    until(lambda: not stack.redis.client.hexists(names, "app.log"), 15, "the name to be free again")
    assert upload_when_available(stack, ticket, file).status == 201
    assert [a["file"].rsplit("/", 1)[1] for a in stack.wait_archives(ticket, 1)] == ["app.log"]
