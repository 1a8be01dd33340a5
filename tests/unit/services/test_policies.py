"""What policies do as time goes by."""

import itertools

import pytest
from sqlalchemy import select, text

from fakes.heard import Heard
from fakes.stored_keys import BY_OPERATOR, DAY_MS, StoredKeys, log_of, record_of
from keyturn import system
from keyturn.domain.faults import Fault
from keyturn.domain.policies import ProjectPolicy
from keyturn.domain.refusals import Reason
from keyturn.services import policies as module
from keyturn.services.lookup import Lookup
from keyturn.services.policies import Policies
from keyturn.services.projects import NewProject, Project, Projects
from keyturn.store import projects as rows, tables
from keyturn.store.engine import Store

MARK = b"sealed bytes that can be found in a file"
SEALED = MARK * 500
"""So long that pages of the file are freed: what stood on them is still there, unless it is overwritten."""


@pytest.fixture
def policies(furnished: Store, workers: Heard) -> Policies:
    """The use cases."""
    return Policies(furnished, workers)


@pytest.fixture
async def strict(projects: Projects) -> str:
    """A project that ends keys unused for 30 days."""
    added = await projects.create(NewProject("strict", policy=ProjectPolicy(unused_days=30)), by=BY_OPERATOR)
    assert isinstance(added, Project)
    return added.stored.id


@pytest.fixture
async def lax(furnished: Store) -> str:
    """A project without a policy."""
    async with furnished.reading() as connection:
        return await rows.first(connection) or ""


async def told(store: Store, kind: str) -> list[tuple[str, str]]:
    """Return key and details of each event of a kind, in order."""
    events = tables.events.c
    query = select(events.key_id, events.details).where(events.kind == kind).order_by(events.id)
    async with store.reading() as connection:
        return [(row.key_id, row.details) for row in await connection.execute(query)]


# ── unused keys ─────────────────────────────────────────────────────────────


async def test_a_key_that_nobody_uses_is_disabled_everywhere(
    policies: Policies, stored_keys: StoredKeys, strict: str, lookup: Lookup, workers: Heard
) -> None:
    """In force when the call returns."""
    now = system.now_ms()
    key_id, secret = await stored_keys.put(strict, created_at=now - 100 * DAY_MS)
    await stored_keys.use(key_id, now - 30 * DAY_MS)

    await policies.enforce(now)
    record = await record_of(lookup, secret)

    assert not record.enabled
    assert workers.changes == [[key_id]]


async def test_a_key_that_is_disabled_for_that_says_so(
    policies: Policies, stored_keys: StoredKeys, strict: str, furnished: Store
) -> None:
    """As an event, and in the audit log as the scheduler's doing."""
    key_id, _ = await stored_keys.put(strict, created_at=1)

    await policies.enforce(system.now_ms())

    assert ("scheduler", "key.disable", key_id) in await log_of(furnished)
    [(about, details)] = await told(furnished, "key.disabled.unused")
    assert (about, "unused_since" in details) == (key_id, True)


async def test_days_count_from_the_last_use_or_the_creation(
    policies: Policies, stored_keys: StoredKeys, strict: str, workers: Heard
) -> None:
    """A new key has the same time to be used as any."""
    now = system.now_ms()
    used, _ = await stored_keys.put(strict, created_at=now - 100 * DAY_MS)
    await stored_keys.use(used, now - 30 * DAY_MS + 1)
    new, _ = await stored_keys.put(strict, created_at=now - 30 * DAY_MS + 1)
    never, _ = await stored_keys.put(strict, created_at=now - 30 * DAY_MS)

    await policies.enforce(now)

    enabled = {key_id: (await stored_keys.stored(key_id)).enabled for key_id in (used, new, never)}
    assert enabled == {used: True, new: True, never: False}
    assert workers.changes == [[never]]


async def test_a_key_that_is_enabled_again_gets_its_days_again(
    policies: Policies, stored_keys: StoredKeys, strict: str, furnished: Store
) -> None:
    """Otherwise the next minute would take it away from whoever has just asked for it."""
    now = system.now_ms()
    key_id, _ = await stored_keys.put(strict, created_at=now - 100 * DAY_MS)
    await policies.enforce(now)
    async with furnished.writing() as connection:
        await connection.execute(text("UPDATE keys SET enabled = 1"))

    await policies.enforce(now + 29 * DAY_MS)
    then = await stored_keys.stored(key_id)
    await policies.enforce(now + 30 * DAY_MS)
    later = await stored_keys.stored(key_id)

    assert (then.enabled, later.enabled) == (True, False)
    assert len(await told(furnished, "key.disabled.unused")) == 2


async def test_projects_without_the_policy_keep_their_keys(
    policies: Policies, stored_keys: StoredKeys, lax: str, workers: Heard
) -> None:
    """Nobody has asked for it there."""
    key_id, _ = await stored_keys.put(lax, created_at=1)

    await policies.enforce(system.now_ms())

    assert (await stored_keys.stored(key_id)).enabled
    assert workers.changes == []


async def test_a_decoy_is_never_used_and_stays(
    policies: Policies, stored_keys: StoredKeys, strict: str
) -> None:
    """It waits for a thief."""
    key_id, _ = await stored_keys.put(strict, created_at=1, decoy=True)

    await policies.enforce(system.now_ms())

    assert (await stored_keys.stored(key_id)).enabled


async def test_a_call_is_bounded_and_the_next_goes_on(
    policies: Policies, stored_keys: StoredKeys, strict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred thousand keys must not hold up those who wait to write; none may be left out either."""
    monkeypatch.setattr(module, "STEP", 3)
    monkeypatch.setattr(module, "MOST_CHANGES", 2)
    now = system.now_ms()
    used = [(await stored_keys.put(strict))[0] for _ in range(4)]
    unused = [(await stored_keys.put(strict, created_at=1))[0] for _ in range(5)]

    counts = []
    for _ in range(5):
        await policies.enforce(now)
        counts.append(sum([not (await stored_keys.stored(key_id)).enabled for key_id in unused]))

    assert max(after - before for before, after in itertools.pairwise([0, *counts])) <= 2
    assert counts[-1] == len(unused)
    assert all([(await stored_keys.stored(key_id)).enabled for key_id in used])


async def test_workers_that_did_not_confirm_are_told_again(
    stored_keys: StoredKeys, strict: str, furnished: Store
) -> None:
    """The key is disabled in the store: without this nobody would ever tell the worker."""
    workers = _Deaf()
    policies = Policies(furnished, workers)
    key_id, _ = await stored_keys.put(strict, created_at=1)

    with pytest.raises(Fault):
        await policies.enforce(system.now_ms())
    workers.deaf = False
    await policies.enforce(system.now_ms())

    assert workers.changes == [[key_id]]


class _Deaf(Heard):
    """Workers that do not confirm as long as they are deaf."""

    deaf = True

    async def invalidate(self, key_ids: object) -> None:
        if self.deaf:
            raise Fault(Reason.NOT_CONFIRMED, "deaf")
        await super().invalidate(list(key_ids))  # type: ignore[call-overload]


# ── ends that come near ─────────────────────────────────────────────────────


async def test_an_end_is_announced_at_30_14_7_and_1_days_once_each(
    policies: Policies, stored_keys: StoredKeys, lax: str, furnished: Store
) -> None:
    """Whoever replaces keys by hand needs the time; whoever gets five messages reads none."""
    end = system.now_ms() + 40 * DAY_MS
    key_id, _ = await stored_keys.put(lax, expires_at=end)

    heard = []
    for hours in range(40 * 24, -24, -6):
        await policies.enforce(end - hours * DAY_MS // 24)
        heard.append(len(await told(furnished, "key.expiry.near")))

    said = await told(furnished, "key.expiry.near")
    assert [about for about, _ in said] == [key_id] * 4
    assert [f'"days":"{days}"' in details for days, (_, details) in zip((30, 14, 7, 1), said, strict=True)]
    steps = [number for number, (one, two) in enumerate(itertools.pairwise(heard), 1) if two > one]
    assert [(40 * 24 - 6 * step) / 24 for step in steps] == [30, 14, 7, 1]


async def test_what_was_missed_is_not_made_up_for(
    policies: Policies, stored_keys: StoredKeys, lax: str, furnished: Store
) -> None:
    """A node that was off for a month says what is true now, once."""
    now = system.now_ms()
    await stored_keys.put(lax, created_at=now - 100 * DAY_MS, expires_at=now + 5 * DAY_MS)

    await policies.enforce(now)
    await policies.enforce(now)

    [(_, details)] = await told(furnished, "key.expiry.near")
    assert '"days":"7"' in details


async def test_a_key_that_lives_a_day_is_not_announced_when_it_is_made(
    policies: Policies, stored_keys: StoredKeys, lax: str, furnished: Store
) -> None:
    """Whoever made it knows."""
    now = system.now_ms()
    await stored_keys.put(lax, created_at=now, expires_at=now + DAY_MS)

    await policies.enforce(now)

    assert await told(furnished, "key.expiry.near") == []


async def test_another_end_is_announced_anew(
    policies: Policies, stored_keys: StoredKeys, lax: str, furnished: Store
) -> None:
    """It was put off, and it comes again."""
    now = system.now_ms()
    await stored_keys.put(lax, created_at=1, expires_at=now + 1)
    await policies.enforce(now)

    async with furnished.writing() as connection:
        await connection.execute(text("UPDATE keys SET expires_at = expires_at + 1 WHERE expires_at > 0"))
    await policies.enforce(now)

    assert len(await told(furnished, "key.expiry.near")) == 2


async def test_ends_of_keys_that_do_not_work_are_nobodys_concern(
    policies: Policies, stored_keys: StoredKeys, lax: str, furnished: Store
) -> None:
    """Nothing ends."""
    now = system.now_ms()
    for ended in ({"enabled": False}, {"revoked_at": 1}, {"deleted_at": 1}):
        await stored_keys.put(lax, created_at=1, expires_at=now + DAY_MS, **ended)

    await policies.enforce(now)

    assert await told(furnished, "key.expiry.near") == []


async def test_announcements_go_on_where_the_last_call_stopped(
    policies: Policies, stored_keys: StoredKeys, lax: str, furnished: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some end at the same moment: none is left out, none is told twice."""
    monkeypatch.setattr(module, "STEP", 2)
    now = system.now_ms()
    made = [
        (await stored_keys.put(lax, created_at=1, expires_at=now + DAY_MS + number // 3))[0]
        for number in range(7)
    ]

    for _ in range(8):
        await policies.enforce(now)

    assert sorted(about for about, _ in await told(furnished, "key.expiry.near")) == sorted(made)


# ── what was deleted ────────────────────────────────────────────────────────


async def test_what_a_deleted_key_could_be_shown_from_is_destroyed_after_30_days(
    policies: Policies, stored_keys: StoredKeys, lax: str, furnished: Store
) -> None:
    """Until then it can be brought back; then not even the file holds it. Its rows stay for its usage."""
    now = system.now_ms()
    key_id, _ = await stored_keys.put(lax, deleted_at=now)
    await stored_keys.add_secret(key_id, created_at=now, sealed=SEALED)
    living, _ = await stored_keys.put(lax)
    await stored_keys.add_secret(living, created_at=now, sealed=b"other")

    await policies.enforce(now + 30 * DAY_MS - 1)
    kept = await sealed(furnished)
    await policies.enforce(now + 30 * DAY_MS)
    left = await sealed(furnished)
    log = await log_of(furnished)
    row = await stored_keys.stored(key_id)
    await furnished.close()

    assert (kept, left) == ([SEALED, b"other"], [b"other"])
    assert ("scheduler", "key.destroy_secrets", key_id) in log
    assert row.deleted_at == now
    assert MARK not in furnished.path.read_bytes()


async def sealed(store: Store) -> list[bytes]:
    """Return all sealed secrets."""
    secrets = tables.secrets.c
    query = select(secrets.sealed).where(secrets.sealed.is_not(None)).order_by(secrets.id)
    async with store.reading() as connection:
        return list(await connection.scalars(query))


async def test_destruction_goes_on_where_the_last_call_stopped(
    policies: Policies, stored_keys: StoredKeys, lax: str, furnished: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many are deleted at the same moment when a project is cleared."""
    monkeypatch.setattr(module, "MOST_CHANGES", 2)
    for _ in range(5):
        key_id, _ = await stored_keys.put(lax, deleted_at=1)
        await stored_keys.add_secret(key_id, created_at=1, sealed=SEALED)

    left = []
    for _ in range(3):
        await policies.enforce(system.now_ms())
        left.append(len(await sealed(furnished)))

    assert left == [3, 1, 0]
