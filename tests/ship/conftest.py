"""Fixtures of the tests that need a Docker engine."""

import os
import subprocess

import pytest

from lc.programs import missing
from lc.ship import DOCKER, IMAGES, Engine, running

NEEDED = (DOCKER, "/usr/bin/docker-compose", "/usr/bin/slirp4netns", "/usr/bin/mmdebstrap")


def why_no_engine():
    if os.geteuid():
        return "as root only"
    missing = [name for name in NEEDED if not os.access(name, os.X_OK)]
    if missing:
        return f"not installed: {' '.join(missing)} (deploy/install engine)"
    made = subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True, text=True, timeout=20, check=False)
    return f"no namespaces can be made here: {made.stderr.strip()}" if made.returncode else None


def need_docker():
    """A visible skip without what an engine needs, a failure in CI."""
    why = why_no_engine()
    if why:
        missing(why)


@pytest.fixture(scope="session")
def engine():
    need_docker()
    one = Engine()
    try:
        yield one.start()
    finally:
        one.stop()


@pytest.fixture(scope="session")
def images(engine):
    engine.build_images()
    return IMAGES


@pytest.fixture(scope="module")
def stack(engine, images, request):  # pylint: disable=unused-argument
    """The stack of the module's COMPOSE_FILE."""
    with running(engine, request.module.COMPOSE_FILE, getattr(request.module, "ADMIN", "admin-api")) as whole:
        yield whole
