"""Tickets: fields, messages, defaults, renaming, deletion, rotation of the token, what the gateway hears of it."""

import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from lc.rest import TIME, expect
from lc.wait import until

REQUIRED, NULL, INTEGER = "This field is required.", "This field may not be null.", "A valid integer is required."
BOOLEAN, TAKEN = "Must be a valid boolean.", "ticket with this number already exists."
MOST, LEAST = ("Ensure this value is less than or equal to {}.", "Ensure this value is greater than or equal to {}.")
BIG = 9223372036854775807
WHEN = ("Datetime has wrong format. Use one of these formats instead: "
        "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].")
GATEWAY_ENV = {"FAILED_TOKENS": "0"}  # old tokens are tried until they end
FIELDS = ["id", "number", "resolved", "token", "attempts", "platform", "time_create", "time_update", "user", "note",
          "expires_at", "max_bytes", "archive_count", "archive_bytes", "last_archive"]


@pytest.fixture(scope="module", autouse=True)
def platform(stack):
    stack.make_platform("vm6")
    stack.make_platform("dci6")


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 400 + ".5", "1" + "0" * 400 + "e1"])
def test_numbers_beyond_all_numbers(rest, number):
    """The field they are for says what is wrong with them, and all other numbers of the body stay exact."""
    body = f'{{"note":"1e400 \\" 1e400","number":{number},"platform":"vm6","resolved":{BIG},"attempts":[{number}]}}'
    answer = rest.call("POST", "tickets/", data=body, headers={"Content-Type": "application/json"})
    expect(answer, 400, {"number": [INTEGER], "resolved": [BOOLEAN], "attempts": [INTEGER]})


def test_beside_an_ignored_large_number_all_are_exact(rest):
    body = f'{{"unknown":[{{"deep":{10 ** 30}}}],"number":{BIG - 1},"platform":"vm6","note":"{10 ** 30}"}}'
    made = expect(rest.call("POST", "tickets/", data=body, headers={"Content-Type": "application/json"}), 201).json()
    assert (made["number"], made["note"]) == (BIG - 1, str(10 ** 30))
    expect(rest.delete(f"tickets/{BIG - 1}/"), 204)


@pytest.mark.parametrize("number", ["1e400", "10" * 300])
def test_a_large_number_is_no_key(rest, number):
    answer = rest.call("POST", "tickets/", data=f'{{{number}:1}}', headers={"Content-Type": "application/json"})
    assert expect(answer, 400).json()["detail"].startswith("JSON parse error - ")


@pytest.mark.generous
@pytest.mark.parametrize("field, message", [("expires_at", WHEN), ("max_bytes", INTEGER), ("attempts", INTEGER),
                                            ("resolved", BOOLEAN), ("number", INTEGER)])
def test_an_empty_text_is_no_null(rest, field, message):
    """In JSON; in a form it is how null, or nothing, is said."""
    body = {"number": 2999, "platform": "vm6", field: ""}
    expect(rest.post("tickets/", body), 400, {field: [message]})
    if field != "number":
        made = expect(rest.call("POST", "tickets/", files={k: (None, str(v)) for k, v in body.items()}), 201).json()
        assert made[field] == {"expires_at": None, "max_bytes": None, "attempts": 5, "resolved": False}[field]
        expect(rest.delete("tickets/2999/"), 204)


def missing(name):
    return f"Object with name={name} does not exist."


def test_create_with_defaults(rest):
    before = time.time()
    made = expect(rest.post("tickets/", {"number": 2001, "platform": "vm6"}), 201).json()
    assert list(made) == FIELDS
    assert (made["number"], made["resolved"], made["attempts"], made["platform"], made["user"], made["note"],
            made["max_bytes"]) == (2001, False, 5, "vm6", "chief", "", None)
    assert str(uuid.UUID(made["token"])) == made["token"]
    for field in ("time_create", "time_update", "expires_at"):
        assert re.fullmatch(TIME, made[field]), made[field]
    lifetime = time.mktime(time.strptime(made["expires_at"], "%Y-%m-%dT%H:%M:%S.%fZ")) - time.timezone - before
    assert abs(lifetime - 30 * 86400) < 3700
    expect(rest.get("tickets/2001/"), 200, made)
    assert rest.get("tickets/").json()[0] == made, "the newest first"


@pytest.mark.parametrize("body, errors", [
    ({}, {"number": [REQUIRED], "platform": [REQUIRED]}),
    ({"number": 1}, {"platform": [REQUIRED]}),
    ({"number": None, "platform": None, "resolved": None, "attempts": None},
     {"number": [NULL], "platform": [NULL], "resolved": [NULL], "attempts": [NULL]}),
    ({"number": "abc", "platform": "zzz"}, {"number": [INTEGER], "platform": [missing("zzz")]}),
    ({"number": "", "platform": ""}, {"number": [INTEGER], "platform": [NULL]}),
    ({"number": 1.5, "platform": "vm6"}, {"number": [INTEGER]}),
    ({"number": "1.5", "platform": "vm6"}, {"number": [INTEGER]}),
    ({"number": True, "platform": "vm6"}, {"number": [INTEGER]}),
    ({"number": [1], "platform": "vm6"}, {"number": [INTEGER]}),
    ({"number": {}, "platform": "vm6"}, {"number": [INTEGER]}),
    ({"number": "1\0", "platform": "vm6"}, {"number": [INTEGER]}),
    ({"number": "1" * 1001, "platform": "vm6"}, {"number": ["String value too large."]}),
    ({"number": BIG + 1, "platform": "vm6"}, {"number": [MOST.format(BIG)]}),
    ({"number": -BIG - 2, "platform": "vm6"}, {"number": [LEAST.format(-BIG - 1)]}),
    ({"number": 10 ** 30, "platform": "vm6"}, {"number": [MOST.format(BIG)]}),
    ({"number": str(10 ** 30), "platform": "vm6"}, {"number": [MOST.format(BIG)]}),
    ({"number": 10 ** 401, "platform": "vm6"}, {"number": [MOST.format(BIG)]}),
    ({"number": -10 ** 401, "platform": "vm6", "attempts": 10 ** 401}, {"number": [LEAST.format(-BIG - 1)], "attempts": [MOST.format(10)]}),
    ({"number": 1e16, "platform": "vm6"}, {"number": [INTEGER]}),
    ({"number": 10 ** 30, "platform": "vm6", "max_bytes": BIG + 1, "note": 1}, {"number": [MOST.format(BIG)], "max_bytes": [MOST.format(BIG)]}),
    ({"number": 1, "platform": "VM6"}, {"platform": [missing("VM6")]}),
    ({"number": 1, "platform": " vm6"}, {"platform": [missing(" vm6")]}),
    ({"number": 1, "platform": 6}, {"platform": [missing("6")]}),
    ({"number": 1, "platform": ["vm6"]}, {"platform": ["Invalid value."]}),
    ({"number": 1, "platform": "x' OR '1'='1"}, {"platform": [missing("x' OR '1'='1")]}),
    ({"number": 1, "platform": "vm6", "attempts": 11}, {"attempts": [MOST.format(10)]}),
    ({"number": 1, "platform": "vm6", "attempts": -1}, {"attempts": [LEAST.format(0)]}),
    ({"number": 1, "platform": "vm6", "attempts": "x"}, {"attempts": [INTEGER]}),
    ({"number": 1, "platform": "vm6", "attempts": BIG + 1}, {"attempts": [MOST.format(10)]}),
    ({"number": 1, "platform": "vm6", "resolved": "maybe"}, {"resolved": [BOOLEAN]}),
    ({"number": 1, "platform": "vm6", "resolved": 2}, {"resolved": [BOOLEAN]}),
    ({"number": 1, "platform": "vm6", "resolved": ""}, {"resolved": [BOOLEAN]}),
    ({"number": 1, "platform": "vm6", "resolved": []}, {"resolved": [BOOLEAN]}),
    ({"number": 1, "platform": "vm6", "note": None}, {"note": [NULL]}),
    ({"number": 1, "platform": "vm6", "note": "x" * 10001},
     {"note": ["Ensure this field has no more than 10000 characters."]}),
    ({"number": 1, "platform": "vm6", "expires_at": "soon"}, {"expires_at": [WHEN]}),
    ({"number": 1, "platform": "vm6", "expires_at": 5}, {"expires_at": [WHEN]}),
    ({"number": 1, "platform": "vm6", "expires_at": "2026-02-30T00:00:00Z"}, {"expires_at": [WHEN]}),
    ({"number": 1, "platform": "vm6", "max_bytes": 0}, {"max_bytes": [LEAST.format(1)]}),
    ({"number": 7000, "platform": "zzz", "attempts": 99, "resolved": "x"},
     {"number": [TAKEN], "resolved": [BOOLEAN], "attempts": [MOST.format(10)], "platform": [missing("zzz")]}),
])
def test_wrong_fields(rest, body, errors):
    rest.post("tickets/", {"number": 7000, "platform": "vm6"})
    expect(rest.post("tickets/", body), 400, errors)
    expect(rest.get("tickets/1/"), 404)


@pytest.mark.generous
@pytest.mark.parametrize("number, kept", [(2003, 2003), ("2004", 2004), (2005.0, 2005), (" 2006 ", 2006), ("2007.00", 2007),
                                          (0, 0), (-5, -5), (BIG, BIG), (-BIG - 1, -BIG - 1), (str(BIG), BIG),
                                          ("+2008", 2008), ("-0", 0)])
def test_numbers(rest, number, kept):
    made = expect(rest.post("tickets/", {"number": number, "platform": "vm6"}), 201).json()
    assert made["number"] == kept
    expect(rest.get(f"tickets/{kept}/"), 200, made)
    assert rest.numbers(f"number={kept}") == [kept]
    expect(rest.delete(f"tickets/{kept}/"), 204)


@pytest.mark.generous
@pytest.mark.parametrize("value, kept", [(v, True) for v in (True, 1, 1.0, "true", "True", "TRUE", "t", "T", "1", "yes",
                                                             "Yes", "y", "on", "ON")] +
                         [(v, False) for v in (False, 0, 0.0, "false", "False", "f", "0", "no", "n", "off")])
def test_booleans(rest, value, kept):
    expect(rest.patch("tickets/2001/", {"resolved": not kept}), 200)
    assert expect(rest.patch("tickets/2001/", {"resolved": value}), 200).json()["resolved"] is kept


@pytest.mark.parametrize("field, value", [("id", 5), ("token", str(uuid.uuid4())), ("user", "nobody"), ("user", None),
                                          ("time_create", "2000-01-01T00:00:00Z"), ("time_update", 1), ("nothing", [])])
@pytest.mark.parametrize("verb", ["post", "patch"])
def test_read_only_fields_are_ignored(rest, field, value, verb):
    body = {"number": 2100, "platform": "vm6", field: value}
    if verb == "patch":
        before = expect(rest.post("tickets/", {"number": 2100, "platform": "vm6"}), 201).json()
        after = expect(rest.patch("tickets/2100/", body), 200).json()
        assert {**after, "time_update": 0} == {**before, "time_update": 0}
    else:
        assert expect(rest.post("tickets/", body), 201).json().get(field) != value
    expect(rest.delete("tickets/2100/"), 204)


def test_put_needs_the_required_ones_and_keeps_the_rest(rest):
    made = expect(rest.post("tickets/", {"number": 2200, "platform": "vm6", "attempts": 2, "resolved": True,
                                         "note": "n"}), 201).json()
    expect(rest.put("tickets/2200/", {"attempts": 3}), 400, {"number": [REQUIRED], "platform": [REQUIRED]})
    put = expect(rest.put("tickets/2200/", {"number": 2200, "platform": "dci6"}), 200).json()
    assert put == {**made, "platform": "dci6", "time_update": put["time_update"]}
    assert put["time_update"] > made["time_update"]
    patched = expect(rest.patch("tickets/2200/", {"attempts": 9}), 200).json()
    assert patched == {**put, "attempts": 9, "time_update": patched["time_update"]}
    empty = expect(rest.patch("tickets/2200/", {}), 200).json()
    assert empty == {**patched, "time_update": empty["time_update"]}


@pytest.mark.generous
def test_multipart_is_as_good_as_json(rest):
    form = {"number": (None, "2210"), "platform": (None, "vm6"), "attempts": (None, ""), "resolved": (None, ""),
            "expires_at": (None, ""), "note": (None, "первая\nстрока")}
    made = expect(rest.call("POST", "tickets/", files=form), 201).json()
    assert (made["number"], made["attempts"], made["resolved"], made["expires_at"], made["note"]) == \
        (2210, 5, False, None, "первая\nстрока")
    twice = [("attempts", (None, "1")), ("attempts", (None, "7"))]
    assert expect(rest.call("PATCH", "tickets/2210/", files=twice), 200).json()["attempts"] == 7
    expect(rest.call("PUT", "tickets/2210/", files={"number": (None, "")}), 400,
           {"number": [INTEGER], "platform": [REQUIRED]})


def test_renaming_moves_the_path(rest):
    made = expect(rest.post("tickets/", {"number": 2300, "platform": "vm6"}), 201).json()
    renamed = expect(rest.patch("tickets/2300/", {"number": 2301}), 200).json()
    assert renamed == {**made, "number": 2301, "time_update": renamed["time_update"]}
    expect(rest.get("tickets/2300/"), 404)
    expect(rest.get("tickets/2301/"), 200, renamed)
    expect(rest.post("tickets/", {"number": 2300, "platform": "vm6"}), 201)
    expect(rest.patch("tickets/2301/", {"number": 2300}), 400, {"number": [TAKEN]})
    expect(rest.patch("tickets/2301/", {"number": 2301}), 200)


@pytest.mark.generous
@pytest.mark.parametrize("given, shown", [
    ("2030-01-02T03:04:05.678901Z", "2030-01-02T03:04:05.678901Z"), ("2030-01-02T03:04Z", "2030-01-02T03:04:00.000000Z"),
    ("2030-01-02T03:04:05+02:00", "2030-01-02T01:04:05.000000Z"), ("2030-01-02 03:04:05", "2030-01-02T03:04:05.000000Z"),
    ("2030-01-02", "2030-01-02T00:00:00.000000Z"), (None, None)])
def test_expiry(rest, given, shown):
    assert expect(rest.patch("tickets/2001/", {"expires_at": given}), 200).json()["expires_at"] == shown
    assert rest.get("tickets/2001/").json()["expires_at"] == shown


@pytest.mark.parametrize("note", ["", "a", "  trimmed  ", "x" * 10000, "Ж" * 10000, "<script>alert(1)</script>",
                                  "'; DROP TABLE tickets; --", "\u202e\U0001f600\n\t", "\\\"/\b\f"])
def test_notes(rest, note):
    assert expect(rest.patch("tickets/2001/", {"note": note}), 200).json()["note"] == note.strip(" \t\n\r\f\v")


def upload(stack, token, name="a.log", data=b"content"):
    return requests.post(stack.gateway.url + "/api/v1/archives/", headers={"Upload-Token": token},
                         files={"file": (name, data)}, timeout=30)


def test_deleting_takes_the_archives_along(stack, rest):
    ticket = stack.make_ticket(platform="vm6")
    assert upload(stack, ticket["token"]).status_code == 201
    (archive,) = stack.archives(ticket)
    expect(rest.delete(f"tickets/{ticket['number']}/"), 204)
    expect(rest.get(f"archives/{archive['id']}/"), 404)
    assert stack.download(archive).status_code == 404
    assert upload(stack, ticket["token"]).status_code == 403


def test_resolve_and_reopen_count_at_the_gateway_at_once(stack, rest):
    ticket = stack.make_ticket(platform="vm6")
    for resolved, status in ((True, 423), (False, 201), (True, 423)):
        expect(rest.patch(f"tickets/{ticket['number']}/", {"resolved": resolved}), 200)
        assert upload(stack, ticket["token"], f"{resolved}.log").status_code == status


@pytest.mark.generous
@pytest.mark.parametrize("field, value, status", [("attempts", 0, 423), ("attempts", 1, 201), ("max_bytes", 3, 413),
                                                  ("max_bytes", None, 201), ("expires_at", "2000-01-01", 423),
                                                  ("expires_at", None, 201)])
def test_limits_count_at_the_gateway_at_once(stack, rest, field, value, status):
    ticket = stack.make_ticket(platform="vm6")
    expect(rest.patch(f"tickets/{ticket['number']}/", {field: value}), 200)
    assert upload(stack, ticket["token"]).status_code == status


def test_a_renamed_ticket_takes_uploads_under_its_new_number(stack, rest):
    ticket = stack.make_ticket(platform="vm6")
    assert upload(stack, ticket["token"], "first.log").json()["ticket"] == ticket["number"]
    expect(rest.patch(f"tickets/{ticket['number']}/", {"number": 880088}), 200)
    assert upload(stack, ticket["token"], "second.log").json()["ticket"] == 880088
    archives = stack.archives({"number": 880088})
    assert [(a["ticket"], a["name"]) for a in archives] == [(880088, "second.log"), (880088, "first.log")]
    assert all(stack.download(a).content == b"content" for a in archives)


def test_the_smaller_size_limit_counts(stack, rest):
    expect(rest.post("platforms/", {"name": "narrow", "pretty_name": "N", "max_bytes": 5}), 201)
    ticket = stack.make_ticket(platform="narrow", max_bytes=1000)
    assert upload(stack, ticket["token"]).status_code == 413
    expect(rest.patch("platforms/narrow/", {"max_bytes": 100}), 200)
    until(lambda: upload(stack, ticket["token"]).status_code == 201, what="the platform's new limit at the gateway")
    expect(rest.patch(f"tickets/{ticket['number']}/", {"max_bytes": 5}), 200)
    assert upload(stack, ticket["token"]).status_code == 413


def test_rotation_ends_the_old_token_at_once(stack, rest):
    ticket = stack.make_ticket(platform="vm6")
    path = f"tickets/{ticket['number']}/"
    rotated = expect(rest.post(path + "rotate-token/"), 200).json()
    stack.gateway.secrets.add(rotated["token"])
    stack.admin.secrets.add(rotated["token"])
    assert rotated == {**ticket, "token": rotated["token"], "time_update": rotated["time_update"]}
    assert rotated["token"] != ticket["token"]
    expect(rest.get(path), 200, rotated)
    expect(rest.get(f"check/token/{ticket['token']}"), 404)
    expect(rest.get(f"check/token/{rotated['token']}"), 200)
    assert upload(stack, ticket["token"]).status_code == 403
    assert upload(stack, rotated["token"]).status_code == 201
    expect(rest.post("tickets/999999/rotate-token/"), 404, {"detail": "Not found."})


def test_rotation_and_redis_away(stack, rest):
    """Nothing is lost: the gateway hears of it when Redis is back."""
    ticket = stack.make_ticket(platform="vm6")
    stack.redis.kill9()
    rotated = expect(rest.post(f"tickets/{ticket['number']}/rotate-token/"), 200).json()
    stack.redis.start()
    stack.wait_known(rotated)
    until(lambda: upload(stack, ticket["token"]).status_code == 403, 20, "the old token to end")
    assert upload(stack, rotated["token"]).status_code == 201


def test_rotation_honours_if_match(stack, rest):
    ticket = stack.make_ticket(platform="vm6")
    path = f"tickets/{ticket['number']}/"
    answer = rest.post(path + "rotate-token/", headers={"If-Match": '"0"'})
    assert answer.status_code == 412
    expect(rest.get(path), 200, ticket)


def test_a_ticket_tells_what_has_arrived(stack, rest):
    ticket = stack.make_ticket(platform="vm6")
    assert (ticket["archive_count"], ticket["archive_bytes"], ticket["last_archive"]) == (0, 0, None)
    assert upload(stack, ticket["token"], "a.log").status_code == upload(stack, ticket["token"], "b.log").status_code == 201
    shown = expect(rest.get(f"tickets/{ticket['number']}/"), 200).json()
    archives = stack.archives(ticket)
    assert (shown["archive_count"], shown["archive_bytes"]) == (2, sum(a["size"] for a in archives))
    assert shown["last_archive"] == max(a["time_create"] for a in archives)
    other = stack.make_ticket(platform="vm6")
    newest, oldest = sorted(archives, key=lambda a: a["time_create"], reverse=True)
    expect(rest.patch(f"archives/{newest['id']}/", {"ticket": other["number"]}), 200)
    for number, archive in ((ticket["number"], oldest), (other["number"], newest)):
        shown = expect(rest.get(f"tickets/{number}/"), 200).json()
        told = (shown["archive_count"], shown["archive_bytes"], shown["last_archive"])
        assert told == (1, archive["size"], archive["time_create"])
        expect(rest.delete(f"archives/{archive['id']}/"), 204)
        shown = expect(rest.get(f"tickets/{number}/"), 200).json()
        assert (shown["archive_count"], shown["archive_bytes"], shown["last_archive"]) == (0, 0, None)


def test_counts_of_tickets_made_and_deleted_at_once(stack, rest):
    stack.make_platform("vm6")

    def work(first):
        session = requests.Session()
        session.headers.update(rest.session.headers)
        for number in range(first, first + 6):
            expect(rest.post("tickets/", {"number": number, "platform": "vm6"}, session=session), 201)
            if number % 3 == 0:
                expect(rest.delete(f"tickets/{number}/", session=session), 204)

    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(work, range(550000, 558000, 1000)))
    for piece in ("5", "55", "50", "550", "99"):
        page = expect(rest.get(f"tickets/?limit=1&search={piece}"), 200).json()
        assert page["count"] == len(rest.numbers(f"search={piece}")), piece


def test_tickets_of_a_platform(stack, rest):
    ticket = stack.make_ticket(platform="dci6")
    numbers = [t["number"] for t in expect(rest.get("tickets/?platform=dci6"), 200).json()]
    assert ticket["number"] in numbers and stack.make_ticket(platform="vm6")["number"] not in numbers
    assert expect(rest.get("tickets/?platform=nothing"), 200).json() == []


def test_where_customers_upload(stack, rest):
    expect(rest.get("check/site/"), 200, {"upload_url": stack.gateway.url})


def test_a_box_not_ticked_is_false_in_a_whole_form_only(rest):
    number = expect(rest.post("tickets/", {"number": 2290, "platform": "vm6", "resolved": True}), 201).json()["number"]
    path, whole = f"tickets/{number}/", {"number": (None, str(number)), "platform": (None, "vm6")}
    assert expect(rest.call("PATCH", path, files={"attempts": (None, "1")}), 200).json()["resolved"] is True
    assert expect(rest.put(path, {"number": number, "platform": "vm6"}), 200).json()["resolved"] is True
    assert expect(rest.call("PUT", path, files=whole), 200).json()["resolved"] is False


@pytest.mark.parametrize("value, word", [(True, "True"), (False, "False"), ([], "[]"), ({}, "{}")])
def test_platforms_that_are_no_names(rest, value, word):
    expect(rest.post("tickets/", {"number": 2291, "platform": value}), 400,
           {"platform": [f"Object with name={word} does not exist."]})
