"""The workers, as the use cases see them: who must hear of a change before it counts as made."""

from collections.abc import Sequence
from typing import Protocol


class Workers(Protocol):
    """Tells every live worker of this node; returns when the last has confirmed."""

    async def invalidate(self, key_ids: Sequence[str]) -> None:
        """Have these keys forgotten.

        Raises:
            Fault: ``NOT_CONFIRMED``: the change stands, but a worker may not know it yet.
        """

    async def publish(self) -> None:
        """Hand out models and upstreams as they are now; every cached key is forgotten too.

        Raises:
            Fault: ``NOT_CONFIRMED``: the change stands, but a worker may not know it yet.
        """


MANY = 1_000
"""From so many keys on, workers start afresh instead of being told each identifier."""


async def forget(workers: Workers, key_ids: Sequence[str]) -> None:
    """Have every worker forget the keys of an owner whose rights have changed.

    Up to ``MANY``, by name: the others stay in the caches. For more, everything is forgotten: a list of 100,000
    identifiers is 2.5 MB for each worker to read between two requests, while looking all keys in use up again
    costs some 100 us each, spread over the requests that need them.

    Raises:
        Fault: ``NOT_CONFIRMED``: the change stands, but a worker may not know it yet.
    """
    if len(key_ids) > MANY:
        await workers.publish()
    elif key_ids:
        await workers.invalidate(key_ids)
