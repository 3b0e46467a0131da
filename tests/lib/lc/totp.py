"""One-time codes by RFC 6238 (SHA-1, 30 s, 6 digits), each step used once as the service demands."""

import base64
import hashlib
import hmac
import struct
import time
from urllib.parse import parse_qs, urlparse

from lc.wait import until

STEP = 30


def code_at(secret, step):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8), casefold=True)
    digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


def secret_of(otpauth_uri):
    return parse_qs(urlparse(otpauth_uri).query)["secret"][0]


class Totp:
    """A phone. The service takes steps now-1 … now+1, each only after the last one used."""

    def __init__(self, secret):
        self.secret, self.last = secret, 0

    def now(self):
        """The current code, used or not."""
        return code_at(self.secret, int(time.time()) // STEP)

    def fresh(self):
        """A code never given before; waits when the three of this moment are used up."""
        step = max(self.last + 1, int(time.time()) // STEP)
        until(lambda: step <= int(time.time()) // STEP + 1, 2 * STEP, "the next one-time code", step=0.2)
        self.last = step
        return code_at(self.secret, step)
