"""The verifier: database = storage = Redis, and everything that was promised is there. Reads the stores themselves,
beside the services; only downloads go through admin-api. Every check gives findings as text; none: all is well."""

import hashlib
import os
import time
from collections import defaultdict

from lc.fixtures import sha256_of
from lc.wait import until

SETTLE_SECONDS = 60
TRIES = 5
ORDER_SECONDS = 1.5  # on PostgreSQL two transactions this close may stand in the audit log the other way round


def entries(*path):
    try:
        return set(os.listdir(os.path.join(*path)))
    except FileNotFoundError:
        return set()


class Verifier:
    def __init__(self, world):
        self.world, self.data_dir, self.redis = world, world.stack.data_dir, world.stack.redis.client

    # -- what is there

    def spool(self):
        return {name: entries(self.data_dir, "spool", name) for name in ("tmp", "new", "trash", "orphans")}

    def stored(self):
        top = os.path.join(self.data_dir, "archives")
        return {name for shelf in entries(top) if not shelf.startswith(".") for name in entries(top, shelf)} # .deletion: a lock

    def archives(self):
        """upload id → its row."""
        rows = self.world.query("SELECT id, ticket_id, upload_id, name, size, sha256 FROM archives")
        return {r[2]: {"id": int(r[0]), "ticket_id": int(r[1]), "name": r[3], "size": int(r[4]), "sha256": r[5]}
                for r in rows}

    def tickets(self):
        rows = self.world.query("SELECT id, number, resolved, attempts, token_hash, rev, projected_rev FROM tickets")
        return {int(r[0]): {"number": r[1], "resolved": r[2], "attempts": int(r[3]), "h": r[4], "rev": r[5],
                            "projected_rev": r[6]} for r in rows}

    def ledger(self):
        """upload id → ticket id."""
        return {r[0]: int(r[1]) for r in self.world.query("SELECT upload_id, ticket_id FROM uploads")}

    def held(self, kind):
        """ticket id → upload ids of lc:{id}:open (live leases alone) or lc:{id}:done."""
        out, least = {}, time.time() * 1000 if kind == "open" else "-inf"
        for key in self.redis.scan_iter(f"lc:{{*}}:{kind}"):
            ids = self.redis.zrangebyscore(key, least, "+inf")
            if ids:
                out[int(key[key.index("{") + 1:key.index("}")])] = ids
        return out

    # -- quiet: nothing is left to be done by any sweep

    def unsettled(self, whole):
        """What has still to happen, as text. whole: the spool must have become empty too."""
        left = [f"leases {self.held('open')}"] * bool(self.held("open"))
        left += [f"spool/new {self.spool()['new']}"] * bool(self.spool()["new"])
        left += ["rows of doomed"] * bool(self.world.query("SELECT upload_id FROM doomed"))
        left += ["tombstones"] * bool(self.world.query("SELECT id FROM tombstones"))
        left += ["unprojected tickets"] * bool(self.world.query("SELECT id FROM tickets WHERE rev > projected_rev"))
        left += ["no epoch"] * (not self.redis.exists("lc:epoch"))
        if whole:
            left += [f"done {self.held('done')}"] * bool(self.held("done"))
            left += [f"spool {self.spool()}"] * any(self.spool().values())
        return left

    def settle(self, whole):
        """Findings: what no sweep came to within a minute."""
        try:
            until(lambda: not self.unsettled(whole), SETTLE_SECONDS, "all sweeps", step=0.1)
        except AssertionError:
            return [f"never settled: {'; '.join(self.unsettled(whole))}"]
        return []

    # -- checks

    def promised(self, book, archives, ledger):
        for p in book.promises:
            excused = p.sha256 in book.maybe_deleted or p.ticket_id in book.doomed_tickets
            row = archives.get(p.upload_id)
            if p.upload_id not in ledger and not excused:
                yield f"{p.kind} {p.upload_id} was acknowledged and is not in the ledger"
            elif row is None and not excused:
                yield f"{p.kind} {p.upload_id} was acknowledged and has no archive"
            elif row is not None and (row["sha256"], row["size"], row["ticket_id"]) != (p.sha256, p.size, p.ticket_id):
                yield f"{p.kind} {p.upload_id} is not what was acknowledged: {row} for {p}"
            elif row is not None:
                yield from self.download(p, row)
        ids = [p.upload_id for p in book.promises]
        yield from (f"{i} was acknowledged for two archives" for i in set(ids)
                    if len({p.sha256 for p in book.promises if p.upload_id == i}) > 1)
        gone = {row["id"] for row in archives.values()} & book.surely_deleted
        yield from (f"archive {i} was deleted and is there" for i in gone)

    def download(self, promise, row):
        stack, digest = self.world.stack, hashlib.sha256()
        about = stack.get(f"/api/v1/archives/{row['id']}/")
        if about.status_code != 200:
            yield f"archive {row['id']} cannot be read: {about.status_code}"
            return
        with stack.download(about.json(), stream=True) as answer:
            for block in answer.iter_content(1 << 20):
                digest.update(block)
        if answer.status_code != 200 or digest.hexdigest() != promise.sha256:
            yield f"{promise.kind} {promise.upload_id} comes back as {answer.status_code} {digest.hexdigest()}"

    def storage(self, archives, tickets_of_round):
        """Directories = rows; the bytes of this round's archives are what their rows say."""
        stored = self.stored()
        yield from (f"archives/{i} has no row" for i in stored - set(archives))
        yield from (f"archive {i} has no directory" for i in set(archives) - stored)
        for i, row in archives.items():
            if row["ticket_id"] in tickets_of_round and i in stored:
                where = os.path.join(self.data_dir, "archives", i[:2], i)
                if entries(where) - {"state"} != {"data", "manifest"}:
                    yield f"archives/{i} holds {entries(where)}"
                elif sha256_of(os.path.join(where, "data")) != row["sha256"]:
                    yield f"archives/{i} is not what its row says"

    def known_to_redis(self, archives, tickets):
        for i, t in tickets.items():
            said = self.redis.hgetall(f"lc:{{{i}}}:ticket")
            for field in ("number", "resolved", "h", "rev"):
                mine = {"t": "1", "f": "0"}.get(t[field], t[field])
                if said.get(field) != mine:
                    yield f"ticket {i}: {field} is {mine}, Redis says {said.get(field)}"
            if said.get("attempts") != str(t["attempts"]):
                yield f"ticket {i}: attempts are {t['attempts']}, Redis says {said.get('attempts')}"
            if self.redis.get(f"lc:tok:{{{t['h']}}}") != str(i):
                yield f"ticket {i}: its token leads to {self.redis.get('lc:tok:{%s}' % t['h'])}"
            names = {k for k in self.redis.hkeys(f"lc:{{{i}}}:names") if not k.startswith("/")}
            mine = {row["name"] for row in archives.values() if row["ticket_id"] == i}
            if not mine <= names:
                yield f"ticket {i}: names {mine - names} are free in Redis"
        hashes = {t["h"] for t in tickets.values()}
        for key in self.redis.scan_iter("lc:tok:*"):
            if key[len("lc:tok:{"):-1] not in hashes:
                yield f"{key} is a token that no ticket has"

    def stale_names(self, archives, tickets):
        """Names that nobody has and nobody can take."""
        for i in tickets:
            names = {k for k in self.redis.hkeys(f"lc:{{{i}}}:names") if not k.startswith("/")}
            extra = names - {row["name"] for row in archives.values() if row["ticket_id"] == i}
            if extra:
                yield f"ticket {i}: names {extra} are taken by nobody"

    def attempts(self, book, tickets, ledger, lossy):
        """The attempts of every ticket of the round by its history: created, filed, set."""
        events = self.history(book)
        for i, ticket in book.tickets.items():
            if i not in tickets:
                continue
            filed = [e for e in events[i] if e[1] == "filed"]
            if len(filed) != sum(1 for t in ledger.values() if t == i):
                yield f"ticket {i}: {len(filed)} uploads in the audit log, {list(ledger.values()).count(i)} in the ledger"
            possible, over = replay(ticket["attempts"], events[i])
            if tickets[i]["attempts"] not in possible:
                yield f"ticket {i}: {tickets[i]['attempts']} attempts left, by its history {possible}: {events[i]}"
            if over and not lossy and not book.settings[i]:
                yield f"ticket {i}: {over} uploads more than it had attempts: {events[i]}"

    def history(self, book):
        """ticket id → [(seconds, 'filed' or 'set', value)] in the order of the audit log."""
        events = defaultdict(list)
        rows = self.world.query("SELECT id, time_create, action, object FROM audit WHERE action IN "
                                "('archive.upload', 'ticket.update') ORDER BY id")
        for _, time_us, action, name in rows:
            ticket = book.numbers.get(int(name.split("/", 1)[0]))
            seconds = int(time_us) / 1e6
            if ticket is not None and action == "archive.upload":
                events[ticket].append((seconds, "filed", 1))
            for value, begun, ended in book.settings[ticket] if action == "ticket.update" else ():
                if begun <= seconds <= ended:
                    events[ticket].append((seconds, "set", value))
        return events

    def check(self, book, whole, lossy):
        """What a sweep completes may come at any time: what was found while the ledger grew is looked at anew."""
        for _ in range(TRIES):
            findings, ledger = self.look(book, whole, lossy)
            if not findings or self.ledger() == ledger:
                break
        return book.findings + findings

    def look(self, book, whole, lossy):
        findings = self.settle(whole)
        archives, tickets, ledger = self.archives(), self.tickets(), self.ledger()
        findings += self.promised(book, archives, ledger)
        findings += self.storage(archives, book.tickets)
        findings += self.known_to_redis(archives, tickets)
        findings += self.attempts(book, tickets, ledger, lossy)
        if whole:
            findings += self.stale_names(archives, tickets)
        return findings, ledger


def replay(start, events):
    """The attempts that the history may have left, and how many uploads came when there was none."""
    possible, over, pending = {start}, 0, 0
    for at, (seconds, kind, value) in enumerate(events):
        if kind == "filed":
            over += max(possible) == 0
            possible = {max(a - 1, 0) for a in possible}
            continue
        pending = sum(1 for s, k, _ in events[:at] if k == "filed" and abs(seconds - s) < ORDER_SECONDS)
        possible = {max(value - n, 0) for n in range(pending + 1)}
    return possible, over
