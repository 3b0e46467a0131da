"""deploy/backup while customers upload and engineers delete; deploy/restore into an empty place; every archive is there."""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shlex
import shutil
import signal
import sqlite3
import subprocess
import threading

import pytest
import requests

from lc.build import BUILD, ROOT
from lc.services import Admin, Gateway
from lc.stores import Redis
from lc.wait import until

JSON = {"Accept": "application/json"}
SPOOL = ("tmp", "new", "trash", "orphans")
BIN = ("--bin", f"{BUILD}/bin")
ADMIN_ENV = {"SWEEP_INTERVAL": "100ms"}


def run(script, service, *args, **env):
    return subprocess.run([f"{ROOT}/deploy/{script}", *BIN, *args], env={**service.env, **env}, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=240, check=False)


def backup(stack, name, *args):
    where = os.path.join(stack.directory, name)
    done = run("backup", stack.admin, "--to", where, *args)
    assert done.returncode == 0, done.stdout + done.stderr
    return where


class Customers:
    """Upload small files in turn until they are stopped; what was answered 201 is remembered with its SHA-256."""

    def __init__(self, stack, threads=3):
        self.stack, self.sent, self.failures, self.stop = stack, {}, [], threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(threads)]
        self.tickets = [[stack.make_ticket(attempts=10) for _ in range(12)] for _ in self.threads]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        for ticket in self.tickets[number]:
            for i in range(10):
                if self.stop.is_set():
                    return
                body = os.urandom(50_000)
                answer = requests.put(f"{self.stack.gateway.url}/u/{ticket['token']}/{i}.bin", data=body, timeout=60,
                                      headers=JSON)
                if answer.status_code != 201:
                    self.failures.append(answer.text)
                    return
                self.sent[answer.json()["upload_id"]] = hashlib.sha256(body).hexdigest()

    def wait(self, count):
        until(lambda: self.failures or len(self.sent) >= count, 60, f"{count} uploads")
        assert not self.failures

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)
        assert not self.failures


class Restored:
    """New services on what was restored, with a Redis of their own that knows wrong things."""

    def __init__(self, stack, directory, postgres):
        self.redis = Redis(os.path.join(directory, "redis")).start()
        self.redis.client.hset("lc:{99}:ticket", mapping={"h": "x", "number": 99})
        self.redis.client.set("lc:epoch", "of another time")
        self.data_dir = os.path.join(directory, "data")
        db_url = postgres.create_database("restored") if postgres else None
        self.admin = Admin(self.data_dir, self.redis.url, os.path.join(directory, "admin.log"), ADMIN_ENV, db_url)
        self.admin.env["SECRET_KEY"] = stack.admin.env["SECRET_KEY"]
        self.gateway = Gateway(self.data_dir, self.redis.url, os.path.join(directory, "gateway.log"))
        self.user = stack.user

    def login(self):
        login = {"username": self.user.name, "password": self.user.password, "otp": self.user.totp.fresh()}
        answer = requests.post(self.admin.url + "/api/v1/auth/token/", json=login, timeout=10)
        assert answer.status_code == 200, answer.text
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        return session

    def close(self):
        self.gateway.close()
        self.admin.close()
        self.redis.stop()


@pytest.fixture
def postgres_or_none(request):
    return request.getfixturevalue("postgres") if os.environ.get("LC_DB") == "postgres" else None


def test_backup_under_load_and_restore(stack, scratch, postgres_or_none):
    customers = Customers(stack)
    customers.wait(20)
    deleted = set()
    deleting = threading.Event()

    def delete():
        """While the backup is made: an archive's row goes at once, its file only afterwards."""
        while not deleting.is_set():
            for archive in stack.get("/api/v1/archives/", params={"limit": 1, "ordering": "id"}).json()["results"]:
                stack.delete(f"/api/v1/archives/{archive['id']}/")
                deleted.add(archive["sha256"])
            deleting.wait(0.05)

    eraser = threading.Thread(target=delete, daemon=True)
    eraser.start()
    before = dict(customers.sent)
    where = backup(stack, "backup")
    deleting.set()
    eraser.join(30)
    customers.wait(len(before) + 10)
    customers.end()
    with open(os.path.join(where, "archives.list"), encoding="ascii") as f:
        rows = [line.split()[0] for line in f]
    assert len(rows) > 10 and all(os.path.exists(os.path.join(where, "archives", r[:2], r, "data")) for r in rows)
    assert not deleted or customers.sent, "something was deleted meanwhile"

    new = Restored(stack, os.path.join(scratch, "new"), postgres_or_none)
    done = run("restore", new.admin, "--from", where, "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not new.redis.client.exists("lc:{99}:ticket") and new.redis.client.get("lc:epoch") != b"of another time"
    try:
        new.admin.start()
        new.gateway.start()
        api = new.login()
        until(lambda: not os.listdir(os.path.join(new.data_dir, "spool", "new")), what="what was spooled to be filed")
        archives = api.get(new.admin.url + "/api/v1/archives/", timeout=30).json()
        for archive in archives:
            path = "/archives/download/" + archive["file"].split("/archives/download/", 1)[1]
            got = api.get(new.admin.url + path, timeout=60)
            assert got.status_code == 200 and hashlib.sha256(got.content).hexdigest() == archive["sha256"]
        kept = {a["sha256"] for a in archives}
        assert set(before.values()) - deleted <= kept, "201 before the backup began: it is there"
        assert kept <= set(customers.sent.values())
        ticket = customers.tickets[0][-1]
        assert api.get(f"{new.admin.url}/api/v1/tickets/{ticket['number']}/", timeout=10).json()["token"] == \
            ticket["token"]
        check = requests.get(f"{new.gateway.url}/api/v1/check/token/{ticket['token']}", timeout=10)
        assert check.status_code == 200, "the gateway knows its tickets again"
        again = run("restore", new.admin, "--from", where)
        assert again.returncode == 1 and "a restore overwrites nothing" in again.stderr
    finally:
        new.close()


def test_files_go_when_the_backup_is_over(stack):
    """The lock that a backup holds keeps files; the rows go at once."""
    ticket = stack.make_ticket()
    answer = requests.put(f"{stack.gateway.url}/u/{ticket['token']}/kept.bin", data=b"x" * 1000, timeout=30, headers=JSON)
    upload_id = answer.json()["upload_id"]
    (archive,) = stack.wait_archives(ticket, 1)
    where = os.path.join(stack.data_dir, "archives", upload_id[:2], upload_id)
    gate = os.path.join(stack.data_dir, "archives", ".deletion")
    holder = subprocess.Popen(["flock", "-x", gate, "sh", "-c", "echo held; read line"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    try:
        assert stack.delete(f"/api/v1/archives/{archive['id']}/").status_code == 204
        assert stack.archives(ticket) == []
        cleanup = stack.admin.run("cleanup")
        assert f"doomed     {upload_id}" in cleanup.stdout, cleanup.stdout + cleanup.stderr
        assert os.path.exists(where)
    finally:
        holder.communicate("\n", timeout=10)
    until(lambda: not os.path.exists(where), what="its files to go")


def test_backup_that_was_killed_stands_in_nobodys_way(stack):
    """While one is being made another of that name is refused; what a killed one left is removed by the next."""
    where = os.path.join(stack.directory, "again")
    gate = os.path.join(stack.data_dir, "archives", ".deletion")
    with open(gate, "rb+") as held:
        fcntl.flock(held, fcntl.LOCK_SH)  # it waits for this with what it has begun
        first = subprocess.Popen([f"{ROOT}/deploy/backup", "--to", where], env=stack.admin.env, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        until(lambda: os.path.exists(where + ".partial/lock"), what="the first to begin")
        until(lambda: "is being made" in run("backup", stack.admin, "--to", where).stderr, what="the second to be refused")
        os.killpg(first.pid, signal.SIGKILL)
        first.wait(10)
    done = run("backup", stack.admin, "--to", where)
    assert done.returncode == 0 and "left by a backup that was cut short: removed" in done.stdout, done.stdout + done.stderr
    assert not os.path.exists(where + ".partial") and "lock" not in os.listdir(where)


def test_nothing_is_overwritten(stack, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    done = run("backup", stack.admin, "--to", str(there))
    assert done.returncode == 1 and "never overwrites" in done.stderr
    assert list(there.iterdir()) == []


def upload(stack, body):
    ticket = stack.make_ticket()
    answer = requests.put(f"{stack.gateway.url}/u/{ticket['token']}/one.bin", data=body, timeout=30, headers=JSON)
    assert answer.status_code == 201, answer.text
    stack.wait_archives(ticket, 1)


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path):
    if os.geteuid():
        pytest.skip("only root may mount")
    where = tmp_path / "small"
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(where)], check=True, timeout=20)
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True, timeout=20)


def test_full_disk(stack, tmp_path, small_disk, postgres_or_none):
    """One line says which place is full, and nothing is left there: neither of a backup nor of what was to be restored."""
    upload(stack, os.urandom(3_000_000))
    done = run("backup", stack.admin, "--to", str(small_disk / "backup"))
    assert done.returncode == 1 and f"{small_disk}/backup: no space left there" in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1 and os.listdir(small_disk) == []
    where = backup(stack, "for-a-small-disk")
    env = {"DATA_DIR": str(small_disk / "in" / "data"), "DB_URL": f"sqlite:///{tmp_path}/new/db.sqlite3"}
    if postgres_or_none:
        env["DB_URL"] = postgres_or_none.create_database("small_disk")
    done = run("restore", stack.admin, "--from", where, **env)
    assert done.returncode == 1 and f"{small_disk}/in/data: no space left there" in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1 and os.listdir(small_disk) == [] and os.listdir(tmp_path) == ["small"]


def test_backup_into_what_is_backed_up(stack):
    where = os.path.join(stack.data_dir, "spool", "backup")
    done = run("backup", stack.admin, "--to", where)
    assert done.returncode == 1 and "inside of DATA_DIR" in done.stderr and not os.path.exists(where)


def test_another_secret_key_is_noticed(stack, tmp_path, postgres_or_none):
    """Before anything is restored; a former key among the fallbacks will do. Redis need not run."""
    where = backup(stack, "with-a-key")
    with open(os.path.join(where, "format"), encoding="ascii") as f:
        assert stack.admin.env["SECRET_KEY"] not in f.read()
    env = {"DATA_DIR": str(tmp_path / "data"), "DB_URL": f"sqlite:///{tmp_path}/new.sqlite3", "SECRET_KEY": secrets.token_urlsafe(48)}
    if postgres_or_none:
        env["DB_URL"] = postgres_or_none.create_database("other_key")
    done = run("restore", stack.admin, "--from", where, **env)
    assert done.returncode == 1 and "SECRET_KEY is not the one of the backup" in done.stderr, done.stderr
    assert not os.path.exists(tmp_path / "data")
    env["SECRET_KEY_FALLBACKS"] = f"{secrets.token_urlsafe(48)},{stack.admin.env['SECRET_KEY']}"
    env["REDIS_URL"] = f"unix://{tmp_path}/no-redis"
    done = run("restore", stack.admin, "--from", where, **env)
    assert done.returncode == 0 and "admin-api does so at its start" in done.stdout, done.stdout + done.stderr


def test_backup_with_another_key_than_the_databases(stack, postgres_or_none):
    """Or none: a restore would advise the wrong one. What else is not right with the settings is only said."""
    where = os.path.join(stack.directory, "with-another-key")
    other = secrets.token_urlsafe(48)
    for env, says in (({"SECRET_KEY": other}, "not the one this database was used with"), ({"SECRET_KEY": ""}, "SECRET_KEY is not set")):
        done = run("backup", stack.admin, "--to", where, **env)
        assert done.returncode == 1 and says in done.stderr and other not in done.stderr, done
        assert not os.path.exists(where) and not os.path.exists(where + ".partial")
    former = {"SECRET_KEY": other, "SECRET_KEY_FALLBACKS": stack.admin.env["SECRET_KEY"]}
    done = run("backup", stack.admin, "--to", where, **former)
    assert done.returncode == 0 and not done.stderr, done
    env = {"DATA_DIR": os.path.join(stack.directory, "none"), "SECRET_KEY": other}
    if not postgres_or_none:
        env["DB_URL"] = f"sqlite:///{stack.directory}/none.sqlite3"
    done = run("restore", stack.admin, "--from", where, **env)
    assert done.returncode == 1 and "maybe of its fallbacks" in done.stderr, done
    done = run("backup", stack.admin, "--to", where + "-untold", "--bin", "/nonexistent")
    assert done.returncode == 0 and "cannot be told" in done.stderr and "--bin DIR" in done.stderr, done


def test_backup_of_another_database_than_the_archives(stack, tmp_path, postgres_or_none):
    upload(stack, b"x" * 1000)
    url = postgres_or_none.create_database("elsewhere") if postgres_or_none else f"sqlite:///{tmp_path}/db.sqlite3"
    assert stack.admin.run("migrate", env={"DB_URL": url, "DATA_DIR": str(tmp_path)}).returncode == 0
    where = os.path.join(stack.directory, "of-another-database")
    done = run("backup", stack.admin, "--to", where, DB_URL=url)
    assert done.returncode == 1 and "that it never knew: is DB_URL the one of the services?" in done.stderr, done
    assert not os.path.exists(where) and not os.path.exists(where + ".partial")


def test_restored_by_root_it_stays_another_users(stack, postgres_or_none):
    """What is made in the end for Redis to be told belongs to whose the archives are: admin-api is to start on it."""
    if os.geteuid():
        pytest.skip("only root may give files away")
    where = backup(stack, "of-another-user")
    subprocess.run(["chown", "-R", "--no-dereference", "nobody:nogroup", where], check=True, timeout=20)
    os.chmod(stack.directory, 0o711)
    data = os.path.join(stack.directory, "nobodys")
    os.mkdir(data)
    shutil.chown(data, "nobody")
    env = {"DATA_DIR": data, "DB_URL": f"sqlite:///{data}/db.sqlite3"}
    if postgres_or_none:
        env["DB_URL"] = postgres_or_none.create_database("nobodys")
    redis = Redis(os.path.join(stack.directory, "told"), tcp=True).start()
    try:
        done = run("restore", stack.admin, "--from", where, **env, REDIS_URL=redis.tcp_url)
        assert done.returncode == 0, done.stderr
    finally:
        redis.stop()
    made = [os.path.join(place, name) for place, _, names in os.walk(data) for name in names]
    assert f"{data}/archives/.deletion" in made
    assert not [path for path in made if os.stat(path).st_uid == 0]


def bare_directories(data):
    """As the packages make them, of users whose numbers no backup has: path → owner, group and mode."""
    for path, owner, mode in (("", 0, 0o3770), ("spool", 0, 0o2770), *((f"spool/{name}", 0, 0o2770) for name in SPOOL),
                              ("archives", 4002, 0o700)):
        os.mkdir(os.path.join(data, path))
        os.chown(os.path.join(data, path), owner, 4000)
        os.chmod(os.path.join(data, path), mode)
    return {path: owner_and_mode(path) for path, _, _ in os.walk(data)}


def owner_and_mode(path):
    found = os.stat(path)
    return found.st_uid, found.st_gid, found.st_mode


def test_restore_where_a_package_made_its_directories(stack, tmp_path, postgres_or_none):
    """All belongs to who owns them here; a restore that fails leaves them as they were."""
    if os.geteuid():
        pytest.skip("only root may give files away")
    upload(stack, b"for a package")
    where = backup(stack, "for-a-package")
    waits = f"{where}/spool/new/{'0' * 32}"
    os.mkdir(waits)
    data = str(tmp_path / "data")
    before = bare_directories(data)
    env = {"DATA_DIR": data, "DB_URL": f"sqlite:///{tmp_path}/none/db.sqlite3", "GATEWAY_UID": "4001"}
    if postgres_or_none:
        env["DB_URL"] = postgres_or_none.create_database("package")
    else:
        (tmp_path / "none").write_text("a file where a directory should be")
        done = run("restore", stack.admin, "--from", where, **env)
        assert done.returncode == 1 and {path: owner_and_mode(path) for path, _, _ in os.walk(data)} == before, done
        os.remove(tmp_path / "none")
    done = run("restore", stack.admin, "--from", where, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path: owner_and_mode(path) for path in before} == before
    assert owner_and_mode(f"{data}/spool/new/{'0' * 32}")[:2] == (4001, 4000)
    archives = [os.path.join(place, name) for place, _, names in os.walk(f"{data}/archives") for name in names]
    assert [path for path in archives if path.endswith("/data")] and {os.stat(path).st_uid for path in archives} == {4002}
    assert postgres_or_none or os.stat(tmp_path / "none" / "db.sqlite3").st_uid == 4002


def test_password_of_the_database_is_in_no_list_of_processes(stack, tmp_path, postgres_or_none):
    if not postgres_or_none:
        pytest.skip("sqlite has none")
    tools, seen = tmp_path / "tools", tmp_path / "seen"
    tools.mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        (tools / name).write_text(f"#!/bin/sh\nprintf '%s\\n' {name} \"$@\" >> {seen}\n"
                                  f"printf '%s' \"$PGPASSWORD\" > {seen}.password\nexec /usr/bin/{name} \"$@\"\n")
        (tools / name).chmod(0o755)

    def url(database, address):
        return address.format(database, f"host={postgres_or_none.directory}")

    def play(name, address):
        env = {"PATH": f"{tools}:{os.environ['PATH']}"}
        where = os.path.join(stack.directory, name)
        assert (done := run("backup", stack.admin, "--to", where, **env, DB_URL=url("lc", address))).returncode == 0, done.stderr
        postgres_or_none.create_database(name)
        done = run("restore", stack.admin, "--from", where, **env, DB_URL=url(name, address),
                   DATA_DIR=str(tmp_path / name))
        assert done.returncode == 0, done.stderr
        assert seen.read_text().count("postgresql://") >= 3
        assert "cret" not in seen.read_text()
        assert (tmp_path / "seen.password").read_text() == "s\\e%cret@1/"

    play("by_user", "psql://app:s%5Ce%25cret%401%2F@/{}?{}")
    play("by_parameter", "postgresql:///{}?password=s%5Ce%25cret%401%2F&user=app&{}")


def test_archive_without_its_file(stack, tmp_path, postgres_or_none):
    """It is named, and nothing is kept unless one says so; a restore names it, too, and restores the others."""
    ticket = stack.make_ticket()
    answer = requests.put(f"{stack.gateway.url}/u/{ticket['token']}/lost.bin", data=b"x" * 1000, timeout=30, headers=JSON)
    upload_id = answer.json()["upload_id"]
    stack.wait_archives(ticket, 1)
    where = os.path.join(stack.data_dir, "archives", upload_id[:2], upload_id)
    until(lambda: os.path.exists(where), what="it to be filed")
    shutil.move(where, where + ".aside")
    target = os.path.join(stack.directory, "damaged")
    try:
        done = run("backup", stack.admin, "--to", target)
        assert done.returncode == 1 and f"archive without its whole file: {upload_id}" in done.stderr
        assert not os.path.exists(target) and not os.path.exists(target + ".partial")
        done = run("backup", stack.admin, "--to", target, "--allow-missing")
        count = len(stack.get("/api/v1/archives/").json())
        assert done.returncode == 0 and f"{target}: {count - 1} of {count} archives, " in done.stdout, done
    finally:
        shutil.move(where + ".aside", where)
    env = {"DATA_DIR": str(tmp_path / "less" / "data"), "DB_URL": f"sqlite:///{tmp_path}/less/db/db.sqlite3"}
    if postgres_or_none:
        env["DB_URL"] = postgres_or_none.create_database("less")
    done = run("restore", stack.admin, "--from", target, "--verify", **env)
    assert done.returncode == 3 and f"archive without its whole file: {upload_id}" in done.stderr, done.stderr
    with open(os.path.join(target, "archives.list"), encoding="ascii") as f:
        count = len(f.readlines())
    assert f"{count - 1} of {count} archives restored" in done.stdout and f"1 of {count} archives have no whole file" in done.stderr


def test_rotten_archive_is_named_and_the_others_restored(stack, tmp_path, postgres_or_none):
    """Of the right size, and not what was uploaded: who asks for it with --verify gets all but that one."""
    upload(stack, b"y" * 1000)
    where = backup(stack, "rotten")
    with open(os.path.join(where, "archives.list"), encoding="ascii") as f:
        ids = [line.split()[0] for line in f]
    file = os.path.join("archives", ids[0][:2], ids[0], "data")
    size = os.path.getsize(os.path.join(where, file))
    os.remove(os.path.join(where, file))  # a hard link until now
    with open(os.path.join(where, file), "wb") as f:
        f.write(b"\0" * size)
    data = tmp_path / "data"
    env = {"DATA_DIR": str(data), "DB_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    if postgres_or_none:
        env["DB_URL"] = postgres_or_none.create_database("rotten")
    done = run("restore", stack.admin, "--from", where, "--verify", **env)
    assert done.returncode == 3 and f"not what was uploaded, by its SHA-256: {ids[0]}\n" in done.stderr, done
    assert f"{len(ids) - 1} of {len(ids)} archives restored" in done.stdout and "look for them in an older backup" in done.stderr
    assert sorted(path.parent.name for path in data.glob("archives/*/*/data")) == sorted(ids[1:])
    cleanup = stack.admin.run("cleanup", "--dry-run", env=env)
    assert ids[0] in cleanup.stdout and not [one for one in ids[1:] if one in cleanup.stdout], cleanup


def cut(path):
    os.truncate(path, os.path.getsize(path) // 2)


def overwrite(path):
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) // 4)
        f.write(os.urandom(os.path.getsize(path) // 2))


def newer(path):
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO schema_migrations VALUES (99, 'x', 0)")


def without_sums(where):
    """As releases made it that told no sum of the database."""
    with open(f"{where}/format", "r+", encoding="ascii") as f:
        kept = [line for line in f if not line.startswith("sum ")]
        f.seek(0)
        f.truncate()
        f.writelines(kept)


DAMAGE = {
    "list is gone": (lambda w: os.remove(f"{w}/archives.list"), "archives.list is missing"),
    "list is cut": (lambda w: cut(f"{w}/archives.list"), "archives were backed up"),
    "sums are gone": (lambda w: os.remove(f"{w}/sums.list"), "sums.list is missing, and --verify compares with it"),
    "sums are cut": (lambda w: cut(f"{w}/sums.list"), "sums.list is not what was backed up"),
    "archives are gone": (lambda w: shutil.rmtree(f"{w}/archives"), "archives is missing"),
}


def test_damaged_backup_is_refused(stack, tmp_path, postgres_or_none):
    """Before anything is made; one line names the part and says what to do. Nor is a newer release's database taken. What
    no database has a part in is looked at on sqlite only."""
    upload(stack, b"x" * 1000)
    whole = backup(stack, "to-be-damaged")
    name = "database.dump" if postgres_or_none else "database.sqlite3"
    env = {"DATA_DIR": str(tmp_path / "data"), "DB_URL": f"sqlite:///{tmp_path}/db/db.sqlite3"}
    if postgres_or_none:
        env["DB_URL"] = postgres_or_none.create_database("from_damaged")
    where = str(tmp_path / "copy")

    def restored(damage, *args):
        shutil.rmtree(where, ignore_errors=True)
        shutil.copytree(whole, where)
        damage(where)
        done = run("restore", stack.admin, "--from", where, *args, **env)
        assert done.returncode == 0 or os.listdir(tmp_path) == ["copy"]
        return done

    def old(damage):
        return lambda where: (without_sums(where), damage(f"{where}/{name}"))

    cases = [(lambda w: overwrite(f"{w}/{name}"), name),
             (old(cut), f"{name} is damaged"), (old(lambda path: os.truncate(path, 0)), name)]
    if not postgres_or_none:
        cases += [*DAMAGE.values(), (old(overwrite), "database.sqlite3 is damaged"),
                  (old(newer), "is of a newer release: it is at migration 99")]
    for damage, says in cases:
        done = restored(damage, "--verify")
        assert done.returncode == 1 and says in done.stderr and "nothing was restored" in done.stderr, (says, done)
    if postgres_or_none:
        postgres_or_none.rows("INSERT INTO schema_migrations VALUES (99, 'x', 0)")
        whole = backup(stack, "newer")
        postgres_or_none.rows("DELETE FROM schema_migrations WHERE number = 99")
        assert "is of a newer release: it is at migration 99" in restored(lambda _: None).stderr
        return
    done = restored(lambda w: os.remove(f"{w}/sums.list"))
    assert done.returncode == 0 and "SHA-256 cannot be compared" in done.stderr, done


@pytest.mark.parametrize("script, args, says", [
    ("backup", [], "usage:"), ("restore", [], "usage:"), ("restore", ["--from", "/nonexistent"], "is no backup"),
    ("backup", ["--to", "/tmp/x", "--env", "/nonexistent"], "cannot be read"), ("backup", ["--what"], "usage:")])
def test_wrong_use(stack, script, args, says):
    done = run(script, stack.admin, *args)
    assert done.returncode != 0 and says in done.stderr


@pytest.mark.parametrize("bare", [False, True])
def test_settings_file(stack, tmp_path, bare):
    """As deploy/up writes it; nothing of the caller's environment is needed. A bare name is a file here, not a program."""
    settings = tmp_path / "env"
    settings.write_text("".join(f"{k}={shlex.quote(v)}\n" for k, v in stack.admin.env.items()
                                if k in ("DATA_DIR", "DB_URL", "REDIS_URL", "SECRET_KEY")))
    where = os.path.join(stack.directory, f"by-file-{bare}")
    done = subprocess.run([f"{ROOT}/deploy/backup", "--to", where, "--env", "env" if bare else str(settings), *BIN], cwd=tmp_path,
                          capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, timeout=120, check=False)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    assert os.path.exists(os.path.join(where, "format"))


@pytest.mark.parametrize("value", ["postgresql:///lc?host=/run&user=x", "postgresql://u:p$w@h/lc", "sqlite:////a b"])
def test_settings_that_a_shell_takes_otherwise(stack, tmp_path, value):
    """systemd takes these for values; in a shell an & ends the setting, and another database would be backed up."""
    settings = tmp_path / "env"
    settings.write_text(f"DATA_DIR={stack.admin.data_dir}\nDB_URL={value}\n")
    done = run("backup", stack.admin, "--to", os.path.join(stack.directory, "otherwise"), "--env", str(settings))
    assert done.returncode == 1 and f"{settings}, line 2: " in done.stderr and "DB_URL='…'" in done.stderr, done
    assert value not in done.stderr, "it may be a secret"
    settings.write_bytes(b"DATA_DIR=/x\r\n")
    done = run("backup", stack.admin, "--to", os.path.join(stack.directory, "otherwise"), "--env", str(settings))
    assert done.returncode == 1 and f"line 1: it ends as lines of Windows do: sed -i 's/\\r$//' {settings}" in done.stderr, done
