"""upload-gw and admin-api as built, each with an environment of its own and nothing of the caller's."""

import os
import re
import secrets
import subprocess

import requests

from lc.build import binary
from lc.process import Process, free_port

HEALTH = "/api/v1/check/health/"


def _base_env(data_dir, redis_url):
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "TMPDIR", "LANG") or k.endswith("SAN_OPTIONS")}
    env.update(DATA_DIR=str(data_dir), REDIS_URL=redis_url)
    return env


class Service:
    """What both have in common. `env` may be changed between stop and start."""

    program = listen_variable = status_variable = None

    def __init__(self, data_dir, redis_url, log, env=None):
        self.data_dir, self.port, self.status_port = str(data_dir), free_port(), free_port()
        self.status_url = f"http://127.0.0.1:{self.status_port}"
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = _base_env(data_dir, redis_url)
        self.env[self.listen_variable] = f"127.0.0.1:{self.port}"
        self.env[self.status_variable] = f"127.0.0.1:{self.status_port}"
        self.secrets = set()  # nothing of this may ever stand in the log
        self.process = Process(self.program, [binary(self.program)], str(log), env=self.env)

    def healthy(self):
        return requests.get(self.url + HEALTH, timeout=2).status_code == 200

    def ready(self):
        """What a start waits for."""
        return self.healthy()

    def metrics(self):
        """name{labels} → value of the status listener's /metrics."""
        text = requests.get(self.status_url + "/metrics", timeout=5).text
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    def start(self, wait=True):
        os.makedirs(self.data_dir, exist_ok=True)
        self.process.spawn()
        if wait:
            self.process.wait_ready(self.ready)
        return self

    def kill9(self):
        self.process.kill9()

    def stop(self):
        self.process.stop()

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        """Teardown: ends it and checks what it wrote."""
        self.process.stop()
        self.process.assert_clean_log(self.secrets)

    def run(self, *args, env=None, input=None, timeout=60):  # pylint: disable=redefined-builtin
        """The program with arguments, to its end: subcommands, --help, refusals to start."""
        return subprocess.run([binary(self.program), *args], env={**self.env, **(env or {})}, input=input,
                              stdin=None if input is not None else subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, check=False)


class Gateway(Service):
    program, listen_variable, status_variable = "upload-gw", "GATEWAY_LISTEN", "GATEWAY_STATUS_LISTEN"

    def __init__(self, data_dir, redis_url, log, env=None):
        super().__init__(data_dir, redis_url, log)
        self.env.update(STORAGE_RESERVE="64M", GATEWAY_FAST_LANE=os.environ.get("LC_FAST_LANE", "auto"))
        self.env.update(env or {})

    def linked(self):
        """It answers before it has reached Redis, and uploads with 503 until then."""
        return self.metrics()["lc_redis_up"] > 0

    def ready(self):
        return self.healthy() and self.linked()


class Admin(Service):
    program, listen_variable, status_variable = "admin-api", "ADMIN_LISTEN", "ADMIN_STATUS_LISTEN"

    def __init__(self, data_dir, redis_url, log, env=None, db_url=None):
        super().__init__(data_dir, redis_url, log)
        self.env.update(SECRET_KEY=secrets.token_urlsafe(48), PASSWORD_MEMORY="8M", PASSWORD_PASSES="1",
                        DB_URL=db_url or f"sqlite:///{os.path.abspath(data_dir)}/admin.sqlite3")
        self.env.update(env or {})
        self.secrets.add(self.env["SECRET_KEY"])

    def create_user(self, name, password=None, superuser=True, totp=True):
        """By the command line: password and, with TOTP, the otpauth URI it prints."""
        password = password or secrets.token_urlsafe(18)
        args = ["user", "create", name, "--password-stdin"]
        args += ["--superuser"] * superuser + ["--totp"] * totp
        done = self.run(*args, input=password + "\n")
        assert done.returncode == 0, f"user create: {done.returncode}\n{done.stdout}\n{done.stderr}"
        uri = re.search(r"otpauth://\S+", done.stdout) if totp else None
        assert uri or not totp, f"no otpauth URI in:\n{done.stdout}"
        self.secrets.add(password)
        return password, uri.group(0) if uri else None
