"""Alertmanager's API v2: an alert fires until it is resolved, or is not repeated in time.

Rule: labels say which alert it is and never change while it is open; what may change stands in annotations.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from streamer.adapters.notifier.posting import Poster
from streamer.core.alerts.notice import Notice
from streamer.core.alerts.wording import inert, lines, title

LASTS = 5
"""An alert that was not repeated for so many intervals is over: by then streamer is down, which has its own alert."""
TEST_MS = 60_000


class Alertmanager:
    """`secret`: `user:password`, or a bearer token."""

    forgets = True

    def __init__(self, name: str, url: str, secret: str | None, now_ms: Callable[[], int], resend_ms: int) -> None:
        self.name = name
        self._now_ms, self._lasts_ms = now_ms, LASTS * resend_ms
        self._poster = Poster(name, f"{url.rstrip('/')}/api/v2/alerts", _auth(secret))

    async def send(self, notice: Notice) -> str:
        body = json.dumps([self._alert(notice)]).encode()
        return await self._poster.post(body, {"content-type": "application/json"})

    async def close(self) -> None:
        await self._poster.close()

    def _alert(self, notice: Notice) -> dict[str, object]:
        key, now_ms = notice.key, self._now_ms()
        labels = {
            "alertname": "StreamerTest" if notice.kind == "test" else notice.rule,
            "severity": notice.severity,
            "tenant": key.tenant,
            "agent": key.who,
            "version": key.version or "",
            "judge": key.judge,
            "episode": notice.episode,
            "source": "streamer",
        }
        ends_ms = now_ms + (TEST_MS if notice.kind == "test" else self._lasts_ms)
        starts_ms = min(notice.raised_at_ms, now_ms)
        return {
            "labels": {name: said for name, value in labels.items() if (said := inert(value))},
            "annotations": {"summary": title(notice), "description": "\n".join(lines(notice))}
            | {f"example_{n}": link for n, link in enumerate(notice.links, 1) if link},
            "startsAt": _at(starts_ms),
            "endsAt": _at(max(now_ms, starts_ms + 1) if notice.kind == "resolve" else ends_ms),
        }


def _at(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def _auth(secret: str | None) -> httpx.Auth | None:
    if secret is None:
        return None
    user, mark, password = secret.partition(":")
    return httpx.BasicAuth(user, password) if mark else _Bearer(secret)


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request):  # type: ignore[no-untyped-def]
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request
