"""Archives: what is shown of them, filters, moving, replacing, deleting, verification, uploads under way."""

import hashlib
import os
import re
import shutil
import threading

import pytest
import requests

from lc.fixtures import sha256_of
from lc.raw import Raw
from lc.rest import TIME, expect
from lc.wait import until

VALID = "Select a valid choice. That choice is not one of the available choices."
NOT_FILE = "The submitted data was not a file. Check the encoding type on the form."
NUMBER, WHEN = "Enter a number.", "Enter a valid date/time."


def upload(stack, ticket, name="a.log", data=b"content"):
    answer = requests.post(stack.gateway.url + "/api/v1/archives/", headers={"Upload-Token": ticket["token"]},
                           files={"file": (name, data)}, timeout=30)
    assert answer.status_code == 201, answer.text
    return stack.archives(ticket)[0]


@pytest.fixture
def ticket(stack):
    return stack.make_ticket(attempts=10)


def test_what_is_shown(stack, rest, ticket):
    shown = upload(stack, ticket, "лог файл.txt", b"some bytes")
    assert list(shown) == ["id", "file", "ticket", "time_create", "name", "size", "sha256", "client", "scan"]
    digest = hashlib.sha256(b"some bytes").hexdigest()
    assert (shown["ticket"], shown["name"], shown["size"], shown["sha256"], shown["client"]) == \
        (ticket["number"], "лог_файл.txt", 10, digest, "127.0.0.1")
    assert re.fullmatch(TIME, shown["time_create"])
    quoted = requests.utils.quote("лог_файл.txt")
    assert shown["file"] == f"{stack.admin.url}/archives/download/{ticket['number']}/{quoted}"
    expect(rest.get(f"archives/{shown['id']}/"), 200, shown)
    assert rest.get(f"tickets/{ticket['number']}/").json()["attempts"] == 9


@pytest.mark.generous
def test_filters(stack, rest):
    first, second = stack.make_ticket(attempts=9), stack.make_ticket(attempts=9)
    a, b, c = (upload(stack, t, f"{i}.log")["id"] for i, t in enumerate((first, first, second)))
    when = {n: rest.get(f"archives/{n}/").json()["time_create"] for n in (a, b, c)}
    base = f"id__gte={a}&"
    cases = {
        "": [c, b, a], f"id={b}": [b], f"id={b}.9": [b], f"id__lte={b}": [b, a], f"id__gte={c}": [c], "id=0": [],
        f"ticket={first['number']}": [b, a], f"ticket={first['number']}&id__lte={a}": [a],
        f"ticket__gte={second['number']}": [c], f"ticket__lte={first['number']}": [b, a], "ticket=": [c, b, a],
        f"time_create={when[b]}": [b], f"time_create__gte={when[b]}": [c, b], f"time_create__lte={when[b]}": [b, a],
        "time_create__gte=2000-01-01": [c, b, a], "time_create__lte=2000-01-01": [], "time_create__gte=2999-12-31": [],
        "time_create__gte=2000-01-01%2000:00": [c, b, a], "time_create__gte=2000-01-01T00:00:00%2B03:00": [c, b, a],
        f"ticket=%20{first['number']}%20": [b, a], "time_create__gte=2000-1-1%201:2": [c, b, a],
        "time_create__gte=2000-01-01%2000:00:00,5%20%2B03:00": [c, b, a], "time_create__lte=2000-1-02T3:04": [],
        f"year={when[a][:4]}": [c, b, a], "year=1999": [], f"month={when[a][5:7]}": [c, b, a], "month__gt=12": [],
        "ordering=id": [a, b, c], "ordering=-ticket,id": [c, a, b], "ordering=name": [a, b, c], "ordering=-size": [c, b, a],
        "search=nothing": [c, b, a], "number=abc": [c, b, a],
    }
    for query, ids in cases.items():
        answer = expect(rest.get(f"archives/?{base}{query}"), 200)
        assert [x["id"] for x in answer.json()] == ids, query
        page = expect(rest.get(f"archives/?{base}{query}&limit=2"), 200).json()
        assert ([x["id"] for x in page["results"]], page["count"]) == (ids[:2], len(ids)), query


@pytest.mark.parametrize("query, errors", [
    ("ticket=999999", {"ticket": [VALID]}), ("ticket=abc", {"ticket": [VALID]}), ("ticket=1.5", {"ticket": [VALID]}),
    ("ticket=99999999999999999999", {"ticket": [VALID]}), ("ticket__lte=999999", {"ticket__lte": [VALID]}),
    ("ticket__gte=x", {"ticket__gte": [VALID]}), ("id=abc", {"id": [NUMBER]}), ("id__lte=x", {"id__lte": [NUMBER]}),
    ("time_create=x", {"time_create": [WHEN]}), ("time_create=2000-1-1", {"time_create": [WHEN]}),
    ("time_create=10/25/2026", {"time_create": [WHEN]}), ("time_create__gte=2026-13-01", {"time_create__gte": [WHEN]}),
    ("time_create__lte=2026-02-30", {"time_create__lte": [WHEN]}), ("time_create=25:00", {"time_create": [WHEN]}),
    ("id=x&ticket=y&time_create=z", {"id": [NUMBER], "ticket": [VALID], "time_create": [WHEN]}),
    ("ordering=sha256", {"ordering": ["Select a valid choice. sha256 is not one of the available choices."]})])
def test_wrong_filters(rest, query, errors):
    expect(rest.get(f"archives/?{query}"), 400, errors)


def test_patch_moves_by_ticket(stack, rest, ticket):
    target, shown = stack.make_ticket(), upload(stack, ticket)
    answer = expect(rest.patch(f"archives/{shown['id']}/", {"ticket": target["number"]}), 200)
    assert answer.headers["ETag"] == rest.get(f"archives/{shown['id']}/").headers["ETag"]
    moved = answer.json()
    assert moved == {**shown, "ticket": target["number"],
                     "file": shown["file"].replace(str(ticket["number"]), str(target["number"]))}
    assert stack.download(shown).status_code == 404
    assert stack.download(moved).content == b"content"
    assert stack.archives(ticket) == []
    back = rest.call("PATCH", f"archives/{shown['id']}/", data={"ticket": str(ticket["number"])})
    assert expect(back, 200).json() == shown


def test_a_name_taken_there_gets_a_suffix(stack, rest, ticket):
    target = stack.make_ticket()
    upload(stack, target)
    shown = upload(stack, ticket)
    moved = expect(rest.patch(f"archives/{shown['id']}/", {"ticket": target["number"]}), 200).json()
    assert re.fullmatch(r"a_[0-9A-Za-z]{7}\.log", moved["name"])
    assert stack.download(moved).content == b"content"


@pytest.mark.parametrize("ticket_, message", [
    (999999, "Object with number=999999 does not exist."), ("abc", "Invalid value."), ([1], "Invalid value."),
    (None, "This field may not be null."), ("", "This field may not be null."),
    (10 ** 20, "Object with number=100000000000000000000 does not exist.")])
def test_patch_to_no_ticket(stack, rest, ticket, ticket_, message):
    shown = upload(stack, ticket)
    expect(rest.patch(f"archives/{shown['id']}/", {"ticket": ticket_}), 400, {"ticket": [message]})


@pytest.mark.parametrize("verb", ["PATCH", "PUT"])
def test_replacing_the_file(stack, rest, ticket, verb):
    shown = upload(stack, ticket)
    held = set(directories(stack))
    answer = rest.call(verb, f"archives/{shown['id']}/", files={"file": ("b ж.log", b"other")},
                       data={"ticket": ticket["number"]})
    new = expect(answer, 200).json()
    assert (new["id"], new["name"], new["size"], new["sha256"], new["time_create"]) == \
        (shown["id"], "b_ж.log", 5, hashlib.sha256(b"other").hexdigest(), shown["time_create"])
    assert stack.download(new).content == b"other"
    assert stack.download(shown).status_code == 404
    assert len(set(directories(stack)) - held) == 1 and len(held - set(directories(stack))) == 1
    assert rest.get(f"tickets/{ticket['number']}/").json()["attempts"] == 9, "it costs no attempt"
    assert upload(stack, ticket, "a.log")["name"] == "a.log", "its old name is free"


def directories(stack):
    for shelf in filter(os.DirEntry.is_dir, os.scandir(os.path.join(stack.data_dir, "archives"))):
        yield from (entry.name for entry in os.scandir(shelf.path))


@pytest.mark.generous
def test_replacing_with_a_raw_body(stack, rest, ticket):
    shown = upload(stack, ticket)
    headers = {"Content-Type": "application/gzip", "Content-Disposition": 'attachment; filename="c.gz"'}
    new = expect(rest.call("PATCH", f"archives/{shown['id']}/", data=b"\x1f\x8b\0", headers=headers), 200).json()
    assert (new["name"], new["size"]) == ("c.gz", 3)
    del headers["Content-Disposition"]
    expect(rest.call("PATCH", f"archives/{shown['id']}/", data=b"x", headers=headers), 400,
           {"detail": "Missing filename. Request should include a Content-Disposition header with a filename "
                      "parameter."})


def test_put_needs_both(stack, rest, ticket):
    shown = upload(stack, ticket)
    path = f"archives/{shown['id']}/"
    expect(rest.put(path, {}), 400, {"file": ["No file was submitted."], "ticket": ["This field is required."]})
    expect(rest.put(path, {"file": "a.log", "ticket": 999999}), 400,
           {"file": [NOT_FILE], "ticket": ["Object with number=999999 does not exist."]})
    expect(rest.patch(path, {"file": None}), 400, {"file": ["This field may not be null."]})
    expect(rest.call("PATCH", path, files={"file": ("e.log", b"")}), 400, {"file": ["The submitted file is empty."]})
    expect(rest.patch(path, {"name": "x", "size": 1, "sha256": "0", "id": 7, "client": "y"}), 200, shown)
    expect(rest.patch(path, {}), 200, shown)


@pytest.mark.parametrize("size, status", [(8 << 20, 200), ((8 << 20) + 1, 413), (12 << 20, 413)])
def test_a_file_of_8_mib_and_no_more(stack, rest, ticket, size, status):
    shown = upload(stack, ticket)
    answer = rest.call("PATCH", f"archives/{shown['id']}/", files={"file": ("big.bin", os.urandom(1024) * (size >> 10) +
                                                                            b"x" * (size & 1023))})
    assert answer.status_code == status
    if status == 413:
        assert "POST /api/v1/archives/" in answer.json()["detail"]
        expect(rest.get(f"archives/{shown['id']}/"), 200, shown)
    else:
        assert answer.json()["size"] == size


def test_delete_takes_the_file(stack, rest, ticket):
    before = set(directories(stack))
    shown = upload(stack, ticket)
    expect(rest.delete(f"archives/{shown['id']}/"), 204)
    assert set(directories(stack)) == before
    assert stack.download(shown).status_code == 404
    expect(rest.get(f"archives/{shown['id']}/"), 404)
    expect(rest.delete(f"archives/{shown['id']}/"), 404)
    assert upload(stack, ticket)["name"] == "a.log", "its name is free again"


def test_an_upload_tried_again_is_noted(stack, rest, ticket):
    first = upload(stack, ticket, "a.log", b"same")
    other = upload(stack, ticket, "b.log", b"different")
    again = upload(stack, ticket, "a.log", b"same")
    elsewhere = upload(stack, stack.make_ticket(), "a.log", b"same")
    assert again["duplicate_of"] == first["id"]
    for archive in (first, other, elsewhere):
        assert "duplicate_of" not in archive
    expect(rest.delete(f"archives/{first['id']}/"), 204)
    assert "duplicate_of" not in rest.get(f"archives/{again['id']}/").json()


def data_of(stack, digest):
    for name in directories(stack):
        path = os.path.join(stack.data_dir, "archives", name[:2], name, "data")
        if os.path.exists(path) and sha256_of(path) == digest:
            return path
    raise AssertionError("no such file")


@pytest.mark.parametrize("size", [1, 5 << 20, 40 << 20])
def test_verify(stack, rest, ticket, size):
    content = os.urandom(min(size, 1 << 20)) * max(1, size >> 20)
    shown = upload(stack, ticket, "v.bin", content)
    digest = hashlib.sha256(content).hexdigest()

    def verify():
        answer = rest.session.post(f"{rest.url}/api/v1/archives/{shown['id']}/verify/", timeout=60)
        assert answer.headers["Content-Type"] == "application/json"
        return expect(answer, 200).json()

    assert verify() == {"ok": True, "sha256": digest, "expected": digest, "size": size}
    path = data_of(stack, digest)
    with open(path, "r+b") as f:
        f.seek(size // 2)
        byte = f.read(1)[0]
        f.seek(size // 2)
        f.write(bytes([byte ^ 1]))
    bad = verify()
    assert (bad["ok"], bad["expected"], bad["size"]) == (False, digest, size)
    assert bad["sha256"] != digest

    def download(method):
        return rest.session.request(method, rest.url + "/archives/download/" + shown["file"].split("/archives/download/")[1])

    assert expect(download("GET"), 200).content != content
    os.truncate(path, size - 1)
    assert (verify()["ok"], verify()["size"]) == (False, size - 1)
    assert expect(download("GET"), 410).json()["code"] == "archive_lost"
    os.unlink(path)
    assert verify() == {"ok": False, "sha256": None, "expected": digest, "size": 0}
    assert expect(download("GET"), 410).json()["code"] == "archive_lost"
    assert "Content-Disposition" not in expect(download("HEAD"), 410).headers
    assert stack.admin.metrics()["lc_admin_archives_lost_total"] >= 3
    elsewhere = os.path.join(stack.directory, f"elsewhere-{size}")
    os.rename(os.path.dirname(path), elsewhere)
    with open(os.path.join(elsewhere, "data"), "wb") as f:
        f.write(content)
    os.symlink(elsewhere, os.path.dirname(path))  # by whoever had it open in the spool
    assert expect(download("GET"), 410).json()["code"] == "archive_lost", "no link is followed"
    assert verify()["sha256"] is None
    os.unlink(os.path.dirname(path))
    os.mkdir(os.path.dirname(path))
    os.mkfifo(path)
    assert expect(download("GET"), 410).json()["code"] == "archive_lost", "nobody waits for a pipe"
    shutil.rmtree(os.path.dirname(path))


def test_verifications_leave_the_workers_to_others(stack, rest, ticket):
    """As many at once as there are workers, each of many pieces: other requests are answered in between."""
    content = os.urandom(1 << 20) * 200
    shown = upload(stack, ticket, "long.bin", content)
    done = []

    def verify():
        answer = requests.post(f"{rest.url}/api/v1/archives/{shown['id']}/verify/", timeout=120,
                               headers=dict(rest.session.headers))
        done.append(answer.json().get("ok", answer.json().get("code")))

    threads = [threading.Thread(target=verify) for _ in range(6)]
    for thread in threads:
        thread.start()
    answered = 0
    while any(thread.is_alive() for thread in threads):
        expect(rest.get("tickets/?limit=1"), 200)
        answered += 1
    for thread in threads:
        thread.join()
    assert answered > 1
    assert set(done) <= {True, "busy"} and True in done


def test_verify_nothing(rest):
    for name in ("999999", "x", "99999999999999999999"):
        expect(rest.post(f"archives/{name}/verify/"), 404, {"detail": "Not found."})


def test_uploads_under_way(stack, rest, ticket):
    path = f"tickets/{ticket['number']}/uploads/"
    expect(rest.get(path), 200, [])
    expect(rest.get("tickets/999999/uploads/"), 404)
    with Raw(stack.gateway.port) as raw:
        raw.send(f"PUT /u/{ticket['token']}/slow.log HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n")
        raw.send(b"x" * 100000)

        def seen():
            rows = expect(rest.get(path), 200).json()
            return rows if rows and rows[0]["bytes"] == 100000 else None

        (row,) = until(seen, what="the upload to be seen")
        assert list(row) == ["upload_id", "name", "client", "bytes", "length", "time_start", "age", "rate"]
        assert re.fullmatch(r"[0-9a-f]{32}", row["upload_id"])
        assert row["age"] is None or row["age"] < 60
        assert row["time_start"] is None or re.fullmatch(TIME, row["time_start"])
        raw.send(b"x" * 100000)
        assert raw.answer("PUT").status == 201
    expect(rest.get(path), 200, [])
    assert stack.archives(ticket)[0]["name"] == "slow.log"


def test_uploads_without_redis(stack, rest, ticket):
    stack.redis.kill9()
    answer = rest.session.get(f"{rest.url}/api/v1/tickets/{ticket['number']}/uploads/", timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (503, "redis_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    stack.redis.start()
    until(lambda: rest.session.get(f"{rest.url}/api/v1/tickets/{ticket['number']}/uploads/", timeout=30).json() == [],
          what="Redis to be used again")


def test_a_rotated_token_lets_uploads_in_flight_finish(stack, rest, ticket):
    with Raw(stack.gateway.port) as raw:
        raw.send(f"PUT /u/{ticket['token']}/inflight.log HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n0123456789")
        until(lambda: rest.get(f"tickets/{ticket['number']}/uploads/").json(), what="the upload to begin")
        expect(rest.post(f"tickets/{ticket['number']}/rotate-token/"), 200)
        expect(rest.patch(f"tickets/{ticket['number']}/", {"resolved": True}), 200)
        raw.send(b"0123456789")
        assert raw.answer("PUT").status == 201
    assert stack.archives(ticket)[0]["name"] == "inflight.log"
    assert requests.put(f"{stack.gateway.url}/u/{ticket['token']}/x", data=b"x", timeout=10).status_code == 403
