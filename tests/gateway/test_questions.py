"""Many who ask about one token at once share a question to Redis; none gets an answer older than its request."""

import hashlib

import requests

from lc.raw import Raw
from lc.tickets import seed_ticket
from lc.wait import until

CROWD = 30


def scripts_run(redis_server):
    return redis_server.client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]


def ask_at_once(gateway, redis_server, token):
    """Answers of a crowd that came while Redis was busy, and how many scripts they took."""
    crowd = [Raw(gateway.port) for _ in range(CROWD)]
    before = scripts_run(redis_server)
    redis_server.sigstop()
    for raw in crowd:
        raw.send(f"GET /api/v1/check/token/{token} HTTP/1.1\r\nHost: a\r\n\r\n")
    redis_server.sigcont()
    answers = [raw.answer("GET") for raw in crowd]
    for raw in crowd:
        raw.sock.close()
    return answers, scripts_run(redis_server) - before


def test_a_crowd_shares_questions(gateway, redis_server):
    token, _ = seed_ticket(redis_server, attempts=4)

    def few():
        answers, scripts = ask_at_once(gateway, redis_server, token)
        assert {a.status for a in answers} == {200}
        assert all(a.json() == {"token": token, "attempts": 4, "resolved": False} for a in answers)
        return 0 < scripts < CROWD

    until(few, 20, "a crowd that shares")


def test_each_token_has_its_own_answer(gateway, redis_server):
    tokens = [seed_ticket(redis_server, attempts=n)[0] for n in range(1, 11)]
    crowd = [(n, Raw(gateway.port).send(f"GET /api/v1/check/token/{token} HTTP/1.1\r\nHost: a\r\n\r\n"))
             for n, token in enumerate(tokens, 1) for _ in range(3)]
    for n, raw in crowd:
        assert raw.answer("GET").json()["attempts"] == n
        raw.sock.close()


def test_a_change_is_seen_by_the_next_request(gateway, redis_server):
    token, ticket = seed_ticket(redis_server, attempts=1)
    for n in range(2, 200):
        redis_server.client.hset(f"lc:{{{ticket}}}:ticket", "attempts", n)
        answer = requests.get(f"{gateway.url}/api/v1/check/token/{token}", timeout=5).json()
        assert answer["attempts"] == n
    redis_server.client.delete(f"lc:tok:{{{hashlib.sha256(token.encode()).hexdigest()}}}")
    assert requests.get(f"{gateway.url}/api/v1/check/token/{token}", timeout=5).status_code == 404
