"""What the use cases need of whoever counts: to be told when something has changed that no request has done."""

from typing import Protocol


class Counters(Protocol):
    """Counts what limits are counted on."""

    async def reload(self, owner_id: str) -> None:
        """Count anew from the store for a key, project or account, because credit or usage was changed there.

        On return, every worker goes by the new figures: who had no credit is served, who has none is not.

        Raises:
            Fault: ``NOT_CONFIRMED``: the change stands, but a worker may not know it yet.
        """
        ...
