"""admin-api: filing, projection, reconcile and the API's changes, each step where a crash or another thread may come
in between. Follows services/admin-api/storage step by step."""

from .world import RECONCILE_AGE, Failed, Ticket


class Admin:
    """What its threads do. Every method that yields is one thread's work."""

    def __init__(self, world):
        self.w = world
        self.db, self.spool = world.db, world.spool

    # --- filing ---

    def file(self, upload):
        yield
        if upload not in self.spool.new:
            return
        ticket_id, name = self.spool.new[upload]
        yield
        verdict = self._record(upload, ticket_id, name)
        yield
        if upload not in self.spool.new:
            return
        place = {"filed": self.spool.archives, "orphan": self.spool.orphans, "replayed": self.spool.trash}[verdict]
        place[upload] = self.spool.new.pop(upload)

    def _record(self, upload, ticket_id, name):
        """The transaction."""
        if upload in self.db.ledger:
            return "filed" if upload in self.db.archives else "replayed"
        ticket = self.db.tickets.get(ticket_id)
        if ticket is None:
            return "orphan"
        taken = {n for t, n in self.db.archives.values() if t == ticket_id}
        filed_as = name
        while filed_as in taken:
            filed_as = "x" + filed_as
        u = self.w.uploads[upload]
        assert filed_as == name or u.shaken or self.w.forgot, f"{upload} was told {name}, filed as {filed_as}"
        self.db.ledger[upload] = [ticket_id, False]
        self.db.archives[upload] = (ticket_id, filed_as)
        ticket.over += ticket.attempts == 0
        ticket.attempts -= ticket.attempts > 0
        ticket.rev += 1
        self.w.say("filed", upload[:8], "attempts", ticket.attempts)
        return "filed"

    def file_all(self, ticket_id=None):
        for upload in list(self.spool.new):
            if ticket_id is None or self.spool.new.get(upload, (None,))[0] == ticket_id:
                yield from self.file(upload)

    # --- projection ---

    def _row(self, ticket, filed):
        return [ticket.id, ticket.rev, 0, ticket.hash, "", 2000 + ticket.id, "p", ticket.attempts, 0,
                int(ticket.resolved), 0, len(filed), *filed]

    def _send(self, ticket, filed, unfiled=(), freed=(), taken=(), old_hash="", complete=False):
        """Gives whether Redis knew a newer row."""
        row = self._row(ticket, filed)
        row[4] = old_hash
        lists = [item for part in (unfiled, freed, taken) for item in (len(part), *part)]
        yield
        fate = self.w.send("project", *row, *lists, int(complete))
        yield
        now = self.db.tickets.get(ticket.id)
        if now is None:  # deleted since it was read
            yield
            self.w.send("project", ticket.id, ticket.rev, 1, ticket.hash, *[""] * 7, 0, 0, 0, 0, 0)
            return False
        now.projected_rev = max(now.projected_rev, ticket.rev)
        for upload in filed:
            self.db.ledger[upload][1] = True
        return fate == "older"

    def _unprojected(self, ticket_id):
        return [u for u, (t, projected) in self.db.ledger.items() if t == ticket_id and not projected]

    def project(self, ticket_id, late=None, freed=(), old_hash="", doubtful=None):
        """False: no such ticket."""
        older = True
        while older:
            yield
            ticket = self.db.tickets.get(ticket_id)
            if ticket is None:
                return False
            older = yield from self._tell(ticket, late, freed, old_hash, doubtful)
        return True

    def _tell(self, ticket, late, freed, old_hash, doubtful):
        """Gives whether all names were told of an older row, from which Redis takes none."""
        filed = self._unprojected(ticket.id) + ([late] if late else [])
        # What was read is what is sent, whatever happens in between.
        taken = [self.db.archives[u][1] for u in filed if u in self.db.archives]
        if doubtful:
            freed = (doubtful,)
        complete = ticket.rev - ticket.projected_rev > len(filed)  # who freed a name may not have been able to say so
        if doubtful or complete:
            taken = self._names(ticket.id)
        older = yield from self._send(_copy(ticket), filed, freed=freed, taken=taken, old_hash=old_hash, complete=complete)
        return complete and older

    def _names(self, ticket_id):
        return [name for t, name in self.db.archives.values() if t == ticket_id]

    def _project_fully(self, ticket_id, own):
        """Again while others told Redis a newer row meanwhile."""
        older = True
        while older:
            ticket = self.db.tickets.get(ticket_id)
            if ticket is None:
                return
            unfiled = [item for pair in own.items() for item in pair]
            older = yield from self._send(_copy(ticket), self._unprojected(ticket_id), unfiled, (), self._names(ticket_id),
                                          complete=True)

    def full(self):
        w = self.w
        if w.away:
            raise Failed("epoch")
        w.epochs += 1
        epoch = f"{w.generation}-{w.epochs}"
        w.server.call("DEL", "lc:epoch")
        w.server.call("SET", f"lc:projecting:{epoch}", epoch)
        w.say("epoch dropped")
        w.shake()
        yield
        unfiled = dict(self.spool.new)
        for ticket_id in sorted(self.db.tickets):
            yield
            own = {u: name for u, (t, name) in unfiled.items() if t == ticket_id}
            yield from self._project_fully(ticket_id, own)
            for upload, name in own.items():
                if upload in self.db.ledger:  # filed since the listing: said once more
                    yield from self.project(ticket_id, late=upload, doubtful=name)
        yield from self.bury()
        yield from self._bury_unknown()
        yield
        if w.away:
            raise Failed("epoch")
        if not w.server.call("EXISTS", f"lc:projecting:{epoch}"):
            raise Failed("epoch")  # Redis lost its memory in the middle
        if not w.server.call("RENAMENX", f"lc:projecting:{epoch}", "lc:epoch"):
            w.server.call("DEL", f"lc:projecting:{epoch}")
        w.say("epoch", w.server.call("GET", "lc:epoch").decode())
        if self._is_current():
            w.unsettled = False
            self._check_unfiled(unfiled)

    def _check_unfiled(self, listed):
        """What lay in the spool holds its attempt before anything new is granted."""
        for upload, (ticket_id, _) in listed.items():
            if upload in self.spool.new and upload not in self.db.ledger and ticket_id in self.db.tickets:
                score = self.w.server.call("ZSCORE", f"lc:{{{ticket_id}}}:done", upload)
                assert score is not None, f"{upload} is published and holds no attempt"

    def bury(self):
        for stone in list(self.db.tombstones):
            ticket_id, token_hash, rev, gone = stone
            if not gone:
                if (yield from self.project(ticket_id, old_hash=token_hash)):
                    self._remove_stone(stone)
                    continue
            yield
            self.w.send("project", ticket_id, rev, 1, token_hash, "", 0, "", 0, 0, 0, 0, 0, 0, 0, 0)
            if gone:
                self.w.buried[ticket_id] = True
            yield
            self._remove_stone(stone)

    def _bury_unknown(self):
        """Redis went back to an older memory: what it knows and the database does not was deleted."""
        yield
        if self.w.away:
            raise Failed("SCAN")
        for key in sorted(self.w.server.call("KEYS", "lc:{*}:ticket")):
            ticket_id = int(key[len("lc:{"):-len("}:ticket")])
            if ticket_id not in self.db.tickets:
                yield
                self.w.send("project", ticket_id, 0, 1, *[""] * 8, 0, 0, 0, 0)

    def _remove_stone(self, stone):
        if stone in self.db.tombstones:
            self.db.tombstones.remove(stone)

    def _is_current(self):
        if self.w.away:
            raise Failed("epoch")
        epoch = self.w.server.call("GET", "lc:epoch")
        return epoch is not None and epoch.decode().startswith(f"{self.w.generation}-")

    def sweep(self):
        yield from self.file_all()
        for upload in list(self.db.doomed):
            yield
            self._remove(upload)
        yield
        if not self._is_current():
            yield from self.full()
            return
        for ticket in list(self.db.tickets.values()):
            if ticket.rev > ticket.projected_rev:
                yield from self.project(ticket.id)
        yield from self.bury()

    def _remove(self, upload):
        for place in (self.spool.new, self.spool.archives):
            place.pop(upload, None)
        self.db.doomed.pop(upload, None)

    # --- reconcile ---

    def reconcile(self, tickets):
        for ticket_id in tickets:
            yield
            for upload in self.w.send("reconcile", ticket_id, RECONCILE_AGE):
                yield from self._reconcile_upload(ticket_id, upload)

    def _reconcile_upload(self, ticket_id, upload):
        yield
        if upload in self.spool.tmp:
            self.spool.trash[upload] = self.spool.tmp.pop(upload)
        yield
        if upload in self.spool.new:
            return
        yield
        if upload in self.db.ledger and (yield from self.project(ticket_id, late=upload)):
            return
        yield
        self.w.send("forget", ticket_id, upload)

    # --- the API ---

    def create(self, ticket_id, attempts):
        ticket = Ticket(ticket_id, f"h{ticket_id}-0", attempts, granted=attempts, most=attempts)
        self.db.tickets[ticket_id] = ticket
        yield from self.project(ticket_id)

    def set_attempts(self, ticket_id, attempts):
        ticket = self.db.tickets[ticket_id]
        yield from self.file_all(ticket_id)
        if ticket_id not in self.db.tickets:
            return
        yield
        ticket.granted += attempts - ticket.attempts
        ticket.most += max(0, attempts - ticket.attempts)
        ticket.lowered |= attempts < ticket.attempts
        ticket.attempts = attempts
        ticket.rev += 1
        self.w.say("PATCH", ticket_id, "attempts", attempts)
        yield from self.project(ticket_id)

    def set_resolved(self, ticket_id, resolved):
        ticket = self.db.tickets[ticket_id]
        ticket.resolved = resolved
        ticket.rev += 1
        self.w.say("PATCH", ticket_id, "resolved", resolved)
        yield from self.project(ticket_id)

    def rotate(self, ticket_id):
        ticket = self.db.tickets[ticket_id]
        stem, turn = ticket.hash.split("-")
        self.db.tombstones.append((ticket_id, ticket.hash, ticket.rev + 1, False))
        ticket.hash = f"{stem}-{int(turn) + 1}"
        ticket.rev += 1
        self.w.say("PATCH", ticket_id, "token")
        yield from self.project(ticket_id)

    def delete_archive(self, upload):
        ticket_id, name = self.db.archives.pop(upload)
        self.db.tickets[ticket_id].rev += 1
        self.db.doomed[upload] = True
        self.w.deleted[upload] = True
        self.w.say("DELETE archive", upload[:8], name)
        yield from self.project(ticket_id, freed=[name])

    def delete_ticket(self, ticket_id):
        ticket = self.db.tickets.pop(ticket_id)
        self.db.tombstones.append((ticket_id, ticket.hash, ticket.rev + 1, True))
        for upload, (owner, _) in list(self.db.archives.items()):
            if owner == ticket_id:
                del self.db.archives[upload]
                self.db.doomed[upload] = True
                self.w.deleted[upload] = True
        self.w.say("DELETE ticket", ticket_id)
        yield from self.bury()


def _copy(ticket):
    return Ticket(**ticket.__dict__)
