"""Shapes that all resources of the management API share."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from litestar import Response
from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, QueryParameter

from keyturn.control.errors import refuse
from keyturn.dialects import envelope
from keyturn.domain.money import LARGEST_USD, format_usd, parse_usd
from keyturn.domain.refusals import RULES, Reason, Refused
from keyturn.domain.versions import entity_tag

T = TypeVar("T")
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999: no later time can be written as RFC 3339."""

Moment = Annotated[datetime, msgspec.Meta(description="RFC 3339, UTC.", examples=["2026-11-20T18:36:00Z"])]
Usd = Annotated[str, msgspec.Meta(description="US dollars, a decimal string.", examples=["0.0125"])]

Limit = Annotated[
    int, QueryParameter(ge=1, le=1000, description="How many at most.", examples=[Example(value=100)])
]
Cursor = Annotated[
    str | None,
    QueryParameter(description="`next_cursor` of the page before.", examples=[Example(value=None)]),
]

IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        description="The `ETag` of what you read: if it has changed since, nothing is done (412).",
        examples=[Example(value='"3"')],
    ),
]


class Answer(msgspec.Struct, Generic[T], kw_only=True):
    """What a successful call answers."""

    success: Literal[True] = True
    data: T


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """One page of a list."""

    success: Literal[True] = True
    data: list[T]
    next_cursor: Annotated[
        str | None, msgspec.Meta(description="Ask with `cursor=` for the next page; null on the last.")
    ] = None


class ProblemDetail(msgspec.Struct):
    """What went wrong."""

    code: Annotated[str, msgspec.Meta(description="Stable; decide by it.", examples=["RESOURCE_NOT_FOUND"])]
    message: Annotated[str, msgspec.Meta(description="For people.", examples=["There is no such key"])]
    details: Annotated[
        dict[str, str], msgspec.Meta(description="Further facts, such as `param`: the member at fault.")
    ]


class Problem(msgspec.Struct):
    """What a refused call answers."""

    success: Literal[False]
    error: ProblemDetail


REQUEST_ID_HEADER = ResponseHeader(
    name="x-request-id",
    description="Finds the request in logs and in `keyturn explain`.",
    documentation_only=True,
)


def refusals(*reasons: Reason) -> dict[int, ResponseSpec]:
    """Return the refusals an operation may answer with, by status, an example for each reason."""
    always = (
        Reason.MISSING_API_KEY,
        Reason.UNKNOWN_API_KEY,
        Reason.DISABLED_API_KEY,
        Reason.EXPIRED_API_KEY,
        Reason.INSUFFICIENT_PERMISSIONS,
        Reason.CONTROL_UNAVAILABLE,
    )
    found: dict[int, ResponseSpec] = {}
    for reason in always + reasons:
        rule = RULES[reason]
        example = Example(summary=rule.message, id=reason.value, value=_example(reason))
        known = found.get(rule.status)
        if known is None or known.examples is None:
            found[rule.status] = ResponseSpec(
                Problem, generate_examples=False, description=rule.message, examples=[example]
            )
        else:
            known.examples.append(example)
    return found


def _example(reason: Reason) -> object:
    param = {Reason.INVALID_MEMBER: "name"}.get(reason)
    example: object = msgspec.json.decode(envelope.render(Refused(reason, param=param)))
    return example


def tagged(data: T, version: int) -> Response[Answer[T]]:
    """Return an answer with the version of what it shows as ``ETag``."""
    return Response(Answer(data=data), headers={"etag": entity_tag(version)})


def moment(ms: int) -> datetime:
    """Return milliseconds since 1970 UTC as a time, cut to the second."""
    return datetime.fromtimestamp(ms // 1000, UTC)


def optional_moment(ms: int | None) -> datetime | None:
    """Return milliseconds since 1970 UTC as a time, where there are any."""
    return None if ms is None else moment(ms)


def optional_usd(nano_usd: int | None) -> str | None:
    """Return nano-dollars as decimal dollars, where there are any."""
    return None if nano_usd is None else format_usd(nano_usd)


def milliseconds(at: datetime, param: str) -> int:
    """Return a time that a request names as milliseconds since 1970 UTC.

    Raises:
        RefusedError: It has no offset, so that nobody knows when it is, or can't be shown in UTC.
    """
    if at.tzinfo is None:
        refuse(Reason.INVALID_MEMBER, "The time needs an offset, such as 'Z'", param)
    found = int(at.timestamp() * 1000)
    if not 0 <= found <= LATEST_MS:
        refuse(Reason.INVALID_MEMBER, "The time must lie between the years 1970 and 9999 in UTC", param)
    return found


Money = Annotated[
    Decimal,
    msgspec.Meta(description="US dollars, up to nine decimals; better sent as a string.", examples=["0.15"]),
]


def nano_usd(amount: Decimal, param: str) -> int:
    """Return an amount that a request names in nano-dollars; it may be negative.

    Raises:
        RefusedError: It has more than nine decimals, or is too large.
    """
    try:
        size = parse_usd(str(amount.copy_abs()))
    except ValueError:
        message = f"An amount in dollars has up to nine decimals and is {LARGEST_USD} at most"
        refuse(Reason.INVALID_MEMBER, message, param)
    return -size if amount < 0 else size
