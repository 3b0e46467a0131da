"""Resumable uploads through all services: the archive is listed with its digest; what is abandoned expires."""

import hashlib
import os

from lc import tus
from lc.wait import until

GATEWAY_ENV = {"UPLOAD_LEASE": "3s", "UPLOAD_EXPIRY": "3s", "RESUME_LEASE": "1s"}
ADMIN_ENV = {"UPLOAD_EXPIRY": "3s", "SWEEP_INTERVAL": "500ms", "RECONCILE_AGE": "1s"}


def in_progress(stack):
    return os.listdir(os.path.join(stack.data_dir, "spool", "tmp"))


def test_archive_is_listed(stack):
    ticket, data = stack.make_ticket(attempts=2), os.urandom(700_000)
    answer = tus.create(stack.gateway.port, ticket["token"], len(data), "журнал мая.log", data[:1000])
    path = tus.path_of(answer)
    answer = tus.patch(stack.gateway.port, path, 1000, data[1000:])
    assert answer.status == 204 and answer.headers["upload-sha256"] == hashlib.sha256(data).hexdigest()
    archive, = stack.archives(ticket)  # at once: the answer came after publishing
    assert (archive["name"], archive["size"]) == ("журнал_мая.log", len(data))
    assert archive["sha256"] == hashlib.sha256(data).hexdigest()
    assert stack.attempts(ticket) == 1
    assert stack.download(archive).content == data
    shelf = os.path.join(stack.data_dir, "archives", path[-32:][:2], path[-32:])
    assert sorted(os.listdir(shelf)) == ["data", "manifest"]
    answer = tus.request(stack.gateway.port, "HEAD", path)
    assert answer.headers["upload-offset"] == str(len(data)), "a client whose answer was lost hears it again"


def test_abandoned_uploads_expire_and_live_ones_do_not(stack):
    """Bytes and attempt come back UPLOAD_EXPIRY after the last byte, not after the first."""
    ticket = stack.make_ticket(attempts=2)
    left, alive = (tus.path_of(tus.create(stack.gateway.port, ticket["token"], 100, "x.log", b"ab")) for _ in range(2))
    at = 2

    def keep_alive():
        nonlocal at
        answer = tus.patch(stack.gateway.port, alive, at, b"z")
        assert answer.status == 204, answer
        at += 1
        return left[-32:] not in in_progress(stack)

    until(keep_alive, 30, "the abandoned upload to be removed", step=0.4)
    assert tus.request(stack.gateway.port, "HEAD", left).status in (404, 410)
    assert alive[-32:] in in_progress(stack)
    assert tus.patch(stack.gateway.port, alive, at, b"y" * (100 - at)).status == 204
    assert len(stack.archives(ticket)) == 1 and stack.attempts(ticket) == 1
    until(lambda: stack.redis.client.zcard(f"lc:{{{ticket['id']}}}:open") == 0, what="no lease to be left")


def test_expired_is_410_until_it_is_removed(stack):
    ticket = stack.make_ticket(attempts=1)
    path = tus.path_of(tus.create(stack.gateway.port, ticket["token"], 100, "x.log", b"ab"))
    stack.admin.process.sigstop()
    try:
        until(lambda: tus.request(stack.gateway.port, "PATCH", path, {
            "Upload-Offset": "1", "Content-Type": tus.PART}, b"x").status == 410, 20, "the upload to expire", step=0.5)
    finally:
        stack.admin.process.sigcont()
    assert path[-32:] not in in_progress(stack), "who finds it expired removes it"
    assert tus.request(stack.gateway.port, "HEAD", path).status == 404
