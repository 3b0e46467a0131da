"""Programs of tests/clients: real tus clients on Node, installed from their lock file."""

import json
import os
import subprocess

from lc.build import ROOT

DIRECTORY = os.path.join(ROOT, "tests", "clients")


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
