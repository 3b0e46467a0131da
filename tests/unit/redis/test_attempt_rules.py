"""The attempt rules under random schedules, on a real Redis with a clock of ours: never more than N uploads are
acknowledged while Redis keeps its memory, after a loss at most those then in flight come on top, and no attempt and no
acknowledged upload is ever lost. A failing seed is printed; LC_SEED=<seed> plays it alone and tells every step,
LC_SCHEDULES=<count> plays more than usual."""

import os
import random
import shutil
import tempfile

import pytest

from attempt_sim.schedule import Schedule
from attempt_sim.server import Server

SCHEDULES = int(os.environ.get("LC_SCHEDULES", "3000"))
RESTARTS = 50  # schedules in which Redis really is killed
CLOCK = os.path.join(os.environ["LC_BUILD"], "lib", "libfrozen_clock.so")


def play(server, seed):
    schedule = Schedule(server, seed)
    try:
        schedule.run()
    except Exception as e:
        trace = "\n".join(schedule.w.trace[-400:])
        raise AssertionError(f"LC_SEED={seed} ({schedule.w.profile.name}): {e!r}\n{trace}") from e
    return schedule


def seeds(count):
    """Those of LC_SEED, or new ones."""
    if os.environ.get("LC_SEED"):
        return [int(os.environ["LC_SEED"])]
    first = random.SystemRandom().randrange(10 ** 9)
    print(f"seeds {first} to {first + count - 1}")
    return range(first, first + count)


@pytest.fixture(name="server", params=[False, True], ids=["memory", "aof"])
def _server(request):
    directory = tempfile.mkdtemp(prefix="lc-")
    running = Server(directory, CLOCK, aof=request.param).start()
    yield running
    running.stop()
    shutil.rmtree(directory, ignore_errors=True)


def test_schedules(server):
    for seed in seeds(RESTARTS if server.aof else SCHEDULES):
        schedule = play(server, seed)
        if os.environ.get("LC_SEED"):
            print("\n".join(schedule.w.trace))
