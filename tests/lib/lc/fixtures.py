"""pytest fixtures of all service tests. Loaded by tests/conftest.py."""

import hashlib
import itertools
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass

import pytest

from lc.programs import missing
from lc.rest import Rest
from lc.services import Admin, Gateway
from lc.stack import Stack
from lc.stores import Postgres, Redis


def _scratch():
    return tempfile.mkdtemp(prefix="lc-")


@pytest.fixture(scope="session", autouse=True)
def _no_proxy():
    """Nothing of the tests goes through a proxy of the machine."""
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"


@pytest.fixture(scope="module")
def scratch():
    """A short directory (unix sockets have 108 bytes) that is removed with all the archives in it."""
    path = _scratch()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def redis_server(scratch):
    server = Redis(os.path.join(scratch, "redis")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def postgres(scratch):
    """A PostgreSQL; a visible skip where it is not installed, a failure in CI."""
    if not Postgres.available():
        missing("PostgreSQL is not installed (package postgresql)")
    server = Postgres(scratch).start()
    yield server
    server.stop("immediate")


@pytest.fixture(scope="module")
def gateway(scratch, redis_server, request):
    """The gateway on a Redis without admin-api. Environment: GATEWAY_ENV of the test module."""
    service = Gateway(os.path.join(scratch, "data"), redis_server.url, os.path.join(scratch, "upload-gw.log"),
                      getattr(request.module, "GATEWAY_ENV", None)).start()
    yield service
    service.close()


@pytest.fixture(scope="module")
def db_url(request):
    """Of a database on the server that LC_DB says; None: the harness's sqlite file."""
    if os.environ.get("LC_DB") == "postgres":
        return request.getfixturevalue("postgres").create_database("lc")
    return None


@pytest.fixture(scope="module")
def admin(scratch, redis_server, db_url, request):
    """admin-api without the gateway, on sqlite or what LC_DB says. Environment: ADMIN_ENV of the test module."""
    service = Admin(os.path.join(scratch, "data"), redis_server.url, os.path.join(scratch, "admin-api.log"),
                    getattr(request.module, "ADMIN_ENV", None), db_url).start()
    yield service
    service.close()


@pytest.fixture(scope="module")
def stack(scratch, db_url, request):
    """All of it, one per test module, on sqlite or what LC_DB says. GATEWAY_ENV and ADMIN_ENV of the module apply."""
    whole = Stack(scratch, getattr(request.module, "GATEWAY_ENV", None), getattr(request.module, "ADMIN_ENV", None),
                  db_url)
    try:
        yield whole.start()
    finally:
        whole.close()


@dataclass
class Archive:
    """A file to upload and what must come back."""

    path: str
    size: int
    sha256: str


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@pytest.fixture(scope="session")
def big_archive():
    """A real tar.gz of up to 400 MB out of /usr, made in bounded time."""
    directory = _scratch()
    path = os.path.join(directory, "logs.tar.gz")
    subprocess.run(["bash", "-c", "tar -C / -c usr/lib usr/bin usr/share usr/include 2>/dev/null | "
                    'head -c 1200000000 | gzip -1 | head -c 400000000 > "$0"', path], check=True, timeout=300)
    size = os.path.getsize(path)
    assert size > 150_000_000, f"only {size} bytes of archive out of /usr"
    yield Archive(path, size, sha256_of(path))
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def make_file(tmp_path):
    """make_file(size): a file of random bytes, an Archive."""
    count = itertools.count(1)

    def make(size, name=None):
        path = tmp_path / (name or f"file{next(count)}.bin")
        content = os.urandom(size)
        path.write_bytes(content)
        return Archive(str(path), size, hashlib.sha256(content).hexdigest())

    return make


@pytest.fixture(scope="module")
def rest(stack):
    """The stack's REST API as the administrator calls it."""
    return Rest(stack)
