"""Fixtures of all service tests: see lib/lc/fixtures.py; with LC_PRISM also lib/lc/conformance.py."""

import os

pytest_plugins = ["lc.fixtures"] + ["lc.conformance"] * bool(os.environ.get("LC_PRISM"))
