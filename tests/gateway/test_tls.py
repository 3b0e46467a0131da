"""TLS at the gateway: every kind of upload, certificates exchanged under load, handshakes left hanging, wrong speakers."""

import hashlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys

import pytest

from lc import curl
from lc.programs import need
from lc.raw import Raw, chunks
from lc.services import Gateway
from lc.tickets import seed_ticket
from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
from spool import held, in_progress, published  # noqa: E402


def make_pair(directory, name, days=2):
    """(certificate, key) for 127.0.0.1, signed by itself."""
    cert, key = os.path.join(directory, f"{name}.crt"), os.path.join(directory, f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    str(days), "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


def start(data_dir, redis, log, cert, key, **env):
    service = Gateway(data_dir, redis.url, log, {"GATEWAY_TLS_CERT": cert, "GATEWAY_TLS_KEY": key, **env})
    service.start(wait=False)
    service.process.wait_ready(service.linked)
    service.url = f"https://127.0.0.1:{service.port}"
    return service


@pytest.fixture(scope="module")
def pair(scratch):
    return make_pair(scratch, "first")


@pytest.fixture(scope="module")
def tls(scratch, redis_server, pair):
    service = start(os.path.join(scratch, "data"), redis_server, os.path.join(scratch, "tls.log"), *pair)
    yield service
    service.close()


@pytest.fixture
def ticket(redis_server):
    return seed_ticket(redis_server, attempts=10)


def context(cafile, **settings):
    c = ssl.create_default_context(cafile=cafile)
    for name, value in settings.items():
        setattr(c, name, value)
    return c


def connect(service, cafile, alpn=None, **settings):
    """A Raw over TLS."""
    raw, c = Raw(service.port), context(cafile, **settings)
    if alpn:
        c.set_alpn_protocols(alpn)
    raw.sock = c.wrap_socket(raw.sock, server_hostname="127.0.0.1")
    return raw


def upload(service, cafile, *args, **kw):
    done = curl.run("--cacert", cafile, *curl.JSON, *args, **kw)
    assert done.status == 201, done
    return done.json()


def test_every_kind_of_upload(tls, pair, ticket, make_file):
    file = make_file(9 << 20)
    put, api = f"{tls.url}/u/{ticket[0]}/", f"{tls.url}/api/v1/archives/"
    token = ["-H", f"Upload-Token: {ticket[0]}"]
    data = open(file.path, "rb").read()  # pylint: disable=consider-using-with
    receipts = [
        upload(tls, pair[0], "-T", file.path, put),
        upload(tls, pair[0], "-T", "-", put + "piped.bin", input=data),
        upload(tls, pair[0], *token, "-F", f"file=@{file.path}", api),
        upload(tls, pair[0], *token, "-H", "Content-Disposition: attachment; filename=raw.bin", "--data-binary",
               f"@{file.path}", api),
        upload(tls, pair[0], "--tlsv1.2", "--tls-max", "1.2", "-T", file.path, put + "old.bin")]
    for receipt in receipts:
        assert receipt["sha256"] == file.sha256
        assert published(tls)[receipt["upload_id"]][1] == file.sha256
    assert curl.run("--cacert", pair[0], f"{tls.url}/api/v1/check/health/").json() == {"status": "ok"}


def test_pages(tls, pair, ticket):
    page = curl.run("--cacert", pair[0], "-H", "Accept: text/html", f"{tls.url}/u/{ticket[0]}")
    assert page.status == 200 and "Send files to support" in page.body
    style = curl.run("--cacert", pair[0], tls.url + re.search(r'href="(/u/assets/[^"]+\.css)"', page.body).group(1))
    assert style.status == 200 and style.body


def test_many_requests_in_one_record(tls, pair, redis_server, ticket):
    """What TLS has decrypted beyond a body is no news to the socket, and is answered all the same."""
    def put(body):
        return f"PUT /u/{ticket[0]}/n HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    with connect(tls, pair[0]) as raw:
        raw.send(f"PUT /u/{ticket[0]}/n HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 10\r\n\r\n")
        until(lambda: held(redis_server, ticket[1]) == 1, 5, "the lease")
        raw.send("0123456789" + put("abc") + put("") + put("defgh"))
        answers = [raw.answer() for _ in range(4)]
    assert [a.status for a in answers] == [201, 201, 400, 201], answers
    assert [a.json().get("size") for a in answers] == [10, 3, None, 5]


def test_one_byte_records(tls, pair, ticket):
    with connect(tls, pair[0]) as raw:
        for byte in (f"PUT /u/{ticket[0]}/n HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
                     + chunks(b"one", b"two")):
            raw.send(bytes([byte]))
        answer = raw.answer()
    assert answer.json()["sha256"] == hashlib.sha256(b"onetwo").hexdigest()


def test_cut_off_costs_nothing(tls, pair, redis_server, ticket):
    """Without close_notify, in the middle of the body."""
    raw = connect(tls, pair[0])
    raw.send(f"PUT /u/{ticket[0]}/n HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 100000\r\n\r\n" + "x" * 50000)
    until(lambda: held(redis_server, ticket[1]) == 1, 5, "the lease")
    raw.sock.shutdown(socket.SHUT_RDWR)
    raw.sock.close()
    until(lambda: held(redis_server, ticket[1]) == 0 and not in_progress(tls), 10, "the attempt to come back")


def test_noise_after_the_handshake(tls, pair, redis_server, ticket):
    raw = connect(tls, pair[0])
    raw.send(f"PUT /u/{ticket[0]}/n HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 100000\r\n\r\n" + "x" * 50000)
    until(lambda: held(redis_server, ticket[1]) == 1, 5, "the lease")
    os.write(raw.sock.fileno(), b"this is no record at all" * 100)
    until(lambda: held(redis_server, ticket[1]) == 0 and not in_progress(tls), 10, "the attempt to come back")
    raw.sock.close()


def test_refusal_is_readable_while_curl_sends(tls, pair, scratch):
    path = os.path.join(scratch, "big")
    with open(path, "wb") as f:
        f.truncate(256 << 20)
    done = curl.run("--cacert", pair[0], "-H", "Expect:", "-T", path,
                    f"{tls.url}/u/00000000-0000-4000-8000-000000000000/")
    assert done.status == 403 and done.sent < 32 << 20, done


def test_protocols(tls, pair):
    for alpn, chosen in ((["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"), (None, None)):
        with connect(tls, pair[0], alpn) as raw:
            assert raw.sock.selected_alpn_protocol() == chosen and raw.sock.version() == "TLSv1.3"
    with pytest.raises(ssl.SSLError, match="(?i)no application protocol"):
        connect(tls, pair[0], ["h2"])
    with connect(tls, pair[0], maximum_version=ssl.TLSVersion.TLSv1_2) as raw:
        assert raw.sock.version() == "TLSv1.2" and re.match("ECDHE.*(GCM|CHACHA20)", raw.sock.cipher()[0])
    with pytest.raises((ssl.SSLError, OSError)):
        connect(tls, pair[0], minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)


def test_sslscan_finds_nothing(tls):
    need("sslscan")
    done = subprocess.run(["sslscan", "--no-colour", f"127.0.0.1:{tls.port}"], capture_output=True, text=True, check=True)
    for protocol in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"):
        assert re.search(rf"{protocol} +disabled", done.stdout), done.stdout
    for fine in ("Session renegotiation not supported", "not vulnerable to heartbleed"):
        assert fine in done.stdout, done.stdout
    ciphers = re.findall(r"^(?:Accepted|Preferred) +TLSv1.[23] +\d+ bits +(\S+)", done.stdout, re.MULTILINE)
    assert ciphers and all("GCM" in c or "CHACHA20" in c for c in ciphers), done.stdout


@pytest.mark.parametrize("request_text", ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PUT /u/x/y HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n"
                                          "Content-Length: 3\r\n\r\nabc", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_plain_http_is_told_so(tls, request_text):
    with Raw(tls.port) as raw:
        answer = raw.send(request_text).answer()
        assert answer.status == 400 and answer.json()["code"] == "tls_expected"
        assert raw.answer() is None


def test_noise_instead_of_a_handshake(tls):
    before = tls.metrics()['lc_tls_handshakes_total{outcome="failed"}']
    with Raw(tls.port) as raw:
        raw.send(b"\x16\x03\x01\x00\x05hello" + b"\xff" * 1000)
        until(lambda: tls.metrics()['lc_tls_handshakes_total{outcome="failed"}'] == before + 1, 5, "the failure")


def certificate(service):
    """What the gateway shows to a new connection."""
    return ssl.get_server_certificate(("127.0.0.1", service.port), timeout=10)


def end_of(file):
    said = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-in", file], check=True, capture_output=True, text=True)
    return ssl.cert_time_to_seconds(said.stdout.strip().removeprefix("notAfter="))


def test_reload_under_load(scratch, redis_server, tmp_path, make_file):
    first, second = make_pair(tmp_path, "a"), make_pair(tmp_path, "b", days=3)
    live = tmp_path / "live.crt", tmp_path / "live.key"

    def put_in_place(pair):
        for source, target in zip(pair, live):
            target.write_bytes(open(source, "rb").read())  # pylint: disable=consider-using-with

    put_in_place(first)
    service = start(os.path.join(scratch, "data"), redis_server, tmp_path / "log", *map(str, live))
    token, ticket = seed_ticket(redis_server, attempts=10)
    file = make_file(4 << 20)
    under_way = [curl.Background("--cacert", first[0], "--limit-rate", "2M", "-T", file.path,
                                 f"{service.url}/u/{token}/n{i}") for i in range(4)]
    until(lambda: held(redis_server, ticket) == 4, 10, "four uploads")
    assert certificate(service) == open(first[0]).read()  # pylint: disable=consider-using-with
    assert service.metrics()["lc_tls_certificate_expiry_timestamp_seconds"] == end_of(first[0])
    put_in_place(second)
    service.process.signal(signal.SIGHUP)
    until(lambda: certificate(service) == open(second[0]).read(), 10, "the new certificate")
    put_in_place((first[0], second[1]))  # a pair that does not belong together
    service.process.signal(signal.SIGHUP)
    until(lambda: service.metrics()['lc_tls_reloads_total{outcome="failed"}'] == 1, 10, "the refusal")
    service.process.wait_says("variable=GATEWAY_TLS_KEY")
    assert certificate(service) == open(second[0]).read()  # pylint: disable=consider-using-with
    assert service.metrics()["lc_tls_certificate_expiry_timestamp_seconds"] == end_of(second[0]) > end_of(first[0])
    assert [b.result().status for b in under_way] == [201] * 4
    service.close()


def test_hanging_handshakes(scratch, redis_server, tmp_path, pair):
    service = start(os.path.join(scratch, "data"), redis_server, tmp_path / "log", *pair, GATEWAY_THREADS="1",
                    TLS_HANDSHAKE_TIMEOUT="1s", TLS_MAX_HANDSHAKES="4")

    def count(outcome):
        return service.metrics()[f'lc_tls_handshakes_total{{outcome="{outcome}"}}']

    silent = [Raw(service.port) for _ in range(20)]
    until(lambda: count("dropped") >= 15, 10, "the oldest to be dropped")
    assert silent[0].closed()
    with connect(service, pair[0]) as raw:
        assert raw.send("GET /api/v1/check/health/ HTTP/1.1\r\nHost: x\r\n\r\n").answer("GET").status == 200
    until(lambda: count("late") >= 1 and count("late") + count("dropped") == 20, 10, "the rest to be late")
    for raw in silent:
        raw.sock.close()
    service.close()


def test_bad_files_refuse_the_start(scratch, redis_server, tmp_path, pair):
    other = make_pair(tmp_path, "other")
    noise = tmp_path / "noise"
    noise.write_text("no PEM")
    locked = tmp_path / "locked.key"
    subprocess.run(["openssl", "ec", "-in", pair[1], "-aes256", "-passout", "pass:secret", "-out", str(locked)],
                   check=True, capture_output=True)
    service = Gateway(os.path.join(scratch, "data"), redis_server.url, tmp_path / "log")
    for cert, key, word in ((pair[0], "", "GATEWAY_TLS_KEY"), ("", pair[1], "GATEWAY_TLS_CERT"),
                            ("/nonexistent", pair[1], "GATEWAY_TLS_CERT: /nonexistent: No such file or directory: name a file"),
                            (str(noise), pair[1], "give the certificate and then its chain as PEM"),
                            (pair[0], str(noise), "give the key as PEM without a passphrase"),
                            (pair[0], other[1], "the key is another certificate's"),
                            (pair[0], str(locked), "give the key as PEM without a passphrase")):
        done = service.run(env={"GATEWAY_TLS_CERT": cert, "GATEWAY_TLS_KEY": key})
        variable = "GATEWAY_TLS_CERT" if "CERT" in word or "certificate and" in word else "GATEWAY_TLS_KEY"
        assert done.returncode == 1 and word in done.stderr and variable in done.stderr, (cert, key, done)
