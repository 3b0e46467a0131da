"""What operators read: readiness that names each store, metrics that promtool takes, alert rules that use only those."""

import contextlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from lc.build import ROOT
from lc.process import free_port
from lc.programs import need
from lc.services import Admin
from lc.wait import until

MONITORING = os.path.join(ROOT, "deploy", "monitoring")


@pytest.fixture(scope="module", autouse=True)
def promtool():
    need("promtool", package="prometheus")


def run_promtool(*args, text=None):
    done = subprocess.run(["promtool", *args], input=text, capture_output=True, text=True, timeout=60, cwd=MONITORING,
                          check=False)
    assert done.returncode == 0 and not done.stderr.strip(), done.stdout + done.stderr


def page(service, path="/metrics"):
    answer = requests.get(service.status_url + path, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer


def test_metrics_are_clean(stack):
    for service in (stack.admin, stack.gateway):
        answer = page(service)
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        run_promtool("check", "metrics", text=answer.text)


def test_what_happens_is_counted(stack, make_file):
    ticket = stack.make_ticket()
    before, gateway_before = stack.admin.metrics(), stack.gateway.metrics()
    archive = make_file(100_000)
    answer = requests.post(stack.gateway.url + "/api/v1/archives/", headers={"Upload-Token": ticket["token"]},
                           files={"file": open(archive.path, "rb")}, timeout=30)
    assert answer.status_code == 201
    stack.wait_archives(ticket, 1)
    wrong = requests.post(stack.admin.url + "/api/v1/auth/token/", timeout=10,
                          json={"username": stack.user.name, "password": "guess"})
    assert wrong.status_code == 401

    after, gateway_after = stack.admin.metrics(), stack.gateway.metrics()
    grown = {name for name in after if after[name] > before.get(name, 0)}
    assert {'lc_admin_logins_total{outcome="wrong"}', 'lc_admin_requests_total{class="2xx"}',
            "lc_admin_uploads_filed_total", "lc_admin_filing_lag_seconds_count", "lc_admin_database_seconds_count",
            "lc_admin_redis_seconds_count", "lc_admin_request_seconds_count"} <= grown
    assert after["lc_admin_storage_size_bytes"] >= after["lc_admin_storage_free_bytes"] > 0
    assert after["lc_admin_spool_uploads"] == after["lc_admin_spool_oldest_seconds"] == 0
    assert after["lc_admin_connections"] >= 1 and after["lc_admin_jobs_waiting"] == 0
    assert all(after[f'lc_admin_store_up{{store="{name}"}}'] == 1 for name in ("database", "redis", "storage"))
    grown = {name for name in gateway_after if gateway_after[name] > gateway_before.get(name, 0)}
    assert {'lc_uploads_total{outcome="published"}', "lc_upload_seconds_count", "lc_redis_seconds_count",
            "lc_upload_bytes_total"} <= grown
    assert gateway_after["lc_storage_free_bytes"] > 0 and gateway_after['lc_jobs_waiting{pool="receive"}'] == 0


def test_an_upload_that_waits_is_seen(stack):
    """Something in the spool that cannot be filed: a directory without manifest, as old as it is."""
    waiting = os.path.join(stack.data_dir, "spool", "new", "0" * 32)
    os.mkdir(waiting)
    try:
        os.utime(waiting, (1_700_000_000, 1_700_000_000))
        shown = until(lambda: (lambda m: m if m["lc_admin_spool_uploads"] == 1 else None)(stack.admin.metrics()))
        assert shown["lc_admin_spool_oldest_seconds"] > 86400
    finally:
        shutil.rmtree(waiting, ignore_errors=True)


def test_readiness_names_the_store_that_is_away(stack):
    ready = page(stack.admin, "/readyz").json()
    assert ready == {"status": "ok", "stores": {"database": "ok", "redis": "ok", "storage": "ok"}}
    stack.redis.stop()
    try:
        away = until(lambda: (lambda a: a.json() if a.status_code == 503 else None)(
            requests.get(stack.admin.status_url + "/readyz", timeout=10)), what="readiness to notice")
        assert away == {"status": "unavailable",
                        "stores": {"database": "ok", "redis": "unreachable", "storage": "ok"}}
        assert stack.admin.metrics()['lc_admin_store_up{store="redis"}'] == 0
        assert requests.get(stack.admin.url + "/api/v1/check/health/", timeout=5).status_code == 200
        assert requests.get(stack.admin.status_url + "/api/v1/check/health/", timeout=5).status_code == 200
    finally:
        stack.redis.start()
    until(lambda: requests.get(stack.admin.status_url + "/readyz", timeout=10).status_code == 200)


def test_readiness_while_draining(tmp_path, redis_server):
    """A request under way, a login that waits to write, is finished meanwhile; the status listener tells."""
    service = Admin(tmp_path / "data", redis_server.url, tmp_path / "log", {"STATEMENT_TIMEOUT": "60s"}).start()
    try:
        with contextlib.closing(sqlite3.connect(tmp_path / "data" / "admin.sqlite3", isolation_level=None)) as db, \
                ThreadPoolExecutor(1) as people:
            db.execute("BEGIN IMMEDIATE")
            login = people.submit(requests.post, service.url + "/api/v1/auth/token/", timeout=30,
                                  json={"username": "nobody", "password": "x"})
            until(lambda: service.metrics()["lc_admin_connections"] == 1, what="the login")
            service.process.signal(signal.SIGHUP)  # to both services, after a certificate was renewed
            until(lambda: "reload.nothing" in service.process.output(), 5, "the word about it")
            service.process.popen.terminate()
            until(lambda: "admin.stopping" in service.process.output(), 5, "the end to begin")
            ready = requests.get(service.status_url + "/readyz", timeout=5)
            assert (ready.status_code, ready.json()["status"]) == (503, "draining")
            assert requests.get(service.status_url + "/metrics", timeout=5).status_code == 200
            db.execute("ROLLBACK")
            assert login.result().status_code == 401
        service.process.popen.wait(15)
    finally:
        service.close()


def test_nothing_else_is_there(stack):
    assert requests.get(stack.admin.status_url + "/api/v1/tickets/", timeout=5).status_code == 404
    assert requests.post(stack.admin.status_url + "/metrics", timeout=5).status_code == 405
    assert requests.head(stack.admin.status_url + "/metrics", timeout=5).status_code == 200
    for path in ("/metrics", "/readyz"):
        assert requests.get(stack.admin.url + path, timeout=5).status_code == 404


def test_off_and_taken(stack, tmp_path):
    env = {"ADMIN_LISTEN": f"127.0.0.1:{free_port()}", "DB_URL": f"sqlite:///{stack.directory}/other.sqlite3",
           "ADMIN_WEB_DIR": str(tmp_path), "DATA_DIR": str(tmp_path)}
    taken = stack.admin.run("serve", env=env)
    assert taken.returncode == 1 and "ADMIN_STATUS_LISTEN" in taken.stderr and "listens there already" in taken.stderr
    off = stack.admin.run("--print-config", env={"ADMIN_STATUS_LISTEN": "off"})
    assert off.returncode == 0 and "ADMIN_STATUS_LISTEN=off" in off.stdout
    wrong = stack.admin.run("serve", env={"ADMIN_STATUS_LISTEN": "here"})
    assert wrong.returncode == 1 and "ADMIN_STATUS_LISTEN" in wrong.stderr and "host:port" in wrong.stderr
    # off for real: the port of the API is then what stands in the way
    in_use = stack.admin.run("serve", env={**env, "ADMIN_STATUS_LISTEN": "off",
                                           "ADMIN_LISTEN": f"127.0.0.1:{stack.admin.port}"})
    assert in_use.returncode == 1 and str(stack.admin.port) in in_use.stderr


# --- deploy/monitoring ---

def test_rules_are_right():
    run_promtool("check", "rules", "alerts.yml")
    run_promtool("test", "rules", "alerts_test.yml")
    run_promtool("check", "config", "prometheus.yml")


def test_every_rule_is_tested():
    named = {}
    for name, what in (("alerts.yml", r"alert: (\w+)"), ("alerts_test.yml", r"alertname: (\w+)\n\s+exp_alerts:\n")):
        with open(os.path.join(MONITORING, name), encoding="utf-8") as f:
            named[name] = set(re.findall(what, f.read()))
    assert named["alerts.yml"] == named["alerts_test.yml"]


def test_rules_use_metrics_that_there_are(stack):
    shown = set()
    for service in (stack.admin, stack.gateway):
        shown |= {line.split(" ")[2] for line in page(service).text.splitlines() if line.startswith("# TYPE ")}
    with open(os.path.join(MONITORING, "alerts.yml"), encoding="utf-8") as f:
        expressions = "\n".join(re.findall(r"expr: (?:\|\n)?(.*?)\n\s+(?:for|labels):", f.read(), re.S))
    used = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\blc_[a-z_]+", expressions)}
    assert len(used) > 8 and used <= shown, used - shown
