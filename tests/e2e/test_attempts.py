"""Attempts: exactly as many uploads succeed as the ticket allows, and only a success costs one."""

from collections import Counter

from lc import curl
from lc.raw import Raw, exchange
from lc.wait import until


def test_fifty_race_for_five(stack, make_file):
    ticket, file = stack.make_ticket(attempts=5), make_file(2 << 20)
    racing = [curl.Background("-T", file.path, f"{stack.gateway.url}/u/{ticket['token']}/") for _ in range(50)]
    results = [r.result() for r in racing]
    assert Counter(r.status for r in results) == {201: 5, 423: 45}, results
    archives = stack.wait_archives(ticket, 5)
    assert len({a["name"] for a in archives}) == 5 and stack.attempts(ticket) == 0
    assert {a["sha256"] for a in archives} == {file.sha256}


def test_only_success_costs_an_attempt(stack, make_file):
    """Aborted, reset, malformed, too short and empty uploads, more of them than there are attempts."""
    ticket, file = stack.make_ticket(attempts=2), make_file(4 << 20)
    url, token = f"{stack.gateway.url}/u/{ticket['token']}/", ticket["token"]
    head = f"POST /api/v1/archives/ HTTP/1.1\r\nHost: x\r\nUpload-Token: {token}\r\n"

    def free():
        return stack.redis.client.zcard(f"lc:{{{ticket['id']}}}:open") == 0

    for _ in range(3):
        slow = curl.Background("--limit-rate", "1M", "-T", file.path, url)
        until(lambda: not free(), what="the upload to begin")
        slow.kill()
        until(free, what="the attempt to come back after a killed curl")
    for _ in range(3):
        raw = Raw(stack.gateway.port)
        raw.send(head + "Content-Disposition: attachment; filename=a\r\nContent-Length: 1000000\r\n\r\n" + "x" * 5000)
        until(lambda: not free(), what="the upload to begin")
        raw.reset()
        until(free, what="the attempt to come back after a reset")
    bad = exchange(stack.gateway.port, head + "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9\r\n"
                   "Connection: close\r\n\r\nno parts!")
    assert bad.status == 400
    empty = exchange(stack.gateway.port, head + "Content-Disposition: attachment; filename=a\r\n"
                     "Content-Length: 0\r\nConnection: close\r\n\r\n")
    assert (empty.status, empty.json()) == (400, {"file": ["The submitted file is empty."]})
    until(free, what="the attempts to come back")
    assert stack.attempts(ticket) == 2 and stack.archives(ticket) == []
    statuses = [curl.run("-T", file.path, url).status for _ in range(3)]
    assert statuses == [201, 201, 423]
    stack.wait_archives(ticket, 2)
    assert stack.attempts(ticket) == 0


def test_resolving_and_reopening_take_effect(stack, make_file):
    ticket, file = stack.make_ticket(), make_file(1000)
    url = f"{stack.gateway.url}/u/{ticket['token']}/"
    path = f"/api/v1/tickets/{ticket['number']}/"

    def refused():
        return curl.run("-T", file.path, url).status == 423

    assert stack.patch(path, {"resolved": True}).status_code == 200
    until(refused, what="a resolved ticket to be refused")
    assert stack.patch(path, {"resolved": False}).status_code == 200
    until(lambda: not refused(), what="a reopened ticket to be accepted")
    assert stack.attempts(ticket) == 4
