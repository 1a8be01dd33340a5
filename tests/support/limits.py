"""Limits on keys, and whether what was let in ever passed them."""

from bisect import bisect_left
from collections.abc import Sequence

from faults import books
from support.node import Node


def limited(node: Node, name: str, *limits: dict[str, object]) -> tuple[str, str]:
    """Create a key with limits; returns its id and its secret."""
    return node.new_key(name, preset="read-only", limits=list(limits))


def admitted_at(found: books.Books) -> dict[str, list[float]]:
    """Return when the requests of each key were let in, in seconds, in order."""
    times: dict[str, list[float]] = {}
    for request in found.requests:
        times.setdefault(request.key_id, []).append((request.started_us + request.admitted_us) / 1e6)
    return {key_id: sorted(own) for key_id, own in times.items()}


def most_within(times: Sequence[float], window_s: float) -> int:
    """Return the largest number of times that lie within any stretch of this length, its end left out."""
    return max((bisect_left(times, at + window_s) - index for index, at in enumerate(times)), default=0)
