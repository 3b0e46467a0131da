"""The customer's page in a real browser against the real services."""

import pytest

from browser import Driver, Harness, install, scenarios

FILE = "upload.mjs"


@pytest.fixture(scope="module")
def driver(scratch, stack):
    install()
    running = Driver(FILE, Harness(stack, scratch))
    yield running
    running.close()


@pytest.mark.parametrize("scenario", scenarios(FILE))
def test_upload_page(driver, scenario):
    driver.run(scenario)
