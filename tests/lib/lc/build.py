"""Where the built programs are: LC_BUILD, given by ctest. Of a script of tests/bench, without it: the release build."""

import os
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
_MEASURES = os.path.realpath(sys.argv[0]).startswith(os.path.join(ROOT, "tests", "bench", ""))
BUILD = os.environ.get("LC_BUILD") or os.path.join(ROOT, "build" if _MEASURES else "build-dev")


def binary(name):
    path = os.path.join(BUILD, "bin", name)
    assert os.access(path, os.X_OK), f"{path} is not built"
    return path


def library(name):
    path = os.path.join(BUILD, "bin", f"lib{name}.so")
    assert os.path.exists(path), f"{path} is not built"
    return path
