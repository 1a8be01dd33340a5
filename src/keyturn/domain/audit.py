"""The chain of the audit log: what is hashed, how entries hang together, and what is wrong where they don't.

Each entry holds the hash of the one before and a hash over that and its own fields. Whoever changes, takes out or
moves an entry has to write every later one anew, and then the last hash is another. Whoever noted an earlier hash
elsewhere (a checkpoint) sees that, and sees too when the end was cut off. Without one nobody can.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum

import msgspec

FIRST = bytes(32)
"""What stands in for the hash before the first entry."""
NEIGHBOURHOOD = 1_000
"""How far away an entry is looked for that stands in a wrong place."""

_canonical = msgspec.json.Encoder(order="deterministic")


class Entry(msgspec.Struct, frozen=True):
    """An entry of the audit log."""

    seq: int
    """From 1, without a gap."""
    at: int
    """Milliseconds since 1970 UTC."""
    actor: str
    address: str
    request_id: str
    action: str
    target: str
    before: str
    """Canonical JSON."""
    after: str
    previous: bytes
    """The hash of the entry before; 32 zero bytes for the first."""
    hash: bytes

    def hash_as(self, seq: int) -> bytes:
        """Return the hash that these fields have under a number."""
        rest = (self.at, self.actor, self.address, self.request_id, self.action, self.target)
        return chained(self.previous, (seq, *rest, self.before, self.after))


class Damage(StrEnum):
    """What is wrong with a chain."""

    CHANGED = "changed"
    MISSING = "missing"
    REORDERED = "reordered"
    CUT_OFF = "cut_off"


class Problem(msgspec.Struct, frozen=True):
    """The first thing that is wrong."""

    seq: int
    damage: Damage
    text: str
    """A sentence for people."""


def canonical(facts: object) -> str:
    """Return facts as JSON with one form only: members sorted, no white space; ``null`` for nothing."""
    return _canonical.encode(facts).decode()


def chained(previous: bytes, fields: tuple[int | str, ...]) -> bytes:
    """Return the hash of an entry (32 bytes): SHA-256 over the hash before it and its own fields as canonical JSON."""
    return hashlib.sha256(previous + _canonical.encode(fields)).digest()


class Walk:
    """Follows a chain from its first entry, remembering one hash.

    Attributes:
        count: How many entries were good.
        last: The hash of the last good one.
    """

    def __init__(self, noted: Mapping[int, bytes] | None = None) -> None:
        """Begin before the first entry.

        Args:
            noted: Number → hash of entries as they were once seen: what checkpoints say.
        """
        self.count = 0
        self.last = FIRST
        self._noted = noted or {}

    def step(self, entry: Entry) -> Problem | None:
        """Take the next entry; a problem ends the walk."""
        expected = self.count + 1
        if entry.seq != expected:
            return _gap(expected, entry.seq)
        if entry.hash_as(expected) != entry.hash:
            return _altered(entry)
        if entry.previous != self.last:
            text = f"entry {expected} was written after another entry than the one that stands before it"
            return Problem(expected, Damage.CHANGED, text)
        if self._noted.get(expected, entry.hash) != entry.hash:
            text = f"entry {expected} is not the one that the checkpoint saw: it or one before it was written anew"
            return Problem(expected, Damage.CHANGED, text)
        self.count, self.last = expected, entry.hash
        return None

    def end(self) -> Problem | None:
        """Say whether the chain ends where it may; without checkpoints it may end anywhere."""
        furthest = max(self._noted, default=0)
        if furthest <= self.count:
            return None
        text = (
            f"the log ends after {self.count} entries, but a checkpoint saw {furthest}: the end was cut off"
        )
        return Problem(self.count + 1, Damage.CUT_OFF, text)


def _gap(expected: int, found: int) -> Problem:
    if found < expected:
        text = f"there is an entry with the number {found}, before the first"
        return Problem(found, Damage.CHANGED, text)
    gone = f"entry {expected} is" if found == expected + 1 else f"entries {expected} to {found - 1} are"
    return Problem(expected, Damage.MISSING, f"{gone} missing")


def _altered(entry: Entry) -> Problem:
    for distance in range(1, NEIGHBOURHOOD + 1):
        for seq in (entry.seq + distance, entry.seq - distance):
            if entry.hash_as(seq) == entry.hash:
                text = f"in place of entry {entry.seq} stands the one that was written as number {seq}"
                return Problem(entry.seq, Damage.REORDERED, text)
    return Problem(entry.seq, Damage.CHANGED, f"entry {entry.seq} was changed after it was written")
