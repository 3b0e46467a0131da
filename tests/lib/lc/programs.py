"""What a test needs of the machine: where a developer works its absence is a visible skip, in CI a failure."""

import os
import shutil


def which(name):
    """Its path, also where only root's PATH leads; None: it is not installed."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def missing(what):
    """Ends the test."""
    import pytest  # pylint: disable=import-outside-toplevel  # scripts that ask for which() may not have it
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def need(*names, package=None):
    absent = [name for name in names if which(name) is None]
    if absent:
        missing(f"not installed: {', '.join(absent)}" + (f" (package {package})" if package else ""))
