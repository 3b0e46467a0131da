"""One random schedule: which thread takes its next step, what is killed or lost, and when time passes."""

from . import check, gateway
from .admin import Admin
from .world import LEASE, MINUTE, RECONCILE_AGE, Failed, Profile, World

STEPS = 110
GATEWAYS = 2

PROFILES = (
    Profile("quiet", kills=False, operators=False),
    Profile("kills"),
    Profile("messages", messages=True),
    Profile("losses", losses=True, reprojects=True),
    Profile("everything", losses=True, messages=True, reprojects=True),
    Profile("two admin-apis", losses=True, reprojects=True, keepers=2),
)


class Schedule:
    """Plays one seed."""

    def __init__(self, server, seed):
        server.flush()
        self.w = World(server, seed, PROFILES[seed % len(PROFILES)])
        self.admin = Admin(self.w)
        self.tasks = []  # (owner, what, generator)
        self.next_ticket = 1

    def run(self):
        w, profile = self.w, self.w.profile
        for _ in range(w.random.randrange(1, 4)):
            self._create()
        actions = [(self._advance_task, 62), (self._upload, 12), (self._keeper, 7), (self._pass_time, 5)]
        actions += [(self._kill, 2)] * profile.kills + [(self._operate, 3)] * profile.operators
        actions += [(w.deliver_late, 5), (self._toggle_away, 1)] * profile.messages
        actions += [(self._lose, 2), (self._back_up, 1)] * profile.losses
        actions += [(self._reproject, 1)] * profile.reprojects
        choices, weights = [a for a, _ in actions], [weight for _, weight in actions]
        for _ in range(STEPS):
            w.random.choices(choices, weights)[0]()
            check.step(w)
        self._end()

    def _create(self):
        self._drain(self.admin.create(self.next_ticket, self.w.random.randrange(1, 4)))
        self.next_ticket += 1
        if self.w.epochs == 0:
            self._drain(self.admin.sweep())

    def _drain(self, task):
        """To its end without anything in between."""
        try:
            for _ in task:
                pass
        except Failed:
            pass

    # --- tasks ---

    def _step(self, index):
        owner, what, task = self.tasks[index]
        try:
            next(task)
        except StopIteration:
            del self.tasks[index]
        except Failed:
            self.w.say(owner, what, "gives up")
            self.w.leaky_names |= what == "operator"  # its word of a freed name is lost
            del self.tasks[index]

    def _advance_task(self):
        if self.tasks:
            self._step(self.w.random.randrange(len(self.tasks)))

    def _upload(self):
        w = self.w
        if len(self.tasks) < 8 and w.db.tickets:
            ticket = w.random.choice(list(w.db.tickets.values()))
            g = w.random.randrange(GATEWAYS)
            self.tasks.append((f"gateway {g}", "upload", gateway.upload(w, g, ticket.hash)))

    def _has(self, what):
        return any(task[1] == what for task in self.tasks)

    def _keeper_is_busy(self):
        return sum(task[1] == "keeper" for task in self.tasks) >= self.w.profile.keepers

    def _keeper(self):
        """A keeper in every admin-api; requests file beside it."""
        w = self.w
        if w.random.random() < 0.3 and w.db.tickets:
            self.tasks.append(("admin", "request", self.admin.file_all(w.random.choice(list(w.db.tickets)))))
        elif not self._keeper_is_busy():
            dice = w.random.random()
            if w.unsettled and dice < 0.5:
                task = self.admin.full()  # by command, with the spool as it is; a sweep would file first
            elif dice < 0.7:
                task = self.admin.sweep()
            else:
                task = self.admin.reconcile(sorted(w.db.tickets))
            self.tasks.append(("admin", "keeper", task))

    def _reproject(self):
        if not self._keeper_is_busy():
            self.tasks.append(("admin", "keeper", self.admin.full()))

    def _operate(self):
        w, a = self.w, self.admin
        ids, archives = list(w.db.tickets), list(w.db.archives)
        if not ids:
            self._create()
            return
        ticket_id, dice = w.random.choice(ids), w.random.random()
        if dice < 0.35:
            task = a.set_attempts(ticket_id, w.random.randrange(5))
        elif dice < 0.55:
            task = a.set_resolved(ticket_id, not w.db.tickets[ticket_id].resolved)
        elif dice < 0.65:
            task = a.rotate(ticket_id)
        elif dice < 0.9 and archives:
            task = a.delete_archive(w.random.choice(archives))
        elif dice > 0.95:
            task = a.delete_ticket(ticket_id)
        else:
            return
        self.tasks.append(("admin", "operator", task))
        self._step(len(self.tasks) - 1)

    # --- trouble ---

    def _kill(self):
        w = self.w
        victim = w.random.choice(["admin"] + [f"gateway {g}" for g in range(GATEWAYS)])
        w.say("KILL", victim)
        if victim == "admin":
            w.leaky_names |= self._has("operator")  # likewise
        else:
            for u in w.uploads.values():
                if f"gateway {u.gateway}" == victim:
                    u.live = False
        self.tasks = [task for task in self.tasks if task[0] != victim]

    def _toggle_away(self):
        self.w.away = not self.w.away
        self.w.say("Redis is", "away" if self.w.away else "back")

    def _lose(self):
        w = self.w
        w.random.choice((w.forget_all, w.fail_over, w.restart))()

    def _back_up(self):
        self.w.backup = self.w.server.dump()
        self.w.say("a replica has this")

    def _pass_time(self):
        w = self.w
        w.advance(w.random.choice((MINUTE // 60, LEASE // 3, LEASE // 2, LEASE + 1, 2 * LEASE, RECONCILE_AGE + 1)))

    def _end(self):
        """The threads that are left end one way or the other."""
        w = self.w
        w.away = False
        if w.chance(30) and w.profile.kills:
            self._kill()
        while self.tasks:
            self._advance_task()
            check.step(w)
        check.end(w, self.admin, self._drain)
