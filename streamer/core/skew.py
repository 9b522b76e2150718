"""How far this machine's clock is off Redis'.

Rule: leases are Redis' business, but what a worker believes of its own lease, of records "in the future" and of when
to look again rests on its clock (design 8).
"""

SKEW_MS_MAX = 2_000


def skew_ms(before_ms: int, redis_ms: int, after_ms: int) -> int:
    """Redis' time less ours, as far as it is proven: the answer was made between `before_ms` and `after_ms`."""
    return redis_ms - min(max(redis_ms, before_ms), after_ms)
