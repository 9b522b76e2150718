"""The Spending port without Redis: one day, the same rules as reserve.lua and settle.lua."""

from collections.abc import Callable


class FakeSpending:
    def __init__(self, now_ms: Callable[[], int], *, usd_max: float | None, tokens_max: int | None) -> None:
        self.now_ms, self.usd_max, self.tokens_max = now_ms, usd_max, tokens_max
        self.usd, self.tokens = 0.0, 0
        self.reserved: dict[str, tuple[float, int, int]] = {}

    async def reserve(self, call: str, usd: float, tokens: int, until_ms: int) -> bool:
        for late in [name for name, held in self.reserved.items() if held[2] <= self.now_ms() and name != call]:
            self._spend(*self.reserved.pop(late)[:2])
        others = [held for name, held in self.reserved.items() if name != call]
        usd_after = self.usd + sum(held[0] for held in others) + usd
        tokens_after = self.tokens + sum(held[1] for held in others) + tokens
        if self.usd_max is not None and usd_after > self.usd_max + 1e-9:
            return False
        if self.tokens_max is not None and tokens_after > self.tokens_max:
            return False
        self.reserved[call] = (usd, tokens, until_ms)
        return True

    async def settle(self, call: str, usd: float, tokens: int) -> None:
        if self.reserved.pop(call, None) is not None:
            self._spend(usd, tokens)

    def _spend(self, usd: float, tokens: int) -> None:
        self.usd, self.tokens = self.usd + usd, self.tokens + tokens
