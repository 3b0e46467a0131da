"""The checks: health, storage, upload tokens in every spelling."""

import os
import uuid

import pytest
import requests

from lc.rest import expect

NOT_FOUND = {"detail": "Not found."}


@pytest.fixture(scope="module")
def ticket(stack):
    return stack.make_ticket(attempts=3)


@pytest.fixture
def anonymous():
    return requests.Session()


def test_health_is_public(rest, anonymous):
    expect(rest.get("check/health/", session=anonymous), 200, {"status": "ok"})


def test_token_hint_is_public(rest, anonymous):
    answer = expect(rest.get("check/token/", session=anonymous), 303,
                    {"detail": "to find out the status of the token, place it in the URL"})
    assert "Location" not in answer.headers


SPELLINGS = {
    "as it is": "{0}", "no dashes": "{1}", "upper case": "{2}", "upper case, no dashes": "{3}", "braces": "%7B{0}%7D",
    "braces, no dashes": "%7B{1}%7D", "urn": "urn:uuid:{0}", "URN in capitals": "URN:UUID:{2}",
    "urn, no dashes": "urn:uuid:{1}", "escaped": "%{4}{5}",
}


def spelled(form, token):
    plain = token.replace("-", "")
    return SPELLINGS[form].format(token, plain, token.upper(), plain.upper(), f"{ord(token[0]):02x}", token[1:])


@pytest.mark.parametrize("form", SPELLINGS)
@pytest.mark.parametrize("service", ["admin", "gateway"])
def test_token_in_any_spelling(stack, anonymous, ticket, form, service):
    url = getattr(stack, service).url
    answer = anonymous.get(f"{url}/api/v1/check/token/{spelled(form, ticket['token'])}", timeout=10)
    expect(answer, 200, {"token": ticket["token"], "attempts": 3, "resolved": False})
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("token", [str(uuid.uuid4()), "x", "{}", "urn:uuid:", "%7B%7D", "0" * 31, "0" * 33, "g" * 32,
                                   "0" * 600, "..", "%2E", "a%2Fb", "token%0A", "%D1%84"])
def test_no_such_token(rest, anonymous, token):
    expect(rest.get(f"check/token/{token}", session=anonymous), 404, NOT_FOUND)


def test_a_token_with_a_slash_behind_it(rest, anonymous, ticket):
    expect(rest.get(f"check/token/{ticket['token']}/", session=anonymous), 404, NOT_FOUND)


def test_token_tells_what_is_left(stack, rest, anonymous):
    ticket = stack.make_ticket(attempts=2)
    for body in ({"attempts": 0}, {"resolved": True}, {"attempts": 7, "resolved": False}):
        changed = expect(rest.patch(f"tickets/{ticket['number']}/", body), 200).json()
        expect(rest.get(f"check/token/{ticket['token']}", session=anonymous), 200,
               {field: changed[field] for field in ("token", "attempts", "resolved")})
    expect(rest.delete(f"tickets/{ticket['number']}/"), 204)
    expect(rest.get(f"check/token/{ticket['token']}", session=anonymous), 404, NOT_FOUND)


def test_storage(stack, rest):
    body = expect(rest.get("check/storage/"), 200).json()
    assert list(body) == ["total", "used", "free", "used_percent", "status"]
    disk = os.statvfs(stack.data_dir)
    assert (body["total"], body["status"]) == (disk.f_blocks * disk.f_frsize, "mount")
    assert 0 < body["used"] <= body["total"] and 0 <= body["free"] <= body["total"]
    assert abs(body["used_percent"] - 100 * body["used"] / body["total"]) <= 0.5
