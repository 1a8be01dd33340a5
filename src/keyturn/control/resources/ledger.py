"""``/api/v1/ledger``: every change of an account's balance, and the proof that it is right."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get
from litestar.openapi.spec import Example
from litestar.params import QueryParameter
from msgspec import Meta

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted
from keyturn.control.management import Managed
from keyturn.control.resources.credit import AccountQuery
from keyturn.control.wire import Answer, Limit, Moment, Page, Usd, moment, refusals
from keyturn.domain.ledger import Entry, EntryKind
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason
from keyturn.services.ledger import MOST_DIFFERENCES
from keyturn.store.ledger_proof import Check, Difference

LAST_SEQ = 2**63 - 1
"""The largest number that the store can compare with."""


class LedgerEntryObject(msgspec.Struct):
    """One change of the balance."""

    account_id: Annotated[str, Meta(examples=["acct_VbXhUyUBKUlzDND0IYtt"])]
    seq: Annotated[int, Meta(description="From 1 for each account, without a gap.")]
    at: Moment
    month: Annotated[str, Meta(description="The statement it is on.", examples=["2026-11"])]
    kind: EntryKind
    amount_usd: Annotated[Usd, Meta(description="Negative: used, or taken off.", examples=["-0.0125"])]
    balance_usd: Annotated[Usd, Meta(description="Behind this entry; negative: owed.")]
    requests: Annotated[int, Meta(description="How many are charged.")]
    grant_id: str | None
    note: str
    actor: Annotated[str, Meta(description="Who wrote it.", examples=["ingest"])]
    reference: str | None


class DifferenceObject(msgspec.Struct):
    """A figure that is not what it must be."""

    check: Check
    account_id: str
    where: Annotated[str, Meta(description="Which entry, grant or month; empty: the account as a whole.")]
    expected: Annotated[str, Meta(description="In dollars; of `sequence` a number.")]
    found: str


class ProofObject(msgspec.Struct):
    """What came of comparing all figures that are kept twice."""

    holds: bool
    accounts: int
    entries: int
    balance_usd: Annotated[Usd, Meta(description="Of all of them together.")]
    charged_usd: Annotated[Usd, Meta(description="What was charged, priced anew where it was.")]
    used_usd: Annotated[Usd, Meta(description="What the usage of their keys cost.")]
    differences: Annotated[list[DifferenceObject], Meta(description=f"Up to {MOST_DIFFERENCES}.")]


@get(
    "/",
    summary="Show the ledger",
    responses=refusals(Reason.INVALID_MEMBER, Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT),
)
async def show_ledger(
    request: Request[Any, Any, Any],
    management: Managed,
    *,
    named: AccountQuery = None,
    kind: Annotated[EntryKind | None, QueryParameter(description="Only entries of this kind.")] = None,
    limit: Limit = 100,
    cursor: Annotated[
        int | None,
        QueryParameter(
            ge=1,
            le=LAST_SEQ,
            description="`next_cursor` of the page before.",
            examples=[Example(value=None)],
        ),
    ] = None,
) -> Page[LedgerEntryObject]:
    """Of one account, newest first. Usage is charged twice a second, in one entry for all requests since the last."""
    await management.ingest.flush()
    page = granted(
        await management.ledger.page(named, by=principal_of(request), kind=kind, cursor=cursor, limit=limit)
    )
    more = None if page.next_cursor is None else str(page.next_cursor)
    return Page(data=[_show(entry) for entry in page.entries], next_cursor=more)


@get("/verify", summary="Verify the ledger", responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT))
async def verify_ledger(
    request: Request[Any, Any, Any], management: Managed, *, named: AccountQuery = None
) -> Answer[ProofObject]:
    """Balances are sums, charges are what the usage cost, grants hold what they must; of all accounts, unless said."""
    await management.ingest.flush()
    proof = granted(await management.ledger.verify(named, by=principal_of(request)))
    figures = proof.figures
    return Answer(
        data=ProofObject(
            holds=not proof.differences,
            accounts=figures.accounts,
            entries=figures.entries,
            balance_usd=format_usd(figures.balance),
            charged_usd=format_usd(figures.charged),
            used_usd=format_usd(figures.used),
            differences=[_difference(one) for one in proof.differences],
        )
    )


router = Router("/ledger", tags=["Ledger"], route_handlers=[show_ledger, verify_ledger])


def _show(entry: Entry) -> LedgerEntryObject:
    return LedgerEntryObject(
        account_id=entry.account_id,
        seq=entry.seq,
        at=moment(entry.at),
        month=entry.month,
        kind=entry.kind,
        amount_usd=format_usd(entry.amount),
        balance_usd=format_usd(entry.balance),
        requests=entry.requests,
        grant_id=entry.grant_id or None,
        note=entry.note,
        actor=entry.actor,
        reference=entry.reference,
    )


def _difference(one: Difference) -> DifferenceObject:
    show = str if one.check is Check.SEQUENCE else format_usd
    return DifferenceObject(one.check, one.account_id, one.where, show(one.expected), show(one.found))
