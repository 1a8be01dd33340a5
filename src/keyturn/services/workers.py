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
