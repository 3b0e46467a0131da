"""Tickets put into Redis directly, for gateway tests without admin-api (keys as the project script writes them)."""

import hashlib
import itertools
import uuid

_ids = itertools.count(1)


def seed_ticket(redis_server, attempts=5, resolved=0, expires_ms=0, max_bytes=0, number=None, platform="android",
                epoch="test"):
    """(token, ticket id). The epoch is set too: without it the gateway answers 503."""
    token, ticket = str(uuid.uuid4()), next(_ids)
    digest = hashlib.sha256(token.encode()).hexdigest()
    client = redis_server.client
    client.hset(f"lc:{{{ticket}}}:ticket", mapping={
        "h": digest, "number": number or 1000 + ticket, "platform": platform, "attempts": attempts,
        "expires_ms": expires_ms, "resolved": resolved, "max_bytes": max_bytes, "rev": 1})
    client.set(f"lc:tok:{{{digest}}}", ticket)
    client.setnx("lc:epoch", epoch)
    return token, ticket
