"""GET /u/<token>: what arrived under a token and what is left, for terminals and programs, at no cost."""

import hashlib
import re
import subprocess
import uuid

import pytest
import requests

from lc import curl, tus
from lc.services import Gateway
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
        "ticket": 1000 + ticket[1], "platform": "android", "attempts": 5, "max_bytes": 256 << 30, "resolved": False,
        "expires_at": "2100-01-01T00:00:00.123000Z",
        "archives": []}
    put = requests.put(f"{url}/первый.log", data=b"one", headers=JSON, timeout=10).json()
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
    assert first.status == 200 and "5 attempts left" in first.body and f"up to {256 << 30} bytes" in first.body and "Nothing has arrived yet" in first.body
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
        assert r.text.startswith("Not found.\n") and "ask support" in r.text
    assert "Send files to support" in requests.get(f"{gateway.url}/u/{ticket[0]}", headers=BROWSER, timeout=10).text


def test_bare_curl_reads_text(gateway, ticket, tmp_path):
    """curl -T, --data-binary and -F as people type them; JSON for those who ask for it."""
    file = tmp_path / "app.log"
    file.write_bytes(b"one")
    url, digest = f"{gateway.url}/u/{ticket[0]}/", hashlib.sha256(b"one").hexdigest()
    for left, how in ((4, ("-T", file, url)), (3, ("--data-binary", f"@{file}", url + "app.log")),
                      (2, ("-F", f"file=@{file}", url)), (1, ("-H", "Accept: text/plain", "-T", file, url))):
        done = curl.run(*how)
        assert done.status == 201, done
        first, second = done.body.splitlines()
        assert re.fullmatch(rf"app(_\w{{7}})?\.log: 3 bytes arrived, SHA-256 {digest}", first)
        assert second == f"Ticket {1000 + ticket[1]}: {left} attempts left."
    assert curl.run(*curl.JSON, "-T", file, url).json()["sha256"] == digest
    spent = curl.run("-T", file, url)
    assert spent.status == 423 and spent.body.startswith(f"token {ticket[0]} expired\n") and "ask support" in spent.body
    assert curl.run(*curl.JSON, "-T", file, url).json() == {"detail": f"token {ticket[0]} expired"}


def test_refusals_tell_a_terminal_what_to_do(gateway, redis_server, tmp_path):
    file, empty = tmp_path / "app.log", tmp_path / "empty"
    file.write_bytes(b"12345")
    empty.write_bytes(b"")
    token = seed_ticket(redis_server)[0]
    small, over = (seed_ticket(redis_server, **kw)[0] for kw in ({"max_bytes": 4}, {"resolved": 1}))
    cases = ((403, f"/u/{UNKNOWN}/", file, ("is not valid", "ask support")), (413, f"/u/{small}/", file, ("4 bytes", "Send less")),
             (423, f"/u/{over}/", file, ("already resolved", "ask support")),
             (400, f"/u/{token}/", empty, ("is empty", "no attempt is lost")), (401, "/u//x", file, ("is required", "curl -T")))
    for status, path, sent, words in cases:
        done = curl.run("-T", sent, gateway.url + path)
        assert done.status == status and all(word in done.body for word in words), done
    nameless = curl.run("--data-binary", f"@{file}", f"{gateway.url}/u/{token}/")
    assert nameless.status == 400 and "NAME" in nameless.body
    assert curl.run(f"{gateway.url}/api/v1/check/token/{UNKNOWN}").json() == {"detail": "Not found."}


def run_script(answer):
    """As `curl -sS …/u/TOKEN.sh | sh` does."""
    assert answer.headers["Content-Type"].startswith("text/x-shellscript")
    done = subprocess.run(["sh", "-s", "--", "file"], input=answer.text, capture_output=True, text=True, timeout=10, check=False)
    return done.returncode, done.stdout, done.stderr


def test_without_an_address_the_script_says_what_is_missing(gateway, tmp_path, ticket):
    service = Gateway(gateway.data_dir, gateway.env["REDIS_URL"], tmp_path / "log").start()
    try:
        answer = requests.get(f"{service.url}/u/{ticket[0]}.sh", timeout=10)
    finally:
        service.close()
    assert answer.status_code == 503
    assert run_script(answer) == (1, "", "The uploader is not served here: its operator has to set PUBLIC_URL.\n")


def test_script_has_our_address_whatever_the_host(gateway, ticket):
    answer = requests.get(f"{gateway.url}/u/{ticket[0]}.sh", headers={"Host": "evil.example.com"}, timeout=10)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/x-shellscript")
    assert "\n    url='https://logs.example.com/'\n" in answer.text and "evil" not in answer.text
    assert f"\n    token='{ticket[0]}'\n" in answer.text
    assert answer.text.startswith("#!/bin/sh\n") and answer.text.endswith('\nuploader "$@"\n')
    refused = requests.get(f"{gateway.url}/u/x';reboot.sh", timeout=10)
    assert refused.status_code == 404 and run_script(refused) == (1, "", "Not found. Compare it with the token that support "
                                                                  "sent, or ask support for a new one.\n")
    assert requests.get(f"{gateway.url}/u/{ticket[0]}.sh", headers=BROWSER, timeout=10).text == answer.text


def browse(url, language="en", **kw):
    return requests.get(url, headers={**BROWSER, "Accept-Language": language}, timeout=10, **kw)


@pytest.mark.parametrize("fields, used, english, russian", [
    ({"attempts": 3}, False, "Uploads left</dt><dd>3<", "Осталось загрузок</dt><dd>3<"),
    ({"max_bytes": 70000}, False, "Largest file in bytes</dt><dd>70000<", "Наибольший файл в байтах</dt><dd>70000<"),
    ({"expires_ms": 4102444800123}, False, "Open until</dt><dd>2100-01-01 00:00 UTC", "Действует до</dt><dd>2100-01-01 00:00 UTC"),
    ({"expires_ms": 86400000}, False, "was valid until 1970-01-02 00:00 UTC", "действовала до 1970-01-02 00:00 UTC"),
    ({"resolved": 1, "expires_ms": 1}, False, "already resolved", "уже закрыто"),
    ({"attempts": 0}, False, "allows no uploads any more", "загрузок не осталось"),
    ({"attempts": 1}, True, "Everything that this link allows has been sent", "Всё, что позволяла эта ссылка, отправлено"),
])
def test_a_browser_without_scripts_reads_the_ticket_before_it_sends(gateway, redis_server, fields, used, english, russian):
    """One text for each state, in one language, with the form only where it can be sent; what arrived stays to be seen."""
    token, number = seed_ticket(redis_server, **fields)
    url = f"{gateway.url}/u/{token}"
    if used:
        assert requests.put(f"{url}/all.log", data=b"all", timeout=10).status_code == 201
    for language, words, others in (("en", english, russian), ("ru", russian, english)):
        page = browse(url, language)
        assert page.status_code == 200 and words in page.text and others not in page.text
        assert f'<html lang="{language}">' in page.text and f"<dd>{1000 + number}</dd>" in page.text and "android" in page.text
        assert ('id="plain-file"' in page.text) == (words.startswith(("Uploads", "Осталось", "Largest", "Наибольший", "Open", "Действует")))
        assert ("<!--" in page.text, "{" in page.text) == (False, False)
        assert ("all.log" in page.text) == (hashlib.sha256(b"all").hexdigest() in page.text) == used


def test_a_form_ends_on_a_receipt_that_can_be_loaded_again(gateway, redis_server):
    token = seed_ticket(redis_server, attempts=2)[0]
    sent = requests.post(f"{gateway.url}/u/{token}", files={"file": ("a b.log", b"once")}, headers=BROWSER, timeout=10, allow_redirects=False)
    assert sent.status_code == 303 and sent.text == "" and sent.headers["Location"].startswith(f"/u/{token}?received=")
    receipt = gateway.url + sent.headers["Location"]
    for _ in range(3):
        page = browse(receipt)
        assert page.status_code == 200 and "Received</h1>" in page.text and "Send another file" in page.text
        assert all(word in page.text for word in ("a_b.log", "<dd>4</dd>", hashlib.sha256(b"once").hexdigest(), "Uploads left</dt><dd>1<"))
        assert "<script" not in page.text and "script-src" not in page.headers["Content-Security-Policy"]
    assert len(requests.get(f"{gateway.url}/u/{token}", headers=JSON, timeout=10).json()["archives"]) == 1
    requests.post(f"{gateway.url}/u/{token}", files={"file": ("b.log", b"twice")}, headers=BROWSER, timeout=10)
    last = browse(receipt)
    assert "a_b.log" in last.text and "Everything that this link allows" in last.text and "Send another" not in last.text
    other = browse(f"{gateway.url}/u/{token}?received=nothing-known")
    assert other.status_code == 200 and "Received</h1>" not in other.text and "b.log" in other.text


def test_a_link_that_is_no_token_says_why_and_keeps_it(gateway, ticket):
    for typed, status, words in ((ticket[0][:-3], 404, "33 of 36 characters"), (ticket[0] + "0", 404, "37 characters instead of 36"),
                                 (ticket[0][:-1] + "g", 404, "does not look like"), (UNKNOWN, 404, "is not known")):
        for path in (f"/u/{typed}", f"/u/{typed}/", f"/archives/upload/?token={typed}"):
            page = browse(gateway.url + path)
            assert page.status_code == status and words in page.text and f'value="{typed}"' in page.text, (path, page.text)
    odd = browse(f"{gateway.url}/archives/upload/", params={"token": "\"><b>ё"})
    assert odd.status_code == 404 and "<b>" not in odd.text and 'value="&quot;&gt;&lt;b&gt;ё"' in odd.text
    assert browse(f"{gateway.url}/u/%ff%fe").status_code == 404 and browse(f"{gateway.url}/u/" + "a" * 3000).status_code == 404
    for pasted in (ticket[0], f" https://host/u/#{ticket[0]} ", f"https://host/u/{ticket[0]}/", ticket[0].upper().replace("-", "")):
        answer = browse(f"{gateway.url}/archives/upload/", params={"token": pasted}, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/u/{ticket[0]}"), pasted
    for path in ("/u/", "/archives/upload/"):
        page = browse(gateway.url + path, "ru")
        assert page.status_code == 200 and 'name="token"' in page.text and "Код загрузки" in page.text and "characters" not in page.text


def test_addresses_that_are_none_of_ours_are_pages_for_browsers(gateway):
    for path in ("/", "/nowhere/", "/u"):
        page = browse(gateway.url + path, "ru")
        assert page.status_code == (200 if path == "/u" else 404) and 'name="token"' in page.text
        assert ("Здесь ничего нет" in page.text) == (path != "/u")
    assert requests.get(gateway.url + "/", timeout=10).json() == {"detail": "Not found."}


def test_guessed_tokens_are_throttled(gateway, ticket):
    """The last one here: this network may try no more for a while."""
    tried = [requests.get(f"{gateway.url}/u/{uuid.uuid4()}", headers=JSON, timeout=10) for _ in range(61)]
    assert tried[-1].status_code == 429 and int(tried[-1].headers["Retry-After"]) > 0
    assert requests.get(f"{gateway.url}/u/{ticket[0]}", headers=JSON, timeout=10).status_code == 200
