"""What was asked and answered: kept, sealed, shown."""

import pytest
from sqlalchemy import select, update

from fakes.stored_keys import BY_OPERATOR, StoredKeys
from keyturn import system
from keyturn.domain import ids
from keyturn.domain.bodies import Body, Exchanged
from keyturn.domain.policies import ProjectPolicy
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.bodies import Bodies
from keyturn.services.projects import NewProject, Project, Projects
from keyturn.services.retention import Kept, Retention
from keyturn.store import audit, retention
from keyturn.store.audit import AuditFilter
from keyturn.store.body_tables import request_bodies
from keyturn.store.engine import Store
from keyturn.store.vault import Vault

DAY_MS = 86_400_000
NOTHING_CUT = (Body(b'{"prompt":"private"}', False), Body(b"\xff\x00", False))


@pytest.fixture
def bodies(furnished: Store, vault: Vault) -> Bodies:
    """The use cases."""
    return Bodies(furnished, vault)


async def key_of(projects: Projects, stored_keys: StoredKeys, *, wanted: bool) -> str:
    """Return a key of a new project."""
    policy = ProjectPolicy(store_bodies=wanted)
    project = await projects.create(NewProject(f"keeps {wanted}", policy=policy), by=BY_OPERATOR)
    assert isinstance(project, Project)
    key_id, _ = await stored_keys.put(project.stored.id)
    return key_id


def exchanged(key_id: str, *, at_ms: int | None = None) -> Exchanged:
    """Return the bodies of a new request."""
    at = system.now_ms() if at_ms is None else at_ms
    return Exchanged(ids.mint(ids.REQUEST, now_ms=at, entropy=7), key_id, *NOTHING_CUT)


async def rows(store: Store) -> dict[str, bytes]:
    """Return what is stored."""
    async with store.reading() as connection:
        return {row.request_id: row.sealed for row in await connection.execute(select(request_bodies))}


async def test_only_what_a_project_wants_now_is_kept(
    bodies: Bodies, projects: Projects, stored_keys: StoredKeys, furnished: Store
) -> None:
    """A worker may hand over what began before it was switched off, and of keys that are gone."""
    on = exchanged(await key_of(projects, stored_keys, wanted=True))
    off = exchanged(await key_of(projects, stored_keys, wanted=False), at_ms=1)

    await bodies.keep([off, on, exchanged("key_gone", at_ms=2)])
    await bodies.keep([on])  # told twice

    (kept,) = (await rows(furnished)).items()
    assert kept[0] == on.request_id
    assert b"private" not in kept[1]
    assert await bodies.show(on.request_id, by=BY_OPERATOR) == on


async def test_a_look_is_noted_and_one_at_nothing_is_not(
    bodies: Bodies, projects: Projects, stored_keys: StoredKeys, furnished: Store
) -> None:
    """Who reads what others wrote must know that it is seen."""
    one = exchanged(await key_of(projects, stored_keys, wanted=True))
    await bodies.keep([one])

    await bodies.show(one.request_id, by=BY_OPERATOR)
    absent = await bodies.show(exchanged("", at_ms=5).request_id, by=BY_OPERATOR)

    async with furnished.reading() as connection:
        entries = await audit.page(connection, AuditFilter(action="request.bodies"), before=None, limit=9)
    assert [(entry.target, "private" in str(entry)) for entry in entries] == [(one.request_id, False)]
    assert isinstance(absent, Refused)
    assert absent.reason is Reason.RESOURCE_NOT_FOUND


async def test_bodies_that_were_moved_to_another_request_do_not_open(
    bodies: Bodies, projects: Projects, stored_keys: StoredKeys, furnished: Store
) -> None:
    """Whoever can write the database must not read another customer's through it."""
    one = exchanged(await key_of(projects, stored_keys, wanted=True))
    await bodies.keep([one])
    other = exchanged("", at_ms=5).request_id
    async with furnished.writing() as connection:
        await connection.execute(update(request_bodies).values(request_id=other))

    moved = await bodies.show(other, by=BY_OPERATOR)

    assert isinstance(moved, Refused)
    assert moved.reason is Reason.CONFLICT


async def test_they_go_with_the_request_log(
    bodies: Bodies,
    projects: Projects,
    stored_keys: StoredKeys,
    furnished: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many there are."""
    monkeypatch.setattr(retention, "BODIES_AT_ONCE", 2)
    key_id, now = await key_of(projects, stored_keys, wanted=True), system.now_ms()
    young = exchanged(key_id, at_ms=now - 4 * DAY_MS)
    await bodies.keep([young, *(exchanged(key_id, at_ms=now - 5 * DAY_MS - one) for one in range(1, 6))])

    await Retention(furnished, lambda: Kept(requests_days=5, minutes_days=2, hours_days=7)).prune(now)

    assert list(await rows(furnished)) == [young.request_id]
