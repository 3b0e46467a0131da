"""What the gateway left in the spool, read from the disk."""

import hashlib
import os


def published(gateway):
    """upload id → (bytes of data, its SHA-256) of spool/new."""
    new = os.path.join(gateway.data_dir, "spool", "new")
    found = {}
    for upload_id in os.listdir(new):
        with open(os.path.join(new, upload_id, "data"), "rb") as f:
            data = f.read()
        assert os.path.getsize(os.path.join(new, upload_id, "manifest")) > 0
        found[upload_id] = (data, hashlib.sha256(data).hexdigest())
    return found


def in_progress(gateway):
    return os.listdir(os.path.join(gateway.data_dir, "spool", "tmp"))


def held(redis_server, ticket):
    """How many attempts of the ticket are leased or used."""
    client = redis_server.client
    return client.zcard(f"lc:{{{ticket}}}:open") + client.zcard(f"lc:{{{ticket}}}:done")
