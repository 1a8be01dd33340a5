"""Who holds a secret: the one query that requests wait for.

It goes through a connection of its own and without a thread: an indexed look-up takes some 10 us, handing it to
another thread and back takes more than ten times as long. In WAL mode a reader waits for nobody.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from keyturn.store.engine import BUSY_TIMEOUT_S
from keyturn.store.holders import Holder

MAPPED_BYTES = 1 << 30
"""Of the database file, at most."""
_SELECT = """
SELECT s.id, s.verifier, s.binding, s.pepper_id, s.activated_at, s.expires_at, s.revoked_at,
  k.id, k.name, k.kind, k.permissions, k.enabled, k.revoked_at, k.expires_at, k.deleted_at, k.user_id, k.environment,
  k.not_before, k.models, k.endpoints, k.ip, k.origins, k.locations, k.decoy, k.frozen_at, k.self_rotation,
  p.id, p.policy, a.id, a.suspended_at IS NULL AND a.deleted_at IS NULL AND p.deleted_at IS NULL,
  k.user_id IS NULL OR (u.suspended_at IS NULL AND u.deleted_at IS NULL),
  a.id = (SELECT min(id) FROM accounts),
  (SELECT min(x.created_at) FROM secrets x WHERE x.key_id = k.id AND x.id > s.id AND x.revoked_at IS NULL),
  k.next_rotation_at, k.limits, p.limits, a.limits, n.limits, a.time_zone, a.prepaid OR coalesce(n.prepaid, 0),
  k.case_id
FROM secrets s
JOIN keys k ON k.id = s.key_id
JOIN projects p ON p.id = k.project_id
JOIN accounts a ON a.id = p.account_id
LEFT JOIN users u ON u.id = k.user_id
LEFT JOIN plans n ON n.id = a.plan_id
"""
_BY_VERIFIER = _SELECT + "WHERE s.verifier IN ({marks})"
_BY_KEY = _SELECT + "WHERE k.id = ? ORDER BY s.id"
_VERSION = "PRAGMA data_version"


class KeyLookup:
    """Finds who holds a secret."""

    def __init__(self, path: Path) -> None:
        """Open the database; it must exist and have the newest schema."""
        self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        self._connection.execute("PRAGMA query_only=ON")
        # Reading through a map saves a system call a page: with a million keys the slowest look-ups take half as long.
        self._connection.execute(f"PRAGMA mmap_size={MAPPED_BYTES}")

    def find(self, verifiers: Sequence[bytes]) -> Holder | None:
        """Return who holds the secret with one of these verifiers, whatever the state of the key."""
        query = _BY_VERIFIER.format(marks=",".join("?" * len(verifiers)))
        row = self._connection.execute(query, verifiers).fetchone()
        return None if row is None else Holder(*row)

    def version(self) -> int:
        """Return a number that is another as soon as anybody has committed a change to the database."""
        found: int = self._connection.execute(_VERSION).fetchone()[0]
        return found

    def of_key(self, key_id: str) -> list[Holder]:
        """Return the secrets of a key, whatever its state, oldest first."""
        return [Holder(*row) for row in self._connection.execute(_BY_KEY, (key_id,))]

    def labels(self, key_id: str) -> tuple[str, str]:
        """Return the tags of a key, separated by spaces, and its metadata, a JSON object."""
        row = self._connection.execute("SELECT tags, metadata FROM keys WHERE id = ?", (key_id,)).fetchone()
        return ("", "{}") if row is None else (row[0], row[1])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
