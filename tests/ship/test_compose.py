"""The production stack of deploy/compose.yaml: the main job, who reaches whom, drain, restart, secrets, wrong starts."""

import secrets
import shutil
import subprocess

import pytest
import requests
from jobs import download, main_job, upload

from lc import curl, django
from lc.build import ROOT
from lc.ship import ComposeStack
from lc.wait import until

COMPOSE_FILE = "compose.yaml"
JSON = "Accept: application/json"
KEY = secrets.token_urlsafe(48)
SERVICES = ("upload-gw", "admin-api", "redis", "postgres")


def test_main_job(stack, make_file, tmp_path):
    main_job(stack, make_file(60_000_000), tmp_path)


def test_every_container_is_healthy(stack, engine):
    def state(service):
        return engine.inspect(stack.container(service))["State"]["Health"]["Status"]
    for service in SERVICES:
        until(lambda s=service: state(s) == "healthy", 60, f"{service} to be healthy", step=0.5)


@pytest.mark.parametrize("service", SERVICES)
def test_container_has_no_rights_to_spare(stack, engine, service, tmp_path):
    container = stack.container(service)
    host = engine.inspect(container)["HostConfig"]
    assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["Privileged"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0 and host["PidsLimit"] > 0
    assert engine.inspect(container)["Config"]["User"].split(":")[0] not in ("", "0", "root")
    (tmp_path / "file").write_text("x")
    done = engine.docker("cp", str(tmp_path / "file"), f"{container}:/file", check=False)
    assert done.returncode != 0 and "read-only" in done.stderr, done


def reaches_postgres(stack, engine, service, host):
    """Whether what shares the network of a service gets an answer of PostgreSQL."""
    done = engine.docker("run", "--rm", "--network", f"container:{stack.container(service)}", "--entrypoint",
                         "pg_isready", "postgres:15-bookworm", "-h", host, "-t", "3", check=False)
    return done.returncode == 0


def test_gateway_cannot_reach_postgres(stack, engine):
    networks = engine.inspect(stack.container("postgres"))["NetworkSettings"]["Networks"]
    (address,) = [n["IPAddress"] for n in networks.values()]
    for host in ("postgres", address):
        assert reaches_postgres(stack, engine, "admin-api", host)
        assert not reaches_postgres(stack, engine, "upload-gw", host)


def test_no_secret_where_everybody_looks(stack, engine):
    everything = stack.logs()
    for service in SERVICES:
        everything += engine.docker("inspect", stack.container(service)).stdout
        everything += engine.docker("top", stack.container(service), "-o", "pid,args").stdout
    for secret in (*stack.secret_values(), *stack.gateway.secrets, *stack.admin.secrets):
        assert secret not in everything


def open_uploads(stack):
    return "\nlc_uploads_open 1\n" in requests.get(stack.gateway.status_url + "/metrics", timeout=5).text


def test_term_lets_an_upload_end(stack, engine, make_file):
    ticket, file = stack.make_ticket(), make_file(6_000_000)
    slow = curl.Background("-H", JSON, "--limit-rate", "1500k", "-T", file.path, f"{stack.gateway.url}/u/{ticket['token']}/")
    until(lambda: open_uploads(stack), 20, "the upload to begin")
    engine.docker("stop", "-t", "60", stack.container("upload-gw"))
    assert engine.inspect(stack.container("upload-gw"))["State"]["ExitCode"] == 0
    done = slow.result()
    assert done.status == 201 and done.json()["sha256"] == file.sha256, done
    stack.up()
    (archive,) = stack.wait_archives(ticket, 1)
    assert archive["sha256"] == file.sha256


def test_everything_is_there_after_down_and_up(stack, make_file, tmp_path):
    ticket, file = stack.make_ticket(), make_file(1_000_000)
    assert upload(stack, ticket, file).status == 201
    stack.compose("down")
    stack.up()
    (archive,) = stack.wait_archives(ticket, 1)
    assert download(stack, archive, str(tmp_path / "back")) == file.sha256
    stack.wait_known(ticket)
    assert stack.attempts(ticket) == 4
    assert upload(stack, ticket, file).status == 201


def test_backup_restored_into_another_stack(stack, engine, make_file, tmp_path):
    """With secrets of its own, but for the key that the backup needs; nothing of what is there is ever overwritten."""
    ticket, archive = main_job(stack, make_file(1_000_000), tmp_path)
    where = str(tmp_path / "backup")
    stack.deploy("backup", "--to", where)
    other = ComposeStack(engine, COMPOSE_FILE, str(tmp_path / "other"))
    try:
        done = other.deploy("restore", "--from", where, check=False)
        assert done.returncode == 1 and "SECRET_KEY is not the one of the backup" in done.stderr, done
        shutil.copyfile(f"{stack.secrets_directory}/secret_key", f"{other.secrets_directory}/secret_key")
        done = other.deploy("restore", "--from", where, "--verify")
        assert "up -d" in done.stdout, done
        other.takes_the_place_of(stack)
        other.up()
        assert download(other, archive, str(tmp_path / "again")) == archive["sha256"]
        other.wait_known(ticket)
        assert other.attempts(ticket) == stack.attempts(ticket)
        done = other.deploy("restore", "--from", where, check=False)
        assert done.returncode == 1 and "a restore is for a new stack" in done.stderr and "down -v" in done.stderr, done
        other.compose("stop")
        done = other.deploy("restore", "--from", where, check=False)
        assert done.returncode == 1 and "overwrites nothing" in done.stderr and "down -v" in done.stderr, done
    finally:
        other.close()


def test_new_secret_key(stack):
    """The former one goes on counting: for who is logged in, for second factors, for tokens of tickets."""
    ticket = stack.make_ticket()
    subprocess.run([f"{ROOT}/deploy/make-secrets", "--new-secret-key", stack.secrets_directory], check=True, timeout=20)
    stack.compose("up", "-d", "--no-build", "--force-recreate", "admin-api")
    until(stack.admin.healthy, 60, "admin-api with another SECRET_KEY to answer")
    assert stack.get(f"/api/v1/tickets/{ticket['number']}/").json()["token"] == ticket["token"]
    stack.api = stack.user.login()
    assert stack.get(f"/api/v1/tickets/{ticket['number']}/").status_code == 200


def test_import_from_the_old_server(stack, tmp_path):
    """By a container of its own that has the old directory mounted, while the stack runs."""
    django.make(tmp_path)
    tmp_path.chmod(0o755)
    done = stack.compose("run", "--rm", "-T", "--no-deps", "-v", f"{tmp_path}:/old:ro", "admin-api", "import-django",
                         "--db", "/old/db.sqlite3", "--media", "/old/media")
    ticket = stack.get("/api/v1/tickets/1001/").json()
    assert ticket["token"].replace("-", "") == django.TOKENS[1001], done
    for archive in stack.archives(ticket):
        assert stack.download(archive).content == django.FILES[f"1001/{archive['name']}"]


def test_an_engineer_sees_what_the_stores_do(stack, engine):
    """Ready turns to not ready by name of the store, and back."""
    engine.docker("pause", stack.container("postgres"))
    try:
        done = stack.admin.exec("/bin/admin-api", "health", check=False)
        assert done.returncode == 0, done
    finally:
        engine.docker("unpause", stack.container("postgres"))
    engine.docker("stop", stack.container("redis"))
    try:
        for service, program in ((stack.gateway, "upload-gw"), (stack.admin, "admin-api")):
            done = until(lambda s=service, p=program: (lambda d: d if d.returncode else None)(
                s.exec(f"/bin/{p}", "health", "--ready", check=False)), 20, "the service to miss Redis", step=0.3)
            assert '"redis":"unreachable"' in done.stderr
    finally:
        engine.docker("start", stack.container("redis"))
    until(lambda: stack.gateway.exec("/bin/upload-gw", "health", "--ready", check=False).returncode == 0, 20,
          "the gateway to have Redis again", step=0.3)


# --- starts that cannot go well, in a container of their own


def refusal(engine, image, *args):
    done = engine.docker("run", "--rm", "--read-only", "--cap-drop", "ALL", "--network", "none", *args, image,
                         check=False, timeout=60)
    assert done.returncode == 1, done
    return done.stdout + done.stderr


@pytest.fixture(name="foreign_volume")
def _foreign_volume(engine, stack):
    """A volume of somebody else, with something in it: an empty one would become what the image says."""
    name = stack.project + "_foreign"
    engine.docker("run", "--rm", "-v", f"{name}:/other", "redis:7-bookworm", "touch", "/other/file")
    yield name
    engine.docker("volume", "rm", name)


def test_volume_of_somebody_else(engine, images, foreign_volume):
    said = refusal(engine, images["upload-gw"], "-v", f"{foreign_volume}:/data")
    assert "DATA_DIR: /data" in said and "chown" in said and "10001" in said
    said = refusal(engine, images["admin-api"], "-v", f"{foreign_volume}:/data", "-e", "SECRET_KEY=" + KEY,
                   "-e", "DB_URL=sqlite:////db/x.sqlite3")
    assert "DATA_DIR: /data" in said and "chown" in said and "10002" in said


def test_read_only_volume(engine, images, foreign_volume):
    said = refusal(engine, images["upload-gw"], "-v", f"{foreign_volume}:/data:ro")
    assert "DATA_DIR: /data" in said and "read-only" in said.lower()


def test_missing_secrets(engine, images):
    said = refusal(engine, images["admin-api"])
    assert "SECRET_KEY is not set" in said and "openssl rand" in said
    said = refusal(engine, images["admin-api"], "-e", "SECRET_KEY_FILE=/run/secrets/secret_key")
    assert "SECRET_KEY_FILE: cannot read /run/secrets/secret_key" in said and "give a file this user may read" in said


def test_secret_of_another_user(engine, images, tmp_path):
    key = tmp_path / "key"
    key.write_text(KEY + "\n")
    key.chmod(0o600)
    said = refusal(engine, images["admin-api"], "-v", f"{key}:/run/secrets/secret_key:ro",
                   "-e", "SECRET_KEY_FILE=/run/secrets/secret_key")
    assert "Permission denied" in said and "give a file this user may read" in said and KEY not in said
