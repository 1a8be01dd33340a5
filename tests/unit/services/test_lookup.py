"""Who holds a secret, and what is remembered of it."""

import sqlite3
from collections.abc import Sequence

import pytest

from keyturn.domain import verifier
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.services import lookup as module
from keyturn.services.key_terms import NewKey
from keyturn.services.keys import Issued, Keys
from keyturn.services.lookup import Lookup
from keyturn.store.holders import Holder
from keyturn.store.key_lookup import KeyLookup
from keyturn.store.vault import Vault

BY = Principal(OPERATOR)


class Counted:
    """Look-ups that count."""

    def __init__(self, key_lookup: KeyLookup, vault: Vault) -> None:
        self.count = 0
        self._find = key_lookup.find
        self.lookup = Lookup(self.find, vault, version=key_lookup.version)

    def find(self, verifiers: Sequence[bytes]) -> Holder | None:
        """Look up."""
        self.count += 1
        return self._find(verifiers)


@pytest.fixture
def counted(key_lookup: KeyLookup, vault: Vault) -> Counted:
    """Look-ups over the database of the test."""
    return Counted(key_lookup, vault)


async def issue(keys: Keys) -> tuple[Issued, bytes]:
    """Issue a key; return it with the digest of its secret."""
    issued = await keys.create(NewKey(name="app"), by=BY)
    assert isinstance(issued, Issued), issued
    return issued, verifier.digest(issued.secret.reveal().encode())


async def test_a_key_is_looked_up_once_while_nothing_changes(counted: Counted, keys: Keys) -> None:
    """The key that a service verifies others with is the same each time."""
    issued, digest = await issue(keys)

    found = [await counted.lookup.by_digest(digest) for _ in range(3)]

    assert [one and one.id for one in found] == [issued.key.stored.id] * 3
    assert counted.count == 1


async def test_a_change_is_seen_by_the_next_look_up(counted: Counted, keys: Keys) -> None:
    """When a revocation has returned, the key is dead."""
    issued, digest = await issue(keys)
    before = await counted.lookup.by_digest(digest)

    await keys.revoke(issued.key.stored.id, by=BY)
    after = await counted.lookup.by_digest(digest)

    assert before is not None
    assert before.revoked_at is None
    assert after is not None
    assert after.revoked_at is not None


async def test_a_change_that_another_program_made_is_seen_too(counted: Counted, keys: Keys) -> None:
    """The database may be restored, or mended, behind our back."""
    issued, digest = await issue(keys)
    await counted.lookup.by_digest(digest)

    with sqlite3.connect(keys._store.path) as database:
        database.execute("UPDATE keys SET enabled = 0 WHERE id = ?", (issued.key.stored.id,))
    database.close()

    found = await counted.lookup.by_digest(digest)
    assert found is not None
    assert not found.enabled


async def test_what_a_pepper_verified_is_forgotten_with_it(
    counted: Counted, keys: Keys, vault: Vault
) -> None:
    """No row changes when its file goes."""
    _, digest = await issue(keys)
    known = await counted.lookup.by_digest(digest)

    vault.rotate_pepper()
    vault.remove_pepper("pepper-1")

    assert known is not None
    assert await counted.lookup.by_digest(digest) is None


async def test_a_secret_that_nobody_holds_is_not_remembered(counted: Counted, keys: Keys) -> None:
    """Strangers would fill the memory with what they make up."""
    await issue(keys)

    found = [await counted.lookup.by_digest(b"?" * 32) for _ in range(2)]

    assert found == [None, None]
    assert counted.count == 2


async def test_a_million_keys_do_not_fill_the_memory(
    counted: Counted, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found first is forgotten first."""
    monkeypatch.setattr(module, "REMEMBERED", 2)
    digests = [(await issue(keys))[1] for _ in range(3)]
    for digest in digests:
        await counted.lookup.by_digest(digest)

    await counted.lookup.by_digest(digests[2])
    assert counted.count == 3
    await counted.lookup.by_digest(digests[0])

    assert counted.count == 4
