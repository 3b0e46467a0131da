"""The browser's side of the tests: packages, the driver process, and what a scenario may ask of the harness."""

import hashlib
import json
import os
import re
import subprocess

import requests

from lc import npm
from lc.build import BUILD, ROOT
from lc.fixtures import sha256_of
from lc.panel import Panel
from lc.programs import need
from lc.raw import Raw
from lc.stack import User
from lc.totp import Totp

HERE = os.path.join(ROOT, "tests", "browser")


def install():
    need("chromium")
    npm.install(HERE)


def scenarios(file):
    """The names a scenario file exports."""
    with open(os.path.join(HERE, file), encoding="utf-8") as f:
        return re.findall(r"^export async function (\w+)", f.read(), re.M)


class Driver:
    """node driver.mjs over one scenario file; its questions are methods of `harness`."""

    def __init__(self, file, harness, shots=os.path.join(BUILD, "screenshots")):
        self.harness = harness
        env = {**os.environ, "LC_SCREENSHOTS": shots}
        # pylint: disable=consider-using-with
        self.popen = subprocess.Popen(["node", "driver.mjs", file], cwd=HERE, env=env, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        assert self._receive() == {"ready": True}

    def _send(self, message):
        self.popen.stdin.write(json.dumps(message) + "\n")
        self.popen.stdin.flush()

    def _receive(self):
        line = self.popen.stdout.readline()
        assert line, "the driver ended"
        return json.loads(line)

    def _answer(self, message):
        try:
            return {"answer": getattr(self.harness, message["ask"])(*message["args"])}
        except Exception as e:  # pylint: disable=broad-except
            return {"error": repr(e)}

    def run(self, scenario):
        self._send({"run": scenario})
        while "ask" in (message := self._receive()):
            self._send(self._answer(message))
        assert "error" not in message, message["error"][:6000]

    def close(self):
        self.popen.stdin.close()
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class Harness:
    """What scenarios ask: every public method is a question."""

    def __init__(self, stack, scratch):
        self.stack, self.scratch, self.people = stack, scratch, {stack.user.name: stack.user}
        self.slow = self.shared = None

    def urls(self):
        return {"gateway": self.stack.gateway.url, "admin": self.stack.admin.url}

    def engineer(self):
        """A superuser with a second factor whom no other scenario knows."""
        return self.person(f"engineer{len(self.people)}", superuser=True, totp=True)

    def person(self, name, superuser=False, totp=False):
        user = self.people[name] = User(self.stack.admin, name, superuser=superuser, totp=totp)
        return {"username": name, "password": user.password, "totp": totp}

    def session(self):
        """Of one superuser with a second factor, for everybody who is not testing how to log in."""
        if self.shared is None:
            user = User(self.stack.admin, "staff", superuser=True, totp=True)
            browser = Panel(self.stack.admin)
            assert browser.login("staff", user.password, user.totp.fresh()).status_code == 200
            self.shared = {"username": "staff", "cookies": dict(browser.cookies)}
        return self.shared

    def code(self, name):
        return self.people[name].totp.fresh()

    def code_of(self, secret):
        self.stack.admin.secrets.add(secret)
        return Totp(secret).fresh()

    def ticket(self, fields=None):
        return self.stack.make_ticket(**(fields or {}))

    def api(self, method, path, body=None):
        answer = self.stack.api.request(method, self.stack.admin.url + path, json=body, timeout=30)
        return {"status": answer.status_code, "body": answer.json() if answer.content else None}

    def file(self, name, size):
        """A file of random bytes: its path and digest."""
        path = os.path.join(self.scratch, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        content = os.urandom(size)
        with open(path, "wb") as f:
            f.write(content)
        return {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "size": size}

    def directory(self, name):
        os.makedirs(os.path.join(self.scratch, name))

    def unpack(self, archive):
        """path → SHA-256 of the files in a tar that arrived, as the system's tar unpacks it."""
        shown = self.stack.get(f"/api/v1/archives/{archive}/").json()
        target = os.path.join(self.scratch, f"unpacked-{archive}")
        os.makedirs(target)
        done = subprocess.run(["tar", "-xf", "-", "-C", target], input=self.stack.download(shown).content, check=True,
                              capture_output=True, timeout=60)
        assert done.stderr == b"", done.stderr
        paths = [os.path.join(at, name) for at, _, names in os.walk(target) for name in names]
        return {os.path.relpath(path, target): sha256_of(path) for path in paths}

    def kill_gateway(self):
        self.stack.gateway.kill9()

    def start_gateway(self):
        self.stack.gateway.start()

    def sha256(self, path):
        return sha256_of(path)

    def status_with(self, token):
        """What the list of tickets answers to an access token."""
        self.stack.admin.secrets.add(token)
        return requests.get(f"{self.stack.admin.url}/api/v1/tickets/", timeout=10,
                            headers={"Authorization": f"Bearer {token}"}).status_code

    def slow_upload_begin(self, token):
        """A customer whose upload stands still after a megabyte of two."""
        self.slow = Raw(self.stack.gateway.port)
        self.slow.send(f"PUT /u/{token}/slow.bin HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n")
        self.slow.send(b"x" * 1000000)

    def slow_upload_end(self):
        self.slow.reset()

    def put(self, token, name, size):
        """An upload by another client."""
        return self.put_content(token, name, os.urandom(size))

    def put_content(self, token, name, content):
        answer = requests.put(f"{self.stack.gateway.url}/u/{token}/{requests.utils.quote(name, safe='')}",
                              data=content, headers={"Accept": "application/json"}, timeout=60)
        return {"status": answer.status_code, "body": answer.json()}
