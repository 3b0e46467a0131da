"""README's table of guarantees: every file it names is there, every test is one of ctest's, every set one of tests/run's."""

import json
import os
import re
import subprocess

import pytest

from lc.build import BUILD, ROOT


def rows():
    with open(f"{ROOT}/README.md", encoding="utf-8") as f:
        section = re.search(r"^## Guarantees\n(.*?)^## ", f.read(), re.M | re.S).group(1)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines()
            if line.startswith("| ") and not line.startswith("| promise")]


@pytest.fixture(scope="module")
def registered():
    """name → the command line of each ctest test."""
    done = subprocess.run(["ctest", "--test-dir", BUILD, "--show-only=json-v1"], capture_output=True, text=True,
                          timeout=60, check=True)
    return {t["name"]: " ".join(t.get("command", [])) for t in json.loads(done.stdout)["tests"]}


def test_every_promise_has_its_test(registered):
    with open(f"{ROOT}/tests/run", encoding="utf-8") as f:
        sets = set(re.search(r"^ +(unit \|.*?)\) sets", f.read(), re.M | re.S).group(1).replace("\\\n", "").replace(" ", "").split("|"))
    assert len(rows()) > 15
    for promise, files, command in rows():
        paths = re.findall(r"\]\(([^)]+)\)", files)
        assert paths, promise
        for path in paths:
            assert os.path.exists(os.path.join(ROOT, path)), f"{promise}: {path} is not there"
        name = re.fullmatch(r"`ctest --test-dir build-dev -R '\^(\w+)\$'`", command)
        if name:
            assert name.group(1) in registered, f"{promise}: ctest has no {name.group(1)}"
            assert paths[0] in registered[name.group(1)], f"{promise}: {name.group(1)} is not of {paths[0]}"
        else:
            wanted = re.fullmatch(r"`tests/run (\w+)`", command)
            assert wanted and wanted.group(1) in sets, f"{promise}: {command} is no command of ours"
