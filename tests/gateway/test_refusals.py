"""What the gateway refuses: clearly, early, at no cost to the ticket, and readable for a client that still sends."""

import hashlib
import os
import select
import socket
import sys

import pytest
import requests

from lc import curl
from lc.raw import Raw
from lc.tickets import seed_ticket
from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
from spool import held, in_progress, published  # noqa: E402

GATEWAY_ENV = {"MAX_UPLOAD_SIZE": "64M", "HEAD_TIMEOUT": "1s", "UPLOAD_IDLE_TIMEOUT": "1s", "UPLOAD_LEASE": "3s",
               "TRUSTED_PROXIES": "127.0.0.0/8", "FAILED_TOKENS": "1000"}
UPLOAD = "/api/v1/archives/"
NAME = {"Content-Disposition": "attachment; filename=x"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def ticket(redis_server):
    return seed_ticket(redis_server)


def post(gateway, token=None, data=b"x", headers=NAME):
    return requests.post(gateway.url + UPLOAD, data=data, headers={**headers, **({"Upload-Token": token} if token else {})})


def test_tokens(gateway, redis_server):
    assert (r := post(gateway)).status_code == 401 and r.json() == {"detail": "Header Upload-Token is required"}
    assert "WWW-Authenticate" not in r.headers
    assert post(gateway, headers={**NAME, "Upload-Token": ""}).status_code == 401
    seed_ticket(redis_server)  # the epoch: without one everything is 503
    assert (r := post(gateway, UNKNOWN)).status_code == 403 and r.json() == {"detail": f"token {UNKNOWN} is not valid"}
    assert (r := post(gateway, "nonsense")).status_code == 403 and r.json() == {"detail": "token nonsense is not valid"}
    assert requests.put(f"{gateway.url}/u/{UNKNOWN}/x", data=b"x").status_code == 403
    token, ticket = seed_ticket(redis_server, resolved=1, attempts=0)
    assert (r := post(gateway, token)).status_code == 423
    assert r.json() == {"detail": f"ticket {1000 + ticket} already resolved"}
    token, _ = seed_ticket(redis_server, attempts=0)
    assert (r := post(gateway, token)).status_code == 423 and r.json() == {"detail": f"token {token} expired"}
    token, _ = seed_ticket(redis_server, expires_ms=1)
    assert (r := post(gateway, token)).status_code == 423 and r.json() == {"detail": f"token {token} expired"}


def test_check_token(gateway, redis_server):
    seed_ticket(redis_server)
    r = requests.get(gateway.url + "/api/v1/check/token/", allow_redirects=False)
    assert r.status_code == 303
    assert r.json() == {"detail": "to find out the status of the token, place it in the URL"}
    for unknown in (UNKNOWN, "nonsense", "%00", "%zz", UNKNOWN + "/"):
        r = requests.get(f"{gateway.url}/api/v1/check/token/{unknown}")
        assert r.status_code == 404 and r.json() == {"detail": "Not found."}, unknown


def test_methods_and_paths(gateway):
    assert (r := requests.get(gateway.url + UPLOAD)).status_code == 405
    assert r.json() == {"detail": 'Method "GET" not allowed.'} and r.headers["Allow"] == "HEAD, POST, OPTIONS"
    assert requests.options(gateway.url + UPLOAD).headers["Allow"] == "HEAD, POST, OPTIONS"
    assert requests.delete(gateway.url + UPLOAD).status_code == 405
    assert (r := requests.get(gateway.url + "/api/v1/nothing/")).status_code == 404
    assert r.json() == {"detail": "Not found."}
    r = requests.get(gateway.url + "/api/v1/check/health?x=1", allow_redirects=False)
    assert r.status_code == 301 and r.headers["Location"] == "/api/v1/check/health/?x=1"
    assert requests.get(gateway.url + "/u/assets/../../page.en.html").status_code == 404
    assert requests.get(gateway.url + "/u/assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/bin/upload-gw").status_code == 404


@pytest.mark.parametrize("headers,body,status,answer", [
    ({}, b"x", 400, {"detail": "Missing filename. Request should include a Content-Disposition header with a filename "
                               "parameter."}),
    (NAME, b"", 400, {"file": ["The submitted file is empty."]}),
    ({"Content-Disposition": "attachment; filename=.."}, b"x", 400, {"detail": "Bad Request"}),
    ({"Content-Disposition": "attachment; filename=" + "n" * 300}, b"x", 400, None),
    ({"Content-Type": "multipart/form-data"}, b"x", 400,
     {"detail": "Multipart form parse error - Invalid boundary in multipart: None"}),
    ({"Content-Type": "multipart/form-data; boundary=b"}, b"nothing of the kind", 400, {"detail": "Bad Request"}),
    ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\nContent-Disposition: form-data; name=\"file\"; "
     b"filename=\"a\"\r\n\r\ncut", 400, {"detail": "Bad Request"}),
    ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\nContent-Disposition: form-data; name=\"note\""
     b"\r\n\r\nx\r\n--b--\r\n", 400, {"detail": "Bad Request"}),
    ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\nContent-Disposition: form-data; name=\"file\"; "
     b"filename=\"\"\r\n\r\nx\r\n--b--\r\n", 400, {"detail": "Bad Request"}),
    ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\nContent-Disposition: form-data; name=\"file\"; "
     b"filename=\"a\"\r\n\r\n\r\n--b--\r\n", 400, {"file": ["The submitted file is empty."]}),
    ({"Content-Type": "multipart/form-data; boundary=wrong"}, b"--b\r\nContent-Disposition: form-data; name=\"file\"; "
     b"filename=\"a\"\r\n\r\nx\r\n--b--\r\n", 400, {"detail": "Bad Request"}),
])
def test_bodies(gateway, redis_server, ticket, headers, body, status, answer):
    r = post(gateway, ticket[0], body, headers)
    assert r.status_code == status and (answer is None or r.json() == answer), r.text
    assert held(redis_server, ticket[1]) == 0


def test_a_form_takes_one_file(gateway, redis_server, ticket):
    """Of two, one would be gone without a word."""
    def send(*files):
        return requests.post(gateway.url + UPLOAD, headers={"Upload-Token": ticket[0]}, files=[("file", f) for f in files])

    refused = send(("a", b"1"), ("b", b"2"))
    assert (refused.status_code, refused.json()["code"]) == (400, "one_file") and held(redis_server, ticket[1]) == 0
    assert send(("b", b"2")).status_code == 201


@pytest.mark.parametrize("value", ["bytes 5-7/8", "bytes 0-0/1", "nonsense"])
def test_a_part_is_not_taken_for_the_whole(gateway, redis_server, ticket, value):
    """RFC 9110 14.5: curl -C sends the rest of a file so."""
    answer = requests.put(f"{gateway.url}/u/{ticket[0]}/a.log", data=b"x", headers={"Content-Range": value})
    assert answer.status_code == 400 and "whole file" in answer.text
    assert held(redis_server, ticket[1]) == 0


def test_impossible_names(gateway, redis_server, ticket):
    for name in ("%FF%FE", "*", "%22"):
        answer = requests.put(f"{gateway.url}/u/{ticket[0]}/{name}", data=b"x", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "name_impossible"), answer.text
    assert held(redis_server, ticket[1]) == 0


HEADS = [
    ("PUT {u} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    ("PUT {u} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("PUT {u} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("PUT {u} HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello", 400),
    ("PUT {u} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
    ("PUT {u} HTTP/1.1\r\nHost : x\r\nContent-Length: 1\r\n\r\nx", 400),
    ("PUT {u} HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\nContent-Length: 1\r\n\r\nx", 400),
    ("PUT {u} HTTP/1.1\nHost: x\nContent-Length: 1\n\nx", 400),
    ("PUT {u} HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 400),
    ("PUT {u} HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 1\r\n\r\nx", 417),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nX: " + "y" * 17000, 431),
    ("GET / HTTP/1.1\r\nHost: x\r\n" + "X: y\r\n" * 70 + "\r\n", 431),
]


@pytest.mark.parametrize("request_text,status", HEADS)
def test_malformed_heads(gateway, redis_server, ticket, request_text, status):
    with Raw(gateway.port) as raw:
        answer = raw.send(request_text.replace("{u}", f"/u/{ticket[0]}/x")).answer("GET")
        assert answer.status == status, answer
        assert answer.json()["detail"] and answer.headers["connection"] == "close"
        assert raw.answer() is None
    assert held(redis_server, ticket[1]) == 0


@pytest.mark.parametrize("chunks", ["+5\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "g\r\n", "5\r\nhelloX\r\n0\r\n\r\n",
                                    "0x5\r\nhello\r\n0\r\n\r\n", "ffffffffffffffff\r\n"])
def test_malformed_chunks(gateway, redis_server, ticket, chunks):
    with Raw(gateway.port) as raw:
        answer = raw.send(f"PUT /u/{ticket[0]}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").answer()
    assert answer.status == 400 and answer.json()["code"] == "malformed_chunk", answer
    assert held(redis_server, ticket[1]) == 0 and not in_progress(gateway)


def test_short_body_says_so(gateway, redis_server, ticket):
    with Raw(gateway.port) as raw:
        raw.send(f"PUT /u/{ticket[0]}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 100\r\n\r\nonly this").shutdown()
        answer = raw.answer()
    assert answer.status == 400 and answer.json()["code"] == "truncated"
    assert held(redis_server, ticket[1]) == 0 and not in_progress(gateway)


def test_reset_costs_nothing(gateway, redis_server, ticket):
    for _ in range(20):
        raw = Raw(gateway.port)
        raw.send(f"PUT /u/{ticket[0]}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 1000000\r\n\r\n" + "x" * 100000)
        raw.reset()
    # some of the twenty may still wait to be accepted
    until(lambda: requests.put(f"{gateway.url}/u/{ticket[0]}/x", data=b"x").status_code == 201, 10, "a free attempt")
    until(lambda: held(redis_server, ticket[1]) == 1 and not in_progress(gateway), 10, "the attempts to come back")


def test_too_large_is_said_before_the_body(gateway, redis_server, ticket):
    with Raw(gateway.port) as raw:
        raw.send(f"PUT /u/{ticket[0]}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nExpect: 100-continue\r\nContent-Length: 67108865\r\n\r\n")
        answer = raw.answer()
    assert answer.status == 413 and answer.interim == [] and "67108864" in answer.json()["detail"]
    token, _ = seed_ticket(redis_server, max_bytes=1000)
    assert (r := requests.put(f"{gateway.url}/u/{token}/x", data=b"x" * 1001)).status_code == 413, r.text
    assert (r := requests.put(f"{gateway.url}/u/{token}/x", data=iter([b"x" * 600] * 2))).status_code == 413, r.text
    assert requests.put(f"{gateway.url}/u/{token}/x", data=b"x" * 1000).status_code == 201


def test_refusal_is_readable_while_curl_sends(gateway, scratch):
    path = os.path.join(scratch, "big")
    with open(path, "wb") as f:
        f.truncate(1 << 30)
    done = curl.run("-T", path, f"{gateway.url}/u/{UNKNOWN}/")
    assert done.status == 403 and done.body.startswith(f"token {UNKNOWN} is not valid\n")
    assert done.sent < 16 << 20, "refused before the body"
    done = curl.run("-H", "Expect:", "-T", path, f"{gateway.url}/u/{UNKNOWN}/")
    assert done.status == 403, done
    assert done.sent < 32 << 20


def test_refusal_is_readable_for_who_only_sends(gateway):
    """As a proxy on the same machine does: as fast as it goes, until the line is full; a reset would be its 502."""
    with Raw(gateway.port) as raw:
        raw.send(f"PUT /u/{UNKNOWN}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: {1 << 30}\r\n\r\n")
        sent, waste = 0, bytes(1 << 20)
        while sent < 1 << 28 and select.select([], [raw.sock], [], 0.5)[1]:
            sent += raw.sock.send(waste, socket.MSG_DONTWAIT)
        assert 4 << 20 <= sent < 64 << 20, "the line is full, the archive is not sent"
        assert raw.answer().status == 403


def test_buffered_refusal_keeps_the_connection(gateway, ticket):
    with Raw(gateway.port) as raw:
        raw.send(f"PUT /u/{UNKNOWN}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 3\r\n\r\nabc")
        assert raw.answer().status == 403
        raw.send(f"PUT /u/{ticket[0]}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 3\r\n\r\nabc")
        assert raw.answer().status == 201


def test_silent_clients_are_dropped(gateway, redis_server, ticket):
    with Raw(gateway.port) as raw:
        assert raw.send("PUT / HTTP/1.1\r\nHo").answer().status == 408
    with Raw(gateway.port) as raw:
        assert raw.answer() is None  # said nothing, is told nothing
    with Raw(gateway.port) as raw:
        raw.send(f"PUT /u/{ticket[0]}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 100\r\n\r\nonly")
        answer = raw.answer()
    assert answer.status == 408, answer
    assert held(redis_server, ticket[1]) == 0 and not in_progress(gateway)


def test_ticket_deleted_meanwhile(gateway, redis_server, ticket):
    with Raw(gateway.port) as raw:
        raw.send(f"PUT /u/{ticket[0]}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 6\r\n\r\nabc")
        until(lambda: held(redis_server, ticket[1]) == 1, 5, "the lease")
        redis_server.client.hset(f"lc:{{{ticket[1]}}}:ticket", "gone", 1)
        assert raw.send("def").answer().status == 410
    assert not in_progress(gateway)


def test_resolved_meanwhile_may_finish(gateway, redis_server, ticket):
    with Raw(gateway.port) as raw:
        raw.send(f"PUT /u/{ticket[0]}/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 6\r\n\r\nabc")
        until(lambda: held(redis_server, ticket[1]) == 1, 5, "the lease")
        redis_server.client.hset(f"lc:{{{ticket[1]}}}:ticket", "resolved", 1)
        assert requests.put(f"{gateway.url}/u/{ticket[0]}/y", data=b"x").status_code == 423
        assert raw.send("def").answer().status == 201


def test_forwarded_for(gateway):
    """Only a trusted proxy's word counts, and of its words only the right-most untrusted hop."""
    requests.get(gateway.url + "/api/v1/nothing/", headers={"X-Forwarded-For": "203.0.113.1, 198.51.100.7"})
    until(lambda: "client=198.51.100.7" in gateway.process.output(), 5, "the line that follows the answer")
    assert "203.0.113.1" not in gateway.process.output()


def test_no_secret_in_the_log(gateway, redis_server):
    token, _ = seed_ticket(redis_server)
    gateway.secrets.add(token)  # looked for at teardown
    requests.put(f"{gateway.url}/u/{token}/x", data=b"x")
    requests.get(f"{gateway.url}/u/{token}")
    requests.get(f"{gateway.url}/api/v1/check/token/{token}")
    post(gateway, token, b"")
    assert len(published(gateway)) > 0


RUSSIAN, ENGLISH = "Загрузка не израсходована.", "No upload was used up."


def send_form(gateway, token, language, content=b"x", name="x.log"):
    """As a browser without JavaScript does it; language: its Accept-Language."""
    return requests.post(f"{gateway.url}/u/{token}", files={"file": (name, content)}, timeout=30,
                         headers={"Accept": "text/html,*/*;q=0.8", **({"Accept-Language": language} if language else {})})


@pytest.mark.parametrize("language, russian", [
    ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", True), ("ru", True), ("RU", True), ("de,ru;q=0.5", True), ("en;q=0.1, ru;q=0.2", True),
    ("en;q=0,ru;q=0.001", True), ("ru ; q=1", True), ("en-US,en;q=0.9,ru;q=0.8", False), ("ru;q=0.5,en", False), ("ru;q=0", False),
    ("de", False), ("rum,ruby", False), (",,;;q=,-", False), ("r", False), ("", False), (None, False)])
def test_forms_are_answered_in_the_customers_language(gateway, ticket, language, russian):
    answer = send_form(gateway, UNKNOWN, language)
    assert answer.status_code == 403 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert (RUSSIAN in answer.text, ENGLISH in answer.text) == (russian, not russian)
    assert f'<html lang="{"ru" if russian else "en"}"' in answer.text
    assert ("Такой код загрузки неизвестен." in answer.text) == russian


def test_every_end_of_a_form_has_its_words(gateway, redis_server, ticket):
    """Refusals and a receipt with their figures; names are text, whatever they contain."""
    resolved, number = seed_ticket(redis_server, resolved=1)
    for token, content, status, words in (
            (resolved, b"x", 423, f"Обращение {1000 + number} уже закрыто"), (ticket[0], b"", 400, "Отправленный файл пуст."),
            (seed_ticket(redis_server, attempts=0)[0], b"x", 423, "её срок истёк или все загрузки израсходованы"),
            (seed_ticket(redis_server, max_bytes=3)[0], b"long", 413, "Файл больше 3 байт"),
            (ticket[0], b"four", 200, f"<dd>{1000 + ticket[1]}</dd>")):
        answer = send_form(gateway, token, "ru", content, "a&b<i>{number}.log")
        assert answer.status_code == status and words in answer.text, answer.text
        assert "{" not in answer.text and "<i>" not in answer.text
    assert "Получено</h1>" in answer.text and "<dd>4</dd>" in answer.text and hashlib.sha256(b"four").hexdigest() in answer.text
