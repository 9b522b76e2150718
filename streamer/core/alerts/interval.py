"""How sure a share is."""

from math import sqrt

Z95 = 1.959963984540054
"""Two-sided 95 % of the normal distribution."""


def wilson(hits: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval (1927), right also for few conversations and shares near 0; (0, 1) for none. `n` may be
    Kish's effective number where conversations have weights."""
    if n <= 0:
        return 0.0, 1.0
    share = min(1.0, max(0.0, hits / n))
    middle = share + z * z / (2 * n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
