"""Storage on GlusterFS with three replicas: the main job, a gateway killed in the middle, and resumption."""

import ctypes
import hashlib
import os
import random
import subprocess

import pytest
from jobs import main_job, upload

from lc import curl, tus
from lc.build import ROOT
from lc.process import Process
from lc.programs import missing, need
from lc.stack import Stack
from lc.wait import until

NEWNS, NEWNET = 0x20000, 0x40000000


def must(result):
    assert result == 0, os.strerror(ctypes.get_errno())


def enter(pid):
    """From here on this process sees the volume, and has the network that its servers are in."""
    libc = ctypes.CDLL(None, use_errno=True)
    for name, kind in (("net", NEWNET), ("mnt", NEWNS)):
        with open(f"/proc/{pid}/ns/{name}", "rb") as f:
            must(libc.setns(f.fileno(), kind))
    must(libc.unshare(NEWNS))
    subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)  # theirs does not know our processes


@pytest.fixture(name="stack", scope="module")
def _stack(scratch):
    need("glusterd", "gluster", "mount.glusterfs")
    if os.geteuid():
        missing("as root only")
    volume = Process("gluster", [os.path.join(ROOT, "tests", "ship", "gluster"), f"{scratch}/gluster", f"{scratch}/data"],
                     f"{scratch}/gluster.log")
    volume.spawn()
    try:
        volume.wait_ready(lambda: "ready" in volume.output(), timeout=180)
        with open(f"/proc/{volume.pid}/task/{volume.pid}/children", encoding="ascii") as f:
            enter(int(f.read().split()[0]))
        whole = Stack(scratch, {"UPLOAD_LEASE": "3s", "RESUME_LEASE": "1s"}, db_url=f"sqlite:///{scratch}/db.sqlite3")
        try:
            yield whole.start()
        finally:
            whole.close()
    finally:
        volume.kill9()


def test_main_job(stack, make_file, tmp_path):
    kind = subprocess.run(["stat", "-f", "-c", "%T", stack.data_dir], capture_output=True, text=True, check=True).stdout
    assert kind.strip().startswith("fuse"), kind
    main_job(stack, make_file(30_000_000), tmp_path)


def test_killed_in_the_middle(stack, make_file):
    """What was not answered costs nothing, and what was answered before is there."""
    ticket, file = stack.make_ticket(attempts=2), make_file(6_000_000)
    assert upload(stack, ticket, file).status == 201
    slow = curl.Background("--limit-rate", "1M", "-T", file.path, f"{stack.gateway.url}/u/{ticket['token']}/slow")
    until(lambda: stack.gateway.metrics()["lc_uploads_open"] == 1, 30, "the upload to begin")
    stack.gateway.kill9()
    assert slow.result().status != 201
    stack.gateway.start()
    until(lambda: upload(stack, ticket, file).status == 201, 60, "the attempt to come back", step=0.5)
    assert {a["sha256"] for a in stack.wait_archives(ticket, 2)} == {file.sha256}
    assert stack.attempts(ticket) == 0


def test_resumed_after_kill(stack):
    ticket, data, port = stack.make_ticket(), random.Random(7).randbytes(9_000_000), stack.gateway.port
    made = tus.create(port, ticket["token"], len(data), body=data[:3_000_000])
    assert made.status == 201, made
    path, at = tus.path_of(made), int(made.headers["upload-offset"])
    assert at == 3_000_000
    stack.gateway.kill9()
    stack.gateway.start()
    assert until(lambda: tus.offset(port, path), 30, "the offset") >= at
    for begin in range(at, len(data), 3_000_000):
        part = data[begin:begin + 3_000_000]
        headers = {"Upload-Offset": str(begin), "Content-Type": tus.PART}
        until(lambda h=headers, p=part: tus.request(port, "PATCH", path, h, p).status == 204, 30, "the part")
    (archive,) = stack.wait_archives(ticket, 1)
    assert archive["sha256"] == hashlib.sha256(data).hexdigest()
