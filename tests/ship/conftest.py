"""Fixtures of the tests that need a Docker engine."""

import os
import shutil
import tempfile

import pytest

from lc.ship import DOCKER, IMAGES, ComposeStack, Engine


def need_docker():
    """A visible skip without what an engine needs, a failure in CI."""
    missing = [name for name in (DOCKER, "/usr/bin/docker-compose", "/usr/bin/slirp4netns", "/usr/bin/mmdebstrap")
               if not os.access(name, os.X_OK)]
    why = "as root only" if os.geteuid() else f"not installed: {' '.join(missing)} (deploy/install ship)" if missing else None
    if why and os.environ.get("CI"):
        pytest.fail(why)
    if why:
        pytest.skip(why)


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
    directory = tempfile.mkdtemp(prefix="lc-")
    whole = ComposeStack(engine, request.module.COMPOSE_FILE, directory, getattr(request.module, "ADMIN", "admin-api"))
    try:
        yield whole.start()
    except AssertionError:
        print(whole.logs())
        raise
    finally:
        whole.close()
        shutil.rmtree(directory, ignore_errors=True)
