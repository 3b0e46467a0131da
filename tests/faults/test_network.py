"""Uploads over lines that lose packets, reset connections and go dead, from a network namespace of their own."""

import os
import subprocess
import sys

import pytest
import requests

from lc.build import ROOT
from lc.services import Gateway
from lc.tickets import seed_ticket
from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "gateway"))
from network import BadLine  # noqa: E402
from spool import held, in_progress, published  # noqa: E402


@pytest.fixture
def line():
    with BadLine() as bad:
        yield bad


@pytest.fixture
def gw(line, redis_server, tmp_path):
    service = Gateway(tmp_path / "data", redis_server.url, tmp_path / "gw.log",
                      {"UPLOAD_IDLE_TIMEOUT": "3s", "UPLOAD_LEASE": "3s", "RESUME_LEASE": "1s"})
    service.env["GATEWAY_LISTEN"], service.url = f"{line.here}:{service.port}", f"http://{line.here}:{service.port}"
    yield service.start()
    service.close()


def curl(line, gw, token, file, *options):
    return subprocess.Popen(line.argv("curl", "-q", "-sS", "--noproxy", "*", "-m", "60", "-w", "%{http_code}", "-o",
                                      "/dev/null", *options, "-T", file.path, f"{gw.url}/u/{token}/"),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_lost_packets(line, gw, redis_server, make_file):
    """TCP's business; the bytes are right all the same."""
    token, _ = seed_ticket(redis_server)
    file = make_file(600_000)
    line.lose(0.05)
    out, err = curl(line, gw, token, file).communicate(timeout=90)
    assert out == "201", err
    assert [sha for _, sha in published(gw).values()] == [file.sha256]


def test_resets(line, gw, redis_server, make_file):
    """The uploader goes on where a reset broke it off, and every attempt that a reset ended comes back."""
    token, ticket = seed_ticket(redis_server, attempts=1)
    file = make_file(3_000_000)
    line.reset_every(60)
    script = os.path.join(ROOT, "deploy", "uploader.sh")
    done = subprocess.run(line.argv("sh", script, "-d", gw.url, "-t", token, file.path), capture_output=True, text=True,
                          timeout=150, check=False, env={**os.environ, "NO_PROXY": "*"})
    line.heal()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [sha for _, sha in published(gw).values()] == [file.sha256]
    assert held(redis_server, ticket) == 1


def test_line_goes_dead(line, gw, redis_server, make_file):
    """No FIN, no RST: the upload is given up after UPLOAD_IDLE_TIMEOUT, its attempt is free for the next one."""
    token, ticket = seed_ticket(redis_server, attempts=1)
    sender = curl(line, gw, token, make_file(50_000_000), "--limit-rate", "1M")
    try:
        until(lambda: gw.metrics()["lc_upload_bytes_total"] > 0, 30, "bytes to arrive")
        line.cut()
        until(lambda: held(redis_server, ticket) == 0 and not in_progress(gw), 30, "the upload to be given up")
    finally:
        sender.kill()
        sender.communicate()
    assert requests.get(gw.url + "/api/v1/check/health/", timeout=10).status_code == 200
    line.heal()
    file = make_file(1000)
    out, err = curl(line, gw, token, file).communicate(timeout=60)
    assert out == "201", err
    assert [sha for _, sha in published(gw).values()] == [file.sha256]
