"""tus 1.0.0, clause by clause: core, creation, creation-with-upload, creation-defer-length, checksum, expiration,
termination. Each test names what the protocol's text says."""

import hashlib
import os
import random
import sys
from email.utils import parsedate_to_datetime

import pytest

from lc import tus
from lc.raw import Raw, chunks
from lc.tickets import seed_ticket
from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
from spool import held, in_progress, published  # noqa: E402

GATEWAY_ENV = {"MAX_UPLOAD_SIZE": "64M", "UPLOAD_LEASE": "3s", "RESUME_LEASE": "2s", "UPLOAD_EXPIRY": "1h",
               "UPLOAD_ORIGINS": "https://desk.example.com, http://127.0.0.1:8000"}
UNKNOWN = tus.PATH + "0" * 32
DATA = random.Random(1).randbytes(100_000)


@pytest.fixture
def ticket(redis_server):
    return seed_ticket(redis_server, attempts=3)


@pytest.fixture
def port(gateway):
    return gateway.port


def begin(port, ticket, length=len(DATA), **kw):
    answer = tus.create(port, ticket[0], length, **kw)
    assert answer.status == 201, answer
    return tus.path_of(answer)


def check_archive(gateway, path, data):
    upload_id = path[len(tus.PATH):]
    assert published(gateway)[upload_id][0] == data
    assert upload_id not in in_progress(gateway)
    assert os.listdir(os.path.join(gateway.data_dir, "spool", "new", upload_id)).count("state") == 0


# -- core


def test_options_tells_everything_without_credentials(port):
    """The Tus-Resumable header is not needed, and is ignored, for OPTIONS; 204 or 200 with Tus-Version."""
    for path in (tus.PATH, tus.PATH[:-1], UNKNOWN):
        for version in (None, "0.1"):
            answer = tus.request(port, "OPTIONS", path, version=version)
            assert answer.status == 204 and answer.body == b""
            assert answer.headers["tus-version"] == "1.0.0" and answer.headers["tus-resumable"] == "1.0.0"
            assert answer.headers["tus-max-size"] == str(64 << 20)
            assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"
            assert set(answer.headers["tus-extension"].split(",")) == {
                "creation", "creation-with-upload", "creation-defer-length", "checksum", "expiration", "termination"}
            assert "content-length" not in answer.headers


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1", ""])
@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
def test_other_versions_are_412_and_not_processed(port, redis_server, ticket, method, version):
    path = begin(port, ticket)
    headers = {"Upload-Token": ticket[0], "Upload-Length": "5", "Upload-Offset": "0", "Content-Type": tus.PART}
    answer = tus.request(port, method, tus.PATH if method == "POST" else path, headers, version=version)
    assert answer.status == 412 and answer.headers["tus-version"] == "1.0.0"
    assert tus.offset(port, path) == 0 and held(redis_server, ticket[1]) == 1


def test_every_answer_says_the_version(port, ticket):
    path = begin(port, ticket)
    for answer in (tus.request(port, "HEAD", UNKNOWN), tus.request(port, "HEAD", path), tus.patch(port, path, 7, b"x"),
                   tus.patch(port, path, 0, b"x"), tus.create(port, "nonsense", 5), tus.request(port, "DELETE", path)):
        assert answer.headers["tus-resumable"] == "1.0.0", answer


def test_upload_in_parts(gateway, port, redis_server, ticket):
    """PATCH: 204 with the new Upload-Offset; HEAD: Upload-Offset always, Upload-Length if known, no-store."""
    path = begin(port, ticket)
    at = 0
    for size in (1, 10, 65536, 100_000):
        answer = tus.patch(port, path, at, DATA[at:at + size])
        at = min(at + size, len(DATA))
        assert answer.status == 204 and answer.headers["upload-offset"] == str(at), answer
        head = tus.request(port, "HEAD", path)
        assert head.status == 200 and head.headers["upload-offset"] == str(at)
        assert head.headers["upload-length"] == str(len(DATA))
        assert head.headers["cache-control"] == "no-store"
    assert at == len(DATA)
    assert answer.headers["upload-sha256"] == hashlib.sha256(DATA).hexdigest()
    check_archive(gateway, path, DATA)
    assert redis_server.client.zcard(f"lc:{{{ticket[1]}}}:done") == 1 and held(redis_server, ticket[1]) == 1


def test_one_attempt_per_finished_upload(gateway, port, redis_server):
    ticket = seed_ticket(redis_server, attempts=1)
    path = begin(port, ticket, 20)
    for at in range(0, 20):
        assert tus.patch(port, path, at, b"x").status == 204
        assert held(redis_server, ticket[1]) == 1
    check_archive(gateway, path, b"x" * 20)


def test_a_finished_upload_is_told_again(gateway, port, ticket):
    """A client whose last answer was lost asks by HEAD, or sends an empty PATCH at the end."""
    path = begin(port, ticket, body=DATA)
    answer = tus.request(port, "HEAD", path)
    assert (answer.headers["upload-offset"], answer.headers["upload-length"]) == (str(len(DATA)),) * 2
    assert answer.headers["upload-sha256"] == hashlib.sha256(DATA).hexdigest()
    assert tus.patch(port, path, len(DATA), b"").status == 204
    assert tus.patch(port, path, 0, b"x").status == 409
    assert tus.request(port, "DELETE", path).status == 404
    check_archive(gateway, path, DATA)


def test_unknown_upload(port, redis_server):
    """404 (or 410, 403), and HEAD then without Upload-Offset."""
    before = redis_server.names()
    for method in ("HEAD", "DELETE"):
        answer = tus.request(port, method, UNKNOWN)
        assert answer.status == 404 and "upload-offset" not in answer.headers
    assert tus.patch(port, UNKNOWN, 0, b"x").status == 404
    for path in (tus.PATH + "x", tus.PATH + "../" + "0" * 32, UNKNOWN + "0", tus.PATH + "A" * 32):
        assert tus.request(port, "HEAD", path).status == 404
    assert redis_server.names() <= before


@pytest.mark.parametrize("at", [1, 99, 100_000, 10**17])
def test_wrong_offset_is_409_and_changes_nothing(port, ticket, at):
    path = begin(port, ticket, body=DATA[:50])
    answer = tus.patch(port, path, at, b"y" * 10)
    assert answer.status == 409 and "50" in answer.json()["detail"]
    assert tus.offset(port, path) == 50


@pytest.mark.parametrize("kind", [None, "application/octet-stream", "text/plain", "application/offset+octet-streamx"])
def test_other_content_types_are_415(port, ticket, kind):
    path = begin(port, ticket)
    assert tus.patch(port, path, 0, b"x", Content_Type=kind).status == 415
    assert tus.offset(port, path) == 0


@pytest.mark.parametrize("value", [None, "", "-1", "+1", "1.0", "0x1", " "])
def test_malformed_offset_is_400(port, ticket, value):
    path = begin(port, ticket)
    answer = tus.patch(port, path, 0, b"x", Upload_Offset=value)
    assert answer.status == 400 and "Upload-Offset" in answer.json()["detail"]


def test_more_than_the_length_is_refused(gateway, port, ticket):
    path = begin(port, ticket, 10)
    assert tus.patch(port, path, 0, b"x" * 11).status == 413
    assert tus.offset(port, path) == 0
    with Raw(port) as raw:
        raw.send(tus.head_of("PATCH", path, {"Content-Type": tus.PART, "Upload-Offset": "0",
                                             "Transfer-Encoding": "chunked"}) + chunks(b"y" * 6, b"z" * 6))
        assert raw.answer().status == 413
    at = tus.offset(port, path)
    assert at in (0, 6)
    assert tus.patch(port, path, at, b"y" * (10 - at)).status == 204
    check_archive(gateway, path, b"y" * 10)


def test_chunked_part(gateway, port, ticket):
    path = begin(port, ticket, 1000)
    with Raw(port) as raw:
        raw.send(tus.head_of("PATCH", path, {"Content-Type": tus.PART, "Upload-Offset": "0",
                                             "Transfer-Encoding": "chunked"}) + chunks(DATA[:300], DATA[300:1000]))
        answer = raw.answer()
    assert answer.status == 204 and answer.headers["upload-offset"] == "1000"
    check_archive(gateway, path, DATA[:1000])


def test_keep_alive_between_parts(gateway, port, ticket):
    path = begin(port, ticket)
    with Raw(port) as raw:
        for at in range(0, len(DATA), 25_000):
            part = DATA[at:at + 25_000]
            raw.send(tus.head_of("PATCH", path, {"Content-Type": tus.PART, "Upload-Offset": str(at)}, part) + part)
            assert raw.answer().status == 204
            raw.send(tus.head_of("HEAD", path, {}))
            assert raw.answer("HEAD").headers["upload-offset"] == str(at + 25_000)
    check_archive(gateway, path, DATA)


def test_expect_continue_only_when_admitted(port, ticket):
    path = begin(port, ticket, 4)
    with Raw(port) as raw:
        raw.send(tus.head_of("PATCH", path, {"Content-Type": tus.PART, "Upload-Offset": "0", "Expect": "100-continue",
                                             "Content-Length": "4"}))
        assert raw.interim() == 100
        assert raw.send(b"body").answer().status == 204
    path = begin(port, ticket, 4)
    with Raw(port) as raw:
        raw.send(tus.head_of("PATCH", path, {"Content-Type": tus.PART, "Upload-Offset": "3", "Expect": "100-continue",
                                             "Content-Length": "4"}))
        answer = raw.answer()
        assert answer.status == 409 and answer.interim == []


def test_method_override(gateway, port, ticket):
    """X-HTTP-Method-Override is the method, the actual one is ignored."""
    path = begin(port, ticket, 5)
    post = lambda method, headers, body=b"": tus.request(  # noqa: E731
        port, "POST", path, {"X-HTTP-Method-Override": method, **headers}, body)
    assert post("PATCH", {"Content-Type": tus.PART, "Upload-Offset": "0"}, b"abc").status == 204
    assert post("HEAD", {}).headers["upload-offset"] == "3"
    assert post("PUT", {}).status == 405
    assert tus.request(port, "POST", path).status == 405
    assert post("PATCH", {"Content-Type": tus.PART, "Upload-Offset": "3"}, b"de").status == 204
    check_archive(gateway, path, b"abcde")
    other = begin(port, ticket, 5)
    assert tus.request(port, "POST", other, {"X-HTTP-Method-Override": "DELETE"}).status == 204
    assert tus.request(port, "HEAD", other).status == 404


def test_methods(port):
    answer = tus.request(port, "GET", tus.PATH)
    assert answer.status == 405 and answer.headers["allow"] == "POST, OPTIONS"
    answer = tus.request(port, "PUT", UNKNOWN)
    assert answer.status == 405 and answer.headers["allow"] == "HEAD, POST, PATCH, DELETE, OPTIONS"


# -- creation


def test_creation(port, ticket):
    """201 with Location; 413 over Tus-Max-Size."""
    answer = tus.create(port, ticket[0], 64 << 20)
    assert answer.status == 201 and answer.headers["location"].startswith(tus.PATH)
    assert tus.offset(port, tus.path_of(answer)) == 0
    for length in (64 << 20) + 1, 1 << 64:
        answer = tus.create(port, ticket[0], length)
        assert answer.status == 413 and str(64 << 20) in answer.json()["detail"]


@pytest.mark.parametrize("fields", [
    {"Upload-Length": None}, {"Upload-Length": "-5"}, {"Upload-Length": "5", "Upload-Defer-Length": "1"},
    {"Upload-Length": None, "Upload-Defer-Length": "2"}, {"Upload-Length": "x"}, {"Upload-Length": "5.5"}])
def test_bad_lengths_are_400(port, redis_server, ticket, fields):
    answer = tus.create(port, ticket[0], 5, **{k.replace("-", "_"): v for k, v in fields.items()})
    assert answer.status == 400, answer
    assert held(redis_server, ticket[1]) == 0


def test_empty_archives_are_refused(port, redis_server, ticket):
    answer = tus.create(port, ticket[0], 0)
    assert answer.status == 400 and answer.json() == {"file": ["The submitted file is empty."]}
    assert held(redis_server, ticket[1]) == 0


def test_token_from_metadata_and_never_given_back(gateway, port, ticket):
    meta = tus.metadata(token=ticket[0], filename="журнал дня.log", empty=None, note="any")
    answer = tus.create(port, None, 3, Upload_Metadata=meta)
    assert answer.status == 201, answer
    path = tus.path_of(answer)
    head = tus.request(port, "HEAD", path)
    assert head.headers["upload-metadata"] == tus.metadata(filename="журнал дня.log", empty=None, note="any")
    state = open(os.path.join(gateway.data_dir, "spool", "tmp", path[len(tus.PATH):], "state"), "rb").read()
    assert tus.encoded(ticket[0])[:20].encode() not in state and "журнал_дня.log".encode() in state
    assert tus.patch(port, path, 0, b"abc").status == 204


def test_tokens(port, redis_server):
    assert (a := tus.create(port, None, 5)).status == 401 and a.json()["detail"] == "Header Upload-Token is required"
    assert tus.create(port, "00000000-0000-4000-8000-000000000000", 5).status == 403
    assert tus.create(port, seed_ticket(redis_server, resolved=1)[0], 5).status == 423
    assert tus.create(port, seed_ticket(redis_server, attempts=0)[0], 5).status == 423
    assert tus.create(port, seed_ticket(redis_server, max_bytes=4)[0], 5).status == 413
    full = seed_ticket(redis_server, attempts=1)
    assert tus.create(port, full[0], 5).status == 201
    assert (a := tus.create(port, full[0], 5)).status == 423 and a.json()["code"] == "attempts_in_use"


@pytest.mark.parametrize("meta", ["filename", "filename !!!", "filename YQ==,filename YQ==", ",", "filename YQ=",
                                  "filename YQ==, ,x", tus.metadata(filename=".."), tus.metadata(other="x"),
                                  tus.metadata(filename="n" * 300)])
def test_bad_metadata_is_400(port, redis_server, ticket, meta):
    answer = tus.create(port, ticket[0], 5, Upload_Metadata=meta)
    assert answer.status == 400, answer
    assert held(redis_server, ticket[1]) == 0


def test_creation_with_upload(gateway, port, ticket):
    answer = tus.create(port, ticket[0], len(DATA), body=DATA[:1234])
    assert answer.status == 201 and answer.headers["upload-offset"] == "1234"
    path = tus.path_of(answer)
    assert tus.patch(port, path, 1234, DATA[1234:]).status == 204
    check_archive(gateway, path, DATA)
    assert tus.create(port, ticket[0], 5, body=b"x", Content_Type="text/plain").status == 415
    assert tus.create(port, ticket[0], 5, body=b"x" * 6).status == 400


def test_broken_creation_leaves_nothing(gateway, port, redis_server, ticket):
    before, arrived = set(in_progress(gateway)), gateway.metrics()["lc_upload_bytes_total"]
    raw = Raw(port)
    raw.send(tus.head_of("POST", tus.PATH, {"Upload-Token": ticket[0], "Upload-Length": "1000000",
                                            "Upload-Metadata": tus.metadata(filename="x"), "Content-Type": tus.PART,
                                            "Content-Length": "1000000"}) + DATA)
    until(lambda: gateway.metrics()["lc_upload_bytes_total"] == arrived + len(DATA), what="the bytes to be received")
    assert held(redis_server, ticket[1]) == 1 and len(in_progress(gateway)) == len(before) + 1
    raw.reset()
    until(lambda: held(redis_server, ticket[1]) == 0, what="the attempt to be back")
    until(lambda: set(in_progress(gateway)) == before, what="the bytes to be gone")


def test_deferred_length(gateway, port, ticket):
    """Upload-Defer-Length: 1 until a PATCH says Upload-Length; afterwards it cannot be changed."""
    path = begin(port, ticket, None)
    head = tus.request(port, "HEAD", path)
    assert head.headers["upload-defer-length"] == "1" and "upload-length" not in head.headers
    assert tus.patch(port, path, 0, DATA[:100]).status == 204
    assert tus.patch(port, path, 100, b"", Upload_Length="99").status == 400
    assert tus.patch(port, path, 100, b"", Upload_Length=str((64 << 20) + 1)).status == 413
    assert tus.patch(port, path, 100, DATA[100:200], Upload_Length="300").status == 204
    head = tus.request(port, "HEAD", path)
    assert head.headers["upload-length"] == "300" and "upload-defer-length" not in head.headers
    assert tus.patch(port, path, 200, b"", Upload_Length="301").status == 409
    assert tus.patch(port, path, 200, DATA[200:300], Upload_Length="300").status == 204
    check_archive(gateway, path, DATA[:300])


def test_deferred_length_told_at_the_very_end(gateway, port, ticket):
    path = begin(port, ticket, None, body=DATA)
    answer = tus.patch(port, path, len(DATA), b"", Upload_Length=str(len(DATA)))
    assert answer.status == 204 and answer.headers["upload-sha256"] == hashlib.sha256(DATA).hexdigest()
    check_archive(gateway, path, DATA)


# -- checksum


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_checksum(gateway, port, ticket, algorithm):
    """Matching: as without. Mismatch: 460 and the part is discarded, also its place in the whole's digest."""
    path = begin(port, ticket)
    assert tus.patch(port, path, 0, DATA[:500], Upload_Checksum=tus.checksum(DATA[:500], algorithm)).status == 204
    wrong = tus.checksum(b"something else", algorithm)
    assert (a := tus.patch(port, path, 500, DATA[500:], Upload_Checksum=wrong)).status == 460, a
    assert a.json()["code"] == "checksum_mismatch"
    assert tus.offset(port, path) == 500
    rest = DATA[500:]
    answer = tus.patch(port, path, 500, rest, Upload_Checksum=tus.checksum(rest, algorithm))
    assert answer.status == 204 and answer.headers["upload-sha256"] == hashlib.sha256(DATA).hexdigest()
    check_archive(gateway, path, DATA)


@pytest.mark.parametrize("value", ["md5 1B2M2Y8AsgTpgAmY7PhCfg==", "sha1", "sha1 ", "sha1 !!", "sha1 YQ==", "SHA1 x"])
def test_unknown_checksums_are_400(port, ticket, value):
    path = begin(port, ticket)
    answer = tus.patch(port, path, 0, b"x", Upload_Checksum=value)
    assert answer.status == 400 and answer.json()["code"] == "checksum_unknown"
    assert tus.offset(port, path) == 0


def test_a_part_with_checksum_that_breaks_off_is_discarded(gateway, port, ticket):
    path = begin(port, ticket, body=DATA[:100])
    raw = Raw(port)
    raw.send(tus.head_of("PATCH", path, {"Content-Type": tus.PART, "Upload-Offset": "100", "Content-Length": "99900",
                                         "Upload-Checksum": tus.checksum(DATA[100:])}) + DATA[100:60_000])
    until(lambda: gateway.metrics()["lc_uploads_open"] == 1, what="the part to be under way")
    raw.reset()
    until(lambda: gateway.metrics()["lc_uploads_open"] == 0, what="the part to be over")
    assert tus.offset(port, path) == 100
    assert tus.patch(port, path, 100, DATA[100:]).status == 204
    check_archive(gateway, path, DATA)


def test_creation_with_a_wrong_checksum_leaves_nothing(port, redis_server, ticket):
    answer = tus.create(port, ticket[0], 100, body=b"x" * 50, Upload_Checksum=tus.checksum(b"y"))
    assert answer.status == 460 and "location" not in answer.headers
    assert held(redis_server, ticket[1]) == 0


# -- a part that breaks off


def test_every_byte_received_is_kept(gateway, port, ticket):
    path = begin(port, ticket)
    at = 0
    for cut in (1, 2500, 3, 40_000):
        raw = Raw(port)
        raw.send(tus.head_of("PATCH", path, {"Content-Type": tus.PART, "Upload-Offset": str(at),
                                             "Content-Length": str(len(DATA) - at)}) + DATA[at:at + cut])
        raw.shutdown()
        answer = raw.answer()
        assert answer.status == 400 and answer.json()["code"] == "truncated"
        raw.sock.close()
        at += cut
        assert tus.offset(port, path) == at
    answer = tus.patch(port, path, at, DATA[at:])
    assert answer.headers["upload-sha256"] == hashlib.sha256(DATA).hexdigest()
    check_archive(gateway, path, DATA)


def test_a_newer_request_takes_over(gateway, port, ticket):
    """The old connection seems alive to us, but its client has come back on another one."""
    path = begin(port, ticket)
    arrived = gateway.metrics()["lc_upload_bytes_total"]
    with Raw(port) as stale:
        stale.send(tus.head_of("PATCH", path, {"Content-Type": tus.PART, "Upload-Offset": "0",
                                               "Content-Length": str(len(DATA))}) + DATA[:5000])
        until(lambda: gateway.metrics()["lc_upload_bytes_total"] == arrived + 5000, what="the first request's bytes")
        assert tus.offset(port, path) == 5000
        answer = stale.answer()
        assert answer.status == 423 and answer.json()["code"] == "upload_taken"
    assert tus.patch(port, path, 5000, DATA[5000:]).status == 204
    check_archive(gateway, path, DATA)


def test_racing_requests_leave_a_whole_archive(gateway, port, ticket):
    path = begin(port, ticket)
    raws = [Raw(port) for _ in range(6)]
    for raw in raws:
        raw.send(tus.head_of("PATCH", path, {"Content-Type": tus.PART, "Upload-Offset": "0"}, DATA) + DATA)
    statuses = [raw.answer().status for raw in raws]
    assert set(statuses) <= {204, 409, 423}, statuses
    at = tus.offset(port, path)
    if at < len(DATA):
        assert tus.patch(port, path, at, DATA[at:]).status == 204
    check_archive(gateway, path, DATA)


# -- expiration, termination, idle uploads


def test_expiration(gateway, port, ticket):
    """Upload-Expires, an RFC 9110 date, in the answers to creation, HEAD and PATCH of an unfinished upload."""
    created = tus.create(port, ticket[0], 10)
    path = tus.path_of(created)
    first = parsedate_to_datetime(created.headers["upload-expires"])
    now = parsedate_to_datetime(created.headers["date"])
    assert 3590 <= (first - now).total_seconds() <= 3601
    assert tus.patch(port, path, 0, b"abc").headers["upload-expires"]
    assert tus.request(port, "HEAD", path).headers["upload-expires"]
    assert "upload-expires" not in tus.patch(port, path, 3, b"defghij").headers


def test_termination(gateway, port, redis_server, ticket):
    """DELETE: 204, the bytes are gone, then 404; the attempt is free again."""
    path = begin(port, ticket, body=DATA[:1000])
    assert held(redis_server, ticket[1]) == 1
    assert tus.request(port, "DELETE", path).status == 204
    assert path[len(tus.PATH):] not in in_progress(gateway) and held(redis_server, ticket[1]) == 0
    assert tus.request(port, "HEAD", path).status == 404
    assert tus.patch(port, path, 1000, b"x").status == 404
    assert tus.request(port, "DELETE", path).status == 404


def test_an_idle_upload_yields_its_attempt(gateway, port, redis_server):
    token, ticket = seed_ticket(redis_server, attempts=1)
    path = begin(port, (token, ticket), 10, body=b"abc")
    until(lambda: tus.create(port, token, 5).status == 201, 15, "the idle upload's lease to end", step=0.3)
    answer = tus.patch(port, path, 3, b"defghij")
    assert answer.status == 423 and answer.json()["code"] == "attempts_in_use"
    assert int(answer.headers["retry-after"]) >= 1
    assert tus.offset(port, path) == 3, "what has arrived is kept"
    until(lambda: tus.patch(port, path, 3, b"defghij").status == 204, 15, "an attempt to be free again", step=0.3)
    check_archive(gateway, path, b"abcdefghij")
    late = seed_ticket(redis_server, attempts=1)
    path = begin(port, late, 10, body=b"abc")
    until(lambda: tus.create(port, late[0], 2, body=b"ok").status == 201, 15, "the lease to end", step=0.3)
    answer = tus.patch(port, path, 3, b"defghij")
    assert answer.status == 423 and answer.json()["code"] == "expired"


def test_began_in_time_may_finish(gateway, port, redis_server, ticket):
    path = begin(port, ticket, 10, body=b"abc")
    redis_server.client.hset(f"lc:{{{ticket[1]}}}:ticket", mapping={"resolved": 1, "expires_ms": 1})
    assert tus.create(port, ticket[0], 5).status == 423
    assert tus.patch(port, path, 3, b"defghij").status == 204
    check_archive(gateway, path, b"abcdefghij")


def test_deleted_ticket(gateway, port, redis_server, ticket):
    path = begin(port, ticket, 10, body=b"abc")
    redis_server.client.hset(f"lc:{{{ticket[1]}}}:ticket", "gone", 1)
    assert tus.patch(port, path, 3, b"x").status == 410
    assert path[len(tus.PATH):] not in in_progress(gateway)


# -- other origins


def test_cors(port, ticket):
    origin = {"Origin": "https://desk.example.com"}
    answer = tus.request(port, "OPTIONS", tus.PATH, {**origin, "Access-Control-Request-Method": "PATCH",
                                                     "Access-Control-Request-Headers": "tus-resumable"}, version=None)
    assert answer.status == 204 and answer.headers["access-control-allow-origin"] == origin["Origin"]
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "Tus-Resumable" in answer.headers["access-control-allow-headers"]
    answer = tus.create(port, ticket[0], 5, **origin)
    assert answer.headers["access-control-allow-origin"] == origin["Origin"] and answer.headers["vary"] == "Origin"
    assert "Location" in answer.headers["access-control-expose-headers"]
    refused = tus.create(port, "nonsense", 5, **origin)
    assert refused.headers["access-control-allow-origin"] == origin["Origin"], "its page may read why"
    for other in ("https://evil.example.com", "null", "https://desk.example.com.evil.example"):
        answer = tus.request(port, "OPTIONS", tus.PATH, {"Origin": other}, version=None)
        assert not [k for k in answer.headers if k.startswith("access-control")]


def test_redis_away(gateway, port, redis_server, ticket):
    """No answer that could be wrong, and afterwards everything is as it was. HEAD: 423, for at any other refusal clients
    begin anew."""
    path = begin(port, ticket, 10, body=b"abc")
    redis_server.sigstop()
    try:
        answer = tus.request(port, "HEAD", path)
        assert answer.status == 423 and int(answer.headers["retry-after"]) >= 1
        assert tus.patch(port, path, 3, b"x").status == 503
    finally:
        redis_server.sigcont()
    until(lambda: tus.offset(port, path) == 3, 20, "Redis to be back")
    assert tus.patch(port, path, 3, b"defghij").status == 204
    check_archive(gateway, path, b"abcdefghij")


def test_redis_forgets(gateway, port, redis_server):
    """The state on disk is the authority: with Redis's memory lost the upload goes on."""
    token, ticket = seed_ticket(redis_server, attempts=1)
    path = begin(port, (token, ticket), 10, body=b"abc")
    redis_server.client.flushall()
    assert tus.offset(port, path) == 3
    assert tus.patch(port, path, 3, b"defghij").status == 204
    check_archive(gateway, path, b"abcdefghij")
