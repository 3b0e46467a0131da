"""Starts that cannot go well: each is refused at once, in one line that names what is wrong and says what to do."""

import contextlib
import glob
import os
import re
import shutil
import socket
import sqlite3
import subprocess

import pytest

from lc.build import ROOT, binary
from lc.process import free_port
from lc.services import Admin
from lc.stores import Redis

MIGRATIONS = os.path.join(ROOT, "services", "admin-api", "migrations", "sqlite")
NOBODY = 65534


def start_of(service, env=None, user=None):
    """What the service says when it is started once more with these settings; it must end by itself."""
    argv = [binary(service.program)]
    if user is not None:
        argv = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", *argv]
    done = subprocess.run(argv, env={**service.env, **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=30, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "start.refused" in said, done
    assert " started " not in said, "it is only once it listens"
    assert not [secret for secret in service.secrets if secret in said]
    return said


@pytest.fixture(name="service", params=["gateway", "admin"])
def _service(stack, request):
    return getattr(stack, request.param)


def start_alone(service):
    """Without a Redis that it could use."""
    service.start(wait=False)
    service.process.wait_ready(service.healthy)


def elsewhere(scratch, service, name):
    """Settings that share nothing with the service that runs."""
    directory = os.path.join(scratch, name)
    os.makedirs(directory, exist_ok=True)
    os.chmod(scratch, 0o711)
    return {"DATA_DIR": directory, "DB_URL": f"sqlite:///{directory}/db.sqlite3", service.listen_variable: "127.0.0.1:0",
            service.status_variable: "off"}


def test_second_instance_on_the_same_port(scratch, service):
    env = elsewhere(scratch, service, "same-port")
    env[service.listen_variable] = service.env[service.listen_variable]
    said = start_of(service, env)
    assert service.listen_variable in said and "another process listens there already: stop it, or give another" in said
    env = elsewhere(scratch, service, "same-port")
    env[service.status_variable] = service.env[service.status_variable]
    said = start_of(service, env)
    assert service.status_variable in said and "another process listens there already" in said
    assert "redis.taken_over" not in said and "projection" not in said, "Redis is another stack's"


@pytest.mark.skipif(os.geteuid() != 0, reason="as root only")
def test_directory_of_somebody_else(scratch, service):
    env = elsewhere(scratch, service, "owned")
    env["DB_URL"] = "sqlite:////dev/shm/lc-none.sqlite3" if service.program == "upload-gw" else env["DB_URL"]
    said = start_of(service, env, user=NOBODY)
    assert "DATA_DIR" in said or "DB_URL" in said
    if service.program == "upload-gw":
        assert re.search(r"chown -R 65534:65534 \S+owned\)", said), said


@pytest.mark.skipif(os.geteuid() != 0, reason="as root only")
@pytest.mark.parametrize("path", ["spool", "spool/new", "spool/trash"])
def test_directory_of_somebody_else_below(scratch, service, path):
    """It is named, and what is advised helps."""
    env = elsewhere(scratch, service, f"owned-{service.program}-{path.replace('/', '-')}")
    os.makedirs(os.path.join(env["DATA_DIR"], path))
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", env["DATA_DIR"]], check=True, timeout=20)
    culprit = os.path.join(env["DATA_DIR"], path)
    os.chown(culprit, 0, 0)
    os.chmod(culprit, 0o700)
    said = start_of(service, env, user=NOBODY)
    advised = re.search(r"\((chown -R \S+ (\S+))\)", said)
    assert "DATA_DIR" in said and advised and advised.group(2) == culprit, said
    subprocess.run(advised.group(1).split(), check=True, timeout=20)
    said = start_of(service, {**env, service.listen_variable: service.env[service.listen_variable]}, user=NOBODY)
    assert "DATA_DIR" not in said and "another process listens there already" in said


def test_directory_that_is_not_there_or_is_none(scratch, service):
    missing = {**elsewhere(scratch, service, "x"), "DATA_DIR": os.path.join(scratch, "nowhere")}
    assert "DATA_DIR" in (said := start_of(service, missing)) and "make it, or name the right one" in said
    file = os.path.join(scratch, "a-file")
    with open(file, "w", encoding="ascii"):
        pass
    assert "is no directory: name the right one" in start_of(service, {**missing, "DATA_DIR": file})


def test_link_in_place_of_the_spool(scratch, service):
    """The one to DATA_DIR itself is followed."""
    env = elsewhere(scratch, service, f"linked-{service.program}")
    os.symlink(scratch, f"{env['DATA_DIR']}/spool")
    os.symlink(env["DATA_DIR"], f"{env['DATA_DIR']}.link")
    said = start_of(service, {**env, "DATA_DIR": f"{env['DATA_DIR']}.link"})
    assert ".link/spool is a symbolic link" in said and "mount --bind" in said, said


@contextlib.contextmanager
def small_disk(directory, options):
    """A file system in memory at `directory`, or a visible skip."""
    os.makedirs(directory)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="as root only")
def test_full_disk(scratch, service):
    """Before anything is there, and a full one on which it has run before: the gateway waits there for room."""
    with small_disk(os.path.join(scratch, "no-inodes-" + service.program), "size=64k,nr_inodes=2") as disk:
        said = start_of(service, {**elsewhere(scratch, service, "full"), "DATA_DIR": disk, "DB_URL": f"sqlite:///{disk}/db"})
        assert "make room" in said or "no room is left on its disk, make some" in said
    if service.program == "upload-gw":
        return
    with small_disk(os.path.join(scratch, "full-disk"), "size=4m") as disk:
        other = Admin(disk, service.env["REDIS_URL"], os.path.join(scratch, "full.log"), db_url=f"sqlite:///{disk}/db")
        other.start()
        other.close()
        with contextlib.suppress(OSError), open(os.path.join(disk, "neighbour"), "wb", buffering=0) as f:
            while f.write(bytes(4096)) == 4096:
                pass
        said = start_of(other)
        assert "DB_URL" in said and "no room is left on its disk, make some" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="as root only")
def test_socket_of_redis_that_is_not_ours_to_open(scratch, stack):
    """That is no wrong password."""
    env = {**stack.admin.env, **elsewhere(scratch, stack.admin, "no-group"), "REDIS_URL": f"unix://{scratch}/closed.sock"}
    with socket.socket(socket.AF_UNIX) as closed:
        closed.bind(f"{scratch}/closed.sock")
        closed.listen()
        os.chmod(f"{scratch}/closed.sock", 0o700)
        done = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--", binary("admin-api"),
                               "check"], env=env, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and "this user may not open Redis's socket" in done.stdout, done
    assert "unixsocketperm" in done.stdout and "password" not in done.stdout


def test_refusals_of_settings_name_the_program(service):
    assert f" ERROR {service.program} start.refused " in start_of(service, {"LOG_LEVEL": "loud"})


@pytest.mark.parametrize("words", ["abc", "-1", "1x", ""])
def test_number_of_handed_over_sockets_that_is_none(scratch, service, words):
    env = {**service.env, **elsewhere(scratch, service, "handed-over"), "LISTEN_FDS": words}
    done = subprocess.run(["sh", "-c", 'LISTEN_PID=$$ exec "$0"', binary(service.program)], env=env, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=30, check=False)
    assert done.returncode == 1 and "LISTEN_FDS: give the number of sockets handed over" in done.stderr, done


def test_database_that_is_a_directory(scratch, stack):
    env = elsewhere(scratch, stack.admin, "a-directory")
    env["DB_URL"] = f"sqlite:///{env['DATA_DIR']}"
    for said in (start_of(stack.admin, env), stack.admin.run("check", env=env).stdout):
        assert f"is a directory: name a file in it, such as sqlite:///{env['DATA_DIR']}/db.sqlite3" in said, said


def test_database_that_is_none(scratch, stack):
    env = elsewhere(scratch, stack.admin, "no-database")
    with open(os.path.join(scratch, "no-database", "db.sqlite3"), "w", encoding="ascii") as f:
        f.write("a text of somebody's\n" * 100)
    said = start_of(stack.admin, env)
    assert "is not a database" in said and "restore a backup" in said


def test_wrong_password_of_redis(scratch, service):
    """It may become right without us, so that both start, and say what is wrong; who asks by hand is told the same."""
    locked = Redis(os.path.join(scratch, "locked-" + service.program), aof=False)
    locked.process.argv += ["--requirepass", "right"]
    locked.client.connection_pool.connection_kwargs["password"] = "right"
    locked.start()
    env = {**elsewhere(scratch, service, "locked"), "REDIS_URL": f"unix://:wrong@{locked.socket}"}
    log = os.path.join(scratch, f"locked-{service.program}.log")
    other = type(service)(env["DATA_DIR"], env["REDIS_URL"], log, db_url=env["DB_URL"]) if service.program == "admin-api" \
        else type(service)(env["DATA_DIR"], env["REDIS_URL"], log)
    try:
        start_alone(other)
        other.process.wait_says("user or password is wrong", "see REDIS_URL")
        ready = other.run("health", "--ready")
        assert ready.returncode == 1 and '"redis":"unreachable"' in ready.stdout + ready.stderr
        if service.program == "admin-api":
            checked = other.run("check")
            assert checked.returncode == 1 and "user or password is wrong" in checked.stdout
        assert "wrong@" not in other.process.output()
    finally:
        other.close()
        locked.stop()


@pytest.mark.parametrize("options,url_end,words", [
    (("--replicaof", "127.0.0.1", "1"), "", "is a replica, read only: name the master"),
    (("--maxmemory", "100kb", "--maxmemory-policy", "noeviction"), "", "raise it"),
    ((), "?db=99", "no database of that number")], ids=["replica", "full", "db 99"])
def test_redis_that_takes_no_writes(scratch, service, options, url_end, words):
    """It may be mended without us, so that both start; what is wrong and what to do is said at once, and by `check`."""
    name = f"redis-{service.program}-{words.split()[-1]}"
    server = Redis(os.path.join(scratch, name), aof=False, extra=options).start()
    env = {**elsewhere(scratch, service, name + "-data"), "REDIS_URL": server.url + url_end}
    other = type(service)(env["DATA_DIR"], env["REDIS_URL"], os.path.join(scratch, name + ".log"))
    try:
        start_alone(other)
        other.process.wait_says(words)
        if service.program == "admin-api":
            checked_too = other.run("check")
            assert checked_too.returncode == 1 and words in checked_too.stdout
    finally:
        other.close()
        server.stop()


def test_address_of_another_machine(scratch, service):
    for variable in (service.listen_variable, service.status_variable):
        said = start_of(service, {**elsewhere(scratch, service, "foreign"), variable: "192.0.2.1:8080"})
        assert variable in said and "this machine has no such address: give one of its own" in said


def test_redis_cluster(scratch, service):
    cluster = Redis(os.path.join(scratch, "cluster-" + service.program), aof=False, tcp=True,
                    extra=("--cluster-enabled", "yes", "--cluster-port", str(free_port()))).start()
    try:
        said = start_of(service, {**elsewhere(scratch, service, "cluster"), "REDIS_URL": cluster.tcp_url})
    finally:
        cluster.stop()
    assert "REDIS_URL: Redis Cluster is not supported" in said and "Sentinel" in said


def test_damaged_database(scratch, stack):
    """One page of a table in the middle: its schema can be read, and so can most of it."""
    path = os.path.join(elsewhere(scratch, stack.admin, "damaged")["DATA_DIR"], "db.sqlite3")
    env = {**elsewhere(scratch, stack.admin, "damaged"), "DB_URL": database_at(path, 99)}
    with sqlite3.connect(path) as db:
        db.executemany("INSERT INTO platforms (name, pretty_name) VALUES (?, ?)", ((f"p{n}", "x" * 200) for n in range(200)))
        page, size = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'platforms'").fetchone()[0], 4096
        assert db.execute("PRAGMA page_size").fetchone() == (size,)
    db.close()
    with open(path, "r+b") as f:
        f.seek((page - 1) * size)
        f.write(os.urandom(size))
    for said in (start_of(stack.admin, env), checked(stack, path), stack.admin.run("migrate", env=env).stderr):
        assert "DB_URL" in said and "the file is damaged" in said and "restore a backup of it with deploy/restore" in said


def test_database_of_another_program_is_refused_and_left_alone(scratch, stack):
    path = os.path.join(elsewhere(scratch, stack.admin, "foreign-db")["DATA_DIR"], "db.sqlite3")
    env = {**elsewhere(scratch, stack.admin, "foreign-db"), "DB_URL": f"sqlite:///{path}"}
    with sqlite3.connect(path) as db:
        for name in ("wp_links", "wp_options", "wp_posts", "wp_users"):
            db.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY AUTOINCREMENT)")
    db.close()
    with open(path, "rb") as f:
        before = f.read()
    for said in (start_of(stack.admin, env), checked(stack, path), stack.admin.run("migrate", env=env).stderr):
        assert "DB_URL" in said and "of another program (its tables: wp_links, wp_options, wp_posts and 1 more)" in said
        assert "name another file" in said
    with open(path, "rb") as f:
        assert f.read() == before


# --- databases of other versions


def database_at(path, last):
    """A database as the version that knew migrations up to `last` left it."""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE schema_migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL, "
                   "time_applied BIGINT NOT NULL)")
        for file in sorted(glob.glob(os.path.join(MIGRATIONS, "*.sql")))[:last]:
            number, name = re.match(r"(\d+)_(\w+)\.sql", os.path.basename(file)).groups()
            with open(file, encoding="utf-8") as f:
                db.executescript(f.read())
            db.execute("INSERT INTO schema_migrations VALUES (?, ?, 0)", (int(number), name))
    return f"sqlite:///{path}"


def migrations_of(path):
    with sqlite3.connect(path) as db:
        return [row[0] for row in db.execute("SELECT number FROM schema_migrations ORDER BY number")]


def test_older_database_is_brought_to_this_version(scratch, stack):
    directory = os.path.join(scratch, "older")
    os.makedirs(directory)
    path = os.path.join(directory, "db.sqlite3")
    service = Admin(directory, stack.redis.url, os.path.join(directory, "log"), db_url=database_at(path, 1))
    assert migrations_of(path) == [1]
    service.start()
    service.close()
    assert migrations_of(path) == migrations_of(stack.admin.env["DB_URL"].removeprefix("sqlite:///"))


def test_newer_database_is_refused_and_left_alone(scratch, stack):
    directory = os.path.join(scratch, "newer")
    os.makedirs(directory)
    path = os.path.join(directory, "db.sqlite3")
    shutil.copy(database_at(os.path.join(directory, "first"), 1).removeprefix("sqlite:///"), path)
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO schema_migrations VALUES (9999, 'of_tomorrow', 0)")
    said = start_of(stack.admin, {**elsewhere(scratch, stack.admin, "newer"), "DB_URL": f"sqlite:///{path}"})
    assert "DB_URL" in said and "newer than this program" in said and "restore the backup" in said
    checked = stack.admin.run("check", env={"DB_URL": f"sqlite:///{path}"})
    assert checked.returncode == 1 and "newer than this program" in checked.stdout
    assert migrations_of(path) == [1, 9999]


def checked(stack, path):
    return stack.admin.run("check", env={"DB_URL": f"sqlite:///{path}"}).stdout


def test_check_says_what_is_there_and_changes_nothing(scratch, stack):
    directory = os.path.join(scratch, "looked-at")
    os.makedirs(directory)
    path = os.path.join(directory, "db.sqlite3")
    assert "database       ok, not there yet" in checked(stack, path) and not os.listdir(directory)
    database_at(path, 1)
    assert "database       ok, of an older release" in checked(stack, path)
    assert migrations_of(path) == [1]


def test_database_of_0_1_0_is_refused_and_left_alone(scratch, stack):
    """Nobody moves into it: there is a command that takes it over."""
    directory = os.path.join(scratch, "django")
    os.makedirs(directory)
    path = os.path.join(directory, "db.sqlite3")
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE collector_platform (id integer PRIMARY KEY, name varchar(20) NOT NULL)")
    with open(path, "rb") as f:
        before = f.read()
    env = {**elsewhere(scratch, stack.admin, "django"), "DB_URL": f"sqlite:///{path}"}
    for said in (start_of(stack.admin, env), checked(stack, path), stack.admin.run("migrate", env=env).stderr):
        assert "DB_URL" in said and "0.1.0" in said and "import-django" in said
    with open(path, "rb") as f:
        assert f.read() == before
