"""Peppers: a newer one, and verifiers that move to it."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from fakes.heard import Heard
from fakes.stored_keys import BY_OPERATOR
from keyturn.domain import verifier
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.issuing import mint
from keyturn.services.key_terms import NewKey
from keyturn.services.lookup import Lookup
from keyturn.services.peppers import SETTLED_S, Peppers, PepperState, Renewal
from keyturn.store import keys, projects, tables
from keyturn.store.engine import Store
from keyturn.store.key_lookup import KeyLookup
from keyturn.store.vault import Given, Vault
from keyturn.system import Tasks


@pytest.fixture
def peppers(furnished: Store, vault: Vault, workers: Heard) -> Peppers:
    """The use cases."""
    return Peppers(furnished, vault, workers)


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    """Where work in the background runs."""
    found = Tasks()
    yield found
    await found.cancel()


@pytest.fixture
def lookup(furnished: Store, key_lookup: KeyLookup, vault: Vault, tasks: Tasks) -> Lookup:
    """What workers ask."""
    return Lookup(key_lookup.find, vault, Renewal(furnished, vault, tasks).renew, version=key_lookup.version)


async def new_key(store: Store, vault: Vault) -> tuple[str, bytes]:
    """Store a key; return its id and the digest of its secret."""
    async with store.writing() as connection:
        project = await projects.first(connection)
        key, secret, stored = mint(vault, NewKey(name="app"), project_id=str(project), by="t", now_ms=1)
        await keys.add(connection, key, stored)
    return key.id, digest_of(secret)


def digest_of(secret: Secret) -> bytes:
    """Return what travels instead of a secret."""
    return verifier.digest(secret.reveal().encode())


async def peppers_of(store: Store) -> set[str]:
    """Return what the verifiers in the database were made with."""
    async with store.reading() as connection:
        return set(await connection.scalars(select(tables.secrets.c.pepper_id)))


async def settled(tasks: Tasks) -> None:
    """Wait until no work is left in the background."""
    while tasks._running:
        await asyncio.gather(*tasks._running)


async def test_a_rotation_leaves_every_key_as_it_is_and_makes_new_ones_with_the_new_pepper(
    peppers: Peppers, furnished: Store, vault: Vault, *, lookup: Lookup, tmp_path: Path, workers: Heard
) -> None:
    """Both peppers are in force: nobody is locked out."""
    old_id, old = await new_key(furnished, vault)

    states = await peppers.rotate(by=BY_OPERATOR)
    new_id, new = await new_key(furnished, vault)

    assert states == [PepperState("pepper-1", False, True, 2), PepperState("pepper-2", True, True, 0)]
    assert await peppers_of(furnished) == {"pepper-1", "pepper-2"}
    assert [getattr(await lookup.by_digest(one), "id", None) for one in (old, new)] == [old_id, new_id]
    assert (tmp_path / "secrets/pepper-2").stat().st_mode & 0o777 == 0o600
    assert workers.changes == [None]


async def test_a_verifier_moves_to_the_newest_pepper_when_its_secret_is_looked_up(
    peppers: Peppers, furnished: Store, vault: Vault, lookup: Lookup, tasks: Tasks
) -> None:
    """Only then is the secret at hand; the verifier, its binding and the pepper's name move together."""
    key_id, digest = await new_key(furnished, vault)
    await peppers.rotate(by=BY_OPERATOR)

    found = [await lookup.by_digest(digest) for _ in range(3)]
    await settled(tasks)

    assert [one.id for one in found if one is not None] == [key_id] * 3
    assert await peppers_of(furnished) == {"pepper-1", "pepper-2"}
    async with furnished.reading() as connection:
        [secret] = (await keys.secrets_of(connection, [key_id]))[key_id]
    assert secret.pepper_id == "pepper-2"
    assert secret.verifier == vault.verifier(digest)[1]
    assert secret.binding == vault.binding("pepper-2", secret.verifier, key_id)
    assert (await lookup.by_digest(digest)) is not None


async def test_a_verifier_that_was_moved_to_another_key_is_nobodys_and_stays(
    peppers: Peppers, furnished: Store, vault: Vault, lookup: Lookup, tasks: Tasks
) -> None:
    """Made anew it would get a binding to the stronger key: the very thing the binding is against."""
    weak, digest = await new_key(furnished, vault)
    strong, _ = await new_key(furnished, vault)
    async with furnished.writing() as connection:
        moved = update(tables.secrets).where(tables.secrets.c.key_id == weak).values(key_id=strong)
        await connection.execute(moved)
    await peppers.rotate(by=BY_OPERATOR)

    found = await lookup.by_digest(digest)
    await settled(tasks)

    assert found is None
    assert await peppers_of(furnished) == {"pepper-1"}


async def test_a_hash_made_without_the_pepper_is_nobodys(
    furnished: Store, vault: Vault, lookup: Lookup
) -> None:
    """Who can write the database, but has not the pepper, can't make a key."""
    key_id, _ = await new_key(furnished, vault)
    made_up = verifier.digest(b"sk-of-the-intruder")
    async with furnished.writing() as connection:
        forged = {"verifier": made_up, "binding": verifier.digest(made_up + key_id.encode())}
        await connection.execute(
            update(tables.secrets).where(tables.secrets.c.key_id == key_id).values(forged)
        )

    assert await lookup.by_digest(made_up) is None
    assert await lookup.by_digest(verifier.digest(made_up)) is None


async def test_an_unused_pepper_can_go_and_a_used_one_stays(
    peppers: Peppers, furnished: Store, vault: Vault, *, lookup: Lookup, tasks: Tasks, tmp_path: Path
) -> None:
    """Deleting one that a key still needs would lock its holder out."""
    _, digest = await new_key(furnished, vault)
    await peppers.rotate(by=BY_OPERATOR)
    make_old(tmp_path / "secrets/pepper-2")
    with_keys = await peppers.prune(by=BY_OPERATOR)
    await lookup.by_digest(digest)
    await settled(tasks)
    async with furnished.writing() as connection:
        unused = tables.secrets.c.pepper_id == "pepper-1"
        await connection.execute(tables.secrets.delete().where(unused))

    without = await peppers.prune(by=BY_OPERATOR)

    assert [one.name for one in done(with_keys)] == ["pepper-1", "pepper-2"]
    assert [one.name for one in done(without)] == ["pepper-2"]
    assert not (tmp_path / "secrets/pepper-1").exists()
    assert await lookup.by_digest(digest) is not None
    Vault(tmp_path / "secrets").require(await peppers_of(furnished))


async def test_a_pepper_does_not_go_right_after_a_rotation(peppers: Peppers) -> None:
    """A key that is just being made with it is not in the database yet."""
    await peppers.rotate(by=BY_OPERATOR)

    refused = await peppers.prune(by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.CONFLICT


async def test_a_pepper_from_the_settings_is_rotated_there(
    furnished: Store, vault: Vault, workers: Heard, tmp_path: Path
) -> None:
    """One in a file would be missing wherever the operator restores the settings to."""
    given = Vault(tmp_path / "secrets", Given(peppers={"pepper-3": b"p" * 32}))

    refused = await Peppers(furnished, given, workers).rotate(by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert "vault.pepper" in refused.text


async def test_rotating_and_deleting_are_written_to_the_audit_log(
    peppers: Peppers, furnished: Store, tmp_path: Path
) -> None:
    """An insider who prepares to make keys of their own leaves a trace."""
    await peppers.rotate(by=BY_OPERATOR)
    make_old(tmp_path / "secrets/pepper-2")
    async with furnished.writing() as connection:
        await connection.execute(tables.secrets.delete())
    await peppers.prune(by=BY_OPERATOR)

    async with furnished.reading() as connection:
        entries = await connection.execute(select(tables.audit.c.action).order_by(tables.audit.c.seq))
        actions = [row[0] for row in entries]

    assert actions[-2:] == ["pepper.rotate", "pepper.prune"]


def done(result: list[PepperState] | Refused) -> list[PepperState]:
    """Return what is not a refusal."""
    assert not isinstance(result, Refused)
    return result


def make_old(path: Path) -> None:
    """Set a file's time back behind the settling time."""
    past = path.stat().st_mtime - SETTLED_S - 1
    os.utime(path, (past, past))


async def test_a_move_that_failed_is_tried_again(
    peppers: Peppers, furnished: Store, vault: Vault, *, lookup: Lookup, tasks: Tasks
) -> None:
    """A database that was busy for a moment must not keep every key at the old pepper."""
    key_id, digest = await new_key(furnished, vault)
    await peppers.rotate(by=BY_OPERATOR)
    async with furnished.writing() as connection:
        await connection.exec_driver_sql(
            "CREATE TRIGGER busy BEFORE UPDATE ON secrets BEGIN SELECT RAISE(ABORT, 'busy'); END"
        )
    await lookup.by_digest(digest)
    with pytest.raises(IntegrityError):
        await settled(tasks)
    async with furnished.writing() as connection:
        await connection.exec_driver_sql("DROP TRIGGER busy")

    await lookup.by_digest(digest)
    await settled(tasks)

    async with furnished.reading() as connection:
        [secret] = (await keys.secrets_of(connection, [key_id]))[key_id]
    assert secret.pepper_id == "pepper-2"
