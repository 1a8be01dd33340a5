"""``/api/v1/accounts``: tenants."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, patch, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter

from keyturn import system
from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.management import Managed
from keyturn.control.resources.limit_members import LimitObject, limit_objects
from keyturn.control.wire import (
    Answer,
    Cursor,
    IfMatch,
    Limit,
    Moment,
    Page,
    moment,
    optional_moment,
    refusals,
    tagged,
)
from keyturn.domain import ids
from keyturn.domain.labels import METADATA_PAIRS, NAME_LENGTH, read_metadata
from keyturn.domain.limits import read_limits
from keyturn.domain.refusals import Reason
from keyturn.services.accounts import Account, AccountChange
from keyturn.services.subscriptions import NO_TERMS, Terms

AccountId = Annotated[
    str,
    PathParameter(
        description="The account's `id`, or its name when only one has it.",
        examples=[Example(value="acct_VbXhUyUBKUlzDND0IYtt")],
    ),
]
Name = Annotated[str, msgspec.Meta(description=f"1 to {NAME_LENGTH} characters.", examples=["Example GmbH"])]
Metadata = Annotated[
    dict[str, str],
    msgspec.Meta(description=f"Up to {METADATA_PAIRS} pairs of your own.", examples=[{"customer": "4711"}]),
]
TimeZone = Annotated[
    str,
    msgspec.Meta(
        description="Where the days and months of its limits begin: an IANA name. Only those who reach the whole node "
        "can change it.",
        examples=["Europe/Berlin"],
    ),
]


PlanName = Annotated[
    str,
    msgspec.Meta(
        description="The plan's `id` or name; null: none. Like `prepaid`, set by whoever runs the gateway.",
        examples=["Pro"],
    ),
]
Prepaid = Annotated[
    bool,
    msgspec.Meta(
        description="It is served only while it has credit. A plan that is prepaid says so for all."
    ),
]


class OwnerStatus(StrEnum):
    """Whether the keys of an owner may work."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class AccountStatus(StrEnum):
    """Whether the keys of an account may work."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    OUT_OF_CREDIT = "out_of_credit"


class AccountObject(msgspec.Struct):
    """A tenant: owns projects, users and keys."""

    id: Annotated[str, msgspec.Meta(examples=["acct_VbXhUyUBKUlzDND0IYtt"])]
    name: Name
    status: Annotated[
        AccountStatus, msgspec.Meta(description="`out_of_credit`: it is prepaid and has none left.")
    ]
    plan_id: Annotated[str | None, msgspec.Meta(examples=["plan_VbXhUyUBKUlzDND0IYtt"])]
    prepaid: Prepaid
    trial_ends_at: Annotated[
        Moment | None, msgspec.Meta(description="When its free trial ends or has ended.")
    ]
    metadata: Metadata
    time_zone: TimeZone
    limits: Annotated[
        list[LimitObject], msgspec.Meta(description="Its own; `…/limits` shows what is used of them.")
    ]
    projects: int
    keys: int
    users: int
    created_at: Moment
    version: Annotated[int, msgspec.Meta(description="Goes up by one with every change; also the `ETag`.")]


class CreateAccount(msgspec.Struct, forbid_unknown_fields=True):
    """An account to add."""

    name: Name
    metadata: Metadata = {}
    time_zone: TimeZone = "UTC"
    plan: PlanName | None = None
    prepaid: Prepaid = False


class ChangeAccount(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be different; a member left out stays as it is."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    metadata: Metadata | msgspec.UnsetType = msgspec.UNSET
    time_zone: TimeZone | msgspec.UnsetType = msgspec.UNSET
    plan: PlanName | msgspec.UnsetType | None = msgspec.UNSET
    prepaid: Prepaid | msgspec.UnsetType = msgspec.UNSET


_CHANGING = refusals(
    Reason.INVALID_MEMBER,
    Reason.INVALID_JSON,
    Reason.RESOURCE_NOT_FOUND,
    Reason.CONFLICT,
    Reason.VERSION_MISMATCH,
    Reason.NOT_CONFIRMED,
)
_SUSPENDING = refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT, Reason.NOT_CONFIRMED)


@get("/", summary="List accounts", responses=refusals(Reason.INVALID_MEMBER))
async def list_accounts(
    request: Request[Any, Any, Any],
    management: Managed,
    *,
    search: Annotated[
        str, QueryParameter(description="Only accounts with this in the name, or with this id.")
    ] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[AccountObject]:
    """Newest first. A key of an account other than the operator's sees that one only."""
    if cursor is not None and not ids.is_id(cursor, ids.ACCOUNT):
        refuse(Reason.INVALID_MEMBER, "Not a cursor that a list has given", "cursor")
    found, next_cursor = await management.accounts.page(
        search, by=principal_of(request), cursor=cursor, limit=limit
    )
    return Page(data=[_show(account) for account in found], next_cursor=next_cursor)


@post(
    "/",
    summary="Create an account",
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.RESOURCE_NOT_FOUND),
)
async def create_account(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        CreateAccount,
        Body(examples=[Example(summary="A customer", id="customer", value={"name": "Example GmbH"})]),
    ],
) -> Response[Answer[AccountObject]]:
    """It is empty: give it a project, then keys."""
    terms = NO_TERMS if data.plan is None and not data.prepaid else Terms(data.plan, data.prepaid)
    created = await management.accounts.create(
        data.name,
        metadata=data.metadata,
        time_zone=data.time_zone,
        terms=terms,
        by=principal_of(request),
    )
    return _tagged(granted(created))


@get(
    "/{account_id:str}",
    summary="Show an account",
    responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT),
)
async def show_account(
    request: Request[Any, Any, Any], management: Managed, account_id: AccountId
) -> Response[Answer[AccountObject]]:
    """With how many projects, keys and users it has."""
    return _tagged(granted(await management.accounts.show(account_id, by=principal_of(request))))


@patch("/{account_id:str}", summary="Change an account", responses=_CHANGING)
async def change_account(
    request: Request[Any, Any, Any],
    management: Managed,
    account_id: AccountId,
    data: Annotated[
        ChangeAccount,
        Body(examples=[Example(summary="Another name", id="rename", value={"name": "Example SE"})]),
    ],
    if_match: IfMatch = None,
) -> Response[Answer[AccountObject]]:
    """Its name, metadata (replaced as a whole), time zone, plan or prepayment; they are in force when the call returns.

    With its first plan that has one, an account gets its free trial.
    """
    change = AccountChange(data.name, data.metadata, data.time_zone, Terms(data.plan, data.prepaid))
    changed = await management.accounts.edit(account_id, change, by=principal_of(request), if_match=if_match)
    return _tagged(granted(changed))


@delete(
    "/{account_id:str}",
    summary="Delete an account",
    status_code=200,
    responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT, Reason.VERSION_MISMATCH),
)
async def delete_account(
    request: Request[Any, Any, Any], management: Managed, account_id: AccountId, if_match: IfMatch = None
) -> Answer[AccountObject]:
    """Only when it has no projects and no users any more. Its usage stays in reports."""
    deleted = await management.accounts.delete(account_id, by=principal_of(request), if_match=if_match)
    return Answer(data=_show(granted(deleted)))


@post("/{account_id:str}/suspend", summary="Suspend an account", status_code=200, responses=_SUSPENDING)
async def suspend_account(
    request: Request[Any, Any, Any], management: Managed, account_id: AccountId
) -> Response[Answer[AccountObject]]:
    """No worker accepts any of its keys when the call returns: they answer 403 `account_inactive`."""
    return _tagged(granted(await management.accounts.suspend(account_id, by=principal_of(request))))


@post("/{account_id:str}/resume", summary="Resume an account", status_code=200, responses=_SUSPENDING)
async def resume_account(
    request: Request[Any, Any, Any], management: Managed, account_id: AccountId
) -> Response[Answer[AccountObject]]:
    """Its keys work again, each as it did before."""
    return _tagged(granted(await management.accounts.resume(account_id, by=principal_of(request))))


router = Router(
    "/accounts",
    tags=["Accounts"],
    route_handlers=[
        list_accounts,
        create_account,
        show_account,
        change_account,
        delete_account,
        suspend_account,
        resume_account,
    ],
)


def _tagged(account: Account) -> Response[Answer[AccountObject]]:
    return tagged(_show(account), account.stored.version)


def _status(account: Account) -> AccountStatus:
    if account.stored.suspended_at is not None:
        return AccountStatus.SUSPENDED
    return AccountStatus.OUT_OF_CREDIT if account.out_of_credit else AccountStatus.ACTIVE


def _show(account: Account) -> AccountObject:
    stored, counts = account.stored, account.counts
    return AccountObject(
        id=stored.id,
        name=stored.name,
        status=_status(account),
        plan_id=stored.plan_id,
        prepaid=stored.prepaid,
        trial_ends_at=optional_moment(stored.trial_ends_at),
        metadata=read_metadata(stored.metadata),
        time_zone=stored.time_zone,
        limits=limit_objects(read_limits(stored.limits), system.now()),
        projects=counts.projects,
        keys=counts.keys,
        users=counts.users,
        created_at=moment(stored.created_at),
        version=stored.version,
    )
