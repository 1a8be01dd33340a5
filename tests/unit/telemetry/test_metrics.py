"""The buckets of our histograms."""

from keyturn.telemetry.metrics import BUCKETS_S


def test_the_buckets_rise() -> None:
    """A worker finds the bucket by bisection."""
    assert list(BUCKETS_S) == sorted(set(BUCKETS_S))
