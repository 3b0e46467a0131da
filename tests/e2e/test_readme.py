"""README.md against the programs: what it tells about configuration is what they have."""

import re
import subprocess

import pytest

from lc.build import ROOT, binary


def documented():
    """variable → (gateway, admin-api) by the marks in README's table."""
    with open(f"{ROOT}/README.md", encoding="utf-8") as f:
        rows = re.findall(r"^\| `([A-Z0-9_]+)` \| ([^|]*) \| ([^|]*) \|", f.read(), re.M)
    return {name: services.strip() for name, services, _ in rows}


def offered(program):
    done = subprocess.run([binary(program), "--help"], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^\s*([A-Z][A-Z0-9_]+)\b", done.stdout, re.M))


@pytest.mark.parametrize("program,mark", [("upload-gw", "gateway"), ("admin-api", "admin-api")])
def test_every_variable_is_documented_and_none_else(program, mark):
    told = {name for name, services in documented().items() if services in (mark, "both")}
    assert told == offered(program)
