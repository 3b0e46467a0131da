"""Conditional requests: ETag and If-None-Match save a transfer, If-Match guards against lost updates."""

import pytest

from lc.rest import expect

CHANGED = "changed_meanwhile"


@pytest.fixture(scope="module")
def path(stack):
    return f"tickets/{stack.make_ticket()['number']}/"


@pytest.mark.parametrize("where", ["{}", "tickets/", "tickets/?limit=5", "platforms/", "platforms/android/", "archives/",
                                   "check/health/"])
@pytest.mark.generous
def test_not_modified(rest, path, where):
    where = where.format(path)
    tag = expect(rest.get(where), 200).headers["ETag"]
    assert tag.startswith('"') and rest.head(where).headers["ETag"] == tag
    for header in (tag, "W/" + tag, f'"x", {tag}', "*"):
        answer = rest.get(where, headers={"If-None-Match": header})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    for header in ('"x"', tag.strip('"'), '""'):
        assert rest.get(where, headers={"If-None-Match": header}).status_code == 200


def test_a_change_changes_the_tag(rest, path):
    before = rest.get(path).headers["ETag"]
    expect(rest.patch(path, {"note": "another"}), 200)
    after = rest.get(path, headers={"If-None-Match": before})
    assert after.status_code == 200 and after.headers["ETag"] != before


@pytest.mark.parametrize("verb", ["put", "patch", "delete"])
def test_lost_update_is_refused(stack, rest, verb):
    made = stack.make_ticket()
    path = f"tickets/{made['number']}/"
    old = rest.get(path).headers["ETag"]
    expect(rest.patch(path, {"note": "somebody else's"}), 200)
    body = {"number": made["number"], "platform": "android", "note": "mine"}
    for header in (old, "W/" + rest.get(path).headers["ETag"], '"x"', "x"):
        answer = rest.call(verb.upper(), path, json=body, headers={"If-Match": header})
        assert (answer.status_code, answer.json()["code"]) == (412, CHANGED)
        assert (answer.json()["status"], answer.json()["title"]) == (412, "Precondition failed")
    assert rest.get(path).json()["note"] == "somebody else's"
    good = rest.call(verb.upper(), path, json=body, headers={"If-Match": f'"x", {rest.get(path).headers["ETag"]}'})
    assert good.status_code == (204 if verb == "delete" else 200)


def test_a_change_can_follow_a_change(rest, path):
    for change in (lambda **h: rest.patch(path, {"note": "and again"}, **h), lambda **h: rest.post(path + "rotate-token/", **h)):
        changed = expect(change(), 200)
        assert changed.headers["ETag"] == rest.get(path).headers["ETag"]
        expect(change(headers={"If-Match": changed.headers["ETag"]}), 200)
        assert change(headers={"If-Match": changed.headers["ETag"]}).status_code == 412
    body = {key: rest.get(path).json()[key] for key in ("number", "platform", "note")}
    assert "ETag" not in expect(rest.put(path, body), 200).headers


@pytest.mark.parametrize("verb", ["PUT", "PATCH", "DELETE"])
def test_if_match_of_what_is_not_there(rest, verb):
    expect(rest.call(verb, "tickets/999999/", json={}, headers={"If-Match": "*"}), 404)


def test_any_version_will_do(rest, path):
    expect(rest.patch(path, {"note": "x"}, headers={"If-Match": "*"}), 200)


def test_platforms_are_guarded_too(rest):
    expect(rest.post("platforms/", {"name": "guarded", "pretty_name": "G"}), 201)
    assert rest.delete("platforms/guarded/", headers={"If-Match": '"0"'}).status_code == 412
    expect(rest.delete("platforms/guarded/"), 204)
