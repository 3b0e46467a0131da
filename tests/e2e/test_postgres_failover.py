"""PostgreSQL with a standby that is promoted when the primary dies: one DB_URL names both (target_session_attrs)."""

import os

import pytest
import requests

from lc import curl
from lc.stack import Stack
from lc.standby import Standby, url_of
from lc.wait import until


@pytest.fixture(name="standby", scope="module")
def _standby(scratch, postgres):
    postgres.create_database("lc")
    server = Standby(os.path.join(scratch, "standby"), postgres).start()
    yield server
    server.stop("immediate")


@pytest.fixture(name="stack", scope="module")
def _stack(scratch, postgres, standby):
    whole = Stack(scratch, admin_env={"SWEEP_INTERVAL": "200ms", "STATEMENT_TIMEOUT": "1s"},
                  db_url=url_of((standby, postgres), "lc"))  # the one that takes no writes first
    try:
        yield whole.start()
    finally:
        whole.close()


def ready(stack):
    return requests.get(stack.admin.status_url + "/readyz", timeout=15).json()["stores"]["database"] == "ok"


def test_everything_goes_on_at_the_promoted_standby(stack, postgres, standby, make_file):
    ticket, before, meanwhile = stack.make_ticket(attempts=5), make_file(30_000), make_file(30_000)
    address = f"{stack.gateway.url}/u/{ticket['token']}/"
    assert curl.run("-T", before.path, address).status == 201
    (archive,) = stack.wait_archives(ticket, 1)
    standby.wait_caught_up()

    postgres.kill9()
    assert curl.run("-T", meanwhile.path, address).status == 201  # the gateway needs no database
    until(lambda: not ready(stack), 20, "admin-api to miss its database")
    standby.promote()
    until(lambda: ready(stack), 20, "admin-api to find the new primary")
    archives = stack.wait_archives(ticket, 2)
    assert {a["sha256"] for a in archives} == {before.sha256, meanwhile.sha256}
    assert stack.download(archive).content == open(before.path, "rb").read()
    assert stack.attempts(ticket) == 3
    assert stack.patch(f"/api/v1/tickets/{ticket['number']}/", {"note": "written at the new primary"}).status_code == 200
    assert standby.rows("SELECT note FROM tickets") == [["written at the new primary"]]


def test_none_that_takes_writes_is_refused_by_name(stack, standby, scratch):
    """Whoever forgot to promote: every server that DB_URL names only follows."""
    second = Standby(os.path.join(scratch, "second"), standby).start()
    try:
        done = stack.admin.run("check", env={"DB_URL": url_of((second,), "lc")})
    finally:
        second.stop("immediate")
    assert done.returncode == 1 and "DB_URL" in done.stdout and "promote" in done.stdout, done
