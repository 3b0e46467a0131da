"""Taking over a Logs Collector 0.1.0: its database and its files, made here as that server made them."""

import base64
import hashlib
import os
import secrets
import sqlite3
import subprocess
import uuid

import pytest
import requests

from lc import curl
from lc.totp import Totp

SCHEMA = """
CREATE TABLE account_user (id integer PRIMARY KEY, password varchar(128) NOT NULL, last_login {time} NULL,
  is_superuser {bool} NOT NULL, username varchar(150) NOT NULL UNIQUE, first_name varchar(150) NOT NULL,
  last_name varchar(150) NOT NULL, email varchar(254) NOT NULL, is_staff {bool} NOT NULL, is_active {bool} NOT NULL,
  date_joined {time} NOT NULL);
CREATE TABLE collector_platform (id integer PRIMARY KEY, name varchar(20) NOT NULL UNIQUE,
  pretty_name varchar(20) NOT NULL);
CREATE TABLE collector_ticket (id integer PRIMARY KEY, number integer NOT NULL UNIQUE, resolved {bool} NOT NULL,
  note text NOT NULL, token {uuid} NOT NULL UNIQUE, attempts integer NOT NULL, time_create {time} NOT NULL,
  time_update {time} NOT NULL, platform_name varchar(20) NOT NULL, user_id bigint NOT NULL);
CREATE TABLE collector_archive (id integer PRIMARY KEY, file varchar(100) NOT NULL, size bigint NOT NULL,
  md5 varchar(1024) NOT NULL, time_create {time} NOT NULL, time_update {time} NOT NULL, ticket_number integer NOT NULL);
CREATE TABLE otp_static_staticdevice (id integer PRIMARY KEY, name varchar(64) NOT NULL, confirmed {bool} NOT NULL,
  user_id bigint NOT NULL);
CREATE TABLE otp_static_statictoken (id integer PRIMARY KEY, token varchar(16) NOT NULL, device_id integer NOT NULL);
CREATE TABLE otp_totp_totpdevice (id integer PRIMARY KEY, name varchar(64) NOT NULL, confirmed {bool} NOT NULL,
  key varchar(80) NOT NULL, step smallint NOT NULL, t0 bigint NOT NULL, digits smallint NOT NULL,
  tolerance smallint NOT NULL, drift smallint NOT NULL, last_t bigint NOT NULL, user_id bigint NOT NULL);
"""
TYPES = {"sqlite": {"bool": "bool", "time": "datetime", "uuid": "char(32)"},
         "postgres": {"bool": "boolean", "time": "timestamp with time zone", "uuid": "uuid"}}
WHEN = "2026-11-23 08:29:12.980955"
PASSWORD = "Adm1n-pass!"
KEY = "0c50ecaa54977b4877bb47ee474c35f760cc52e7"
CODE = "abu2l7oi"  # as Django makes them: eight characters of base32
TOKENS = {number: uuid.uuid4().hex for number in (1001, 1002)}
FILES = {"1001/a.log": b"first log\n" * 40, "1001/лог_файл.txt": "строка\n".encode() * 30, "1002/a.log": b"x" * 300_000}


def django_hash(password, rounds=1000):
    salt = "o9BDhQ5nnE9CCf7tLtyFkr"
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), rounds)
    return f"pbkdf2_sha256${rounds}${salt}${base64.b64encode(digest).decode()}"


def statements(dialect):
    def flag(value):
        return int(value) if dialect == "sqlite" else bool(value)

    when = WHEN if dialect == "sqlite" else WHEN + "+00"
    for statement in SCHEMA.format(**TYPES[dialect]).split(";"):
        if statement.strip():
            yield statement, ()
    user = "INSERT INTO account_user VALUES (?,?,?,?,?,?,?,?,?,?,?)"
    yield user, (1, django_hash(PASSWORD), when, flag(1), "admin", "Ann", "Lee", "a@example.com", flag(1), flag(1), when)
    yield user, (2, django_hash("B0b-pass-word!"), None, flag(0), "bob", "", "", "", flag(0), flag(0), when)
    yield "INSERT INTO otp_totp_totpdevice VALUES (?,?,?,?,?,?,?,?,?,?,?)", (1, "default", flag(1), KEY, 30, 0, 6, 1, 0, -1, 1)
    yield "INSERT INTO otp_static_staticdevice VALUES (?,?,?,?)", (1, "backup", flag(1), 1)
    yield "INSERT INTO otp_static_statictoken VALUES (?,?,?)", (1, CODE, 1)
    yield "INSERT INTO collector_platform VALUES (?,?,?)", (1, "vm6", "VMmanager 6")
    for n, (number, token) in enumerate(TOKENS.items(), 1):
        token = token if dialect == "sqlite" else str(uuid.UUID(token))
        yield ("INSERT INTO collector_ticket VALUES (?,?,?,?,?,?,?,?,?,?)",
               (n, number, flag(number == 1002), "note", token, 3, when, when, "vm6", 1))
    for n, (name, content) in enumerate(FILES.items(), 1):
        yield ("INSERT INTO collector_archive VALUES (?,?,?,?,?,?,?)",
               (n, name, len(content), hashlib.md5(content).hexdigest(), when, when, int(name[:4])))


def quoted(value):
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, (bool, int)) else "'" + value.replace("'", "''") + "'"


def filled(statement, values):
    for value in values:
        statement = statement.replace("?", quoted(value), 1)
    return statement


@pytest.fixture(params=["sqlite", "postgres"])
def old(request, tmp_path):
    """The database of a 0.1.0 (what --db takes) and its media directory."""
    media = tmp_path / "media"
    for name, content in FILES.items():
        os.makedirs(os.path.dirname(media / name), exist_ok=True)
        (media / name).write_bytes(content)
    if request.param == "sqlite":
        path = tmp_path / "db.sqlite3"
        with sqlite3.connect(path) as db:
            for statement, values in statements("sqlite"):
                db.execute(statement, values)
        db.close()
        return str(path), str(media)
    server = request.getfixturevalue("postgres")
    url = server.create_database("old" + secrets.token_hex(4))
    text = ";\n".join(filled(*statement) for statement in statements("postgres"))
    subprocess.run([os.path.join(server.bin, "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-d", url], input=text, text=True,
                   check=True, timeout=60, stdout=subprocess.DEVNULL)
    return url, str(media)


def run(stack, old, *more):
    return stack.admin.run("import-django", "--db", old[0], "--media", old[1], *more)


def wipe(stack):
    """What an earlier parameter took over."""
    stack.delete("/api/v1/platforms/vm6/")


def login(stack, otp):
    return requests.post(stack.admin.url + "/api/v1/auth/token/", timeout=10,
                         json={"username": "admin", "password": PASSWORD, "otp": otp})


def test_everything_is_taken_over_and_again_nothing_twice(stack, old, make_file):
    wipe(stack)
    before = {path: os.stat(path).st_mtime_ns for path in [old[0]] if os.path.exists(path)}
    done = run(stack, old, "--dry-run")
    assert done.returncode == 0 and "nothing was changed" in done.stdout, done.stdout + done.stderr
    assert stack.get("/api/v1/tickets/1001/").status_code == 404
    done = run(stack, old)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path: os.stat(path).st_mtime_ns for path in before} == before  # the old one is only read

    ticket = stack.get("/api/v1/tickets/1001/").json()
    assert ticket["token"].replace("-", "") == TOKENS[1001]
    assert (ticket["attempts"], ticket["resolved"], ticket["platform"], ticket["note"], ticket["expires_at"]) == \
        (3, False, "vm6", "note", None)
    assert ticket["user"] == "admin" and ticket["time_create"] == WHEN.replace(" ", "T") + "Z"
    assert stack.get("/api/v1/tickets/1002/").json()["resolved"] is True
    archives = stack.archives(ticket) + stack.archives({"number": 1002})
    assert {(a["ticket"], a["name"]): a["sha256"] for a in archives} == \
        {(int(name[:4]), name[5:]): hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    for archive in archives:
        assert stack.download(archive).content == FILES[f"{archive['ticket']}/{archive['name']}"]

    stack.gateway.secrets.add(ticket["token"])
    stack.wait_known(ticket)
    assert curl.run("-T", make_file(100).path, f"{stack.gateway.url}/u/{TOKENS[1001]}/").status == 201

    first = archives[0]
    assert stack.delete(f"/api/v1/archives/{first['id']}/").status_code == 204
    again = run(stack, old)
    assert again.returncode == 0 and again.stdout.count("0 taken over") == 4, again.stdout
    assert len(stack.archives(ticket)) + len(stack.archives({"number": 1002})) == len(FILES)  # deleted ones stay deleted


def test_logins_go_on_working(stack, old):
    run(stack, old)
    phone = Totp(base64.b32encode(bytes.fromhex(KEY)).decode())
    assert login(stack, "").json()["code"] == "otp_required"
    wrong = login(stack, "000000")
    first = login(stack, phone.fresh())
    assert wrong.status_code == 401
    if first.status_code == 401:  # the phone's code was used by the other database's turn of this test
        first = login(stack, phone.fresh())
    assert first.status_code == 200, first.text
    used = login(stack, CODE).status_code
    assert login(stack, CODE).status_code == 401 and used in (200, 401)  # once, in whichever turn came first
    bob = requests.post(stack.admin.url + "/api/v1/auth/token/", timeout=10,
                        json={"username": "bob", "password": "B0b-pass-word!"})
    assert bob.status_code == 401  # was not active over there


def test_what_cannot_be_taken_is_said_and_the_rest_goes_on(stack, old):
    wipe(stack)
    os.unlink(os.path.join(old[1], "1002/a.log"))
    os.symlink("/etc/hostname", os.path.join(old[1], "1002/a.log"))
    with open(os.path.join(old[1], "1001/a.log"), "ab") as f:
        f.write(b"more")
    stack.make_platform("other")
    assert stack.post("/api/v1/tickets/", {"number": 1002, "platform": "other"}).status_code == 201
    done = run(stack, old)
    assert done.returncode == 1
    assert "ticket 1002: there is another ticket of this number" in done.stdout
    assert "1002/a.log: its ticket 1002 was not taken" in done.stdout
    assert "1001/a.log is no longer what 0.1.0 recorded" in done.stdout
    assert stack.archives({"number": 1002}) == []
    assert stack.get("/api/v1/tickets/1001/").status_code == 200
    stack.delete("/api/v1/platforms/other/")
    done = run(stack, old)
    assert "1002/a.log: not a plain file" in done.stdout, done.stdout
    stack.delete("/api/v1/platforms/vm6/")


@pytest.mark.parametrize("args,words", [
    (["--db", "/nowhere/db.sqlite3", "--media", "/tmp"], "/nowhere/db.sqlite3"),
    (["--db", "{empty}", "--media", "/tmp"], "no database of Logs Collector 0.1.0"),
    (["--db", "{whole}", "--media", "/nowhere"], "--media /nowhere"),
    (["--media", "/tmp"], "usage: admin-api import-django"),
])
def test_wrong_arguments_say_what_to_give(stack, tmp_path, args, words):
    sqlite3.connect(tmp_path / "empty").close()
    with open(tmp_path / "empty", "ab"):
        pass
    with sqlite3.connect(tmp_path / "whole") as db:
        for statement, values in statements("sqlite"):
            db.execute(statement, values)
    db.close()
    args = [a.format(empty=tmp_path / "empty", whole=tmp_path / "whole") for a in args]
    done = stack.admin.run("import-django", *args)
    assert done.returncode in (1, 2) and words in done.stderr, done.stdout + done.stderr
