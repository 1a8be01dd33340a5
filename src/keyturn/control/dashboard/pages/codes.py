"""What operators see of all accounts: balances, codes that are worth credit, and the proof of the ledger."""

import re
from typing import Annotated
from zoneinfo import ZoneInfo

from litestar import get, post
from litestar.params import QueryParameter

from keyturn.control.dashboard import fields
from keyturn.control.dashboard.guard import Form, for_, form_of, visitor_of
from keyturn.control.dashboard.lists import after, no_page, ways
from keyturn.control.dashboard.once import in_words, new_nonce, once
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.errors import granted
from keyturn.control.management import Managed, Management
from keyturn.domain import ids
from keyturn.domain.refusals import Refused
from keyturn.services.codes import MadeCodes, NewCodes

PATH = "/dashboard/billing/codes"
SHOWN = 50
SHOWN_BEFORE = "This form was sent before and made its codes then; they were shown once"
_CURSOR = re.compile(r"(?P<at>[0-9]{1,15})\.(?P<hash>[0-9a-f]{64})")
_CODES = ("POST", "/api/v1/credit/codes")


@get("/billing/accounts", include_in_schema=False, opt=for_(("POST", "/api/v1/credit/grants")))
async def accounts_page(
    request: AnyRequest,
    management: Managed,
    *,
    search: Annotated[str, QueryParameter()] = "",
    cursor: Annotated[str, QueryParameter()] = "",
) -> Page:
    """List accounts with what they have, to pick one."""
    by = visitor_of(request).principal
    await management.ingest.flush()
    found, following = await management.accounts.page(
        search.strip(), by=by, cursor=after(cursor, ids.ACCOUNT), limit=SHOWN
    )
    standings = await management.credit.standings([one.stored.id for one in found], by=by)
    plans = await management.names.of(one.stored.plan_id or "" for one in found)
    return render(
        request,
        "billing_accounts.html",
        title="Credit of accounts",
        section="billing",
        lines=[(one, standings[one.stored.id], plans.get(one.stored.plan_id or "", "")) for one in found],
        search=search,
        **ways(request, cursor, following),
    )


@get("/billing/codes", include_in_schema=False, opt=for_(("GET", "/api/v1/credit/codes")))
async def codes_page(
    request: AnyRequest, management: Managed, cursor: Annotated[str, QueryParameter()] = ""
) -> Page:
    """List codes, without their texts."""
    return await _codes(request, management, cursor=cursor)


@post("/billing/codes", include_in_schema=False, opt=for_(_CODES), status_code=200)
async def make_codes(request: AnyRequest, management: Managed) -> Page:
    """Make codes and show them this once."""
    form = form_of(request)
    new = new_codes(form, visitor_of(request).signed_in.time_zone)
    if isinstance(new, Refused):
        return await _codes(request, management, refused=new, typed=form)
    visitor = visitor_of(request)
    async with once(management, form, caller=visitor.person.id, path=PATH, made=_made) as attempt:
        if attempt.before:
            return see(request, PATH, SHOWN_BEFORE, failed=True)
        made = attempt.refused or await management.codes.create(new, by=visitor.principal)
        attempt.made = _made(made)
    if isinstance(made, Refused):
        return await _codes(request, management, refused=in_words(made), typed=form)
    return await _codes(request, management, made=made)


@get("/billing/verify", include_in_schema=False, opt=for_(("GET", "/api/v1/ledger/verify")))
async def verify_page(request: AnyRequest, management: Managed) -> Page:
    """Compare all figures that are kept twice."""
    await management.ingest.flush()
    proof = granted(await management.ledger.verify(None, by=visitor_of(request).principal))
    names = await management.names.of(one.account_id for one in proof.differences)
    return render(
        request,
        "billing_verify.html",
        title="Proof of the ledger",
        section="billing",
        proof=proof,
        names=names,
    )


HANDLERS = [accounts_page, codes_page, make_codes, verify_page]


def _made(result: object) -> str:
    return "codes" if isinstance(result, MadeCodes) else ""


def new_codes(form: Form, zone: str) -> NewCodes | Refused:
    """Read what codes are to be made."""
    amount = fields.dollars(form.text("amount_usd"), "amount_usd")
    if isinstance(amount, Refused):
        return amount
    count = fields.whole(form.text("count"), "count", 1)
    if isinstance(count, Refused):
        return count
    uses = fields.whole(form.text("max_uses"), "max_uses", 1)
    if isinstance(uses, Refused):
        return uses
    days = fields.whole(form.text("credit_days"), "credit_days", None)
    if isinstance(days, Refused):
        return days
    ends = fields.end_of_day(form.text("expires_at"), "expires_at", ZoneInfo(zone))
    if isinstance(ends, Refused):
        return ends
    return NewCodes(amount, count, ends, days, uses, form.text("note"))


async def _codes(
    request: AnyRequest,
    management: Management,
    *,
    cursor: str = "",
    made: MadeCodes | None = None,
    refused: Refused | None = None,
    typed: Form | None = None,
) -> Page:
    found, more = await management.codes.page(cursor=_place(cursor), limit=SHOWN)
    return render(
        request,
        "billing_codes.html",
        title="Codes",
        section="billing",
        refused=refused,
        codes=found,
        nonce=new_nonce(),
        made=[] if made is None else [one.reveal() for one in made.codes],
        typed=Form() if typed is None else typed,
        **ways(request, cursor, more and f"{more[0]}.{more[1].hex()}"),
    )


def _place(cursor: str) -> tuple[int, bytes] | None:
    at = _CURSOR.fullmatch(cursor)
    if cursor and at is None:
        no_page()
    return None if at is None else (int(at["at"]), bytes.fromhex(at["hash"]))
