"""What the pages about models show beside what the use cases say: how much was asked lately, and how it went."""

from collections.abc import Iterable

import msgspec

from keyturn import system
from keyturn.control.dashboard.model_forms import FIGURES
from keyturn.control.errors import granted
from keyturn.control.management import Management
from keyturn.control.resources.prices import PriceObject
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Refused
from keyturn.domain.upstream_health import UpstreamHealth, health_of
from keyturn.services.sessions import Visitor
from keyturn.services.usage_plans import UsageQuery
from keyturn.store.requests import RequestFilter
from keyturn.store.usage_rows import Dimension, UsageRow

LATELY_DAYS = 7
HEALTH_HOURS = 1
_MOST_REQUESTS = 500
"""How many of the last requests tell of health."""
_HOUR_MS = 3_600_000


async def lately(management: Management, visitor: Visitor, *, model: str = "") -> dict[str, UsageRow]:
    """Return the usage of models in the last seven days, by name: days in the visitor's time zone.

    Args:
        management: The use cases.
        visitor: Who asks.
        model: Only this one; empty: all.
    """
    await management.ingest.flush()
    wanted = UsageQuery(
        by=Dimension.MODEL,
        days=LATELY_DAYS,
        time_zone=visitor.signed_in.time_zone,
        models=(model,) if model else (),
        groups=10_000,
    )
    plan = await management.reports.usage.plan(wanted, by=visitor.principal)
    if isinstance(plan, Refused):  # where hours are not kept for as long, there are the days of UTC
        in_utc = msgspec.structs.replace(wanted, time_zone="UTC")
        plan = granted(await management.reports.usage.plan(in_utc, by=visitor.principal))
    report = granted(await management.reports.usage.report(plan))
    return {line.usage.group: line.usage for line in report.lines}


async def health(management: Management, by: Principal, *, model: str = "") -> dict[str, UpstreamHealth]:
    """Return how upstreams have been doing in the last hour.

    Args:
        management: The use cases.
        by: Who asks.
        model: Only with this one; empty: with all.
    """
    await management.ingest.flush()
    wanted = RequestFilter(since_ms=system.now_ms() - HEALTH_HOURS * _HOUR_MS)
    found, _ = await management.reports.requests(wanted, reach=by, cursor=None, limit=_MOST_REQUESTS)
    return health_of(found, model)


def figures_in(prices: Iterable[PriceObject]) -> list[tuple[str, str, str]]:
    """Return the figures that a table of these prices has columns for: input, output, and those that one of them says."""
    shown = list(prices)
    return [
        one
        for one in FIGURES
        if one in FIGURES[:2] or any(getattr(price, one[0]) is not None for price in shown)
    ]


def page_of(names: list[str], search: str, after: str, most: int) -> tuple[list[str], str]:
    """Return which names a page of a list shows, and what the next page comes after; empty: it is the last.

    Args:
        names: All of them.
        search: Only those that hold it, in capitals or not.
        after: Only those that come later in order.
        most: How many at most.
    """
    sought = search.lower()
    found = sorted(name for name in names if sought in name.lower() and name > after)
    return found[:most], found[most - 1] if len(found) > most else ""
