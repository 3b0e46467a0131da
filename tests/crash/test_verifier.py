"""The verifier of the crash rounds finds every kind of damage that it is there for, and nothing in a sound world."""

import os
import sqlite3
import sys

import pytest

from lc.wait import until

sys.path.insert(0, os.path.dirname(__file__))
from book import Book  # noqa: E402
from clients import Customer, Promise  # noqa: E402
from verify import Verifier, replay  # noqa: E402
from world import World  # noqa: E402


class Fixed:
    """Nothing random: one customer who sends some bytes at once."""

    @staticmethod
    def uniform(low, _high):
        return max(low, 2)

    @staticmethod
    def randbytes(count):
        return os.urandom(count)

    @staticmethod
    def randint(low, _high):
        return low

    @staticmethod
    def choice(items):
        return items[0]


@pytest.fixture
def world():
    whole = World("sqlite")
    yield whole
    whole.close()


@pytest.fixture
def sent(world):
    """A book with one promise, and the verifier, after admin-api has filed it."""
    ticket = world.stack.make_ticket(attempts=3)
    book = Book([ticket])
    customer = Customer(world, book, ticket, "put", Fixed())
    customer.run()
    assert len(book.promises) == 1, customer.answers
    verifier = Verifier(world)
    assert verifier.check(book, True, False) == []
    return book, verifier


def change(world, sql):
    db = sqlite3.connect(f"{world.stack.data_dir}/admin.sqlite3", timeout=10)
    with db:
        db.execute(sql)
    db.close()


def place(world, book):
    i = book.promises[0].upload_id
    return os.path.join(world.stack.data_dir, "archives", i[:2], i)


def found(verifier, book, words):
    findings = list(verifier.promised(book, verifier.archives(), verifier.ledger()))
    findings += verifier.storage(verifier.archives(), book.tickets)
    findings += verifier.known_to_redis(verifier.archives(), verifier.tickets())
    findings += verifier.stale_names(verifier.archives(), verifier.tickets())
    findings += verifier.attempts(book, verifier.tickets(), verifier.ledger(), False)
    return any(words in f for f in findings), findings


def test_lost_bytes(world, sent):
    book, verifier = sent
    with open(os.path.join(place(world, book), "data"), "r+b") as f:
        f.write(b"\0\0\0\0")
    assert found(verifier, book, "comes back as")[0]
    assert found(verifier, book, "is not what its row says")[0]


def test_lost_directory(world, sent):
    book, verifier = sent
    os.rename(place(world, book), place(world, book) + ".away")
    assert found(verifier, book, "has no directory")[0]


def test_orphan_in_storage(world, sent):
    book, verifier = sent
    os.mkdir(place(world, book)[:-1] + "z")
    assert found(verifier, book, "has no row")[0]


def test_lost_row(world, sent):
    book, verifier = sent
    change(world, f"DELETE FROM archives WHERE upload_id = '{book.promises[0].upload_id}'")
    assert found(verifier, book, "has no archive")[0]


def test_promise_nobody_knows(world, sent):
    book, verifier = sent
    book.promise(Promise("0" * 32, "x", 1, book.promises[0].ticket_id, "put"))
    assert found(verifier, book, "is not in the ledger")[0]


@pytest.mark.parametrize("value", (1, 3))
def test_attempt_counted_wrongly(world, sent, value):
    """Lost (1 left where 2 should be) and not counted (3)."""
    book, verifier = sent
    change(world, f"UPDATE tickets SET attempts = {value} WHERE id = {book.promises[0].ticket_id}")
    assert found(verifier, book, "by its history {2}")[0]
    assert found(verifier, book, "Redis says 2")[0]


def test_redis_differs(world, sent):
    book, verifier = sent
    ticket, redis = book.promises[0].ticket_id, world.stack.redis.client
    redis.hset(f"lc:{{{ticket}}}:names", "nobody.txt", "x")
    assert found(verifier, book, "taken by nobody")[0]
    redis.delete(f"lc:{{{ticket}}}:names")
    assert found(verifier, book, "are free in Redis")[0]
    redis.set("lc:tok:{" + "0" * 64 + "}", ticket)
    assert found(verifier, book, "a token that no ticket has")[0]
    redis.delete("lc:tok:{" + "0" * 64 + "}")
    (mine,) = [key for key in redis.scan_iter("lc:tok:*") if redis.get(key) == str(ticket)]
    redis.set(mine, ticket + 1)
    assert found(verifier, book, f"its token leads to {ticket + 1}")[0]
    redis.hset(f"lc:{{{ticket}}}:ticket", "resolved", "1")
    assert found(verifier, book, "Redis says 1")[0]


def test_what_nobody_was_told(world, sent):
    """Another archive than was acknowledged, one id for two, a file beside the archive, one that was deleted; an upload
    more than there were attempts, and one that the audit log knows nothing of."""
    book, verifier = sent
    (ticket,), (first,) = book.tickets, book.promises
    row = f"WHERE upload_id = '{first.upload_id}'"
    change(world, f"UPDATE archives SET size = size + 1 {row}")
    assert found(verifier, book, "is not what was acknowledged")[0]
    change(world, f"UPDATE archives SET size = size - 1 {row}")
    with open(os.path.join(place(world, book), "draft"), "wb"):
        assert found(verifier, book, "holds {")[0]
    assert not found(verifier, book, "more than it had attempts")[0]
    book.tickets[ticket]["attempts"] = 0
    assert found(verifier, book, "1 uploads more than it had attempts")[0]
    change(world, f"INSERT INTO uploads (upload_id, ticket_id, time_filed) VALUES ('{'e' * 32}', {ticket}, 1)")
    assert found(verifier, book, "1 uploads in the audit log, 2 in the ledger")[0]
    book.promise(Promise(first.upload_id, "y", 1, first.ticket_id, "put"))
    assert found(verifier, book, "was acknowledged for two archives")[0]
    book.deleted(verifier.archives()[first.upload_id]["id"])
    assert found(verifier, book, "was deleted and is there")[0]


def test_what_lies_in_the_spool_is_not_settled(world, sent):
    _, verifier = sent
    path = os.path.join(world.stack.data_dir, "spool", "tmp", "f" * 32)
    os.mkdir(path)
    assert any("spool" in left for left in verifier.unsettled(True))
    until(lambda: not os.path.exists(path), 30, "the sweep to remove what was abandoned")


def test_history():
    filed, put = (100.0, "filed", 1), (200.0, "set", 5)
    assert replay(3, [filed, filed]) == ({1}, 0)
    assert replay(1, [filed, filed]) == ({0}, 1)
    assert replay(3, [filed, put, (300.0, "filed", 1)]) == ({4}, 0)
    assert replay(3, [(199.5, "filed", 1), put])[0] == {4, 5}
