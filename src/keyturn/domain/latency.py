"""Durations of many requests in little room, so that they can be added up and still say what half of them took.

A histogram is bytes: integers of 32 bits, the bucket in the lowest eight, how many in the others. A bucket is 8 % wide, so that a figure read off is within 4 % of the truth, and 256 of them reach from 10 us to an hour.
The same bucket may have several entries: two histograms are added by writing one behind the other.
"""

import math
import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate

RATIO = 1.08
"""Between the two ends of a bucket."""
LEAST_US = 10
"""Where the first bucket begins; what is shorter counts as this."""
BUCKETS = 256
_COUNT_LIMIT = 1 << 24
_MANY = 512
"""Entries; of more, many are the same, and to count those first takes less time."""
_PER_STEP = 1 / math.log(RATIO)
_LAST = BUCKETS - 1
_BUCKET_BYTE = 0 if sys.byteorder == "little" else 3
_log = math.log
_SINGLES = [array("I", [1 << 8 | number]).tobytes() for number in range(BUCKETS)]


def bucket(duration_us: int) -> int:
    """Return the bucket of a duration in microseconds."""
    if duration_us <= LEAST_US:
        return 0
    return min(_LAST, int(_log(duration_us / LEAST_US) * _PER_STEP))


def single(duration_us: int) -> bytes:
    """Return the histogram of one duration in microseconds."""
    return _SINGLES[bucket(duration_us)]


def middle_us(number: int) -> int:
    """Return the duration that stands for a bucket: no duration in it is further than 4 % away."""
    return int(LEAST_US * math.pow(RATIO, number + 0.5) + 0.5)


def combine(*histograms: bytes | bytearray) -> bytes:
    """Add histograms up, with one entry a bucket."""
    return _write(counts(histograms))


def counts(histograms: Iterable[bytes | bytearray]) -> dict[int, int]:
    """Return how many durations fall into each bucket."""
    entries = array("I")
    for histogram in histograms:
        entries.frombytes(histogram)
    found: dict[int, int] = {}
    if len(entries) > _MANY:
        for entry, times in Counter(entries).items():
            found[entry & 0xFF] = found.get(entry & 0xFF, 0) + (entry >> 8) * times
    else:
        for entry in entries:
            found[entry & 0xFF] = found.get(entry & 0xFF, 0) + (entry >> 8)
    return found


def quantiles(found: dict[int, int], shares: Sequence[float]) -> tuple[int | None, ...]:
    """Return for each share, such as 0.95, the duration in microseconds that so many did not exceed.

    ``None`` where there is nothing to say it of.
    """
    if not found:
        return (None,) * len(shares)
    numbers = sorted(found)
    passed = list(accumulate(map(found.__getitem__, numbers)))
    ranks = (max(1, math.ceil(passed[-1] * share)) for share in shares)
    return tuple(middle_us(numbers[bisect_left(passed, rank)]) for rank in ranks)


def quantiles_of(histogram: bytes, shares: Sequence[float]) -> tuple[int | None, ...]:
    """Return what ``quantiles`` does of a histogram; of one whose buckets ascend, as ``combine`` writes it, in a third of the time."""
    buckets = histogram[_BUCKET_BYTE::4]
    if not buckets or len(buckets) > _MANY or bytes(sorted(buckets)) != buckets:
        return quantiles(counts([histogram]), shares)
    entries = array("I", histogram)
    # Sums of whole entries, the buckets in their lowest bits included: those are taken off again where it matters.
    sums = list(accumulate(entries))
    ranks = (max(1, math.ceil((sums[-1] - sum(buckets) >> 8) * share)) for share in shares)
    return tuple(middle_us(buckets[_place(sums, buckets, rank)]) for rank in ranks)


def _place(sums: list[int], buckets: bytes, rank: int) -> int:
    """Return the first entry up to which so many durations have been counted."""
    place = bisect_left(sums, rank << 8)
    while sums[place] - sum(buckets[: place + 1]) >> 8 < rank:
        place += 1
    return place


def _write(found: dict[int, int]) -> bytes:
    entries = array("I")
    for number, count in sorted(found.items()):
        left = count
        while left >= _COUNT_LIMIT:
            entries.append((_COUNT_LIMIT - 1) << 8 | number)
            left -= _COUNT_LIMIT - 1
        if left:
            entries.append(left << 8 | number)
    return entries.tobytes()
