"""Keys taken over from other systems."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from fakes.heard import Heard
from fakes.stored_keys import BY_OPERATOR
from keyturn.domain.foreign_keys import ForeignKey, Source
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord, Status, status
from keyturn.domain.limits import Limit, Metric, Window
from keyturn.domain.permissions import Permission
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.imports import MOST_SHAPES, Imported, Imports
from keyturn.services.lookup import Lookup
from keyturn.store import foreign_shapes, keys, projects, tables
from keyturn.store.engine import Store
from keyturn.store.vault import Vault

SHAPES = (("sk-or-v1-", 73),)


@pytest.fixture
def imports(furnished: Store, vault: Vault, workers: Heard) -> Imports:
    """The use cases."""
    return Imports(furnished, vault, workers)


def foreign(secret: str, **members: object) -> ForeignKey:
    """Return a key of another system with this secret."""
    digest = hashlib.sha256(secret.encode()).digest()
    plain = ForeignKey(digest=digest, name=f"app {secret}", display="sk-or-v1-0e6…", shapes=SHAPES)
    return msgspec.structs.replace(plain, **members)


async def take(
    imports: Imports, wanted: Sequence[ForeignKey], *, project: str = "", dry_run: bool = False
) -> Imported | Refused:
    """Import as the operator."""
    return await imports.take(Source.OPENROUTER, wanted, project=project, dry_run=dry_run, by=BY_OPERATOR)


async def record(lookup: Lookup, secret: str) -> KeyRecord | None:
    """Return what a worker learns that asks for a secret."""
    return await lookup.by_digest(hashlib.sha256(secret.encode()).digest())


async def count(store: Store) -> int:
    """Return how many keys there are."""
    async with store.reading() as connection:
        return int(await connection.scalar(select(func.count()).select_from(tables.keys)) or 0)


async def test_the_old_secret_leads_to_the_new_key_with_what_was_carried_over(
    imports: Imports, lookup: Lookup, workers: Heard
) -> None:
    """Customers notice nothing."""
    limit = Limit(Metric.REQUESTS, Window.MINUTE, 60)
    wanted = foreign(
        "one", models=("gpt-*",), ip=("192.0.2.0/24",), expires_at_ms=4_000_000_000_000, limits=(limit,)
    )

    done = await take(imports, [wanted])
    found = await record(lookup, "one")

    assert isinstance(done, Imported)
    assert (done.imported, done.duplicates) == (1, 0)
    assert found is not None
    assert (found.name, found.models, found.ip) == ("app one", ("gpt-*",), ("192.0.2.0/24",))
    assert found.expires_at == 4_000_000_000
    assert [bound.limit for bound in found.limits] == [limit]
    assert workers.changes == [None]


async def test_what_did_not_work_there_does_not_work_here(imports: Imports, lookup: Lookup) -> None:
    """A disabled customer must not come back by the move, nor an expired key."""
    await take(imports, [foreign("off", enabled=False), foreign("past", expires_at_ms=1_000)])

    states = [status(found, 2_000_000_000) for one in ("off", "past") if (found := await record(lookup, one))]

    assert states == [Status.DISABLED, Status.EXPIRED]


async def test_workers_learn_what_the_secrets_look_like(imports: Imports, furnished: Store) -> None:
    """They look nothing else up beside keys of ours."""
    await take(imports, [foreign("one"), foreign("two", shapes=(("acme_", 27),))])

    async with furnished.reading() as connection:
        assert await foreign_shapes.everything(connection) == {SHAPES[0], ("acme_", 27)}


async def test_an_import_can_be_repeated(imports: Imports, furnished: Store) -> None:
    """Whoever is cut off starts again, and so does whoever exports a second time to catch up."""
    await take(imports, [foreign("one"), foreign("one")])
    before = await count(furnished)

    again = await take(imports, [foreign("one"), foreign("two")])

    assert isinstance(again, Imported)
    assert (again.imported, again.duplicates) == (1, 1)
    assert await count(furnished) == before + 1


async def test_a_secret_is_known_again_after_the_pepper_was_rotated(
    imports: Imports, vault: Vault, lookup: Lookup
) -> None:
    """Its verifier is another with the new pepper; two keys for one secret would be a lottery."""
    await take(imports, [foreign("one")])
    vault.rotate_pepper()

    again = await take(imports, [foreign("one")])

    assert isinstance(again, Imported)
    assert (again.imported, again.duplicates) == (0, 1)


async def test_a_dry_run_counts_and_changes_nothing(
    imports: Imports, furnished: Store, workers: Heard
) -> None:
    """It is what one looks at before the real thing."""
    before = await count(furnished)

    done = await take(imports, [foreign("one"), foreign("one")], dry_run=True)

    assert isinstance(done, Imported)
    assert (done.imported, done.duplicates, done.dry_run) == (1, 1, True)
    assert await count(furnished) == before
    assert workers.changes == []
    async with furnished.reading() as connection:
        assert await foreign_shapes.everything(connection) == frozenset()
        entries = await connection.scalars(select(tables.audit.c.action))
        assert "key.import" not in set(entries)


@pytest.mark.parametrize(
    ("bad", "param"),
    [
        (foreign("two", shapes=(("sk-", 35),)), "keys[1].shapes"),
        (foreign("two", ip=("nonsense",)), "keys[1].ip[0]"),
        (foreign("two", name=""), "keys[1].name"),
    ],
)
async def test_one_bad_key_keeps_all_out(
    imports: Imports, furnished: Store, bad: ForeignKey, param: str
) -> None:
    """Half an import is the worst of all; the refusal says which key it was."""
    before = await count(furnished)

    refused = await take(imports, [foreign("one"), bad])

    assert isinstance(refused, Refused)
    assert refused.param == param
    assert await count(furnished) == before


async def test_a_project_that_does_not_exist_is_refused(imports: Imports) -> None:
    """Keys in the wrong account are the wrong customer's."""
    refused = await take(imports, [foreign("one")], project="nowhere")

    assert isinstance(refused, Refused)
    assert refused.param == "project_id"


async def test_there_is_an_end_to_shapes(imports: Imports, furnished: Store) -> None:
    """Each is compared with every malformed key that anybody sends."""
    before = await count(furnished)
    wanted = [foreign(f"s{number}", shapes=((f"p{number:03}_", 40),)) for number in range(MOST_SHAPES + 1)]

    refused = await take(imports, wanted)

    assert isinstance(refused, Refused)
    assert await count(furnished) == before


async def test_an_import_is_one_entry_in_the_audit_log(imports: Imports, furnished: Store) -> None:
    """It names the system and the number; the digests are no one's business."""
    await take(imports, [foreign("one"), foreign("two")])

    async with furnished.reading() as connection:
        imported = tables.audit.c.action == "key.import"
        [entry] = list(await connection.execute(select(tables.audit).where(imported)))

    assert entry.after == '{"duplicates":0,"imported":2,"source":"openrouter"}'


async def test_keys_of_an_import_are_ordinary_keys(imports: Imports, furnished: Store) -> None:
    """Listed, rotated, revoked like any other."""
    await take(imports, [foreign("one", metadata={"team_id": "t"})])

    async with furnished.reading() as connection:
        [key] = await keys.named(connection, "app one")
        [secret] = (await keys.secrets_of(connection, [key.id]))[key.id]

    assert (key.kind, key.preset, key.created_by) == ("secret", "production", "operator")
    assert key.metadata == '{"team_id":"t"}'
    assert secret.display == "sk-or-v1-0e6…"


@pytest.mark.parametrize(
    "limits", [{"expires_at": 3e9}, {"models": ("gpt-*",)}, {"ip": ("192.0.2.1",)}, {"endpoints": ("/v1/*",)}]
)
async def test_a_key_takes_over_no_key_stronger_than_itself(
    imports: Imports, furnished: Store, limits: dict[str, Any]
) -> None:
    """Whoever imports knows the secret: it would be a way around every limit of one's own key."""
    parent = KeyRecord("key_p", "p", Kind.SECRET, frozenset({Permission.ADMIN}), node_wide=True, **limits)
    before = await count(furnished)
    async with furnished.reading() as connection:
        project = await projects.first(connection) or ""

    stronger = await imports.take(
        Source.OPENROUTER, [foreign("one")], project=project, dry_run=False, by=Principal("key_p", key=parent)
    )

    assert isinstance(stronger, Refused)
    assert stronger.reason is Reason.INSUFFICIENT_PERMISSIONS
    assert await count(furnished) == before
