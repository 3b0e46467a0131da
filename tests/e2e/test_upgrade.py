"""A new process takes over from an old one on the same listening sockets: under load nobody is refused, uploads under
way end well, and resumable ones go on at the new one."""

import hashlib
import os
import socket
import threading
import time

import pytest
import requests

from lc import tus
from lc.fixtures import sha256_of
from lc.process import Process
from lc.raw import Raw
from lc.services import Admin, Gateway
from lc.stack import Stack
from lc.wait import until

SIZE = 6_000_000


def listener(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(511)
    return s


def hand_over(service, sockets):
    """The next start of the service gets these instead of opening its own."""
    service.process.listeners = sockets


def successor(service):
    """Another process of the same service, beside the one that runs."""
    process = Process(service.program + "-next", service.process.argv, service.process.log + ".next",
                      env=service.process.env)
    process.listeners = service.process.listeners
    return process


@pytest.fixture(scope="module")
def stack(scratch, db_url):
    whole = Stack(scratch, None, None, db_url)
    held = []
    for service in (whole.gateway, whole.admin):
        pair = [("http", listener(service.port)), ("status", listener(service.status_port))]
        held += pair
        hand_over(service, pair)
    whole.gateway.env["GATEWAY_LISTEN"] = whole.admin.env["ADMIN_LISTEN"] = "127.0.0.1:1"  # nobody does, having a socket
    try:
        yield whole.start()
    finally:
        whole.close()
        for _, s in held:
            s.close()


class Load:
    """Clients that ask in turn, each time on a connection of their own; a failure is kept with its reason."""

    def __init__(self, port, path, headers="", clients=6):
        self.done, self.failures, self.stop = [0] * clients, [], threading.Event()
        self.request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        self.port = port
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, i):
        while not self.stop.is_set() and len(self.failures) < 20:
            try:
                with Raw(self.port, timeout=30) as raw:
                    answer = raw.send(self.request).answer()
                    if answer.status != 200:
                        raise AssertionError(answer)
                self.done[i] += 1
            except Exception as e:  # pylint: disable=broad-except
                self.failures.append(repr(e))
            time.sleep(0.002)  # or they would take the processors from those they ask

    def more(self, count=100):
        """Until so many more were answered."""
        goal = sum(self.done) + count
        until(lambda: self.failures or sum(self.done) >= goal, 60, f"{count} answers")
        assert not self.failures, self.failures[:3]

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(40)
        assert not self.failures, self.failures[:3]


class Upload(threading.Thread):
    """PUT in pieces; the last ones wait for `go`."""

    def __init__(self, stack, ticket, number):
        super().__init__(daemon=True)
        self.stack, self.ticket, self.name = stack, ticket, f"slow{number}.bin"
        self.body = os.urandom(SIZE)
        self.half, self.go, self.status = threading.Event(), threading.Event(), None
        self.start()

    def pieces(self):
        middle = SIZE // 2
        yield self.body[:middle]
        self.half.set()
        self.go.wait(60)
        yield self.body[middle:]

    def run(self):
        url = f"{self.stack.gateway.url}/u/{self.ticket['token']}/{self.name}"
        self.status = requests.put(url, data=self.pieces(), timeout=60).status_code


def take_over(service, ready):
    """Starts the successor, then ends the old one; the service's process is the new one afterwards."""
    old, new = service.process, successor(service)
    new.spawn()
    new.wait_ready(lambda: ready(new))
    old.popen.terminate()
    return old, new


def test_gateway(stack):
    gateway = stack.gateway
    assert "listen.inherited" in gateway.process.output()
    assert f" started listen=127.0.0.1:{gateway.port} " in gateway.process.output()
    ticket = stack.make_ticket(attempts=10)
    load = Load(gateway.port, "/api/v1/check/health/")
    load.more()
    before = gateway.metrics()["lc_upload_bytes_total"]
    uploads = [Upload(stack, ticket, i) for i in range(3)]
    for upload in uploads:
        assert upload.half.wait(30)
    content = os.urandom(2_000_000)
    where = tus.path_of(tus.create(gateway.port, ticket["token"], len(content), "resumed.bin"))
    sending = Raw(gateway.port, timeout=30)
    sending.send(tus.head_of("PATCH", where, {"Content-Type": tus.PART, "Upload-Offset": "0",
                                              "Content-Length": str(len(content))}, None) + content[:1_000_000])
    until(lambda: gateway.metrics()["lc_upload_bytes_total"] - before >= 3 * (SIZE // 2) + 1_000_000, 30, "all that was sent")
    old, new = take_over(gateway, lambda p: " started" in p.output() or '"started"' in p.output())
    load.more(300)
    assert old.alive(), "it waits for its uploads"
    at = until(lambda: tus.offset(gateway.port, where) or None, 30, "the resumable upload to be let go")
    assert 0 < at <= 1_000_000
    assert tus.patch(gateway.port, where, at, content[at:]).status == 204
    sending.sock.close()
    for upload in uploads:
        upload.go.set()
        upload.join(60)
    assert [u.status for u in uploads] == [201] * 3
    old.popen.wait(30)
    assert old.popen.returncode == 0
    gateway.process = new
    load.more(300)
    old, newest = take_over(gateway, lambda p: "started" in p.output())  # and once more
    old.popen.wait(30)
    assert old.popen.returncode == 0
    gateway.process = newest
    load.more(300)
    load.end()
    archives = {a["name"]: a for a in stack.wait_archives(ticket, 4)}
    for upload in uploads:
        assert archives[upload.name]["sha256"] == hashlib.sha256(upload.body).hexdigest()
    assert archives["resumed.bin"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert "status" in requests.get(gateway.status_url + "/readyz", timeout=5).text, "the new one answers there"


def test_admin_api(stack, make_file):
    """On PostgreSQL both serve at a time; on sqlite the new one waits for the old one's end, and clients in the queue."""
    admin = stack.admin
    assert f" started listen=127.0.0.1:{admin.port} " in admin.process.output()
    ticket = stack.make_ticket()
    file = make_file(30_000_000, "big.bin")
    with open(file.path, "rb") as f:
        assert requests.put(f"{stack.gateway.url}/u/{ticket['token']}/big.bin", data=f, timeout=60).status_code == 201
    (archive,) = stack.wait_archives(ticket, 1)
    authorization = f"Authorization: Bearer {stack.user.access}\r\n"
    load = Load(admin.port, "/api/v1/tickets/?limit=5", authorization)
    load.more()
    download = stack.download(archive, stream=True)
    pieces = download.iter_content(65536)
    begun = next(pieces)
    is_sqlite = not os.environ.get("LC_DB")
    old, new = take_over(admin, lambda p: ("start.waiting" if is_sqlite else " started ") in p.output())
    path = os.path.join(stack.directory, "got.bin")
    with open(path, "wb") as f:
        f.write(begun)
        for piece in pieces:
            f.write(piece)
    assert sha256_of(path) == file.sha256, "a download under way ends well"
    old.popen.wait(30)
    assert old.popen.returncode == 0
    admin.process = new
    load.more(200)
    load.end()
    assert admin.healthy()
    assert requests.get(admin.status_url + "/readyz", timeout=5).status_code == 200


@pytest.mark.parametrize("make", [Gateway, Admin])
def test_what_is_no_listening_socket_is_refused(stack, scratch, make):
    service = make(stack.data_dir, stack.redis.url, os.path.join(scratch, "refused.log"))
    if make is Admin:
        service.env["DB_URL"] = "sqlite:///" + os.path.join(scratch, "other.sqlite3")
    pair = socket.socketpair()
    service.process.listeners = [("http", pair[0])]
    service.process.spawn()
    assert service.process.popen.wait(20) != 0
    assert "LISTEN_FDS: descriptor 3 is no listening stream socket" in service.process.output()
    for s in pair:
        s.close()


def test_descriptors_of_another_process_are_not_ours(stack, scratch):
    """LISTEN_PID tells whose they are: a child of the one they were for opens its own."""
    service = Gateway(stack.data_dir, stack.redis.url, os.path.join(scratch, "own.log"), {"LISTEN_FDS": "1",
                                                                                          "LISTEN_PID": "1"})
    service.start()
    try:
        assert "listen.inherited" not in service.process.output()
    finally:
        service.close()
