"""The Debian packages: made by CPack from the build under test, looked at by lintian, installed in a fresh Debian."""

import glob
import os
import re
import shutil
import subprocess

import pytest

from lc.build import BUILD, ROOT

SERVICES = ("upload-gw", "admin-api")
# Whoever builds for others puts an address of theirs into LC_PACKAGE_CONTACT.
NO_ADDRESS = "bogus-mail-host,bogus-mail-host-in-debian-changelog"


@pytest.fixture(name="packages", scope="module")
def _packages():
    """service → path of its package."""
    shutil.rmtree(os.path.join(BUILD, "packages"), ignore_errors=True)
    done = subprocess.run(["cpack", "-G", "DEB"], cwd=BUILD, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: glob.glob(f"{BUILD}/packages/logs-collector-{name}_*.deb")[0] for name in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_lintian_finds_nothing(packages, service):
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags", NO_ADDRESS,
                           packages[service]], capture_output=True, text=True, timeout=300, check=False)
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
