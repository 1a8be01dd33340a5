"""Workers that hear of every change at once; notes what they were told."""

from collections.abc import Sequence


class Heard:
    """Stands where the bus does.

    Attributes:
        changes: Key ids of each invalidation, ``None`` for each publication, in order.
        reloaded: The owners that were to be counted anew.
    """

    def __init__(self) -> None:
        self.changes: list[list[str] | None] = []
        self.reloaded: list[str] = []

    async def reload(self, owner_id: str) -> None:
        """Note it."""
        self.reloaded.append(owner_id)

    async def invalidate(self, key_ids: Sequence[str]) -> None:
        """Note it."""
        self.changes.append(list(key_ids))

    async def publish(self) -> None:
        """Note it."""
        self.changes.append(None)
