"""Platforms: fields, messages, methods, deletion and renaming with all that hangs on them."""

import pytest

from lc.rest import expect

REQUIRED, BLANK, NULL = "This field is required.", "This field may not be blank.", "This field may not be null."
STRING, LONG = "Not a valid string.", "Ensure this field has no more than 20 characters."
NUL = "Null characters are not allowed."
SLUG = 'Enter a valid "slug" consisting of letters, numbers, underscores or hyphens.'
TAKEN = "platform with this name already exists."


def test_create_read_list_delete(rest):
    made = expect(rest.post("platforms/", {"name": "vm6", "pretty_name": "VMmanager 6"}), 201).json()
    assert list(made) == ["id", "name", "pretty_name"]
    assert made == {"id": made["id"], "name": "vm6", "pretty_name": "VMmanager 6"}
    other = expect(rest.post("platforms/", {"name": "a-first", "pretty_name": "Ж"}), 201).json()
    expect(rest.get("platforms/vm6/"), 200, made)
    listed = expect(rest.get("platforms/"), 200).json()
    assert listed[-2:] == [made, other], "by id, not by name"
    answer = expect(rest.delete("platforms/a-first/"), 204)
    assert answer.content == b""
    expect(rest.get("platforms/a-first/"), 404)
    expect(rest.delete("platforms/a-first/"), 404, {"detail": "Not found."})


@pytest.mark.parametrize("body, errors", [
    ({}, {"name": [REQUIRED], "pretty_name": [REQUIRED]}),
    ({"name": "x"}, {"pretty_name": [REQUIRED]}),
    ({"name": "", "pretty_name": ""}, {"name": [BLANK], "pretty_name": [BLANK]}),
    ({"name": "  ", "pretty_name": " \t\n"}, {"name": [BLANK], "pretty_name": [BLANK]}),
    ({"name": None, "pretty_name": None}, {"name": [NULL], "pretty_name": [NULL]}),
    ({"name": [], "pretty_name": {}}, {"name": [STRING], "pretty_name": [STRING]}),
    ({"name": True, "pretty_name": False}, {"name": [STRING], "pretty_name": [STRING]}),
    ({"name": "x" * 21, "pretty_name": "Ж" * 21}, {"name": [LONG], "pretty_name": [LONG]}),
    ({"name": "a b", "pretty_name": "a b"}, {"name": [SLUG]}),
    ({"name": "a/b", "pretty_name": "x"}, {"name": [SLUG]}),
    ({"name": "Ж", "pretty_name": "x"}, {"name": [SLUG]}),
    ({"name": "taken", "pretty_name": ""}, {"name": [TAKEN], "pretty_name": [BLANK]}),
    ({"name": " taken ", "pretty_name": "x"}, {"name": [TAKEN]}),
    ({"name": "a\0b", "pretty_name": "\0"}, {"name": [NUL], "pretty_name": [NUL]}),
    ({"name": "x", "pretty_name": "x", "max_bytes": 0},
     {"max_bytes": ["Ensure this value is greater than or equal to 1."]}),
    ({"name": "x", "pretty_name": "x", "max_bytes": "many"}, {"max_bytes": ["A valid integer is required."]}),
])
def test_wrong_fields(rest, body, errors):
    rest.post("platforms/", {"name": "taken", "pretty_name": "Taken"})
    expect(rest.post("platforms/", body), 400, errors)


@pytest.mark.generous
@pytest.mark.parametrize("given, kept", [
    ({"name": "x" * 20, "pretty_name": "Ж" * 20}, None), ({"name": " trim ", "pretty_name": "\ttrim\n"}, ("trim", "trim")),
    ({"name": 123, "pretty_name": 1.5}, ("123", "1.5")), ({"name": "A_b-9", "pretty_name": '<"&\'>;--'}, None),
    ({"name": "more", "pretty_name": "x", "id": 999999, "unknown": [1, {"a": None}]}, ("more", "x"))])
def test_right_fields(rest, given, kept):
    made = expect(rest.post("platforms/", given), 201).json()
    assert (made["name"], made["pretty_name"]) == (kept or (given["name"], given["pretty_name"]))
    assert made["id"] != 999999
    expect(rest.delete(f"platforms/{made['name']}/"), 204)


def test_put_needs_all_patch_takes_some(rest):
    made = expect(rest.post("platforms/", {"name": "puts", "pretty_name": "P"}), 201).json()
    expect(rest.put("platforms/puts/", {"name": "puts"}), 400, {"pretty_name": [REQUIRED]})
    expect(rest.put("platforms/puts/", {"name": "puts", "pretty_name": "Q"}), 200, {**made, "pretty_name": "Q"})
    expect(rest.patch("platforms/puts/", {"pretty_name": "R"}), 200, {**made, "pretty_name": "R"})
    expect(rest.patch("platforms/puts/", {}), 200, {**made, "pretty_name": "R"})
    expect(rest.patch("platforms/puts/", {"name": None, "pretty_name": ""}), 400,
           {"name": [NULL], "pretty_name": [BLANK]})


def test_a_name_of_another_is_taken(rest):
    for name in ("one", "two"):
        expect(rest.post("platforms/", {"name": name, "pretty_name": name}), 201)
    expect(rest.patch("platforms/one/", {"name": "two"}), 400, {"name": [TAKEN]})
    expect(rest.patch("platforms/one/", {"name": "one"}), 200)


def test_renaming_takes_the_tickets_along(stack, rest):
    ticket = stack.make_ticket(platform="before")
    expect(rest.patch("platforms/before/", {"name": "after"}), 200)
    expect(rest.get("platforms/before/"), 404)
    assert rest.get(f"tickets/{ticket['number']}/").json()["platform"] == "after"
    expect(rest.post("tickets/", {"number": 1, "platform": "before"}), 400,
           {"platform": ["Object with name=before does not exist."]})


def test_deleting_takes_the_tickets_along(stack, rest):
    ticket = stack.make_ticket(platform="passing")
    expect(rest.delete("platforms/passing/"), 204)
    expect(rest.get(f"tickets/{ticket['number']}/"), 404)
    expect(rest.get(f"check/token/{ticket['token']}"), 404)


def test_a_size_limit_is_shown_when_there_is_one(rest):
    made = expect(rest.post("platforms/", {"name": "sized", "pretty_name": "S", "max_bytes": 1000}), 201).json()
    assert made["max_bytes"] == 1000
    assert "max_bytes" not in expect(rest.patch("platforms/sized/", {"max_bytes": None}), 200).json()


def test_filters_of_others_are_ignored(rest):
    expect(rest.get("platforms/?number=abc&anything=%20&name=none"), 200, rest.get("platforms/").json())
