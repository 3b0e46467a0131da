"""Everything together: Redis, admin-api on sqlite (or PostgreSQL), the gateway, an administrator with TOTP."""

import itertools
import os

import requests

from lc.services import Admin, Gateway
from lc.stores import Redis
from lc.totp import Totp, secret_of
from lc.wait import until


class User:
    """Credentials of one account and the REST session that comes of them."""

    def __init__(self, admin, name, superuser=True, totp=True):
        self.admin, self.name = admin, name
        self.password, uri = admin.create_user(name, superuser=superuser, totp=totp)
        self.totp = Totp(secret_of(uri)) if uri else None
        if self.totp:
            admin.secrets.add(self.totp.secret)

    def login(self):
        """A requests.Session with a bearer token that passed 2FA (if the account has it)."""
        body = {"username": self.name, "password": self.password}
        if self.totp:
            body["otp"] = self.totp.fresh()
        answer = requests.post(self.admin.url + "/api/v1/auth/token/", json=body, timeout=10)
        assert answer.status_code == 200, f"login: {answer.status_code} {answer.text}"
        session = requests.Session()
        self.access = answer.json()["access"]
        self.admin.secrets.update((self.access, answer.json()["refresh"]))
        session.headers["Authorization"] = f"Bearer {self.access}"
        return session


class Stack:
    """start() once; `api` is the administrator's session, `anonymous` nobody's."""

    def __init__(self, directory, gateway_env=None, admin_env=None, db_url=None, aof=True):
        self.directory = str(directory)
        self.data_dir = os.path.join(self.directory, "data")
        os.makedirs(self.data_dir, exist_ok=True)
        self.redis = Redis(os.path.join(self.directory, "redis"), aof=aof)
        self.gateway = Gateway(self.data_dir, self.redis.url, os.path.join(self.directory, "upload-gw.log"),
                               gateway_env)
        self.admin = Admin(self.data_dir, self.redis.url, os.path.join(self.directory, "admin-api.log"), admin_env,
                           db_url)
        self.admin.env.setdefault("UPLOAD_URL", self.gateway.url)
        self.user = self.api = None
        self.anonymous = requests.Session()
        self._numbers = itertools.count(1001)

    def start(self):
        self.redis.start()
        self.admin.start()
        self.gateway.start()
        self.user = User(self.admin, "chief")
        self.api = self.user.login()
        self.wait_projected()
        return self

    def wait_projected(self):
        """Until admin-api has told Redis of every ticket and the gateway would admit."""
        until(lambda: self.redis.client.exists("lc:epoch"), what="the projection (lc:epoch)")

    def close(self):
        errors = []
        for end in (self.gateway.close, self.admin.close, self.redis.stop):
            try:
                end()
            except AssertionError as e:
                errors.append(str(e))
        assert not errors, "\n".join(errors)

    # -- the administrator's errands

    def get(self, path, **kw):
        return self.api.get(self.admin.url + path, timeout=30, **kw)

    def post(self, path, json=None, **kw):
        return self.api.post(self.admin.url + path, json=json, timeout=30, **kw)

    def patch(self, path, json=None, **kw):
        return self.api.patch(self.admin.url + path, json=json, timeout=30, **kw)

    def delete(self, path, **kw):
        return self.api.delete(self.admin.url + path, timeout=30, **kw)

    def make_platform(self, name="android"):
        answer = self.post("/api/v1/platforms/", {"name": name, "pretty_name": name.title()})
        assert answer.status_code in (201, 400), answer.text
        return name

    def make_ticket(self, attempts=5, platform="android", number=None, **fields):
        """A ticket as the API shows it; its token may stand in no log."""
        self.make_platform(platform)
        answer = self.post("/api/v1/tickets/", {"number": number or next(self._numbers), "attempts": attempts,
                                                "platform": platform, **fields})
        assert answer.status_code == 201, f"{answer.status_code} {answer.text}"
        ticket = answer.json()
        self.gateway.secrets.add(ticket["token"])
        self.admin.secrets.add(ticket["token"])
        self.wait_known(ticket)
        return ticket

    def wait_known(self, ticket):
        """Until the gateway knows the ticket's token."""
        url = f"{self.gateway.url}/api/v1/check/token/{ticket['token']}"
        until(lambda: requests.get(url, timeout=5).status_code == 200, what="the gateway to know the ticket")

    def attempts(self, ticket):
        """What is left of the ticket, as the database has it."""
        return self.get(f"/api/v1/tickets/{ticket['number']}/").json()["attempts"]

    def archives(self, ticket=None):
        answer = self.get("/api/v1/archives/", params={"ticket": ticket["number"]} if ticket else None)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        return answer.json()

    def wait_archives(self, ticket, count, timeout=20):
        return until(lambda: (lambda a: a if len(a) == count else None)(self.archives(ticket)), timeout,
                     f"{count} archives of ticket {ticket['number']}")

    def download(self, archive, session=None, **kw):
        """The archive by the `file` address that the API gives; kw as for requests.get."""
        path = "/archives/download/" + archive["file"].split("/archives/download/", 1)[1]
        return (session or self.api).get(self.admin.url + path, timeout=120, allow_redirects=False, **kw)
