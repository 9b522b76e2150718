"""Figures of docs/performance.md: ratios to a floor or to a peer, each taken in one run.

    make bench
    python -m benchmarks ingest claim --json

Rule: machines are shared and noisy, so a figure is the median of interleaved rounds of CPU time, and no test asserts
it.
"""
