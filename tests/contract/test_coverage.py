"""The last of a run with LC_PRISM: differences are noticed, and the others have seen all of the published document."""

import copy

import pytest

from lc.prism import METHODS

SEEN_ALWAYS = ("401", "404", "412", "415")  # statuses that a request must have had wherever they are documented


def other(answer, **changes):
    """The answer of somebody who drifted."""
    drifted = copy.copy(answer)
    for name, value in changes.items():
        setattr(drifted, name, value)
    return drifted


@pytest.mark.parametrize("path, changes", [
    ("check/storage/", {"_content": b'{"total":1,"used":1,"free":"much","used_percent":1,"status":"mount"}'}),
    ("check/storage/", {"_content": b'{"total":1,"used":1,"free":1,"used_percent":1}'}),
    ("check/storage/", {"_content": b'{"total":1,"used":1,"free":1,"used_percent":1,"status":"mount","new":1}'}),
    ("check/storage/", {"status_code": 202}), ("check/storage/", {"headers": {"Content-Type": "text/html"}}),
    ("tickets/987654321/", {"_content": b'{"error":"none such"}'})])
def test_differences_are_noticed(stack, conformance, path, changes):
    whole = conformance.begin(stack.admin)
    answer = stack.get("/api/v1/" + path)
    assert not whole.differences
    whole.look(answer.request, other(answer, **changes))
    assert whole.differences
    whole.differences.clear()


def test_undocumented_requests_are_noticed(stack, conformance):
    whole = conformance.begin(stack.admin)
    stack.get("/api/v1/tickets/", params={"resolved": "1"})  # as old clients say it; the document says true
    assert whole.differences
    whole.differences.clear()


def test_nothing_was_left_out(stack, conformance):
    whole = conformance.begin(stack.admin)
    wanted = {(item[method]["operationId"], status) for item in whole.document["paths"].values()
              for method in METHODS & item.keys() for status in item[method]["responses"]
              if status < "400" or status in SEEN_ALWAYS}
    assert sorted(wanted - whole.seen) == []
