"""Programs of tests/clients: real tus clients on Node, installed from their lock file."""

import json
import os
import shutil
import subprocess

import pytest

from lc.build import ROOT

DIRECTORY = os.path.join(ROOT, "tests", "clients")


def install():
    """npm ci, once per lock file; a visible skip without Node, a failure in CI."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        if os.environ.get("CI"):
            pytest.fail("Node is not installed (packages nodejs, npm)")
        pytest.skip("Node is not installed (packages nodejs, npm)")
    lock = os.path.join(DIRECTORY, "package-lock.json")
    done = os.path.join(DIRECTORY, "node_modules", ".package-lock.json")
    if not os.path.exists(done) or os.path.getmtime(done) < os.path.getmtime(lock):
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=DIRECTORY, check=True,
                       stdout=subprocess.DEVNULL, timeout=300)
        os.utime(done)


class Client:
    """One of the programs under way; its lines of JSON."""

    def __init__(self, program, *args):
        # pylint: disable=consider-using-with
        self.popen = subprocess.Popen(["node", program, *map(str, args)], cwd=DIRECTORY, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def line(self):
        text = self.popen.stdout.readline()
        assert text, self.popen.stderr.read()
        return json.loads(text)

    def last(self, timeout=120):
        """The last line, once it has ended well."""
        try:
            out, err = self.popen.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        assert self.popen.returncode == 0, out + err
        return json.loads(out.splitlines()[-1])

    def kill(self):
        self.popen.kill()
        self.popen.communicate()
