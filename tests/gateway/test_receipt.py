"""GET /u/<token>: what arrived under a token and what is left, for terminals and programs, at no cost."""

import hashlib
import re
import uuid

import pytest
import requests

from lc import curl, tus
from lc.tickets import seed_ticket

GATEWAY_ENV = {"PUBLIC_URL": "https://logs.example.com/"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
JSON = {"Accept": "application/json"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def ticket(redis_server):
    return seed_ticket(redis_server, attempts=5, expires_ms=4102444800123)


def test_receipt_lists_what_arrived(gateway, ticket):
    url = f"{gateway.url}/u/{ticket[0]}"
    assert requests.get(url, headers=JSON, timeout=10).json() == {
        "ticket": 1000 + ticket[1], "platform": "android", "attempts": 5, "resolved": False, "expires_at": "2100-01-01T00:00:00.123000Z",
        "archives": []}
    put = requests.put(f"{url}/первый.log", data=b"one", timeout=10).json()
    answer = tus.create(gateway.port, ticket[0], 3, "second.log", b"two")
    assert answer.status == 201
    for _ in range(3):
        receipt = requests.get(url + "/", headers=JSON, timeout=10).json()
    assert receipt["attempts"] == 3
    second, first = receipt["archives"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first.pop("time_create"))
    assert first == {"name": "первый.log", "size": 3, "sha256": hashlib.sha256(b"one").hexdigest(),
                     "upload_id": put["upload_id"]}
    assert (second["name"], second["sha256"]) == ("second.log", hashlib.sha256(b"two").hexdigest())
    assert answer.headers["location"].endswith(second["upload_id"])


def test_receipt_for_a_terminal(gateway, ticket):
    url = f"{gateway.url}/u/{ticket[0]}"
    first = curl.run(url)
    assert first.status == 200 and "5 attempts left" in first.body and "Nothing has arrived yet" in first.body
    requests.put(f"{url}/app.log", data=b"one", timeout=10)
    second = curl.run(url)
    assert "4 attempts left" in second.body and "app.log" in second.body
    assert hashlib.sha256(b"one").hexdigest() in second.body and "2100-01-01" in second.body
    answer = requests.get(url, headers={"Accept": "text/plain"}, timeout=10)
    assert answer.headers["Content-Type"].startswith("text/plain") and answer.headers["Referrer-Policy"] == "no-referrer"


def test_unknown_tokens_and_browsers(gateway, ticket):
    for token in (UNKNOWN, "nonsense", "%00", ticket[0] + "x"):
        assert requests.get(f"{gateway.url}/u/{token}", headers=JSON, timeout=10).json() == {"detail": "Not found."}
        assert (r := requests.get(f"{gateway.url}/u/{token}", timeout=10)).status_code == 404
        assert r.text == "Not found.\n"
        assert "Send files to support" in requests.get(f"{gateway.url}/u/{token}", headers=BROWSER, timeout=10).text
    assert "Send files to support" in requests.get(f"{gateway.url}/u/{ticket[0]}", headers=BROWSER, timeout=10).text


def test_put_answers_text_to_those_who_ask_for_it(gateway, ticket):
    url = f"{gateway.url}/u/{ticket[0]}"
    text = {"Accept": "text/plain"}
    answer = requests.put(f"{url}/app.log", data=b"one", headers=text, timeout=10)
    assert answer.status_code == 201
    assert answer.text == f"app.log: 3 bytes arrived, SHA-256 {hashlib.sha256(b'one').hexdigest()}\n"
    answer = requests.put(f"{gateway.url}/u/{UNKNOWN}/app.log", data=b"one", headers=text, timeout=10)
    assert answer.status_code == 403 and answer.text == f"token {UNKNOWN} is not valid\n"
    assert requests.put(f"{url}/app.log", data=b"one", timeout=10).json()["size"] == 3


def test_script_has_our_address_whatever_the_host(gateway, ticket):
    answer = requests.get(f"{gateway.url}/u/{ticket[0]}.sh", headers={"Host": "evil.example.com"}, timeout=10)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/x-shellscript")
    assert "\n    url='https://logs.example.com/'\n" in answer.text and "evil" not in answer.text
    assert f"\n    token='{ticket[0]}'\n" in answer.text
    assert answer.text.startswith("#!/bin/sh\n") and answer.text.endswith('\nuploader "$@"\n')
    assert requests.get(f"{gateway.url}/u/x';reboot.sh", timeout=10).status_code == 404
    assert requests.get(f"{gateway.url}/u/{ticket[0]}.sh", headers=BROWSER, timeout=10).text == answer.text


def test_guessed_tokens_are_throttled(gateway, ticket):
    """The last one here: this network may try no more for a while."""
    tried = [requests.get(f"{gateway.url}/u/{uuid.uuid4()}", headers=JSON, timeout=10) for _ in range(61)]
    assert tried[-1].status_code == 429 and int(tried[-1].headers["Retry-After"]) > 0
    assert requests.get(f"{gateway.url}/u/{ticket[0]}", headers=JSON, timeout=10).status_code == 200
