"""What tests take from npm: the packages of a directory's lock file."""

import fcntl
import os
import subprocess

from lc.programs import need


def install(directory):
    """npm ci, once per lock file; who comes meanwhile waits."""
    need("node", "npm", package="nodejs, npm")
    lock = os.path.join(directory, "package-lock.json")
    done = os.path.join(directory, "node_modules", ".package-lock.json")
    with open(lock, "rb") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not os.path.exists(done) or os.path.getmtime(done) < os.path.getmtime(lock):
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=directory, check=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=300)
            os.utime(done)
