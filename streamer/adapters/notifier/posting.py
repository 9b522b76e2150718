"""One POST, and what its answer means."""

import asyncio
from collections.abc import Mapping

import httpx

from streamer.core.alerts.outbox import SEND_MS_MAX
from streamer.errors import PermanentError, TransientError

TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class Poster:
    """Redirects are not followed: where alerts go is configured, and nobody else says so."""

    def __init__(self, name: str, url: str, auth: httpx.Auth | None = None) -> None:
        self._name, self._url = name, url
        self._http = httpx.AsyncClient(timeout=SEND_MS_MAX / 1000, auth=auth, follow_redirects=False)

    async def post(self, body: bytes, headers: Mapping[str, str]) -> str:
        """The answer's status; its body is not read. TransientError or PermanentError if it was not taken.

        httpx' own timeout begins again with every byte that comes: a receiver that drips would hold a delivery for
        longer than its lease, and it would be told twice.
        """
        try:
            async with (
                asyncio.timeout(SEND_MS_MAX / 1000),
                self._http.stream("POST", self._url, content=body, headers=dict(headers)) as answer,
            ):
                pass
        except (httpx.HTTPError, TimeoutError) as error:
            raise TransientError(f"channel {self._name}: {type(error).__name__}") from None
        if answer.is_success:
            return f"{answer.status_code} {answer.reason_phrase}".strip()
        said = f"channel {self._name}: answered {answer.status_code}"
        if answer.is_redirect:
            raise PermanentError(f"{said}, a redirect, which is not followed: correct its url")
        if answer.status_code in TRY_AGAIN:
            raise TransientError(said, _retry_after_ms(answer))
        raise PermanentError(f"{said}: correct its url or its secret")

    async def close(self) -> None:
        await self._http.aclose()


def _retry_after_ms(answer: httpx.Response) -> int | None:
    seconds = answer.headers.get("retry-after", "")
    return int(seconds) * 1000 if seconds.isdecimal() and len(seconds) < 10 else None
