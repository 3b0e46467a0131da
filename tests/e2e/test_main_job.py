"""A customer's archive from curl to a support engineer's download, with a real tar.gz of hundreds of megabytes."""

import hashlib
import os
import uuid

import pytest
import requests

from lc import curl
from lc.stack import User

NEXT_TO_NOTHING = 8 << 20  # what socket buffers may have swallowed of 400 MB


def put(url, token, path):
    return curl.run(*curl.JSON, "-T", path, f"{url}/u/{token}/")


def multipart(url, token, path):
    return curl.run("-H", f"Upload-Token: {token}", "-F", f"file=@{path}", f"{url}/api/v1/archives/")


def raw_post(url, token, path):
    return curl.run("-H", f"Upload-Token: {token}", "-H", 'Content-Disposition: attachment; filename="logs.tar.gz"',
                    "-H", "Content-Type: application/gzip", "-X", "POST", "-T", path, f"{url}/api/v1/archives")


def chunked(url, token, path):
    return curl.run(*curl.JSON, "-H", "Transfer-Encoding: chunked", "-T", path, f"{url}/u/{token}/logs.tar.gz")


def digest_of(answer):
    digest, size = hashlib.sha256(), 0
    for block in answer.iter_content(1 << 20):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


@pytest.mark.parametrize("upload", [put, multipart, raw_post, chunked])
def test_archive_comes_back_byte_identical(stack, big_archive, upload):
    ticket = stack.make_ticket()
    done = upload(stack.gateway.url, ticket["token"], big_archive.path)
    assert (done.code, done.status) == (0, 201), done
    said = done.json()
    assert (said["size"], said["sha256"]) == (big_archive.size, big_archive.sha256)

    (archive,) = stack.archives(ticket)  # at once: a client that got 201 sees its archive
    assert archive["name"] == "logs.tar.gz"
    assert (archive["size"], archive["sha256"]) == (big_archive.size, big_archive.sha256)
    with stack.download(archive, stream=True) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert digest_of(answer) == (big_archive.sha256, big_archive.size)
    assert stack.attempts(ticket) == 4


def test_download_goes_on_where_it_broke_off(stack, make_file):
    ticket, file = stack.make_ticket(), make_file(3_000_017)
    assert put(stack.gateway.url, ticket["token"], file.path).status == 201
    (archive,) = stack.archives(ticket)
    first = stack.download(archive, headers={"Range": "bytes=0-999999"})
    rest = stack.download(archive, headers={"Range": "bytes=1000000-", "If-Range": first.headers["ETag"]})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert hashlib.sha256(first.content + rest.content).hexdigest() == file.sha256


def test_download_needs_the_second_factor(stack, make_file):
    ticket, file = stack.make_ticket(), make_file(1000)
    assert put(stack.gateway.url, ticket["token"], file.path).status == 201
    (archive,) = stack.archives(ticket)
    assert stack.download(archive, requests.Session()).status_code in (302, 401)
    unsure = User(stack.admin, f"novice-{ticket['number']}", superuser=False, totp=False).login()
    assert stack.download(archive, unsure).status_code == 403
    forged = requests.Session()
    forged.headers["Authorization"] = stack.api.headers["Authorization"][:-4] + "AAAA"
    assert stack.download(archive, forged).status_code == 401


def test_password_alone_is_no_login(stack):
    body = {"username": stack.user.name, "password": stack.user.password}
    login = stack.admin.url + "/api/v1/auth/token/"
    answer = requests.post(login, json=body, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (401, "otp_required")
    wrong = f"{(int(stack.user.totp.now()) + 500000) % 1000000:06d}"
    assert requests.post(login, json={**body, "otp": wrong}, timeout=10).status_code == 401


@pytest.mark.parametrize("patience", [[], ["-H", "Expect:"]], ids=["expect", "impatient"])
def test_wrong_token_is_refused_before_the_body(stack, big_archive, patience):
    done = curl.run(*patience, "-T", big_archive.path, f"{stack.gateway.url}/u/{uuid.uuid4()}/")
    assert (done.code, done.status) == (0, 403), done
    assert "is not valid" in done.body
    assert done.sent <= (NEXT_TO_NOTHING if patience else 0)


def test_deleting_removes_the_files(stack, make_file):
    held = os.path.join(stack.data_dir, "archives")

    def files():
        return sum(len(names) for _, _, names in os.walk(held))

    before = files()
    ticket, file = stack.make_ticket(platform="passing"), make_file(1000)
    for _ in range(3):
        assert put(stack.gateway.url, ticket["token"], file.path).status == 201
    first = stack.archives(ticket)[0]
    assert files() > before
    assert stack.delete(f"/api/v1/archives/{first['id']}/").status_code == 204
    assert stack.download(first).status_code == 404
    assert len(stack.archives(ticket)) == 2
    assert stack.delete("/api/v1/platforms/passing/").status_code == 204
    assert stack.get(f"/api/v1/tickets/{ticket['number']}/").status_code == 404
    assert files() == before
    assert put(stack.gateway.url, ticket["token"], file.path).status == 403
