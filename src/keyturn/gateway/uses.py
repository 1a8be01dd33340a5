"""Uses of keys noted beside the calls of models: by other calls, and from where a secret in its overlap is still used."""

from keyturn.domain.journal import Used
from keyturn.domain.keys import KeyRecord
from keyturn.gateway.journal import Journal

AGAIN_AFTER_S = 10.0
REMEMBERED = 10_000


class Uses:
    """What one worker has noted."""

    def __init__(self, journal: Journal) -> None:
        """Take in where uses are written down."""
        self._journal = journal
        self._noted: dict[tuple[str, str], float] = {}

    def note(self, key: KeyRecord, now: float, *, location: str, address: str) -> None:
        """Note a use, unless one of the same secret from the same address was noted within ten seconds.

        Args:
            key: As the secret led to it.
            now: Seconds since 1970 UTC.
            location: Where the secret stood.
            address: The client's.
        """
        about = key.secret_id, address
        if now - self._noted.get(about, -AGAIN_AFTER_S) < AGAIN_AFTER_S or not key.secret_id:
            return
        self._noted.pop(about, None)
        if len(self._noted) >= REMEMBERED:
            del self._noted[next(iter(self._noted))]
        self._noted[about] = now
        self._journal.note(Used(key.id, key.secret_id, int(now * 1e6), location, address))
