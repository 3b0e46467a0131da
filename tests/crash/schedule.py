"""One round by its seed: who sends what, who changes what, who dies when. Must draw everything that is random from the
seed, so that it can be played again."""

import random
import time
from collections import Counter

from book import Book
from changes import Engineer
from clients import SENDERS, Customer
from world import crash_points

TICKETS, CUSTOMERS = 3, 14
CHANGES = ("resolve", "reopen", "attempts", "rename", "rotate", "delete_archive")
# What has to happen for a crash point to be passed: (engineers' changes, kills, the gateway's own point).
NEEDS = {"BURIED": ("rotate", (), None), "DOOMED": ("delete_archive", (), None), "DELETING": ("delete_archive", (), None),
         "UNLINKED_ONE": ("delete_archive", (), None), "UNLINKED": ("delete_archive", (), None),
         "UNDOOMED": ("delete_archive", (), None), "EPOCH_BEGUN": (None, ("redis",), None),
         "EPOCH_DUE": (None, ("redis",), None), "EPOCH_SET": (None, ("redis",), None),
         "RECONCILE_TRASHED": (None, (), "COMMITTED"), "RECONCILED": (None, (), "COMMITTED"),
         "TUS_SEIZED": (None, ("second", "second"), None)}
# Passed seldom: the first passing counts.
EARLY = {"EPOCH_BEGUN", "EPOCH_DUE", "EPOCH_SET", "BURIED", "TUS_SEIZED", "TUS_WHOLE", "TUS_PUBLISHED"}


class Round:
    """seed and number say everything; even rounds kill at named points and at random, odd ones at random alone, every
    fifth waits until the spool is empty."""

    def __init__(self, world, seed, number):
        self.world, self.number = world, number
        self.rng = random.Random(f"{seed}-{number}")
        points = crash_points()
        self.points = {s: names[number % len(names)] for s, names in points.items()}
        self.changes, self.kills, companion = NEEDS.get(self.points["admin"], (None, (), None))
        if companion is not None:
            self.points["gateway"] = companion
        self.kills += NEEDS.get(self.points["gateway"], (None, (), None))[1]
        self.whole = number % 5 == 4 or companion is not None
        for victim in world.processes:
            self.kills += (victim,) * (self.rng.random() < (0.35 if victim in ("redis", "postgres") else 0.25))

    def passing(self, point):
        return 1 if point in EARLY else self.rng.choice((1, 1, 2, 3))

    def play(self, verifier):
        """The findings of the round, and what it did."""
        stack = self.world.stack
        tickets = [stack.make_ticket(attempts=self.rng.randint(2, 8)) for _ in range(TICKETS)]
        book, begun, uncounted = Book(tickets), len(self.world.died), self.world.uncounted()
        for service, point in self.points.items():
            self.world.arm(service, point, self.passing(point))
        people = self.people(book, tickets)
        for person in people:
            person.start()
        self.kill_at_random()
        self.wait_for(people)
        book.over.set()
        for person in people:
            person.join(60)
        self.world.disarm()
        self.world.wait_healthy()
        died = self.world.died[begun:]
        lossy = self.world.uncounted() > uncounted or any(name in ("redis", "postgres") for name, _ in died)
        findings = verifier.check(book, self.whole, lossy)
        return findings, {"promises": dict(book.kinds), "died": Counter(name for name, _ in died),
                          "points": sorted(p.split(":")[0] for _, p in died if p)}

    def people(self, book, tickets):
        kinds = list(SENDERS)
        if self.points["gateway"].startswith("TUS_"):  # else two of them come by, in turn at both gateways
            kinds += ["tus"] * len(kinds)
        people = [Customer(self.world, book, self.rng.choice(tickets), kinds[i % len(kinds)],
                           random.Random(self.rng.random())) for i in range(CUSTOMERS)]
        for n, ticket in enumerate(tickets[:2]):
            changes = self.rng.sample(CHANGES, 3) + [self.changes] * (self.changes is not None)
            if n == 1 and self.rng.random() < 0.2:
                changes.append("delete_ticket")
            people.append(Engineer(self.world, book, ticket, changes, random.Random(self.rng.random())))
        return people

    def kill_at_random(self):
        for victim in self.rng.sample(self.kills, len(self.kills)):
            time.sleep(self.rng.uniform(0.05, 0.5))  # the moment of a crash is the random part, not a wait
            self.world.kill(victim)

    def wait_for(self, people):
        """Until all have ended, or as long as a round may take."""
        deadline = time.monotonic() + 6
        for person in people:
            person.join(max(0.0, deadline - time.monotonic()))
