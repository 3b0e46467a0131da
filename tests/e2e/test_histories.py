"""A Redis that is kept while the database becomes another: a new one, or the same as a backup has it."""

import os
import shutil

import pytest
import requests

from lc.services import Admin
from lc.stack import Stack, User
from lc.wait import until

ADMIN_ENV = {"SWEEP_INTERVAL": "200ms"}
TAKEN_OVER = "redis.taken_over"


@pytest.fixture(name="kept")
def _kept(scratch, request):
    """A stack of its own: what happens here is nothing for a neighbour's tickets."""
    directory = os.path.join(scratch, request.node.name)
    whole = Stack(directory, admin_env=ADMIN_ENV)
    try:
        yield whole.start()
    finally:
        whole.close()


def database(stack):
    return stack.admin.env["DB_URL"].removeprefix("sqlite:///")


def put(stack, ticket):
    return requests.put(f"{stack.gateway.url}/u/{ticket['token']}/a.log", data=b"abc", timeout=30).status_code


def delete(stack, ticket):
    assert stack.delete(f"/api/v1/tickets/{ticket['number']}/").status_code == 204
    until(lambda: stack.redis.client.hget("lc:{%d}:ticket" % ticket["id"], "gone") == "1", what="the tombstone")


def taken_over(stack):
    return stack.admin.metrics()["lc_admin_redis_taken_over_total"]


def test_new_database(kept):
    """Its tickets have the ids of tickets that were deleted in the old one."""
    delete(kept, kept.make_ticket())
    kept.admin.stop()
    kept.admin.env["DB_URL"] += ".new"
    assert kept.admin.run("accept-data").returncode == 0
    kept.admin.start()
    kept.user = User(kept.admin, "chief")
    kept.api = kept.user.login()
    ticket = kept.make_ticket()
    assert put(kept, ticket) == 201
    assert taken_over(kept) == 1 and TAKEN_OVER in kept.admin.process.output()
    kept.wait_archives(ticket, 1)
    kept.admin.restart()
    kept.wait_projected()
    assert taken_over(kept) == 0, "its own Redis is left as it is"


def restore(stack, copy):
    stack.admin.stop()
    for end in ("-wal", "-shm"):
        if os.path.exists(database(stack) + end):
            os.unlink(database(stack) + end)
    shutil.copy(copy, database(stack))
    stack.admin.start()


def test_restored_backup_and_the_newer_one_after_it(kept, tmp_path):
    """Deleted or raised since: Redis has tombstones and newer revs, the older database wins. Then the other way."""
    ticket, other = kept.make_ticket(attempts=1), kept.make_ticket(attempts=1)
    copies = [tmp_path / "older", tmp_path / "newer"]
    kept.admin.stop()
    shutil.copy(database(kept), copies[0])
    kept.admin.start()
    delete(kept, ticket)
    for attempts in (2, 3, 4):
        assert kept.patch(f"/api/v1/tickets/{other['number']}/", {"attempts": attempts}).status_code == 200
    later = kept.make_ticket()
    kept.admin.stop()
    shutil.copy(database(kept), copies[1])
    restore(kept, copies[0])
    kept.wait_known(ticket)
    assert put(kept, ticket) == 201
    known = requests.get(f"{kept.gateway.url}/api/v1/check/token/{other['token']}", timeout=5)
    assert known.json()["attempts"] == 1
    assert put(kept, later) in (401, 403, 404)
    restore(kept, copies[1])
    kept.wait_known(later)
    assert put(kept, later) == 201
    assert put(kept, ticket) in (401, 403, 404, 410)


def test_ticket_that_redis_buried(kept):
    """Whatever the marks say: a ticket that lives was never buried by its own database."""
    ticket = kept.make_ticket()
    kept.redis.client.hset("lc:{%d}:ticket" % ticket["id"], "gone", "1")
    kept.patch(f"/api/v1/tickets/{ticket['number']}/", {"attempts": 7})
    kept.wait_known(ticket)
    assert taken_over(kept) == 1 and put(kept, ticket) == 201


def test_two_services_on_one_database(scratch, postgres):
    """Neither takes the other's word for another history's."""
    stack = Stack(os.path.join(scratch, "two"), admin_env=ADMIN_ENV, db_url=postgres.create_database("two"))
    second = Admin(stack.data_dir, stack.redis.url, os.path.join(scratch, "two", "second.log"),
                   {**ADMIN_ENV, "SECRET_KEY": stack.admin.env["SECRET_KEY"]}, stack.admin.env["DB_URL"])
    try:
        stack.start()
        assert taken_over(stack) == 0 and TAKEN_OVER not in stack.admin.process.output(), "an empty Redis is nobody's"
        epoch = stack.redis.client.get("lc:epoch")
        second.start()
        tickets = [stack.make_ticket() for _ in range(10)]
        for ticket in tickets:
            assert put(stack, ticket) == 201
            stack.wait_archives(ticket, 1)
        assert second.metrics()["lc_admin_redis_taken_over_total"] == 0 and taken_over(stack) == 0
        assert stack.redis.client.get("lc:epoch") == epoch
    finally:
        second.close()
        stack.close()
