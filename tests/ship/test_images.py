"""The images: what is in them, and what is not."""

import secrets
import tarfile

import pytest

MOST = 30 * 1000 * 1000
USERS = {"upload-gw": "10001:10000", "admin-api": "10002:10000"}


@pytest.fixture(name="service", params=["upload-gw", "admin-api"])
def _service(request):
    return request.param


@pytest.fixture(name="files")
def _files(engine, images, service, tmp_path):
    """Path → tarfile entry of all that is in the image."""
    tar = tmp_path / "image.tar"
    container = engine.docker("create", images[service]).stdout.strip()
    engine.docker("export", "-o", str(tar), container)
    engine.docker("rm", "-v", container)
    with tarfile.open(tar) as f:
        return {entry.name: entry for entry in f}


def test_small(engine, images, service):
    assert engine.inspect(images[service])["Size"] <= MOST


def test_runs_as_nobody_in_particular_and_says_how_it_is(engine, images, service):
    config = engine.inspect(images[service])["Config"]
    assert config["User"] == USERS[service]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", f"/bin/{service}", "health"]


def test_holds_the_program_and_nothing_to_play_with(files, service):
    programs = {name for name, entry in files.items() if name.startswith(("bin/", "sbin/", "usr/bin/", "usr/sbin/"))
                and entry.isfile()}
    assert programs == {f"bin/{service}"}
    assert "etc/ssl/certs/ca-certificates.crt" in files
    assert not [name for name, entry in files.items() if entry.mode & 0o6000 and entry.isfile()]
    page = {"upload-gw": "web/upload-gw/page.en.html", "admin-api": "web/admin-api/index.html"}[service]
    assert page in files


def test_directories_of_volumes_belong_to_the_services(files, service):
    data = files["data"]
    assert (data.uid, data.gid, data.mode & 0o7777) == (10002, 10000, 0o3770)
    if service == "admin-api":
        database = files["db"]
        assert (database.uid, database.gid, database.mode & 0o7777) == (10002, 10000, 0o700)


def test_runs_on_a_read_only_root_without_rights(engine, images, service):
    done = engine.docker("run", "--rm", "--read-only", "--cap-drop", "ALL", "--network", "none", images[service],
                         "--version")
    assert done.stdout.startswith(service)


def test_help_and_settings(engine, images, service):
    key = secrets.token_urlsafe(48)
    done = engine.docker("run", "--rm", "--network", "none", "-e", "SECRET_KEY=" + key, images[service],
                         "--print-config")
    assert "DATA_DIR=/data" in done.stdout and key not in done.stdout
