"""What was refused to keys, of all workers and of the management API together: a few minutes of it, in memory."""

import asyncio
from collections.abc import Iterable

from keyturn.domain.anomalies import PROBING_S, Details, Tried, scope_probing

REMEMBERED_KEYS, REMEMBERED_OPERATIONS = 10_000, 50


class Probing:
    """Collects refused operations and says when one key has tried too many."""

    def __init__(self) -> None:
        self._tried: dict[str, dict[str, float]] = {}
        self._found: dict[str, tuple[Tried, Details]] = {}
        self._woken = asyncio.Event()

    def note(self, refused: Iterable[Tried]) -> None:
        """Take in what was refused."""
        for one in refused:
            operations = self._tried.pop(one.key_id, {})
            operations = {name: at for name, at in operations.items() if one.at - at < PROBING_S}
            if len(operations) < REMEMBERED_OPERATIONS:
                operations[one.operation] = one.at
            while len(self._tried) >= REMEMBERED_KEYS:
                del self._tried[next(iter(self._tried))]
            self._tried[one.key_id] = operations
            told = scope_probing(operations, one.at)
            if told is not None:
                self._found[one.key_id] = one, told
                self._woken.set()

    async def found(self) -> list[tuple[Tried, Details]]:
        """Wait until there is a key to be told of; return each with the last thing it tried."""
        await self._woken.wait()
        self._woken.clear()
        found, self._found = list(self._found.values()), {}
        return found
