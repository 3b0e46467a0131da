"""Taking over a Logs Collector 0.1.0: its database and its files, made here as that server made them."""

import base64
import contextlib
import hashlib
import os
import pathlib
import secrets
import sqlite3
import subprocess
import uuid

import pytest
import requests

from lc import curl
from lc.django import CODE, FILES, KEY, PASSWORD, TOKENS, WHEN, django_hash, filled, make, statements
from lc.services import Admin
from lc.stores import Redis
from lc.totp import Totp


@pytest.fixture(params=["sqlite", "postgres"])
def old(request, tmp_path):
    """The database of a 0.1.0 (what --db takes) and its media directory."""
    path, media = make(tmp_path)
    if request.param == "sqlite":
        return path, media
    server = request.getfixturevalue("postgres")
    url = server.create_database("old" + secrets.token_hex(4))
    text = ";\n".join(filled(*statement) for statement in statements("postgres"))
    subprocess.run([os.path.join(server.bin, "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-d", url], input=text, text=True,
                   check=True, timeout=60, stdout=subprocess.DEVNULL)
    return url, media


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
    for words in ([], ["--dry-run"]):
        again = run(stack, old, *words)
        assert again.returncode == 0 and again.stdout.count("0 taken over") == 4, again.stdout
        assert f"{len(FILES)} here already" in again.stdout, "the deleted one too"
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
    stack.make_platform("other")
    assert stack.post("/api/v1/tickets/", {"number": 1002, "platform": "other"}).status_code == 201
    said = run(stack, old, "--dry-run").stdout
    assert "ticket 1002: there is another ticket of this number" in said and "ticket 1002 would not be taken" in said, said
    done = run(stack, old)
    assert done.returncode == 1
    assert "ticket 1002: there is another ticket of this number" in done.stdout
    assert "1002/a.log: its ticket 1002 was not taken" in done.stdout
    assert stack.archives({"number": 1002}) == []
    assert stack.get("/api/v1/tickets/1001/").status_code == 200
    stack.delete("/api/v1/platforms/other/")
    done = run(stack, old)
    assert "1002/a.log: not a plain file" in done.stdout, done.stdout
    stack.delete("/api/v1/platforms/vm6/")


def in_old(request, old, *rows):
    """More rows of the old database: (statement, values), booleans as Python has them."""
    postgres = old[0].startswith("postgres")
    text = ";\n".join(filled(statement, [int(v) if isinstance(v, bool) and not postgres else v for v in values])
                      for statement, values in rows)
    if postgres:
        psql = os.path.join(request.getfixturevalue("postgres").bin, "psql")
        subprocess.run([psql, "-q", "-v", "ON_ERROR_STOP=1", "-d", old[0]], input=text, text=True, check=True, timeout=60,
                       stdout=subprocess.DEVNULL)
    else:
        with contextlib.closing(sqlite3.connect(old[0])) as db, db:
            db.executescript(text)


TICKET = "INSERT INTO collector_ticket VALUES (?,?,?,?,?,?,?,?,?,?)"
ARCHIVE = "INSERT INTO collector_archive VALUES (?,?,?,?,?,?,?)"
USER = "INSERT INTO account_user VALUES (?,?,?,?,?,?,?,?,?,?,?)"


def not_taken(done):
    return [line.strip().replace("would not be", "was not") for line in done.stdout.splitlines() if "not taken: " in line]


def test_rows_whose_neighbours_are_gone_are_named(stack, old, request):
    """And files that lie elsewhere: by a dry run as by the run itself, which takes the rest."""
    wipe(stack)
    gone = [(TICKET, (7, 1007, False, "", uuid.uuid4().hex, 5, WHEN, WHEN, "vm6", 77)),
            (TICKET, (8, 1008, False, "", uuid.uuid4().hex, 5, WHEN, WHEN, "vanished", 1)),
            *((ARCHIVE, (n, file, 1, "0" * 32, WHEN, WHEN, number)) for n, file, number in (
                (17, "1007/a.log", 1007), (18, "1008/a.log", 1008), (19, "1009/a.log", 1009), (20, "/etc/passwd", 1001),
                (21, "../../key", 1001), (22, "1001/none.log", 1001)))]
    in_old(request, old, *gone)
    tried, done = run(stack, old, "--dry-run"), run(stack, old)
    said = not_taken(done)
    assert tried.returncode == done.returncode == 1 and not_taken(tried) == said, tried.stdout + done.stdout
    for words in ("ticket 1007: its user is gone", "ticket 1008: its platform vanished is gone", "1007/a.log: its ticket 1007",
                  "1008/a.log: its ticket 1008", "1009/a.log: its ticket 1009 is gone from the old database",
                  "/etc/passwd: it lies outside", "../../key: it lies outside", "1001/none.log: no such file"):
        assert [line for line in said if words in line], (words, said)
    assert len(said) == 8 and f"{len(FILES)} taken over, 0 here already, 6 not taken" in tried.stdout
    assert [line for line in tried.stdout.splitlines() if "taken over, " in line] == \
        [line for line in done.stdout.splitlines() if "taken over, " in line]
    wipe(stack)


def test_passwords_that_cannot_be_verified_are_named(stack, old, request):
    """Of kinds that 0.1.0 could be told to make and nobody can log in with here; of no use in both are no news."""
    kinds = {"carl": "argon2$argon2id$v=19$m=102400,t=2,p=8$b2R6cWJ5$9hSFz5Iv6hEf2Ls1vC3uVg",
             "dora": "bcrypt_sha256$$2b$12$ZkZyVqFQ2O1vT6gC0wWJduYxX2p0Hq5gG1bD3oC8rj6h1S6lD4b2K",
             "emil": "scrypt$16384$c2FsdA$8$1$aGFzaA==", "nobody": "!kq1zW3Rl4kWnZ"}
    in_old(request, old, *((USER, (n, kind, None, False, name, "", "", "", False, True, WHEN))
                           for n, (name, kind) in enumerate(kinds.items(), 11)))
    try:
        tried, done = run(stack, old, "--dry-run"), run(stack, old)
        assert tried.returncode == done.returncode == 1 and not_taken(tried) == not_taken(done), tried.stdout + done.stdout
        assert [line.split(":")[1].strip() for line in not_taken(done)] == [f"password of {n}" for n in ("carl", "dora", "emil")]
        assert "admin-api user passwd carl" in done.stdout and not [kind for kind in kinds.values() if kind in done.stdout]
        again = run(stack, old)
        assert again.returncode == 1 and not_taken(again) == not_taken(done)
        answer = requests.post(stack.admin.url + "/api/v1/auth/token/", timeout=10, json={"username": "carl", "password": "x"})
        assert answer.status_code == 401
    finally:
        path = stack.admin.env["DB_URL"].removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as db, db:
            db.execute("DELETE FROM users WHERE username IN ('carl', 'dora', 'emil', 'nobody')")
        wipe(stack)


def test_files_that_changed_are_taken_over_and_named(stack, old):
    """Both have other bytes than 0.1.0 recorded; the one of the same size only who reads it finds."""
    wipe(stack)
    with open(os.path.join(old[1], "1001/a.log"), "r+b") as f:
        f.truncate(100)
    with open(os.path.join(old[1], "1002/a.log"), "r+b") as f:
        f.write(b"y")
    done = run(stack, old, "--dry-run")
    assert done.returncode == 3 and "changed: 1001/a.log has 100 bytes, 0.1.0 recorded 400" in done.stdout, done.stdout
    done = run(stack, old)
    assert done.returncode == 3 and "2 of them changed since 0.1.0 recorded them" in done.stdout, done.stdout + done.stderr
    assert "1001/a.log has 100 bytes and MD5" in done.stdout and "1002/a.log has 300000 bytes and MD5" in done.stdout
    assert f"{len(FILES)} taken over, 0 here already, 0 not taken" in done.stdout
    for words in ([], ["--dry-run"]):  # of what it does not read again, another size
        again = run(stack, old, *words)
        assert again.returncode == 3 and f"{len(FILES)} here already" in again.stdout
        assert "changed: 1001/a.log has 100 bytes, 0.1.0 recorded 400" in again.stdout, again.stdout
    wipe(stack)


def test_what_differs_since_is_named_and_left(stack, old, request):
    """Who is blocked over there after the first run keeps his access here: only if somebody knows is he blocked here, too."""
    wipe(stack)
    kept = (13, django_hash("C4rl-pass-word!"), None, False, "carl", "", "", "", False, True, WHEN)
    in_old(request, old, (USER, kept))
    try:
        assert run(stack, old).returncode == 0
        assert "differs" not in (first := run(stack, old).stdout) and "is not changed again" in first
        in_old(request, old, ("UPDATE account_user SET is_active = ?, is_superuser = ?, password = ? WHERE id = 13",
                              (False, True, django_hash("An0ther-pass!"))),
               ("UPDATE collector_ticket SET attempts = 1, resolved = ? WHERE number = 1001", (True,)))
        for words in (["--dry-run"], []):
            said = run(stack, old, *words)
            assert said.returncode == 0, said.stdout
            assert "differs in 0.1.0, left as it is: user carl: is_active 0 there, 1 here; is_superuser 1 there, 0 here; " \
                "another password\n" in said.stdout, said.stdout
            assert "differs in 0.1.0, left as it is: ticket 1001: resolved 1 there, 0 here; attempts 1 there, 3 here" in said.stdout
            assert said.stdout.count("1 of them differ in 0.1.0") == 2 and "is not changed again" in said.stdout
        assert stack.get("/api/v1/tickets/1001/").json()["resolved"] is False
    finally:
        path = stack.admin.env["DB_URL"].removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as db, db:
            db.execute("DELETE FROM users WHERE username = 'carl'")
        wipe(stack)


def test_user_of_the_same_name_is_said(stack, old):
    """Not merged with the one of 0.1.0 in silence: by the same moment of joining it is him, else somebody else."""
    wipe(stack)
    path = stack.admin.env["DB_URL"].removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as db, db:  # somebody joined here, at another moment
        db.execute("DELETE FROM users WHERE username = 'bob'")
    stack.admin.create_user("bob", totp=False)
    for words in (["--dry-run"], []):
        done = run(stack, old, *words)
        assert done.returncode == 1 and "user bob: there is another user of this name here" in done.stdout, done.stdout
    wipe(stack)


def test_dry_run_where_nothing_is_makes_nothing(stack, old, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    done = stack.admin.run("import-django", "--db", old[0], "--media", old[1], "--dry-run",
                           env={"DATA_DIR": str(empty), "DB_URL": f"sqlite:///{empty}/db.sqlite3"})
    assert done.returncode == 0 and f"{len(FILES)} taken over" in done.stdout, done.stdout + done.stderr
    assert not list(empty.iterdir())


def test_root_imports_for_the_services_user(scratch):
    """With files of root's the service could not have shown them, nor removed them."""
    if os.geteuid():
        pytest.skip("only root may become another user")
    place = pathlib.Path(scratch) / "of-root"  # pytest closes its own directories to others, again at each start
    place.mkdir(0o755)
    os.chmod(scratch, 0o711)
    path, media = make(place)
    data = place / "data"
    os.makedirs(data / "archives")
    for directory in (data, data / "archives"):
        os.chown(directory, 4002, 4000)
    redis = Redis(place / "redis", tcp=True).start()
    admin = Admin(str(data), redis.tcp_url, str(place / "log"))
    try:
        assert admin.run("migrate").returncode == 0
        done = admin.run("import-django", "--db", path, "--media", media)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        redis.stop()
    found = [os.path.join(where, name) for where, below, files in os.walk(data) for name in below + files]
    assert [name for name in found if name.endswith("/data")]
    assert {(os.stat(name).st_uid, os.stat(name).st_gid) for name in found} == {(4002, 4000)}, found


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
    whole, _ = make(tmp_path)
    args = [a.format(empty=tmp_path / "empty", whole=whole) for a in args]
    done = stack.admin.run("import-django", *args)
    assert done.returncode in (1, 2) and words in done.stderr, done.stdout + done.stderr
