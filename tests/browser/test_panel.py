"""The support team's panel in a real browser against the real services."""

import os
import shutil
import tempfile

import pytest

from browser import Driver, Harness, install, scenarios
from lc.clamav import EICAR, Clamd
from lc.programs import need
from lc.receiver import Receiver
from lc.stack import Stack

FILE, SETTINGS = "panel.mjs", "settings.mjs"  # the one takes in the other
FORCED = "forced.mjs"
DIRECTORY = tempfile.mkdtemp(prefix="lc-clamd-")
ADMIN_ENV = {"CLAMD_SOCKET": os.path.join(DIRECTORY, "clamd.sock"), "WEBHOOK_ALLOW_NETS": "127.0.0.0/8",
             "WEBHOOK_RETRY": "20ms", "WEBHOOK_ATTEMPTS": "2"}


class PanelHarness(Harness):
    """Beside the services: a receiver of web hooks, and malware for the scanner."""

    def __init__(self, stack, scratch):
        super().__init__(stack, scratch)
        self.receiver = Receiver()

    def receiver_at(self, path, status):
        self.receiver.answers[path] = [(status, {}, b"")]
        return self.receiver.url + path

    def told(self, path, secret):
        """The events that came, each signed with the secret."""
        self.stack.admin.secrets.add(secret)
        calls = self.receiver.at(path)
        assert all(call.is_signed_with(secret) for call in calls)
        return [call.json["event"] for call in calls]

    def put_malware(self, token, name):
        return self.put_content(token, name, EICAR)


@pytest.fixture(scope="module")
def clamd():
    need("clamd", package="clamav-daemon")
    daemon = Clamd(DIRECTORY).start()
    yield daemon
    daemon.stop()
    shutil.rmtree(DIRECTORY, ignore_errors=True)


@pytest.fixture(scope="module")
def driver(scratch, clamd, stack):  # pylint: disable=unused-argument
    install()
    stack.make_ticket()
    harness = PanelHarness(stack, scratch)
    running = Driver(FILE, harness)
    yield running
    running.close()
    harness.receiver.close()


@pytest.fixture(scope="module")
def forced(scratch):
    install()
    strict = Stack(os.path.join(scratch, "forced"), admin_env={"REQUIRE_2FA": "all"})
    try:
        strict.start()
        running = Driver(FORCED, Harness(strict, scratch))
        yield running
        running.close()
    finally:
        strict.close()


@pytest.mark.parametrize("scenario", scenarios(FILE) + scenarios(SETTINGS))
def test_panel(driver, scenario):
    driver.run(scenario)


@pytest.mark.parametrize("scenario", scenarios(FORCED))
def test_panel_that_requires_the_second_step(forced, scenario):
    forced.run(scenario)
