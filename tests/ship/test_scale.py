"""deploy/compose.scale.yaml: uploads spread over three gateways, one of them killed, the Redis master killed."""

import collections
import itertools
import threading
import time

import requests

from lc import curl
from lc.wait import until

COMPOSE_FILE, ADMIN = "compose.scale.yaml", "admin-api-1"
GATEWAYS = ("upload-gw-1", "upload-gw-2", "upload-gw-3")
JSON = "Accept: application/json"


def address_of(stack, engine, service):
    network = engine.inspect(stack.container(service))["NetworkSettings"]["Networks"][stack.project + "_front"]
    return (network["IPAMConfig"] or {}).get("IPv4Address") or network["IPAddress"]  # the fixed one also while it is down


def published(stack, engine, service):
    """How many uploads a gateway has answered 201."""
    text = requests.get(f"http://{address_of(stack, engine, service)}:9090/metrics", timeout=5).text
    return int(next(line.rsplit(" ", 1)[1] for line in text.splitlines()
                    if line.startswith('lc_uploads_total{outcome="published"}')))


def put(stack, ticket, file, *args):
    return curl.Background("-H", JSON, *args, "-T", file.path, f"{stack.gateway.url}/u/{ticket['token']}/")


def assert_kept(stack, ticket, digests):
    """Every upload that was answered 201 is there, byte for byte by its digest, and no more attempts are left than may be."""
    archives = stack.wait_archives(ticket, len(digests))
    assert collections.Counter(a["sha256"] for a in archives) == collections.Counter(digests)
    assert stack.attempts(ticket) == ticket["attempts"] - len(digests)


def test_uploads_spread_over_the_gateways(stack, engine, make_file):
    tickets, file = [stack.make_ticket(attempts=10) for _ in range(3)], make_file(300_000)
    before = {name: published(stack, engine, name) for name in GATEWAYS}
    under_way = [put(stack, ticket, file, "--limit-rate", "200k") for ticket in tickets for _ in range(4)]
    assert [one.result().status for one in under_way] == [201] * 12
    took = [published(stack, engine, name) - before[name] for name in GATEWAYS]
    assert sum(took) == 12 and min(took) >= 2, took
    for ticket in tickets:
        assert_kept(stack, ticket, [file.sha256] * 4)


def test_nobody_chooses_an_address(stack, make_file):
    ticket, file = stack.make_ticket(), make_file(3000)
    assert put(stack, ticket, file, "-H", "X-Forwarded-For: 203.0.113.9, 10.5.5.5").result().status == 201
    stack.wait_archives(ticket, 1)
    newest = stack.get("/api/v1/audit/", params={"action": "archive.upload"}).json()[0]
    assert newest["object"].startswith(f"{ticket['number']}/") and newest["address"] not in ("203.0.113.9", "10.5.5.5"), newest


def test_gateway_killed_under_uploads_loses_nothing_that_was_answered(stack, engine, make_file):
    tickets = [stack.make_ticket(attempts=10) for _ in range(6)]
    files = [make_file(2_000_000) for _ in tickets]
    under_way = [put(stack, ticket, file, "--limit-rate", "500k") for ticket, file in zip(tickets, files)]
    until(lambda: all(open_uploads(stack, engine, name) for name in GATEWAYS), 20, "every gateway to receive")
    engine.docker("kill", stack.container("upload-gw-2"))
    statuses = [one.result().status for one in under_way]
    assert statuses.count(201) >= 3, statuses  # those of the other two
    for ticket, file, status in zip(tickets, files, statuses):
        if status == 201:
            assert_kept(stack, ticket, [file.sha256])
    # The customers of the dead one try again, at once: their ticket has other attempts.
    for ticket, file, status in zip(tickets, files, statuses):
        if status != 201:
            assert put(stack, ticket, file).result().status == 201
            stack.wait_archives(ticket, 1)
    engine.docker("start", stack.container("upload-gw-2"))


def open_uploads(stack, engine, service):
    text = requests.get(f"http://{address_of(stack, engine, service)}:9090/metrics", timeout=5).text
    return "\nlc_uploads_open 0\n" not in text


class Uploader(threading.Thread):
    """One customer who uploads one small file after the other, each of its own ticket, and notes what was answered."""

    def __init__(self, stack, tickets, file):
        super().__init__(daemon=True)
        self.stack, self.tickets, self.file = stack, itertools.cycle(tickets), file
        self.answers, self.enough = [], threading.Event()

    def run(self):
        while not self.enough.is_set():
            ticket = next(self.tickets)
            done = put(self.stack, ticket, self.file, "-m", "10").result()
            self.answers.append((time.monotonic(), done, ticket["number"]))

    def good_since(self, when):
        return sum(1 for at, done, _ in self.answers if at > when and done.status == 201)


def master(stack, engine):
    """The service that the sentinels call the master now."""
    done = engine.docker("exec", stack.container("sentinel-1"), "redis-cli", "-p", "26379", "SENTINEL",
                         "get-master-addr-by-name", "logs-collector")
    return next(name for name in ("redis-1", "redis-2") if address_of(stack, engine, name) == done.stdout.split()[0])


def sentinels_agree(stack, engine):
    """Each knows the other two and a replica: only then a failover is possible."""
    done = engine.docker("exec", stack.container("sentinel-1"), "redis-cli", "-p", "26379", "SENTINEL", "MASTER",
                         "logs-collector").stdout.split("\n")
    facts = dict(zip(done[::2], done[1::2]))
    return facts["num-other-sentinels"] == "2" and facts["num-slaves"] == "1" and facts["flags"] == "master"


TOLD = """export REDISCLI_AUTH=$(sed -n 's/^requirepass //p' /run/secrets/redis_conf)
redis-cli GET lc:epoch
redis-cli INFO server | sed -n 's/^run_id:\\([0-9a-f]*\\).*/\\1/p'"""


def is_told(stack, engine, service):
    """Whether that Redis has been told of all tickets since it is the master: the epoch names it."""
    words = engine.docker("exec", stack.container(service), "sh", "-c", TOLD).stdout.split()
    return len(words) == 2 and words[0].startswith(words[1])


def test_redis_master_killed(stack, engine, make_file):
    """Uploads are refused with 503 and Retry-After until there is another master, and go on by themselves then; all that
    were answered 201 are there, and no attempt is missing. The seconds are printed (pytest -rP)."""
    until(lambda: sentinels_agree(stack, engine), 60, "the sentinels to know each other", step=0.5)
    tickets, file = [stack.make_ticket(attempts=10) for _ in range(40)], make_file(20_000)
    customers = [Uploader(stack, tickets[i::2], file) for i in range(2)]
    for one in customers:
        one.start()
    until(lambda: all(one.good_since(0) >= 5 for one in customers), 30, "uploads to go well")
    fallen = master(stack, engine)
    killed = time.monotonic()
    engine.docker("kill", stack.container(fallen))
    until(lambda: master(stack, engine) != fallen, 60, "another master", step=0.2)
    changed = time.monotonic() - killed
    until(lambda: is_told(stack, engine, master(stack, engine)), 60, "the new master to be told of all tickets", step=0.2)
    told = time.monotonic()
    until(lambda: all(one.good_since(told) >= 5 for one in customers), 60, "uploads to go well again", step=0.2)
    for one in customers:
        one.enough.set()
        one.join(30)
    answers = [answer for one in customers for answer in one.answers]
    assert {done.status for _, done, _ in answers} <= {201, 503}, collections.Counter(done.status for _, done, _ in answers)
    refused = [(at - killed, done) for at, done, _ in answers if done.status == 503]
    assert all(int(done.retry_after) > 0 for _, done in refused), refused
    print(f"503 until {max((at for at, _ in refused), default=0):.1f} s after `docker kill` began, {len(refused)} of "
          f"{len(answers)}; another master after {changed:.1f} s, told of all tickets after {told - killed:.1f} s")
    for ticket in tickets:
        kept = sum(1 for _, done, number in answers if done.status == 201 and number == ticket["number"])
        if kept:
            assert_kept(stack, ticket, [file.sha256] * kept)
        else:
            assert stack.archives(ticket) == []
    engine.docker("start", stack.container(fallen))


def test_backup_and_restore(stack, make_file, tmp_path):
    """Of the whole stack, removed with its volumes in between."""
    ticket, file = stack.make_ticket(), make_file(300_000)
    assert put(stack, ticket, file).result().status == 201
    stack.wait_archives(ticket, 1)
    where = str(tmp_path / "backup")
    stack.deploy("backup", "--to", where)
    stack.compose("down", "-v")
    stack.deploy("restore", "--from", where)
    stack.up()
    assert_kept(stack, ticket, [file.sha256])
    stack.wait_known(ticket)
    assert put(stack, ticket, file).result().status == 201
