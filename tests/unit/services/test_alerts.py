"""Alerts: limits that are nearly used up, and who has seen to what."""

from itertools import pairwise

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from fakes.stored_keys import BY_OPERATOR, StoredKeys, holder, log_of
from keyturn import system
from keyturn.domain.events import EventKind, Notice
from keyturn.domain.limits import CREDIT, Bound, Crossing, Limit, Metric, Scope, Window
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.alerts import Alerts
from keyturn.services.events import Events
from keyturn.services.thresholds import OwnerThresholds, Thresholds
from keyturn.store.engine import Store
from keyturn.store.events import EventFilter, StoredEvent
from keyturn.store.tables import accounts, projects

NOW = 1_800_000_000.0
HOUR_S, DAY_MS = 3_600, 86_400_000
EVERY = EventFilter()


@pytest.fixture
async def alerts(furnished: Store) -> Alerts:
    """The use cases."""
    return await started(furnished)


@pytest.fixture
async def owner(furnished: Store) -> tuple[str, str]:
    """The project and the account that there are."""
    async with furnished.reading() as connection:
        row = (await connection.execute(select(projects.c.id, projects.c.account_id))).one()
    return row[0], row[1]


async def started(store: Store) -> Alerts:
    """Return what a process has that was just started."""
    thresholds = Thresholds(store)
    await thresholds.load()
    return Alerts(store, Events(store), thresholds)


def budget(owner_id: str, scope: Scope = Scope.PROJECT, **members: object) -> Bound:
    """Return a budget of ten dollars a month."""
    limit = Limit(Metric.COST, Window.MONTH, 10 * 10**9, **members)  # type: ignore[arg-type]  # a test's own
    return Bound(owner_id, scope, limit)


def crossing(bound: Bound, percent: int, at: float = NOW, resets_at: float | None = NOW + 999) -> Crossing:
    """Return that so much of a limit is used."""
    allowed = max(bound.limit.max, 100)
    return Crossing(bound, percent, allowed * percent // 100, allowed, at, resets_at)


async def listed(alerts: Alerts, wanted: EventFilter = EVERY) -> list[StoredEvent]:
    """Return the alerts that the operator sees, the oldest first."""
    found, _ = await alerts.page(wanted, reach=BY_OPERATOR, cursor=None, limit=100)
    return found[::-1]


async def test_a_threshold_is_told_once_in_a_period_also_through_a_restart(
    alerts: Alerts, furnished: Store, owner: tuple[str, str]
) -> None:
    """A message that comes again and again is not read the one time it matters."""
    bound = budget(owner[0])

    await alerts.crossed([crossing(bound, 50)])
    await alerts.crossed([crossing(bound, 55)])
    again = await started(furnished)
    await again.crossed([crossing(bound, 50)])
    await again.crossed([crossing(bound, 100)])
    await again.crossed([crossing(bound, 80)])
    await again.crossed([crossing(bound, 50, resets_at=NOW + 2_000)])

    found = await listed(alerts)
    assert [(one.severity, '"percent":"100"' in one.details) for one in found] == [
        ("info", False),
        ("critical", True),
        ("info", False),
    ]


async def test_an_alert_says_what_a_person_needs(alerts: Alerts, owner: tuple[str, str]) -> None:
    """Which limit, how much of how much, and when it begins anew."""
    await alerts.crossed([crossing(budget(owner[0]), 80)])

    (event,) = await listed(alerts)
    assert (event.kind, event.account_id, event.project_id) == ("limit.reached", owner[1], owner[0])
    for words in ("project cost_usd/month", '"used":"8"', '"max":"10"', '"percent":"80"', "2027-01-15T"):
        assert words in event.details


async def test_what_could_not_be_stored_counts_as_told_to_nobody(
    alerts: Alerts, owner: tuple[str, str], furnished: Store
) -> None:
    """The disk was full for a minute; whoever counts comes again with it."""
    full = [crossing(budget(owner[0]), 100)]
    async with furnished.writing() as connection:
        await connection.execute(text("ALTER TABLE events RENAME TO events_away"))
    with pytest.raises(OperationalError):
        await alerts.crossed(full)
    async with furnished.writing() as connection:
        await connection.execute(text("ALTER TABLE events_away RENAME TO events"))

    await alerts.crossed(full)

    assert len(await listed(alerts)) == 1


async def test_a_rate_is_told_when_it_is_full_at_most_once_an_hour(
    alerts: Alerts, furnished: Store, owner: tuple[str, str]
) -> None:
    """It is full every other minute, on a busy day."""
    bound = Bound(owner[0], Scope.PROJECT, Limit(Metric.REQUESTS, Window.MINUTE, 100))

    for minute in range(130):
        await alerts.crossed([crossing(bound, 80 if minute % 2 else 100, NOW + 60 * minute)])
        if minute == 65:
            alerts = await started(furnished)

    minutes = [(one.at // 1000 - int(NOW)) // 60 for one in await listed(alerts)]
    assert len(minutes) == 3
    assert all(later - earlier >= 60 for earlier, later in pairwise(minutes))


async def test_a_shadow_limit_is_told_when_it_would_have_refused(
    alerts: Alerts, owner: tuple[str, str]
) -> None:
    """That is what it is there for."""
    bound = budget(owner[0], shadow=True)

    await alerts.crossed([crossing(bound, 80)])
    await alerts.crossed([crossing(bound, 100)])

    (event,) = await listed(alerts)
    assert event.severity == "warning"
    assert "would have been" in event.details


async def test_credit_is_told_of_again_after_a_grant(alerts: Alerts, owner: tuple[str, str]) -> None:
    """More credit is another credit to run out of."""
    bound = Bound(owner[1], Scope.ACCOUNT, CREDIT)

    for allowed in (100, 100, 300):
        await alerts.crossed([Crossing(bound, 80, allowed * 8 // 10, allowed, NOW, None)])

    assert [one.account_id for one in await listed(alerts)] == [owner[1]] * 2


async def test_an_owner_hears_of_other_shares_when_they_say_so(
    alerts: Alerts, furnished: Store, owner: tuple[str, str]
) -> None:
    """Kept, and audited; nothing is possible too."""
    project, account = owner
    early = await alerts.put_rules(project, [90, 25], by=BY_OPERATOR)
    silent = await alerts.put_rules(account, [], by=BY_OPERATOR)

    again = await started(furnished)
    await again.crossed([crossing(budget(project), 30), crossing(budget(account, Scope.ACCOUNT), 100)])
    usual = await again.put_rules(project, None, by=BY_OPERATOR)

    assert isinstance(early, OwnerThresholds)
    assert (early.thresholds, early.own) == ((25, 90), True)
    assert isinstance(silent, OwnerThresholds)
    assert (silent.thresholds, silent.own) == ((), True)
    assert isinstance(usual, OwnerThresholds)
    assert (usual.thresholds, usual.own) == ((50, 80, 100), False)
    assert ['"percent":"25"' in one.details for one in await listed(again)] == [True]
    assert [entry[1:] for entry in await log_of(furnished) if entry[1] == "alerts.thresholds"] == [
        ("alerts.thresholds", project),
        ("alerts.thresholds", account),
        ("alerts.thresholds", project),
    ]


@pytest.mark.parametrize(
    ("owner_id", "wanted", "reason"),
    [
        ("", [50], Reason.INVALID_MEMBER),
        ("acct_nobody", [50], Reason.RESOURCE_NOT_FOUND),
        ("acct_nobody", [0], Reason.INVALID_MEMBER),
    ],
)
async def test_thresholds_that_make_no_sense_are_refused(
    alerts: Alerts, owner_id: str, wanted: list[int], reason: Reason
) -> None:
    """A misspelt owner would never hear of anything."""
    refused = await alerts.put_rules(owner_id, wanted, by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert refused.reason is reason


async def test_nobody_sees_or_changes_what_is_out_of_reach(
    alerts: Alerts, owner: tuple[str, str], stored_keys: StoredKeys
) -> None:
    """Another tenant's limits and alerts do not exist."""
    project, account = owner
    key_id, _ = await stored_keys.put(project)
    await alerts.crossed([crossing(budget(key_id, Scope.KEY), 80)])
    (event,) = await listed(alerts)
    stranger, own = holder("acct_other"), holder(account)

    hidden = [
        await alerts.show(event.id, by=stranger),
        await alerts.acknowledge(event.id, by=stranger),
        await alerts.show_rules(key_id, by=stranger),
        await alerts.put_rules(key_id, [], by=stranger),
    ]

    assert {one.reason for one in hidden if isinstance(one, Refused)} == {Reason.RESOURCE_NOT_FOUND}
    assert len([one for one in hidden if isinstance(one, Refused)]) == 4
    assert (await alerts.page(EVERY, reach=stranger, cursor=None, limit=9))[0] == []
    assert await alerts.show(event.id, by=own) == event
    assert event.key_id == key_id


async def test_an_acknowledged_alert_leaves_the_list_and_says_who(
    alerts: Alerts, furnished: Store, owner: tuple[str, str]
) -> None:
    """What is left is what nobody has looked at."""
    bound = budget(owner[0])
    await alerts.crossed([crossing(bound, 50)])
    await alerts.crossed([crossing(bound, 80)])
    first, second = await listed(alerts)

    done = await alerts.acknowledge(first.id, by=BY_OPERATOR)
    again = await alerts.acknowledge(first.id, by=holder(owner[1]))

    assert isinstance(done, StoredEvent)
    assert done.acknowledged_by == "operator"
    assert again == done
    assert await listed(alerts, EventFilter(acknowledged=False)) == [second]
    assert await listed(alerts, EventFilter(acknowledged=True)) == [done]
    assert [entry[1] for entry in await log_of(furnished)].count("alert.acknowledge") == 1


async def test_alerts_are_found_by_account_and_severity(
    alerts: Alerts, furnished: Store, owner: tuple[str, str]
) -> None:
    """By its name, too."""
    async with furnished.reading() as connection:
        name = str(await connection.scalar(select(accounts.c.name)))
    bound = budget(owner[0])
    for percent in (50, 80, 100):
        await alerts.crossed([crossing(bound, percent)])

    grave = await listed(alerts, EventFilter(account=owner[1], severity="critical"))

    assert len(grave) == 1
    assert await listed(alerts, EventFilter(account="nobody")) == []
    assert len(await listed(alerts, EventFilter(account=name))) == 3


async def test_an_event_that_is_no_alert_is_not_listed_as_one(alerts: Alerts, furnished: Store) -> None:
    """A rotation that is near waits for the scheduler, not for a person."""
    await Events(furnished).noticed([Notice(EventKind.ROTATION_NEAR, NOW)])
    found, _ = await Events(furnished).page(EVERY, reach=BY_OPERATOR, cursor=None, limit=9)

    assert await listed(alerts) == []
    assert isinstance(await alerts.show(found[0].id, by=BY_OPERATOR), Refused)


async def test_events_go_when_they_have_been_kept_long_enough(alerts: Alerts, owner: tuple[str, str]) -> None:
    """Otherwise they fill the disk some day."""
    await alerts.crossed([crossing(budget(owner[0]), 80)])
    now_ms = system.now_ms()

    await alerts.forget_old(30, now_ms + 29 * DAY_MS)
    kept = len(await listed(alerts))
    await alerts.forget_old(30, now_ms + 31 * DAY_MS)

    assert (kept, len(await listed(alerts))) == (1, 0)


async def test_what_waits_is_counted_and_no_further_than_it_is_shown(
    alerts: Alerts, furnished: Store, owner: tuple[str, str]
) -> None:
    """The count stands on every page of the dashboard; what is no alert, or seen to, is not in it."""
    told = Events(furnished)
    by = [Notice(kind, NOW, account_id=owner[1]) for kind in (EventKind.USAGE_SPIKE,) * 3]
    await told.noticed([*by, Notice(EventKind.CREDIT_GRANTED, NOW, account_id=owner[1])])
    [newest, *_], _ = await alerts.page(EVERY, reach=BY_OPERATOR, cursor=None, limit=9)
    before = await alerts.open_count(BY_OPERATOR)

    await alerts.acknowledge(newest.id, by=BY_OPERATOR)

    assert (before, await alerts.open_count(BY_OPERATOR)) == (3, 2)
    assert await alerts.open_count(BY_OPERATOR, most=1) == 1
