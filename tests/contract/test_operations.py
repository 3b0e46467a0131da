"""Every operation of the published document, asked in order; what is answered is compared with it by lc.conformance.

What the suite of the API does not reach: every status that is documented wherever a request can have it."""

import base64
import hashlib
import secrets
from urllib.parse import urlsplit

import pytest
import requests

from lc.prism import METHODS
from lc.stack import User
from lc.totp import Totp
from lc.wait import until

SCHEMA = "/api/v1/schema/"
JSON = {"Accept": "application/json"}  # of what lies under /u/
BYTES = "application/octet-stream"


class Contract:
    """Requests to both services, with the status that they are to have."""

    def __init__(self, stack):
        self.stack = stack

    def send(self, method, path, status, session=None, gateway=False, **kw):
        url = (self.stack.gateway if gateway else self.stack.admin).url + path
        answer = (session or self.stack.api).request(method, url, timeout=60, allow_redirects=False, **kw)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:1500]}"
        return answer


@pytest.fixture(scope="module")
def contract(stack):
    return Contract(stack)


def test_auth(contract, stack):
    user, anonymous = stack.user, stack.anonymous
    token = "/api/v1/auth/token/"
    login = {"username": user.name, "password": user.password}
    contract.send("POST", token, 401, anonymous, json=login)  # otp_required
    contract.send("POST", token, 401, anonymous, json={**login, "password": "wrong"})
    contract.send("POST", token, 400, anonymous, json={"username": user.name})
    contract.send("POST", token, 415, anonymous, data=b"hello", headers={"Content-Type": "text/plain"})
    pair = contract.send("POST", token, 200, anonymous, json={**login, "otp": user.totp.fresh()}).json()
    stack.admin.secrets.update(pair.values())
    access = contract.send("POST", token + "refresh/", 200, anonymous, json={"refresh": pair["refresh"]}).json()
    stack.admin.secrets.update(access.values())
    contract.send("POST", token + "refresh/", 401, anonymous, json={"refresh": pair["access"]})
    contract.send("POST", token + "refresh/", 400, anonymous, json={})
    contract.send("POST", token + "refresh/", 415, anonymous, data=b"x", headers={"Content-Type": "a/b"})
    contract.send("POST", token + "verify/", 200, anonymous, json={"token": pair["refresh"]})
    contract.send("POST", token + "verify/", 401, anonymous, json={"token": "forged"})
    contract.send("POST", token + "verify/", 415, anonymous, data=b"x", headers={"Content-Type": "a/b"})


def test_sessions_and_one_s_own_account(contract, stack):
    send = contract.send
    user, base = User(stack.admin, "contract", totp=False), "/api/v1/"
    browser, stranger = requests.Session(), requests.Session()
    origin = {"Origin": stack.admin.url}
    login = {"username": user.name, "password": user.password}
    json_415 = {"data": b"x", "headers": {**origin, "Content-Type": "text/plain"}}

    def csrf():
        return {**origin, "X-CSRFToken": browser.cookies["csrftoken"]}

    send("GET", base + "auth/session/", 401, stranger)
    send("POST", base + "auth/session/", 401, requests.Session(), json={**login, "password": "wrong"}, headers=origin)
    send("POST", base + "auth/session/", 400, stranger, json={}, headers=origin)
    send("POST", base + "auth/session/", 415, stranger, **json_415)
    send("POST", base + "auth/session/", 200, browser, json=login, headers=origin)
    send("GET", base + "auth/session/", 200, browser)
    send("GET", base + "account/", 200, browser)
    tag = send("GET", base + "account/", 200, browser).headers["ETag"]
    send("GET", base + "account/", 304, browser, headers={"If-None-Match": tag})
    send("PATCH", base + "account/", 200, browser, json={"first_name": "Ada"}, headers=csrf())
    send("PATCH", base + "account/", 403, browser, json={"first_name": "Ada"}, headers=origin)
    send("PATCH", base + "account/", 412, browser, json={}, headers={**csrf(), "If-Match": '"another"'})

    offer = send("POST", base + "account/totp/", 200, browser, json={"password": user.password}, headers=csrf()).json()
    phone = Totp(offer["secret"])
    stack.admin.secrets.add(phone.secret)
    send("POST", base + "account/totp/confirm/", 400, browser, json={"otp": "000000"}, headers=csrf())
    codes = send("POST", base + "account/totp/confirm/", 200, browser, json={"otp": phone.fresh()}, headers=csrf()).json()
    send("GET", base + "auth/session/", 200, browser)  # prism joins two Set-Cookie headers: the second is lost
    send("POST", base + "account/totp/", 409, browser, json={"password": user.password}, headers=csrf())
    again = send("POST", base + "account/backup-codes/", 200, browser, json={"otp": phone.fresh()}, headers=csrf()).json()
    assert codes["backup_codes"] != again["backup_codes"]

    other = requests.Session()
    send("POST", base + "auth/session/", 200, other, headers=origin, json={**login, "otp": again["backup_codes"][0]})
    sessions = send("GET", base + "account/sessions/", 200, browser).json()
    (their,) = [s["id"] for s in sessions if not s["current"]]
    tag = send("GET", base + "account/sessions/", 200, browser).headers["ETag"]
    send("GET", base + "account/sessions/", 304, browser, headers={"If-None-Match": tag})
    where = f"{base}account/sessions/{their}/"
    send("DELETE", where, 412, browser, headers={**csrf(), "If-Match": '"another"'})
    send("DELETE", where, 204, browser, headers=csrf())
    send("DELETE", where, 404, browser, headers=csrf())
    send("DELETE", base + "account/sessions/", 204, browser, headers=csrf())
    new = secrets.token_urlsafe(18)
    stack.admin.secrets.add(new)
    send("POST", base + "account/password/", 204, browser, headers=csrf(),
         json={"old_password": user.password, "new_password": new})
    send("POST", base + "account/password/", 400, browser, headers=csrf(),
         json={"old_password": "wrong", "new_password": new})
    personal = base + "account/access-tokens/"
    made = send("POST", personal, 201, browser, headers=csrf(), json={"name": "script", "scopes": ["read"]}).json()
    stack.admin.secrets.add(made["token"])
    send("POST", personal, 400, browser, headers=csrf(), json={"name": "script", "scopes": ["everything"]})
    send("POST", personal, 415, browser, data=b"x", headers={**csrf(), "Content-Type": "text/plain"})
    tag = send("GET", personal, 200, browser).headers["ETag"]
    send("GET", personal, 304, browser, headers={"If-None-Match": tag})
    where = f"{personal}{made['id']}/"
    send("DELETE", where, 412, browser, headers={**csrf(), "If-Match": '"another"'})
    send("DELETE", where, 204, browser, headers=csrf())
    send("DELETE", where, 404, browser, headers=csrf())
    for path in ("account/password/", "account/totp/", "account/backup-codes/"):
        send("DELETE" if "totp" in path else "POST", base + path, 415, browser, data=b"x",
             headers={**csrf(), "Content-Type": "text/plain"})
    send("DELETE", base + "account/totp/", 204, browser, headers=csrf(),
         json={"password": new, "otp": again["backup_codes"][1]})
    send("GET", base + "auth/session/", 200, browser)

    for method, path in (("GET", "account/"), ("PATCH", "account/"), ("POST", "account/password/"),
                         ("POST", "account/totp/"), ("POST", "account/totp/confirm/"), ("DELETE", "account/totp/"),
                         ("POST", "account/backup-codes/"), ("GET", "account/sessions/"),
                         ("DELETE", "account/sessions/"), ("DELETE", "account/sessions/1/"),
                         ("GET", "account/access-tokens/"), ("POST", "account/access-tokens/"),
                         ("DELETE", "account/access-tokens/1/"),
                         ("DELETE", "auth/session/")):
        send(method, base + path, 401, requests.Session(), json=None if method == "GET" else {})
    for method, path in (("PATCH", "account/"), ("POST", "account/totp/"), ("POST", "account/totp/confirm/")):
        send(method, base + path, 415, browser, data=b"x",
             headers={**csrf(), "Content-Type": "text/plain"})
    send("DELETE", base + "auth/session/", 204, browser, headers=csrf())


def test_users_and_the_audit_log(contract, stack):
    body = {"username": "made.by.contract", "password": secrets.token_urlsafe(18), "email": "a@example.com"}
    stack.admin.secrets.add(body["password"])
    resource(contract, "/api/v1/users/", lambda u: f"/api/v1/users/{u.get('username', 'x')}/", body,
             {"first_name": "Ada"}, none={"username": "nobody.at.all"}, before_delete=reset_second_factor)
    path = "/api/v1/audit/"
    contract.send("GET", path, 200)
    tag = contract.send("GET", path, 200, params={"limit": 2, "action": "user.create"}).headers["ETag"]
    contract.send("GET", path, 304, params={"limit": 2, "action": "user.create"}, headers={"If-None-Match": tag})
    contract.send("GET", path, 400, params={"time_create": "yesterday"})
    contract.send("GET", path, 401, stack.anonymous)


def reset_second_factor(contract, where):
    contract.send("POST", where + "reset-2fa/", 204)
    contract.send("POST", "/api/v1/users/nobody.at.all/reset-2fa/", 404)
    contract.send("POST", where + "reset-2fa/", 401, contract.stack.anonymous)


def test_checks(contract, stack):
    ticket = stack.make_ticket()
    anonymous = stack.anonymous
    for gateway in (False, True):
        contract.send("GET", "/api/v1/check/health/", 200, anonymous, gateway=gateway)
        contract.send("GET", "/api/v1/check/token/", 303, anonymous, gateway=gateway)
        contract.send("GET", f"/api/v1/check/token/{ticket['token']}", 200, anonymous, gateway=gateway)
        contract.send("GET", "/api/v1/check/token/none", 404, anonymous, gateway=gateway)
    contract.send("GET", "/api/v1/check/site/", 200)
    contract.send("GET", "/api/v1/check/site/", 401, anonymous)
    contract.send("GET", "/api/v1/check/storage/", 200)
    contract.send("GET", "/api/v1/check/storage/", 401, anonymous)
    contract.send("GET", "/api/v1/check/storage/", 401, anonymous, headers={"Authorization": "Bearer forged"})
    contract.send("GET", "/api/v1/check/storage/", 406, headers={"Accept": "text/html"})


def resource(contract, path, item, created, changed, none=None, before_delete=None):
    """The verbs of one resource; `created` and `changed` are bodies, `item(object)` its path."""
    send, stranger = contract.send, contract.stack.anonymous
    first = send("POST", path, 201, json=created).json()
    where = item(first)
    send("GET", path, 200)
    send("GET", path, 200, params={"limit": 1, "offset": 0, "ordering": "-id"})
    send("GET", path, 400, params={"limit": "many"})
    tag = send("GET", path, 200, params={"limit": 5}).headers["ETag"]
    send("GET", path, 304, params={"limit": 5}, headers={"If-None-Match": tag})
    tag = send("GET", where, 200).headers["ETag"]
    send("GET", where, 304, headers={"If-None-Match": tag})
    send("PUT", where, 200, json=created)
    send("PATCH", where, 200, json=changed)
    send("PATCH", where, 200, files={name: (None, str(value), "text/plain") for name, value in changed.items()})
    for method, body in (("PUT", created), ("PATCH", changed)):
        send(method, where, 412, json=body, headers={"If-Match": '"another"'})
        send(method, where, 415, data=b"x", headers={"Content-Type": "text/plain"})
        send(method, where, 400, data=b"{", headers={"Content-Type": "application/json"})
    send("POST", path, 415, data=b"x", headers={"Content-Type": "text/plain"})
    send("POST", path, 400, json=created)  # taken already
    none = item(none or {**first, "number": 987654321, "name": "no-such", "id": 987654321})
    for method, body in (("GET", None), ("PUT", created), ("PATCH", changed), ("DELETE", None)):
        send(method, none, 404, json=body)
        send(method, where, 401, stranger, json=body)
    for method in ("GET", "POST"):
        send(method, path, 401, stranger, json=created if method == "POST" else None)
    if before_delete:
        before_delete(contract, where)
    send("DELETE", where, 412, headers={"If-Match": '"another"'})
    send("DELETE", where, 204)


def test_platforms(contract):
    resource(contract, "/api/v1/platforms/", lambda p: f"/api/v1/platforms/{p['name']}/",
             {"name": "contract", "pretty_name": "Contract"}, {"pretty_name": "Changed"})


def test_webhooks(contract, stack):
    stack.make_platform("android")
    path, deliveries = "/api/v1/webhooks/", "/api/v1/webhook-deliveries/"
    resource(contract, path, lambda w: f"{path}{w['id']}/",
             {"platform": "android", "url": "https://example.com/hook", "events": ["archive.received"], "enabled": False},
             {"url": "https://example.com/hook"}, before_delete=send_test)
    contract.send("GET", path, 200, params={"platform": "android", "enabled": "true"})
    contract.send("GET", deliveries, 401, stack.anonymous)
    contract.send("GET", deliveries + "987654321/", 404)
    contract.send("GET", deliveries + "1/", 401, stack.anonymous)
    contract.send("GET", deliveries, 400, params={"webhook": "x"})


def send_test(contract, where):
    """The web hook is disabled, and nobody is at its address: what is queued is not looked at further."""
    deliveries = "/api/v1/webhook-deliveries/"
    queued = contract.send("POST", where + "test/", 202).json()
    contract.send("POST", "/api/v1/webhooks/987654321/test/", 404)
    contract.send("POST", where + "test/", 401, contract.stack.anonymous)
    contract.send("GET", deliveries, 200, params={"state": "delivered", "event": "webhook.test"})
    tag = contract.send("GET", deliveries, 200, params={"state": "delivered"}).headers["ETag"]
    contract.send("GET", deliveries, 304, params={"state": "delivered"}, headers={"If-None-Match": tag})
    one = f"{deliveries}{queued['id']}/"

    def unchanged():  # the delivery may be tried in between
        answer = contract.send("GET", one, 200)
        assert answer.json()["event"] == "webhook.test"
        return contract.send("GET", one, 304, headers={"If-None-Match": answer.headers["ETag"]})

    until(unchanged, what="it to rest")


def test_tickets(contract, stack):
    stack.make_platform("android")
    resource(contract, "/api/v1/tickets/", lambda t: f"/api/v1/tickets/{t['number']}/",
             {"number": 700001, "platform": "android", "attempts": 3, "note": "", "expires_at": None, "max_bytes": None},
             {"attempts": 4})
    for query in ({"number": "1,2"}, {"resolved": "true"}, {"search": "70"}, {"note": "miller"}, {"user": "nobody"}, {"year": 2026},
                  {"month__gte": 1}, {"number__contains": 7}, {"id__in": "1,2,3"}, {"ordering": "number,-id"}):
        contract.send("GET", "/api/v1/tickets/", 200, params=query)
    contract.send("GET", "/api/v1/tickets/", 400, params={"number": "x"})


def test_ticket_tokens_and_uploads_under_way(contract, stack):
    ticket = stack.make_ticket()
    where = f"/api/v1/tickets/{ticket['number']}/"
    rotated = contract.send("POST", where + "rotate-token/", 200).json()
    stack.admin.secrets.add(rotated["token"])
    contract.send("POST", where + "rotate-token/", 412, headers={"If-Match": '"another"'})
    contract.send("POST", "/api/v1/tickets/987654321/rotate-token/", 404)
    contract.send("POST", where + "rotate-token/", 401, stack.anonymous)
    stack.wait_known(rotated)
    upload_id = start_resumable(contract, rotated)
    (shown,) = contract.send("GET", where + "uploads/", 200).json()
    assert shown["upload_id"] == upload_id
    contract.send("GET", "/api/v1/tickets/987654321/uploads/", 404)
    contract.send("GET", where + "uploads/", 401, stack.anonymous)


# --- the gateway ---

TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}


def metadata(name):
    return "filename " + base64.b64encode(name.encode()).decode()


def start_resumable(contract, ticket, length=10):
    answer = contract.send("POST", "/api/v1/uploads/", 201, contract.stack.anonymous, gateway=True, headers={
        **TUS, "Upload-Token": ticket["token"], "Upload-Length": str(length), "Upload-Metadata": metadata("tus.bin")})
    return urlsplit(answer.headers["Location"]).path.rstrip("/").rsplit("/", 1)[1]


def test_resumable_uploads(contract, stack):
    send, anonymous = contract.send, stack.anonymous
    ticket = stack.make_ticket()
    send("OPTIONS", "/api/v1/uploads/", 204, anonymous, gateway=True)
    send("POST", "/api/v1/uploads/", 401, anonymous, gateway=True,
         headers={**TUS, "Upload-Length": "3", "Upload-Metadata": metadata("a")})
    send("POST", "/api/v1/uploads/", 412, anonymous, gateway=True,
         headers={"Tus-Resumable": "0.2.2", "Upload-Length": "3", "Upload-Token": ticket["token"]})
    send("POST", "/api/v1/uploads/", 415, anonymous, gateway=True, data=b"abc",
         headers={**TUS, "Content-Type": "text/plain", "Upload-Length": "3", "Upload-Token": ticket["token"],
                  "Upload-Metadata": metadata("a")})
    where = "/api/v1/uploads/" + start_resumable(contract, ticket)
    send("PATCH", where, 204, anonymous, gateway=True, headers={**PART, "Upload-Offset": "0"}, data=b"01234")
    assert send("HEAD", where, 200, anonymous, gateway=True, headers=TUS).headers["Upload-Offset"] == "5"
    send("POST", where, 200, anonymous, gateway=True, headers={**TUS, "X-HTTP-Method-Override": "HEAD"})
    send("PATCH", where, 409, anonymous, gateway=True, headers={**PART, "Upload-Offset": "0"}, data=b"01234")
    send("PATCH", where, 415, anonymous, gateway=True, data=b"5",
         headers={**TUS, "Content-Type": "text/plain", "Upload-Offset": "5"})
    send("POST", where, 204, anonymous, gateway=True, data=b"56789",
         headers={**PART, "X-HTTP-Method-Override": "PATCH", "Upload-Offset": "5"})
    other = "/api/v1/uploads/" + start_resumable(contract, ticket)
    send("DELETE", other, 204, anonymous, gateway=True, headers=TUS)
    none = "/api/v1/uploads/" + "0" * 32
    old = {"Tus-Resumable": "0.2.2"}
    for method, headers in (("HEAD", {}), ("PATCH", {**PART, "Upload-Offset": "0"}), ("DELETE", {}),
                            ("POST", {"X-HTTP-Method-Override": "HEAD"})):
        send(method, none, 404, anonymous, gateway=True, headers={**TUS, **headers})
        send(method, none, 412, anonymous, gateway=True, headers={**headers, **old})
    send("POST", none, 415, anonymous, gateway=True, data=b"5",
         headers={**TUS, "Content-Type": "text/plain", "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"})


def upload(contract, ticket, content=b"hello", name="log.txt", **kw):
    return contract.send("POST", "/api/v1/archives/", 201, contract.stack.anonymous, gateway=True,
                         headers={"Upload-Token": ticket["token"]}, files={"file": (name, content, BYTES)}, **kw)


def test_uploads(contract, stack):
    send, anonymous = contract.send, stack.anonymous
    ticket = stack.make_ticket(attempts=6)
    token = {"Upload-Token": ticket["token"]}
    raw = {**token, "Content-Type": BYTES, "Content-Disposition": "attachment; filename=raw.bin"}
    answer = upload(contract, ticket).json()
    assert answer["sha256"] == hashlib.sha256(b"hello").hexdigest()
    path = "/api/v1/archives/"
    send("POST", path, 201, anonymous, gateway=True, headers=raw, data=b"raw bytes")
    send("POST", path, 401, anonymous, gateway=True, files={"file": ("a", b"x", BYTES)})
    send("POST", path, 403, anonymous, gateway=True, headers={"Upload-Token": "none"}, files={"file": ("a", b"x", BYTES)})
    send("POST", path, 400, anonymous, gateway=True, headers=token, files={"file": ("a", b"", BYTES)})
    send("POST", path, 400, anonymous, gateway=True, headers={**token, "Content-Type": BYTES},
         data=b"no name")
    link = f"/u/{ticket['token']}/"
    send("POST", link, 201, anonymous, gateway=True, headers=JSON, files={"file": ("by-link.txt", b"hello", BYTES)})
    send("PUT", link + "put.bin", 201, anonymous, gateway=True, data=b"bytes",
         headers={**JSON, "Content-Type": BYTES})
    receipt = send("GET", link, 200, anonymous, gateway=True, headers=JSON).json()
    assert receipt["archives"][0]["name"] == "put.bin"
    send("GET", "/u/none/", 404, anonymous, gateway=True, headers=JSON)
    small = stack.make_ticket(max_bytes=3)
    for method, where, headers in (("POST", path, {**raw, "Upload-Token": small["token"]}),
                                   ("PUT", f"/u/{small['token']}/x", {**JSON, "Content-Type": BYTES})):
        send(method, where, 413, anonymous, gateway=True, headers=headers, data=b"too large")
    done = stack.make_ticket(resolved=True)
    send("POST", path, 423, anonymous, gateway=True, headers={**raw, "Upload-Token": done["token"]}, data=b"x")
    send("PUT", f"/u/{done['token']}/x", 423, anonymous, gateway=True, data=b"x",
         headers={**JSON, "Content-Type": BYTES})
    send("POST", f"/u/{done['token']}/", 423, anonymous, gateway=True, headers=JSON, files={"file": ("a", b"x", BYTES)})


def test_archives(contract, stack):
    send, anonymous = contract.send, stack.anonymous
    ticket, other = stack.make_ticket(), stack.make_ticket()
    content = b"0123456789" * 10
    upload(contract, ticket, content)
    (archive,) = send("GET", "/api/v1/archives/", 200, params={"ticket": ticket["number"]}).json()
    where = f"/api/v1/archives/{archive['id']}/"
    tag = send("GET", where, 200).headers["ETag"]
    send("GET", where, 304, headers={"If-None-Match": tag})
    send("GET", "/api/v1/archives/", 304, headers={"If-None-Match": send("GET", "/api/v1/archives/", 200).headers["ETag"]})
    send("GET", "/api/v1/archives/", 400, params={"ticket": 987654321, "id": "x"})
    send("HEAD", "/api/v1/archives/", 200, anonymous)
    send("OPTIONS", "/api/v1/archives/", 200, anonymous)
    send("HEAD", "/api/v1/archives/", 401, anonymous, headers={"Authorization": "Bearer forged"})
    send("POST", "/api/v1/archives/", 421, anonymous, headers={"Upload-Token": ticket["token"]},
         files={"file": ("a", b"x", BYTES)})

    file = urlsplit(archive["file"]).path
    assert send("GET", file, 200).content == content
    part = send("GET", file, 206, headers={"Range": "bytes=10-19"})
    assert part.content == b"0123456789" and part.headers["Content-Range"] == "bytes 10-19/100"
    send("GET", file, 304, headers={"If-None-Match": part.headers["ETag"]})
    send("GET", file, 416, headers={"Range": "bytes=1000-"})
    send("GET", file, 302, anonymous, headers={"Accept": "text/html"})
    send("GET", file, 401, anonymous)
    send("GET", file + "x", 404)

    assert send("POST", where + "verify/", 200).json()["ok"]
    send("POST", "/api/v1/archives/987654321/verify/", 404)
    send("POST", where + "verify/", 401, anonymous)

    send("PATCH", where, 200, json={"ticket": other["number"]})
    send("PUT", where, 200, files={"ticket": (None, str(ticket["number"]), "text/plain"), "file": ("new.txt", b"new", BYTES)})
    send("PUT", where, 400, json={"ticket": ticket["number"]})
    for method in ("PUT", "PATCH"):
        send(method, where, 412, files={"ticket": (None, str(ticket["number"]), "text/plain"), "file": ("a", b"x", BYTES)},
             headers={"If-Match": '"another"'})
        send(method, where, 400, data=b"<x/>", headers={"Content-Type": "text/xml"})
        send(method, where, 200 if method == "PATCH" else 400, data=b"raw",
             headers={"Content-Type": BYTES, "Content-Disposition": "attachment; filename=raw"})
        send(method, where, 401, anonymous, json={})
        send(method, "/api/v1/archives/987654321/", 404, json={"ticket": 1, "file": "x"})
    for method in ("GET", "DELETE"):
        send(method, "/api/v1/archives/987654321/", 404)
        send(method, where, 401, anonymous)
    send("GET", "/api/v1/archives/", 401, anonymous)
    send("DELETE", where, 412, headers={"If-Match": '"another"'})
    send("DELETE", where, 204)


def test_root(contract, stack):
    found = contract.send("GET", "/api/v1/", 200, stack.anonymous).json()
    assert found == {name: f"{stack.admin.url}/api/v1/{name}/" for name in ("archives", "platforms", "tickets")}


def test_schema(contract, stack):
    tag = contract.send("GET", SCHEMA, 200, stack.anonymous, params={"format": "json"}).headers["ETag"]
    contract.send("GET", SCHEMA, 304, stack.anonymous, params={"format": "json"}, headers={"If-None-Match": tag})
    contract.send("GET", SCHEMA, 200, stack.anonymous, headers={"Accept": "application/yaml"})
    page = contract.send("GET", SCHEMA + "swagger/", 200, stack.anonymous)
    assert "swagger-ui" in page.text and "unsafe" not in page.headers["Content-Security-Policy"]


def test_what_any_operation_says(contract, conformance):
    """Nothing but JSON is there under /api/, whatever is asked for."""
    for path, item in conformance.whole.document["paths"].items():
        for method in METHODS & item.keys():
            if not path.startswith("/api/") or path.startswith(SCHEMA) or item[method]["tags"] == ["upload"]:
                continue
            where = path.replace("{", "").replace("}", "")
            contract.send(method.upper(), where, 404, params={"format": "xml"})
            contract.send(method.upper(), where, 406, headers={"Accept": "text/html"})


def test_what_is_shown_has_a_tag(contract, stack):
    ticket = stack.make_ticket()
    for path in ("", "auth/session/", "check/health/", "check/site/", "check/storage/", f"check/token/{ticket['token']}",
                 f"tickets/{ticket['number']}/uploads/", "webhooks/", "account/"):
        def unchanged(where="/api/v1/" + path):  # the space that is left may change in between
            tag = contract.send("GET", where, 200).headers["ETag"]
            return stack.get(where, headers={"If-None-Match": tag}).status_code == 304

        until(unchanged, what=f"{path} to rest")
