"""Users as superusers manage them, personal access tokens, and that nothing outlives the account it was given to."""

import time
from datetime import datetime, timedelta, timezone

import pytest
import requests

from lc.panel import ACCOUNT, SESSION, Account, Panel
from lc.wait import until

USERS, TOKENS = "/api/v1/users/", ACCOUNT + "access-tokens/"
FIELDS = {"id", "username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "has_totp",
          "time_create", "last_login"}


@pytest.fixture(scope="module")
def chief(admin):
    return Account(admin, "chief", superuser=True)


@pytest.fixture(scope="module")
def panel(chief):
    return chief.panel()


@pytest.fixture(name="user")
def fixture_user(admin):
    return Account(admin, f"user{time.monotonic_ns()}")


def bearer(admin, token, path, method="GET", **kw):
    return requests.request(method, admin.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=10,
                            allow_redirects=False, **kw)


def make_token(panel, admin, **fields):
    answer = panel.post(TOKENS, json={"name": "script", **fields})
    assert answer.status_code == 201, answer.text
    admin.secrets.add(answer.json()["token"])
    return answer.json()


# --- users


def test_life_of_a_user(panel, admin):
    password = "Some-fine-passphrase-1"
    admin.secrets.add(password)
    made = panel.post(USERS, json={"username": "ann", "password": password, "email": "ann@example.com",
                                   "first_name": "Ann"})
    assert made.status_code == 201 and set(made.json()) == FIELDS
    row = made.json()
    assert row["is_active"] and row["is_staff"] and not row["is_superuser"] and not row["has_totp"]
    assert row["last_login"] is None
    assert panel.get(USERS + "ann/").json() == row
    assert Panel(admin).login("ann", password).status_code == 200
    changed = panel.patch(USERS + "ann/", json={"last_name": "Berg", "is_superuser": True})
    assert changed.status_code == 200 and changed.json()["last_name"] == "Berg" and changed.json()["is_superuser"]
    put = panel.put(USERS + "ann/", json={"username": "anna", "is_superuser": False})
    assert put.status_code == 200 and put.json()["username"] == "anna" and not put.json()["is_superuser"]
    assert panel.get(USERS + "ann/").status_code == 404
    assert Panel(admin).login("anna", password).status_code == 200, "a new name logs nobody out"
    assert panel.delete(USERS + "anna/").status_code == 204
    assert panel.get(USERS + "anna/").status_code == 404


def test_lists(panel):
    for name in ("zoe", "yan"):
        panel.post(USERS, json={"username": name, "password": "Some-fine-passphrase-2", "first_name": "Find-" + name})
    panel.patch(USERS + "yan/", json={"is_active": False})
    names = lambda query: [row["username"] for row in panel.get(USERS, params=query).json()]
    assert {"chief", "zoe", "yan"} <= set(names({}))
    assert names({"search": "find-"}) == [] and names({"search": "Find-zoe"}) == ["zoe"]
    assert "yan" in names({"is_active": "false"}) and "zoe" not in names({"is_active": "false"})
    page = panel.get(USERS, params={"limit": 1, "ordering": "-username"}).json()
    assert page["count"] >= 3 and page["results"][0]["username"] == "zoe" and "limit=1" in page["next"]


@pytest.mark.parametrize("fields, wrong", [
    ({}, {"username": "This field is required.", "password": "This field is required."}),
    ({"username": "has space", "password": "Some-fine-passphrase-3"}, {"username": "Enter a valid username."}),
    ({"username": "chief", "password": "Some-fine-passphrase-3"},
     {"username": "user with this username already exists."}),
    ({"username": "x" * 151, "password": 5}, {"username": "Ensure this field has no more than 150 characters.",
                                              "password": "Not a valid string."}),
    ({"username": "bob", "password": "short", "email": "bob"},
     {"password": "This password is too short.", "email": "Enter a valid email address."}),
    ({"username": "bob", "password": "short"}, {"password": "This password is too short."}),
    ({"username": "bob", "password": "password123!"}, {"password": "This password is too common."}),
    ({"username": "bob", "password": "9081726354"}, {"password": "This password is entirely numeric."}),
    ({"username": "bobby.tables", "password": "bobbytables1"}, {"password": "This password is too similar"}),
    ({"username": "bob", "email": "robert.hansen@example.com", "password": "RobertHansen1"},
     {"password": "This password is too similar"}),
])
def test_bad_users(panel, fields, wrong):
    answer = panel.post(USERS, json=fields)
    assert answer.status_code == 400 and set(answer.json()) == set(wrong), answer.text
    for field, message in wrong.items():
        assert answer.json()[field][0].startswith(message)


def test_nobody_locks_themselves_out(panel):
    for body, field in (({"is_active": False}, "is_active"), ({"is_superuser": False}, "is_superuser"),
                        ({"password": "Some-fine-passphrase-4"}, "password")):
        answer = panel.patch(USERS + "chief/", json=body)
        assert answer.status_code == 400 and list(answer.json()) == [field]
    assert panel.delete(USERS + "chief/").status_code == 400
    assert panel.post(USERS + "chief/reset-2fa/").status_code == 400
    assert panel.get(SESSION).status_code == 200


def everything_of(user, admin):
    """What was given out to a user, each with a call that tells whether it still works."""
    browser, jwt = user.panel(), user.bearer()
    token = make_token(browser, admin, scopes=["read"])["token"]
    return {
        "session": lambda: browser.get(SESSION).status_code,
        "access": lambda: bearer(admin, jwt["access"], "/api/v1/tickets/").status_code,
        "refresh": lambda: requests.post(admin.url + "/api/v1/auth/token/refresh/",
                                         json={"refresh": jwt["refresh"]}, timeout=10).status_code,
        "token": lambda: bearer(admin, token, "/api/v1/tickets/").status_code,
    }


@pytest.mark.parametrize("change", ["disable", "password", "delete", "reset"])
def test_it_ends_at_once(panel, user, admin, change):
    alive = everything_of(user, admin)
    assert {name: call() for name, call in alive.items()} == dict.fromkeys(alive, 200)
    number = int(time.monotonic_ns() % 10**12)
    login = user.bearer()["access"]
    bearer(admin, login, "/api/v1/platforms/", "POST", json={"name": "android", "pretty_name": "Android"})
    made = bearer(admin, login, "/api/v1/tickets/", "POST", json={"number": number, "platform": "android"})
    assert made.status_code == 201
    admin.secrets.add(made.json()["token"])
    url = f"{USERS}{user.name}/"
    answer = {"disable": lambda: panel.patch(url, json={"is_active": False}),
              "password": lambda: panel.patch(url, json={"password": "Some-fine-passphrase-5"}),
              "delete": lambda: panel.delete(url),
              "reset": lambda: panel.post(url + "reset-2fa/")}[change]()
    assert answer.status_code in (200, 204), answer.text
    assert {name: call() for name, call in alive.items()} == dict.fromkeys(alive, 401)
    ticket = panel.get(f"/api/v1/tickets/{number}/")
    assert ticket.status_code == 200, "tickets stay"
    assert ticket.json()["user"] == (None if change == "delete" else user.name)
    if change == "disable":
        assert Panel(admin).login(user.name, user.password, user.code()).status_code == 401
        assert panel.patch(url, json={"is_active": True}).status_code == 200
        assert {name: call() for name, call in alive.items()} == dict.fromkeys(alive, 401), "it does not come back"
    if change == "reset":
        again = Panel(admin).login(user.name, user.password)
        assert again.status_code == 200 and not again.json()["passed_2fa"]


@pytest.mark.parametrize("commands", [["disable", "enable"], ["passwd"], ["reset-2fa"]], ids=lambda c: c[0])
def test_command_line_ends_it_too(user, admin, commands):
    alive = everything_of(user, admin)
    admin.secrets.add("Some-fine-passphrase-6")
    for command in commands:
        options = ["--password-stdin"] * (command == "passwd")
        done = admin.run("user", command, user.name, *options, input="Some-fine-passphrase-6\n")
        assert done.returncode == 0, done.stderr
        assert {name: call() for name, call in alive.items()} == dict.fromkeys(alive, 401), command


# --- personal access tokens


def test_tokens(user, admin):
    panel = user.panel()
    ends = (datetime.now(timezone.utc) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    made = make_token(panel, admin, scopes=["read", "download"], expires_at=ends)
    assert made["token"].startswith("lcp_") and made["expires_at"] == ends and made["last_used"] is None
    assert made["scopes"] == ["read", "download"]
    assert bearer(admin, made["token"], "/api/v1/tickets/").status_code == 200
    listed = panel.get(TOKENS).json()
    assert len(listed) == 1 and "token" not in listed[0] and listed[0]["last_used"] is not None
    assert made["token"] not in panel.get(TOKENS).text
    assert panel.delete(f"{TOKENS}{made['id']}/").status_code == 204
    gone = bearer(admin, made["token"], "/api/v1/tickets/")
    assert gone.status_code == 401 and gone.json()["code"] == "token_not_valid"
    assert panel.get(TOKENS).json() == []


def test_scopes(user, admin):
    panel = user.panel()
    tokens = {scope: make_token(panel, admin, scopes=[scope])["token"] for scope in ("read", "tickets", "download")}
    platform = {"name": f"p{time.monotonic_ns() % 10**9}", "pretty_name": "P"}
    calls = {
        "look": lambda t: bearer(admin, t, "/api/v1/tickets/"),
        "change": lambda t: bearer(admin, t, "/api/v1/platforms/", "POST", json=platform),
        "download": lambda t: bearer(admin, t, "/archives/download/1/none"),
    }
    outcome = {scope: {name: call(token).status_code for name, call in calls.items()}
               for scope, token in tokens.items()}
    assert outcome == {"read": {"look": 200, "change": 403, "download": 403},
                       "tickets": {"look": 200, "change": 201, "download": 403},
                       "download": {"look": 403, "change": 403, "download": 404}}


def test_a_token_never_manages_accounts(chief, admin):
    """Not even a superuser's with every scope."""
    token = make_token(chief.panel(), admin, scopes=["read", "tickets", "download"])["token"]
    for method, path in (("GET", ACCOUNT), ("PATCH", ACCOUNT), ("GET", TOKENS), ("POST", TOKENS), ("GET", USERS),
                         ("POST", ACCOUNT + "password/"), ("GET", "/api/v1/audit/"), ("GET", SESSION),
                         ("POST", ACCOUNT + "totp/"), ("GET", ACCOUNT + "sessions/"), ("DELETE", USERS + "chief/")):
        answer = bearer(admin, token, path, method, json={})
        assert (answer.status_code, answer.json().get("code")) == (403, "scope_required"), (method, path)


@pytest.mark.parametrize("fields, wrong", [
    ({"scopes": ["read"]}, {"name"}),
    ({"name": "x"}, {"scopes"}),
    ({"name": "x", "scopes": []}, {"scopes"}),
    ({"name": "x", "scopes": "read"}, {"scopes"}),
    ({"name": "x", "scopes": ["read", "admin"]}, {"scopes"}),
    ({"name": "x", "scopes": ["read", 1]}, {"scopes"}),
    ({"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, {"expires_at"}),
])
def test_bad_tokens(panel, fields, wrong):
    answer = panel.post(TOKENS, json=fields)
    assert answer.status_code == 400 and set(answer.json()) == wrong, answer.text


def test_expired_token(user, admin):
    panel = user.panel()
    ends = (datetime.now(timezone.utc) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    token = make_token(panel, admin, scopes=["read"], expires_at=ends)["token"]
    assert bearer(admin, token, "/api/v1/tickets/").status_code == 200
    until(lambda: bearer(admin, token, "/api/v1/tickets/").status_code == 401, what="the token to expire")


def test_tokens_need_the_second_factor(admin):
    plain = Account(admin, "no-factor", totp=False)
    answer = plain.panel().post(TOKENS, json={"name": "x", "scopes": ["download"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")


def test_nobody_elses_tokens(user, panel, admin):
    token = make_token(user.panel(), admin, scopes=["read"])
    assert panel.delete(f"{TOKENS}{token['id']}/").status_code == 404
    assert bearer(admin, token["token"], "/api/v1/tickets/").status_code == 200


# --- who may


def test_only_superusers_with_second_factor(user, admin):
    plain = Account(admin, "plain-chief", superuser=True, totp=False)
    for who, code in ((user.panel(), None), (plain.panel(), "second_factor_required")):
        for method, path in (("GET", USERS), ("POST", USERS), ("GET", USERS + "chief/"), ("PATCH", USERS + "chief/"),
                             ("PUT", USERS + "chief/"), ("DELETE", USERS + "chief/"),
                             ("POST", USERS + "chief/reset-2fa/"), ("GET", "/api/v1/audit/")):
            answer = who.request(method, path, json={"is_superuser": True})
            assert (answer.status_code, answer.json().get("code")) == (403, code), (method, path)
    for path in (USERS, USERS + "chief/", "/api/v1/audit/"):
        assert requests.get(admin.url + path, timeout=10).status_code == 401
        assert requests.head(admin.url + path, timeout=10).status_code == 401
