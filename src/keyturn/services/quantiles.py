"""How long requests took, read off histograms once: those of hours and days that are over come again with each look."""

from functools import lru_cache

from keyturn.domain import latency

SHARES = (0.5, 0.95)
SHORT, LONG = 1_024, 1 << 16
"""Bytes: one with an entry a bucket is no longer than the first; of all requests of many hours, no longer than the second."""
SHORT_REMEMBERED, LONG_REMEMBERED = 4_096, 256

Quantiles = tuple[int | None, ...]
UNKNOWN: Quantiles = (None,) * len(SHARES)


def quantiles(histogram: bytes) -> Quantiles:
    """Return what half of the requests, and 95 % of them, took at most, in microseconds; within 4 %."""
    if len(histogram) <= SHORT:
        return _of_short(histogram)
    return _of_long(histogram) if len(histogram) <= LONG else latency.quantiles_of(histogram, SHARES)


@lru_cache(SHORT_REMEMBERED)
def _of_short(histogram: bytes) -> Quantiles:
    return latency.quantiles_of(histogram, SHARES)


@lru_cache(LONG_REMEMBERED)
def _of_long(histogram: bytes) -> Quantiles:
    return latency.quantiles_of(histogram, SHARES)
