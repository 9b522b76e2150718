"""A webhook, signed as Standard Webhooks 1.0 says, so that receivers find a library that checks it.

`webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`; the timestamp
(Unix s) is that of the attempt, and a receiver refuses old ones: a recorded request cannot be sent again.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable

from streamer.adapters.notifier.posting import Poster
from streamer.core.alerts.notice import Notice
from streamer.errors import ConfigurationError

PREFIX = "whsec_"
"""Of a key in base64; without it the secret's own bytes are the key."""


class Webhook:
    """The body is the record of the topic `alerts` (schema/alerts-v1.json)."""

    forgets = False

    def __init__(self, name: str, url: str, secret: str, now_ms: Callable[[], int]) -> None:
        self.name = name
        self._key, self._now_ms, self._poster = key_of(name, secret), now_ms, Poster(name, url)

    async def send(self, notice: Notice) -> str:
        body = json.dumps(notice.to_json(), ensure_ascii=False, separators=(",", ":")).encode()
        at_s = str(self._now_ms() // 1_000)
        headers = {
            "content-type": "application/json",
            "webhook-id": notice.id,
            "webhook-timestamp": at_s,
            "webhook-signature": signature(self._key, notice.id, at_s, body),
        }
        return await self._poster.post(body, headers)

    async def close(self) -> None:
        await self._poster.close()


def signature(key: bytes, notice_id: str, at_s: str, body: bytes) -> str:
    signed = f"{notice_id}.{at_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def key_of(name: str, secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ConfigurationError(f"alerting.secrets: that of {name} begins with {PREFIX} and is no base64") from None
