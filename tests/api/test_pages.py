"""The panel's pages and assets as browsers get them: which addresses, which headers, compressed or not."""

import gzip
import os

import pytest
import requests

from lc.raw import Raw
from lc.services import Admin

SCRIPT = b"export const answer = 42;\n" * 400
PAGES = ["/", "/tickets/", "/tickets/create/", "/tickets/show/android/", "/tickets/show/android/2001/",
         "/tickets/update/android/2001/", "/account/login/", "/account/show/", "/account/two_factor/setup/", "/admin/",
         "/users/", "/audit/?from=%00", "/platforms/", "/tickets/?search=%00&a=%zz", "/account/two_factor/backup/tokens/"]


@pytest.fixture(scope="module")
def admin(scratch, redis_server):
    web = os.path.join(scratch, "web")
    os.makedirs(os.path.join(web, "assets", "deep"))
    files = {"index.html": b"<!doctype html><title>Panel</title>", "assets/panel-1a2b.js": SCRIPT,
             "assets/panel-1a2b.js.gz": gzip.compress(SCRIPT), "assets/panel-1a2b.js.br": b"brotli's bytes",
             "assets/deep/icon.svg": b"<svg/>", "assets/only.gz": b"packed", "assets/.hidden": b"no"}
    for name, content in files.items():
        with open(os.path.join(web, name), "wb") as f:
            f.write(content)
    os.symlink("/etc/passwd", os.path.join(web, "assets", "passwd.txt"))
    service = Admin(os.path.join(scratch, "data"), redis_server.url, os.path.join(scratch, "admin-api.log"),
                    {"ADMIN_WEB_DIR": web}).start()
    yield service
    service.close()


def get(admin, path, **headers):
    return requests.get(admin.url + path, headers={"Accept-Encoding": "identity", **headers}, timeout=10,
                        allow_redirects=False)


@pytest.mark.parametrize("path", PAGES)
def test_every_address_of_the_panel_shows_it(admin, path):
    answer = get(admin, path, Accept="text/html")
    assert answer.status_code == 200 and "<title>Panel</title>" in answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache" and answer.headers["X-Frame-Options"] == "DENY"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy


@pytest.mark.parametrize("path", ["/tickets/some/thing/new", "/tickets/show/a/b/c/", "/audit/x", "/admin/none/", "/nowhere", "/u/", "/tickets.html", "/nothing/?a=%zz&format=xml", "/a%zz"])
def test_a_browser_at_a_wrong_address_gets_the_panel(admin, path):
    page = get(admin, path, Accept="text/html,*/*;q=0.8")
    assert page.status_code == 404 and "<title>Panel</title>" in page.text and "ETag" not in page.headers
    assert page.headers["Content-Type"] == "text/html; charset=utf-8" and page.headers["Cache-Control"] == "no-cache"
    assert "default-src 'self'" in page.headers["Content-Security-Policy"] and "Accept" in page.headers["Vary"]
    head = requests.head(admin.url + path, headers={"Accept": "text/html"}, timeout=10)
    assert head.status_code == 404 and head.headers["Content-Type"] == page.headers["Content-Type"]
    for other in (get(admin, path, Accept="*/*"), get(admin, "/api/v1" + path, Accept="text/html"),
                  requests.post(admin.url + path, headers={"Accept": "text/html"}, timeout=10)):
        assert other.status_code == 404 and other.json() == {"detail": "Not found."}


def test_a_broken_escape_is_a_wrong_address_to_a_browser(admin):
    assert get(admin, "/tickets/show/%00/", Accept="text/html").status_code == 404
    refused = get(admin, "/tickets/show/%00/", Accept="*/*")
    assert refused.status_code == 400 and refused.json()["code"] == "bad_path"


def test_assets_are_kept_for_good_and_come_compressed(admin):
    plain = get(admin, "/assets/panel-1a2b.js")
    assert plain.content == SCRIPT and "Content-Encoding" not in plain.headers
    assert plain.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "immutable" in plain.headers["Cache-Control"] and plain.headers["Vary"] == "Accept-Encoding"

    packed = get(admin, "/assets/panel-1a2b.js", **{"Accept-Encoding": "deflate, gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and packed.content == SCRIPT
    assert packed.headers["ETag"] != plain.headers["ETag"]
    with Raw(admin.port) as raw:
        raw.send("GET /assets/panel-1a2b.js HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip;q=0, br\r\n\r\n")
        best = raw.answer("GET")
        assert best.headers["content-encoding"] == "br" and best.body == b"brotli's bytes"
        raw.send("HEAD /assets/panel-1a2b.js HTTP/1.1\r\nHost: a\r\n\r\n")
        head = raw.answer("HEAD")
        assert head.status == 200 and int(head.headers["content-length"]) == len(SCRIPT)

    again = get(admin, "/assets/panel-1a2b.js", **{"If-None-Match": plain.headers["ETag"]})
    assert again.status_code == 304 and again.content == b""


@pytest.mark.parametrize("path", ["/assets/", "/assets/none.js", "/assets/.hidden", "/assets/passwd.txt",
                                  "/assets/panel-1a2b.js.gz", "/assets/../index.html", "/assets/%2e%2e/index.html",
                                  "/assets/deep", "/index.html", "/nothing/"])
def test_nothing_else_is_served(admin, path):
    with Raw(admin.port) as raw: # requests would tidy the path up
        answer = raw.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").answer("GET")
    assert answer.status == 404 and answer.json() == {"detail": "Not found."}


def test_deeper_assets_and_packed_files_of_their_own(admin):
    assert get(admin, "/assets/deep/icon.svg").headers["Content-Type"] == "image/svg+xml"
    assert get(admin, "/assets/only.gz").content == b"packed"
    refused = requests.post(admin.url + "/tickets/", timeout=10)
    assert refused.status_code == 405 and refused.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert get(admin, "/tickets").headers["Location"] == "/tickets/"


def test_a_directory_that_is_not_there_is_refused(admin, scratch):
    done = admin.run("serve", env={"ADMIN_WEB_DIR": scratch + "/none", "DATA_DIR": scratch,
                                    "DB_URL": f"sqlite:///{scratch}/other.sqlite3"})
    assert done.returncode == 1 and "ADMIN_WEB_DIR" in done.stderr and "/none" in done.stderr
