"""What is true: the database and the directories as models, the messages between services and Redis, the clock."""

import random
from dataclasses import dataclass, field

LEASE = 60_000
RECONCILE_AGE = 600_000
MINUTE = 60_000


class Failed(Exception):
    """A call to Redis without an answer: it may have run, may run later, or never."""


@dataclass
class Ticket:
    """A row of the database, and what people granted over its life."""

    id: int
    hash: str
    attempts: int
    rev: int = 1
    projected_rev: int = 0
    resolved: bool = False
    granted: int = 0  # the initial attempts and what every change added or took away
    most: int = 0  # without what was taken away: that may have been in use already
    lowered: bool = False
    over: int = 0  # filings that found no attempt left


@dataclass
class Upload:
    """One upload as its gateway and we know it."""

    id: str
    hash: str
    gateway: int
    ticket: int = 0
    epoch: str = ""
    name: str = ""
    admitted: bool = False
    live: bool = True  # its gateway still works on it
    committed: bool = False
    uncounted: bool = False  # published without an answer to its commit
    shaken: bool = False  # in flight while Redis had lost its memory, or uncounted: may come on top of N
    acked: bool = False


@dataclass
class Profile:
    """What may happen in a schedule, as weights and probabilities."""

    name: str
    losses: bool = False  # Redis forgets, goes back, restarts
    messages: bool = False  # answers lost, commands late or repeated, Redis away
    kills: bool = True
    operators: bool = True  # attempts raised, tickets resolved, tokens rotated, things deleted
    keepers: int = 1
    reprojects: bool = False  # full projections without a loss


@dataclass
class Database:
    """admin-api's truth."""

    tickets: dict = field(default_factory=dict)
    ledger: dict = field(default_factory=dict)  # upload -> [ticket, projected]
    archives: dict = field(default_factory=dict)  # upload -> (ticket, name)
    doomed: dict = field(default_factory=dict)
    tombstones: list = field(default_factory=list)  # (ticket, hash, rev, gone)


@dataclass
class Spool:
    """The directories, as who lies where. Dictionaries for their order."""

    tmp: dict = field(default_factory=dict)
    new: dict = field(default_factory=dict)  # upload -> (ticket, name)
    archives: dict = field(default_factory=dict)
    trash: dict = field(default_factory=dict)
    orphans: dict = field(default_factory=dict)


class World:
    """One schedule's state."""

    def __init__(self, server, seed, profile):
        self.server, self.profile = server, profile
        self.random = random.Random(seed)
        self.db, self.spool = Database(), Spool()
        self.uploads, self.late, self.trace = {}, [], []
        self.generation, self.epochs = 1, 0
        self.away = False  # Redis cannot be reached
        self.unsettled = True  # no full projection since the last loss
        self.backup = None
        self.deleted = {}  # uploads whose archive the API deleted
        self.forgot = False  # there was a loss
        self.leaky_names = False  # something happened after which a name may stay claimed for nothing
        self.buried = {}  # deleted tickets Redis knows of

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def say(self, *words):
        self.trace.append(f"{self.server.now % 10_000_000_000:>10} " + " ".join(map(str, words)))

    # --- messages ---

    def send(self, script, *args):
        """One call with the fate of its message: answered, run without an answer, never run, run later, run twice."""
        dice = self.random.random() if self.profile.messages else 1.0
        if self.away or dice < 0.05:
            self.say("  lost:", script, *args[:2])
            raise Failed(script)
        if dice < 0.10:
            self.late.append((script, args))
            self.say("  late:", script, *args[:2])
            raise Failed(script)
        reply = self.server.run(script, *args)
        self.say("  ran:", script, *args[:2], "->", reply if not isinstance(reply, list) else reply[:2])
        if dice < 0.15:
            self.late.append((script, args))
        elif dice < 0.20:
            self.say("  answer lost")
            raise Failed(script)
        return reply

    def deliver_late(self):
        if not self.late or self.away:
            return
        script, args = self.late.pop(self.random.randrange(len(self.late)))
        self.say("late", script, *args[:2], "->", self.server.run(script, *args))

    # --- losses ---

    def in_flight(self):
        """In the hands of a gateway, 201 still to come."""
        return [u for u in self.uploads.values() if u.admitted and u.live]

    def shake(self):
        for upload in self.in_flight():
            upload.shaken = True

    def _lost(self, what):
        self.say("LOSS", what)
        self.generation += 1
        self.unsettled = self.forgot = self.leaky_names = True
        self.late.clear()  # with the connections they were sent on
        self.shake()

    def forget_all(self):
        self.server.flush()
        self._lost("of all memory")

    def fail_over(self):
        if self.backup is None:
            return
        self.server.restore(self.backup)
        self._lost("of the latest memory")

    def restart(self):
        """The same memory under another run_id."""
        if self.server.aof:
            self.server.restart()
        self._lost("of the process")

    def advance(self, ms):
        self.server.set_clock(self.server.now + ms)
        self.say("clock +", ms)
