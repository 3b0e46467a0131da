"""A gateway's upload as the services know it: reserve, heartbeats, commit, manifest, rename, 201. Every `yield` is a
place where it may be killed, overtaken or stopped for long."""

from .world import LEASE, Failed, Upload


def _suffixed(w, name):
    stem, _, extension = name.rpartition(".")
    return f"{stem}_{w.random.randrange(36 ** 5):05x}.{extension}"


def upload(w, gateway, token_hash):
    """The whole life of one upload."""
    u = Upload(f"{w.random.getrandbits(128):032x}", token_hash, gateway)
    w.uploads[u.id] = u
    yield
    try:
        answer = w.send("reserve", u.hash, u.id, LEASE)
    except Failed:
        u.live = False  # 503; if the command ran, its lease runs out
        return
    if answer[0] != "ok":
        u.live = False
        return
    u.admitted, u.ticket, u.epoch = True, int(answer[1]), answer[9]
    u.shaken |= w.unsettled
    w.spool.tmp[u.id] = True
    for _ in range(w.random.randrange(6)):
        yield
        if w.chance(8) or not (yield from _heartbeat(w, u)):
            yield from _fail(w, u)
            return
    yield  # the last byte came, fsync
    yield from _publish(w, u)


def _heartbeat(w, u):
    """False: the ticket was deleted."""
    try:
        answer = w.send("renew", u.ticket, u.id, u.epoch, LEASE)
    except Failed:
        return True  # the next one may get through
    yield
    assert answer[0] in ("ok", "in_use", "gone", "done"), answer
    return answer[0] != "gone"


def _fail(w, u):
    u.committed = False
    yield
    try:
        w.send("release", u.ticket, u.id)
    except Failed:
        pass
    yield
    w.spool.tmp.pop(u.id, None)
    u.live = False


def _commit(w, u):
    """ok, refused or gone; the name is set."""
    wish = w.random.choice(("a.log", "a.log", "b.log"))
    names = [wish, _suffixed(w, wish), _suffixed(w, wish)]
    try:
        answer = w.send("commit", u.ticket, u.id, u.epoch, f'{{"upload_id":"{u.id}"}}', *names)
    except Failed:  # published all the same, under a name nobody has
        u.uncounted = u.shaken = True
        w.leaky_names = True
        u.name = _suffixed(w, wish)
        return "ok"
    epoch = (w.server.call("GET", "lc:epoch") or b"").decode()
    if answer[0] != "ok":
        assert answer[0] == "gone" or epoch == u.epoch, f"{u.id}: of an earlier epoch, and refused"
        return answer[0]
    assert epoch or answer[1] != wish, f"{u.id}: {wish} given while Redis does not know what is taken"
    u.committed, u.name = True, answer[1]
    assert u.ticket not in w.buried or w.unsettled or u.shaken, f"{u.id} committed on a deleted ticket"
    _check_name(w, u)
    return "ok"


def _check_name(w, u):
    """The name that Redis gave is nobody else's on this ticket as long as Redis remembers."""
    for other in w.uploads.values():
        if (other is not u and other.ticket == u.ticket and other.committed and other.name == u.name
                and not other.shaken and not u.shaken and not w.forgot
                and other.id not in w.deleted
                and (other.id in w.spool.tmp and other.live
                     or other.id in w.spool.new or other.id in w.db.archives)):
            raise AssertionError(f"{u.id} and {other.id} both got {u.name}")


def _publish(w, u):
    if (yield from _committed(w, u)) != "ok":
        yield from _fail(w, u)
        return
    yield  # the manifest, fsync
    if w.chance(3):  # ENOSPC: the attempt comes back by reconcile
        w.say("publish fails", u.id[:8])
        yield from _fail(w, u)
        return
    if u.id not in w.spool.tmp:  # reconcile was faster: ENOENT, and no 201
        yield from _fail(w, u)
        return
    del w.spool.tmp[u.id]
    w.spool.new[u.id] = (u.ticket, u.name)
    yield  # fsync of both directories
    u.acked, u.live = True, False
    w.say("201", u.id[:8], "ticket", u.ticket, u.name, "uncounted" if u.uncounted else "")


def _committed(w, u):
    answer = _commit(w, u)
    yield
    return answer
