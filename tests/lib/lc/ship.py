"""The images and stacks of deploy/ on a real Docker engine: one that runs already, or a private one of tests/ship/engine."""

import contextlib
import ctypes
import fcntl
import itertools
import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile

import requests

from lc.build import BUILD, ROOT
from lc.process import free_port
from lc.stack import Stack, User
from lc.wait import until

DOCKER = "/usr/bin/docker"
ENGINE = os.path.join(ROOT, "tests", "ship", "engine")
NETWORK_NAMESPACE = 0x40000000  # CLONE_NEWNET of setns(2)
IMAGES = {name: f"logs-collector/{name}" for name in ("upload-gw", "admin-api")}


def _said(done):
    return f"{' '.join(map(str, done.args))}: {done.returncode}\n{done.stdout}\n{done.stderr}"


class Engine:
    """Its images are kept between runs in a directory of the user's cache; `docker` and `compose` talk to it."""

    def __init__(self):
        self.env = dict(os.environ, DOCKER_BUILDKIT="1")
        self.directory = os.environ.get("LC_ENGINE_DIR") or os.path.join(
            os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "logs-collector", "engine")
        self.lock = None

    def start(self):
        if self.docker("info", check=False).returncode == 0:
            return self
        os.makedirs(self.directory, exist_ok=True)
        self.lock = open(os.path.join(self.directory, "lock"), "w", encoding="ascii")  # pylint: disable=consider-using-with
        fcntl.flock(self.lock, fcntl.LOCK_EX)  # two runs would end each other's engine
        done = subprocess.run([ENGINE, "start", self.directory], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, _said(done)
        self.env["DOCKER_HOST"] = done.stdout.strip().split("=", 1)[1]
        with open(os.path.join(self.directory, "engine.pid"), encoding="ascii") as f:
            self._enter_network(int(f.read()))
        self.prepare("stores")
        return self

    def stop(self):
        if self.lock:
            subprocess.run([ENGINE, "stop", self.directory], check=False, timeout=120)
            self.lock.close()

    def prepare(self, what):
        done = subprocess.run([ENGINE, what], env=self.env, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, _said(done)

    @staticmethod
    def _enter_network(pid):
        """From here on this process has the engine's network, where the ports are that containers publish."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{pid}/ns/net", encoding="ascii") as namespace:
            assert libc.setns(namespace.fileno(), NETWORK_NAMESPACE) == 0, os.strerror(ctypes.get_errno())

    def run(self, *argv, env=None, check=True, timeout=300, **kw):
        done = subprocess.run(argv, env={**self.env, **(env or {})}, capture_output=True, text=True, timeout=timeout,
                              check=False, **kw)
        assert done.returncode == 0 or not check, _said(done)
        return done

    def docker(self, *args, **kw):
        return self.run(DOCKER, *args, **kw)

    def build_images(self):
        """With the pages that the build under test has already made: the npm registry may be out of a build's reach."""
        pages = os.path.relpath(os.path.join(BUILD, "web"), ROOT)
        for name, image in IMAGES.items():
            self.docker("build", "--build-arg", "WEB=given", "--build-arg", f"WEB_DIR={pages}", "-t", image,
                        "-f", f"deploy/images/Dockerfile.{name}", ".", cwd=ROOT, timeout=1200)

    def inspect(self, what):
        return json.loads(self.docker("inspect", what).stdout)[0]


class Container:
    """What lc.stack calls a service, in a container: an address, and the programs by `docker exec`."""

    def __init__(self, stack, name, place, status_place):
        self.stack, self.name, self.url, self.status_url = stack, name, f"http://{place}", f"http://{status_place}"
        self.secrets = set()

    def exec(self, *argv, **kw):
        return self.stack.engine.docker("exec", "-i", self.stack.container(self.name), *argv, **kw)

    def create_user(self, name, password=None, superuser=True, totp=True):
        password = password or secrets.token_urlsafe(18)
        args = ["--superuser"] * superuser + ["--totp"] * totp
        done = self.exec("/bin/admin-api", "user", "create", name, "--password-stdin", *args, input=password + "\n")
        return password, re.search(r"otpauth://\S+", done.stdout).group(0) if totp else None

    def healthy(self):
        return requests.get(self.url + "/api/v1/check/health/", timeout=2).status_code == 200


class ComposeStack(Stack):  # pylint: disable=super-init-not-called
    """One of deploy/compose*.yaml, with secrets and volumes of its own. `admin`: the service that runs commands."""

    def __init__(self, engine, file, directory, admin="admin-api"):
        self.engine, self.file = engine, file
        self.project = "lc" + secrets.token_hex(4)
        self.secrets_directory = os.path.join(directory, "secrets")
        subprocess.run([os.path.join(ROOT, "deploy", "make-secrets"), self.secrets_directory], check=True,
                       stdout=subprocess.DEVNULL)
        places = [f"127.0.0.1:{free_port()}" for _ in range(4)]
        self.env = {"SECRETS": self.secrets_directory, "COMPOSE_PROJECT_NAME": self.project, "STORAGE_RESERVE": "64M",
                    "GATEWAY_ADDRESS": places[0], "ADMIN_ADDRESS": places[1], "GATEWAY_STATUS_ADDRESS": places[2],
                    "ADMIN_STATUS_ADDRESS": places[3]}
        self.gateway = Container(self, "upload-gw", places[0], places[2])
        self.admin = Container(self, admin, places[1], places[3])
        self.user = self.api = None
        self.anonymous = requests.Session()
        self._numbers = itertools.count(3001)  # those of a 0.1.0 (lc.django) are free

    def compose(self, *args, timeout=300, **kw):
        return self.engine.run("/usr/bin/docker-compose", "-f", os.path.join(ROOT, "deploy", self.file), *args,
                               env=self.env, timeout=timeout, **kw)

    def deploy(self, script, *args, **kw):
        """deploy/backup and the like, of this stack."""
        return self.engine.run(os.path.join(ROOT, "deploy", script), "--compose", os.path.join(ROOT, "deploy", self.file), *args,
                               env={**self.env, "PATH": f"{os.path.dirname(DOCKER)}:{os.environ['PATH']}"}, **kw)

    def takes_the_place_of(self, other):
        """Whoever is logged in there is here, once that one's backup was restored."""
        self.user, self.api = other.user, other.api

    def container(self, service, index=1):
        return f"{self.project}_{service}_{index}"

    def up(self):
        self.compose("up", "-d", "--no-build")
        for service in (self.gateway, self.admin):
            until(service.healthy, 60, f"{service.name} to answer")

    def start(self):
        self.up()
        self.user = User(self.admin, "chief")
        self.api = self.user.login()
        return self

    def close(self):
        self.compose("down", "-v", "-t", "5", check=False)

    def secret_values(self):
        """Everything in the files of secrets that is worth hiding."""
        for name in os.listdir(self.secrets_directory):
            with open(os.path.join(self.secrets_directory, name), encoding="ascii") as f:
                yield from (word for word in f.read().split() if len(word) > 20)

    def logs(self):
        return self.compose("logs", "--no-color").stdout


@contextlib.contextmanager
def running(engine, file, admin="admin-api"):
    """The stack of one of deploy/compose*.yaml while it runs; what its containers said, if a test fails."""
    directory = tempfile.mkdtemp(prefix="lc-")
    whole = ComposeStack(engine, file, directory, admin)
    try:
        yield whole.start()
    except AssertionError:
        print(whole.logs())
        raise
    finally:
        whole.close()
        shutil.rmtree(directory, ignore_errors=True)
