"""SECRET_KEY and its rotation, host names, and what is different behind TLS."""

import base64
import os
import secrets
import sqlite3
import time

import pytest
import requests

from lc.panel import ACCOUNT, SESSION, Account, Panel
from lc.services import Admin
from lc.wait import until


@pytest.fixture(name="make_admin")
def fixture_make_admin(tmp_path, redis_server):
    """make_admin(VARIABLE=value…): a service of its own."""
    made = []

    def make(**env):
        number = len(made)
        service = Admin(os.path.join(tmp_path, f"data{number}"), redis_server.url,
                        os.path.join(tmp_path, f"admin{number}.log"), env)
        made.append(service)
        return service.start(wait="ALLOWED_HOSTS" not in env)

    yield make
    for service in made:
        service.close()


def test_no_secret_lies_open(make_admin, redis_server):
    """Neither in the database nor in Redis: tokens are hashed or sealed, passwords and codes hashed, second factors sealed."""
    admin = make_admin()
    user = Account(admin, "ann-at-rest", superuser=True)
    panel = user.panel()
    panel.post("/api/v1/platforms/", json={"name": "a", "pretty_name": "A"})
    ticket = panel.post("/api/v1/tickets/", json={"number": 1, "platform": "a"}).json()
    script = panel.post(ACCOUNT + "access-tokens/", json={"name": "x", "scopes": ["read"]}).json()
    admin.secrets.update((ticket["token"], script["token"]))
    until(lambda: f"lc:{{{ticket['id']}}}:ticket" in redis_server.names(), what="Redis to be told of the ticket")
    told, kept = repr(list(redis_server.contents())), b""
    for name in os.listdir(admin.data_dir):
        if name.startswith("admin.sqlite3"):
            with open(os.path.join(admin.data_dir, name), "rb") as f:
                kept += f.read()
    assert user.name.encode() in kept, "it was looked at where it is"
    secret = user.phone.secret
    seed = base64.b32decode(secret + "=" * (-len(secret) % 8))
    for open_one in {ticket["token"], script["token"], panel.cookies["lc_session"], user.password, secret, *user.codes}:
        for form in {open_one, open_one.replace("-", "")}:
            assert form not in told and form.encode() not in kept, form
    assert seed not in kept and bytes.fromhex(ticket["token"].replace("-", "")) not in kept


def test_rotation(make_admin):
    """With the former key as a fallback nobody notices; once everything was renewed it can go."""
    admin = make_admin()
    former, new = admin.env["SECRET_KEY"], secrets.token_urlsafe(48)
    admin.secrets.add(new)
    user = Account(admin, "ann", superuser=True)
    panel, jwt = user.panel(), user.bearer()
    auth = {"Authorization": "Bearer " + jwt["access"]}
    panel.post("/api/v1/platforms/", json={"name": "a", "pretty_name": "A"})
    ticket = panel.post("/api/v1/tickets/", json={"number": 1, "platform": "a"}).json()
    admin.secrets.add(ticket["token"])
    admin.stop()
    admin.env.update(SECRET_KEY=new, SECRET_KEY_FALLBACKS=former)
    admin.start()
    assert panel.get(SESSION).status_code == 200
    assert panel.patch(ACCOUNT, json={"first_name": "A"}).status_code == 200, "the former key's CSRF token"
    assert requests.get(admin.url + ACCOUNT, headers=auth, timeout=10).status_code == 200
    assert panel.get("/api/v1/tickets/1/").json()["token"] == ticket["token"]
    assert Panel(admin).login("ann", user.password, user.code()).status_code == 200, "the former key's backup code"
    assert Panel(admin).login("ann", user.password, user.phone.fresh()).status_code == 200
    admin.secrets.update(panel.post(ACCOUNT + "backup-codes/", json={"otp": user.code()}).json()["backup_codes"])
    admin.stop()
    admin.env["SECRET_KEY_FALLBACKS"] = ""
    admin.start()
    assert panel.get(SESSION).status_code == 200, "sessions need no key"
    assert requests.get(admin.url + ACCOUNT, headers=auth, timeout=10).status_code == 401
    assert Panel(admin).login("ann", user.password, user.phone.fresh()).status_code == 200, "it was sealed anew"


def refusal(service, *words):
    """Of a start, or of a command, that the wrong key ends."""
    done = service.run(*words)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "SECRET_KEY_FALLBACKS" in said, said
    assert service.env["SECRET_KEY"] not in said
    return said


def database(service):
    return sqlite3.connect(service.env["DB_URL"].removeprefix("sqlite:///"))


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "of a release without marks"])
def test_wrong_key_is_refused(make_admin, marked):
    """By serve, by commands that seal, and by `check`, until the former key is a fallback; then it may go again."""
    admin = make_admin()
    former, other = admin.env["SECRET_KEY"], secrets.token_urlsafe(48)
    admin.secrets.add(other)
    Account(admin, "ann")
    admin.stop()
    with database(admin) as db:
        assert db.execute("SELECT key_mark IS NOT NULL FROM installation").fetchone() == (1,)
        if not marked:
            db.execute("UPDATE installation SET key_mark = NULL")
    admin.env["SECRET_KEY"] = other
    assert "start.refused" in refusal(admin, "serve")
    assert "is not the one this database was used with" in refusal(admin, "check")
    refusal(admin, "user", "create", "bob", "--password-stdin")
    admin.env["SECRET_KEY_FALLBACKS"] = former
    assert "database       ok\n" in admin.run("check").stdout
    admin.start()
    admin.stop()
    admin.env["SECRET_KEY_FALLBACKS"] = ""
    admin.start()


def test_lost_key(make_admin):
    """Lost for good: accepted by a command only; no way in without the second factor, and it is said what to do."""
    admin = make_admin()
    user = Account(admin, "ann")
    admin.stop()
    admin.env["SECRET_KEY"] = secrets.token_urlsafe(48)
    refusal(admin, "serve")
    assert admin.run("accept-key").returncode == 0
    admin.start()
    answer = Panel(admin).login("ann", user.password, user.phone.fresh())
    assert answer.status_code == 403 and answer.json()["code"] == "second_factor_unreadable", answer.text
    assert "user reset-2fa" in answer.json()["detail"] and "lc_session" not in answer.cookies
    assert Panel(admin).login("ann", user.password, user.code()).status_code == 401
    assert Panel(admin).login("ann", user.password).json()["code"] == "otp_required"


def test_allowed_hosts(make_admin):
    admin = make_admin(ALLOWED_HOSTS="desk.example.com,.logs.example.com", PUBLIC_URL="https://public.example.com")

    def status(host):
        return requests.get(admin.url + "/api/v1/check/health/", headers={"Host": host}, timeout=10).status_code

    admin.process.wait_ready(lambda: status("desk.example.com") == 200)
    for host in ("desk.example.com", "DESK.example.com:8443", "logs.example.com", "a.logs.example.com",
                 "public.example.com"):
        assert status(host) == 200, host
    for host in ("127.0.0.1", "localhost", "example.com", "xdesk.example.com", "xlogs.example.com",
                 "desk.example.com.evil.example"):
        assert status(host) == 400, host


def test_behind_tls(make_admin):
    """By PUBLIC_URL, or by the word of a trusted proxy and of nobody else."""
    public = make_admin(PUBLIC_URL="https://logs.example.com/")
    trusting = make_admin(TRUSTED_PROXIES="127.0.0.1")
    plain = make_admin()
    https = {"X-Forwarded-Proto": "https"}
    for admin, headers, secure in ((public, {}, True), (trusting, https, True), (trusting, {}, False),
                                   (plain, https, False)):
        answer = requests.get(admin.url + SESSION, headers=headers, timeout=10)
        assert ("Strict-Transport-Security" in answer.headers) == secure
        assert ("; Secure" in answer.headers["Set-Cookie"]) == secure
    assert "max-age=31536000" in requests.get(public.url + SESSION, timeout=10).headers["Strict-Transport-Security"]


@pytest.mark.parametrize("origin, good", [
    ("https://logs.example.com", True), ("https://desk.example.com", True), ("https://LOGS.example.com", True),
    ("http://logs.example.com", False), ("https://logs.example.com:444", False), ("https://example.com", False),
    ("https://logs.example.com.evil.example", False)])
def test_origins(make_admin, origin, good):
    admin = make_admin(PUBLIC_URL="https://logs.example.com", CSRF_TRUSTED_ORIGINS="https://desk.example.com/")
    password, _ = admin.create_user("ann", totp=False)
    answer = requests.post(admin.url + SESSION, json={"username": "ann", "password": password},
                           headers={"Origin": origin}, timeout=10)
    assert answer.status_code == (200 if good else 403), answer.text


def test_lifetimes(make_admin):
    """Too old however busy; idle for too long, which a busy one is not."""
    admin = make_admin(SESSION_IDLE="2s", SESSION_LIFETIME="5s")
    busy, idle = Account(admin, "ann", totp=False).panel(), Account(admin, "bea", totp=False).panel()
    begun = time.monotonic()
    until(lambda: busy.get(SESSION).status_code == 200 and time.monotonic() > begun + 2.5, what="idleness")
    assert idle.get(SESSION).status_code == 401
    until(lambda: busy.get(SESSION).status_code == 401, what="the end of its life")


def test_require_2fa_all(make_admin):
    """Nothing but the way to a second factor."""
    admin = make_admin(REQUIRE_2FA="all")
    account = Account(admin, "ann", totp=False)
    panel = account.panel()
    session = panel.get(SESSION).json()
    assert session["enrolment_required"] and not session["passed_2fa"]
    assert panel.get(ACCOUNT).status_code == 200
    for method, path in (("GET", "/api/v1/tickets/"), ("POST", "/api/v1/platforms/"), ("PATCH", ACCOUNT),
                         ("GET", ACCOUNT + "sessions/"), ("DELETE", ACCOUNT + "sessions/"),
                         ("POST", ACCOUNT + "password/"), ("POST", ACCOUNT + "backup-codes/"),
                         ("GET", ACCOUNT + "access-tokens/"), ("GET", "/api/v1/check/storage/")):
        answer = panel.request(method, path, json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required"), path
    panel.enrol(account.password)
    assert panel.get("/api/v1/tickets/").status_code == 200
    assert panel.get(SESSION).json()["enrolment_required"] is False


def test_password_cost(make_admin):
    """Hashes of another cost verify and are renewed at the next login, logging nobody out."""
    admin = make_admin()
    account = Account(admin, "ann", totp=False)
    panel = account.panel()
    admin.stop()
    admin.env.update(PASSWORD_MEMORY="9M", PASSWORD_PASSES="2")
    admin.start()
    assert Panel(admin).login("ann", account.password).status_code == 200
    assert panel.get(SESSION).status_code == 200
    for variable, value in (("PASSWORD_MEMORY", "1M"), ("PASSWORD_PASSES", "0")):
        done = admin.run("check", env={variable: value})
        assert done.returncode != 0 and variable in done.stdout + done.stderr
