"""Sessions, CSRF, one's own account, the second factor: what the panel rests on."""

import re
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from lc.panel import ACCOUNT, SESSION, Account, Panel
from lc.totp import STEP, code_at

MISSING = {"detail": "Authentication credentials were not provided."}
NEEDS_2FA = "second_factor_required"


@pytest.fixture(scope="module")
def chief(admin):
    return Account(admin, "chief", superuser=True)


@pytest.fixture(name="plain")
def fixture_plain(admin):
    """A new user without second factor."""
    return Account(admin, f"plain{time.monotonic_ns()}", totp=False)


@pytest.fixture(name="user")
def fixture_user(admin):
    """A new user with one."""
    return Account(admin, f"user{time.monotonic_ns()}")


def flags(answer, name):
    """The attributes of the cookie that the answer sets."""
    for value in answer.raw.headers.getlist("Set-Cookie"):
        if value.startswith(name + "="):
            return {part.strip().lower() for part in value.split(";")[1:]}
    raise AssertionError(f"no cookie {name} in {answer.headers}")


# --- sessions


def test_nobody(admin):
    """Without a session: 401, and a CSRF cookie for the login page."""
    panel = Panel(admin)
    answer = panel.get(SESSION)
    assert (answer.status_code, answer.json()) == (401, MISSING)
    assert "csrftoken" in panel.cookies and "lc_session" not in panel.cookies


def test_login_and_logout(chief, admin):
    panel = Panel(admin)
    answer = panel.login("chief", chief.password, chief.phone.fresh())
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    assert {"httponly", "samesite=lax", "path=/"} <= flags(answer, "lc_session")
    assert "secure" not in flags(answer, "lc_session") and "httponly" not in flags(answer, "csrftoken")
    body = answer.json()
    assert body["passed_2fa"] and not body["enrolment_required"] and body["user"]["username"] == "chief"
    assert body["csrf_token"] == panel.cookies["csrftoken"]
    assert set(body["user"]) == {"id", "username", "email", "first_name", "last_name", "is_staff", "is_superuser",
                                 "has_totp", "passed_2fa", "backup_codes_left", "time_create", "last_login"}
    assert panel.get(SESSION).json() == body
    token = panel.cookies["lc_session"]
    assert panel.delete(SESSION).status_code == 204
    assert "lc_session" not in panel.cookies
    stale = requests.get(admin.url + SESSION, cookies={"lc_session": token}, timeout=10)
    assert (stale.status_code, stale.json()) == (401, MISSING)


def test_refused_logins(user, admin):
    """The words of auth/token/, and no cookie."""
    panel = Panel(admin)
    wrong = panel.login(user.name, "wrong-password-here", user.phone.now())
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "No active account found with the given credentials")
    asked = panel.login(user.name, user.password)
    assert (asked.status_code, asked.json()) == (401, {"detail": "One-time password required",
                                                       "code": "otp_required"})
    code = panel.login(user.name, user.password, "000000")
    assert (code.status_code, code.json()["code"]) == (401, "otp_wrong")
    assert panel.post(SESSION, json={}).json() == {"username": ["This field is required."],
                                                   "password": ["This field is required."]}
    assert "lc_session" not in panel.cookies


def test_login_rotates_the_token(user, admin):
    """Session fixation: a token that the browser came with is not the one it leaves with, and ends."""
    panel = user.panel()
    former = panel.cookies["lc_session"]
    assert panel.login(user.name, user.password, user.code()).status_code == 200
    assert panel.cookies["lc_session"] != former
    assert requests.get(admin.url + SESSION, cookies={"lc_session": former}, timeout=10).status_code == 401
    planted = "A" * 43
    panel = Panel(admin)
    panel.cookies.set("lc_session", planted, domain="127.0.0.1")
    assert panel.login(user.name, user.password, user.code()).status_code == 200
    assert panel.cookies["lc_session"] != planted


def test_own_sessions(user):
    here, there, third = user.panel(), user.panel(agent="Other/1"), user.panel(agent="Third\u00fc/1".encode())
    rows = here.get(ACCOUNT + "sessions/").json()
    assert [sorted(row) for row in rows] == [["address", "current", "id", "last_seen", "time_create", "user_agent"]] * 3
    assert [row["current"] for row in rows].count(True) == 1
    assert {row["user_agent"] for row in rows} == {"Mozilla/5.0 (panel)", "Other/1", "Third??/1"}
    other = next(row for row in rows if row["user_agent"] == "Other/1")
    assert here.delete(f"{ACCOUNT}sessions/{other['id']}/").status_code == 204
    assert there.get(SESSION).status_code == 401 and third.get(SESSION).status_code == 200
    assert here.delete(f"{ACCOUNT}sessions/{other['id']}/").status_code == 404
    assert here.delete(ACCOUNT + "sessions/").status_code == 204
    assert third.get(SESSION).status_code == 401 and here.get(SESSION).status_code == 200
    assert len(here.get(ACCOUNT + "sessions/").json()) == 1


def test_nobody_elses_sessions(user, plain):
    mine, theirs = user.panel(), plain.panel()
    row = mine.get(ACCOUNT + "sessions/").json()[0]
    assert theirs.delete(f"{ACCOUNT}sessions/{row['id']}/").status_code == 404
    assert mine.get(SESSION).status_code == 200


def test_many_sessions(plain):
    """The one unused for longest makes room."""
    first = plain.panel()
    with ThreadPoolExecutor(4) as pool:
        last = list(pool.map(lambda _: plain.panel(), range(50)))[-1]
    assert first.get(SESSION).status_code == 401
    assert len(last.get(ACCOUNT + "sessions/").json()) == 50


# --- CSRF


@pytest.mark.parametrize("headers, message", [
    ({"Origin": "https://evil.example"}, "Origin checking failed - https://evil.example does not match any trusted "),
    ({"Origin": "null"}, "Origin checking failed - null does not match any trusted origins."),
    ({"Origin": None, "Referer": "https://evil.example/page"}, "Origin checking failed - https://evil.example does "),
    ({"Origin": None, "Sec-Fetch-Site": "cross-site"}, "Origin checking failed - another site does not match"),
    ({"X-CSRFToken": None}, "CSRF token missing."),
    ({"X-CSRFToken": "A" * 43}, "CSRF token missing."),
    ({"X-CSRFToken": ""}, "CSRF token missing."),
])
def test_other_pages_are_refused(plain, headers, message):
    panel = plain.panel()
    answer = panel.patch(ACCOUNT, json={"first_name": "Mallory"}, headers=headers)
    assert answer.status_code == 403 and answer.json()["detail"].startswith("CSRF Failed: " + message)
    assert panel.get(ACCOUNT).json()["first_name"] == ""


def test_the_cookie_is_needed_and_must_be_the_sessions(plain, user):
    panel, other = plain.panel(), user.panel()
    token = panel.cookies["csrftoken"]
    del panel.cookies["csrftoken"]
    answer = panel.patch(ACCOUNT, json={}, headers={"X-CSRFToken": token})
    assert (answer.status_code, answer.json()) == (403, {"detail": "CSRF Failed: CSRF cookie not set."})
    planted = other.cookies["csrftoken"]  # another user's, put into both places
    panel.cookies.set("csrftoken", planted, domain="127.0.0.1")
    answer = panel.patch(ACCOUNT, json={}, headers={"X-CSRFToken": planted})
    assert answer.status_code == 403


def test_pages_of_ours(plain, admin):
    panel = plain.panel()
    for headers in ({}, {"Origin": None}, {"Origin": None, "Referer": admin.url + "/account/show/?a=http://x"}):
        assert panel.patch(ACCOUNT, json={"first_name": "Ann"}, headers=headers).status_code == 200


def test_login_from_another_page(plain, admin):
    """It would make the victim work in the attacker's account."""
    panel = Panel(admin)
    body = {"username": plain.name, "password": plain.password}
    answer = panel.post(SESSION, json=body, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403 and "lc_session" not in panel.cookies


def test_a_bearer_needs_no_csrf(user, admin):
    """An Authorization header switches cookies off, whatever they hold."""
    panel = user.panel()
    headers = {"Authorization": "Bearer " + user.bearer()["access"], "X-CSRFToken": None, "Origin": "https://x.example"}
    assert panel.patch(ACCOUNT, json={"first_name": "Bo"}, headers=headers).status_code == 200
    assert panel.get(ACCOUNT, headers={"Authorization": "Bearer nonsense"}).status_code == 401
    assert panel.get(ACCOUNT, headers={"Authorization": "Basic eDp5"}).status_code == 401


# --- the account


def test_profile(plain):
    panel = plain.panel()
    body = {"email": "ann@example.com", "first_name": "Ann", "last_name": "Öberg"}
    answer = panel.patch(ACCOUNT, json=body)
    assert answer.status_code == 200 and answer.json().items() >= body.items()
    assert panel.get(ACCOUNT).json() == answer.json()
    for email in ("ann", "@x", "ann@", "a b@x", "a@b@c", "<ann@x>"):
        assert panel.patch(ACCOUNT, json={"email": email}).json() == {"email": ["Enter a valid email address."]}
    assert panel.patch(ACCOUNT, json={"email": ""}).status_code == 200
    assert panel.patch(ACCOUNT, json={"first_name": "x" * 151}).json() == {
        "first_name": ["Ensure this field has no more than 150 characters."]}


def test_mass_assignment(plain):
    """Rights and what the service keeps are not the owner's to write."""
    panel = plain.panel()
    before = panel.get(ACCOUNT).json()
    answer = panel.patch(ACCOUNT, json={
        "id": 1, "username": "root", "is_staff": False, "is_superuser": True, "has_totp": True, "passed_2fa": True,
        "password": "x", "auth_version": 99, "totp_secret": "x", "totp_confirmed": 1, "is_active": False,
        "backup_codes_left": 10, "last_login": None, "time_create": "2020-01-01T00:00:00Z"})
    assert answer.status_code == 200 and answer.json() == before


# --- the second factor


def test_enrolment(plain, admin):
    panel = plain.panel()
    assert panel.get(SESSION).json()["passed_2fa"] is False
    bystander = plain.panel()
    jwt = plain.bearer()["access"]
    refused = panel.post(ACCOUNT + "totp/", json={"password": "not-my-password"})
    assert (refused.status_code, refused.json()) == (400, {"password": ["This password is wrong."]})
    first = panel.post(ACCOUNT + "totp/", json={"password": plain.password}).json()
    answer = panel.post(ACCOUNT + "totp/", json={"password": plain.password})
    offer = answer.json()
    admin.secrets.update((first["secret"], offer["secret"]))
    assert answer.headers["Cache-Control"] == "no-store" and offer["secret"] != first["secret"]
    assert re.fullmatch(r"[A-Z2-7]{32}", offer["secret"])
    assert offer["otpauth_uri"].startswith("otpauth://totp/") and f"secret={offer['secret']}" in offer["otpauth_uri"]
    svg = ET.fromstring(offer["qr_svg"])
    assert svg.tag.endswith("svg") and "style" not in offer["qr_svg"] and "script" not in offer["qr_svg"]
    step = int(time.time()) // STEP
    wrong = panel.post(ACCOUNT + "totp/confirm/", json={"otp": code_at(first["secret"], step)})
    assert wrong.status_code == 400 and list(wrong.json()) == ["otp"]
    assert panel.get(ACCOUNT).json()["has_totp"] is False
    assert panel.login(plain.name, plain.password).status_code == 200  # an offer alone asks for no code
    token = panel.cookies["lc_session"]
    answer = panel.post(ACCOUNT + "totp/confirm/", json={"otp": code_at(offer["secret"], int(time.time()) // STEP)})
    codes = answer.json()["backup_codes"]
    admin.secrets.update(codes)
    assert answer.status_code == 200 and len(set(codes)) == 10
    assert panel.cookies["lc_session"] != token, "the session's token is another one after the second factor"
    assert requests.get(admin.url + SESSION, cookies={"lc_session": token}, timeout=10).status_code == 401
    now = panel.get(SESSION).json()
    assert now["passed_2fa"] and now["user"]["has_totp"] and now["user"]["backup_codes_left"] == 10
    assert bystander.get(SESSION).status_code == 401, "a session with the password alone ends"
    assert requests.get(admin.url + ACCOUNT, headers={"Authorization": f"Bearer {jwt}"}, timeout=10).status_code == 401
    again = panel.post(ACCOUNT + "totp/", json={"password": plain.password})
    assert (again.status_code, again.json()["code"]) == (409, "totp_exists")


def test_backup_codes(user, admin):
    panel = user.panel()
    answer = panel.post(ACCOUNT + "backup-codes/", json={"otp": user.phone.fresh()})
    codes = answer.json()["backup_codes"]
    admin.secrets.update(codes)
    assert answer.status_code == 200 and len(codes) == 10
    shouted = codes[0].upper().replace("-", " ")
    assert Panel(admin).login(user.name, user.password, shouted).status_code == 200
    assert Panel(admin).login(user.name, user.password, codes[0]).json()["code"] == "otp_wrong"
    assert panel.get(ACCOUNT).json()["backup_codes_left"] == 9
    renewed = panel.post(ACCOUNT + "backup-codes/", json={"otp": codes[1]}).json()["backup_codes"]
    admin.secrets.update(renewed)
    assert Panel(admin).login(user.name, user.password, codes[2]).json()["code"] == "otp_wrong"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: Panel(admin).login(user.name, user.password, renewed[0]).status_code,
                                range(5)))
    assert answers.count(200) == 1 and set(answers) <= {200, 401, 429}, "a code works once, also when five race"


def test_removing_the_second_factor(user):
    panel, other = user.panel(), user.panel()
    url = ACCOUNT + "totp/"
    assert panel.delete(url, json={"password": "not-my-password", "otp": user.phone.now()}).status_code == 400
    assert panel.delete(url, json={"password": user.password, "otp": "000000"}).json().keys() == {"otp"}
    assert panel.delete(url, json={"password": user.password}).json() == {"otp": ["This field is required."]}
    token = panel.cookies["lc_session"]
    assert panel.delete(url, json={"password": user.password, "otp": user.phone.fresh()}).status_code == 204
    assert panel.cookies["lc_session"] != token and other.get(SESSION).status_code == 401
    now = panel.get(SESSION).json()
    assert not now["passed_2fa"] and not now["user"]["has_totp"]
    assert panel.post(ACCOUNT + "backup-codes/", json={"otp": "000000"}).json()["code"] == NEEDS_2FA


def test_without_second_factor(plain):
    """REQUIRE_2FA=downloads: tickets yes, security settings and user administration no."""
    panel = plain.panel()
    assert panel.get("/api/v1/tickets/").status_code == 200
    assert panel.post("/api/v1/platforms/", json={"name": plain.name[:20], "pretty_name": "x"}).status_code == 201
    for method, path in (("POST", "password/"), ("DELETE", "totp/"), ("POST", "backup-codes/")):
        answer = panel.request(method, ACCOUNT + path, json={})
        assert (answer.status_code, answer.json()["code"]) == (403, NEEDS_2FA), path
    answer = panel.get("/archives/download/1/x")
    assert (answer.status_code, answer.json()["code"]) == (403, NEEDS_2FA)


# --- the password


def test_password_change(user, admin):
    panel, other = user.panel(), user.panel()
    jwt = user.bearer()
    url = ACCOUNT + "password/"
    new = "another-fine-Passphrase-7"
    admin.secrets.add(new)
    wrong = panel.post(url, json={"old_password": "nope", "new_password": new})
    assert (wrong.status_code, wrong.json()) == (400, {"old_password": ["This password is wrong."]})
    short = panel.post(url, json={"old_password": user.password, "new_password": "Zx9-short"})
    assert short.status_code == 400 and "too short" in short.json()["new_password"][0]
    assert panel.post(url, json={"old_password": user.password, "new_password": new}).status_code == 204
    assert panel.get(SESSION).json()["passed_2fa"], "this session stays"
    assert other.get(SESSION).status_code == 401
    bearer = {"Authorization": "Bearer " + jwt["access"]}
    assert requests.get(admin.url + ACCOUNT, headers=bearer, timeout=10).status_code == 401
    refresh = requests.post(admin.url + "/api/v1/auth/token/refresh/", json={"refresh": jwt["refresh"]}, timeout=10)
    assert refresh.status_code == 401
    assert Panel(admin).login(user.name, user.password, user.phone.now()).status_code == 401
    assert Panel(admin).login(user.name, new, user.phone.fresh()).status_code == 200
