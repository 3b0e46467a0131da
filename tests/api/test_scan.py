"""The malware scan with a real clamd: what each archive is said to be, who may download it, clamd failing or away."""

import os
import shutil
import socket
import tempfile
import threading

import pytest
import requests

from lc.clamav import EICAR, Clamd, Stumbling
from lc.programs import need
from lc.rest import expect
from lc.stack import User
from lc.wait import until

DIRECTORY = tempfile.mkdtemp(prefix="lc-clamd-")
ADMIN_ENV = {"CLAMD_SOCKET": os.path.join(DIRECTORY, "clamd.sock"), "CLAMD_MAX_SIZE": "2M", "CLAMD_TIMEOUT": "2s"}
LARGE = b"x" * (2 * 1024 * 1024 + 1)


@pytest.fixture(scope="module", autouse=True)
def clamd():
    need("clamd", package="clamav-daemon")
    daemon = Clamd(DIRECTORY).start()
    yield daemon
    daemon.stop()
    shutil.rmtree(DIRECTORY, ignore_errors=True)


@pytest.fixture(scope="module")
def plain(stack):
    """A support engineer with a second factor who is no superuser."""
    return User(stack.admin, "plain", superuser=False).login()


def send(stack, content, name="logs.bin", ticket=None):
    """The archive as the API shows it."""
    ticket = ticket or stack.make_ticket()
    answer = requests.post(stack.gateway.url + "/api/v1/archives/", headers={"Upload-Token": ticket["token"]},
                           files={"file": (name, content)}, timeout=30)
    assert answer.status_code == 201, answer.text
    return stack.wait_archives(ticket, 1)[0]


def wait_scan(rest, archive, *states):
    def look():
        shown = rest.get(f"archives/{archive['id']}/").json()
        return shown if shown["scan"] in states else None
    return until(look, 20, f"the scan to say {states}")


def test_clean(rest, stack, plain):
    content = os.urandom(300_000)
    before = stack.admin.metrics()
    archive = send(stack, content)
    assert archive["scan"] in ("pending", "clean")
    shown = wait_scan(rest, archive, "clean")
    assert "scan_signature" not in shown
    assert stack.download(archive, plain).content == content
    counted = 'lc_admin_scans_total{scan="clean"}'
    until(lambda: stack.admin.metrics()[counted] == before[counted] + 1, what="it to be counted")
    assert stack.admin.metrics()["lc_admin_clamd_up"] == 1


@pytest.mark.parametrize("content", [EICAR, b"x" * 200_000 + EICAR + b"y" * 100], ids=["alone", "deep"])
def test_infected_needs_a_superuser(rest, stack, plain, content):
    archive = send(stack, content, "bad.bin")
    shown = wait_scan(rest, archive, "infected")
    assert shown["scan_signature"].startswith("Test.Eicar")
    refused = stack.download(archive, plain)
    assert refused.status_code == 403 and refused.json()["code"] == "archive_infected"
    assert refused.json()["detail"] == ("The malware scan found something in this archive: only a superuser may download "
                                        "it.")
    assert stack.download(archive, plain, headers={"Range": "bytes=0-3"}).status_code == 403
    assert stack.download(archive, plain, headers={"If-None-Match": f'"{archive["sha256"]}"'}).status_code == 403
    assert stack.download(archive).content == content
    number = archive["ticket"]
    events = {(e["action"], e["actor"], e["outcome"]) for e in rest.get("audit/").json()
              if e["object"] == f"{number}/bad.bin"}
    assert {("archive.infected", "system", "ok"), ("archive.download_infected", "plain", "denied"),
            ("archive.download_infected", "chief", "begun")} <= events
    stack.admin.process.wait_says("scan.infected")


def test_too_large_is_skipped(rest, stack, plain):
    """Ours says so without asking; clamd's own limit is lower here and says so itself."""
    for size in (2 * 1024 * 1024 + 1, 1024 * 1024 + 500_000):
        content = os.urandom(1000) * (size // 1000) + EICAR
        archive = send(stack, content)
        assert "scan_signature" not in wait_scan(rest, archive, "skipped")
        assert stack.download(archive, plain).content == content
    until(lambda: stack.admin.metrics()['lc_admin_scans_total{scan="skipped"}'] >= 2, what="both to be counted")


def test_clamd_away(rest, stack, plain, clamd):
    """Archives stay pending and can be downloaded; when it is back they are scanned."""
    clamd.stop()
    try:
        good, bad = send(stack, b"harmless"), send(stack, EICAR)
        wait_scan(rest, send(stack, LARGE), "skipped")
        until(lambda: stack.admin.metrics()["lc_admin_scan_errors_total"] >= 1, what="a scan to fail")
        until(lambda: stack.admin.metrics()["lc_admin_clamd_up"] == 0, what="clamd to count as away")
        assert {rest.get(f"archives/{a['id']}/").json()["scan"] for a in (good, bad)} == {"pending"}
        assert stack.download(good, plain).content == b"harmless"
        until(lambda: stack.admin.metrics()["lc_admin_scans_waiting"] == 2, what="two to wait")
        stack.admin.process.wait_says("scan.failing")
        assert stack.admin.process.output().count("scan.failing") == 1
    finally:
        clamd.start()
    wait_scan(rest, good, "clean")
    wait_scan(rest, bad, "infected")
    until(lambda: "scan.recovered" in stack.admin.process.output(), what="the line in the log")


def test_silent_clamd(rest, stack, clamd):
    """It takes the connection and says nothing: the scan ends by its time-out and is tried again."""
    clamd.stop()
    path = ADMIN_ENV["CLAMD_SOCKET"]
    if os.path.exists(path):
        os.unlink(path)
    mute = socket.socket(socket.AF_UNIX)
    mute.bind(path)
    mute.listen(8)
    connected = threading.Event()
    held = []

    def accept():
        try:
            while True:
                held.append(mute.accept()[0])
                connected.set()
        except OSError:
            pass

    threading.Thread(target=accept, daemon=True).start()
    try:
        before = stack.admin.metrics()["lc_admin_scan_errors_total"]
        archive = send(stack, b"harmless too")
        assert connected.wait(20)
        until(lambda: stack.admin.metrics()["lc_admin_scan_errors_total"] > before, 20, "the time to be over")
        assert rest.get(f"archives/{archive['id']}/").json()["scan"] == "pending"
    finally:
        mute.close()
        for s in held:
            s.close()
        os.unlink(path)
        clamd.start()
    wait_scan(rest, archive, "clean")


@pytest.fixture
def stumbling(stack, clamd):
    """restart(**settings) with a clamd between that stumbles over some files; afterwards all is as before."""
    with Stumbling(clamd, os.path.join(DIRECTORY, "stumbling.sock")) as between:
        def restart(**env):
            stack.admin.stop()
            stack.admin.env.update({"CLAMD_SOCKET": between.where, **env})
            stack.admin.start()
        between.restart = restart
        yield between
        stack.admin.stop()
        for name in ("CLAMD_RETRY", "CLAMD_ATTEMPTS"):
            stack.admin.env.pop(name, None)
        stack.admin.env.update(ADMIN_ENV)
        stack.admin.start()


def test_those_it_fails_on_go_behind_the_others(rest, stack, stumbling):
    """clamd is there, and one archive's silence, end or nonsense is that one's: the others are scanned."""
    stumbling.restart(CLAMD_TIMEOUT="1s", CLAMD_RETRY="1h")
    troubled = [send(stack, word) for word in stumbling.seen]
    good, bad = send(stack, b"harmless"), send(stack, EICAR)
    wait_scan(rest, good, "clean")
    wait_scan(rest, bad, "infected")
    until(lambda: stack.admin.metrics()["lc_admin_scan_errors_total"] >= len(troubled), 20, "each to have failed once")
    assert {rest.get(f"archives/{a['id']}/").json()["scan"] for a in troubled} == {"pending"}
    assert stack.admin.metrics()["lc_admin_clamd_up"] == 1
    assert stumbling.seen == {b"mute": 1, b"broken": 1, b"garbage": 1}
    until(lambda: (log := stack.admin.process.output()).count("scan.failed") == len(troubled) and "stream: what?" in log,
          what="a line of each failure")


def test_a_verdict_on_a_part_is_none(rest, stack, stumbling):
    """Who says OK before the whole archive was said has not looked at it."""
    stumbling.restart(CLAMD_RETRY="1h")
    archive = send(stack, stumbling.HASTY + b"x" * 1_500_000 + EICAR)
    until(lambda: stumbling.hasty == 1 and stack.admin.metrics()["lc_admin_scan_errors_total"] == 1, 20, "the scan to fail")
    assert rest.get(f"archives/{archive['id']}/").json()["scan"] == "pending"
    stack.admin.process.wait_says("before it had the whole archive")


def test_too_large_waits_for_no_scan(rest, stack, stumbling):
    stumbling.restart(CLAMD_TIMEOUT="1h")
    mute = send(stack, b"mute")
    until(lambda: stumbling.seen[b"mute"] == 1, 20, "its scan to begin")
    wait_scan(rest, send(stack, LARGE), "skipped")
    assert rest.get(f"archives/{mute['id']}/").json()["scan"] == "pending"
    assert stack.admin.metrics()["lc_admin_scan_errors_total"] == 0 and stumbling.seen[b"mute"] == 1


def test_given_up_at_last(rest, stack, plain, stumbling):
    """Skipped after so many failures, in figures and in the log; a start tries anew."""
    for word in (b"mute", b"broken"):  # what other tests left is scanned
        del stumbling.troubles[word]
    stumbling.restart(CLAMD_RETRY="10ms", CLAMD_ATTEMPTS="3")
    content = b"garbage" + EICAR
    archive = send(stack, content)
    wait_scan(rest, archive, "skipped")
    assert stumbling.seen[b"garbage"] == 3
    figures = stack.admin.metrics()
    assert figures['lc_admin_scans_total{scan="given_up"}'] == 1 and figures["lc_admin_clamd_up"] == 1
    stack.admin.process.wait_says("scan.given_up")
    assert stack.download(archive, plain).content == content
    stumbling.troubles.clear()
    stumbling.restart()
    wait_scan(rest, archive, "infected")


def test_replaced_file_is_scanned_anew(rest, stack):
    archive = send(stack, b"harmless")
    wait_scan(rest, archive, "clean")
    expect(rest.patch(f"archives/{archive['id']}/", files={"file": ("bad.bin", EICAR)}), 200)
    wait_scan(rest, archive, "infected")
    expect(rest.patch(f"archives/{archive['id']}/", files={"file": ("good.bin", b"good again")}), 200)
    assert "scan_signature" not in wait_scan(rest, archive, "clean")


def test_filter_and_order(rest, stack):
    bad = send(stack, EICAR)
    wait_scan(rest, bad, "infected")
    found = rest.get("archives/", params={"scan": "infected"}).json()
    assert bad["id"] in [a["id"] for a in found] and {a["scan"] for a in found} == {"infected"}
    assert rest.get("archives/", params={"scan": "spotless"}).json() == []
    ordered = [a["scan"] for a in rest.get("archives/", params={"ordering": "scan"}).json()]
    assert ordered == sorted(ordered)
    refused = rest.patch(f"archives/{bad['id']}/", {"scan": "clean"})
    assert refused.status_code == 200 and refused.json()["scan"] == "infected", "what the scan said is not for clients"


def test_over_tcp_and_without(rest, stack, scratch):
    """host:port works as a socket does; without a scanner new archives are skipped, and pending ones wait."""
    daemon = Clamd(os.path.join(scratch, "tcp"), tcp=True).start()
    try:
        for where, state in ((daemon.where, "infected"), ("", "skipped")):
            stack.admin.stop()
            stack.admin.env["CLAMD_SOCKET"] = where
            stack.admin.start()
            assert wait_scan(rest, send(stack, EICAR), state)["scan"] == state
    finally:
        daemon.stop()
        stack.admin.stop()
        stack.admin.env["CLAMD_SOCKET"] = ADMIN_ENV["CLAMD_SOCKET"]
        stack.admin.start()


def test_skipped_ones_are_taken_up(rest, stack, scratch):
    """Those from before there was a scanner, and those beyond a limit that is higher now, are scanned after a start."""
    daemon = Clamd(os.path.join(scratch, "large"), stream_max="8M").start()
    try:
        archives = {}
        for where, limit, size in (("", "2M", 100), (daemon.where, "2M", 3 << 20), (daemon.where, "4M", 5 << 20)):
            stack.admin.stop()
            stack.admin.env.update(CLAMD_SOCKET=where, CLAMD_MAX_SIZE=limit)
            stack.admin.start()
            archives[size] = send(stack, b"x" * size + EICAR)
            wait_scan(rest, archives[size], "skipped")
        for size in (100, 3 << 20):
            wait_scan(rest, archives[size], "infected")
        assert rest.get(f"archives/{archives[5 << 20]['id']}/").json()["scan"] == "skipped"
        stack.admin.process.wait_says("scan.taken_up")
    finally:
        daemon.stop()
        stack.admin.stop()
        stack.admin.env.update(ADMIN_ENV)
        stack.admin.start()


@pytest.mark.parametrize("where", ["clamd.ctl", "host:", ":3310", "host:99999", "/" + "x" * 200])
def test_wrong_socket_is_refused(stack, where):
    refused = stack.admin.run("check", env={"CLAMD_SOCKET": where})
    assert refused.returncode != 0 and "CLAMD_SOCKET" in refused.stdout + refused.stderr
