"""``/api/v1/prices/rerate``: recorded requests at the prices that are known now."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, post
from litestar.openapi.spec import Example
from litestar.params import Body

from keyturn import system
from keyturn.control.auth import principal_of
from keyturn.control.errors import refuse
from keyturn.control.management import Managed
from keyturn.control.wire import Answer, Moment, Usd, milliseconds, moment, refusals
from keyturn.domain import ids
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason
from keyturn.services.rerate import Portion, Repriced, RerateOrder


class StartRerate(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, rename={"since": "from"}):
    """What is to be priced again."""

    since: Annotated[
        datetime,
        msgspec.Meta(
            description="RFC 3339 with an offset: requests from then on.", examples=["2026-11-20T00:00:00Z"]
        ),
    ]
    model: Annotated[
        str, msgspec.Meta(description="Only requests for this name; empty: all.", examples=["gpt-4o"])
    ] = ""
    apply: Annotated[bool, msgspec.Meta(description="false: say what would change, and change nothing.")] = (
        False
    )
    id: Annotated[
        str,
        msgspec.Meta(description="Of the walk to go on with; empty: a new one.", examples=[""]),
    ] = ""
    cursor: Annotated[
        str | None, msgspec.Meta(description="`next_cursor` of the portion before.", examples=[None])
    ] = None


class RepricedObject(msgspec.Struct):
    """What comes of it for one key and model, or altogether."""

    model: str
    key_id: str
    key_name: str
    account_id: str
    requests: Annotated[int, msgspec.Meta(description="Those that get another price.")]
    before_usd: Usd
    after_usd: Usd
    difference_usd: Annotated[Usd, msgspec.Meta(description="Negative where it gets cheaper.")]


class RerateObject(msgspec.Struct):
    """One portion of the walk through the records."""

    id: Annotated[str, msgspec.Meta(examples=["rrt_VbXhUyUBKUlzDND0IYtt"])]
    applied: bool
    scanned: Annotated[int, msgspec.Meta(description="Requests that were looked at.")]
    reached: Annotated[
        Moment | None, msgspec.Meta(description="Requests up to here were looked at; null: there are none.")
    ]
    rows: list[RepricedObject]
    total: RepricedObject
    next_cursor: Annotated[
        str | None,
        msgspec.Meta(description="Ask again with `id` and `cursor` for the next portion; null: done."),
    ]


@post(
    "/rerate",
    summary="Price requests again",
    status_code=200,
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON),
)
async def rerate(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        StartRerate,
        Body(
            examples=[Example(summary="What would change", id="dry", value={"from": "2026-11-20T00:00:00Z"})]
        ),
    ],
) -> Answer[RerateObject]:
    """Recorded requests at the prices known now: one portion, with what changes. Repeating it changes nothing more.

    Records are kept for 30 days; what is older stays as it was charged.
    """
    if data.id and not ids.is_id(data.id, ids.RERATE):
        refuse(Reason.INVALID_MEMBER, "Not the id that a portion has given", "id")
    await management.ingest.flush()
    order = RerateOrder(
        data.id or system.new_id(ids.RERATE),
        milliseconds(data.since, "from"),
        data.model,
        data.apply,
        place_of(data.cursor),
    )
    portion = await management.rerate.run(order, by=principal_of(request))
    if data.apply:
        await management.counting.reload_keys({row.key_id for row in portion.rows})
    names = await management.names.of(row.key_id for row in portion.rows)
    return Answer(data=_portion(order, portion, names))


router = Router("/prices", tags=["Prices"], route_handlers=[rerate])


def place_of(cursor: str | None) -> tuple[str, str] | None:
    """Return where to go on; ``None``: at the beginning.

    Raises:
        RefusedError: It is not a cursor that a portion has given.
    """
    if cursor is None:
        return None
    last_id, _, first_id = cursor.partition(".")
    if not ids.is_id(last_id, ids.REQUEST) or not ids.is_id(first_id, ids.REQUEST):
        refuse(Reason.INVALID_MEMBER, "Not a cursor that a portion has given", "cursor")
    return last_id, first_id


def _portion(order: RerateOrder, portion: Portion, names: dict[str, str]) -> RerateObject:
    total = Repriced("", "", "")
    for row in portion.rows:
        total.requests += row.requests
        total.before += row.before
        total.after += row.after
    return RerateObject(
        order.id,
        order.apply,
        portion.scanned,
        moment(portion.reached_ms) if portion.reached_ms else None,
        [_repriced(row, names.get(row.key_id, "")) for row in portion.rows],
        _repriced(total, ""),
        None if portion.after is None else ".".join(portion.after),
    )


def _repriced(row: Repriced, name: str) -> RepricedObject:
    return RepricedObject(
        row.model,
        row.key_id,
        name,
        row.account_id,
        row.requests,
        format_usd(row.before),
        format_usd(row.after),
        format_usd(row.after - row.before),
    )
