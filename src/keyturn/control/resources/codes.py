"""``/api/v1/credit/codes``: codes that are worth credit."""

import re
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.openapi.spec import Example
from litestar.params import Body
from msgspec import Meta

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.handover import UNKEPT
from keyturn.control.idempotency import RENDER
from keyturn.control.management import Managed
from keyturn.control.resources.credit import Note
from keyturn.control.wire import (
    Cursor,
    Limit,
    Moment,
    Money,
    Page,
    Usd,
    milliseconds,
    moment,
    nano_usd,
    optional_moment,
    refusals,
)
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason
from keyturn.services.codes import MOST_CODES, MOST_USES, MadeCodes, NewCodes
from keyturn.services.idempotency import KeptAnswer
from keyturn.store.credit import StoredCode

_STATUS = 201
_CURSOR = re.compile(r"(?P<at>[0-9]{1,15})\.(?P<hash>[0-9a-f]{64})")


class CodeObject(msgspec.Struct):
    """A code, without its text."""

    display: Annotated[str, Meta(description="Its first letters.", examples=["KT-7F2KM…"])]
    amount_usd: Usd
    uses: Annotated[int, Meta(description="By how many accounts it was redeemed.")]
    max_uses: int
    credit_days: Annotated[int | None, Meta(description="How long its credit lasts; null: until it is used.")]
    created_at: Moment
    expires_at: Annotated[Moment | None, Meta(description="Until when it can be redeemed; null: for ever.")]
    note: Note


class MakeCodes(msgspec.Struct, forbid_unknown_fields=True):
    """Codes to make."""

    amount_usd: Annotated[Money, Meta(description="What each is worth.", examples=["5"])]
    count: Annotated[int, Meta(description=f"How many, up to {MOST_CODES}.", examples=[10])] = 1
    max_uses: Annotated[
        int, Meta(description=f"By how many accounts each can be redeemed, up to {MOST_USES}.", examples=[1])
    ] = 1
    expires_at: Annotated[Moment | None, Meta(description="Until when they can be redeemed.")] = None
    credit_days: Annotated[int | None, Meta(description="How long their credit lasts.", examples=[365])] = (
        None
    )
    note: Note = ""


class CodesMade(msgspec.Struct, kw_only=True):
    """New codes, shown this once."""

    success: Annotated[bool, Meta(examples=[True])] = True
    data: list[CodeObject]
    codes: Annotated[list[str], Meta(description="Their texts.", examples=[["KT-7F2KM-QX9TZ-W4RBN-8CVD1"]])]


def _render(result: object) -> KeptAnswer | None:
    if not isinstance(result, MadeCodes):
        return None
    headers = [("content-type", "application/json"), *UNKEPT.items()]
    return KeptAnswer(_STATUS, headers, msgspec.json.encode(_made(result)))


@post(
    "/",
    summary="Make codes",
    status_code=_STATUS,
    opt={RENDER: _render},
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON),
)
async def make_codes(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        MakeCodes,
        Body(
            examples=[
                Example(
                    summary="Ten codes for five dollars",
                    id="ten",
                    value={"amount_usd": "5", "count": 10, "credit_days": 365, "note": "Fair 2026"},
                )
            ]
        ),
    ],
) -> Response[CodesMade]:
    """Their texts are in this answer and nowhere else."""
    new = NewCodes(
        nano_usd(data.amount_usd, "amount_usd"),
        data.count,
        None if data.expires_at is None else milliseconds(data.expires_at, "expires_at"),
        data.credit_days,
        data.max_uses,
        data.note,
    )
    made = granted(await management.codes.create(new, by=principal_of(request)))
    return Response(_made(made), status_code=_STATUS, headers=UNKEPT)


@get("/", summary="List codes", responses=refusals(Reason.INVALID_MEMBER))
async def list_codes(management: Managed, *, limit: Limit = 100, cursor: Cursor = None) -> Page[CodeObject]:
    """Newest first, without their texts."""
    after = None
    if cursor is not None:
        found = _CURSOR.fullmatch(cursor)
        if found is None:
            refuse(Reason.INVALID_MEMBER, "Not a cursor that a list has given", "cursor")
        after = int(found["at"]), bytes.fromhex(found["hash"])
    codes, more = await management.codes.page(cursor=after, limit=limit)
    next_cursor = None if more is None else f"{more[0]}.{more[1].hex()}"
    return Page(data=[_show(code) for code in codes], next_cursor=next_cursor)


router = Router("/credit/codes", tags=["Credit"], route_handlers=[list_codes, make_codes])


def _made(made: MadeCodes) -> CodesMade:
    return CodesMade(data=[_show(code) for code in made.stored], codes=[code.reveal() for code in made.codes])


def _show(code: StoredCode) -> CodeObject:
    return CodeObject(
        display=code.display,
        amount_usd=format_usd(code.amount),
        uses=code.uses,
        max_uses=code.max_uses,
        credit_days=code.credit_days,
        created_at=moment(code.created_at),
        expires_at=optional_moment(code.expires_at),
        note=code.note,
    )
