"""How long a refused login takes says nothing about whether the name exists: distributions compared, not times."""

import itertools
import time

import pytest
import requests

from lc.build import BUILD

ADMIN_ENV = {"LOGIN_FREE_FAILURES": "1000", "PASSWORD_MEMORY": "19M", "PASSWORD_PASSES": "2"}
ROUNDS = 50


@pytest.mark.skipif(BUILD.rstrip("/").endswith(("asan", "tsan")), reason="sanitizers distort times")
def test_unknown_names_take_as_long(admin):
    """Interleaved tries; the chance that a known name's is slower than an unknown one's is about a half. Without the
    hash for unknown names it would be 1; a difference of a tenth of a hash would show."""
    admin.create_user("known", totp=False)
    session, times = requests.Session(), {"known": [], "unknown": []}
    for name in itertools.islice(itertools.cycle(times), 2 * ROUNDS):
        start = time.perf_counter()
        answer = session.post(admin.url + "/api/v1/auth/token/", json={"username": name, "password": "wrong-password"},
                              timeout=30)
        times[name].append(time.perf_counter() - start)
        assert answer.status_code == 401
    pairs = list(itertools.product(times["known"], times["unknown"]))
    slower = sum(a > b for a, b in pairs) / len(pairs)
    assert 0.2 < slower < 0.8, f"a known name's login is the slower one in {slower:.0%} of pairs"
