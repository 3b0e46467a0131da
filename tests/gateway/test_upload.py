"""Uploads that go well: every form and framing, byte by byte, over one connection and many."""

import hashlib
import os
import random
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from lc import curl
from lc.raw import Raw
from lc.services import Gateway
from lc.tickets import seed_ticket
from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
from spool import held, in_progress, published  # noqa: E402

GATEWAY_ENV = {"GATEWAY_THREADS": "2", "UPLOAD_LEASE": "3s"}
UPLOAD = "/api/v1/archives/"
JSON = {"Accept": "application/json"}


@pytest.fixture
def ticket(redis_server):
    return seed_ticket(redis_server, attempts=10)


def check_receipt(gateway, answer, data):
    assert answer["size"] == len(data)
    assert answer["sha256"] == hashlib.sha256(data).hexdigest()
    assert published(gateway)[answer["upload_id"]][0] == data
    assert answer["upload_id"] not in in_progress(gateway)


def multipart(fields, boundary=b"----b0undary"):
    """fields: (disposition, content)"""
    parts = b"".join(b"--" + boundary + b"\r\nContent-Disposition: " + d + b"\r\n\r\n" + c + b"\r\n" for d, c in fields)
    return parts + b"--" + boundary + b"--\r\n", "multipart/form-data; boundary=" + boundary.decode()


@pytest.mark.parametrize("size", [1, 100, 16 << 10, (512 << 10) + 1, 9 << 20, 40 << 20])
def test_put_by_curl(gateway, ticket, scratch, size):
    data = random.Random(size).randbytes(size)
    path = os.path.join(scratch, "app.log")
    with open(path, "wb") as f:
        f.write(data)
    done = curl.run(*curl.JSON, "-T", path, f"{gateway.url}/u/{ticket[0]}/")
    assert done.status == 201, done
    assert done.json()["file"].endswith("/app.log")
    check_receipt(gateway, done.json(), data)


def test_memory_does_not_grow_with_what_arrives(redis_server, ticket, tmp_path):
    """The first of each takes what it needs, another one nothing. (The fast lane's buffers are of a size that is set.)"""
    service = Gateway(tmp_path / "data", redis_server.url, tmp_path / "log", {**GATEWAY_ENV, "GATEWAY_FAST_LANE": "off"}).start()
    path, peaks = tmp_path / "large", []
    with open(path, "wb") as f:
        f.truncate(96 << 20)
    for _ in range(2):
        for options in (("-T", path), ("-H", "Transfer-Encoding: chunked", "-T", path), ("-F", f"file=@{path}")):
            done = curl.run(*curl.JSON, *options, f"{service.url}/u/{ticket[0]}/")
            assert done.status == 201, done
            shutil.rmtree(tmp_path / "data" / "spool" / "new" / done.json()["upload_id"])
        peaks.append(service.process.peak_kib())
    assert peaks[1] - peaks[0] < 8 << 10, peaks
    service.close()


def test_multipart_by_curl(gateway, ticket, scratch):
    data = random.Random(1).randbytes(3 << 20)
    path = os.path.join(scratch, "лог файл.txt")
    with open(path, "wb") as f:
        f.write(data)
    done = curl.run("-F", "note=hello", "-F", f"file=@{path}", "-H", f"Upload-Token: {ticket[0]}", gateway.url + UPLOAD)
    assert done.status == 201, done
    assert requests.utils.unquote(done.json()["file"]).endswith("/лог_файл.txt")
    check_receipt(gateway, done.json(), data)


@pytest.mark.parametrize("size", [4095, 4096, (4 << 20) + 1, 30 << 20])
def test_fast_lane(redis_server, tmp_path, size):
    """All but what does not fill a block is written past the page cache, whatever the form; where that can be."""
    service = Gateway(tmp_path / "data", redis_server.url, tmp_path / "log", {"GATEWAY_FAST_LANE": "always"}).start()
    try:
        token, _ = seed_ticket(redis_server)
        data = random.Random(size).randbytes(size)
        form, kind = multipart([(b'form-data; name="file"; filename="a"', data)])
        url, headers = f"{service.url}/u/{token}/a", {"Upload-Token": token, "Content-Type": kind}
        pieces = [data[i:i + 777777] for i in range(0, size, 777777)]
        for send in (lambda: requests.put(url, data=data, headers=JSON),
                     lambda: requests.put(url, data=iter(pieces), headers=JSON),
                     lambda: requests.post(service.url + UPLOAD, data=form, headers=headers)):
            before = service.metrics()["lc_upload_bytes_direct_total"]
            answer = send()
            assert answer.status_code == 201, answer.text
            check_receipt(service, answer.json(), data)
            if "fast_lane.ready" in service.process.tail():
                assert service.metrics()["lc_upload_bytes_direct_total"] - before == size // 4096 * 4096
    finally:
        service.close()


@pytest.mark.parametrize("mode", ["always", "off"])
def test_one_worker_has_many(redis_server, tmp_path, mode):
    """One thread receives all of them, two by two: each is whole, as if it had been alone."""
    env = {"GATEWAY_FAST_LANE": mode, "GATEWAY_WORKERS": "1"}
    service = Gateway(tmp_path / "data", redis_server.url, tmp_path / "log", env).start()
    try:
        token, _ = seed_ticket(redis_server, attempts=20)
        bodies = [random.Random(i).randbytes(1 + i * 2_345_678) for i in range(8)]
        url = f"{service.url}/u/{token}/a"
        with ThreadPoolExecutor(len(bodies)) as threads:
            answers = list(threads.map(lambda body: requests.put(url, data=body, headers=JSON), bodies))
        for body, answer in zip(bodies, answers):
            assert answer.status_code == 201, answer.text
            check_receipt(service, answer.json(), body)
    finally:
        service.close()


def test_raw_with_disposition(gateway, ticket):
    data = os.urandom(100000)
    r = requests.post(gateway.url + UPLOAD, data=data, headers={
        "Upload-Token": f"{ticket[0]}  ", "Content-Disposition": "attachment; filename*=UTF-8''%D0%BB%D0%BE%D0%B3.gz"})
    assert r.status_code == 201, r.text
    assert requests.utils.unquote(r.json()["file"]).endswith("/лог.gz")
    assert r.json()["ticket"] == 1000 + ticket[1]
    check_receipt(gateway, r.json(), data)


def test_post_without_slash(gateway, ticket):
    r = requests.post(gateway.url + "/api/v1/archives", data=b"x", headers={
        "Upload-Token": ticket[0], "Content-Disposition": "attachment; filename=x"}, allow_redirects=False)
    assert r.status_code == 201


def test_chunked(gateway, ticket):
    pieces = [os.urandom(n) for n in (1, 5, 1000, 65536, 700000)]
    r = requests.put(f"{gateway.url}/u/{ticket[0]}/c.bin", data=iter(pieces), headers={"Accept": "application/json"})
    assert r.status_code == 201, r.text
    check_receipt(gateway, r.json(), b"".join(pieces))


def test_chunked_multipart_cut_anywhere(gateway, redis_server):
    body, content_type = multipart([(b'form-data; name="file"; filename="a.txt"', b"\r\n------b0undar\r\n--" * 20)])
    for step in (1, 2, 3, 7, 50):
        token, _ = seed_ticket(redis_server)
        with Raw(gateway.port) as raw:
            raw.send(f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\nUpload-Token: {token}\r\nContent-Type: {content_type}\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n")
            for i in range(0, len(body), step):
                piece = body[i:i + step]
                raw.send(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece))
            answer = raw.send("0\r\nTrailer: x\r\n\r\n").answer()
        assert answer.status == 201, answer
        check_receipt(gateway, answer.json(), b"\r\n------b0undar\r\n--" * 20)


def test_keep_alive_and_pipelining(gateway, redis_server):
    token, _ = seed_ticket(redis_server, attempts=10)
    def put(body):
        return f"PUT /u/{token}/n.txt HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    chunked = f"PUT /u/{token}/n.txt HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    check = f"GET /api/v1/check/token/{token} HTTP/1.1\r\nHost: x\r\n\r\n"
    with Raw(gateway.port) as raw:
        raw.send(put("one") + check + chunked + put("three") + check)
        answers = [raw.answer("GET") for _ in range(5)]
    assert [a.status for a in answers] == [201, 200, 201, 201, 200], answers
    assert [a.json()["size"] for a in answers if "size" in a.json()] == [3, 3, 5]
    assert answers[1].json() == {"token": token, "attempts": 9, "resolved": False}
    assert answers[4].json()["attempts"] == 7
    names = {a.json()["file"].rsplit("/", 1)[1] for a in answers if "file" in a.json()}
    assert len(names) == 3 and "n.txt" in names  # the same name twice gets a suffix


@pytest.mark.parametrize("framing", ["Content-Length: 0\r\n", "", "Transfer-Encoding: chunked\r\n"])
def test_pipelined_after_an_empty_body(gateway, ticket, framing):
    """What follows a body of no bytes is the next request, whether or not that upload goes well."""
    chunk = "0\r\n\r\n" if "chunked" in framing else ""
    with Raw(gateway.port) as raw:
        raw.send(f"PUT /u/{ticket[0]}/n.txt HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n{framing}\r\n{chunk}"
                 "GET /api/v1/check/health/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.answer().status == 400
        assert raw.answer("GET").json() == {"status": "ok"}


def test_expect_continue(gateway, ticket):
    with Raw(gateway.port) as raw:
        raw.send(f"PUT /u/{ticket[0]}/e.txt HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert raw.interim() == 100
        answer = raw.send("body").answer()
    assert answer.status == 201 and answer.interim == []


def test_head_byte_by_byte(gateway, ticket):
    request = f"PUT /u/{ticket[0]}/b.txt HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 2\r\n\r\nok"
    with Raw(gateway.port) as raw:
        for c in request:
            raw.send(c)
        assert raw.answer().status == 201


def test_http_1_0(gateway, ticket):
    with Raw(gateway.port) as raw:
        answer = raw.send(f"PUT /u/{ticket[0]}/b.txt HTTP/1.0\r\nContent-Length: 2\r\n\r\nok").answer()
        assert answer.status == 201 and answer.headers["connection"] == "close"


@pytest.mark.parametrize("sent,kept", [
    ("app.log", "app.log"), ("../../etc/passwd", "passwd"), ("C:\\logs\\my app.log", "my_app.log"),
    ("日志 文件.zip", "日志_文件.zip"), ("سجل.txt", "سجل.txt"), ("a<b>\"c'.txt", "abc.txt"),
    ("x" * 150 + ".tar.gz", None), ("tab\tand\x7f.txt", "taband.txt")])
def test_names(gateway, ticket, sent, kept):
    r = requests.put(f"{gateway.url}/u/{ticket[0]}/{requests.utils.quote(sent, safe='')}", data=b"x", headers={"Accept": "application/json"})
    assert r.status_code == 201, r.text
    name = requests.utils.unquote(r.json()["file"].rsplit("/", 1)[1])
    assert name == kept if kept else len(name) == 100 and name.endswith(".gz")


def asset_of(gateway):
    """The page's style sheet: its name carries a hash."""
    return re.search(r'href="(/u/assets/[^"]+\.css)"', requests.get(f"{gateway.url}/u/").text).group(1)


def test_get_and_head_consume_nothing(gateway, redis_server):
    token, ticket = seed_ticket(redis_server, attempts=1)
    for path in (f"/u/{token}", f"/u/{token}/", "/u/", f"/api/v1/check/token/{token}", "/archives/upload/",
                 asset_of(gateway), "/api/v1/check/health/"):
        for method in ("GET", "HEAD"):
            r = requests.request(method, gateway.url + path)
            assert r.status_code == 200, (path, r.text)
            assert (r.text == "") == (method == "HEAD")
            assert r.headers["x-content-type-options"] == "nosniff"
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    assert "Send files to support" in requests.get(f"{gateway.url}/u/{token}", headers=browser).text
    assert requests.get(f"{gateway.url}/u/{token}").headers["referrer-policy"] == "no-referrer"
    assert held(redis_server, ticket) == 0


@pytest.mark.parametrize("spelling", [str, str.upper, lambda t: t.replace("-", ""), lambda t: "{" + t + "}",
                                      lambda t: "urn:uuid:" + t])
def test_token_spellings(gateway, redis_server, spelling):
    token, _ = seed_ticket(redis_server)
    assert requests.get(f"{gateway.url}/api/v1/check/token/{spelling(token)}").json()["token"] == token
    r = requests.post(gateway.url + UPLOAD, data=b"x", headers={
        "Upload-Token": spelling(token), "Content-Disposition": "attachment; filename=x"})
    assert r.status_code == 201, r.text


def test_exactly_as_many_as_attempts(gateway, redis_server, scratch):
    """50 racing on 5 attempts, half of them held in the middle of their bodies."""
    token, ticket = seed_ticket(redis_server, attempts=5)
    raws = [Raw(gateway.port) for _ in range(50)]
    for raw in raws:
        raw.send(f"PUT /u/{token}/r.txt HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 6\r\n\r\nabc")
    until(lambda: held(redis_server, ticket) == 5, 10, "five leases")
    for raw in raws:
        raw.send("def")
    statuses = sorted(raw.answer().status for raw in raws)
    assert statuses == [201] * 5 + [423] * 45
    assert held(redis_server, ticket) == 5


def test_lease_is_kept_while_the_line_is_slow(gateway, redis_server):
    """Longer than UPLOAD_LEASE without a byte: the gateway's heartbeat holds the attempt."""
    token, ticket = seed_ticket(redis_server, attempts=1)
    with Raw(gateway.port) as raw:
        raw.send(f"PUT /u/{token}/slow.txt HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 6\r\n\r\nabc")
        until(lambda: held(redis_server, ticket) == 1, 5, "the lease")
        first = redis_server.client.zrange(f"lc:{{{ticket}}}:open", 0, -1, withscores=True)[0][1]
        until(lambda: redis_server.client.zrange(f"lc:{{{ticket}}}:open", 0, -1, withscores=True)[0][1] > first + 3000, 10,
              "the lease to be prolonged past its first end")
        refused = requests.put(f"{gateway.url}/u/{token}/other.txt", data=b"x", headers={"Accept": "application/json"})
        assert refused.status_code == 423 and refused.json()["code"] == "attempts_in_use"
        assert int(refused.headers["Retry-After"]) >= 1
        assert raw.send("def").answer().status == 201


def test_metrics_and_readiness(gateway, ticket):
    before = gateway.metrics()
    assert requests.put(f"{gateway.url}/u/{ticket[0]}/m.txt", data=b"12345").status_code == 201
    after = gateway.metrics()
    grown = {k for k in after if after[k] > before.get(k, 0)}
    assert 'lc_uploads_total{outcome="published"}' in grown
    assert after["lc_upload_bytes_total"] - before["lc_upload_bytes_total"] == 5
    assert after["lc_uploads_open"] == 0 and after["lc_upload_bytes_expected"] == 0
    assert requests.get(gateway.status_url + "/readyz").json()["stores"] == {"redis": "ok", "storage": "ok"}
    assert requests.get(gateway.url + "/metrics").status_code == 404  # only on the status listener
