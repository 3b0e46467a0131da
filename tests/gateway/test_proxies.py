"""The examples of deploy/proxy with real nginx and HAProxy in front of the gateway: every kind of upload streams through,
refusals come before the body, broken uploads cost nothing, the gateway sees the client's address, no log has a token."""

import hashlib
import os
import re
import socket
import subprocess
import sys

import pytest

from lc import curl
from lc.build import ROOT
from lc.process import Process, free_port
from lc.programs import need, which
from lc.tickets import seed_ticket
from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
from spool import held, in_progress, published  # noqa: E402

GATEWAY_ENV = {"TRUSTED_PROXIES": "127.0.0.1", "UPLOAD_LEASE": "3s", "RESUME_LEASE": "3s"}
EXAMPLES = os.path.join(ROOT, "deploy", "proxy")
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def example(name, *changes):
    """The example's text with the addresses of this test: each change is found in it."""
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
        text = f.read()
    for old, new in changes:
        assert old in text, f"{old} is not in {name}"
        text = text.replace(old, new)
    return text


def nginx_argv(directory, port, gateway, pair):
    site = example("nginx.conf", ("127.0.0.1:8080", f"127.0.0.1:{gateway.port}"), ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
                   ("/etc/ssl/logs.example.com.pem", pair[0]), ("/etc/ssl/logs.example.com.key", pair[1]),
                   ("/var/log/nginx", directory))
    temporary = "".join(f"{kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf = os.path.join(directory, "nginx.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"{'user root;' if os.geteuid() == 0 else ''}\npid {directory}/pid; daemon off;\nevents {{}}\n"
                f"http {{\n{temporary}\n{site}}}\n")
    return [which("nginx"), "-c", conf, "-e", f"{directory}/error.log"]


def haproxy_argv(directory, port, gateway, pair):
    both = os.path.join(directory, "both.pem")
    with open(both, "wb") as f:
        for name in pair:
            with open(name, "rb") as part:
                f.write(part.read())
    conf = os.path.join(directory, "haproxy.cfg")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(example("haproxy.cfg", ("127.0.0.1:8080", f"127.0.0.1:{gateway.port}"), ("bind :443", f"bind 127.0.0.1:{port}"),
                        ("/etc/ssl/logs.example.com.pem", both)))
    return [which("haproxy"), "-db", "-f", conf]


@pytest.fixture(scope="module")
def pair(scratch):
    cert, key = os.path.join(scratch, "cert.pem"), os.path.join(scratch, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


class Proxy:
    def __init__(self, name, argv, directory, port, cafile):
        self.directory, self.url, self.cafile = directory, f"https://127.0.0.1:{port}", cafile
        self.process = Process(name, argv, os.path.join(directory, "out.log"))
        self.process.spawn()
        self.process.wait_ready(lambda: socket.create_connection(("127.0.0.1", port), 1).close() or True)

    def curl(self, *args, **kw):
        return curl.run("--cacert", self.cafile, *args, **kw)

    def logs(self):
        text = ""
        for name in os.listdir(self.directory):
            if name.endswith(".log"):
                with open(os.path.join(self.directory, name), encoding="utf-8", errors="replace") as f:
                    text += f.read()
        return text


@pytest.fixture(scope="module", params=["nginx", "haproxy"])
def proxy(request, scratch, gateway, pair):
    argv = {"nginx": nginx_argv, "haproxy": haproxy_argv}[request.param]
    need(request.param)
    directory, port = os.path.join(scratch, request.param), free_port()
    os.mkdir(directory)
    one = Proxy(request.param, argv(directory, port, gateway, pair), directory, port, pair[0])
    yield one
    one.process.stop(expect=None)
    written = one.logs()
    assert "/u/-" in written, "requests are logged"
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", written), written


@pytest.fixture
def ticket(redis_server):
    return seed_ticket(redis_server, attempts=5)


def test_every_kind_of_upload(proxy, gateway, ticket, make_file):
    file = make_file(9 << 20)
    put, api, token = f"{proxy.url}/u/{ticket[0]}/", f"{proxy.url}/api/v1/archives/", ("-H", f"Upload-Token: {ticket[0]}")
    name = ("-H", "Content-Disposition: attachment; filename=raw.bin", "--data-binary", f"@{file.path}")
    for how in (("-T", file.path, put), ("-H", "Transfer-Encoding: chunked", "-T", file.path, put + "chunked.bin"),
                (*token, "-F", f"file=@{file.path}", api), (*token, *name, api)):
        done = proxy.curl(*curl.JSON, *how)
        assert done.status == 201, done
        assert done.json()["sha256"] == file.sha256 == published(gateway)[done.json()["upload_id"]][1]


def test_resumable_upload_goes_on(proxy, gateway, ticket, make_file):
    """By our uploader, on a line that is cut in the middle: curl is killed by its time limit."""
    file = make_file(6 << 20)
    plain = ("-H", "Tus-Resumable: 1.0.0")
    made = proxy.curl("-i", "-X", "POST", *plain, "-H", f"Upload-Token: {ticket[0]}", "-H", f"Upload-Length: {file.size}", "-H",
                      "Upload-Metadata: filename YS5iaW4=", "-H", "Content-Length: 0", f"{proxy.url}/api/v1/uploads/")
    path = re.search(r"(?im)^location: (\S+)", made.body).group(1)
    part = ("-X", "PATCH", *plain, "-H", "Content-Type: application/offset+octet-stream")
    cut = proxy.curl(*part, "-H", "Upload-Offset: 0", "--limit-rate", "2M", "-m", "1", "-T", file.path, proxy.url + path)
    assert cut.code == 28

    def offset():
        head = proxy.curl("-I", *plain, proxy.url + path)
        return head.status == 200 and int(re.search(r"(?im)^upload-offset: (\d+)", head.body).group(1))

    at = until(offset, 20, "the offset after the break")
    assert 0 < at < file.size
    rest = proxy.curl(*part, "-H", f"Upload-Offset: {at}", "-C", str(at), "-H", "Content-Range:", "-T", file.path, proxy.url + path)
    assert rest.status == 204, rest
    assert published(gateway)[path.rsplit("/", 1)[1]][1] == file.sha256


def test_refusal_comes_before_the_body(proxy, scratch):
    path = os.path.join(scratch, "big")
    with open(path, "wb") as f:
        f.truncate(1 << 30)
    done = proxy.curl("-T", path, f"{proxy.url}/u/{UNKNOWN}/")
    assert done.status == 403 and "is not valid" in done.body
    assert done.sent < 64 << 20, "buffers of the proxy, not the archive"


def test_aborted_upload_costs_nothing(proxy, gateway, redis_server, make_file):
    token, ticket = seed_ticket(redis_server, attempts=1)
    file = make_file(8 << 20)
    slow = curl.Background("--cacert", proxy.cafile, "--limit-rate", "1M", "-T", file.path, f"{proxy.url}/u/{token}/")
    until(lambda: held(redis_server, ticket) == 1 and in_progress(gateway), 15, "bytes at the gateway long before the end")
    slow.kill()
    until(lambda: held(redis_server, ticket) == 0, 15, "the attempt to come back")
    assert proxy.curl("-T", file.path, f"{proxy.url}/u/{token}/").status == 201


def test_the_client_is_who_it_is(proxy, gateway, ticket, make_file):
    """Its address reaches the gateway's records; what it claims of itself does not."""
    file = make_file(10)
    done = proxy.curl(*curl.JSON, "--interface", "127.0.0.9", "-H", "X-Forwarded-For: 198.51.100.1", "-T", file.path,
                      f"{proxy.url}/u/{ticket[0]}/")
    assert done.status == 201, done
    with open(os.path.join(gateway.data_dir, "spool", "new", done.json()["upload_id"], "manifest"), "rb") as f:
        assert b"127.0.0.9" in f.read()


def test_archive_is_whole(proxy, gateway, ticket):
    data = os.urandom(3 << 20)
    done = proxy.curl(*curl.JSON, "-T", "-", f"{proxy.url}/u/{ticket[0]}/piped.bin", input=data)
    assert done.json()["sha256"] == hashlib.sha256(data).hexdigest()
