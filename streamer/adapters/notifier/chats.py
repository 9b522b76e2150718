"""Slack, Teams, PagerDuty, e-mail and the rest, through apprise (the extra `alerts`).

Rule: chats read markup, and what a user wrote must not be any: the words are core/alerts/wording.py's, inert, and sent
as plain text. apprise's own log holds addresses and is switched off.
"""

import asyncio
import logging
from typing import Any

from streamer.core.alerts.notice import Notice
from streamer.core.alerts.outbox import SEND_MS_MAX
from streamer.core.alerts.wording import lines, title
from streamer.errors import ConfigurationError, TransientError

KINDS = {"raise": "failure", "ask": "warning", "resolve": "success", "test": "info"}


class AppriseChannel:
    forgets = False

    def __init__(self, name: str, address: str) -> None:
        """`address`: as apprise writes it, `slack://…`. ConfigurationError if it knows none like it."""
        self.name = name
        self._apprise = _opened(name, address)

    async def send(self, notice: Notice) -> str:
        body = "\n".join([*lines(notice), *(link for link in notice.links if link)])
        kind = KINDS[notice.kind]
        try:
            async with asyncio.timeout(SEND_MS_MAX / 1000):
                done = await self._apprise.async_notify(body, title=title(notice), notify_type=kind, body_format="text")
        except TimeoutError:
            done = False
        if not done:
            raise TransientError(f"channel {self.name}: apprise could not deliver")
        return "delivered"

    async def close(self) -> None:
        return None


def _opened(name: str, address: str) -> Any:  # noqa: ANN401
    try:
        import apprise
    except ImportError:
        raise ConfigurationError(f"channel {name} needs apprise: pip install 'streamer[alerts]'") from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    opened = apprise.Apprise()
    if not opened.add(address):
        raise ConfigurationError(f"alerting.secrets: apprise knows no address like that of {name}")
    return opened
