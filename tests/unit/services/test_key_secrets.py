"""One secret of a key ended alone."""

import pytest

from fakes.rotating import BY, Rotating, done
from keyturn import system
from keyturn.domain.keys import SecretState
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.rotation import Delivery
from keyturn.services.key_secrets import KeySecrets, needed
from keyturn.services.keys import Key
from keyturn.services.rotation import Wish
from keyturn.store import audit
from keyturn.store.audit import AuditFilter
from keyturn.store.engine import Store
from keyturn.store.vault import Vault

PENDING, ACTIVE, RETIRING, DEAD = SecretState


@pytest.fixture
def rotating(furnished: Store, vault: Vault) -> Rotating:
    """Keys to rotate."""
    return Rotating(furnished, vault)


@pytest.fixture
def secrets(rotating: Rotating) -> KeySecrets:
    """The use case; the same workers hear of it."""
    return KeySecrets(rotating.store, rotating.heard)


async def test_a_rotated_secret_is_ended_and_the_one_in_use_works_on(
    rotating: Rotating, secrets: KeySecrets
) -> None:
    """The workers hear of it before the call returns, and again whoever asks again."""
    key = await rotating.key(at=system.now_ms() - 1_000, recoverable=True)
    successor = done(await rotating.rotation.rotate(key.id, Wish(), by=BY))
    await rotating.rotation.first_used(successor.secret_id)
    old, _ = await rotating.secrets(key)
    heard = len(rotating.heard.changes)

    ended = await secrets.revoke(key.id, old.id, by=BY)
    again = await secrets.revoke(key.id, old.id, by=BY)

    assert isinstance(ended, Key)
    assert isinstance(again, Key)
    assert ended.stored.version == again.stored.version > key.version
    assert await rotating.states(key, system.now_ms()) == [DEAD, ACTIVE]
    assert rotating.heard.changes[heard:] == [[key.id], [key.id]]
    wanted = AuditFilter(action="secret.revoke")
    async with rotating.store.reading() as connection:
        [entry] = await audit.page(connection, wanted, before=None, limit=10)
    assert (entry.actor, entry.target) == ("operator", key.id)
    assert entry.before == '{"state":"retiring"}'
    assert old.display in entry.after
    assert [one.revoked_at is None for one in await rotating.secrets(key)] == [False, True]


async def test_one_that_nobody_has_used_is_ended_and_its_link_leads_nowhere(
    rotating: Rotating, secrets: KeySecrets
) -> None:
    """It reached the wrong person; the one in use never noticed."""
    key = await rotating.key(at=system.now_ms() - 1_000)
    successor = done(await rotating.rotation.rotate(key.id, Wish(delivery=Delivery.CLAIM), by=BY))
    assert successor.claim is not None

    assert isinstance(await secrets.revoke(key.id, successor.secret_id, by=BY), Key)

    await rotating.rotation.first_used(successor.secret_id)  # a use that was under way ends nothing
    assert await rotating.states(key, system.now_ms()) == [ACTIVE, DEAD]
    claimed = await rotating.claims.claim(successor.claim.token.reveal(), by=Principal(""))
    assert isinstance(claimed, Refused)


async def test_the_newest_in_use_stays(rotating: Rotating, secrets: KeySecrets) -> None:
    """Also while its successor waits: a key that looks alive and lets nobody in helps nobody."""
    key = await rotating.key(at=system.now_ms() - 1_000)
    [only] = await rotating.secrets(key)
    alone = await secrets.revoke(key.id, only.id, by=BY)
    await rotating.rotation.rotate(key.id, Wish(), by=BY)
    beside = await secrets.revoke(key.id, only.id, by=BY)

    for refused in (alone, beside):
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.CONFLICT
    assert await rotating.states(key, system.now_ms()) == [ACTIVE, PENDING]
    assert rotating.heard.changes == [[key.id]]


async def test_a_secret_of_another_key_is_not_reached_through_ones_own(
    rotating: Rotating, secrets: KeySecrets
) -> None:
    """Whoever may change a key names secrets of that key and no others."""
    own, other = await rotating.key(at=system.now_ms() - 1_000), await rotating.key(at=system.now_ms() - 900)
    done(await rotating.rotation.rotate(other.id, Wish(), by=BY))

    for secret in await rotating.secrets(other):
        refused = await secrets.revoke(own.id, secret.id, by=BY)
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.RESOURCE_NOT_FOUND
    assert await rotating.states(other, system.now_ms()) == [ACTIVE, PENDING]


async def test_what_a_failed_delivery_puts_back_stays_dead(rotating: Rotating, secrets: KeySecrets) -> None:
    """A rotation into a file that fails restores when secrets end; one that was ended for good stays so."""
    key = await rotating.key(at=system.now_ms() - 1_000)
    successor = done(await rotating.rotation.rotate(key.id, Wish(), by=BY))
    await rotating.rotation.first_used(successor.secret_id)
    before = await rotating.secrets(key)
    await secrets.revoke(key.id, before[0].id, by=BY)

    await rotating.rotation._undo(key.id, before, BY, ("the disk is full", system.now_ms()))

    assert await rotating.states(key, system.now_ms()) == [DEAD, ACTIVE]


async def test_where_none_is_in_use_the_newest_that_lives_is_needed(rotating: Rotating) -> None:
    """A key whose used secrets are over has one that waits; where all are dead, none is needed."""
    now_ms = system.now_ms()
    key = await rotating.key(at=now_ms - 1_000)
    successor = done(await rotating.rotation.rotate(key.id, Wish(), by=BY))
    _, pending = await rotating.secrets(key)

    assert needed([pending], now_ms) == successor.secret_id
    assert needed([], now_ms) == ""
