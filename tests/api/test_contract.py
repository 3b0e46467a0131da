"""What every path of the REST API has in common: negotiation, identity, bodies, slashes, methods, headers."""

import re

import pytest
import requests

from lc.raw import exchange
from lc.rest import SECURITY, expect
from lc.wait import until

NOT_FOUND = {"detail": "Not found."}
ANONYMOUS = {"detail": "Authentication credentials were not provided."}
COLLECTIONS = ["platforms/", "tickets/", "archives/"]
NO_NAME = {"name": ["This field is required."], "pretty_name": ["This field is required."]}

# path below /api/v1/, the Allow header; {} are objects that are there
ALLOWED = [
    ("auth/token/", "POST, OPTIONS"),
    ("auth/token/refresh/", "POST, OPTIONS"),
    ("auth/token/verify/", "POST, OPTIONS"),
    ("", "GET, HEAD, OPTIONS"),
    ("check/health/", "GET, HEAD, OPTIONS"),
    ("check/storage/", "GET, HEAD, OPTIONS"),
    ("check/token/", "GET, HEAD, OPTIONS"),
    ("check/token/{token}", "GET, HEAD, OPTIONS"),
    ("platforms/", "GET, POST, HEAD, OPTIONS"),
    ("platforms/common/", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
    ("tickets/", "GET, POST, HEAD, OPTIONS"),
    ("tickets/{number}/", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
    ("tickets/{number}/rotate-token/", "POST, OPTIONS"),
    ("tickets/{number}/uploads/", "GET, HEAD, OPTIONS"),
    ("archives/", "GET, POST, HEAD, OPTIONS"),
    ("archives/1/", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
    ("archives/1/verify/", "POST, OPTIONS"),
]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"]


@pytest.fixture(scope="module")
def ticket(stack):
    return stack.make_ticket(platform="common")


@pytest.mark.parametrize("path, allow", ALLOWED)
def test_options_and_allow(rest, ticket, path, allow):
    answer = expect(rest.call("OPTIONS", path.format(**ticket)), 200)
    assert answer.headers["Allow"] == allow
    assert "application/json" in answer.json()["renders"]


@pytest.mark.parametrize("path, allow, method", [(p, a, m) for p, a in ALLOWED for m in METHODS if m not in a])
def test_other_methods_are_405(rest, ticket, path, allow, method):
    answer = expect(rest.call(method, path.format(**ticket)), 405, {"detail": f'Method "{method}" not allowed.'})
    assert answer.headers["Allow"] == allow


@pytest.mark.parametrize("path", [p for p, a in ALLOWED if "GET" in a and "archives/1/" not in p])
def test_head_is_get_without_a_body(rest, ticket, path):
    full, head = rest.get(path.format(**ticket)), rest.head(path.format(**ticket))
    assert (head.status_code, head.content) == (full.status_code, b"")
    assert head.headers["Content-Type"] == full.headers["Content-Type"] == "application/json"


PRIVATE = [("GET", "platforms/"), ("POST", "platforms/"), ("GET", "platforms/common/"), ("PUT", "platforms/common/"),
           ("PATCH", "platforms/common/"), ("DELETE", "platforms/common/"), ("OPTIONS", "platforms/"),
           ("GET", "tickets/"), ("POST", "tickets/"), ("GET", "tickets/1001/"), ("PUT", "tickets/1001/"),
           ("PATCH", "tickets/1001/"), ("DELETE", "tickets/1001/"), ("POST", "tickets/1001/rotate-token/"),
           ("GET", "tickets/1001/uploads/"), ("GET", "archives/"), ("GET", "archives/1/"), ("PUT", "archives/1/"),
           ("PATCH", "archives/1/"), ("DELETE", "archives/1/"), ("HEAD", "archives/1/"), ("OPTIONS", "archives/1/"),
           ("POST", "archives/1/verify/"), ("GET", "check/storage/"), ("PUT", "tickets/"), ("DELETE", "archives/")]


@pytest.mark.parametrize("method, path", PRIVATE)
def test_anonymous_is_401(rest, method, path):
    answer = rest.call(method, path, session=requests.Session())
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert method == "HEAD" or answer.json() == ANONYMOUS


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_anonymous_sees_that_there_is_a_collection(rest, method):
    expect(rest.call(method, "archives/", session=requests.Session()), 200)


def bad_token(message):
    return {"detail": "Given token not valid for any token type", "code": "token_not_valid",
            "messages": [{"token_class": "AccessToken", "token_type": "access", "message": message}]}


TWO_VALUES = {"detail": "Authorization header must contain two space-delimited values",
              "code": "bad_authorization_header"}


@pytest.mark.parametrize("header, body", [
    ("Bearer", TWO_VALUES), ("Bearer a b", TWO_VALUES), ("Bearer   ", TWO_VALUES),
    ("Bearer x", bad_token("Token is invalid or expired")), ("Bearer a.b.c", bad_token("Token is invalid or expired")),
    ("bearer x", ANONYMOUS), ("Token x", ANONYMOUS), ("", ANONYMOUS), ("Basic YTpi", ANONYMOUS)])
def test_authorization_header(rest, header, body):
    session = requests.Session()
    session.trust_env = False
    answer = expect(rest.get("tickets/", session=session, headers={"Authorization": header}), 401, body)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("path", ["platforms", "tickets", "archives", "tickets/1001", "platforms/common", "archives/1",
                                  "auth/token", "check/health", "check/storage", "check/token"])
@pytest.mark.parametrize("query", ["", "?number=5&search=a%20b"])
def test_missing_slash_is_301(rest, path, query):
    answer = rest.get(path + query, session=requests.Session())
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"/api/v1/{path}/{query}"


@pytest.mark.parametrize("path", ["nothing/", "nothing", "tickets/1001/more/", "check/", "check/nothing/", "auth/",
                                  "/api/", "/api/v2/", "/api/v1/tickets//", "platforms/nobody/", "tickets/999999/",
                                  "tickets/abc/", "tickets/1001.0/", "tickets/99999999999999999999/", "archives/999999/",
                                  "archives/x/", "check/token/{token}/", "check/token/x",
                                  "check/token/00000000-0000-4000-8000-000000000000", "tickets/%00/", "tickets/-1/"])
def test_unknown_is_404(rest, ticket, path):
    expect(rest.get(path.format(**ticket)), 404 if "%00" not in path else 400, NOT_FOUND if "%00" not in path else None)


@pytest.mark.parametrize("path", ["platforms/nobody/", "tickets/999999/", "archives/999999/"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_unknown_object_is_404_whatever_the_body(rest, path, method):
    expect(rest.call(method, path, data="{", headers={"Content-Type": "text/plain"}), 404, NOT_FOUND)


@pytest.mark.parametrize("accept, status", [
    (None, 200), ("*/*", 200), ("application/json", 200), ("application/*", 200), ("text/html, */*;q=0.1", 200),
    ("text/html,application/json", 200), ("Application/JSON; q=0.5", 200),
    ("text/html", 406), ("application/xml", 406), ("text/html,application/xhtml+xml", 406), ("json", 406)])
@pytest.mark.parametrize("path", ["tickets/", "check/health/", "platforms/nobody/", "tickets/1001/rotate-token/"])
def test_accept(rest, path, accept, status):
    answer = rest.get(path, headers={"Accept": accept})
    if status == 406:
        expect(answer, 406, {"detail": "Could not satisfy the request Accept header."})
    else:
        assert answer.status_code in (200, 404, 405)


@pytest.mark.parametrize("format_, status", [("json", 200), ("", 200), ("api", 404), ("xml", 404), ("JSON", 404)])
@pytest.mark.parametrize("path", ["tickets/", "check/health/"])
def test_the_format_asked_for_by_the_query(rest, path, format_, status):
    expect(rest.get(f"{path}?format={format_}"), status, NOT_FOUND if status == 404 else None)
    expect(rest.get("tickets/?format=xml", session=requests.Session()), 404, NOT_FOUND)


def test_406_comes_before_401(rest):
    expect(rest.get("tickets/", session=requests.Session(), headers={"Accept": "text/html"}), 406)


@pytest.mark.parametrize("type_", ["text/plain", "text/plain; charset=utf-8", "application/x-www-form-urlencoded",
                                   "application/xml", "application/jsonx", ""])
@pytest.mark.parametrize("method, path", [("POST", "platforms/"), ("POST", "tickets/"), ("PUT", "platforms/common/"),
                                          ("PATCH", "tickets/{number}/"), ("POST", "auth/token/"),
                                          ("POST", "auth/token/refresh/"), ("POST", "auth/token/verify/")])
def test_other_media_types_are_415(rest, ticket, method, path, type_):
    answer = rest.call(method, path.format(**ticket), data=b"a=b", headers={"Content-Type": type_})
    expect(answer, 415, {"detail": f'Unsupported media type "{type_}" in request.'})


@pytest.mark.parametrize("type_", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_by_any_spelling_of_its_type(rest, type_):
    expect(rest.call("POST", "platforms/", data=b"{}", headers={"Content-Type": type_}), 400, NO_NAME)


@pytest.mark.parametrize("type_", ["application/json", "text/plain", None])
def test_an_empty_body_is_an_empty_object(rest, type_):
    expect(rest.call("POST", "platforms/", headers={"Content-Type": type_}), 400, NO_NAME)


def test_multipart_where_json_is_usual(rest):
    fields = {"name": (None, "by-form"), "pretty_name": (None, "  By form ")}
    made = expect(rest.call("POST", "platforms/", files=fields), 201).json()
    assert (made["name"], made["pretty_name"]) == ("by-form", "By form")


def test_multipart_without_boundary(rest):
    answer = rest.call("POST", "platforms/", data=b"--x\r\n", headers={"Content-Type": "multipart/form-data"})
    expect(answer, 400, {"detail": "Multipart form parse error - Invalid boundary in multipart: None"})


@pytest.mark.parametrize("text", ["{", "{]", '{"name"}', '{"name":}', "'a'", "{'name': 1}", '{"a":1,}', "nul", "{} {}",
                                  '{"a":NaN}', '{"a":Infinity}', '{"a":01}', '"open', '{"a":"\t"}', "\ufeff{}", " "])
@pytest.mark.parametrize("path", ["platforms/", "tickets/", "auth/token/"])
def test_bad_json(rest, path, text):
    answer = rest.call("POST", path, data=text.encode(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert set(answer.json()) == {"detail"}

    assert re.fullmatch(r"JSON parse error - .+: line \d+ column \d+ \(char \d+\)", answer.json()["detail"], re.S)


@pytest.mark.parametrize("text, line, column, char", [
    ("{", 1, 2, 1), ('{"name":', 1, 9, 8), ("{\n", 2, 1, 2), ("{bad json}", 1, 2, 1), ("{'a':1}", 1, 2, 1),
    ("{}{}", 1, 3, 2), ("[1,]", 1, 4, 3), ('{"a":1,}', 1, 8, 7), ("nul", 1, 1, 0), (" ", 1, 2, 1), ("a=b", 1, 1, 0),
    ('{"a" 1}', 1, 6, 5), ('{"a":1 "b"}', 1, 8, 7), ('{"a":01}', 1, 7, 6), ('"open', 1, 1, 0), ('{"a":"\t"}', 1, 7, 6),
    ('{"ж":"ж\\q"}', 1, 8, 7), ('{"a":"\\u12"}', 1, 8, 7), ('{"a":\n  -}', 2, 3, 8), ("\ufeff{}", 1, 1, 0),
    ('{"a":[1 2]}', 1, 9, 8), ('{"a":1.}', 1, 7, 6), ('{"a":1', 1, 7, 6), ("[" * 30, 1, 31, 30)])
def test_bad_json_says_where(rest, text, line, column, char):
    answer = rest.call("POST", "platforms/", data=text.encode(), headers={"Content-Type": "application/json"})
    assert answer.json()["detail"].endswith(f": line {line} column {column} (char {char})")


@pytest.mark.parametrize("text, kind", [("[]", "list"), ('[{"name":"a"}]', "list"), ('"a"', "str"), ("1", "int"),
                                        ("1.5", "float"), ("true", "bool")])
@pytest.mark.parametrize("method, path", [("POST", "platforms/"), ("POST", "tickets/"), ("PATCH", "tickets/{number}/"),
                                          ("PUT", "platforms/common/"), ("POST", "auth/token/")])
def test_only_objects(rest, ticket, method, path, text, kind):
    answer = rest.call(method, path.format(**ticket), data=text, headers={"Content-Type": "application/json"})
    message = f"Invalid data. Expected a dictionary, but got {kind}."
    expect(answer, 400, {"non_field_errors": [message]})


def test_null_is_no_data(rest):
    answer = rest.call("POST", "platforms/", data="null", headers={"Content-Type": "application/json"})
    expect(answer, 400, {"non_field_errors": ["No data provided"]})


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_no_cross_origin_access(rest, origin):
    answer = rest.call("OPTIONS", "tickets/", session=requests.Session(),
                       headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
    assert answer.status_code == 401  # check_common looks at the headers


@pytest.mark.parametrize("head", ["GET /api/v1/tickets/ HTTP/1.1\r\nHost: a b\r\n\r\n",
                                  "GET /api/v1/tickets/?%zz=1 HTTP/1.1\r\nHost: a\r\n\r\n",
                                  "POST /api/v1/platforms/ HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n",
                                  "GET /api/v1/tickets/ HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
                                  "GET /api/v1/tickets/ HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
                                  "GET /api/v1/%ff/ HTTP/1.1\r\nHost: a\r\n\r\n",
                                  "POST /api/v1/platforms/ HTTP/1.1\r\nHost: a\r\nExpect: more\r\nContent-Length: 2\r\n"
                                  "\r\n{}"])
def test_refusals_before_routing_have_the_headers_too(stack, head):
    before = stack.admin.metrics()
    answer = exchange(stack.admin.port, head, method=head.split()[0])
    assert 400 <= answer.status < 500
    counted = 'lc_admin_requests_total{class="4xx"}'
    until(lambda: stack.admin.metrics()[counted] == before[counted] + 1, what="the refusal to be counted")
    if "X: b" in head or "Length: x" in head or "Expect" in head:
        malformed = "lc_admin_requests_malformed_total"
        assert stack.admin.metrics()[malformed] == before[malformed] + 1
        stack.admin.process.wait_says(f"request.refused status={answer.status} client=127.0.0.1")
    for name, value in SECURITY.items():
        assert answer.headers.get(name.lower()) == value, name
    assert "allow" in answer.headers
    assert answer.json()["detail"]


def test_the_root_names_the_collections(rest):
    answer = rest.get("", session=requests.Session())
    expect(answer, 200, {name: f"{rest.url}/api/v1/{name}/" for name in ("archives", "platforms", "tickets")})
    assert rest.get("/api/v1").headers["Location"] == "/api/v1/"


def test_errors_in_the_order_of_the_fields(rest):
    answer = expect(rest.post("platforms/", {"name": "common"}), 400)
    assert list(answer.json()) == ["name", "pretty_name"], answer.text


def test_uploads_are_the_gateways(rest):
    answer = rest.call("POST", "archives/", session=requests.Session(), data=b"x")
    assert (answer.status_code, answer.json()["code"]) == (421, "uploads_elsewhere")
