"""Retention: what is deleted when its time is over, what is not, what cleanup says of it, and what stays written down."""

import os
import re
import secrets
import shutil

import pytest
import requests

from lc.manifest import give_id
from lc.rest import expect
from lc.wait import until

ADMIN_ENV = {"RECONCILE_AGE": "1s", "SWEEP_INTERVAL": "200ms"}


def send(stack, ticket, name="logs.bin", content=b"x" * 1000):
    answer = requests.post(stack.gateway.url + "/api/v1/archives/", headers={"Upload-Token": ticket["token"]},
                           files={"file": (name, content)}, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.json()["upload_id"]


def wait_gone(stack, ticket):
    until(lambda: not stack.archives(ticket), what="its archives to be deleted")


def where(stack, upload_id):
    return os.path.join(stack.data_dir, "archives", upload_id[:2], upload_id)


def platform(rest, name, **fields):
    expect(rest.post("platforms/", {"name": name, "pretty_name": name, **fields}), 201)
    return name


def events(rest, action):
    return [e["object"] for e in expect(rest.get("audit/", params={"action": action}), 200).json()]


def cleanup(stack, *args, **env):
    """kind → the ids that `admin-api cleanup` names, with what it says of them."""
    done = stack.admin.run("cleanup", *args, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for line in done.stdout.splitlines()[:-1]:
        kind, upload_id, said = re.match(r"(\S+) +(\S+)  (.*)", line).groups()
        found.setdefault(kind, {})[upload_id] = said
    return found


def test_age_of_a_platform(rest, stack):
    """Its own seconds count where nothing is configured; what others hold stays."""
    before = stack.admin.metrics()
    kept, short = stack.make_ticket(platform="keeps"), stack.make_ticket(platform=platform(rest, "short"))
    stays, goes = send(stack, kept), send(stack, short, "core dump.gz")
    stack.wait_archives(short, 1)
    expect(rest.patch("platforms/short/", {"retention_all": 1}), 200)
    wait_gone(stack, short)
    until(lambda: not os.path.exists(where(stack, goes)), what="its files to be removed")
    assert len(stack.archives(kept)) == 1 and os.path.exists(where(stack, stays))
    assert f"{short['number']}/core_dump.gz" in events(rest, "archive.expire")
    assert "short: 1 archives, 1000 bytes" in events(rest, "retention.expire")
    after = stack.admin.metrics()
    grown = {name: after[name] - before[name] for name in after if "expired" in name}
    assert grown == {'lc_admin_archives_expired_total{rule="RETENTION_ALL"}': 1,
                     'lc_admin_archives_expired_total{rule="RETENTION_RESOLVED"}': 0,
                     "lc_admin_archives_expired_bytes_total": 1000}
    assert stack.attempts(short) == 4, "what was used stays used"


def test_name_of_a_deleted_one_is_free_again(stack, rest):
    ticket = stack.make_ticket(platform=platform(rest, "names"))
    send(stack, ticket, "same.log")
    stack.wait_archives(ticket, 1)
    expect(rest.patch("platforms/names/", {"retention_all": 1}), 200)
    wait_gone(stack, ticket)
    expect(rest.patch("platforms/names/", {"retention_all": None}), 200)
    assert "retention_all" not in rest.get("platforms/names/").json()
    until(lambda: stack.redis.client.hlen(f"lc:{{{ticket['id']}}}:names") == 0, what="the name to be free")
    send(stack, ticket, "same.log")
    assert [a["name"] for a in stack.wait_archives(ticket, 1)] == ["same.log"]


def frees(commands, ticket):
    """Of each message to Redis that freed names of the ticket: how many."""
    counts, script = [], 0
    for command in commands:
        words = command["command"].split(" ")
        if command["client_type"] != "lua":
            script += 1
        elif words[0].upper() == "HDEL" and words[1] == f"lc:{{{ticket['id']}}}:names":
            counts.append(script)
    return [counts.count(one) for one in sorted(set(counts))]


def test_names_of_one_ticket_are_freed_in_one_step(stack, rest):
    """Redis may be gone behind any step: of two, the second name would stay taken for ever."""
    ticket = stack.make_ticket(platform=platform(rest, "together"))
    names = f"lc:{{{ticket['id']}}}:names"
    sent = {send(stack, ticket, name) for name in ("one.log", "two.log", "three.log")}
    stack.wait_archives(ticket, 3)
    until(lambda: stack.redis.client.hlen(names) == 3, what="the names to be taken")
    until(lambda: sent <= set(cleanup(stack, "--dry-run", RETENTION_ALL="1s").get("expired", {})), what="them to be due")
    with stack.redis.client.monitor() as monitor:
        expect(rest.patch("platforms/together/", {"retention_all": 1}), 200)
        until(lambda: stack.redis.client.hlen(names) == 0, what="the names to be free")
        stack.redis.client.echo("the end")
        commands = []
        while not commands or commands[-1]["command"] != "ECHO the end":
            commands.append(monitor.next_command())
    assert frees(commands, ticket) == [3]


def test_age_counts_from_when_it_was_resolved(rest, stack):
    name = platform(rest, "solved", retention_resolved=1)
    done, open_one = stack.make_ticket(platform=name), stack.make_ticket(platform=name)
    send(stack, done), send(stack, open_one)
    stack.wait_archives(done, 1), stack.wait_archives(open_one, 1)
    expect(rest.patch(f"tickets/{done['number']}/", {"resolved": True}), 200)
    wait_gone(stack, done)
    assert len(stack.archives(open_one)) == 1
    assert f"{done['number']}/logs.bin" in events(rest, "archive.expire")


def test_saying_resolved_again_starts_nothing_anew(rest, stack):
    """The age is that of the first time; resolving anew after reopening counts from then."""
    ticket = stack.make_ticket(platform=platform(rest, "again"))
    path = f"tickets/{ticket['number']}/"
    upload_id = send(stack, ticket)
    stack.wait_archives(ticket, 1)
    expect(rest.patch(path, {"resolved": True}), 200)
    until(lambda: upload_id in cleanup(stack, "--dry-run", RETENTION_RESOLVED="2s").get("expired", {}),
          what="it to be due")
    expect(rest.patch(path, {"resolved": True, "note": "touched"}), 200)
    assert upload_id in cleanup(stack, "--dry-run", RETENTION_RESOLVED="2s")["expired"]
    expect(rest.patch(path, {"resolved": False}), 200)
    assert upload_id not in cleanup(stack, "--dry-run", RETENTION_RESOLVED="2s").get("expired", {})
    expect(rest.patch(path, {"resolved": True}), 200)
    assert upload_id not in cleanup(stack, "--dry-run", RETENTION_RESOLVED="1h").get("expired", {})


def test_zero_of_a_platform_keeps_for_ever(rest, stack):
    ticket = stack.make_ticket(platform=platform(rest, "forever", retention_all=0, retention_resolved=0))
    other = stack.make_ticket(platform=platform(rest, "default"))
    keeps, goes = send(stack, ticket), send(stack, other)
    stack.wait_archives(ticket, 1), stack.wait_archives(other, 1)
    expect(rest.patch(f"tickets/{ticket['number']}/", {"resolved": True}), 200)
    due = until(lambda: (lambda e: e if goes in e else None)(
        cleanup(stack, "--dry-run", RETENTION_ALL="1s", RETENTION_RESOLVED="1s").get("expired", {})), what="it to be due")
    assert keeps not in due
    assert due[goes] == f"would be deleted by RETENTION_ALL: default {other['number']}/logs.bin"


def test_dry_run_names_exactly_what_goes(rest, stack):
    """Archives of many pages, orphans and trash: what the dry run named is gone afterwards, and nothing else."""
    ticket = stack.make_ticket(attempts=10, platform=platform(rest, "exact"))
    keeping = stack.make_ticket(attempts=10, platform=platform(rest, "keeping", retention_all=0))
    sent = {send(stack, ticket, f"{i}.log") for i in range(7)}
    kept = {send(stack, keeping, f"{i}.log") for i in range(3)}
    stack.wait_archives(ticket, 7), stack.wait_archives(keeping, 3)
    orphan = secrets.token_hex(16)
    os.makedirs(os.path.join(stack.data_dir, "spool", "orphans", orphan))
    env = {"RETENTION_ALL": "1s", "ORPHAN_RETENTION": "1s", "RECONCILE_AGE": "1h"}

    def due():
        found = cleanup(stack, "--dry-run", **env)
        ready = sent <= set(found.get("expired", {})) and "would be removed" in found["orphan"][orphan]
        return found if ready else None

    said = until(due, what="all to be due")
    assert all(os.path.exists(where(stack, u)) for u in sent), "nothing was changed"
    assert not kept & set(said["expired"])
    before = {a["id"]: a for a in stack.archives()}
    did = cleanup(stack, **env)
    assert set(did["expired"]) == set(said["expired"]) and set(did["orphan"]) == set(said["orphan"])
    after = {a["id"] for a in stack.archives()}
    assert len(before) - len(after) == len(said["expired"])
    assert not any(os.path.exists(where(stack, u)) for u in said["expired"])
    assert all(os.path.exists(where(stack, u)) for u in kept)
    assert not os.path.exists(os.path.join(stack.data_dir, "spool", "orphans", orphan))
    assert cleanup(stack, "--dry-run", **env).get("expired", {}) == {}


def test_more_than_a_page(rest, stack):
    """Pages are of 100: all of them go, in as many transactions."""
    name = platform(rest, "many")
    tickets = [stack.make_ticket(attempts=10, platform=name) for _ in range(12)]
    for ticket in tickets:
        for i in range(10):
            send(stack, ticket, f"{i}.log")
    until(lambda: all(len(stack.archives(t)) == 10 for t in tickets), 30, "all to be filed")
    expect(rest.patch("platforms/many/", {"retention_all": 1}), 200)
    until(lambda: not any(stack.archives(t) for t in tickets), 30, "all to be deleted")
    told = [e for e in events(rest, "retention.expire") if e.startswith("many: ")]
    assert sum(int(re.match(r"many: (\d+) archives", e).group(1)) for e in told) == 120


@pytest.mark.parametrize("value, message", [
    (-1, "Ensure this value is greater than or equal to 0."), ("soon", "A valid integer is required."),
    (10**9, "Ensure this value is less than or equal to 315360000.")])
def test_wrong_seconds(rest, value, message):
    for field in ("retention_all", "retention_resolved"):
        answer = rest.post("platforms/", {"name": "wrong", "pretty_name": "Wrong", field: value})
        expect(answer, 400, {field: [message]})


def test_wrong_setting_is_refused(stack):
    for name in ("RETENTION_ALL", "RETENTION_RESOLVED"):
        refused = stack.admin.run("check", env={name: "soon"})
        assert refused.returncode != 0 and name in refused.stdout + refused.stderr


def test_cleanup_finds_a_file_cut_short_and_names_who_is_too_young(stack):
    ticket = stack.make_ticket(platform="keeps")
    cut = send(stack, ticket)
    stack.wait_archives(ticket, 1)
    path = os.path.join(where(stack, cut), "data")
    os.truncate(path, 10)
    assert re.search(r"10 bytes, its row says 1000; restore it", cleanup(stack, "--dry-run")["damaged"][cut])
    stray = secrets.token_hex(16)
    os.makedirs(where(stack, stray))
    said = cleanup(stack, "--dry-run", RECONCILE_AGE="1h")["young"]
    assert list(said) == [stray] and re.match(r"left until 20\d\d-.*Z: younger than RECONCILE_AGE", said[stray])
    until(lambda: stray in cleanup(stack, "--dry-run").get("unknown", {}), what="it to be old enough")
    os.rmdir(where(stack, stray))


def put_aside(stack, upload_id, source):
    """Its directory, as a database that does not know it would have moved it."""
    os.rename(source, os.path.join(stack.data_dir, "spool", "orphans", upload_id))


def in_orphans(stack, upload_id):
    return os.path.exists(os.path.join(stack.data_dir, "spool", "orphans", upload_id))


RETURN = {"ORPHAN_RETENTION": "1s", "RETENTION_ALL": "0"}


def both(stack, upload_id, ready, **env):
    """What the dry run says of it, once `ready` says so, and what the run does, which names the same."""
    def looked():
        found = cleanup(stack, "--dry-run", **env)
        said = {kind: ids[upload_id] for kind, ids in found.items() if upload_id in ids}
        return said if ready(said) else None
    would = until(looked, what="the dry run to name it")
    did = {kind: ids[upload_id] for kind, ids in cleanup(stack, **env).items() if upload_id in ids}
    assert set(did) == set(would), (would, did)
    return would, did


def test_orphan_that_a_row_knows_goes_back_to_its_place(stack):
    ticket = stack.make_ticket(platform="keeps")
    upload_id = send(stack, ticket)
    archive = stack.wait_archives(ticket, 1)[0]
    until(lambda: os.path.exists(where(stack, upload_id)), what="it to be filed")
    put_aside(stack, upload_id, where(stack, upload_id))
    would, did = both(stack, upload_id, lambda said: "returned" in said, **RETURN)
    assert would == {"returned": "would be put back to archives/: its row has no file"}
    assert did == {"returned": "put back to archives/: its row had no file"}
    assert stack.download(archive).content == b"x" * 1000


def test_orphan_whose_ticket_is_there_is_filed(stack):
    """Filed in a database, restored from a copy made before: neither ledger nor row."""
    ticket = stack.make_ticket(platform="keeps")
    upload_id = secrets.token_hex(16)
    sent = send(stack, ticket)
    stack.wait_archives(ticket, 1)
    until(lambda: os.path.exists(where(stack, sent)), what="it to be filed")
    path = os.path.join(stack.data_dir, "spool", "orphans", upload_id)
    shutil.copytree(where(stack, sent), path)
    give_id(path, sent, upload_id)
    would, did = both(stack, upload_id, lambda said: "returned" in said, **RETURN)
    assert "filed: its ticket is there" in would["returned"] and "to be filed: its ticket is there" in did["returned"]
    assert len(stack.wait_archives(ticket, 2)) == 2 and os.path.exists(where(stack, upload_id))


def test_orphan_beside_its_archive_is_kept(stack):
    ticket = stack.make_ticket(platform="keeps")
    upload_id = send(stack, ticket)
    stack.wait_archives(ticket, 1)
    until(lambda: os.path.exists(where(stack, upload_id)), what="it to be filed")
    path = os.path.join(stack.data_dir, "spool", "orphans", upload_id)
    shutil.copytree(where(stack, upload_id), path)
    os.utime(path, (1, 1))
    _, did = both(stack, upload_id, lambda said: "orphan" in said, **RETURN)
    assert "compare by hand" in did["orphan"] and in_orphans(stack, upload_id)
    shutil.rmtree(path)


def test_orphan_of_a_deleted_archive_goes_in_time(stack, rest):
    ticket = stack.make_ticket(platform="keeps")
    upload_id = send(stack, ticket)
    archive = stack.wait_archives(ticket, 1)[0]
    until(lambda: os.path.exists(where(stack, upload_id)), what="it to be filed")
    path = os.path.join(stack.data_dir, "spool", "orphans", upload_id)
    shutil.copytree(where(stack, upload_id), path)
    expect(rest.delete(f"archives/{archive['id']}/"), 204)
    _, did = both(stack, upload_id, lambda said: "would be removed" in said.get("orphan", ""), **RETURN)
    assert "removed: older" in did["orphan"] and not in_orphans(stack, upload_id)


def test_service_puts_back_and_spares_too(stack):
    """Its sweep removes old orphans, and by then looks whose they are."""
    ticket, nobodys = stack.make_ticket(platform="keeps"), secrets.token_hex(16)
    goes_back, stays = send(stack, ticket, "a.log"), send(stack, ticket, "b.log")
    stack.wait_archives(ticket, 2)
    until(lambda: all(os.path.exists(where(stack, i)) for i in (goes_back, stays)), what="them to be filed")
    stack.admin.stop()
    orphans = os.path.join(stack.data_dir, "spool", "orphans")
    os.rename(where(stack, goes_back), os.path.join(orphans, goes_back))
    shutil.copytree(where(stack, stays), os.path.join(orphans, stays))
    os.makedirs(os.path.join(orphans, nobodys))
    stack.admin.env["ORPHAN_RETENTION"] = "1s"
    try:
        stack.admin.start()
        until(lambda: os.listdir(orphans) == [stays] and os.path.exists(where(stack, goes_back)), 20, "the sweep")
        later = secrets.token_hex(16)
        os.makedirs(os.path.join(orphans, later))
        stack.admin.process.wait_says(f"spool.orphan_removed upload_id={later}")  # by another sweep
        assert os.listdir(orphans) == [stays]
    finally:
        del stack.admin.env["ORPHAN_RETENTION"]
        shutil.rmtree(os.path.join(orphans, stays))
        stack.admin.restart()


def test_missing_file_fails_cleanup(stack, rest):
    ticket = stack.make_ticket(platform="keeps")
    upload_id = send(stack, ticket)
    archive = stack.wait_archives(ticket, 1)[0]
    until(lambda: os.path.exists(where(stack, upload_id)), what="it to be filed")
    shutil.rmtree(where(stack, upload_id))
    for args in ((), ("--dry-run",)):
        done = stack.admin.run("cleanup", *args)
        assert done.returncode == 1 and f"missing    {upload_id}" in done.stdout, done.stdout
        assert "1 archive is missing" in done.stderr and "from a backup" in done.stderr, done.stderr
    expect(rest.delete(f"archives/{archive['id']}/"), 204)
    assert stack.admin.run("cleanup", "--dry-run").returncode == 0


# --- archives/.database: whose archives they are


def refused(stack, *args, words="belongs to another database", **env):
    """What a command (the service without one) says that refuses."""
    done = stack.admin.run(*args, env={"ADMIN_LISTEN": "127.0.0.1:0", "ADMIN_STATUS_LISTEN": "off", **env})
    said = done.stdout + done.stderr
    assert done.returncode == 1 and words in said, said
    assert f"DATA_DIR: {env.get('DATA_DIR', stack.data_dir)}/archives" in said, said
    if words != "DATA_DIR":
        assert "give the DB_URL" in said and "admin-api accept-data" in said, said
    return said


def mark_of(data_dir):
    with open(os.path.join(data_dir, "archives", ".database"), encoding="ascii") as f:
        return f.read()


def entries(data_dir):
    return sorted(os.path.join(at, name) for at, _, names in os.walk(data_dir) for name in names)


OPENING = [("serve",), ("cleanup",), ("cleanup", "--dry-run"), ("project",), ("check",)]


@pytest.fixture(scope="module")
def filed(stack):
    ticket = stack.make_ticket(platform="keeps")
    upload_id = send(stack, ticket)
    stack.wait_archives(ticket, 1)
    return upload_id


def test_database_that_is_not_there_gets_no_archives(stack, filed):
    """A shell without the service's DB_URL: nothing is made, nothing is moved."""
    before = entries(stack.data_dir)
    for args in (*OPENING, ("migrate",)):
        refused(stack, *args, DB_URL=f"sqlite:///{stack.data_dir}/db.sqlite3")
    assert [path for path in entries(stack.data_dir) if path not in before and "admin.sqlite3" not in path] == []
    assert os.path.exists(os.path.join(where(stack, filed), "data"))


def test_another_database_gets_neither_archives_nor_spool(stack, filed, tmp_path):
    other = {"DB_URL": f"sqlite:///{tmp_path}/other.sqlite3", "REDIS_URL": stack.redis.url + "?db=7"}
    assert stack.admin.run("migrate", env={**other, "DATA_DIR": str(tmp_path)}).returncode == 0
    for args in OPENING:
        refused(stack, *args, **other)
    refused(stack, "import-django", "--db", f"{tmp_path}/other.sqlite3", "--media", str(tmp_path), **other)
    assert os.path.exists(os.path.join(where(stack, filed), "data"))
    assert stack.redis.client.exists("lc:epoch")


def test_directory_of_before_is_marked_by_who_knows_it(stack, filed, tmp_path):
    mark = mark_of(stack.data_dir)
    data = str(tmp_path / "data")
    shutil.copytree(stack.data_dir, data, ignore=shutil.ignore_patterns("admin.sqlite3*"))
    os.unlink(os.path.join(data, "archives", ".database"))
    for args in (*OPENING, ("migrate",)):
        refused(stack, *args, words="knows of none", DATA_DIR=data, DB_URL=f"sqlite:///{data}/db.sqlite3")
    assert not os.path.exists(f"{data}/db.sqlite3")
    for args in (("check",), ("cleanup", "--dry-run")):
        assert stack.admin.run(*args, env={"DATA_DIR": data}).returncode == 0
        assert not os.path.exists(os.path.join(data, "archives", ".database")), "looking marks nothing"
    done = stack.admin.run("cleanup", env={"DATA_DIR": data})
    assert done.returncode == 0 and mark_of(data) == mark, done.stderr


def test_dry_run_makes_no_database(stack, tmp_path):
    data = str(tmp_path)
    done = stack.admin.run("cleanup", "--dry-run", env={"DATA_DIR": data, "DB_URL": f"sqlite:///{data}/db.sqlite3"})
    assert done.returncode == 1 and f"DB_URL: there are no tables yet at sqlite:///{data}/db.sqlite3" in done.stderr
    assert not os.path.exists(f"{data}/db.sqlite3")


def test_successor_of_a_lost_database(stack, filed, tmp_path):
    data = str(tmp_path / "data")
    env = {"DATA_DIR": data, "DB_URL": f"sqlite:///{data}/db.sqlite3", "REDIS_URL": stack.redis.url + "?db=8"}
    shutil.copytree(stack.data_dir, data, ignore=shutil.ignore_patterns("admin.sqlite3*"))
    before = mark_of(data)
    refused(stack, "cleanup", **env)
    done = stack.admin.run("accept-data", env=env)
    assert done.returncode == 0 and "is this database's now" in done.stdout, done.stderr
    assert mark_of(data) != before
    until(lambda: f"unknown    {filed}" in stack.admin.run("cleanup", "--dry-run", env=env).stdout,
          what="it to be old enough to be named")
    refused(stack, "cleanup", DATA_DIR=data)
