"""pytest fixtures of all service tests. Loaded by tests/conftest.py."""

import os
import shutil
import subprocess
import tempfile

import pytest

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
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed (package postgresql)")
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
def admin(scratch, redis_server, request):
    """admin-api on sqlite without the gateway. Environment: ADMIN_ENV of the test module."""
    service = Admin(os.path.join(scratch, "data"), redis_server.url, os.path.join(scratch, "admin-api.log"),
                    getattr(request.module, "ADMIN_ENV", None)).start()
    yield service
    service.close()


@pytest.fixture(scope="module")
def stack(scratch, request):
    """All of it, one per test module, on sqlite or what LC_DB says. GATEWAY_ENV and ADMIN_ENV of the module apply."""
    db_url = None
    if os.environ.get("LC_DB") == "postgres":
        db_url = request.getfixturevalue("postgres").create_database("lc")
    whole = Stack(scratch, getattr(request.module, "GATEWAY_ENV", None), getattr(request.module, "ADMIN_ENV", None),
                  db_url)
    try:
        yield whole.start()
    finally:
        whole.close()


@pytest.fixture(scope="session")
def big_archive():
    """A real tar.gz of about 400 MB out of /usr: (path, size). Bounded in time; fails when the machine has too little."""
    directory = _scratch()
    path = os.path.join(directory, "logs.tar.gz")
    limit = 400 * 1000 * 1000
    subprocess.run(["bash", "-c", 'tar -C / -c usr/lib usr/bin usr/share 2>/dev/null | head -c 1100000000 | gzip -1 | '
                    'head -c "$1" > "$0"', path, str(limit)], check=True, timeout=240)
    size = os.path.getsize(path)
    assert size > 150 * 1000 * 1000, f"only {size} bytes of archive out of /usr"
    yield path, size
    shutil.rmtree(directory, ignore_errors=True)
