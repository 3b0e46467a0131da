"""What only PostgreSQL allows, two admin-api at once, and what only a server can do to us: go away, freeze, come back."""

import concurrent.futures
import os
import re

import pytest
import requests

from lc import curl
from lc.services import Admin, HEALTH
from lc.stack import Stack
from lc.wait import until

ADMIN_ENV = {"SWEEP_INTERVAL": "200ms", "STATEMENT_TIMEOUT": "1s"}


@pytest.fixture(scope="module")
def stack(scratch, postgres):
    whole = Stack(scratch, admin_env=ADMIN_ENV, db_url=postgres.create_database("lc"))
    try:
        yield whole.start()
    finally:
        whole.close()


@pytest.fixture
def second(stack):
    """Another admin-api on the same stores."""
    same = {name: value for name, value in stack.admin.env.items() if not name.endswith("_LISTEN")}
    service = Admin(stack.data_dir, stack.redis.url, os.path.join(stack.directory, "second.log"), same)
    service.secrets = stack.admin.secrets
    yield service.start()
    service.close()


def upload(stack, ticket, file):
    return curl.run("-T", file.path, f"{stack.gateway.url}/u/{ticket['token']}/").status


def look(stack, service, ticket):
    """A ticket's page, whose uploads are filed before it is answered."""
    answer = stack.api.get(f"{service.url}/api/v1/tickets/{ticket['number']}/", timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()["attempts"]


def filings(*services):
    """Upload ids as often as they were filed."""
    return [i for s in services for i in re.findall(r"filing\.filed.*?upload_id=([0-9a-f]{32})", s.process.output())]


def files(stack):
    return sum(len(names) for _, _, names in os.walk(os.path.join(stack.data_dir, "archives")))


def test_two_processes_file_each_upload_once(stack, second, postgres, make_file):
    tickets, file = [stack.make_ticket(attempts=5) for _ in range(6)], make_file(20_000)
    before = len(filings(stack.admin, second))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        uploads = [pool.submit(upload, stack, t, file) for _ in range(5) for t in tickets]
        looks = [pool.submit(look, stack, s, t) for _ in range(5) for t in tickets for s in (stack.admin, second)]
        assert [u.result() for u in uploads] == [201] * 30
        assert all(0 <= seen.result() <= 5 for seen in looks)
    for ticket in tickets:
        assert len(stack.wait_archives(ticket, 5)) == 5
        assert look(stack, second, ticket) == 0
    done = filings(stack.admin, second)[before:]
    assert len(done) == len(set(done)) == 30
    assert postgres.rows("SELECT count(*), count(DISTINCT upload_id) FROM uploads")[0][0] == str(len(done) + before)
    assert "sweep.failing" not in stack.admin.process.output() + second.process.output()


def test_two_processes_delete_without_quarrel(stack, second, make_file):
    ticket, file, before = stack.make_ticket(attempts=8), make_file(2000), files(stack)
    assert [upload(stack, ticket, file) for _ in range(8)] == [201] * 8
    archives = stack.wait_archives(ticket, 8)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        gone = [pool.submit(stack.api.delete, f"{s.url}/api/v1/archives/{a['id']}/", timeout=30)
                for a in archives for s in (stack.admin, second)]
        statuses = [g.result().status_code for g in gone]
    assert sorted(statuses) == [204] * 8 + [404] * 8
    until(lambda: files(stack) == before, what="the files to go")
    assert "sweep.failing" not in stack.admin.process.output() + second.process.output()


def test_both_migrate_a_new_database_at_once(stack, postgres, tmp_path):
    url = postgres.create_database("fresh")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(stack.admin.run, "migrate", env={"DB_URL": url, "DATA_DIR": str(tmp_path)}) for _ in range(4)]
        assert [r.result().returncode for r in runs] == [0] * 4
    assert postgres.rows("SELECT count(*) = max(number) FROM schema_migrations", "fresh") == [["t"]]


def unavailable(stack):
    answer = stack.get("/api/v1/tickets/")
    return answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0 and "detail" in answer.json()


@pytest.mark.parametrize("away", ["stop", "kill9"])
def test_away_and_back(stack, postgres, make_file, away):
    """503 that says when to try again; uploads go on; everything is there once the server is back."""
    ticket, file = stack.make_ticket(attempts=5), make_file(50_000)
    assert upload(stack, ticket, file) == 201
    getattr(postgres, away)()
    try:
        assert unavailable(stack)
        assert stack.post("/api/v1/tickets/", {"number": 77, "platform": "android"}).status_code == 503
        assert stack.anonymous.get(stack.admin.url + HEALTH, timeout=5).json() == {"status": "ok"}
        assert [upload(stack, ticket, file) for _ in range(2)] == [201] * 2
        assert stack.admin.run("check").returncode != 0
    finally:
        postgres.start()
    until(lambda: not unavailable(stack), what="the API to come back")
    assert len(stack.wait_archives(ticket, 3)) == 3
    assert stack.attempts(ticket) == 2
    assert upload(stack, ticket, file) == 201
    assert stack.attempts(ticket) == 1


def test_frozen_server_blocks_nobody_else(stack, postgres, make_file):
    """Health and downloads under way do not wait for the database; what needs it says 503 after STATEMENT_TIMEOUT."""
    ticket, file = stack.make_ticket(attempts=5), make_file(50_000)
    postgres.sigstop()
    try:
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(stack.get, "/api/v1/platforms/") for _ in range(12)]
            assert requests.get(stack.admin.url + HEALTH, timeout=1).status_code == 200
            assert upload(stack, ticket, file) == 201
            assert {a.result().status_code for a in asked} == {503}
    finally:
        postgres.sigcont()
    until(lambda: not unavailable(stack), what="the API to come back")
    assert stack.attempts(ticket) == 4
    assert len(stack.wait_archives(ticket, 1)) == 1


def test_database_that_is_away_at_start(stack):
    refused = stack.admin.run("serve", env={"DB_URL": "postgresql://app:s3cr3t@127.0.0.1:1/lc"})
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "DB_URL: PostgreSQL: connection to server" in said and "check host and port" in said
    assert "s3cr3t" not in said


# --- a database that is another program's


def tables(postgres, database, schema="public"):
    return {row[0] for row in postgres.rows(f"SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'", database)}


def test_database_of_another_program_is_refused_and_left_alone(stack, postgres, tmp_path):
    url = postgres.create_database("theirs")
    postgres.rows("CREATE TABLE users (id INT); CREATE TABLE orders (id INT); CREATE VIEW late AS SELECT * FROM orders",
                  "theirs")
    env = {"DB_URL": url, "DATA_DIR": str(tmp_path), "ADMIN_LISTEN": "127.0.0.1:0", "ADMIN_STATUS_LISTEN": "off"}
    for command in ("serve", "migrate", "check"):
        done = stack.admin.run(command, env=env)
        said = done.stdout + done.stderr
        assert done.returncode == 1 and "DB_URL: this is the database of another program" in said, said
        assert "(its tables: late, orders, users)" in said and "a database or a schema that is for Logs Collector alone" in said
    assert tables(postgres, "theirs") == {"users", "orders"}
    postgres.rows("CREATE SCHEMA logs", "theirs")
    for more in ({"DB_URL": url + "&options=-csearch_path%3Dlogs"}, {"PGOPTIONS": "-csearch_path=logs"}):
        for command in ("check", "migrate", "check"):
            done = stack.admin.run(command, env={**env, **more, "REDIS_URL": stack.redis.url})
            assert done.returncode == 0, done.stdout + done.stderr
    assert "schema_migrations" in tables(postgres, "theirs", "logs")
    assert tables(postgres, "theirs") == {"users", "orders"}


def test_views_of_an_extension_are_nobodys(stack, postgres, tmp_path):
    url = postgres.create_database("extended")
    postgres.rows("CREATE EXTENSION pg_stat_statements", "extended")
    done = stack.admin.run("check", env={"DB_URL": url, "DATA_DIR": str(tmp_path)})
    assert "empty: serve or migrate makes its tables" in done.stdout, done.stdout + done.stderr
