"""The accounts of a node, for those who run it; and an account for those who administer it."""

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, QueryParameter

from keyturn.control.dashboard.guard import for_, form_of, visitor_of
from keyturn.control.dashboard.lists import after, ways
from keyturn.control.dashboard.pages.team import TEAM, tabs
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.errors import granted
from keyturn.control.management import Managed, Management
from keyturn.domain import ids
from keyturn.domain.refusals import Refused
from keyturn.domain.roles import may
from keyturn.services.accounts import AccountChange

ACCOUNTS = f"{TEAM}/accounts"
ROWS = 50
Search = Annotated[str, QueryParameter()]
Cursor = Annotated[str, QueryParameter()]
_LIST = ("POST", "/api/v1/accounts")
"""Whoever may add one: the list is of no use to others."""
_EDIT = ("PATCH", "/api/v1/accounts/{account_id}")


@get("/team/accounts", include_in_schema=False, opt=for_(_LIST))
async def accounts(
    request: AnyRequest, management: Managed, *, search: Search = "", cursor: Cursor = ""
) -> Page:
    """Show all of them."""
    return await _list_page(request, management, search.strip(), cursor)


@post("/team/accounts", include_in_schema=False, opt=for_(_LIST), status_code=200)
async def create(request: AnyRequest, management: Managed) -> Page:
    """Add one."""
    form = form_of(request)
    typed = {"name": form.text("name"), "time_zone": form.text("time_zone") or "UTC"}
    made = await management.accounts.create(
        typed["name"], metadata={}, time_zone=typed["time_zone"], by=visitor_of(request).principal
    )
    if isinstance(made, Refused):
        return await _list_page(request, management, "", "", typed=typed, refused=made)
    return see(
        request,
        f"{TEAM}?account={made.stored.id}",
        f"The account {made.stored.name} is there; invite its owner next",
    )


@get("/team/accounts/{account_id:str}", include_in_schema=False, opt=for_(_EDIT))
async def account(request: AnyRequest, management: Managed, account_id: FromPath[str]) -> Page:
    """Show one."""
    return await _page(request, management, account_id)


@post("/team/accounts/{account_id:str}", include_in_schema=False, opt=for_(_EDIT), status_code=200)
async def edit(request: AnyRequest, management: Managed, account_id: FromPath[str]) -> Page:
    """Rename it, or move it to another time zone."""
    visitor, form = visitor_of(request), form_of(request)
    change = AccountChange(name=form.text("name"))
    if visitor.person.node_wide and form.text("time_zone"):
        change = AccountChange(name=form.text("name"), time_zone=form.text("time_zone"))
    changed = await management.accounts.edit(account_id, change, by=visitor.principal)
    if isinstance(changed, Refused):
        typed = {"name": form.text("name"), "time_zone": form.text("time_zone")}
        return await _page(request, management, account_id, typed, changed)
    return see(request, f"{ACCOUNTS}/{account_id}", "Saved")


@post(
    "/team/accounts/{account_id:str}/suspend",
    include_in_schema=False,
    opt=for_(("POST", "/api/v1/accounts/{account_id}/suspend")),
)
async def suspend(request: AnyRequest, management: Managed, account_id: FromPath[str]) -> Page:
    """Have all its keys refused."""
    done = granted(await management.accounts.suspend(account_id, by=visitor_of(request).principal))
    back = f"{ACCOUNTS}/{account_id}"
    return see(request, back, f"{done.stored.name} is suspended", undo=f"{back}/resume")


@post(
    "/team/accounts/{account_id:str}/resume",
    include_in_schema=False,
    opt=for_(("POST", "/api/v1/accounts/{account_id}/resume")),
)
async def resume(request: AnyRequest, management: Managed, account_id: FromPath[str]) -> Page:
    """Let its keys work again."""
    done = granted(await management.accounts.resume(account_id, by=visitor_of(request).principal))
    return see(request, f"{ACCOUNTS}/{account_id}", f"{done.stored.name} is active again")


HANDLERS = [accounts, create, account, edit, suspend, resume]


async def _list_page(
    request: AnyRequest,
    management: Management,
    search: str,
    cursor: str,
    *,
    typed: dict[str, str] | None = None,
    refused: Refused | None = None,
) -> Page:
    found, following = await management.accounts.page(
        search, by=visitor_of(request).principal, cursor=after(cursor, ids.ACCOUNT), limit=ROWS
    )
    return render(
        request,
        "accounts.html",
        title="Accounts",
        section="team",
        refused=refused,
        accounts=found,
        search=search,
        typed=typed or {"name": "", "time_zone": "UTC"},
        **ways(request, cursor, following),
        **tabs(request),
    )


async def _page(
    request: AnyRequest,
    management: Management,
    account_id: str,
    typed: dict[str, str] | None = None,
    refused: Refused | None = None,
) -> Page:
    visitor = visitor_of(request)
    shown = granted(await management.accounts.show(account_id, by=visitor.principal))
    own = shown.stored.id == visitor.person.account_id
    return render(
        request,
        "account_terms.html",
        title=shown.stored.name,
        section="team",
        refused=refused,
        account=shown,
        typed=typed or {"name": shown.stored.name, "time_zone": shown.stored.time_zone},
        people=TEAM if own else f"{TEAM}?account={shown.stored.id}",
        node_wide=visitor.person.node_wide,
        own=own,
        sees_all=may(visitor.person, *_LIST),
    )
