"""Fixtures of all service tests: see lib/lc/fixtures.py."""

pytest_plugins = ["lc.fixtures"]
