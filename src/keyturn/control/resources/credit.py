"""``/api/v1/credit``: what accounts have, and how they come by more."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter
from msgspec import Meta

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted
from keyturn.control.management import Managed
from keyturn.control.wire import (
    Answer,
    Moment,
    Money,
    Usd,
    milliseconds,
    moment,
    nano_usd,
    optional_moment,
    refusals,
)
from keyturn.domain.ledger import Grant, GrantSource
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason
from keyturn.services.credit import NOTE_LENGTH, REFERENCE_LENGTH, AccountCredit, NewCredit

AccountQuery = Annotated[
    str | None,
    QueryParameter(
        name="account",
        description="The account's `id` or name; the caller's own, unless said.",
        examples=[Example(value=None)],
    ),
]
AccountMember = Annotated[
    str | None,
    Meta(description="The account's `id` or name; the caller's own, unless said.", examples=["acme"]),
]
Note = Annotated[str, Meta(description=f"Why; up to {NOTE_LENGTH} characters.", examples=["Invoice 4711"])]
Reference = Annotated[
    str | None,
    Meta(
        description=f"Your own name for it, up to {REFERENCE_LENGTH} characters: what has the same name in the account is "
        "not done twice.",
        examples=["payment 8f3a"],
    ),
]
Ends = Annotated[Moment | None, Meta(description="When it ends; null: never.")]


class GrantObject(msgspec.Struct):
    """Credit that was given."""

    id: Annotated[str, Meta(examples=["grnt_VbXhUyUBKUlzDND0IYtt"])]
    source: GrantSource
    amount_usd: Usd
    remaining_usd: Usd
    created_at: Moment
    expires_at: Ends
    note: Note


class CreditObject(msgspec.Struct):
    """What an account has."""

    account_id: Annotated[str, Meta(examples=["acct_VbXhUyUBKUlzDND0IYtt"])]
    account_name: str
    available_usd: Annotated[
        Usd, Meta(description="What may be used: what remains of the grants, less what is owed.")
    ]
    balance_usd: Annotated[Usd, Meta(description="Of the ledger; negative: owed.")]
    prepaid: Annotated[bool, Meta(description="It is served only while it has credit.")]
    out_of_credit: Annotated[bool, Meta(description="It is prepaid and has nothing: its keys are refused.")]
    grants: Annotated[
        list[GrantObject], Meta(description="In the order in which they are used: soonest to expire first.")
    ]


class GrantCredit(msgspec.Struct, forbid_unknown_fields=True):
    """Credit to give."""

    amount_usd: Money
    account: AccountMember = None
    expires_at: Ends = None
    note: Note = ""
    reference: Reference = None


class AdjustCredit(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be put right."""

    amount_usd: Annotated[Money, Meta(description="Negative: taken off.", examples=["-2.50"])]
    note: Note
    account: AccountMember = None
    expires_at: Ends = None
    reference: Reference = None


class RedeemCode(msgspec.Struct, forbid_unknown_fields=True):
    """A code, and whose credit it is to be."""

    code: Annotated[
        str,
        Meta(
            description="In capitals or not, with or without the hyphens.",
            examples=["KT-7F2KM-QX9TZ-W4RBN-8CVD1"],
        ),
    ]
    account: AccountMember = None


_CHANGING = refusals(
    Reason.INVALID_MEMBER,
    Reason.INVALID_JSON,
    Reason.RESOURCE_NOT_FOUND,
    Reason.CONFLICT,
    Reason.NOT_CONFIRMED,
)


@get("/", summary="Show credit", responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT))
async def show_credit(
    request: Request[Any, Any, Any], management: Managed, *, named: AccountQuery = None
) -> Answer[CreditObject]:
    """Of the caller's own account, unless another one within reach is named."""
    await management.ingest.flush()
    return _answer(granted(await management.credit.show(named, by=principal_of(request))))


@post("/grants", summary="Grant credit", responses=_CHANGING)
async def grant_credit(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        GrantCredit,
        Body(
            examples=[
                Example(
                    summary="Ten dollars for a payment",
                    id="payment",
                    value={"amount_usd": "10", "note": "Invoice 4711", "reference": "invoice 4711"},
                )
            ]
        ),
    ],
) -> Answer[CreditObject]:
    """It pays what is owed first. Keys that were refused for want of credit work when the call returns."""
    new = _new(data)
    return _answer(granted(await management.credit.grant(data.account, new, by=principal_of(request))))


@delete("/grants/{grant_id:str}", summary="Take back a grant", status_code=200, responses=_CHANGING)
async def take_back_grant(
    request: Request[Any, Any, Any],
    management: Managed,
    grant_id: Annotated[
        str, PathParameter(description="Its `id`.", examples=[Example(value="grnt_VbXhUyUBKUlzDND0IYtt")])
    ],
    *,
    note: Annotated[str, QueryParameter(description="Why.")] = "",
) -> Answer[CreditObject]:
    """What remains of it; what was used stays used."""
    left = await management.credit.take_back(grant_id, note, by=principal_of(request))
    return _answer(granted(left))


@post("/adjustments", summary="Adjust credit", responses=_CHANGING)
async def adjust_credit(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        AdjustCredit,
        Body(
            examples=[
                Example(
                    summary="Taken off",
                    id="correction",
                    value={"amount_usd": "-2.50", "note": "Booked twice"},
                )
            ]
        ),
    ],
) -> Answer[CreditObject]:
    """By hand: a payment of what is owed, a goodwill, or (negative) a correction."""
    new = _new(data)
    return _answer(granted(await management.credit.adjust(data.account, new, by=principal_of(request))))


@post("/redeem", summary="Redeem a code", responses=_CHANGING)
async def redeem_code(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        RedeemCode,
        Body(examples=[Example(summary="A code", id="code", value={"code": "KT-7F2KM-QX9TZ-W4RBN-8CVD1"})]),
    ],
) -> Answer[CreditObject]:
    """Once for each account and code. The credit is there when the call returns."""
    left = await management.codes.redeem(data.code, data.account, by=principal_of(request))
    return _answer(granted(left))


router = Router(
    "/credit",
    tags=["Credit"],
    route_handlers=[show_credit, grant_credit, take_back_grant, adjust_credit, redeem_code],
)


def _new(data: GrantCredit | AdjustCredit) -> NewCredit:
    ends = None if data.expires_at is None else milliseconds(data.expires_at, "expires_at")
    return NewCredit(nano_usd(data.amount_usd, "amount_usd"), data.note, ends, data.reference)


def _answer(credit: AccountCredit) -> Answer[CreditObject]:
    return Answer(
        data=CreditObject(
            account_id=credit.account.id,
            account_name=credit.account.name,
            available_usd=format_usd(credit.available),
            balance_usd=format_usd(credit.balance),
            prepaid=credit.prepaid,
            out_of_credit=credit.is_out,
            grants=[_show(grant) for grant in credit.grants],
        )
    )


def _show(grant: Grant) -> GrantObject:
    return GrantObject(
        id=grant.id,
        source=grant.source,
        amount_usd=format_usd(grant.amount),
        remaining_usd=format_usd(grant.remaining),
        created_at=moment(grant.created_at),
        expires_at=optional_moment(grant.expires_at),
        note=grant.note,
    )
