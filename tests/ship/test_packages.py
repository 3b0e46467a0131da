"""The Debian packages: made by CPack from the build under test, looked at by lintian, installed in a fresh Debian."""

import glob
import os
import re
import secrets
import shutil
import subprocess

import pytest
import requests

from lc.build import BUILD, ROOT
from lc.process import free_port
from lc.services import Gateway
from lc.stores import Redis
from lc.wait import until

SERVICES = ("upload-gw", "admin-api")


@pytest.fixture(name="packages", scope="module")
def _packages():
    """service → path of its package."""
    shutil.rmtree(os.path.join(BUILD, "packages"), ignore_errors=True)
    done = subprocess.run(["cpack", "-G", "DEB"], cwd=BUILD, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: glob.glob(f"{BUILD}/packages/logs-collector-{name}_*.deb")[0] for name in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_lintian_finds_nothing(packages, service):
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", packages[service]], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and done.stdout == "", done.stdout + done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_unit_is_sound_and_tight(service):
    unit = os.path.join(ROOT, "deploy", "package", f"{service}.service")
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit], capture_output=True,
                          text=True, timeout=60, check=False)
    exposure = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout).group(1))
    assert exposure <= 2.0, done.stdout
    with open(unit, encoding="ascii") as f:
        text = f.read()
    assert "\nLimitNOFILE=65536\n" in text and f"\nExecStart=/usr/bin/{service}\n" in text
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60,
                          check=False)
    assert [line for line in done.stderr.splitlines() if "is not executable" not in line] == []  # not installed here


UNITS = ("upload-gw.socket", "upload-gw-status.socket", "upload-gw-next.service", "admin-api.socket",
         "admin-api-status.socket")


def test_sockets_are_those_of_the_settings(packages, tmp_path):
    """systemd finds nothing wrong with them; they listen where the programs would, under the names these look for."""
    for path in packages.values():
        subprocess.run(["dpkg-deb", "-x", path, str(tmp_path)], check=True, timeout=60)
    units = tmp_path / "lib/systemd/system"
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *(units / name for name in UNITS)], capture_output=True,
                          text=True, timeout=60, check=False)
    assert [line for line in done.stderr.splitlines() if "is not executable" not in line] == []  # not installed here
    settings = {}
    for service in SERVICES:
        key = {"SECRET_KEY": secrets.token_urlsafe(48)} if service == "admin-api" else {}
        printed = subprocess.run([f"{tmp_path}/usr/bin/{service}", "--print-config"], env=key, capture_output=True,
                                 text=True, timeout=20, check=True).stdout
        settings.update(line.split("=", 1) for line in printed.splitlines() if "_LISTEN=" in line)
    for unit, variable in (("upload-gw", "GATEWAY_LISTEN"), ("upload-gw-status", "GATEWAY_STATUS_LISTEN"),
                           ("admin-api", "ADMIN_LISTEN"), ("admin-api-status", "ADMIN_STATUS_LISTEN")):
        text = (units / f"{unit}.socket").read_text()
        assert f"\nListenStream={settings[variable]}\n" in text
        assert ("\nFileDescriptorName=status\n" in text) == unit.endswith("-status")
    own, beside = ((units / f"{name}.service").read_text() for name in ("upload-gw", "upload-gw-next"))
    assert "\nSockets=upload-gw.socket upload-gw-status.socket\n" in beside
    assert set(own.split("[Service]")[1].split("[Install]")[0].splitlines()) < set(beside.split("[Service]")[1].splitlines())


@pytest.fixture(name="redis")
def _redis(tmp_path):
    server = Redis(tmp_path / "redis").start()
    yield server
    server.stop()


def test_sockets_as_systemd_hands_them_over(redis, tmp_path):
    """The first request wakes the gateway, which answers on both sockets."""
    ports = free_port(), free_port()
    gateway = Gateway(tmp_path / "data", redis.url, tmp_path / "log")
    os.makedirs(gateway.data_dir)
    argv = ["systemd-socket-activate", "-l", f"127.0.0.1:{ports[0]}", "-l", f"127.0.0.1:{ports[1]}",
            "--fdname=requests:status", *[f"-E{name}={value}" for name, value in gateway.env.items()],
            *gateway.process.argv]
    gateway.process.argv = argv
    gateway.process.spawn()
    try:
        until(lambda: requests.get(f"http://127.0.0.1:{ports[0]}/api/v1/check/health/", timeout=20).status_code == 200,
              what="the gateway behind systemd's socket")
        assert "lc_uploads_open" in requests.get(f"http://127.0.0.1:{ports[1]}/metrics", timeout=20).text
        assert gateway.process.output().count("listen.inherited") == 2
    finally:
        gateway.process.stop()


@pytest.fixture(name="debian", scope="module")
def _debian(engine, packages):
    """A container of plain Debian in which both packages are installed."""
    directory = os.path.dirname(packages["upload-gw"])
    name = engine.docker("run", "-d", "-v", f"{directory}:/packages:ro", "debian:bookworm-slim", "sleep",
                         "infinity").stdout.strip()

    def run(*argv, check=True):
        return engine.docker("exec", name, *argv, check=check, timeout=600)
    try:
        run("sh", "-c", "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "
            "--no-install-recommends /packages/*.deb > /tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }")
        yield run
    finally:
        engine.docker("rm", "-f", "-v", name)


def test_installed_programs_run(debian):
    for service in SERVICES:
        assert debian(service, "--version").stdout.startswith(service)
    assert "DATA_DIR=./data" in debian("upload-gw", "--print-config").stdout
    done = debian("admin-api", "--print-config", check=False)
    assert done.returncode != 0 and "SECRET_KEY is not set" in done.stdout + done.stderr
    done = debian("env", "SECRET_KEY_FILE=/etc/logs-collector/secret_key", "admin-api", "--print-config")
    assert "# SECRET_KEY=(set)" in done.stdout


@pytest.mark.parametrize("path, owner, mode", [
    ("/var/lib/logs-collector", "root:logs-collector", "3770"),
    ("/var/lib/logs-collector/spool/tmp", "root:logs-collector", "2770"),
    ("/var/lib/logs-collector/spool/new", "root:logs-collector", "2770"),
    ("/var/lib/logs-collector/archives", "lc-admin-api:logs-collector", "700"),
    ("/etc/logs-collector/secret_key", "root:root", "600"),
    ("/etc/default/admin-api", "root:root", "644"),
    ("/usr/bin/upload-gw", "root:root", "755"),
])
def test_owners_and_modes(debian, path, owner, mode):
    assert debian("stat", "-c", "%U:%G %a", path).stdout.strip() == f"{owner} {mode}"


def test_admin_api_knows_the_gateways_user(debian):
    assert debian("cat", "/etc/logs-collector/gateway_uid").stdout == debian("id", "-u", "lc-upload-gw").stdout
    assert "logs-collector" in debian("id", "-Gn", "lc-upload-gw").stdout.split()


def test_backup_and_restore_come_along(debian):
    """As README says, with nothing but the package: its own database and key, into another place."""
    debian("sh", "-c", "apt-get install -y -qq sqlite3 > /tmp/sqlite3.log 2>&1 || { cat /tmp/sqlite3.log; exit 1; }")
    shared, data = "/usr/share/logs-collector/deploy", "/var/lib/logs-collector"
    own = ("env", "SECRET_KEY_FILE=/etc/logs-collector/secret_key", "GATEWAY_UID_FILE=/etc/logs-collector/gateway_uid")
    env = (*own, f"DATA_DIR={data}", "DB_URL=sqlite:////var/lib/logs-collector-admin/db.sqlite3")
    debian("install", "-d", "-m", "700", "-o", "lc-admin-api", "-g", "logs-collector", "/var/lib/logs-collector-admin")
    debian(*env, "admin-api", "migrate")  # the directory: as the unit makes it (StateDirectory=)
    done = debian(*env, f"{shared}/backup", "--env", "/etc/default/admin-api", "--to", "/tmp/backup")
    assert "0 archives" in done.stdout, done.stdout
    debian("sh", "-c", "mkdir /tmp/new && chown lc-admin-api:logs-collector /tmp/new")
    done = debian(*own, "DATA_DIR=/tmp/new", "DB_URL=sqlite:////tmp/new/db.sqlite3", f"{shared}/restore",
                  "--env", "/etc/default/admin-api", "--from", "/tmp/backup", "--verify")
    assert "0 archives" in done.stdout, done.stdout
    assert debian("stat", "-c", "%U", "/tmp/new/db.sqlite3").stdout.strip() == "lc-admin-api"


def test_every_option_and_command_has_its_place_in_the_manual(packages):
    for service, table in (("upload-gw", "services/upload-gw/config.def"), ("admin-api", "services/admin-api/config.def"),
                           ("admin-api", "services/admin-api/commands.def"), ("upload-gw", "shared/config/both.def")):
        with open(os.path.join(BUILD, "deploy", "package", f"{service}.8"), encoding="utf-8") as f:
            page = f.read().replace("\\-", "-")
        with open(os.path.join(ROOT, table), encoding="utf-8") as f:
            names = re.findall(r'^(?:CONFIG\(\w+, \w+, |COMMAND\()"([^"]+)"', f.read(), re.M)
        assert len(names) > 4
        assert [name for name in names if f"\\fB{name}\\fR" not in page] == []


def test_data_and_key_survive_removal_and_a_second_installation(debian):
    key = debian("cat", "/etc/logs-collector/secret_key").stdout
    debian("touch", "/var/lib/logs-collector/archives/kept")
    debian("sh", "-c", "dpkg -r logs-collector-admin-api logs-collector-upload-gw && dpkg -i /packages/*.deb")
    assert debian("cat", "/etc/logs-collector/secret_key").stdout == key
    debian("test", "-e", "/var/lib/logs-collector/archives/kept")
    debian("sh", "-c", "dpkg -P logs-collector-admin-api logs-collector-upload-gw")
    debian("test", "-e", "/var/lib/logs-collector/archives/kept")
