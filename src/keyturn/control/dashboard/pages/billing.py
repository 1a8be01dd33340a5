"""Plans and credit: what an account has, how it came by it, what it spent, and what operators do about it."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.params import FromPath, QueryParameter

from keyturn import system
from keyturn.control.dashboard import fields
from keyturn.control.dashboard.entities import entity
from keyturn.control.dashboard.guard import Form, for_, form_of, visitor_of
from keyturn.control.dashboard.lists import after_number, ways
from keyturn.control.dashboard.once import in_words, new_nonce, once
from keyturn.control.dashboard.shell import HEADERS as PAGE_HEADERS, AnyRequest, Page, render, see
from keyturn.control.errors import granted, refuse
from keyturn.control.management import Managed, Management
from keyturn.control.resources.statements import StatementFormat, write_statement
from keyturn.domain import months
from keyturn.domain.faults import Fault
from keyturn.domain.ledger import EntryKind
from keyturn.domain.limit_text import format_limit
from keyturn.domain.limits import read_limits
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import may
from keyturn.services.accounts import AccountChange
from keyturn.services.credit import AccountCredit, NewCredit
from keyturn.services.subscriptions import Terms

PATH = "/dashboard/billing"
SENT_TWICE = "This form was sent twice; what it says was done once"
UNCONFIRMED = "It is done and stands in the ledger; a worker may not know it yet. Do not send it again"
SHOWN, PLANS_SHOWN, MOST_MONTHS = 50, 100, 24
_SHOW = ("GET", "/api/v1/credit")
_GRANT, _ADJUST = ("POST", "/api/v1/credit/grants"), ("POST", "/api/v1/credit/adjustments")
_TAKE_BACK = ("DELETE", "/api/v1/credit/grants/{grant_id}")
_REDEEM, _ASSIGN = ("POST", "/api/v1/credit/redeem"), ("PATCH", "/api/v1/accounts/{account_id}")
_STATEMENT = ("GET", "/api/v1/accounts/{account_id}/statements/{month}")

AccountQuery = Annotated[str, QueryParameter(name="account")]


@get("/billing", include_in_schema=False, opt=for_(_SHOW))
async def billing_page(
    request: AnyRequest,
    management: Managed,
    *,
    account: AccountQuery = "",
    kind: Annotated[str, QueryParameter()] = "",
    cursor: Annotated[str, QueryParameter()] = "",
) -> Page:
    """Show what an account has: one's own, or, for operators, any."""
    return await _page(request, management, account, kind=kind, cursor=cursor)


@get("/billing/statements/{account_id:str}/{month:str}", include_in_schema=False, opt=for_(_STATEMENT))
async def statement_page(
    request: AnyRequest,
    management: Managed,
    *,
    account_id: FromPath[str],
    month: FromPath[str],
    written: Annotated[StatementFormat, QueryParameter(name="format")] = StatementFormat.HTML,
) -> Response[Any]:
    """Show a month as a page to print, or hand it out as a file."""
    await management.ingest.flush()
    by = visitor_of(request).principal
    found = granted(await management.statements.show(account_id, month, by=by))
    answer: Response[Any] = write_statement(found, written, management.settings.support.contact)
    if written is not StatementFormat.HTML:
        answer.headers["content-disposition"] = f'attachment; filename="statement-{found.month}.{written}"'
    for name, value in PAGE_HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


@post("/billing/redeem", include_in_schema=False, opt=for_(_REDEEM), status_code=200)
async def redeem_code(request: AnyRequest, management: Managed) -> Page:
    """Turn a code into credit."""
    form, by = form_of(request), visitor_of(request).principal
    account = form.text("account") or visitor_of(request).signed_in.account_id
    left = await management.codes.redeem(form.text("code"), account, by=by)
    return await _done(request, management, account, left, "Redeemed: the credit can be used now")


@post("/billing/{account_id:str}/grants", include_in_schema=False, opt=for_(_GRANT), status_code=200)
async def grant_credit(request: AnyRequest, management: Managed, account_id: FromPath[str]) -> Page:
    """Give an account credit."""
    new = new_credit(form_of(request), visitor_of(request).signed_in.time_zone)
    if isinstance(new, Refused):
        return await _done(request, management, account_id, new, "")
    change = partial(management.credit.grant, account_id, new, by=visitor_of(request).principal)
    return await _once(request, management, account_id, change, "Granted: it can be used now")


@post("/billing/{account_id:str}/adjustments", include_in_schema=False, opt=for_(_ADJUST), status_code=200)
async def adjust_credit(request: AnyRequest, management: Managed, account_id: FromPath[str]) -> Page:
    """Put an account right by hand."""
    new = new_credit(form_of(request), visitor_of(request).signed_in.time_zone, negative=True)
    if isinstance(new, Refused):
        return await _done(request, management, account_id, new, "")
    change = partial(management.credit.adjust, account_id, new, by=visitor_of(request).principal)
    return await _once(request, management, account_id, change, "Adjusted")


@get(
    "/billing/{account_id:str}/grants/{grant_id:str}/take-back",
    include_in_schema=False,
    opt=for_(_TAKE_BACK, proof="take back credit"),
)
async def take_back_page(
    request: AnyRequest, management: Managed, account_id: FromPath[str], grant_id: FromPath[str]
) -> Page:
    """Name what would be taken back, and ask."""
    held = granted(await management.credit.show(account_id, by=visitor_of(request).principal))
    grant = next((one for one in held.grants if one.id == grant_id), None)
    if grant is None:
        refuse(Reason.RESOURCE_NOT_FOUND, "There is no such grant of which something remains")
    return render(
        request,
        "billing_take_back.html",
        title="Take back a grant",
        section="billing",
        held=held,
        grant=grant,
    )


@post(
    "/billing/{account_id:str}/grants/{grant_id:str}/take-back",
    include_in_schema=False,
    opt=for_(_TAKE_BACK, proof="take back credit"),
    status_code=200,
)
async def take_back(
    request: AnyRequest, management: Managed, account_id: FromPath[str], grant_id: FromPath[str]
) -> Page:
    """Take back what remains of a grant."""
    note = form_of(request).text("note")
    left = await management.credit.take_back(grant_id, note, by=visitor_of(request).principal)
    return await _done(request, management, account_id, left, "Taken back")


@post("/billing/{account_id:str}/plan", include_in_schema=False, opt=for_(_ASSIGN), status_code=200)
async def assign_plan(request: AnyRequest, management: Managed, account_id: FromPath[str]) -> Page:
    """Give an account another plan, and say whether it pays in advance."""
    form = form_of(request)
    terms = Terms(form.text("plan") or None, form.on("prepaid"))
    by = visitor_of(request).principal
    changed = await management.accounts.edit(account_id, AccountChange(terms=terms), by=by)
    return await _done(request, management, account_id, changed, "In force now, on every worker")


HANDLERS = [
    billing_page,
    statement_page,
    redeem_code,
    grant_credit,
    adjust_credit,
    take_back_page,
    take_back,
    assign_plan,
]


def new_credit(form: Form, zone: str, *, negative: bool = False) -> NewCredit | Refused:
    """Read what is to be granted, or with ``negative`` to be adjusted."""
    amount = fields.dollars(form.text("amount_usd"), "amount_usd", negative=negative)
    if isinstance(amount, Refused):
        return amount
    ends = fields.end_of_day(form.text("expires_at"), "expires_at", ZoneInfo(zone))
    if isinstance(ends, Refused):
        return ends
    return NewCredit(amount, form.text("note"), ends, form.text("reference") or None)


def months_since(created_ms: int, now_ms: int, zone: str) -> list[str]:
    """Return the months of an account's life, newest first, ``MOST_MONTHS`` at most."""
    month, last = months.month_of(created_ms / 1000, zone), months.month_of(now_ms / 1000, zone)
    found = [month]
    while found[-1] < last:
        found.append(months.next_month(found[-1]))
    return found[::-1][:MOST_MONTHS]


async def _once(
    request: AnyRequest,
    management: Management,
    account_id: str,
    change: Callable[[], Awaitable[AccountCredit | Refused]],
    said: str,
) -> Page:
    """Make a change the first time that its form is sent; a second click says that it is done."""
    form, caller, path = form_of(request), visitor_of(request).person.id, request.scope["path"]
    result: AccountCredit | Refused | None = None
    try:
        async with once(management, form, caller=caller, path=path, made=_credited) as attempt:
            if not attempt.before:
                result = attempt.refused or await change()
                attempt.made = _credited(result)
    except Fault as fault:
        if fault.reason is not Reason.NOT_CONFIRMED:
            raise
        return _seen(request, account_id, UNCONFIRMED, failed=True)
    if isinstance(result, Refused):
        result = in_words(result)
    return await _done(request, management, account_id, result, said if result else SENT_TWICE)


def _credited(result: object) -> str:
    return result.account.id if isinstance(result, AccountCredit) else ""


async def _done(
    request: AnyRequest, management: Management, account_id: str, result: object, said: str
) -> Page:
    if isinstance(result, Refused):
        return await _page(request, management, account_id, refused=result, typed=form_of(request))
    return _seen(request, account_id, said)


def _seen(request: AnyRequest, account_id: str, said: str, *, failed: bool = False) -> Page:
    own = account_id == visitor_of(request).signed_in.account_id
    return see(request, PATH if own else f"{PATH}?account={quote(account_id)}", said, failed=failed)


async def _page(
    request: AnyRequest,
    management: Management,
    named: str,
    *,
    kind: str = "",
    cursor: str = "",
    refused: Refused | None = None,
    typed: Form | None = None,
) -> Page:
    visitor = visitor_of(request)
    person, by = visitor.person, visitor.principal
    await management.ingest.flush()
    held: AccountCredit = granted(await management.credit.show(named or person.account_id, by=by))
    account = held.account
    only = EntryKind(kind) if kind in set(EntryKind) else None
    ledger = granted(
        await management.ledger.page(account.id, by=by, kind=only, cursor=after_number(cursor), limit=SHOWN)
    )
    this_month = months.month_of(system.now(), account.time_zone)
    plan = None if account.plan_id is None else await management.plans.show(account.plan_id)
    plan = None if isinstance(plan, Refused) else plan
    operates = may(person, *_GRANT)
    plans, _ = await management.plans.page("", cursor=None, limit=PLANS_SHOWN) if operates else ([], None)
    names = await management.names.of(entry.actor for entry in ledger.entries)
    return render(
        request,
        "billing.html",
        title="Plans and credit",
        section="billing",
        refused=refused,
        held=held,
        own=account.id == person.account_id,
        plan=plan,
        plan_limits=[] if plan is None else [format_limit(one) for one in read_limits(plan.stored.limits)],
        plans=[("", "No plan"), *((one.stored.id, one.stored.name) for one in plans)],
        month=this_month,
        spent=granted(await management.statements.spent(account.id, this_month, by=by)),
        entries=[(entry, entity(entry.actor, names)) for entry in ledger.entries],
        kind="" if only is None else only.value,
        kinds=[("", "All entries"), *((one.value, one.value) for one in EntryKind)],
        months=months_since(account.created_at, system.now_ms(), account.time_zone),
        operates=operates,
        nonce=new_nonce(),
        redeems=may(person, *_REDEEM),
        typed=Form() if typed is None else typed,
        form_name=request.url.path.rpartition("/")[2] if typed is not None else "",
        **ways(request, cursor, ledger.next_cursor),
    )
