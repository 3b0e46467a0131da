"""What nobody sends on purpose: huge, deep, doubled, broken. 400 that says where, never a 500."""

import json

import pytest

from lc.raw import exchange
from lc.rest import expect

SQL = ["'", "''", "' OR '1'='1", "'; DROP TABLE tickets; --", '"', "\\", "$1", "?1", ":a", "%s", "/*", "--", "1;1", "||", "`"]
PLACES = [("POST", "platforms/"), ("POST", "tickets/"), ("POST", "auth/token/"), ("PATCH", "platforms/one/")]


@pytest.fixture(scope="module", autouse=True)
def platform(stack):
    stack.make_platform("one")


def send(rest, method, path, data):
    return rest.call(method, path, data=data, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("method, path", PLACES)
@pytest.mark.parametrize("data", [
    b'{"name":"\xff"}', b'{"name":"\xc0\xaf"}', b'{"name":"\xed\xa0\x80"}', b'{"\xff":1}', b'{"name":"\\ud800"}',
    b'{"name":"\\udc00\\ud800"}', b'{"a\\u0000":1}', b'{"a":1,"a":1}', b'{"name":"x","name":"y","pretty_name":"z"}',
    b'{"a":{"b":1,"b":2}}', b"\x00", b"\xff\xfe{\x00}\x00", b'{"name":"nul"}\x00', b'{"name":"nul"}\x00\xff'], ids=range(14))
def test_broken_bytes(rest, method, path, data):
    answer = send(rest, method, path, data)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("JSON parse error - ")


@pytest.mark.parametrize("method, path", PLACES)
@pytest.mark.parametrize("depth", [100, 2000, 10000, 300000])
@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
def test_depth(rest, method, path, depth, opening, closing):
    deep = opening * depth + "1" + closing * depth
    status = send(rest, method, path, deep[:1 << 20].encode()).status_code
    assert status in (400, 413) or (status, method, opening) == (200, "PATCH", '{"a":') and depth <= 2000
    if depth <= 2000:
        whole = json.dumps({"name": "deep", "pretty_name": "deep", "number": "x", "username": None}) \
            .replace("}", ', "unknown": ' + opening * depth + "1" + closing * depth + "}")
        assert send(rest, method, path, whole.encode()).status_code in (201, 200, 400)


def test_more_values_than_any_request_has(rest):
    answer = send(rest, "POST", "platforms/", b'{"name":[' + b"1," * 60000 + b"1]}")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "JSON parse error - More values than any request has"


def test_names_of_any_script_as_curl_sends_them(stack):
    """UTF-8 that is not percent-encoded is taken; bytes that are none are not."""
    auth = f"Authorization: {stack.api.headers['Authorization']}\r\nHost: a\r\n\r\n".encode()
    for user, status in (("иван", 200), ("\udcff", 400)):
        target = f"/api/v1/tickets/?user={user}".encode(errors="surrogateescape")
        assert exchange(stack.admin.port, b"GET " + target + b" HTTP/1.1\r\n" + auth).status == status


@pytest.mark.parametrize("size, status", [((1 << 20) - 100, 400), ((1 << 20) + 1, 413), (5 << 20, 413), (20 << 20, 413)])
def test_size(stack, size, status):
    """1 MiB and no more; a client that goes on sending still learns why."""
    body = b'{"name":"' + b"x" * (size - 11) + b'"}'
    head = (f"POST /api/v1/platforms/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            f"Authorization: {stack.api.headers['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    answer = exchange(stack.admin.port, head + body)
    assert answer.status == status
    if status == 413:
        assert (answer.json()["status"], answer.json()["code"]) == (413, "too_large")
    else:
        assert answer.json()["name"][0] == "Ensure this field has no more than 20 characters."


@pytest.mark.generous
@pytest.mark.parametrize("text", SQL)
def test_sql_metacharacters(rest, text):
    """They are text like any other."""
    name = f"sql {text}"[:20]
    made = expect(rest.post("platforms/", {"name": "sql", "pretty_name": name}), 201).json()
    assert made["pretty_name"] == name.strip()
    assert rest.post("platforms/", {"name": name, "pretty_name": "x"}).status_code == 400
    for query in ("user", "search", "ordering", "number", "id__in", "limit", "resolved", text):
        assert rest.get("tickets/", params={query: text}).status_code in (200, 400)
    for query in ("ticket", "time_create", "id"):
        assert rest.get("archives/", params={query: text}).status_code == 400
    assert rest.get("platforms/" + text.replace("%", "%25").replace("?", "%3F") + "/").status_code == 404
    expect(rest.delete("platforms/sql/"), 204)


@pytest.mark.parametrize("query", ["%", "%zz=1", "a=%", "a=%f", "%00=1", "number=%00", "search=a%00b", "%ff=1", "a=%c0%af",
                                   "search=%ed%a0%80", "&".join(["a=1"] * 501), "user=%FF"])
@pytest.mark.parametrize("path", ["tickets/", "archives/", "platforms/"])
def test_broken_queries(stack, path, query):
    answer = exchange(stack.admin.port, f"GET /api/v1/{path}?{query} HTTP/1.1\r\nHost: a\r\n"
                                        f"Authorization: {stack.api.headers['Authorization']}\r\n\r\n", method="GET")
    assert answer.status == 400
    body = answer.json()
    assert body["detail"].startswith("The query string is malformed")
    assert (body["status"], body["code"], body["type"]) == (400, "bad_query", "about:blank")


@pytest.mark.parametrize("query", ["=", "&&&", "=&=", "a", "a=b=c", "&".join(f"x{i}=1" for i in range(500)), "%20=%20",
                                   "number[]=x", "+=+"])
def test_odd_queries(rest, query):
    expect(rest.get(f"tickets/?{query}"), 200)


@pytest.mark.generous
@pytest.mark.parametrize("body", [
    b"", b"--x", b"--x\r\n", b"--x--", b"--y\r\n\r\n--y--\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n",
    b"--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\na", b"--x\r\n" + b"A: b\r\n" * 5000 + b"\r\n\r\n--x--\r\n",
    b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="na\xffme"\r\n\r\na\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\na\0b\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name=""\r\n\r\na\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="/"\r\n\r\na\r\n--x--\r\n'], ids=range(13))
@pytest.mark.parametrize("method, path", PLACES)
def test_broken_forms(rest, method, path, body):
    answer = rest.call(method, path, data=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 400 or (method == "PATCH" and answer.status_code == 200)


def test_a_thousand_parts(rest):
    part = b'--x\r\nContent-Disposition: form-data; name="n%d"\r\n\r\nv\r\n'
    for count, status in ((900, 200), (1100, 400)):
        body = b"".join(part % i for i in range(count)) + b"--x--\r\n"
        expect(rest.call("PATCH", "platforms/one/", data=body,
                         headers={"Content-Type": "multipart/form-data; boundary=x"}), status)


@pytest.mark.parametrize("field, value", [("username", 5), ("username", "a\0b"), ("username", []), ("username", ""),
                                          ("username", "x" * 100000), ("password", "\0"), ("password", {}),
                                          ("password", "p" * 500000), ("username", None), ("otp", 10 ** 30), ("otp", "x")])
def test_odd_logins(rest, field, value):
    answer = rest.post("auth/token/", {"username": "nobody", "password": "x", field: value})
    assert answer.status_code in (400, 401) or (answer.status_code, len(value) > 65000) == (413, True)


@pytest.mark.parametrize("path", ["%", "%zz", "%ff", "a" * 600, "a%2Fb", "..", "%2e%2e", "a;b", "a b".replace(" ", "%20"),
                                  "%F0%9F%98%80"])
@pytest.mark.parametrize("collection", ["platforms", "tickets", "archives"])
def test_odd_paths(rest, collection, path):
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        status = rest.call(method, f"{collection}/{path}/", json={}).status_code
        assert status in (400, 404, 405) or (status, method, path) == (200, "GET", "..")  # clients ask for the root then


def test_it_lives_on(rest):
    assert expect(rest.get("platforms/"), 200).json()[0]["name"] == "one"
