"""pytest plugin of the mode LC_PRISM: whatever tests ask admin-api and the gateway is compared with the document.

A test fails when one of its exchanges is not as documented."""

import os

import pytest
import requests

from lc import prism


@pytest.fixture(scope="session")
def conformance(tmp_path_factory):
    """Of the whole run; `begin` with the first service that publishes the document."""
    run = Run(str(tmp_path_factory.mktemp("prism")))
    yield run
    run.close()


class Run:
    def __init__(self, directory):
        self.directory, self.whole = directory, None

    def begin(self, admin):
        if self.whole is None:
            document = requests.get(admin.url + prism.FREE, params={"format": "json"}, timeout=20).json()
            self.whole = prism.Conformance(document, self.directory)
        return self.whole

    def close(self):
        if self.whole is not None:
            print(f"\n{self.whole.replayed} exchanges compared")
            self.whole.close()


@pytest.fixture(autouse=True)
def as_documented(request, conformance):
    """Around every test that has an admin-api."""
    has = {"stack", "rest", "admin"} & set(request.fixturenames)
    if not has:
        yield
        return
    admin = request.getfixturevalue("admin") if "admin" in has else request.getfixturevalue("stack").admin
    if not os.path.exists(os.path.join(prism.TOOLS, "prism")):
        pytest.fail("prism is not installed: run npm ci --ignore-scripts in tests/contract (tests/run does)")
    whole = conformance.begin(admin)
    whole.begin_test(request.node.get_closest_marker("generous") is not None)
    with prism.listening(whole):
        yield
    assert not whole.differences, "not as documented:\n" + "\n".join(whole.differences)
