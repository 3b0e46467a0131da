"""Guessing is slowed down by account and network, and nobody is locked out by somebody elsewhere."""

import itertools
import math
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from lc.panel import ACCOUNT, Account
from lc.wait import until

ADMIN_ENV = {"TRUSTED_PROXIES": "127.0.0.1"}
FREE = 5
_nets = itertools.count(1)


@pytest.fixture(name="net")
def fixture_net():
    """An address that nobody has used yet."""
    number = next(_nets)
    return f"198.51.{number // 250}.{number % 250 + 1}"


@pytest.fixture(name="user")
def fixture_user(admin):
    return Account(admin, f"user{time.monotonic_ns()}", totp=False)


def guess(admin, name, password, forwarded, **body):
    return requests.post(admin.url + "/api/v1/auth/token/", json={"username": name, "password": password, **body},
                         headers={"X-Forwarded-For": forwarded}, timeout=30)


def use_up(admin, name, net, count=FREE):
    answers = [guess(admin, name, f"wrong-password-{i}", net).status_code for i in range(count)]
    assert answers == [401] * count


def must_wait(ask):
    """The refusal. Whose question comes when the first wait, a second, is over fails once more; the next is longer."""
    answers = []
    until(lambda: answers.append(ask()) or answers[-1].status_code == 429, what="a wait")
    return answers[-1]


def test_waits_double(admin, user, net):
    use_up(admin, user.name, net)
    refused = must_wait(lambda: guess(admin, user.name, "wrong-password", net))
    assert refused.json()["code"] == "throttled" and refused.headers["Retry-After"] in ("1", "2")
    first = int(refused.headers["Retry-After"])
    assert f"{first} seconds" in refused.json()["detail"]
    assert guess(admin, user.name, user.password, net).status_code == 429, "not even the right one: it would tell"
    for wait in (2 * first, 4 * first):
        began = time.monotonic()
        assert until(lambda: guess(admin, user.name, "wrong-password", net).status_code == 401, what="the wait")
        left = int(guess(admin, user.name, "wrong-password", net).headers["Retry-After"])
        assert left in (wait, math.ceil(wait - (time.monotonic() - began)), wait - 1)
    until(lambda: guess(admin, user.name, user.password, net).status_code == 200, what="the right password")
    use_up(admin, user.name, net)  # a success has ended the waits


def test_the_owner_is_not_locked_out(admin, user, net):
    """Somebody guesses, from everywhere but the owner's network."""
    for i in range(4):
        use_up(admin, user.name, f"203.0.113.{i + 1}")
        must_wait(lambda n=i: guess(admin, user.name, "wrong-password", f"203.0.113.{n + 1}"))
    assert guess(admin, user.name, user.password, net).status_code == 200


def test_unknown_names_wait_too(admin, net):
    use_up(admin, "nobody-here", net)
    must_wait(lambda: guess(admin, "nobody-here", "wrong-password", net))


def test_a_network_that_tries_many_names(admin, user, net):
    for i in range(4 * FREE):
        assert guess(admin, f"name{i}", "Spring-2026-password", net).status_code == 401
    refused = must_wait(lambda: guess(admin, "name-more", "Spring-2026-password", net))
    assert int(refused.headers["Retry-After"]) >= 1
    assert guess(admin, user.name, user.password, "198.51.250.1").status_code == 200


def test_a_good_account_does_not_free_guesses(admin, user, net):
    """Logging in between guesses at others keeps the network's count."""
    answers = []
    for i in range(4 * FREE + 1):
        answers.append(guess(admin, f"other{i}", "Spring-2026-password", net).status_code)
        guess(admin, user.name, user.password, net)
    assert answers[-1] == 429


def test_a_spoofed_header_changes_nothing(admin, user, net):
    """What stands left of the hop that our proxy saw is the client's own say."""
    for i in range(FREE):
        assert guess(admin, user.name, "wrong-password", f"10.9.8.{i}, {net}").status_code == 401
    for claim in ("10.1.2.3, ", "127.0.0.1, ", "nonsense, ", ""):
        must_wait(lambda c=claim: guess(admin, user.name, "wrong-password", c + net))


def test_ipv6_counts_by_64(admin, user):
    for i in range(FREE):
        assert guess(admin, user.name, "wrong-password", f"2001:db8:1:2:{i}::1").status_code == 401
    must_wait(lambda: guess(admin, user.name, "wrong-password", "2001:db8:1:2:ffff::9"))
    assert guess(admin, user.name, user.password, "2001:db8:1:3::1").status_code == 200


def test_many_at_once(admin, user, net):
    """Each is counted before it is answered."""
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda i: guess(admin, user.name, f"wrong-password-{i}", net).status_code, range(24)))
    assert answers.count(401) <= FREE + 1 and set(answers) <= {401, 429} and answers.count(429) >= 24 - FREE - 1


def test_one_time_codes(admin, net):
    """With the password known, the code cannot be guessed either; asking without a code is no guess."""
    user = Account(admin, f"codes{time.monotonic_ns()}")
    for _ in range(2 * FREE):
        assert guess(admin, user.name, user.password, net).json()["code"] == "otp_required"
    for i in range(FREE):
        assert guess(admin, user.name, user.password, net, otp=f"{i:06d}").json()["code"] == "otp_wrong"
    must_wait(lambda: guess(admin, user.name, user.password, net, otp="123456"))


def test_proofs_within_a_session(admin, net):
    user = Account(admin, f"inside{time.monotonic_ns()}")
    panel = user.panel()
    panel.headers["X-Forwarded-For"] = net
    for _ in range(FREE):
        answer = panel.post(ACCOUNT + "password/", json={"old_password": "a-guess-at-it", "new_password": "x" * 12})
        assert answer.status_code == 400
    must_wait(lambda: panel.post(ACCOUNT + "backup-codes/", json={"otp": "123456"}))
    assert panel.get(ACCOUNT).status_code == 200


def test_redis_away(admin, redis_server, user, net):
    """The counts are this process's own then; nobody gets in, and nobody is kept out, for that."""
    redis_server.kill9()
    try:
        assert guess(admin, user.name, user.password, net).status_code == 200
        use_up(admin, user.name, net)
        refused = guess(admin, user.name, user.password, net)
        assert refused.status_code == 429 and int(refused.headers["Retry-After"]) == 1
        assert guess(admin, user.name, user.password, "198.51.251.1").status_code == 200
        until(lambda: guess(admin, user.name, user.password, net).status_code == 200, what="the wait to be over")
        for i in range(4 * FREE - 1):
            guess(admin, f"away{i}", "Spring-2026-password", "198.51.251.9")
        assert guess(admin, "away", "Spring-2026-password", "198.51.251.9").status_code == 401
        must_wait(lambda: guess(admin, "away-too", "Spring-2026-password", "198.51.251.9"))
    finally:
        redis_server.start()
    admin.process.wait_says("throttle.redis_away")
