"""The servers of the crash tests: two gateways, one with all uploads in its fast lane, admin-api, Redis, and sqlite or
PostgreSQL; each can be killed and comes back. Must know nothing of what is sent to them."""

import os
import re
import shutil
import sqlite3
import tempfile
import threading
import time

from lc.build import ROOT
from lc.services import Gateway
from lc.stack import Stack
from lc.stores import Postgres
from lc.wait import until

GATEWAY_ENV = {"UPLOAD_LEASE": "3s", "RESUME_LEASE": "1s", "UPLOAD_EXPIRY": "4s", "UPLOAD_IDLE_TIMEOUT": "3s",
               "GATEWAY_THREADS": "2", "REDIS_TIMEOUT": "500ms", "MAX_UPLOADS_PER_NETWORK": "0", "FAILED_TOKENS": "0"}
ADMIN_ENV = {"SWEEP_INTERVAL": "200ms", "RECONCILE_AGE": "1500ms", "UPLOAD_EXPIRY": "4s", "ORPHAN_RETENTION": "1s",
             "STATEMENT_TIMEOUT": "3s", "REDIS_TIMEOUT": "500ms", "ACCESS_TOKEN_LIFETIME": "1d"}
POINT = re.compile(r"^POINT\((\w+), (\w+),", re.M)


def crash_points():
    """service → names, as the table of the test build has them."""
    with open(os.path.join(ROOT, "shared", "crash", "crash_points.def"), encoding="utf-8") as f:
        rows = POINT.findall(f.read())
    return {service: [name for s, name in rows if s == service] for service in ("gateway", "admin")}


class World:
    """database: sqlite or postgres. A watchdog starts again whatever has died."""

    def __init__(self, database):
        self.database, self.directory = database, tempfile.mkdtemp(prefix="lc-crash-")
        self.postgres = Postgres(self.directory).start() if database == "postgres" else None
        url = self.postgres.create_database("lc") if self.postgres else None
        self.stack = Stack(self.directory, GATEWAY_ENV, ADMIN_ENV, url)
        self.second = Gateway(self.stack.data_dir, self.stack.redis.url, os.path.join(self.directory, "second-gw.log"),
                              {**GATEWAY_ENV, "GATEWAY_FAST_LANE": "always"})
        self.stack.start()
        self.second.start()
        self.stack.make_platform()
        self.processes = {"gateway": self.stack.gateway, "second": self.second, "admin": self.stack.admin,
                          "redis": self.stack.redis}
        if self.postgres:
            self.processes["postgres"] = self.postgres
        self.lock, self.watching, self.died = threading.RLock(), True, []
        self.watchdog = threading.Thread(target=self._watch, daemon=True)
        self.watchdog.start()

    @property
    def ports(self):
        return [self.stack.gateway.port, self.second.port]

    def arm(self, service, point, passing):
        """The process anew, to end at that point."""
        victim = self.processes[service]
        with self.lock:
            victim.kill9()
            victim.env["LC_CRASH_AT"] = f"{point}:{passing}"
            victim.start(wait=False)

    def kill(self, name):
        with self.lock:  # or the watchdog's new process would be waited for
            self.processes[name].kill9()

    def _watch(self):
        """The dead come back as they are found, without a crash point."""
        while self.watching:
            time.sleep(0.05)
            for name, victim in self.processes.items():
                with self.lock:
                    if not self.watching or victim.process.alive():
                        continue
                    self.died.append((name, getattr(victim, "env", {}).pop("LC_CRASH_AT", None)))
                    self._start(victim, name)

    def _start(self, victim, name):
        if name in ("redis", "postgres"):
            victim.start()
        else:
            victim.start(wait=False)

    def disarm(self):
        """What has not come to its point goes on without one."""
        for name in ("gateway", "admin"):
            with self.lock:
                victim = self.processes[name]
                if victim.env.pop("LC_CRASH_AT", None) is not None and victim.process.alive():
                    victim.kill9()
                    victim.start(wait=False)

    def wait_healthy(self):
        for service in (self.stack.gateway, self.second, self.stack.admin):
            until(service.healthy, 30, f"{service.program} to be healthy again")
        until(lambda: self.stack.redis.client.exists("lc:epoch"), 30, "the projection (lc:epoch)")

    def query(self, sql):
        """Rows of the database as lists of text, read beside admin-api."""
        if self.postgres:
            return self.postgres.rows(sql)
        url = f"file:{self.stack.data_dir}/admin.sqlite3?mode=ro"
        db = sqlite3.connect(url, uri=True, timeout=10)
        try:
            return [["" if v is None else str(v) for v in row] for row in db.execute(sql)]
        finally:
            db.close()

    def uncounted(self):
        """Uploads that were published while Redis could not be asked: those then in flight may come on top."""
        count = 0
        for gateway in (self.stack.gateway, self.second):
            with open(gateway.process.log, "rb") as f:
                count += f.read().count(b" uncounted=")
        return count

    def logs(self):
        return {name: victim.process.tail(40) for name, victim in self.processes.items()}

    def close(self):
        with self.lock:
            self.watching = False
        self.watchdog.join()
        self.second.process.kill9()
        for victim in (self.stack.gateway, self.stack.admin, self.stack.redis):
            victim.kill9()
        if self.postgres:
            self.postgres.kill9()
        shutil.rmtree(self.directory, ignore_errors=True)
