"""Real clients: tus-js-client, Uppy and curl upload, are broken off, resume."""

import os
import sys

import pytest
import requests

from lc import clients, curl, npm, tus
from lc.services import Gateway
from lc.tickets import seed_ticket
from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
from spool import held, published  # noqa: E402

GATEWAY_ENV = {"RESUME_LEASE": "1s"}
PART = 400_000


@pytest.fixture(scope="module", autouse=True)
def _installed():
    npm.install(clients.DIRECTORY)


@pytest.fixture
def ticket(redis_server):
    return seed_ticket(redis_server, attempts=5)


def endpoint(gateway):
    return gateway.url + tus.PATH


def check(gateway, url, file):
    archive = published(gateway)[url.rsplit("/", 1)[1]]
    assert archive[1] == file.sha256


def test_tus_js_client(gateway, redis_server, ticket, make_file, tmp_path):
    file = make_file(3_000_001)
    end = clients.Client("tus-client.mjs", endpoint(gateway), ticket[0], file.path, "журнал.gz", PART,
                         tmp_path / "store").last()
    assert end["sha256"] == file.sha256
    check(gateway, end["url"], file)
    assert held(redis_server, ticket[1]) == 1


def test_tus_js_client_over_killed_gateways(scratch, redis_server, ticket, make_file, tmp_path):
    """It starts on one gateway, which is killed and comes back, and is killed again."""
    gateway = Gateway(tmp_path / "data", redis_server.url, tmp_path / "log", GATEWAY_ENV).start()
    try:
        file = make_file(12_000_000)
        client = clients.Client("tus-client.mjs", endpoint(gateway), ticket[0], file.path, "a.gz", PART, tmp_path / "store")
        for _ in range(3):
            client.line()
            gateway.kill9()
            gateway.start()
        end = client.last()
        assert end["sha256"] == file.sha256
        check(gateway, end["url"], file)
        assert held(redis_server, ticket[1]) == 1
    finally:
        gateway.close()


def test_tus_js_client_is_killed_and_run_again(gateway, redis_server, ticket, make_file, tmp_path):
    file = make_file(12_000_000)
    args = ("tus-client.mjs", endpoint(gateway), ticket[0], file.path, "b.gz", PART, tmp_path / "store")
    client = clients.Client(*args)
    accepted = client.line()["accepted"]
    client.kill()
    again = clients.Client(*args)
    assert again.line()["accepted"] > accepted, "it went on where the first had been"
    end = again.last()
    assert end["sha256"] == file.sha256
    check(gateway, end["url"], file)
    assert held(redis_server, ticket[1]) == 1


def test_uppy(gateway, redis_server, ticket, make_file):
    file = make_file(2_000_000)
    end = clients.Client("uppy-client.mjs", endpoint(gateway), ticket[0], file.path, "логи.gz", PART).last()
    assert end["errors"] == []
    check(gateway, end["urls"][0], file)
    assert held(redis_server, ticket[1]) == 1


def test_curl_by_hand(gateway, ticket, make_file):
    """Created, cut after a while, asked, gone on with."""
    file = make_file(6_000_000)
    plain = ("-H", "Tus-Resumable: 1.0.0")
    created = requests.post(endpoint(gateway), timeout=10, headers={
        "Tus-Resumable": "1.0.0", "Upload-Token": ticket[0], "Upload-Length": str(file.size),
        "Upload-Metadata": tus.metadata(filename="c.gz")})
    url = gateway.url + created.headers["Location"]

    def offset():
        head = requests.head(url, headers={"Tus-Resumable": "1.0.0"}, timeout=10)
        return int(head.headers["Upload-Offset"])

    part = ("-X", "PATCH", *plain, "-H", f"Content-Type: {tus.PART}")
    slow = curl.Background(*part, "-H", "Upload-Offset: 0", "--limit-rate", "2M", "-T", file.path, url)
    until(lambda: gateway.metrics()["lc_uploads_open"] == 1, what="the part to be under way")
    received = gateway.metrics()["lc_upload_bytes_total"]
    until(lambda: gateway.metrics()["lc_upload_bytes_total"] > received + 500_000, what="some of it")
    slow.kill()
    at = offset()
    assert 500_000 < at < file.size
    done = curl.run(*part, "-H", f"Upload-Offset: {at}", "-C", str(at), "-T", file.path, url)
    assert done.status == 204, done
    check(gateway, url, file)
