"""The published document: linted, the same in both forms, and shown by Swagger UI."""

import json
import os
import re
import subprocess

import pytest
import requests

from lc.programs import missing, need

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(HERE, "node_modules", ".bin")
SCHEMA = "/api/v1/schema/"


@pytest.fixture(scope="module", autouse=True)
def tools():
    """redocly and prism by the lock file; a visible skip where they are not installed, a failure in CI."""
    if not os.path.exists(os.path.join(TOOLS, "prism")):
        missing(f"not installed: run npm ci --ignore-scripts in {HERE} (tests/run does)")


def lint(path):
    env = {**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "CI": "1"}
    return subprocess.run([os.path.join(TOOLS, "redocly"), "lint", "--config", os.path.join(HERE, "redocly.yaml"),
                           "--max-problems", "20", path], capture_output=True, text=True, timeout=180, env=env,
                          check=False)


@pytest.fixture(scope="module")
def document(stack):
    return requests.get(stack.admin.url + SCHEMA, params={"format": "json"}, timeout=20).json()


# --- the document ---

def test_lint_has_nothing_to_say(stack, scratch):
    path = os.path.join(scratch, "published.yaml")
    with open(path, "wb") as f:
        f.write(requests.get(stack.admin.url + SCHEMA, timeout=20).content)
    done = lint(path)
    assert done.returncode == 0 and "warning" not in done.stderr.lower(), done.stdout + done.stderr


def test_lint_would_say_something(document, scratch):
    broken = json.loads(json.dumps(document))
    del broken["components"]["schemas"]["TokenPair"]
    path = os.path.join(scratch, "broken.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(broken, f)
    assert lint(path).returncode != 0


def test_yaml_and_json_say_the_same(stack, document):
    yaml = requests.get(stack.admin.url + SCHEMA, timeout=20)
    assert yaml.headers["Content-Type"] == "application/vnd.oai.openapi" and yaml.text.startswith("---\nopenapi:")
    read = subprocess.run(["node", "-e", "const y=require('js-yaml');process.stdin.setEncoding('utf8');let t='';"
                           "process.stdin.on('data',d=>t+=d).on('end',()=>console.log(JSON.stringify(y.load(t))))"],
                          cwd=HERE, input=yaml.text, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(read.stdout) == document


@pytest.mark.parametrize("accept,kind", [
    ("application/json", "application/json"), ("application/yaml", "application/yaml"),
    ("text/html, application/json;q=0.9, */*;q=0.5", "application/json"),
    ("application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json"),
    ("text/html,application/xhtml+xml,*/*;q=0.8", "application/vnd.oai.openapi"), ("text/plain", None)])
def test_accept_chooses(stack, accept, kind):
    answer = requests.get(stack.admin.url + SCHEMA, headers={"Accept": accept}, timeout=20)
    if kind is None:
        assert answer.status_code == 406 and answer.json()["detail"].startswith("Could not satisfy")
    else:
        assert answer.status_code == 200 and answer.headers["Content-Type"] == kind


def test_swagger_ui_works_under_its_policy(stack, document, tmp_path):
    """In a real browser: the page shows every operation, and nothing of it is refused by the policy."""
    need("chromium")
    done = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
                           "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr",
                           f"--user-data-dir={tmp_path}", "--virtual-time-budget=30000", "--dump-dom",
                           stack.admin.url + SCHEMA + "swagger/"],
                          capture_output=True, text=True, timeout=180, check=True)
    shown = set(re.findall(r'data-path="([^"]+)"', done.stdout))
    assert shown == set(document["paths"]), done.stdout[-2000:] + done.stderr[-2000:]
    assert "Refused to" not in done.stderr and "Content Security Policy" not in done.stderr, done.stderr
