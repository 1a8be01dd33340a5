"""Workers that hear of every change at once; notes what they were told."""

from collections.abc import Sequence


class Heard:
    """Stands where the bus does.

    Attributes:
        changes: Key ids of each invalidation, ``None`` for each publication, in order.
    """

    def __init__(self) -> None:
        self.changes: list[list[str] | None] = []

    async def invalidate(self, key_ids: Sequence[str]) -> None:
        """Note it."""
        self.changes.append(list(key_ids))

    async def publish(self) -> None:
        """Note it."""
        self.changes.append(None)
