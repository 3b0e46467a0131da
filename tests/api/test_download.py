"""Downloads as browsers, curl and download managers ask for them: who may, names, ranges, conditions, headers."""

import hashlib
import urllib.parse

import pytest
import requests

from lc.rest import check_common
from lc.stack import User

CONTENT = bytes(range(256)) * 40  # 10240 bytes
SIZE = len(CONTENT)


@pytest.fixture(scope="module")
def archive(stack):
    return upload(stack, stack.make_ticket(attempts=10), "data.bin", CONTENT)


def upload(stack, ticket, name, data):
    answer = requests.put(f"{stack.gateway.url}/u/{ticket['token']}/{urllib.parse.quote(name)}", data=data, timeout=30)
    assert answer.status_code == 201, answer.text
    return stack.archives(ticket)[0]


def fetch(stack, archive, method="GET", session=None, **headers):
    path = "/archives/download/" + archive["file"].split("/archives/download/", 1)[1]
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    answer = (session or stack.api).request(method, stack.admin.url + path, headers=headers, timeout=30,
                                            allow_redirects=False)
    check_common(answer)
    return answer


def test_whole(stack, archive):
    answer = fetch(stack, archive)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    wanted = {"Content-Type": "application/octet-stream", "Content-Length": str(SIZE), "Accept-Ranges": "bytes",
              "Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff",
              "Content-Disposition": "attachment; filename=\"data.bin\"; filename*=UTF-8''data.bin", "Allow": "GET, HEAD, OPTIONS",
              "ETag": f'"{hashlib.sha256(CONTENT).hexdigest()}"', "Cache-Control": "private, no-cache"}
    assert {k: answer.headers.get(k) for k in wanted} == wanted


def test_head_is_get_without_the_bytes(stack, archive):
    full, head = fetch(stack, archive), fetch(stack, archive, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    changing = {"Date", "Connection"}
    assert {k: v for k, v in head.headers.items() if k not in changing} == \
        {k: v for k, v in full.headers.items() if k not in changing}
    ranged = fetch(stack, archive, "HEAD", Range="bytes=0-1")
    assert (ranged.status_code, ranged.headers["Content-Length"]) == (200, str(SIZE)), "RFC 9110 14.2: GET alone"


@pytest.mark.parametrize("range_, first, last", [
    ("bytes=0-0", 0, 0), ("bytes=0-99", 0, 99), ("bytes=100-", 100, SIZE - 1), ("bytes=-100", SIZE - 100, SIZE - 1),
    ("bytes=0-99999999", 0, SIZE - 1), ("bytes=-99999999", 0, SIZE - 1), (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
    ("bytes=5-99999999999999999999999", 5, SIZE - 1)])
def test_one_range(stack, archive, range_, first, last):
    answer = fetch(stack, archive, Range=range_)
    assert (answer.status_code, answer.content) == (206, CONTENT[first:last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["Content-Length"] == str(last - first + 1)
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("range_", [f"bytes={SIZE}-", "bytes=99999999-", "bytes=-0", "bytes=99999999999999999999-"])
def test_a_range_beyond_the_end(stack, archive, range_):
    answer = fetch(stack, archive, Range=range_)
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{SIZE}")
    assert answer.json()["code"] == "bad_range"


@pytest.mark.parametrize("range_", ["bytes=5-1", "bytes=0-1,3-4", "bytes=", "bytes=a-b", "lines=0-5", "bytes 0-5", "",
                                    "bytes=-", "bytes=1-2-3", "BYTES=0-1x"])
def test_other_ranges_give_the_whole(stack, archive, range_):
    answer = fetch(stack, archive, Range=range_)
    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_if_range(stack, archive):
    tag = fetch(stack, archive).headers["ETag"]
    assert fetch(stack, archive, Range="bytes=0-9", If_Range=tag).status_code == 206
    for stale in ('"other"', "W/" + tag, "Tue, 24 Nov 2026 00:00:00 GMT", tag.strip('"')):
        answer = fetch(stack, archive, Range="bytes=0-9", If_Range=stale)
        assert (answer.status_code, answer.content) == (200, CONTENT), stale


def test_if_none_match(stack, archive):
    tag = fetch(stack, archive).headers["ETag"]
    for method in ("GET", "HEAD"):
        for known in (tag, f'"x", {tag}', "W/" + tag, "*"):
            answer = fetch(stack, archive, method, If_None_Match=known)
            assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    assert fetch(stack, archive, If_None_Match='"x"').status_code == 200


@pytest.mark.parametrize("name", ["лог файл.tar.gz", "日志.log", "سجل.txt", "logs.tar.gz", "e\u0301te\u0301.log",
                                  "a" * 90 + ".gz", "Ж" * 95 + ".gz"])
def test_names_of_any_script(stack, name):
    shown = upload(stack, stack.make_ticket(), name, b"x")
    answer = fetch(stack, shown)
    assert answer.status_code == 200
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="')
    assert disposition.isascii()
    if not shown["name"].isascii():
        assert urllib.parse.unquote(disposition.split("filename*=UTF-8''")[1]) == shown["name"]
    assert urllib.parse.unquote(shown["file"]).endswith("/" + shown["name"])


def test_nothing_is_shown_inline(stack):
    page = b"<html><script>alert(document.cookie)</script></html>"
    answer = fetch(stack, upload(stack, stack.make_ticket(), "page.html", page), Accept="text/html")
    assert answer.content == page
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Security-Policy"] == "sandbox"


def test_browsers_are_sent_to_the_login_page(stack, archive):
    answer = fetch(stack, archive, session=requests.Session(), Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert answer.status_code == 302
    path = "/archives/download/" + archive["file"].split("/archives/download/", 1)[1]
    assert answer.headers["Location"] == "/account/login/?next=" + path


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/octet-stream"])
def test_clients_without_login_are_refused(stack, archive, accept):
    answer = fetch(stack, archive, session=requests.Session(), Accept=accept)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_without_second_factor(stack, archive):
    novice = User(stack.admin, "novice", superuser=False, totp=False).login()
    for method in ("GET", "HEAD"):
        answer = fetch(stack, archive, method, session=novice)
        assert answer.status_code == 403
    assert fetch(stack, archive, session=novice).json()["code"] == "second_factor_required"
    page = fetch(stack, archive, session=novice, Accept="text/html,*/*;q=0.8")
    assert page.status_code == 403 and page.headers["Content-Type"] == "text/html; charset=utf-8" and '<div id="app">' in page.text


@pytest.mark.parametrize("path", ["1001/none.bin", "999999/data.bin", "x/data.bin", "1001/..", "1001/%2E%2E%2Fdata",
                                  "1001/data.bin/", "1001.0/data.bin", "99999999999999999999/data.bin", "1001/%FF"])
def test_nothing_there(stack, archive, path):
    answer = stack.api.get(f"{stack.admin.url}/archives/download/{path}", timeout=10, allow_redirects=False)
    assert answer.status_code == 404 and answer.json() == {"detail": "Not found."}
    page = stack.api.get(f"{stack.admin.url}/archives/download/{path}?x=%00", timeout=10, headers={"Accept": "text/html"})
    assert page.status_code == 404 and '<div id="app">' in page.text


def test_a_download_survives_the_deletion_of_its_archive(stack):
    """Bytes that were promised come: the descriptor stays."""
    shown = upload(stack, stack.make_ticket(), "big.bin", b"x" * (8 << 20))
    with stack.download(shown, stream=True) as answer:
        first = answer.raw.read(65536)
        assert stack.delete(f"/api/v1/archives/{shown['id']}/").status_code == 204
        rest = answer.raw.read()
    assert len(first) + len(rest) == 8 << 20
