"""README.md against the programs: its configuration table is theirs."""

import re
import secrets
import subprocess

import pytest

from lc.build import ROOT, binary


def documented(service):
    """variable → default of README's rows for a service."""
    with open(f"{ROOT}/README.md", encoding="utf-8") as f:
        rows = re.findall(r"^\| `([A-Z0-9_]+)` \| ([a-z-]+) \| `?([^|`]*)`? \|", f.read(), re.M)
    own = [(name, fallback.strip()) for name, owner, fallback in rows if owner in (service, "both")]
    assert len({name for name, _ in own}) == len(own), "a variable has two rows"
    return dict(own)


def offered(program):
    """variable → default of --help."""
    done = subprocess.run([binary(program), "--help"], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^  ([A-Z][A-Z0-9_]+)  .*; (?:default (\S+)|(required))$", done.stdout, re.M)
    return {name: fallback or required for name, fallback, required in rows}


@pytest.mark.parametrize("program,service", [("upload-gw", "gateway"), ("admin-api", "admin-api")])
def test_every_variable_is_documented_with_its_default(program, service):
    assert documented(service) == offered(program)


@pytest.mark.parametrize("program", ["upload-gw", "admin-api"])
def test_print_config_names_the_same_variables(program, tmp_path):
    env = {"PATH": "/usr/bin:/bin", "SECRET_KEY": secrets.token_urlsafe(48), "DATA_DIR": str(tmp_path)}
    done = subprocess.run([binary(program), "--print-config"], capture_output=True, text=True, timeout=20, env=env,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", done.stdout, re.M)) == set(offered(program))


OF_THE_STACK = {"DATA_DIR", "GATEWAY_UID", "REDIS_URL", "DB_URL", "SECRET_KEY", "SECRET_KEY_FALLBACKS", "GATEWAY_TLS_CERT",
                "GATEWAY_TLS_KEY"}


@pytest.mark.parametrize("program", ["upload-gw", "admin-api"])
def test_the_stacks_pass_every_setting_on(program):
    """What is the image's or a secret is not the operator's to set there."""
    with open(f"{ROOT}/deploy/compose.base.yaml", encoding="utf-8") as f:
        service = re.search(rf"^  {program}:\n(.*?)(?=^  \S)", f.read(), re.M | re.S).group(1)
    given = set(re.findall(r"^      ([A-Z][A-Z0-9_]+):", service, re.M))
    theirs = {name for name in offered(program) if name not in OF_THE_STACK and not re.search("_(LISTEN|WEB_DIR)$", name)}
    assert theirs - given == set()


def test_directory_that_is_not_there_is_named(tmp_path):
    env = {"PATH": "/usr/bin:/bin", "SECRET_KEY": secrets.token_urlsafe(48), "DATA_DIR": str(tmp_path / "nope")}
    for program in ("upload-gw", "admin-api"):
        done = subprocess.run([binary(program)], capture_output=True, text=True, timeout=20, env=env, check=False)
        assert done.returncode == 1 and f"DATA_DIR: {tmp_path}/nope" in done.stderr, done.stderr


@pytest.mark.parametrize("service", ["upload-gw", "admin-api"])
def test_images_have_what_the_pages_are_built_from(service):
    """Where the tests build them, pages are given: no build of an image reaches the npm registry there."""
    with open(f"{ROOT}/services/build.mjs", encoding="utf-8") as f:
        outside = re.findall(r"'\.\./([^']+)'", f.read())
    with open(f"{ROOT}/deploy/images/Dockerfile.{service}", encoding="utf-8") as f:
        stage = re.search(r" AS web-build\n(.*?)\nFROM ", f.read(), re.S).group(1)
    copied = re.findall(r"^COPY (\S+)", stage, re.M)
    assert outside and [path for path in outside if path not in copied] == []
