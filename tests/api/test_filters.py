"""Filters, search, ordering, pages of tickets; those of archives are in test_archives.py."""

import random
from urllib.parse import parse_qs, urlparse

import pytest

from lc.rest import expect

NUMBER = "Enter a number."
ALL = [1001, 1002, 1003, 1010, 1101, 20010, -7]
NEWEST = ALL[::-1]
NOTES = {1001: "Customer **Miller**, 50% done", 1002: "miller_2\nОшибка Straße Äpfel", 1003: "\\ 'quoted' 1010"}
CHOICE = "Select a valid choice. {} is not one of the available choices."


@pytest.fixture(scope="module", autouse=True)
def tickets(stack, rest):
    """In this order; 1002 and 1101 are resolved, of two platforms."""
    stack.make_platform("searched")
    stack.make_platform("vm6")
    stack.make_platform("dci6")
    made = [expect(rest.post("tickets/", {"number": n, "platform": "dci6" if n == 1003 else "vm6", "attempts": n % 4, "note": NOTES.get(n, ""),
                                          "resolved": n in (1002, 1101)}), 201).json() for n in ALL]
    return {t["number"]: t for t in made}


@pytest.mark.parametrize("query, numbers", [
    ("", NEWEST), ("?", NEWEST), ("unknown=1&x", NEWEST), ("page=7&format_=x", NEWEST), ("number=", NEWEST),
    ("number=1001", [1001]), ("number=1001,1003", [1003, 1001]), ("number=1001,%201003%20", [1003, 1001]),
    ("number=,1001,,", [1001]), ("number=1001.0", [1001]), ("number=1001.7", [1001]), ("number=1.001e3", [1001]),
    ("number=%2B1001", [1001]), ("number=-7", [-7]), ("number=-7.9", [-7]), ("number=01001", [1001]), ("number=5", []),
    ("number=,", []), ("number=1001&number=1002", [1002]), ("number=abc&number=1002", [1002]),
    ("number__in=1001,1002", [1002, 1001]), ("number__in=", NEWEST), ("number__in=7", []),
    ("number__contains=10", [20010, 1101, 1010, 1003, 1002, 1001]),
    ("number__contains=01", [20010, 1101, 1010, 1003, 1002, 1001]),
    ("number__contains=101", [1101, 1010]), ("number__contains=1.5", []),
    ("number__lte=1002", [-7, 1002, 1001]), ("number__gte=1101", [20010, 1101]), ("number__gte=1101.9", [20010, 1101]),
    ("number__lte=1002.9", [-7, 1002, 1001]), ("number__lte=1003&number__gte=1002", [1003, 1002]),
    ("number__gte=9223372036854775807", []), ("number__lte=-9223372036854775808", []),
    ("resolved=true", [1101, 1002]), ("resolved=True", [1101, 1002]), ("resolved=1", [1101, 1002]),
    ("resolved=TRUE", [1101, 1002]), ("resolved=false", [-7, 20010, 1010, 1003, 1001]),
    ("resolved=False", [-7, 20010, 1010, 1003, 1001]), ("resolved=0", [-7, 20010, 1010, 1003, 1001]),
    ("resolved=", NEWEST), ("resolved=maybe", NEWEST), ("resolved=yes", NEWEST),
    ("user=chief", NEWEST), ("user=%20chief%20", NEWEST), ("user=Chief", []), ("user=chie", []), ("user=", NEWEST),
    ("user=' OR 1=1 --", []), ("user=chief&resolved=1&number__gte=1100", [1101]),
    ("search=", NEWEST), ("search=101", [1101, 1010]), ("search=10,02", [1002]), ("search=10%2002", [1002]),
    ("search=10+02", [1002]), ("search=%2010%20,,02%09", [1002]), ("search=x", []), ("search=-", [-7]),
    ("search=%25", []), ("search=_", []), ("search=%5C", []), ("search='", []), ("search=1001&resolved=false", [1001]),
    ("note=", NEWEST), ("note=miller", [1002, 1001]), ("note=MILLER,done", [1001]), ("note=r_", [1002]),
    ("note=%25", [1001]), ("note=%5C", [1003]), ("note='", [1003]), ("note=%D0%9E%D1%88%D0%B8", [1002]),
    ("note=ОШИБ", [1002]), ("note=ошиб", [1002]), ("note=Äpfel", [1002]), ("note=äPFEL", [1002]), ("note=STRAß", [1002]), ("note=nobody", []),
    ("note=1010", [1003]), ("note=miller&resolved=0", [1001]), ("note=miller&search=02", [1002]), ("note=%20,", NEWEST),
    ("year=2000", []), ("year__gte=2000", NEWEST), ("year__lt=2000", []), ("year__lte=2000", []), ("year__gt=2000", NEWEST),
    ("month__gte=1", NEWEST), ("month__lte=12", NEWEST), ("month__gt=12", []), ("month__lt=1", []), ("month=13", []),
    ("year__gte=-5", NEWEST), ("year=99999999", []), ("year__lte=9223372036854775807", NEWEST),
])
@pytest.mark.generous
def test_filters(rest, query, numbers):
    assert rest.numbers(query) == numbers


def test_filters_by_id(rest, tickets):
    a, b, c = (tickets[n]["id"] for n in (1001, 1002, 1003))
    assert rest.numbers(f"id={a}") == [1001]
    assert rest.numbers(f"id__in={a},{c}") == [1003, 1001]
    assert rest.numbers(f"id__lte={b}") == [1002, 1001]
    assert rest.numbers(f"id__gte={b}&id__lte={c}") == [1003, 1002]


def test_this_year_and_month(rest, tickets):
    year, month = tickets[1001]["time_create"][:4], tickets[1001]["time_create"][5:7]
    assert rest.numbers(f"year={year}&month={month}") == NEWEST
    assert rest.numbers(f"year__lte={year}&year__gte={year}&month__lte={month}&month__gte={month}") == NEWEST
    assert rest.numbers(f"year__gt={year}") == rest.numbers(f"year__lt={year}") == rest.numbers(f"month__gt={month}") == []


@pytest.mark.parametrize("name", ["id", "id__in", "id__lte", "id__gte", "number", "number__in", "number__lte",
                                  "number__gte", "number__contains", "year", "month", "year__gte", "month__lte"])
@pytest.mark.parametrize("value", ["abc", "1x", "0x10", "--1", "1e", "NaN", "Infinity", "1%202", "%25", "%D1%84"])
def test_no_number(rest, name, value):
    expect(rest.get(f"tickets/?{name}={value}"), 400, {name: [NUMBER]})


@pytest.mark.parametrize("name", ["number", "number__in", "id__in"])
@pytest.mark.parametrize("value", ["%20", "1001,%20", "%09,1001"])
def test_blanks_are_no_number(rest, name, value):
    expect(rest.get(f"tickets/?{name}={value}"), 400, {name: [NUMBER]})
    expect(rest.get(f"tickets/?note=0&{name}={value}"), 400, {name: [NUMBER]})


@pytest.mark.parametrize("name", ["id", "id__in", "number", "number__gte", "number__contains", "year"])
@pytest.mark.parametrize("value, word, bound", [(2 ** 63, "less", 2 ** 63 - 1), (-2 ** 63 - 1, "greater", -2 ** 63),
                                                ("1e400", "less", 2 ** 63 - 1)])
def test_beyond_64_bits(rest, name, value, word, bound):
    message = f"Ensure this value is {word} than or equal to {bound}."
    expect(rest.get(f"tickets/?{name}={value}"), 400, {name: [message]})


@pytest.mark.generous
def test_search_finds_what_is_inside_of_numbers(rest):
    """As the digits have it, whatever became of the numbers: made, renamed, deleted, negative, as long as can be."""
    rng = random.Random(7)
    numbers = [rng.choice((rng.randint(-999, 99999), rng.randint(-2 ** 63, 2 ** 63 - 1))) for _ in range(40)] + \
        [2 ** 63 - 1, -2 ** 63, 7777777, 77, 0]
    for n in numbers:
        expect(rest.post("tickets/", {"number": n, "platform": "searched", "resolved": n % 2 == 0}), 201)
    for n in numbers[:8]:
        expect(rest.delete(f"tickets/{n}/"), 204)
    for n in numbers[8:16]:
        changed = n // 3 + 100000
        expect(rest.patch(f"tickets/{n}/", {"number": changed, "resolved": changed % 2 == 0}), 200)
    there = [n // 3 + 100000 for n in numbers[8:16]] + numbers[16:]
    pieces = {str(n)[at:at + length] for n in numbers for at in range(len(str(n)))
              for length in (1, 2, 3, 4, 7, 20) if at + length <= len(str(n))} | {"777", "7777777777", "-", "--1", "12-", "1a2"}
    for piece in sorted(pieces):
        found = [n for n in there if piece in str(n)]
        assert sorted(rest.numbers(f"search={piece}&platform=searched")) == sorted(found), piece
        page = expect(rest.get(f"tickets/?limit=1000&resolved=1&platform=searched&search={piece}"), 200).json()
        assert sorted(t["number"] for t in page["results"]) == sorted(n for n in found if n % 2 == 0), piece
        assert page["count"] == len(page["results"])
    for n in there:
        expect(rest.delete(f"tickets/{n}/"), 204)


def test_all_wrong_filters_at_once(rest):
    expect(rest.get("tickets/?id=x&number=1,y,z&number__gte=q&resolved=1&user=u"), 400,
           {"id": [NUMBER], "number": [NUMBER], "number__gte": [NUMBER]})


@pytest.mark.parametrize("ordering, numbers", [
    ("number", sorted(ALL)), ("-number", sorted(ALL, reverse=True)), ("id", ALL), ("-id", NEWEST), ("time_create", ALL),
    ("-time_create", NEWEST), ("resolved,number", [-7, 1001, 1003, 1010, 20010, 1002, 1101]),
    ("platform,-number", [1003, 20010, 1101, 1010, 1002, 1001, -7]), ("", NEWEST), (" number ", sorted(ALL)),
    ("-resolved, number", [1002, 1101, -7, 1001, 1003, 1010, 20010])])
@pytest.mark.generous
def test_ordering(rest, ordering, numbers):
    assert rest.numbers(f"ordering={ordering}") == numbers
    answer = expect(rest.get(f"tickets/?ordering={ordering}&limit=3&offset=1"), 200)
    assert [t["number"] for t in answer.json()["results"]] == numbers[1:4]


@pytest.mark.parametrize("ordering", ["nothing", "token", "-note", "number;DROP TABLE tickets", "t.number", "number desc",
                                      "--number", "1", "id,,nothing"])
def test_unknown_ordering(rest, ordering):
    body = expect(rest.get("tickets/", params={"ordering": ordering}), 400).json()
    assert set(body) == {"ordering"} and "is not one of the available choices" in body["ordering"][0]


def test_too_many_orderings(rest):
    expect(rest.get("tickets/?ordering=id,number,resolved,attempts,platform"), 400,
           {"ordering": ["Give the names of at most 4 fields, separated by commas."]})


@pytest.mark.parametrize("query, count, numbers, next_, previous", [
    ("limit=3", 7, NEWEST[:3], {"limit": "3", "offset": "3"}, None),
    ("limit=3&offset=3", 7, NEWEST[3:6], {"limit": "3", "offset": "6"}, {"limit": "3"}),
    ("limit=3&offset=6", 7, NEWEST[6:], None, {"limit": "3", "offset": "3"}),
    ("limit=3&offset=1", 7, NEWEST[1:4], {"limit": "3", "offset": "4"}, {"limit": "3"}),
    ("limit=7", 7, NEWEST, None, None), ("limit=1000", 7, NEWEST, None, None),
    ("limit=2&offset=100", 7, [], None, {"limit": "2", "offset": "98"}),
    ("limit=1&resolved=1", 2, [1101], {"limit": "1", "offset": "1", "resolved": "1"}, None),
    ("limit=1&search=10+01&ordering=number&offset=1", 4, [1010],
     {"limit": "1", "offset": "2", "search": "10 01", "ordering": "number"},
     {"limit": "1", "search": "10 01", "ordering": "number"}),
    ("limit=5&number=4,%205", 0, [], None, None), ("limit=", None, NEWEST, None, None)])
@pytest.mark.generous
def test_pages(stack, rest, query, count, numbers, next_, previous):
    body = expect(rest.get(f"tickets/?{query}"), 200).json()
    if count is None:
        assert [t["number"] for t in body] == numbers
        return
    assert list(body) == ["count", "next", "previous", "results"]
    assert (body["count"], [t["number"] for t in body["results"]]) == (count, numbers)
    for url, wanted in ((body["next"], next_), (body["previous"], previous)):
        if wanted is None:
            assert url is None
            continue
        assert url.startswith(stack.admin.url + "/api/v1/tickets/?")
        assert {k: v[0] for k, v in parse_qs(urlparse(url).query).items()} == wanted
        assert rest.get(url.removeprefix(stack.admin.url)).status_code == 200


@pytest.mark.parametrize("query, field, message", [
    ("limit=x", "limit", "A valid integer is required."), ("limit=1.5", "limit", "A valid integer is required."),
    ("limit=0", "limit", "Ensure this value is greater than or equal to 1."),
    ("limit=-1", "limit", "Ensure this value is greater than or equal to 1."),
    ("limit=1001", "limit", "Ensure this value is less than or equal to 1000."),
    ("limit=99999999999999999999", "limit", "Ensure this value is less than or equal to 1000."),
    ("limit=1&offset=-1", "offset", "Ensure this value is greater than or equal to 0."),
    ("limit=1&offset=y", "offset", "A valid integer is required."),
    ("limit=1&offset=1e3", "offset", "A valid integer is required."),
    ("limit=1&offset=99999999999999999999", "offset", "Ensure this value is less than or equal to 1000000000."),
    ("offset=5", "offset", "Give a limit with the offset.")])
def test_absurd_pages(rest, query, field, message):
    expect(rest.get(f"tickets/?{query}"), 400, {field: [message]})


@pytest.mark.parametrize("query", ["limit=2", "limit=2&ordering=number", "limit=3&ordering=-resolved"])
def test_following_next_gives_the_whole_list(stack, rest, query):
    url, seen = f"/api/v1/tickets/?{query}", []
    while url:
        body = expect(rest.get(url), 200).json()
        seen += [t["number"] for t in body["results"]]
        url = body["next"] and body["next"].removeprefix(stack.admin.url)
    assert seen == rest.numbers(query.partition("&")[2])


@pytest.mark.generous
def test_lists_longer_than_one_batch(stack, rest):
    """Half a megabyte: it comes in batches, each behind the last row of the one before, whatever sorts them; tickets that
    never expire do so last."""
    stack.make_platform("long")
    end = {n: None if n % 3 else f"2040-01-{1 + n % 4:02}T00:00:00Z" for n in range(30000, 30210)}
    for n, until in end.items():
        expect(rest.post("tickets/", {"number": n, "platform": "long", "note": "x" * 2600, "expires_at": until}), 201)
    by_end = sorted(end, key=lambda n: (end[n] or "9", n))
    for ordering, numbers in (("number", list(end)), ("-time_create", list(end)[::-1]), ("expires_at,number", by_end),
                              ("-expires_at,-number", by_end[::-1]), ("platform,-number", list(end)[::-1])):
        query = f"platform=long&ordering={ordering}"
        whole = expect(rest.get(f"tickets/?{query}"), 200)
        page = expect(rest.get(f"tickets/?{query}&limit=190&offset=5"), 200)
        assert [t["number"] for t in whole.json()] == numbers, ordering
        assert page.json()["results"] == whole.json()[5:195] and page.json()["count"] == 210
        assert page.json()["next"].endswith("&ordering=" + ordering) and "offset=195" in page.json()["next"]
        assert "ETag" not in whole.headers and "ETag" not in page.headers
    assert "ETag" in expect(rest.get("tickets/?platform=long&limit=90"), 200).headers
    for n in end:
        expect(rest.delete(f"tickets/{n}/"), 204)


@pytest.mark.parametrize("query, what", [("search=" + ",".join("1" * 21), "search"), ("search=" + "1" * 201, "search"),
                                         ("number=" + ",".join(["1"] * 501), "number"),
                                         ("ordering=" + "a" * 300, "ordering")])
def test_more_than_anybody_needs(rest, query, what):
    assert list(expect(rest.get(f"tickets/?{query}"), 400).json()) == [what]


def test_as_many_as_are_allowed(rest):
    assert rest.numbers("number=" + ",".join(str(n) for n in range(1000, 1500))) == [1101, 1010, 1003, 1002, 1001]
    assert rest.numbers("search=" + ",".join("1" * 20)) == [20010, 1101, 1010, 1003, 1002, 1001]
