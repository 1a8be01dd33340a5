"""Secrets shown once more."""

from typing import Any

import pytest
from sqlalchemy import select, update

from fakes.stored_keys import BY_OPERATOR
from keyturn import system
from keyturn.domain import verifier
from keyturn.domain.key_text import Kind
from keyturn.domain.permissions import Permission
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.issuing import mint
from keyturn.services.key_terms import NewKey
from keyturn.services.lookup import Lookup
from keyturn.services.reveal import PER_HOUR, Proof, Reveal, Revealed
from keyturn.store import keys, projects, tables
from keyturn.store.engine import Store
from keyturn.store.vault import Vault

NAMED = Proof(confirm="app")


@pytest.fixture
def reveal(furnished: Store, vault: Vault, lookup: Lookup) -> Reveal:
    """The use cases."""
    return Reveal(furnished, vault, lookup)


async def new_key(store: Store, vault: Vault, name: str = "app", **members: Any) -> tuple[str, Secret]:
    """Store a key; return its id and its secret."""
    wanted = NewKey(name=name, **members)
    async with store.writing() as connection:
        project = str(await projects.first(connection))
        key, secret, stored = mint(vault, wanted, project_id=project, by="t", now_ms=system.now_ms())
        await keys.add(connection, key, stored)
    return key.id, secret


async def caller(store: Store, vault: Vault, lookup: Lookup, **members: Any) -> tuple[Principal, Secret]:
    """Return a principal that came with a key, and the key's secret."""
    _, secret = await new_key(store, vault, "caller", **members)
    record = await lookup.by_digest(verifier.digest(secret.reveal().encode()))
    assert record is not None
    return Principal(record.id, key=record), secret


def reason(result: Revealed | Refused) -> Reason:
    """Return why it was refused."""
    assert isinstance(result, Refused)
    return result.reason


async def test_the_secret_of_a_recoverable_key_is_shown_and_that_is_audited(
    reveal: Reveal, furnished: Store, vault: Vault
) -> None:
    """What the holder lost is what they get back; the log says who looked, and not at what."""
    key_id, secret = await new_key(furnished, vault, recoverable=True)

    shown = await reveal.reveal(key_id, NAMED, by=BY_OPERATOR)

    assert isinstance(shown, Revealed)
    assert shown.secret == secret
    async with furnished.reading() as connection:
        entry = (await connection.execute(select(tables.audit).order_by(tables.audit.c.seq.desc()))).first()
    assert entry is not None
    assert (entry.action, entry.target, entry.actor) == ("key.reveal", key_id, "operator")
    assert secret.reveal() not in str(entry)


@pytest.mark.parametrize("proof", [Proof(), Proof(confirm="App"), Proof(credential=Secret("sk-x"))])
async def test_the_operator_names_the_key(
    reveal: Reveal, furnished: Store, vault: Vault, proof: Proof
) -> None:
    """A loop over all keys is not made by accident."""
    key_id, _ = await new_key(furnished, vault, recoverable=True)

    assert reason(await reveal.reveal(key_id, proof, by=BY_OPERATOR)) is Reason.CONFIRMATION_REQUIRED


async def test_a_key_shows_itself_once_more(
    reveal: Reveal, furnished: Store, vault: Vault, lookup: Lookup
) -> None:
    """A session that was taken over has no key to show."""
    key_id, secret = await new_key(furnished, vault, recoverable=True)
    by, own = await caller(furnished, vault, lookup, kind=Kind.MANAGEMENT)
    _, other = await caller(furnished, vault, lookup, kind=Kind.MANAGEMENT)

    results = [
        await reveal.reveal(key_id, Proof(credential=sent), by=by) for sent in (None, other, Secret("?"), own)
    ]
    named = await reveal.reveal(key_id, NAMED, by=by)

    refused = [reason(one) for one in [*results[:3], named]]
    assert refused == [Reason.CONFIRMATION_REQUIRED] * 4
    assert isinstance(results[3], Revealed)
    assert results[3].secret == secret


async def test_a_key_does_not_see_a_stronger_one(
    reveal: Reveal, furnished: Store, vault: Vault, lookup: Lookup
) -> None:
    """It would be the stronger one from then on."""
    key_id, _ = await new_key(furnished, vault, recoverable=True)
    by, own = await caller(furnished, vault, lookup, permissions=frozenset({Permission.WRITE}))

    result = await reveal.reveal(key_id, Proof(credential=own), by=by)

    assert reason(result) is Reason.INSUFFICIENT_PERMISSIONS


async def test_the_eleventh_in_an_hour_is_refused_with_the_time_to_wait(
    reveal: Reveal, furnished: Store, vault: Vault
) -> None:
    """Whoever empties the vault is slow, and seen; a restart of the node does not help them."""
    key_id, _ = await new_key(furnished, vault, recoverable=True)
    shown = [await reveal.reveal(key_id, NAMED, by=BY_OPERATOR) for _ in range(PER_HOUR)]
    again = Reveal(furnished, vault, reveal._lookup)

    refused = await again.reveal(key_id, NAMED, by=BY_OPERATOR)

    assert all(isinstance(one, Revealed) for one in shown)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.RATE_LIMIT_EXCEEDED
    assert 3_500 < (refused.wait_s or 0) <= 3_600


async def test_a_refused_attempt_does_not_count(reveal: Reveal, furnished: Store, vault: Vault) -> None:
    """A wrong name must not use up what the operator needs in an emergency."""
    key_id, _ = await new_key(furnished, vault, recoverable=True)
    for _ in range(PER_HOUR):
        await reveal.reveal(key_id, Proof(confirm="no"), by=BY_OPERATOR)

    assert isinstance(await reveal.reveal(key_id, NAMED, by=BY_OPERATOR), Revealed)


async def test_a_key_that_is_not_recoverable_has_nothing_to_show(
    reveal: Reveal, furnished: Store, vault: Vault
) -> None:
    """The answer says why, because the reader wonders."""
    key_id, _ = await new_key(furnished, vault)

    refused = await reveal.reveal(key_id, NAMED, by=BY_OPERATOR)

    assert reason(refused) is Reason.CONFLICT
    assert isinstance(refused, Refused)
    assert "not created recoverable" in refused.text


async def test_a_text_that_was_forgotten_is_gone(reveal: Reveal, furnished: Store, vault: Vault) -> None:
    """Turning ``recoverable`` off destroys what was sealed."""
    key_id, _ = await new_key(furnished, vault, recoverable=True)

    async with furnished.writing() as connection:
        await keys.forget_text(connection, key_id)

    assert reason(await reveal.reveal(key_id, NAMED, by=BY_OPERATOR)) is Reason.CONFLICT
    async with furnished.reading() as connection:
        [secret] = (await keys.secrets_of(connection, [key_id]))[key_id]
    assert secret.sealed is None


async def test_a_sealed_text_moved_to_another_key_is_not_shown(
    reveal: Reveal, furnished: Store, vault: Vault
) -> None:
    """Who can write the database must not read a key by way of one they may see."""
    first, _ = await new_key(furnished, vault, "first", recoverable=True)
    second, _ = await new_key(furnished, vault, "app", recoverable=True)
    async with furnished.writing() as connection:
        [secret] = (await keys.secrets_of(connection, [first]))[first]
        moved = update(tables.secrets).where(tables.secrets.c.key_id == second).values(sealed=secret.sealed)
        await connection.execute(moved)

    assert reason(await reveal.reveal(second, NAMED, by=BY_OPERATOR)) is Reason.CONFLICT


async def test_a_secret_that_is_dead_is_not_shown(reveal: Reveal, furnished: Store, vault: Vault) -> None:
    """It opens nothing, and somebody would try."""
    key_id, _ = await new_key(furnished, vault, recoverable=True)
    async with furnished.writing() as connection:
        await connection.execute(update(tables.secrets).values(revoked_at=1))

    assert reason(await reveal.reveal(key_id, NAMED, by=BY_OPERATOR)) is Reason.CONFLICT


async def test_a_key_out_of_reach_does_not_exist(reveal: Reveal) -> None:
    """Its name must not be learnt from the answer."""
    assert reason(await reveal.reveal("key_x", NAMED, by=BY_OPERATOR)) is Reason.RESOURCE_NOT_FOUND
