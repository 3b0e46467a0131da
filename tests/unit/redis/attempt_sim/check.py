"""What must hold after every step, and what must be true again when everything has come to rest."""

from .world import LEASE, MINUTE, RECONCILE_AGE


def step(w):
    """Never more than N, but for uploads that were in flight when Redis lost its memory (or could not be asked)."""
    acked, shaken = {}, {}
    for u in w.uploads.values():
        if u.acked:
            acked[u.ticket] = acked.get(u.ticket, 0) + 1
            shaken[u.ticket] = shaken.get(u.ticket, 0) + u.shaken
            assert (u.id in w.spool.new or u.id in w.spool.archives or u.id in w.spool.orphans
                    or u.id in w.deleted), f"{u.id} was answered 201 and is lost"
    for ticket in w.db.tickets.values():
        if acked.get(ticket.id, 0) > ticket.most + shaken.get(ticket.id, 0):
            raise AssertionError(f"ticket {ticket.id}: {acked[ticket.id]} uploads answered 201, {ticket.most} granted, "
                                 f"{shaken[ticket.id]} of them in flight at a loss")


def _rest(w, admin, run):
    """Everything that still runs ends, leases lapse, sweeps and reconcile do their work."""
    w.away = False
    quiet, w.profile = w.profile, type(w.profile)("rest")
    while w.late:
        w.deliver_late()
    for _ in range(2):
        w.advance(LEASE + MINUTE)
        run(admin.sweep())
        w.advance(RECONCILE_AGE + MINUTE)
        run(admin.reconcile(_all_tickets(w)))
        run(admin.sweep())
    w.profile = quiet


def _all_tickets(w):
    return sorted({*w.db.tickets, *w.buried, *(u.ticket for u in w.uploads.values() if u.ticket)})


def _check_storage(w):
    assert not w.spool.new, f"not filed: {w.spool.new}"
    assert set(w.spool.archives) == set(w.db.archives), "storage and database differ"
    for u in w.uploads.values():
        if u.acked and u.ticket in w.db.tickets:
            assert u.id in w.db.archives or u.id in w.deleted, f"{u.id} was answered 201 and has no archive"


def _check_ticket(w, ticket):
    call, base = w.server.call, f"lc:{{{ticket.id}}}:"
    filed = sum(1 for owner, _ in w.db.ledger.values() if owner == ticket.id)
    assert ticket.attempts + filed - ticket.over == ticket.granted, f"{ticket}: {filed} filed"
    shaken = sum(1 for u in w.uploads.values() if u.ticket == ticket.id and u.shaken)
    assert ticket.lowered or ticket.over <= shaken, f"{ticket}: filed {ticket.over} too many, {shaken} at losses"
    row = dict(zip(("h", "attempts", "rev", "resolved"),
                   call("HMGET", base + "ticket", "h", "attempts", "rev", "resolved")))
    expected = {"h": ticket.hash, "attempts": ticket.attempts, "rev": ticket.rev, "resolved": int(ticket.resolved)}
    assert {k: (v or b"").decode() for k, v in row.items()} == {k: str(v) for k, v in expected.items()}, row
    assert call("ZCARD", base + "done") == 0, f"{ticket}: still held {call('ZRANGE', base + 'done', 0, -1)}"
    assert call("ZCOUNT", base + "open", w.server.now, "+inf") == 0
    _check_names(w, ticket, {n.decode() for n in call("HKEYS", base + "names")})
    for key in call("KEYS", f"lc:tok:{{h{ticket.id}-*"):
        assert key.decode() == f"lc:tok:{{{ticket.hash}}}", f"an old token still works: {key}"
    for part in ("ticket", "done", "names", "receipts"):
        assert call("PTTL", base + part) < 0, f"{base + part} would expire"


def _check_names(w, ticket, names):
    archives = {n for t, n in w.db.archives.values() if t == ticket.id}
    assert archives <= names, f"{ticket}: names {archives - names} could be given again"
    assert not any(n.startswith("/") for n in names), f"{ticket}: claims left behind {names}"
    if not w.leaky_names:
        assert names == archives, f"{ticket}: names {names - archives} stay taken for nothing"


def _check_free(w, ticket):
    """Exactly the attempts of the database can be had again."""
    if ticket.resolved:
        return
    for n in range(ticket.attempts):
        answer = w.server.run("reserve", ticket.hash, f"{n:032x}", LEASE)
        assert answer[0] == "ok", f"{ticket}: attempt {n + 1} is lost: {answer}"
    answer = w.server.run("reserve", ticket.hash, "f" * 32, LEASE)
    assert answer[0] == ("in_use" if ticket.attempts else "expired"), f"{ticket}: one too many: {answer}"


def _check_gone(w, ticket_id):
    call, base = w.server.call, f"lc:{{{ticket_id}}}:"
    assert not call("KEYS", f"lc:tok:{{h{ticket_id}-*"), f"a token of the deleted ticket {ticket_id} still works"
    w.advance(8 * 24 * 60 * MINUTE)
    left = [k for k in call("KEYS", base + "*") if call("EXISTS", k)]
    assert not left, f"the deleted ticket {ticket_id} left {left}"


def end(w, admin, run):
    """After the last step."""
    _rest(w, admin, run)
    step(w)
    _check_storage(w)
    for ticket in w.db.tickets.values():
        _check_ticket(w, ticket)
        _check_free(w, ticket)
    for ticket_id in w.buried:
        _check_gone(w, ticket_id)
