"""One admin-api serves from an sqlite file; commands run beside it; who comes second is told what to do."""

import os

from lc.services import Admin


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


def test_crash_leaves_no_lock(admin):
    admin.kill9()
    assert os.path.exists(os.path.join(admin.data_dir, "admin.sqlite3.lock"))
    second = another(admin).start()
    try:
        assert second.healthy()
    finally:
        second.close()
    admin.start()
