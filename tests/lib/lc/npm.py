"""What tests take from npm: the packages of a directory's lock file."""

import fcntl
import os
import shutil
import subprocess

import pytest


def missing(what):
    """Skips where a developer works, fails where everything is to be there."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def install(directory):
    """npm ci, once per lock file; who comes meanwhile waits."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing("Node is not installed (packages nodejs, npm)")
    lock = os.path.join(directory, "package-lock.json")
    done = os.path.join(directory, "node_modules", ".package-lock.json")
    with open(lock, "rb") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not os.path.exists(done) or os.path.getmtime(done) < os.path.getmtime(lock):
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=directory, check=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=300)
            os.utime(done)
