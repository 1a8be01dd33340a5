"""What can be asked about usage, and of which days."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fakes.used import ACCOUNTS, own
from keyturn import system
from keyturn.domain.periods import Interval
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Refused
from keyturn.services.usage_plans import Plan, UsageQuery
from keyturn.services.usage_reports import UsageReport, UsageReports
from keyturn.store.engine import Store

EVERYTHING = Principal(OPERATOR)
NOW_S = int(system.now()) // 60 * 60
END_MS = 253_402_300_799_000
"""The last second that can be written as RFC 3339."""


@pytest.fixture
def reports(store: Store) -> UsageReports:
    """The reports."""
    return UsageReports(store)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"time_zone": "Nowhere"}, "tz"),
        ({"time_zone": "../etc/passwd"}, "tz"),
        ({"since_ms": 1_000, "days": 3}, "days"),
        ({"since_ms": NOW_S * 1000, "until_ms": NOW_S * 1000}, "since"),
        ({"until_ms": 0}, "since"),
        ({"since_ms": END_MS - 60_000, "until_ms": END_MS, "interval": Interval.DAY}, "since"),
        ({"days": 3_000, "interval": Interval.MINUTE}, "interval"),
        ({"key": "no such key"}, None),
        ({"user": "nobody@example.com"}, None),
    ],
)
async def test_a_question_without_an_answer_is_refused(
    reports: UsageReports, query: dict[str, Any], param: str | None
) -> None:
    """With the member at fault."""
    refused = await reports.plan(UsageQuery(**query), by=EVERYTHING)

    assert isinstance(refused, Refused)
    assert refused.param == param


@pytest.mark.parametrize("until_ms", [1, 60_000, END_MS])
@pytest.mark.parametrize("interval", [None, Interval.DAY])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_the_ends_of_time_can_be_asked_for(
    store: Store, reports: UsageReports, until_ms: int, interval: Interval | None, zone: str
) -> None:
    """Nothing was used then, in whatever zone; the calendar must not run out."""
    plan = await reports.plan(UsageQuery(until_ms=until_ms, interval=interval, time_zone=zone), by=EVERYTHING)
    assert isinstance(plan, Plan)

    report = await reports.report(plan)

    assert isinstance(report, UsageReport)
    assert report.total.usage.requests == 0


async def test_days_are_those_of_the_account_that_is_asked_for(store: Store, reports: UsageReports) -> None:
    """Its month ends when its calendar says so."""
    await own(store, time_zone="Asia/Kolkata")

    plan = await reports.plan(UsageQuery(account=ACCOUNTS[0], days=2), by=EVERYTHING)
    node_wide = await reports.plan(UsageQuery(days=2), by=EVERYTHING)

    assert isinstance(plan, Plan)
    assert isinstance(node_wide, Plan)
    assert plan.zone.key == "Asia/Kolkata"
    assert datetime.fromtimestamp(plan.since_s, ZoneInfo("Asia/Kolkata")).hour == 0
    assert datetime.fromtimestamp(node_wide.since_s, UTC).hour == 0
