"""What is played in every stack: the main job, as a customer and an engineer do it with curl."""

from lc import curl
from lc.fixtures import sha256_of


def upload(stack, ticket, file, *args):
    return curl.run(*args, *curl.JSON, "-T", file.path, f"{stack.gateway.url}/u/{ticket['token']}/")


def download(stack, archive, path):
    """With the token that a login with a one-time code gave; the digest of what came."""
    where = archive["file"].split("/archives/download/", 1)[1]
    done = curl.run("-o", path, "-H", f"Authorization: Bearer {stack.user.access}",
                    f"{stack.admin.url}/archives/download/{where}")
    assert done.status == 200, done
    return sha256_of(path)


def main_job(stack, file, directory):
    """The ticket, with its archive as the API shows it."""
    ticket = stack.make_ticket()
    done = upload(stack, ticket, file)
    assert done.status == 201 and done.json()["sha256"] == file.sha256, done
    (archive,) = stack.wait_archives(ticket, 1)
    assert (archive["size"], archive["sha256"]) == (file.size, file.sha256)
    assert download(stack, archive, f"{directory}/back") == file.sha256
    assert stack.download(archive, stack.anonymous).status_code in (302, 401)
    assert upload(stack, {"token": "00000000-0000-4000-8000-000000000000"}, file).status == 403
    assert stack.attempts(ticket) == ticket["attempts"] - 1
    return ticket, archive
