"""The README's pictures can be taken: into the build directory, or where LC_PICTURES says (tests/browser/take-pictures)."""

import os

import pytest

from browser import Driver, Harness, install, scenarios
from lc.build import BUILD

FILE = "pictures.mjs"


@pytest.fixture(scope="module")
def driver(scratch, stack):
    install()
    running = Driver(FILE, Harness(stack, scratch), os.environ.get("LC_PICTURES", os.path.join(BUILD, "pictures")))
    yield running
    running.close()


@pytest.mark.parametrize("scenario", scenarios(FILE))
def test_pictures(driver, scenario):
    driver.run(scenario)
