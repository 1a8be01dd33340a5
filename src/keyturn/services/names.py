"""What the things in a list are called."""

from collections.abc import Iterable

from keyturn.store import names
from keyturn.store.engine import Store


class Names:
    """The use case. Only for identifiers that whoever asks has been shown anyway."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, wanted: Iterable[str]) -> dict[str, str]:
        """Return the names of keys, people, accounts, projects, plans and upstreams by their identifiers."""
        those = set(wanted)
        if not those:
            return {}
        async with self._store.reading() as connection:
            return await names.names(connection, those)
