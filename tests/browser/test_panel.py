"""The support team's panel in a real browser against the real services."""

import pytest

from browser import Driver, Harness, install, scenarios

FILE = "panel.mjs"


@pytest.fixture(scope="module")
def driver(scratch, stack):
    install()
    stack.make_ticket()
    running = Driver(FILE, Harness(stack, scratch))
    yield running
    running.close()


@pytest.mark.parametrize("scenario", scenarios(FILE))
def test_panel(driver, scenario):
    driver.run(scenario)
