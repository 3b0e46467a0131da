"""The support team's panel in a real browser against the real services."""

import os

import pytest

from browser import Driver, Harness, install, scenarios
from lc.stack import Stack

FILE = "panel.mjs"
FORCED = "forced.mjs"


@pytest.fixture(scope="module")
def driver(scratch, stack):
    install()
    stack.make_ticket()
    running = Driver(FILE, Harness(stack, scratch))
    yield running
    running.close()


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


@pytest.mark.parametrize("scenario", scenarios(FILE))
def test_panel(driver, scenario):
    driver.run(scenario)


@pytest.mark.parametrize("scenario", scenarios(FORCED))
def test_panel_that_requires_the_second_step(forced, scenario):
    forced.run(scenario)
