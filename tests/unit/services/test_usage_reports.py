"""Usage by any dimension and over time, compared with the requests themselves."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from fakes.databases import Databases, become
from fakes.used import ACCOUNTS, KEYS, PROJECTS, USER, group_of, own, requests, use
from keyturn import system
from keyturn.domain.journal import Served
from keyturn.domain.keys import ANONYMOUS
from keyturn.domain.periods import DAY_S, HOUR_S, Interval
from keyturn.domain.permissions import Permission
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Refused
from keyturn.services.retention import Kept, Retention
from keyturn.services.usage_plans import Plan, UsageQuery
from keyturn.services.usage_reports import Line, UsageReport, UsageReports
from keyturn.store.engine import Store
from keyturn.store.usage_rows import Dimension, Rank

EVERYTHING = Principal(OPERATOR)
NOW_S = int(system.now()) // 60 * 60
SINCE_S = NOW_S // HOUR_S * HOUR_S - 5 * DAY_S - 17 * 60
USED = requests(1_500, since_s=SINCE_S - DAY_S, until_s=NOW_S)
SPAN: dict[str, Any] = {"since_ms": SINCE_S * 1000, "until_ms": NOW_S * 1000}
Sums = tuple[int, ...]


@pytest.fixture(scope="module")
def used_database(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with what was used, made once: it takes longer than all that is asked of it."""

    async def fill() -> Path:
        store = databases.open(tmp_path_factory.mktemp("used") / "keyturn.db")
        await own(store)
        await use(store, USED)
        await store.close()
        return store.path

    return asyncio.run(fill())


@pytest.fixture
def used(store: Store, used_database: Path) -> list[Served]:
    """Every request that the database knows sums of; some lie before what is asked for."""
    become(store, used_database)
    return USED


@pytest.fixture
def reports(store: Store) -> UsageReports:
    """The reports."""
    return UsageReports(store)


async def ask(reports: UsageReports, principal: Principal = EVERYTHING, /, **query: Any) -> UsageReport:
    """Return a report that is not refused."""
    plan = await reports.plan(UsageQuery(**query), by=principal)
    assert isinstance(plan, Plan), plan
    report = await reports.report(plan)
    assert isinstance(report, UsageReport), report
    return report


def expected(
    used: list[Served], group: Callable[[Served], Any], wanted: Callable[[Served], bool] = lambda _: True
) -> dict[Any, Sums]:
    """Add up requests within the span."""
    sums: dict[Any, list[int]] = defaultdict(lambda: [0] * 6)
    for one in used:
        if one.started_us >= SINCE_S * 1_000_000 and wanted(one):
            values = (
                1,
                one.input_tokens,
                one.output_tokens,
                one.cost_nano_usd,
                one.status != 200,
                one.source != "reported",
            )
            for index, value in enumerate(values):
                sums[group(one)][index] += value
    return {name: tuple(values) for name, values in sums.items()}


def sums_of(line: Line) -> Sums:
    """Return the figures that are compared."""
    usage = line.usage
    tokens = (usage.input_tokens, usage.output_tokens)
    return (usage.requests, *tokens, usage.cost_nano_usd, usage.errors, usage.estimated)


@pytest.mark.parametrize("by", list(Dimension))
async def test_every_dimension_adds_up_to_the_requests(
    reports: UsageReports, used: list[Served], by: Dimension
) -> None:
    """Whoever is billed asks for the proof."""
    report = await ask(reports, by=by, **SPAN)

    found = {line.usage.group: sums_of(line) for line in report.lines}
    assert found == expected(used, lambda one: group_of(one, by))
    assert sums_of(report.total) == expected(used, lambda _: "")[""]


@pytest.mark.parametrize("by", [None, Dimension.KEY, Dimension.MODEL, Dimension.ACCOUNT])
async def test_a_course_of_time_has_each_group_in_each_hour(
    reports: UsageReports, used: list[Served], by: Dimension | None
) -> None:
    """Two at once: the first and the last hour are cut where the span is."""
    report = await ask(reports, by=by, interval=Interval.HOUR, **SPAN)

    def slot(one: Served) -> tuple[int, str]:
        begin = one.started_us // 1_000_000 // HOUR_S * HOUR_S
        return max(begin, SINCE_S), group_of(one, by) if by else ""

    found = {(line.since_s, line.usage.group): sums_of(line) for line in report.lines}
    assert found == expected(used, slot)
    assert [line.since_s for line in report.lines] == sorted(line.since_s for line in report.lines)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Chatham"])
async def test_days_are_those_of_the_time_zone(reports: UsageReports, used: list[Served], zone: str) -> None:
    """In Kolkata a day begins at half past six in the evening, by UTC."""
    report = await ask(reports, interval=Interval.DAY, time_zone=zone, by=Dimension.PROJECT, **SPAN)

    def slot(one: Served) -> tuple[str, str]:
        day = datetime.fromtimestamp(one.started_us / 1_000_000, ZoneInfo(zone)).date().isoformat()
        return day, group_of(one, "project")

    found = {
        (datetime.fromtimestamp(line.since_s, ZoneInfo(zone)).date().isoformat(), line.usage.group): sums_of(
            line
        )
        for line in report.lines
    }
    assert found == expected(used, slot)


FILTERS: dict[str, tuple[dict[str, Any], Callable[[Served], bool]]] = {
    "key": ({"key": KEYS[2]}, lambda one: one.key_id == KEYS[2]),
    "key by name": ({"key": "name of 3"}, lambda one: one.key_id == KEYS[3]),
    "project": ({"project": "project 1"}, lambda one: group_of(one, "project") == PROJECTS[1]),
    "account": ({"account": ACCOUNTS[1]}, lambda one: group_of(one, "account") == ACCOUNTS[1]),
    "user": ({"user": "ann@example.com"}, lambda one: group_of(one, "user") == USER),
    "model": ({"models": ("gpt-*", "x")}, lambda one: one.model.startswith("gpt-")),
    "status": ({"statuses": (500, 599)}, lambda one: one.status == 503),
    "operation": ({"operation": "chat"}, lambda one: one.operation == "chat"),
    "several": (
        {"operation": "chat", "statuses": (200, 200), "models": ("claude-*",), "account": ACCOUNTS[0]},
        lambda one: (
            (one.operation, one.status, one.model) == ("chat", 200, "claude-x")
            and group_of(one, "account") == ACCOUNTS[0]
        ),
    ),
}


@pytest.mark.parametrize("single_rows", [0, 10**9])
@pytest.mark.parametrize("case", FILTERS)
async def test_filters_leave_out_what_they_say(
    reports: UsageReports, used: list[Served], case: str, single_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By either way to the rows: a range of all, or one by one."""
    monkeypatch.setattr("keyturn.store.usage_reports.SINGLE_ROWS", single_rows)
    query, wanted = FILTERS[case]

    for by in (Dimension.MODEL, Dimension.KEY):
        report = await ask(reports, by=by, **query, **SPAN)

        found = {line.usage.group: sums_of(line) for line in report.lines}
        assert found == expected(used, partial(group_of, by=by), wanted)
        assert sums_of(report.total) == expected(used, lambda _: "", wanted)[""]


async def test_only_what_is_within_reach_counts(reports: UsageReports, used: list[Served]) -> None:
    """A customer's key must not show another's spending, in no row and in no total."""
    key = msgspec.structs.replace(ANONYMOUS, id=KEYS[0], account_id=ACCOUNTS[0], project_id=PROJECTS[0])
    of_project = Principal(
        KEYS[0], key=msgspec.structs.replace(key, permissions=frozenset({Permission.WRITE}))
    )
    of_account = Principal(
        KEYS[0], key=msgspec.structs.replace(key, permissions=frozenset({Permission.ADMIN}))
    )

    for by in Dimension:
        for principal, dimension, own_id in (
            (of_project, "project", PROJECTS[0]),
            (of_account, "account", ACCOUNTS[0]),
        ):
            report = await ask(reports, principal, by=by, **SPAN)
            within = [one for one in used if group_of(one, dimension) == own_id]
            mine = expected(within, partial(group_of, by=by))
            assert {line.usage.group: sums_of(line) for line in report.lines} == mine
            assert sum(line.usage.requests for line in report.lines) == report.total.usage.requests
    foreign = await ask(reports, of_account, by=Dimension.KEY, key=KEYS[5], **SPAN)
    assert (foreign.lines, foreign.total.usage.requests) == ([], 0)


@pytest.mark.parametrize("by", [Dimension.MODEL, Dimension.KEY])
async def test_durations_are_those_of_the_requests(
    reports: UsageReports, used: list[Served], by: Dimension
) -> None:
    """Half of them, and all but one in twenty."""
    report = await ask(reports, by=by, **SPAN)

    for line in [*report.lines, report.total]:
        took = sorted(
            one.total_us
            for one in used
            if one.started_us >= SINCE_S * 1_000_000 and line.usage.group in {"", group_of(one, by)}
        )
        for share, told in zip((0.5, 0.95), line.took_us, strict=True):
            exact = took[math.ceil(len(took) * share) - 1]
            assert told == pytest.approx(exact, rel=0.04)


@pytest.mark.parametrize("rank", list(Rank))
@pytest.mark.parametrize("by", [Dimension.KEY, Dimension.ACCOUNT, Dimension.MODEL])
@pytest.mark.parametrize("span", [SPAN, {"days": 6}, {"days": 30}, {"days": 5, "account": ACCOUNTS[0]}])
async def test_groups_stand_in_the_order_that_is_asked_for(
    reports: UsageReports, used: list[Served], by: Dimension, rank: Rank, span: dict[str, Any]
) -> None:
    """However the time is put together; asked twice, because the second answer draws on the first."""
    figures = {
        Rank.REQUESTS: lambda usage: usage.requests,
        Rank.COST: lambda usage: usage.cost_nano_usd,
        Rank.TOKENS: lambda usage: usage.input_tokens + usage.output_tokens,
        Rank.ERRORS: lambda usage: usage.errors,
    }
    for _ in range(2):
        report = await ask(reports, by=by, rank=rank, **span)

        ranked = [figures[rank](line.usage) for line in report.lines]
        assert ranked == sorted(ranked, reverse=True)
        assert sum(ranked) == figures[rank](report.total.usage)


@pytest.mark.parametrize("ago_s", [3 * DAY_S, 2 * 3_600])
async def test_what_comes_in_late_counts_in_the_order(
    store: Store, reports: UsageReports, used: list[Served], ago_s: int
) -> None:
    """What closed days and hours came to is remembered, and a worker's last journal may be read a week later."""
    before = await ask(reports, by=Dimension.KEY, rank=Rank.COST, days=30, groups=1)
    other = next(one for one in KEYS if one != before.lines[0].usage.group)
    late = msgspec.structs.replace(
        used[0], key_id=other, started_us=(NOW_S - ago_s) * 1_000_000, cost_nano_usd=10**15
    )
    await use(store, [late])

    after = await ask(reports, by=Dimension.KEY, rank=Rank.COST, days=30, groups=1)

    assert [line.usage.group for line in after.lines] == [other]


async def test_a_key_that_nobody_knows_is_ranked_as_nobodys(store: Store, reports: UsageReports) -> None:
    """Its requests were served: they must not be missing."""
    await own(store)
    made = requests(20, since_s=NOW_S - HOUR_S, until_s=NOW_S)
    await use(store, [msgspec.structs.replace(one, key_id="key_gone") for one in made])

    report = await ask(reports, by=Dimension.ACCOUNT, days=2)
    within = await ask(reports, by=Dimension.ACCOUNT, days=2, account=ACCOUNTS[0])

    assert [(line.usage.group, line.usage.requests) for line in report.lines] == [("", 20)]
    assert within.lines == []


@pytest.mark.parametrize("by", [Dimension.KEY, Dimension.MODEL, Dimension.STATUS, Dimension.PROJECT])
async def test_the_first_groups_are_those_that_come_first(
    reports: UsageReports, used: list[Served], by: Dimension
) -> None:
    """And the total is of all."""
    everyone = await ask(reports, by=by, rank=Rank.COST, **SPAN)
    report = await ask(reports, by=by, rank=Rank.COST, groups=2, **SPAN)
    over_time = await ask(reports, by=by, rank=Rank.COST, groups=2, interval=Interval.DAY, **SPAN)

    costs = [line.usage.cost_nano_usd for line in everyone.lines]
    assert costs == sorted(costs, reverse=True)
    assert report.lines == everyone.lines[:2]
    assert report.left_out == over_time.left_out == len(everyone.lines) - 2
    assert report.total == everyone.total
    assert {line.usage.group for line in over_time.lines} == {line.usage.group for line in report.lines}


async def test_an_export_has_the_rows_of_the_report(reports: UsageReports, used: list[Served]) -> None:
    """A piece at a time, and none of them missing."""
    query = UsageQuery(by=Dimension.KEY, interval=Interval.HOUR, **SPAN)
    plan = await reports.plan(query, by=EVERYTHING)
    assert isinstance(plan, Plan)

    pieces = [piece async for piece in reports.export(plan)]

    found = [line for piece in pieces for line in piece]
    report = await ask(reports, by=Dimension.KEY, interval=Interval.HOUR, groups=len(KEYS), **SPAN)
    assert len(pieces) > 3
    assert sorted(found, key=lambda line: (line.since_s, line.usage.group)) == found
    assert {(line.since_s, line.usage.group): sums_of(line) for line in found} == {
        (line.since_s, line.usage.group): sums_of(line) for line in report.lines
    }


async def test_what_is_no_longer_kept_is_refused_and_never_left_out(
    store: Store, reports: UsageReports, used: list[Served]
) -> None:
    """Half a day looks like a whole one."""
    await Retention(store, lambda: Kept(requests_days=30, minutes_days=1, hours_days=2)).prune(NOW_S * 1000)

    def day(back: int) -> int:
        return (NOW_S // DAY_S - back) * DAY_S * 1000

    whole = await ask(reports, by=Dimension.MODEL, since_ms=day(4), until_ms=day(0))
    refused = [
        await reports.plan(UsageQuery(**query), by=EVERYTHING)
        for query in (
            {"since_ms": day(4) + 60_000, "until_ms": day(0)},
            {"since_ms": day(4), "until_ms": day(0), "interval": Interval.HOUR},
            {"since_ms": day(4), "until_ms": day(0), "interval": Interval.DAY, "time_zone": "Asia/Kolkata"},
            {"since_ms": day(3), "until_ms": day(2), "interval": Interval.MINUTE},
        )
    ]

    wanted = [one for one in used if day(4) <= one.started_us / 1000 < day(0)]
    assert whole.total.usage.requests == len(wanted)
    for one in refused:
        assert isinstance(one, Refused)
        assert (one.param, "is kept from" in one.message) == ("since", True)


async def test_more_rows_than_a_report_can_have_are_refused(
    reports: UsageReports, used: list[Served]
) -> None:
    """They would fill the memory of whoever asks; an export has them all."""
    plan = await reports.plan(
        UsageQuery(by=Dimension.KEY, interval=Interval.HOUR, groups=50_000, days=5), by=EVERYTHING
    )
    assert isinstance(plan, Plan)

    refused = await reports.report(plan)

    assert isinstance(refused, Refused)
    assert refused.param == "groups"
