"""What was open in version 0.1.0, and what attackers try first: each found closed, on the whole stack."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time
import uuid

import pytest
import requests

from lc.panel import ACCOUNT, SESSION, Account, Panel
from lc.raw import Raw, exchange, multipart
from lc.totp import STEP, code_at

ADMIN_ENV = {"LOG_LEVEL": "debug", "LOGIN_FREE_FAILURES": "12"}
GATEWAY_ENV = {"LOG_LEVEL": "debug"}
TOKEN, AUDIT, USERS = "/api/v1/auth/token/", "/api/v1/audit/", "/api/v1/users/"
XSS = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


@pytest.fixture(scope="module")
def victim(stack):
    return Account(stack.admin, "victim", superuser=True)


@pytest.fixture(scope="module")
def jwt(victim):
    """The victim's tokens after both factors."""
    return victim.bearer()


@pytest.fixture(scope="module")
def intruder(stack):
    """An account without rights, whose owner wants more."""
    return Account(stack.admin, "intruder")


def call(stack, path, token=None, method="GET", **kw):
    headers = kw.pop("headers", {})
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return requests.request(method, stack.admin.url + path, headers=headers, timeout=30, allow_redirects=False, **kw)


def b64(data):
    raw = data if isinstance(data, bytes) else json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def forge(header, claims, key=None):
    text = f"{b64(header)}.{b64(claims)}"
    return text + "." + (b64(hmac.new(key, text.encode(), hashlib.sha256).digest()) if key is not None else "")


# --- the holes of 0.1.0


def test_password_alone_gives_no_token(stack, victim):
    """With a second factor set up, no way of asking gets around it."""
    for extra in ({}, {"otp": ""}, {"otp": None}, {"passed_2fa": True, "mfa": True}, {"otp_token": "x"}):
        answer = requests.post(stack.admin.url + TOKEN, json={"username": "victim", "password": victim.password,
                                                              **extra}, timeout=30)
        assert (answer.status_code, answer.json()) == (401, {"detail": "One-time password required",
                                                             "code": "otp_required"})
    for otp in (True, [], {}, 1.5):
        answer = requests.post(stack.admin.url + TOKEN, json={"username": "victim", "password": victim.password,
                                                              "otp": otp}, timeout=30)
        assert answer.status_code == 400


def test_password_alone_reads_no_archive(stack):
    """An account that has no second factor sees tickets, not what customers sent."""
    plain = Account(stack.admin, "plain", totp=False)
    token = plain.bearer()["access"]
    ticket = stack.make_ticket(number=801)
    kind, body = multipart("secret.log", b"customer data")
    sent = requests.post(stack.gateway.url + "/api/v1/archives/", data=body, timeout=30,
                         headers={"Content-Type": kind, "Upload-Token": ticket["token"]})
    assert sent.status_code == 201
    stack.wait_archives(ticket, 1)
    for method in ("GET", "HEAD"):
        assert call(stack, "/archives/download/801/secret.log", token, method).status_code == 403
        assert call(stack, "/archives/download/801/secret.log", None, method).status_code == 401
    ranged = call(stack, "/archives/download/801/secret.log", token, headers={"Range": "bytes=0-3"})
    assert ranged.status_code == 403 and b"customer" not in ranged.content


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "GET", "PUT", "PATCH", "DELETE", "POST", "TRACE", "PROPFIND"])
def test_strangers_learn_nothing_of_objects(stack, method):
    """What exists and what does not looks the same to nobody."""
    ticket = stack.make_ticket()
    there, not_there = ticket["number"], 999_999_999
    for path in ("/api/v1/tickets/{}/", "/api/v1/archives/{}/", "/archives/download/{}/secret.log"):
        answers = [call(stack, path.format(n), None, method) for n in (there, 1, not_there)]
        assert len({(a.status_code, a.text, a.headers.get("ETag"), a.headers.get("Last-Modified"))
                    for a in answers}) == 1, path
        assert answers[0].status_code in (401, 405)


def test_no_script_comes_back(stack, victim, jwt):
    """Names and notes are data: JSON that browsers do not sniff, files that are never shown."""
    ticket = stack.make_ticket(number=803, note=XSS)
    kind, body = multipart("x.html", XSS.encode())
    assert requests.post(stack.gateway.url + "/api/v1/archives/", data=body, timeout=30, headers={
        "Content-Type": kind, "Upload-Token": ticket["token"]}).status_code == 201
    kind, body = multipart(XSS.replace('"', "'"), b"<svg onload=alert(3)>")
    assert requests.post(stack.gateway.url + "/api/v1/archives/", data=body, timeout=30, headers={
        "Content-Type": kind, "Upload-Token": ticket["token"]}).status_code == 201
    for archive in stack.wait_archives(ticket, 2):
        assert not set("<>\"'&") & set(archive["name"])
        answer = stack.download(archive)
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    shown = call(stack, "/api/v1/tickets/803/", jwt["access"], headers={"Accept": "application/json"})
    assert shown.json()["note"] == XSS
    panel = victim.panel()
    assert panel.patch(ACCOUNT, json={"first_name": XSS}).status_code == 200
    for answer in (shown, panel.get(ACCOUNT), call(stack, f"/api/v1/{XSS}/"), call(stack, "/api/v1/tickets/?id=" + XSS,
                                                                                   jwt["access"])):
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["X-Frame-Options"] == "DENY"
    page = call(stack, "/", headers={"Accept": "text/html"})
    policy = page.headers.get("Content-Security-Policy", "")
    assert page.status_code == 404 or ("unsafe" not in policy and "default-src" in policy)


@pytest.mark.parametrize("key", [
    "", "secret", "changeme" * 8, "django-insecure-", "x" * 64, "0123456789" * 4, "abcdefgh" * 8, "a" * 63 + "b",
    "correct horse battery staple"])
def test_no_weak_key(stack, tmp_path, key):
    done = stack.admin.run("serve", env={"SECRET_KEY": key, "DATA_DIR": str(tmp_path)}, timeout=20)
    assert done.returncode != 0 and "SECRET_KEY" in done.stderr and "openssl rand" in done.stderr + "openssl rand" * (
        key == "")
    assert not key or key not in done.stderr


def test_guessing_is_slowed_down(stack, victim):
    """Also with a header that claims another address: nobody here is a trusted proxy."""
    answers = [requests.post(stack.admin.url + TOKEN, json={"username": "target", "password": f"Guess-number-{i}"},
                             headers={"X-Forwarded-For": f"203.0.113.{i}", "X-Real-IP": f"203.0.113.{i}",
                                      "Forwarded": f"for=203.0.113.{i}"}, timeout=30) for i in range(16)]
    assert [a.status_code for a in answers][:12] == [401] * 12 and answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert victim.panel().get(SESSION).status_code == 200, "another account of the same network goes on"


# --- one-time codes


def test_replayed_early_and_late_codes(stack):
    user = Account(stack.admin, "codes")
    step = int(time.time()) // STEP

    def login(code):
        answer = requests.post(stack.admin.url + TOKEN, json={"username": "codes", "password": user.password,
                                                              "otp": code}, timeout=30)
        stack.admin.secrets.update(answer.json().values() if answer.status_code == 200 else ())
        return answer.status_code

    secret = user.phone.secret
    for distance in (-10, -3, 3, 10, 2880):
        assert login(code_at(secret, step + distance)) == 401
    fresh = user.phone.fresh()
    assert login(fresh) == 200
    assert login(fresh) == 401, "a code works once"
    assert login(code_at(secret, user.phone.last - 1)) == 401, "and ends those before it"
    for code in ("", "12345", "1234567", "12345a", "١٢٣٤٥٦", " " * 6, "-12345", "0x1234", "1e5"):
        assert login(code or "x") == 401


# --- JWT


def claims_of(token):
    return unb64(token.split(".")[1])


def test_forged_tokens(stack, jwt):
    claims = claims_of(jwt["access"])
    header, body, signature = jwt["access"].split(".")
    key = stack.admin.env["SECRET_KEY"].encode()
    other = hashlib.sha256(key).digest()
    hs256 = {"alg": "HS256", "typ": "JWT"}
    forged = {
        "alg none": forge({"alg": "none", "typ": "JWT"}, claims),
        "alg None": forge({"alg": "None"}, claims, b""),
        "alg none, old signature": f"{b64({'alg': 'none'})}.{body}.{signature}",
        "no signature": f"{header}.{body}.",
        "empty key": forge(hs256, claims, b""),
        "wrong key": forge(hs256, claims, os.urandom(32)),
        "the SECRET_KEY itself": forge(hs256, claims, key),
        "its hash": forge(hs256, claims, other),
        "key as kid": forge({**hs256, "kid": "../../../../dev/null"}, claims, b""),
        "kid with SQL": forge({**hs256, "kid": "x' UNION SELECT 'k"}, claims, b"k"),
        "own jwk": forge({**hs256, "jwk": {"kty": "oct", "k": b64(b"k")}}, claims, b"k"),
        "jku": forge({**hs256, "jku": "https://evil.example/keys"}, claims, b"k"),
        "crit": forge({**hs256, "crit": ["exp"]}, claims, key),
        "alg HS384": forge({"alg": "HS384"}, claims, key),
        "alg RS256": forge({"alg": "RS256"}, claims, key),
        "other user, old signature": f"{header}.{b64({**claims, 'user_id': 1})}.{signature}",
        "later version, old signature": f"{header}.{b64({**claims, 'ver': claims['ver'] + 1})}.{signature}",
        "longer life, old signature": f"{header}.{b64({**claims, 'exp': 9999999999})}.{signature}",
        "signature cut": jwt["access"][:-1],
        "signature changed": jwt["access"][:-4] + ("AAAA" if jwt["access"][-4:] != "AAAA" else "BBBB"),
        "padding": jwt["access"] + "=",
        "one more part": jwt["access"] + ".x",
        "not base64": "\xff.\xfe.\xfd",
        "huge": "x" * 5000 + jwt["access"],
        "nothing": "..",
    }
    for name, token in forged.items():
        answer = call(stack, ACCOUNT, token.encode("latin-1").decode("latin-1"))
        assert (answer.status_code, answer.json().get("code")) == (401, "token_not_valid"), name
        for path in ("verify/", "refresh/"):
            field = "token" if path == "verify/" else "refresh"
            answer = requests.post(stack.admin.url + TOKEN + path, json={field: token}, timeout=30)
            assert answer.status_code == 401, (name, path)
    assert call(stack, ACCOUNT, jwt["access"]).status_code == 200


def test_tokens_in_the_wrong_place(stack, jwt):
    refresh = call(stack, ACCOUNT, jwt["refresh"])
    assert refresh.status_code == 401 and refresh.json()["messages"][0]["message"] == "Token has wrong type"
    for path in (ACCOUNT + "?token=", ACCOUNT + "?access="):
        assert call(stack, path + jwt["access"]).status_code == 401
    cookie = requests.get(stack.admin.url + ACCOUNT, cookies={"lc_session": jwt["access"]}, timeout=30)
    assert cookie.status_code == 401


@pytest.mark.parametrize("value, code", [
    ("Bearer", "bad_authorization_header"), ("Bearer a b", "bad_authorization_header"),
    ("Bearer  ", "bad_authorization_header"), ("bearer x.y.z", None), ("Token x", None), ("Basic dmljdGltOng=", None),
    ("Bearer lcp_", "token_not_valid"), ("Bearer lcp_" + "A" * 43, "token_not_valid"),
    ("Bearer lcp_' OR '1'='1", "bad_authorization_header"), ("Bearer " + "A" * 7000, "token_not_valid"),
    ("Bearer %00", "token_not_valid"), (" ", None)])
def test_malformed_bearers(stack, value, code):
    answer = exchange(stack.admin.port, f"GET {ACCOUNT} HTTP/1.1\r\nHost: x\r\nAuthorization: {value}\r\n\r\n", "GET")
    assert answer.status == 401 and answer.json().get("code") == code


@pytest.mark.parametrize("cookie", [
    "lc_session", "lc_session=", "lc_session=;lc_session=", "=x", ";;;;", "lc_session=" + "A" * 43,
    "lc_session=" + "A" * 6000, "lc_session='; DROP TABLE sessions; --", "lc_session=\xff\xfe",
    "lc_session=%2e%2e", "$Version=1; lc_session=x", "; ".join(f"c{i}=x" for i in range(300))])
def test_malformed_cookies(stack, cookie):
    raw = f"GET {ACCOUNT} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode("latin-1")
    answer = exchange(stack.admin.port, raw, "GET")
    assert answer.status in (401, 400, 431), answer
    assert stack.get("/api/v1/tickets/?limit=1").status_code == 200


def test_oversized_heads(stack):
    """They are refused or cut, and the service goes on."""
    for head in (f"Authorization: Bearer {'A' * 100_000}", f"Cookie: lc_session={'A' * 100_000}",
                 "\r\n".join(f"X-{i}: y" for i in range(3000)), f"X-Forwarded-For: {'1.2.3.4, ' * 9000}"):
        try:
            answer = exchange(stack.admin.port, f"GET {ACCOUNT} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n", "GET")
        except OSError:
            answer = None
        assert answer is None or answer.status in (400, 401, 413, 431)
    assert stack.get("/api/v1/tickets/?limit=1").status_code == 200


# --- sessions and other sites


def test_session_fixation(stack, intruder):
    """A token known before the login is worth nothing after it, nor is one of the attacker's own."""
    attacker = intruder.panel()
    planted = attacker.cookies["lc_session"]
    browser = Panel(stack.admin)
    browser.cookies.set("lc_session", planted, domain="127.0.0.1")
    assert browser.login("intruder", intruder.password, intruder.code()).status_code == 200
    assert browser.cookies["lc_session"] != planted and attacker.get(SESSION).status_code == 401


@pytest.mark.parametrize("method, path, body", [
    ("POST", "/api/v1/tickets/", {"number": 1, "platform": "android"}), ("POST", USERS, {"username": "x"}),
    ("PATCH", USERS + "intruder/", {"is_superuser": True}), ("DELETE", USERS + "intruder/", None),
    ("POST", ACCOUNT + "password/", {}), ("DELETE", ACCOUNT + "totp/", {}), ("POST", ACCOUNT + "access-tokens/", {}),
    ("DELETE", ACCOUNT + "sessions/", None), ("DELETE", SESSION, None)])
def test_other_sites_change_nothing(victim, method, path, body):
    panel = victim_panel(victim)
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"X-CSRFToken": None},
                    {"Origin": panel.service.url + ".evil.example"}, {"Origin": panel.service.url + "@evil.example"},
                    {"Origin": "http://127.0.0.1"}, {"Origin": None, "Referer": "https://evil.example/?" +
                                                     panel.service.url}):
        answer = panel.request(method, path, json=body, headers=headers)
        assert answer.status_code == 403 and answer.json()["detail"].startswith("CSRF Failed"), headers
    assert panel.get(SESSION).status_code == 200


_panels = {}


def victim_panel(victim):
    """One session for all of these: logins are by ten backup codes."""
    if victim not in _panels:
        _panels[victim] = victim.panel()
    return _panels[victim]


def test_no_cross_origin_reading(stack):
    """No answer lets a script of another origin read it, and preflights grant nothing."""
    for method in ("GET", "OPTIONS"):
        answer = call(stack, "/api/v1/tickets/", None, method, headers={
            "Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE"})
        assert not [h for h in answer.headers if h.lower().startswith("access-control-")]


# --- Host


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example",
                                  "user@127.0.0.1", "127.0.0.1/x", "a,b", "<script>", "x" * 300, "127.0.0.1 evil.example"])
def test_foreign_hosts(stack, host):
    answer = exchange(stack.admin.port, f"GET /api/v1/check/health/ HTTP/1.1\r\nHost: {host}\r\n\r\n", "GET")
    assert answer.status == 400 and b"evil" not in answer.body


def test_absolute_addresses_are_not_hosts(stack, jwt):
    """X-Forwarded-Host and the like are nobody's business; only PUBLIC_URL or a name nobody else can claim is shown."""
    ticket = stack.make_ticket(number=804)
    kind, body = multipart("a.log", b"x")
    requests.post(stack.gateway.url + "/api/v1/archives/", data=body, timeout=30,
                  headers={"Content-Type": kind, "Upload-Token": ticket["token"]})
    stack.wait_archives(ticket, 1)
    answer = call(stack, "/api/v1/archives/?ticket=804&limit=1", jwt["access"], headers={
        "X-Forwarded-Host": "evil.example", "X-Host": "evil.example", "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example", "X-Original-URL": "/x", "X-Rewrite-URL": "/x"})
    assert answer.status_code == 200 and "evil" not in answer.text and "https" not in answer.text
    assert "Strict-Transport-Security" not in answer.headers


# --- privileges


def test_mass_assignment(stack, intruder):
    panel = intruder.panel()
    before = panel.get(ACCOUNT).json()
    for body in ({"is_superuser": True}, {"is_staff": True, "is_active": True, "username": "victim"},
                 {"id": 1, "user_id": 1, "password": "x", "auth_version": 0, "totp_secret": None}):
        assert panel.patch(ACCOUNT, json=body).status_code == 200
    assert panel.get(ACCOUNT).json() == before
    ticket = panel.post("/api/v1/tickets/", json={"number": 805, "platform": "android", "user": "victim", "user_id": 1,
                                                  "id": 5, "token": str(uuid.uuid4()), "rev": 99})
    assert ticket.status_code == 201 and ticket.json()["user"] == "intruder"
    stack.admin.secrets.add(ticket.json()["token"])


def test_privilege_escalation(stack, intruder, victim):
    panel = intruder.panel()
    row = victim_panel(victim).get(ACCOUNT + "sessions/").json()[0]
    for method, path in (("GET", USERS), ("PATCH", USERS + "intruder/"), ("PATCH", USERS + "victim/"),
                         ("PUT", USERS + "victim/"), ("POST", USERS), ("DELETE", USERS + "victim/"),
                         ("POST", USERS + "victim/reset-2fa/"), ("GET", AUDIT), ("GET", USERS + "%76ictim/")):
        answer = panel.request(method, path, json={"is_superuser": True, "password": "New-passphrase-for-you"})
        assert answer.status_code == 403, (method, path)
    assert panel.delete(f"{ACCOUNT}sessions/{row['id']}/").status_code == 404
    assert panel.get(ACCOUNT, headers={"X-HTTP-Method-Override": "DELETE", "X-User": "victim"}).json()[
        "username"] == "intruder"
    assert victim_panel(victim).get(USERS + "intruder/").json()["is_superuser"] is False


def test_access_tokens_stay_in_their_scope(stack, intruder):
    panel = intruder.panel()
    made = panel.post(ACCOUNT + "access-tokens/", json={"name": "x", "scopes": ["read"], "user_id": 1, "user": "victim",
                                                        "hash": "0" * 64}).json()
    token = made["token"]
    stack.admin.secrets.add(token)
    assert call(stack, "/api/v1/tickets/?limit=1", token).status_code == 200
    assert call(stack, "/api/v1/tickets/", token, "POST", json={}).status_code == 403
    assert call(stack, "/archives/download/801/secret.log", token).status_code == 403
    assert call(stack, ACCOUNT + "access-tokens/", token, "POST", json={"name": "y", "scopes": ["download"]}
                ).status_code == 403
    refresh = requests.post(stack.admin.url + TOKEN + "refresh/", json={"refresh": token}, timeout=30)
    assert refresh.status_code == 401


def test_a_disabled_user_is_out_at_once(stack, victim):
    user = Account(stack.admin, "leaver")
    panel, token = user.panel(), user.bearer()["access"]
    url = f"{stack.admin.url}/archives/download/801/secret.log"
    running = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert running.status_code == 200
    assert victim_panel(victim).patch(USERS + "leaver/", json={"is_active": False}).status_code == 200
    assert panel.get(SESSION).status_code == 401 and call(stack, ACCOUNT, token).status_code == 401
    assert call(stack, "/archives/download/801/secret.log", token).status_code == 401


# --- what is left behind


def test_it_was_counted_and_audited(stack, victim):
    panel = victim_panel(victim)
    assert panel.get(AUDIT, params={"action": "login", "outcome": "throttled"}).json()
    assert panel.get(AUDIT, params={"action": "token", "outcome": "denied"}).json()
    denied = panel.get(AUDIT, params={"actor": "intruder", "outcome": "denied"}).json()
    assert {e["object"] for e in denied} >= {"GET /api/v1/users/", "POST /api/v1/users/{}/reset-2fa/"}


def everything_written(stack):
    """name → text of all logs, what Redis holds, the database, and every file of DATA_DIR but customers' archives."""
    yield "admin-api.log", stack.admin.process.output()
    yield "upload-gw.log", stack.gateway.process.output()
    for key, kind, value in stack.redis.contents():
        yield f"redis {kind}", f"{key} {value}"
    for directory, _, names in os.walk(stack.data_dir):
        for name in names:
            if name == "data" and "archives" in directory:
                continue
            with open(os.path.join(directory, name), "rb") as f:
                yield os.path.join(directory, name), f.read().decode("latin-1")
    if stack.admin.env["DB_URL"].startswith(("psql", "postgres")):
        url = stack.admin.env["DB_URL"].replace("psql://", "postgresql://", 1)
        dump = subprocess.run(["pg_dump", url], capture_output=True, text=True, timeout=60, check=True)
        yield "pg_dump", dump.stdout


def test_no_secret_was_written(stack):
    """Logs at debug, Redis, the database and the spool: none of it holds a password, token, code or key."""
    secrets = {s for s in stack.admin.secrets | stack.gateway.secrets if len(s) >= 10}
    assert len(secrets) > 40
    for name, text in everything_written(stack):
        lower = text.lower()
        for secret in secrets:
            assert secret.lower() not in lower, f"{name} holds a secret"


@pytest.mark.parametrize("head", [
    "Transfer-Encoding: CHUNKED\r\nContent-Length: 4", "Content-Length: 4\r\nTransfer-Encoding: chunked", "Content-Length: 4\r\nContent-Length: 4",
    "Content-Length: +4", "Content-Length: 4\r\nX: a\n", "Content-Length: 4\r\nX: a\r\n b", "Host: y\r\nContent-Length: 4"])
def test_no_second_request_behind_a_head_of_two_readings(stack, head):
    hidden = f"GET {USERS} HTTP/1.1\r\nHost: x\r\n\r\n"
    with Raw(stack.admin.port) as raw:
        raw.send(f"POST {TOKEN} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n0\r\n\r\n{hidden}{hidden}")
        answer = raw.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert raw.closed()


def test_nothing_is_read_behind_chunks(stack):
    """Where chunks end is read in more than one way; a head that says so properly is served, as the last one."""
    with Raw(stack.admin.port) as raw:
        raw.send(f"POST {TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                 f"2;a\n{{}}\r\n0\r\n\r\nGET {USERS} HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = raw.answer()
        assert answer.headers["connection"] == "close"
        assert "username" in answer.json()
        assert raw.closed()
