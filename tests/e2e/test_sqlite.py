"""One admin-api serves from an sqlite file; commands run beside it; who comes second is told what to do."""

import os
import sqlite3
from contextlib import closing

from lc.services import Admin
from lc.stores import Redis
from lc.wait import until


def another(admin):
    """With an address of its own and the same stores."""
    service = Admin(admin.data_dir, admin.env["REDIS_URL"], admin.process.log + ".second", admin.env)
    service.env["ADMIN_LISTEN"] = f"127.0.0.1:{service.port}"
    return service


def test_second_server_is_refused(admin):
    refused = another(admin).run("serve")
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert f"another process (pid {admin.process.pid}) already serves" in said
    assert "stop it first, or use PostgreSQL for several" in said
    assert admin.healthy()


def test_commands_run_beside_it(admin):
    assert admin.run("check").returncode == 0
    assert admin.run("migrate").returncode == 0
    admin.create_user("beside")


def test_locked_by_somebody_is_not_said_of_redis(scratch):
    """What Redis was told of a deleted ticket is noted in the database."""
    redis = Redis(os.path.join(scratch, "emptied"), aof=False).start()
    admin = Admin(os.path.join(scratch, "held"), redis.url, os.path.join(scratch, "held.log"),
                  {"STATEMENT_TIMEOUT": "200ms", "SWEEP_INTERVAL": "100ms"}).start()
    try:
        until(lambda: "projection.full" in admin.process.output(), what="the first projection")
        with closing(sqlite3.connect(os.path.join(admin.data_dir, "admin.sqlite3"), isolation_level=None)) as somebody:
            redis.kill9()
            somebody.execute("INSERT INTO tombstones (ticket_id, token_hash, gone, rev, time_create) VALUES (99, $1, 1, 1, 1)",
                             ("0" * 64,))
            somebody.execute("BEGIN IMMEDIATE")
            redis.start()
            until(lambda: 'part=projection error="Device or resource busy"' in admin.process.output(), what="a write refused")
            somebody.execute("ROLLBACK")
        until(lambda: "sweep.recovered part=projection" in admin.process.output(), what="the projection")
        said = [line for line in admin.process.output().splitlines() if "sweep.failing part=projection" in line]
        assert any("database is locked" in line for line in said), said
        assert not [line for line in said if "busy with a script" in line], said
    finally:
        admin.close()
        redis.stop()


def test_crash_leaves_no_lock(admin):
    admin.kill9()
    assert os.path.exists(os.path.join(admin.data_dir, "admin.sqlite3.lock"))
    second = another(admin).start()
    try:
        assert second.healthy()
    finally:
        second.close()
    admin.start()
