"""What the scripts begin with that are run by hand: tests/bench and tests/crash/run. However one ends, but by SIGKILL, its
servers end and its directory goes."""

import atexit
import os
import shutil
import signal
import sys
import tempfile

from lc import process
from lc.build import BUILD
from lc.programs import which


def end_by_sigterm():
    """As by SIGINT: what is to be ended is ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def need(*programs):
    missing = [p for p in programs if which(p) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}; deploy/install bench")


def scratch(prefix, where=None):
    """A directory of the script's own, in `where` if it is given."""
    if not all(os.path.exists(os.path.join(BUILD, "bin", name)) for name in ("upload-gw", "admin-api", "bench_gateway")):
        preset = os.path.basename(BUILD).removeprefix("build").removeprefix("-") or "release"
        sys.exit(f"{BUILD} has not all programs: cmake --preset {preset} -DBUILD_TESTING=ON && "
                 f"cmake --build --preset {preset}; LC_BUILD names another directory")
    end_by_sigterm()
    try:
        directory = tempfile.mkdtemp(prefix=prefix, dir=where)
    except OSError as e:
        sys.exit(f"--dir {where}: {e.strerror}")
    atexit.register(_end, directory)
    return directory


def _end(directory):
    for one in reversed(process.started):
        one.kill9()
    shutil.rmtree(directory, ignore_errors=True)
