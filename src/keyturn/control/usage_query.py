"""What reports of usage can be asked for: the query parameters that they share, as one value."""

import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from keyturn.control.errors import refuse
from keyturn.control.wire import milliseconds
from keyturn.domain.periods import Interval
from keyturn.domain.refusals import Reason
from keyturn.services.usage_plans import UsageQuery
from keyturn.services.usage_reports import MOST_ROWS
from keyturn.store.usage_rows import Dimension, Rank

MOST_DAYS = 3_660
_STATUS = re.compile(r"[1-5](?:xx|[0-9]{2})|0")


class Grouping(StrEnum):
    """What a usage report is broken down by."""

    KEY = "key"
    PROJECT = "project"
    ACCOUNT = "account"
    USER = "user"
    MODEL = "model"
    STATUS = "status"
    OPERATION = "operation"
    UPSTREAM = "upstream"
    DAY = "day"
    HOUR = "hour"
    MINUTE = "minute"
    NOTHING = "nothing"


class Span:
    """The query parameters that say of which time; each is ``None`` where it is not given."""

    Days = Annotated[
        int | None,
        QueryParameter(
            ge=1,
            le=MOST_DAYS,
            description="How many days back, today included; 30 where neither this nor `since` is given.",
            examples=[Example(value=30)],
        ),
    ]
    Since = Annotated[
        datetime | None,
        QueryParameter(
            description="From then on, cut to the minute; RFC 3339 with an offset. Not together with `days`.",
            examples=[Example(value=None)],
        ),
    ]
    Until = Annotated[
        datetime | None,
        QueryParameter(
            description="Up to then, rounded up to the minute; up to now where it is left out.",
            examples=[Example(value=None)],
        ),
    ]
    Tz = Annotated[
        str,
        QueryParameter(
            description="Where days and hours begin: an IANA time zone. Without it that of the account the report is "
            "about, or UTC.",
            examples=[Example(value="Europe/Berlin")],
        ),
    ]


class Narrowed:
    """The query parameters that say which requests count."""

    Key = Annotated[str, QueryParameter(description="Only requests of this key: its id or name.")]
    Project = Annotated[
        str, QueryParameter(description="Only requests of this project's keys: its id or name.")
    ]
    Account = Annotated[
        str, QueryParameter(description="Only requests of this account's keys: its id or name.")
    ]
    User = Annotated[
        str, QueryParameter(description="Only requests of this user's personal keys: their id or address.")
    ]
    Model = Annotated[
        list[str] | None,
        QueryParameter(
            description="Only requests for models like this: `gpt-*`. May be given several times.",
            examples=[Example(value=None)],
        ),
    ]
    Status = Annotated[
        str,
        QueryParameter(
            description="Only requests answered with this status, such as `429`, or this class, such as `5xx`; `0` are "
            "those whose worker died.",
            examples=[Example(value="")],
        ),
    ]
    Operation = Annotated[str, QueryParameter(description="Only requests for this, such as `chat`.")]
    Upstream = Annotated[str, QueryParameter(description="Only requests that went to this upstream.")]


_By = Annotated[Grouping | None, QueryParameter(description="What to group by; `key` where it is left out.")]
_Interval = Annotated[
    Interval | None,
    QueryParameter(
        description="Makes it a course of time: each group once for each of these.",
        examples=[Example(value=None)],
    ),
]


def asked(
    *,
    by: _By = None,
    interval: _Interval = None,
    days: Span.Days = None,
    since: Span.Since = None,
    until: Span.Until = None,
    tz: Span.Tz = "",
    key: Narrowed.Key = "",
    project: Narrowed.Project = "",
    account: Narrowed.Account = "",
    user: Narrowed.User = "",
    model: Narrowed.Model = None,
    status: Narrowed.Status = "",
    operation: Narrowed.Operation = "",
    upstream: Narrowed.Upstream = "",
    order: Annotated[Rank, QueryParameter(description="What makes a group come first.")] = Rank.REQUESTS,
    groups: Annotated[
        int | None,
        QueryParameter(
            ge=1,
            le=MOST_ROWS,
            description="How many groups at most, the first by `order`; without it 1,000, or 20 in a course of time. An "
            "export has them all.",
            examples=[Example(value=None)],
        ),
    ] = None,
) -> UsageQuery:
    """Return the question; a dependency of the framework."""
    dimension, steps = _split(by, interval)
    return UsageQuery(
        by=dimension,
        interval=steps,
        days=days,
        since_ms=None if since is None else milliseconds(since, "since"),
        until_ms=None if until is None else milliseconds(until, "until"),
        time_zone=tz,
        key=key,
        project=project,
        account=account,
        user=user,
        models=_patterns(model or ()),
        statuses=statuses_of(status),
        operation=operation,
        upstream=upstream,
        rank=order,
        groups=groups,
    )


def _split(by: Grouping | None, interval: Interval | None) -> tuple[Dimension | None, Interval | None]:
    """Return the dimension and the steps: `by=day` is a course of time and nothing else."""
    if by is None:
        return Dimension.KEY, interval
    if by is Grouping.NOTHING:
        return None, interval
    if by in {Grouping.DAY, Grouping.HOUR, Grouping.MINUTE}:
        if interval not in {None, Interval(by.value)}:
            refuse(Reason.INVALID_MEMBER, f"by={by.value} is an interval itself", "interval")
        return None, Interval(by.value)
    return Dimension(by.value), interval


def _patterns(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in given if one)


def statuses_of(text: str) -> tuple[int, int] | None:
    """Return the least and the greatest of a status such as ``429``, or a class such as ``5xx``; ``None``: all."""
    if not text:
        return None
    if not _STATUS.fullmatch(text.lower()):
        refuse(Reason.INVALID_MEMBER, "Write a status such as 429, or a class such as 5xx", "status")
    if text.lower().endswith("xx"):
        return int(text[0]) * 100, int(text[0]) * 100 + 99
    return int(text), int(text)
