"""What is untidy about keys, worst first."""

import time
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from fakes.stored_keys import BY_OPERATOR, DAY_MS, StoredKeys, holder
from keyturn import system
from keyturn.domain import ids
from keyturn.domain.hygiene import Finding
from keyturn.domain.limits import Limit, Metric, Window, write_limits
from keyturn.domain.permissions import Permission
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.hygiene import Hygiene, HygienePage
from keyturn.services.projects import NewProject, Project, Projects
from keyturn.store import projects as rows, tables
from keyturn.store.engine import Store
from keyturn.store.hygiene import Reach, summary


@pytest.fixture
async def hygiene(furnished: Store) -> Hygiene:
    """The use case, over a database without keys."""
    async with furnished.writing() as connection:
        await connection.execute(text("UPDATE keys SET deleted_at = 1"))
    return Hygiene(furnished)


@pytest.fixture
async def project(furnished: Store) -> str:
    """The first project."""
    async with furnished.reading() as connection:
        return await rows.first(connection) or ""


async def report(hygiene: Hygiene, *, cursor: str | None = None, limit: int = 100) -> HygienePage:
    """Return a page of the report, as the operator sees it."""
    found = await hygiene.report(by=BY_OPERATOR, cursor=cursor, limit=limit)
    assert not isinstance(found, Refused)
    return found


async def findings(hygiene: Hygiene) -> dict[str, list[str]]:
    """Return what is untidy, by the name of the key, in the order of the report."""
    found = await report(hygiene)
    return {row.key.name: [one.value for one in row.key.findings] for row in found.rows}


async def test_each_finding_is_found_and_the_worst_comes_first(
    hygiene: Hygiene, stored_keys: StoredKeys, project: str
) -> None:
    """Whoever has ten minutes starts at the top."""
    now = system.now_ms()
    ends = now + DAY_MS
    long_ago = now - 91 * DAY_MS
    await stored_keys.put(project, name="eternal")
    aged, _ = await stored_keys.put(project, name="aged", created_at=long_ago, expires_at=ends)
    await stored_keys.use(aged, now)
    await stored_keys.put(project, name="forgotten", created_at=now - 8 * DAY_MS, expires_at=ends)
    idle, _ = await stored_keys.put(project, name="idle", created_at=long_ago)
    await stored_keys.use(idle, long_ago)
    seen, _ = await stored_keys.put(project, name="seen", expires_at=ends)
    await stored_keys.use(seen, now, seen_in_url=True)
    tidy, _ = await stored_keys.put(project, name="tidy", expires_at=ends)
    await stored_keys.use(tidy, now)
    await stored_keys.put(project, name="new", expires_at=ends)

    assert await findings(hygiene) == {
        "seen": ["seen_in_url"],
        "idle": ["idle", "old", "no_expiry"],
        "forgotten": ["never_used"],
        "aged": ["old"],
        "eternal": ["no_expiry"],
    }
    assert list(await findings(hygiene)) == ["seen", "idle", "forgotten", "aged", "eternal"]


async def test_the_figures_count_every_key_that_works(
    hygiene: Hygiene, stored_keys: StoredKeys, project: str
) -> None:
    """How many are untidy says little without how many there are."""
    now = system.now_ms()
    await stored_keys.put(project)
    await stored_keys.put(project, expires_at=now + DAY_MS)

    tidiness = (await report(hygiene)).tidiness

    assert tidiness.keys == 2
    assert tidiness.findings == {**dict.fromkeys(Finding, 0), Finding.NO_EXPIRY: 1}


async def test_a_key_that_was_rotated_is_not_old(
    hygiene: Hygiene, stored_keys: StoredKeys, project: str
) -> None:
    """What grows old is the secret."""
    now = system.now_ms()
    key_id, _ = await stored_keys.put(project, created_at=now - 200 * DAY_MS, expires_at=now + DAY_MS)
    await stored_keys.use(key_id, now)
    assert await findings(hygiene) == {"app": ["old"]}

    await stored_keys.add_secret(key_id, created_at=now - 3 * DAY_MS)

    assert await findings(hygiene) == {}


@pytest.mark.parametrize(
    "ended",
    [{"revoked_at": 1}, {"deleted_at": 1}, {"expires_at": 1}, {"enabled": False}, {"decoy": True}],
    ids=str,
)
async def test_keys_that_do_not_work_are_left_out(
    hygiene: Hygiene, stored_keys: StoredKeys, project: str, ended: dict[str, Any]
) -> None:
    """They are tidied up. A decoy is there to be left alone."""
    await stored_keys.put(project, created_at=1, **ended)

    assert await findings(hygiene) == {}


async def test_only_what_is_within_reach_is_told_and_counted(
    hygiene: Hygiene, stored_keys: StoredKeys, projects: Projects, project: str
) -> None:
    """A project's key must not read the names of others."""
    other = await projects.create(NewProject("other"), by=BY_OPERATOR)
    assert isinstance(other, Project)
    await stored_keys.put(project, name="first")
    await stored_keys.put(other.stored.id, name="second")
    member = holder(other.stored.account_id, other.stored.id, permission=Permission.WRITE)

    own = await hygiene.report(by=member, cursor=None, limit=10)
    account = await hygiene.report(by=holder(other.stored.account_id), cursor=None, limit=10)
    stranger = await hygiene.report(by=holder("acct_other"), cursor=None, limit=10)

    assert not isinstance(own, Refused)
    assert not isinstance(account, Refused)
    assert not isinstance(stranger, Refused)
    assert ([row.key.name for row in own.rows], own.tidiness.keys) == (["second"], 1)
    assert (len(account.rows), account.tidiness.keys) == (2, 2)
    assert (stranger.rows, stranger.tidiness.keys) == ([], 0)


@pytest.mark.parametrize("limited", ["keys", "projects", "accounts", "plans"])
async def test_keys_that_nothing_limits_are_counted(
    hygiene: Hygiene, stored_keys: StoredKeys, project: str, furnished: Store, limited: str
) -> None:
    """One limit is enough, wherever it is written down."""
    await stored_keys.put(project, name="a")
    before = (await report(hygiene)).tidiness.without_limit
    async with furnished.writing() as connection:
        await connection.execute(insert(tables.plans).values(id="plan_1", name="gold", created_at=1))
        await connection.execute(text("UPDATE accounts SET plan_id = 'plan_1'"))
        unlimited = await summary(connection, Reach(), now_ms=system.now_ms())
        limit = write_limits([Limit(Metric.CONCURRENCY, Window.NONE, 5)])
        await connection.execute(update(tables.metadata.tables[limited]).values(limits=limit))

    after = (await report(hygiene)).tidiness.without_limit

    assert (before, unlimited.without_limit, after) == (1, 1, 0)


async def test_a_report_goes_page_by_page(hygiene: Hygiene, stored_keys: StoredKeys, project: str) -> None:
    """Every key once, in one order over all pages."""
    now = system.now_ms()
    for number in range(7):
        created_at = now - (100 * DAY_MS if number % 2 else 0)
        await stored_keys.put(project, name=f"k{number}", created_at=created_at)

    seen: list[tuple[int, str]] = []
    cursor: str | None = None
    while True:
        page = await report(hygiene, cursor=cursor, limit=3)
        seen += [(-row.key.score, row.key.id) for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert len(set(seen)) == 7
    assert seen == sorted(seen)


@pytest.mark.parametrize("cursor", ["x", "key_" + "0" * 20, "1.proj_" + "0" * 20, "1;2", ""])
async def test_what_is_no_cursor_is_refused(hygiene: Hygiene, cursor: str) -> None:
    """It comes from outside."""
    refused = await hygiene.report(by=BY_OPERATOR, cursor=cursor, limit=1)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, "cursor")


async def test_a_hundred_thousand_keys_are_reported_with_a_second_of_cpu(
    hygiene: Hygiene, furnished: Store, project: str
) -> None:
    """Whoever has that many keys needs the report most. CPU, not time: the machine may be busy with other tests."""
    now = system.now_ms()
    keys = [
        {
            "id": ids.mint(ids.KEY, now_ms=now - 100 * DAY_MS + number, entropy=number),
            "project_id": project,
            "name": f"key {number}",
            "kind": "secret",
            "preset": "",
            "permissions": "read",
            "enabled": True,
            "created_at": now - 100 * DAY_MS,
            "created_by": "test",
            "version": 1,
        }
        for number in range(100_000)
    ]
    async with furnished.writing() as connection:
        await connection.execute(insert(tables.keys), keys)

    began = time.process_time()
    page = await report(hygiene)
    took = time.process_time() - began

    assert (len(page.rows), page.tidiness.keys) == (100, 100_000)
    assert took < 1.0
