"""The audit log: who did what, on what, from where, when, and how it ended; added to and never changed."""

import os
import sqlite3
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
import requests

from lc.panel import ACCOUNT, SESSION, Account, Panel
from lc.raw import multipart

AUDIT = "/api/v1/audit/"


@pytest.fixture(scope="module")
def chief(stack):
    return Account(stack.admin, "auditor", superuser=True)


@pytest.fixture(scope="module")
def log(chief):
    """log(action=…): the events, newest first."""
    panel = chief.panel()

    def read(**query):
        answer = panel.get(AUDIT, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return read


def lines(events):
    return [(e["actor"], e["action"], e["object"], e["outcome"]) for e in events]


def test_shape(log):
    event = log(action="user.create", object="auditor")[0]
    assert set(event) == {"id", "time_create", "actor", "action", "object", "address", "outcome"}
    assert (event["actor"], event["address"], event["outcome"]) == ("console", "", "ok")
    assert event["time_create"].endswith("Z")


def test_logins(stack, log):
    user = Account(stack.admin, "ann")
    panel = Panel(stack.admin)
    panel.login("ann", "wrong-password")
    panel.login("ann", user.password)
    panel.login("ann", user.password, "000000")
    panel.login("ann", user.password, user.code())
    panel.delete(SESSION)
    panel.login("typed-my-Password-here", "x")
    stack.admin.secrets.add("typed-my-Password-here")
    wanted = [("ann", "logout", "ann", "ok"), ("ann", "login", "ann", "ok"), ("ann", "login", "ann", "otp_wrong"),
              ("ann", "login", "ann", "otp_required"), ("ann", "login", "ann", "wrong")]
    assert lines(log(actor="ann"))[:5] == wanted
    newest = log(action="login", outcome="wrong")[0]
    assert (newest["actor"], newest["object"]) == ("", ""), "of an unknown name nothing is kept: it may be a password"
    assert newest["address"] == "127.0.0.1"


def test_accounts(stack, chief, log):
    user = Account(stack.admin, "bea")
    panel = user.panel()
    made = panel.post(ACCOUNT + "access-tokens/", json={"name": "x", "scopes": ["read"]}).json()
    stack.admin.secrets.add(made["token"])
    panel.delete(f"{ACCOUNT}access-tokens/{made['id']}/")
    stack.admin.secrets.update(panel.post(ACCOUNT + "backup-codes/", json={"otp": user.code()}).json()["backup_codes"])
    panel.post(ACCOUNT + "password/", json={"old_password": "no", "new_password": "A-new-passphrase-1"})
    panel.post(ACCOUNT + "password/", json={"old_password": user.password, "new_password": "A-new-passphrase-1"})
    stack.admin.secrets.add("A-new-passphrase-1")
    panel.get("/api/v1/users/")
    panel.delete(ACCOUNT + "totp/", json={"password": "A-new-passphrase-1", "otp": user.phone.fresh()})
    assert lines(log(actor="bea"))[:7] == [
        ("bea", "totp.remove", "bea", "ok"), ("bea", "request", "GET /api/v1/users/", "denied"),
        ("bea", "password.change", "bea", "ok"), ("bea", "password.change", "bea", "wrong"),
        ("bea", "backup_codes.renew", "bea", "ok"), ("bea", "access_token.delete", str(made["id"]), "ok"),
        ("bea", "access_token.create", str(made["id"]), "ok")]
    boss = chief.panel()
    boss.patch("/api/v1/users/bea/", json={"is_superuser": True})
    boss.patch("/api/v1/users/bea/", json={"is_superuser": True, "is_active": True, "first_name": "Bea"})
    boss.patch("/api/v1/users/bea/", json={"is_superuser": False})
    boss.patch("/api/v1/users/bea/", json={"is_superuser": False, "is_active": False})
    boss.patch("/api/v1/users/bea/", json={"is_active": False})
    boss.post("/api/v1/users/bea/reset-2fa/")
    boss.delete("/api/v1/users/bea/")
    assert lines(log(object="bea", actor="auditor")) == [
        ("auditor", "user.delete", "bea", "ok"), ("auditor", "user.reset_2fa", "bea", "ok"),
        ("auditor", "user.update", "bea", "ok"), # disabled again: nothing is taken away
        ("auditor", "user.update", "bea", "ok"), ("auditor", "user.disable", "bea", "ok"),
        ("auditor", "user.update", "bea", "ok"), ("auditor", "user.superuser_off", "bea", "ok"),
        ("auditor", "user.update", "bea", "ok"), # the rights as they are
        ("auditor", "user.update", "bea", "ok"), ("auditor", "user.superuser_on", "bea", "ok")]
    for args in (("disable", "ann"), ("enable", "ann"), ("reset-2fa", "ann")):
        assert stack.admin.run("user", *args).returncode == 0
    assert lines(log(actor="console", object="ann"))[:3] == [
        ("console", "user.reset_2fa", "ann", "ok"), ("console", "user.enable", "ann", "ok"),
        ("console", "user.disable", "ann", "ok")]


def test_second_factor_sessions_and_passwords(stack, chief, log):
    user = Account(stack.admin, "cid")
    other, panel = user.panel(), user.panel()
    (first,) = [row["id"] for row in panel.get(ACCOUNT + "sessions/").json() if not row["current"]]
    panel.delete(f"{ACCOUNT}sessions/{first}/")
    panel.delete(ACCOUNT + "sessions/")
    assert other.get(SESSION).status_code == 401
    done = [line for line in lines(log(actor="cid")) if line[1] not in ("login", "logout")]
    assert done == [("cid", "session.end_others", "cid", "ok"), ("cid", "session.delete", str(first), "ok"),
                    ("cid", "totp.confirm", "cid", "ok")]
    stack.admin.secrets.add("A-new-passphrase-2")
    chief.panel().patch("/api/v1/users/cid/", json={"password": "A-new-passphrase-2"})
    assert stack.admin.run("user", "passwd", "cid", "--password-stdin", input="A-new-passphrase-2\n").returncode == 0
    assert lines(log(action="user.password", object="cid")) == [
        ("console", "user.password", "cid", "ok"), ("auditor", "user.password", "cid", "ok")]


def test_changes_of_the_rest(stack, log):
    stack.make_ticket(platform="noted", number=4712)
    hook = stack.post("/api/v1/webhooks/", {"platform": "noted", "url": "http://127.0.0.1:9/", "events": ["archive.received"]})
    assert hook.status_code == 201, hook.text
    stack.admin.secrets.add(hook.json()["secret"])
    number = str(hook.json()["id"])
    stack.patch(f"/api/v1/webhooks/{number}/", {"enabled": False})
    stack.delete(f"/api/v1/webhooks/{number}/")
    stack.patch("/api/v1/platforms/noted/", {"pretty_name": "Noted"})
    stack.delete("/api/v1/platforms/noted/")
    assert lines(log())[:6] == [
        ("chief", action, what, "ok") for action, what in (
            ("platform.delete", "noted"), ("platform.update", "noted"), ("webhook.delete", number), ("webhook.update", number),
            ("webhook.create", number), ("ticket.create", "4712"))]


def test_tickets_and_archives(stack, log):
    ticket = stack.make_ticket(platform="audited", number=4711)
    kind, body = multipart("logs.txt", b"what happened")
    sent = requests.post(stack.gateway.url + "/api/v1/archives/", data=body, timeout=30,
                         headers={"Content-Type": kind, "Upload-Token": ticket["token"]})
    assert sent.status_code == 201, sent.text
    archive = stack.wait_archives(ticket, 1)[0]
    assert stack.download(archive).status_code == 200
    assert stack.post(f"/api/v1/archives/{archive['id']}/verify/").status_code == 200
    stack.patch("/api/v1/tickets/4711/", {"note": "n"})
    rotated = stack.post("/api/v1/tickets/4711/rotate-token/")
    stack.admin.secrets.add(rotated.json()["token"])
    stack.gateway.secrets.add(rotated.json()["token"])
    stack.delete(f"/api/v1/archives/{archive['id']}/")
    stack.delete("/api/v1/tickets/4711/")
    number = str(archive["id"])
    assert lines(log(search="4711")) == [
        ("chief", "ticket.delete", "4711", "ok"), ("chief", "ticket.rotate_token", "4711", "ok"),
        ("chief", "ticket.update", "4711", "ok"), ("chief", "archive.download", "4711/logs.txt", "begun"),
        ("", "archive.upload", "4711/logs.txt", "ok"), ("chief", "ticket.create", "4711", "ok")]
    assert lines(log(action="archive.delete")) == [("chief", "archive.delete", number, "ok")]
    assert lines(log(action="archive.verify")) == [("chief", "archive.verify", number, "begun")]
    assert lines(log(action="platform.create", object="audited")) == [("chief", "platform.create", "audited", "ok")]


def test_filters_and_pages(log):
    everything = log()
    assert [e["id"] for e in everything] == sorted((e["id"] for e in everything), reverse=True), "newest first"
    assert {e["action"] for e in log(action="login")} == {"login"}
    assert {e["outcome"] for e in log(outcome="denied")} == {"denied"}
    page = log(limit=2, offset=1)
    assert page["results"] == everything[1:3] and page["count"] == len(everything)
    now = datetime.now(timezone.utc)
    later = (now + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert log(time_create__gte=later) == [] and len(log(time_create__lte=later)) >= len(everything)


def test_read_only(stack, chief, log):
    panel = chief.panel()
    event = log()[0]
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert panel.request(method, AUDIT, json={}).status_code == 405
        assert panel.request(method, f"{AUDIT}{event['id']}/", json={}).status_code in (404, 405)
    assert stack.anonymous.get(stack.admin.url + AUDIT, timeout=10).status_code == 401


def test_strangers_do_not_fill_it(stack, log):
    """Forged tokens leave one line a minute, not one each."""
    for i in range(20):
        requests.get(stack.admin.url + "/api/v1/tickets/", headers={"Authorization": f"Bearer x.y.{i}"}, timeout=10)
    assert len(log(action="token", outcome="denied")) == 1


def test_the_database_refuses_changes(stack):
    """Whoever gets at the database through the service's own connection cannot rewrite history."""
    url = stack.admin.env["DB_URL"]
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        connection = sqlite3.connect(os.path.join("/", path) if path.startswith("/") else path, timeout=20)
        for sql in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="only added to"):
                connection.execute(sql)
        connection.close()
        return
    for sql in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
        done = subprocess.run(["psql", url, "-c", sql], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode != 0 and "only added to" in done.stderr


def test_no_secret_in_it(stack, log):
    text = str(log()).lower()
    for secret in stack.admin.secrets | stack.gateway.secrets:
        assert secret.lower() not in text
