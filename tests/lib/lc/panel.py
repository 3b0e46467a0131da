"""The panel's side of admin-api: a browser with cookies, an Origin, and the CSRF token in its header."""

import requests

from lc.totp import Totp

SESSION, ACCOUNT = "/api/v1/auth/session/", "/api/v1/account/"


class Panel(requests.Session):
    """One browser. `service` is an lc.services.Admin; what it receives may stand in no log of it."""

    def __init__(self, service, agent="Mozilla/5.0 (panel)"):
        super().__init__()
        self.service, self.headers["User-Agent"] = service, agent

    def request(self, method, url, **kw):  # pylint: disable=arguments-differ
        """`url` is a path; unsafe methods carry what a page of ours sends."""
        headers = {}
        if method.upper() not in ("GET", "HEAD", "OPTIONS"):
            headers["Origin"] = self.service.url
            if "csrftoken" in self.cookies:
                headers["X-CSRFToken"] = self.cookies["csrftoken"]
        headers.update(kw.pop("headers", None) or {})
        kw.update(timeout=30, allow_redirects=False)
        answer = super().request(method, self.service.url + url, headers=headers, **kw)
        if "lc_session" in self.cookies:
            self.service.secrets.add(self.cookies["lc_session"])
        return answer

    def login(self, name, password, otp=None):
        body = {"username": name, "password": password}
        return self.post(SESSION, json=body if otp is None else {**body, "otp": otp})

    def enrol(self, password):
        """Sets up a second factor: the phone and the backup codes."""
        offer = self.post(ACCOUNT + "totp/", json={"password": password})
        assert offer.status_code == 200, offer.text
        phone = Totp(offer.json()["secret"])
        self.service.secrets.add(phone.secret)
        answer = self.post(ACCOUNT + "totp/confirm/", json={"otp": phone.fresh()})
        assert answer.status_code == 200, answer.text
        codes = answer.json()["backup_codes"]
        self.service.secrets.update(codes)
        return phone, codes


class Account:
    """A user, and browsers of theirs. Logins are by backup codes: the phone's three codes are soon used up."""

    def __init__(self, service, name, superuser=False, totp=True):
        self.service, self.name, self.phone, self.codes = service, name, None, []
        self.password, _ = service.create_user(name, superuser=superuser, totp=False)
        if totp:
            panel = self.panel()
            self.phone, self.codes = panel.enrol(self.password)
            panel.delete(SESSION)

    def code(self):
        return self.codes.pop() if self.phone else None

    def panel(self, **kw):
        """A browser that has logged in."""
        panel = Panel(self.service, **kw)
        answer = panel.login(self.name, self.password, self.code())
        assert answer.status_code == 200, answer.text
        return panel

    def bearer(self):
        """A script with a JWT."""
        body = {"username": self.name, "password": self.password}
        if self.phone:
            body["otp"] = self.code()
        answer = requests.post(self.service.url + "/api/v1/auth/token/", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        self.service.secrets.update(answer.json().values())
        return answer.json()
