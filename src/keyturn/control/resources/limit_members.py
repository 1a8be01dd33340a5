"""Limits as requests and answers of the management API hold them."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from keyturn.control.errors import refuse
from keyturn.control.wire import Moment, milliseconds, moment
from keyturn.domain.limits import Limit, Metric, Window, shown
from keyturn.domain.money import LARGEST_USD, parse_usd
from keyturn.domain.refusals import Reason


class LimitWindow(StrEnum):
    """The windows that somebody can write down."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    LIFETIME = "lifetime"


OfWindow = Annotated[
    LimitWindow | None,
    Meta(
        description="Seconds, minutes and hours slide; days and months follow the account's calendar. "
        "Left out for `concurrency`."
    ),
]
OfModel = Annotated[
    str | None,
    Meta(
        description="Only models like this, counted together; `*` stands for any characters. Left out: all.",
        examples=["gpt-*"],
    ),
]
Shadow = Annotated[bool, Meta(description="It is counted, and told when it is passed, but refuses nothing.")]
Given = Annotated[
    int | float | str,
    Meta(
        description="A whole number; of `cost_usd` an amount in dollars with up to nine decimals, better as a string.",
        examples=[60, "20.50"],
    ),
]
Shown = Annotated[
    int | str,
    Meta(description="A whole number; of `cost_usd` a decimal string in dollars.", examples=[60, "20.5"]),
]


Ends = Annotated[
    Moment, Meta(description="When the limit ends by itself, as a throttle does. Left out: it stays.")
]


class RaiseTerms(msgspec.Struct, forbid_unknown_fields=True):
    """What stands for the limit for a while."""

    max: Given
    until: Moment


class LimitTerms(msgspec.Struct, forbid_unknown_fields=True):
    """How much of something may be used within a window."""

    metric: Metric
    max: Given
    window: OfWindow = None
    model: OfModel = None
    shadow: Shadow = False
    raised: Annotated[
        RaiseTerms | None, Meta(description="More, until a time; then the limit is what it was.")
    ] = msgspec.field(name="raise", default=None)
    until: Ends | None = None


class RaiseObject(msgspec.Struct):
    """What stands for the limit for a while."""

    max: Shown
    until: Moment


class LimitObject(msgspec.Struct, kw_only=True):
    """How much of something may be used within a window."""

    metric: Metric
    window: Annotated[LimitWindow, Meta(description="Left out for `concurrency`.")] | UnsetType = UNSET
    max: Shown
    model: Annotated[str, Meta(description="Left out: all models.", examples=["gpt-*"])] | UnsetType = UNSET
    shadow: Shadow = False
    raised: Annotated[RaiseObject, Meta(description="While it is in force, else left out.")] | UnsetType = (
        msgspec.field(name="raise", default=UNSET)
    )
    until: Ends | UnsetType = UNSET


def limit_object(limit: Limit, now: float) -> LimitObject:
    """Return a limit as it is shown; a raise that has ended is not.

    Args:
        limit: Which.
        now: Seconds since 1970 UTC.
    """
    raised: RaiseObject | UnsetType = UNSET
    if limit.raised_max is not None and now < limit.raised_until:
        until = moment(int(limit.raised_until * 1000))
        raised = RaiseObject(amount(limit.metric, limit.raised_max), until)
    return LimitObject(
        metric=limit.metric,
        window=LimitWindow(limit.window) if limit.window else UNSET,
        max=amount(limit.metric, limit.max),
        model=limit.model or UNSET,
        shadow=limit.shadow,
        raised=raised,
        until=moment(int(limit.until * 1000)) if limit.until else UNSET,
    )


def limit_objects(limits: Iterable[Limit], now: float) -> list[LimitObject]:
    """Return limits as they are shown, ``now`` in seconds since 1970 UTC; those that have ended are not."""
    return [limit_object(limit, now) for limit in limits if not limit.until or now < limit.until]


def amount(metric: Metric, counted: int) -> int | str:
    """Return an amount as it is shown: money as decimal dollars, in a string."""
    return shown(metric, counted) if metric is Metric.COST else counted


def limits_of(data: Sequence[LimitTerms], param: str = "limits") -> tuple[Limit, ...]:
    """Return what a request asks for.

    Raises:
        RefusedError: An amount is none; with its path, such as ``limits[1].max``.
    """
    return tuple(_limit(one, f"{param}[{number}]") for number, one in enumerate(data))


def _limit(data: LimitTerms, param: str) -> Limit:
    raised = data.raised
    return Limit(
        data.metric,
        Window.NONE if data.window is None else Window(data.window),
        _counted(data.metric, data.max, f"{param}.max"),
        data.model or "",
        data.shadow,
        None if raised is None else _counted(data.metric, raised.max, f"{param}.raise.max"),
        0.0 if raised is None else milliseconds(raised.until, f"{param}.raise.until") / 1000,
        0.0 if data.until is None else milliseconds(data.until, f"{param}.until") / 1000,
    )


def _counted(metric: Metric, given: float | str, param: str) -> int:
    if metric is not Metric.COST:
        if isinstance(given, int):
            return given
        refuse(Reason.INVALID_MEMBER, "How much is allowed is a whole number", param)
    try:
        return parse_usd(str(given))
    except ValueError:
        message = f"An amount is from 0 to {LARGEST_USD} dollars, with at most nine decimals"
        refuse(Reason.INVALID_MEMBER, message, param)
