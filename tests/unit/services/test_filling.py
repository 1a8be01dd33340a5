"""Limits near their end that nobody has asked for: after a start no counter is known, and the page must know them all the same."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from fakes.billing import use
from fakes.books_of_node import ACCOUNT, OTHER_PROJECT, PROJECT, furnish
from fakes.house import House
from fakes.stored_keys import BY_OPERATOR
from keyturn import system
from keyturn.control.bus_server import BusServer
from keyturn.control.counting import Counting
from keyturn.control.ingest import Ingest
from keyturn.domain.limits import Bound, Limit, Metric, Scope, Window, write_limits
from keyturn.domain.principal import Principal
from keyturn.domain.roles import Person, Role
from keyturn.domain.windows import period
from keyturn.services.filling import MOST_REMEMBERED, FillingLimits
from keyturn.store import accounts as accounts_of_node, limits, tables, usage_reports
from keyturn.store.accounts import StoredAccount
from keyturn.store.credit_tables import grants
from keyturn.store.engine import Store
from keyturn.store.tables import accounts, plans, projects
from keyturn.store.usage_tables import rollups
from support.asking import take

QUOTAS = [Window.DAY, Window.MONTH, Window.LIFETIME]
KIRITIMATI = "Pacific/Kiritimati"
"""Its days begin ten hours into those of UTC."""


@pytest.fixture
async def keys(store: Store) -> list[str]:
    """Two keys of a project, the second deleted, and one of another; all of one account."""
    return await furnish(store)


@pytest.fixture
async def counting(store: Store, tmp_path: Path) -> AsyncIterator[Counting]:
    """Counters that nobody has asked for yet."""
    journals = tmp_path / "journals"
    journals.mkdir()
    ingest, house = Ingest(store, journals), House()
    await ingest.load()
    workers = BusServer(journals=journals, look=house.look, configuration=house.configuration)
    counting = Counting(store, ingest, workers, journals=journals)
    yield counting
    await counting.close()


@pytest.fixture
def near(store: Store, counting: Counting) -> FillingLimits:
    """What is tested."""
    return FillingLimits(store, counting)


def quota(
    most: int = 100, window: Window = Window.MONTH, metric: Metric = Metric.COST, *, model: str = ""
) -> Limit:
    """Return a limit of so many nano-dollars a month, or of something else."""
    return Limit(metric, window, most, model)


async def limit(store: Store, owner_id: str, *wanted: Limit, scope: Scope = Scope.KEY) -> None:
    """Write down what an owner may use."""
    async with store.writing() as connection:
        await limits.change(connection, scope, owner_id, write_limits(wanted))


async def listed(near: FillingLimits, by: Principal = BY_OPERATOR) -> list[tuple[str, str, int, int]]:
    """Return whose limit it is, which, what is used and what is allowed."""
    return [(one.bound.owner_id, one.bound.name, one.used, one.allowed) for one in await near.each(by=by)]


@pytest.mark.parametrize("window", QUOTAS)
@pytest.mark.parametrize(
    ("metric", "used"),
    [
        (Metric.REQUESTS, 1),
        (Metric.TOKENS, 30),
        (Metric.INPUT_TOKENS, 9),
        (Metric.OUTPUT_TOKENS, 21),
        (Metric.COST, 95),
    ],
)
async def test_a_quota_nobody_has_asked_for_since_the_start_is_listed(  # noqa: PLR0917 -- fixtures
    near: FillingLimits, store: Store, keys: list[str], window: Window, metric: Metric, used: int
) -> None:
    """Whatever it counts; one that is half used is not, nor is one that nobody has used."""
    await limit(store, keys[0], quota(used, window, metric), Limit(Metric.REQUESTS, Window.MINUTE, 1))
    await limit(store, keys[2], quota(used * 2, window, metric))
    await use(store, keys[0], 95)
    await use(store, keys[2], 95)

    before = await listed(near)
    await near.look()

    assert before == []
    assert await listed(near) == [(keys[0], f"key {metric}/{window}", used, used)]


async def test_projects_accounts_and_plans_are_listed_too(
    near: FillingLimits, store: Store, keys: list[str]
) -> None:
    """With what their deleted keys have used; the fullest first."""
    async with store.writing() as connection:
        plan = {"id": "plan_1", "name": "Free", "created_at": 0, "version": 1}
        await connection.execute(insert(plans).values(plan))
        await connection.execute(update(accounts).values(plan_id="plan_1"))
    await limit(store, PROJECT, quota(100), scope=Scope.PROJECT)
    await limit(store, OTHER_PROJECT, quota(100), scope=Scope.PROJECT)
    await limit(store, ACCOUNT, quota(120), scope=Scope.ACCOUNT)
    await limit(store, "plan_1", quota(150), scope=Scope.PLAN)
    for key_id, cost in zip(keys, (50, 46, 40), strict=True):
        await use(store, key_id, cost)

    await near.look()

    assert await listed(near) == [
        (ACCOUNT, "account cost_usd/month", 136, 120),
        (PROJECT, "project cost_usd/month", 96, 100),
        (ACCOUNT, "plan cost_usd/month", 136, 150),
    ]


async def test_a_quota_of_some_models_counts_these(
    near: FillingLimits, store: Store, keys: list[str]
) -> None:
    """What was used of others is no reason to worry anybody."""
    await limit(store, keys[0], quota(100, model="gpt-*"))
    await limit(store, keys[2], quota(100, model="o1-*"))
    for key_id in (keys[0], keys[2]):
        await use(store, key_id, 90, model="gpt-5")
        await use(store, key_id, 90)

    await near.look()

    assert await listed(near) == [(keys[0], "key cost_usd/month gpt-*", 90, 100)]


@pytest.mark.parametrize(
    ("left", "ends_at", "shown"), [(10, None, [90]), (0, None, [0]), (50, None, []), (50, 1, [0])]
)
async def test_credit_that_runs_out_is_listed(  # noqa: PLR0917 -- fixtures
    near: FillingLimits,
    store: Store,
    keys: list[str],
    left: int,
    ends_at: int | None,
    shown: list[int],
) -> None:
    """Also when nothing at all is left, or all of it has ended; not where credit is not what holds anybody."""
    row = {"id": "grnt_1", "account_id": ACCOUNT, "source": "grant", "amount": 100, "created_at": 0}
    async with store.writing() as connection:
        await connection.execute(insert(grants).values(**row, remaining=left, expires_at=ends_at))

    found = []
    for prepaid in (False, True):
        async with store.writing() as connection:
            await connection.execute(update(accounts).values(prepaid=prepaid))
        await near.look()
        found.append([used for _, _, used, _ in await listed(near)])
    async with store.writing() as connection:
        await connection.execute(update(accounts).values(prepaid=False))

    assert found == [[], shown]
    assert await listed(near) == []


async def test_what_is_written_down_now_is_what_counts(
    near: FillingLimits, store: Store, keys: list[str]
) -> None:
    """A limit that was raised or taken away since is not near its end."""
    await limit(store, keys[0], quota(100))
    await use(store, keys[0], 95)
    await near.look()

    found = []
    for wanted in ([quota(110)], [quota(1_000)], []):
        await limit(store, keys[0], *wanted)
        found.append([allowed for *_, allowed in await listed(near)])

    assert found == [[110], [], []]


async def test_a_counter_that_lives_knows_better(
    near: FillingLimits, counting: Counting, store: Store, keys: list[str]
) -> None:
    """What was used since is in it, and what was corrected; it hears of another size from whoever looks at the limit."""
    await limit(store, keys[0], quota(100))
    await use(store, keys[0], 95)
    await near.look()
    bound = Bound(keys[0], Scope.KEY, quota(100))

    await take(counting.authority, bound, 3)
    counted = await listed(near)
    async with store.writing() as connection:
        await connection.execute(update(rollups).values(cost_nano_usd=0))
    await counting.reload(keys[0])
    await take(counting.authority, bound, 3)
    corrected = await listed(near)
    await limit(store, keys[0], quota(1_000))
    await counting.standing([Bound(keys[0], Scope.KEY, quota(1_000))])

    assert counted == [(keys[0], "key cost_usd/month", 98, 100)]
    assert corrected == []
    assert counting.filling(1) == []


async def test_a_day_begins_where_the_account_is(near: FillingLimits, store: Store, keys: list[str]) -> None:
    """What was used before its midnight belongs to yesterday, whatever day it is in Greenwich."""
    begins_ms = int(period(Window.DAY, KIRITIMATI, system.now())[0] * 1000)
    async with store.writing() as connection:
        await connection.execute(update(accounts).values(time_zone=KIRITIMATI))
    await limit(store, keys[0], quota(100, Window.DAY))
    await limit(store, keys[2], quota(100, Window.DAY))
    await use(store, keys[0], 90, at_ms=begins_ms - 1_000)
    await use(store, keys[2], 90, at_ms=begins_ms)

    await near.look()

    assert [owner for owner, *_ in await listed(near)] == [keys[2]]


async def test_a_new_period_is_empty(
    near: FillingLimits, store: Store, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is warned of last month's budget."""
    await limit(store, keys[0], quota(100))
    await use(store, keys[0], 95)
    await near.look()
    ends = period(Window.MONTH, "UTC", system.now())[1]

    monkeypatch.setattr(system, "now", lambda: ends)

    assert await listed(near) == []


async def test_whoever_reaches_no_more_than_their_account_sees_its_own(
    near: FillingLimits, store: Store, keys: list[str]
) -> None:
    """Names and figures of others are none of their business."""
    await limit(store, keys[0], quota(100))
    await limit(store, ACCOUNT, quota(100), scope=Scope.ACCOUNT)
    await use(store, keys[0], 95)
    await near.look()

    def owner(account_id: str, role: Role = Role.OWNER) -> Principal:
        return Principal("user_1", person=Person("user_1", account_id, role, first_account=False))

    assert len(await listed(near, owner(ACCOUNT))) == 2
    assert await listed(near, owner("acc_2")) == []
    assert await listed(near, owner(ACCOUNT, Role.MEMBER)) == []


async def test_what_others_fill_hides_nothing(near: FillingLimits, store: Store) -> None:
    """A neighbour with hundreds of keys at their end must not push the account's own one out of sight."""
    found = await furnish(store, keys=300)
    async with store.writing() as connection:
        await accounts_of_node.add(connection, StoredAccount("acc_2", "b", 0))
        other = update(projects).where(projects.c.id == OTHER_PROJECT)
        await connection.execute(other.values(account_id="acc_2"))
        limited = {"limits": write_limits([quota(100)]), "deleted_at": None}
        await connection.execute(update(tables.keys).values(limited))
    for key_id in found:
        await use(store, key_id, 85 if key_id == found[-1] else 100)
    await near.look()
    person = Person("user_1", "acc_2", Role.OWNER, first_account=False)

    own = await listed(near, Principal("user_1", person=person))

    assert own == [(found[-1], "key cost_usd/month", 85, 100)]
    assert len(await listed(near)) == 6


async def test_many_keys_are_summed_up_once(
    near: FillingLimits, store: Store, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query a key would take a minute with ten thousand of them; and what is remembered has an end."""
    written = [limits.Written(f"key_{n}", Scope.KEY, write_limits([quota(1)]), "UTC") for n in range(3_000)]
    asked = 0

    async def everybody(*_: object) -> list[limits.Written]:
        return written

    async def sums(*_: object) -> dict[str, tuple[int, int, int, int, int]]:
        nonlocal asked
        asked += 1
        return {one.owner_id: (1, 1, 1, 1, 0) for one in written}

    monkeypatch.setattr(limits, "written", everybody)
    monkeypatch.setattr(usage_reports, "ranking", sums)

    await near.look()

    assert asked == 1
    assert len(near._remembered) == MOST_REMEMBERED
