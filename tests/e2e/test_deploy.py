"""deploy/up and deploy/down as a newcomer runs them, in a data directory of their own, with the programs under test."""

import os
import re
import socket
import stat
import subprocess

import pytest
import requests

from lc.build import BUILD, ROOT
from lc.process import free_port
from lc.stores import Redis
from lc.totp import Totp, secret_of
from lc.wait import until


class Deployment:
    """One data directory and four ports."""

    def __init__(self, directory, name="data", bin_directory=f"{BUILD}/bin"):
        self.data, self.bin = os.path.join(directory, name), bin_directory
        self.gateway_port, self.admin_port, self.status_port, self.admin_status_port = (free_port() for _ in range(4))

    def _run(self, *argv):
        return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False)

    def up(self, *more):
        return self._run(f"{ROOT}/deploy/up", "--data", self.data, "--bin", self.bin, "--no-install",
                         "--gateway-port", str(self.gateway_port), "--admin-port", str(self.admin_port),
                         "--status-port", str(self.status_port), "--admin-status-port", str(self.admin_status_port),
                         *more)

    def down(self):
        return self._run(f"{ROOT}/deploy/down", "--data", self.data)

    def pids(self):
        found = {}
        for name in ("redis", "admin-api", "upload-gw"):
            path = os.path.join(self.data, "run", f"{name}.pid")
            if os.path.exists(path):
                with open(path, encoding="ascii") as f:
                    found[name] = int(f.read().split()[0])
        return found


@pytest.fixture(scope="module")
def deployment(scratch):
    whole = Deployment(scratch)
    first = whole.up()
    try:
        assert first.returncode == 0, first.stdout + first.stderr
        whole.first = first.stdout
        yield whole
    finally:
        whole.down()


def curl_line(output):
    return re.search(r"^\s*(curl -T .*)$", output, re.M).group(1)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def bearer(deployment):
    """What the first administrator's requests carry, by the credentials that deploy/up has printed."""
    user = re.search(r"user\s+(\S+)", deployment.first).group(1)
    password = re.search(r"password\s+(\S+)", deployment.first).group(1)
    phone = Totp(secret_of(re.search(r"otpauth://\S+", deployment.first).group(0)))
    admin = f"http://127.0.0.1:{deployment.admin_port}"
    phone.fresh()  # deploy/up has used this one
    login = requests.post(f"{admin}/api/v1/auth/token/", timeout=10,
                          json={"username": user, "password": password, "otp": phone.fresh()})
    assert login.status_code == 200, login.text
    return {"Authorization": "Bearer " + login.json()["access"]}


def test_printed_line_uploads_and_the_engineer_downloads(deployment, bearer):
    done = subprocess.run(["bash", "-c", curl_line(deployment.first) + " --noproxy '*' -sS"], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0 and "SHA-256" in done.stdout, done.stdout + done.stderr

    admin = f"http://127.0.0.1:{deployment.admin_port}"
    archive = requests.get(f"{admin}/api/v1/archives/", headers=bearer, timeout=10).json()[0]
    path = archive["file"][archive["file"].index("/archives/download/"):]
    with open("/etc/os-release", "rb") as f:
        assert requests.get(admin + path, headers=bearer, timeout=10).content == f.read()


def test_secrets_stay_with_their_owner(deployment):
    for name in ("env", "demo-ticket"):
        assert stat.S_IMODE(os.stat(os.path.join(deployment.data, name)).st_mode) == 0o600
    password = re.search(r"password\s+(\S+)", deployment.first).group(1)
    totp = secret_of(re.search(r"otpauth://\S+", deployment.first).group(0))
    token = curl_line(deployment.first).rstrip("/").rsplit("/", 1)[1]
    for name in os.listdir(os.path.join(deployment.data, "log")):
        with open(os.path.join(deployment.data, "log", name), encoding="utf-8", errors="replace") as f:
            text = f.read()
        for secret in (password, totp, token):
            assert secret not in text, name


def test_second_run_changes_nothing(deployment):
    before = deployment.pids()
    again = deployment.up()
    assert again.returncode == 0, again.stdout + again.stderr
    assert deployment.pids() == before and len(before) == 3
    assert curl_line(again.stdout) == curl_line(deployment.first)
    assert "otpauth://" not in again.stdout and "reset-2fa" in again.stdout
    assert again.stdout.count(" runs (pid ") == 3


def test_dead_service_is_started_again(deployment):
    os.kill(deployment.pids()["upload-gw"], 9)
    again = deployment.up()
    assert again.returncode == 0, again.stdout + again.stderr
    assert "upload-gw started" in again.stdout and "admin-api runs" in again.stdout
    assert requests.get(f"http://127.0.0.1:{deployment.gateway_port}/api/v1/check/health/", timeout=5).ok


def test_bad_settings_stop_nothing(deployment):
    """What either would refuse is said before any of them is stopped; the next run, with the file mended, restarts."""
    before, path = deployment.pids(), f"{deployment.data}/env"
    with open(path, encoding="ascii") as f:
        good = f.read()
    for bad in ("PAGE_LIMIT=many", f"SECRET_KEY={'another-key-' * 4}", "DRAIN_TIMEOUT=soon"):
        with open(path, "w", encoding="ascii") as f:
            f.write(f"{good}{bad}\n")
        done = deployment.up()
        assert done.returncode == 1 and f"would not run with {path}: " in done.stderr, done.stdout + done.stderr
        assert bad.split("=")[0] in done.stderr and bad.split("=")[1] not in done.stdout, done.stderr
        assert deployment.pids() == before and all(alive(pid) for pid in before.values())
    with open(path, "w", encoding="ascii") as f:
        f.write(good)
    again = deployment.up()
    assert again.returncode == 0 and "admin-api restarted" in again.stdout and "upload-gw restarted" in again.stdout, again


def test_settings_that_a_shell_takes_otherwise(deployment):
    """Nothing but sqlite would be left of this DB_URL. In single quotes it is one, and cannot be reached."""
    before, path = deployment.pids(), f"{deployment.data}/env"
    with open(path, encoding="ascii") as f:
        good = f.read()
    url = "postgresql://127.0.0.1:9/lc?connect_timeout=3&sslmode=disable"
    for line, says in ((f"DB_URL={url}", "DB_URL='…'"), (f"DB_URL='{url}'", "admin-api would not run with")):
        with open(path, "w", encoding="ascii") as f:
            f.write(f"{good}{line}\n")
        done = deployment.up()
        assert done.returncode == 1 and says in done.stderr and deployment.pids() == before, done.stdout + done.stderr
    with open(path, "w", encoding="ascii") as f:
        f.write(good)


def test_settings_changed_by_hand(deployment, scratch):
    """In quotes; with a certificate; on a unix socket. What is printed works each time."""
    path, run = f"{deployment.data}/env", deployment._run  # pylint: disable=protected-access
    with open(path, encoding="ascii") as f:
        good = f.read()
    pem = os.path.join(scratch, "both.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", pem,
                    "-out", f"{pem}.crt"], check=True, capture_output=True, timeout=30)
    admin = f"127.0.0.1:{deployment.admin_port}"
    tls = good.replace(f"ADMIN_LISTEN={admin}", f'ADMIN_LISTEN="{admin}"')
    socket_path = f"{deployment.data}/run/gw.sock"
    local = good.replace(f"GATEWAY_LISTEN=127.0.0.1:{deployment.gateway_port}", f"GATEWAY_LISTEN=unix:{socket_path}")
    for settings, before in ((f"{tls}GATEWAY_TLS_CERT={pem}.crt\nGATEWAY_TLS_KEY={pem}\n", f"CURL_CA_BUNDLE={pem}.crt "),
                             (local, "")):
        with open(path, "w", encoding="ascii") as f:
            f.write(settings)
        done = run(f"{ROOT}/deploy/up", "--data", deployment.data, "--bin", deployment.bin, "--no-install")
        assert done.returncode == 0, done.stdout + done.stderr
        line = re.search(r"^\s*(curl .*-T .*)$", done.stdout, re.M).group(1)
        sent = subprocess.run(["bash", "-c", f"{before}{line} --noproxy '*' -sS"], capture_output=True, text=True,
                              timeout=60, check=False)
        assert sent.returncode == 0 and "SHA-256" in sent.stdout, sent
    with open(path, "w", encoding="ascii") as f:
        f.write(good)
    again = deployment.up()
    assert again.returncode == 0 and "upload-gw restarted" in again.stdout, again.stdout + again.stderr


def test_file_of_a_process_that_ended_at_once(tmp_path):
    """It had ended before its birth could be read: nobody waits for it, nor for what a file without a birth names."""
    (tmp_path / "run").mkdir()
    source = f"data={tmp_path}; source {ROOT}/deploy/service.sh; "
    ended = subprocess.Popen(["true"])
    ended.wait(10)
    (tmp_path / "run" / "redis.pid").write_text(f"{os.getpid()} 1 not-this-boot\n")
    done = subprocess.run(["bash", "-ec", f"{source} remember redis {ended.pid}; pid_of redis || echo none"],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0 and done.stdout == "none\n", done
    assert not (tmp_path / "run" / "redis.pid").exists()
    for words in (f"{ended.pid} ", f"{ended.pid}", "", "999999999 "):
        (tmp_path / "run" / "redis.pid").write_text(f"{words}\n")
        done = subprocess.run([f"{ROOT}/deploy/down", "--data", str(tmp_path)], capture_output=True, text=True, timeout=20,
                              check=False)
        assert done.returncode == 0 and "redis was not running" in done.stdout, (words, done)


def archives_of(deployment, bearer):
    answer = requests.get(f"http://127.0.0.1:{deployment.admin_port}/api/v1/archives/", headers=bearer, timeout=10)
    assert answer.status_code == 200, answer.text
    return [(a["id"], a["sha256"]) for a in answer.json()]


def test_backup_and_restore_as_readme_shows(deployment, bearer, scratch):
    """Three lines: backup, restore with the settings of before, up. Nobody is made anew, nobody is logged out."""
    subprocess.run(["bash", "-c", curl_line(deployment.first) + " --noproxy '*' -sSf"], check=True, timeout=60,
                   stdout=subprocess.DEVNULL)
    before = archives_of(deployment, bearer)
    new, settings, where = Deployment(scratch, "new"), f"{deployment.data}/env", os.path.join(scratch, "backup")
    run = deployment._run  # pylint: disable=protected-access
    done = run(f"{ROOT}/deploy/backup", "--env", settings, "--to", where)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(f"{ROOT}/deploy/restore", "--data", f"{new.data} with space", "--env", settings, "--from", where)
    assert done.returncode == 1 and "use a path of letters" in done.stderr, "deploy/up would not take it"
    done = run(f"{ROOT}/deploy/restore", "--data", new.data, "--env", settings, "--from", where, "--verify")
    assert done.returncode == 0 and f"deploy/up --data {new.data}" in done.stdout, done.stdout + done.stderr
    assert stat.S_IMODE(os.stat(f"{new.data}/env").st_mode) == 0o600
    done = new.up()
    try:
        assert done.returncode == 0 and "Administrator: admin " in done.stdout, done.stdout + done.stderr
        assert "demo ticket" not in done.stdout, "nobody asks for the one that another installation had"
        assert archives_of(new, bearer) == before and before
    finally:
        new.down()
    done = run(f"{ROOT}/deploy/restore", "--data", new.data, "--env", settings, "--from", where)
    assert done.returncode == 1 and "a restore overwrites nothing, choose another --data" in done.stderr


def test_demo_ticket_that_the_gateway_does_not_take(scratch):
    """The gateway looks into another Redis than admin-api: said after a few questions, far from FAILED_TOKENS."""
    programs = os.path.join(scratch, "programs")
    os.mkdir(programs)
    os.symlink(f"{BUILD}/bin/admin-api", f"{programs}/admin-api")
    redis = Redis(os.path.join(scratch, "other-redis")).start()
    try:
        with open(f"{programs}/upload-gw", "w", encoding="ascii") as f:
            f.write(f"#!/bin/sh\nREDIS_URL={redis.url} exec {BUILD}/bin/upload-gw \"$@\"\n")
        os.chmod(f"{programs}/upload-gw", 0o755)
        other = Deployment(scratch, "apart", programs)
        done = other.up()
        try:
            assert done.returncode == 1 and "must have the same REDIS_URL" in done.stderr, done.stdout + done.stderr
            metrics = requests.get(f"http://127.0.0.1:{other.status_port}/metrics", timeout=5).text
        finally:
            other.down()
    finally:
        redis.stop()
    refused = sum(int(n) for n in re.findall(r"^lc_refused_total{.*} (\d+)$", metrics, re.M))
    assert 1 <= refused <= 10


@pytest.fixture(name="small_disk")
def _small_disk(scratch):
    if os.geteuid():
        pytest.skip("only root may mount")
    where = os.path.join(scratch, "small")
    os.mkdir(where)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", where], check=True, timeout=20)
    yield where
    subprocess.run(["umount", "-l", where], check=True, timeout=20)


def test_what_stands_in_the_way_is_said_and_the_next_run_goes_on(small_disk):
    """A taken port, with nothing left running; a disk with less room than is kept free, before anybody is made."""
    other = Deployment(small_disk)
    try:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", other.admin_port))
            taken.listen()
            done = other.up()
        assert done.returncode == 1 and other.pids() == {}
        assert f"port {other.admin_port} is taken" in done.stderr and "--admin-port" in done.stderr
        done = other.up()
        assert done.returncode == 1 and "otpauth://" not in done.stdout and '"storage":"full"' in done.stderr
        assert f"{other.data} is short of space" in done.stderr and f"STORAGE_RESERVE lower in {other.data}/env" in done.stderr
        with open(f"{other.data}/env", "a", encoding="ascii") as f:
            f.write("STORAGE_RESERVE=16M\n")
        done = other.up()
        assert done.returncode == 0 and "otpauth://" in done.stdout and curl_line(done.stdout), done.stdout + done.stderr
    finally:
        other.down()


@pytest.mark.parametrize("option", [["--gateway-port", "70000"], ["--data"], ["--frobnicate"],
                                    ["--data", "/tmp/with space"], ["--data", "/tmp/" + "long" * 30]])
def test_wrong_option_is_refused(option):
    done = subprocess.run([f"{ROOT}/deploy/up", *option], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode in (1, 2) and option[0] in done.stderr, done


def test_down_stops_what_up_started_and_up_finds_it_again(deployment):
    token = curl_line(deployment.up().stdout).rstrip("/").rsplit("/", 1)[1]
    check = f"http://127.0.0.1:{deployment.gateway_port}/api/v1/check/token/{token}"
    before = requests.get(check, timeout=5).json()["attempts"]
    pids = deployment.pids()
    done = deployment.down()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [name for name, pid in pids.items() if alive(pid)] == []
    assert deployment.pids() == {}
    again = deployment.down()
    assert again.returncode == 0 and again.stdout.count("was not running") == 3
    # A file that names somebody else's process: never touched.
    with open(os.path.join(deployment.data, "run", "redis.pid"), "w", encoding="ascii") as f:
        f.write(f"{os.getpid()} 1 not-this-boot\n")
    assert deployment.down().returncode == 0

    up = deployment.up()
    assert up.returncode == 0, up.stdout + up.stderr
    assert curl_line(up.stdout).rstrip("/").rsplit("/", 1)[1] == token
    until(lambda: requests.get(check, timeout=5).json()["attempts"] == before, what="the ticket of before")
