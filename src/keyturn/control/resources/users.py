"""``/api/v1/users``: people in an account."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, patch, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.management import Managed
from keyturn.control.resources.accounts import Metadata, OwnerStatus
from keyturn.control.wire import Answer, Cursor, IfMatch, Limit, Moment, Page, moment, refusals, tagged
from keyturn.domain import ids
from keyturn.domain.labels import NAME_LENGTH, read_metadata
from keyturn.domain.refusals import Reason
from keyturn.domain.roles import Role
from keyturn.services.users import EMAIL_LENGTH, NewUser, User, UserChange
from keyturn.store.users import StoredUser, UserFilter

UserId = Annotated[
    str,
    PathParameter(
        description="The user's `id`, or the e-mail address when only one has it.",
        examples=[Example(value="user_VbXhUyUBKUlzDND0IYtt")],
    ),
]
Email = Annotated[
    str,
    msgspec.Meta(
        description=f"Up to {EMAIL_LENGTH} characters; once in an account, in lower case.",
        examples=["kim@example.com"],
    ),
]
Name = Annotated[str, msgspec.Meta(description=f"Up to {NAME_LENGTH} characters.", examples=["Kim Example"])]


NewRole = Annotated[
    Role,
    msgspec.Meta(
        description="Nobody makes anybody stronger than they are. Their sessions end when they may do less.",
        examples=["member"],
    ),
]


class UserObject(msgspec.Struct):
    """A person in an account."""

    id: Annotated[str, msgspec.Meta(examples=["user_VbXhUyUBKUlzDND0IYtt"])]
    account_id: Annotated[str, msgspec.Meta(examples=["acct_VbXhUyUBKUlzDND0IYtt"])]
    email: Email
    name: Name
    status: OwnerStatus
    role: Annotated[Role | None, msgspec.Meta(description="null: they do not sign in, but can hold keys.")]
    two_factor: Annotated[bool, msgspec.Meta(description="They are asked for a second factor at sign-in.")]
    last_sign_in_at: Annotated[Moment | None, msgspec.Meta(description="null: never.")]
    invited: Annotated[
        bool, msgspec.Meta(description="They have an invitation that works and have not come in yet.")
    ]
    metadata: Metadata
    keys: Annotated[int, msgspec.Meta(description="Personal keys.")]
    projects: Annotated[
        list[str], msgspec.Meta(description="Membership, by id.", examples=[["proj_VbXhUyU7kT3m9QwErTyU"]])
    ]
    created_at: Moment
    version: Annotated[int, msgspec.Meta(description="Goes up by one with every change; also the `ETag`.")]


class CreateUser(msgspec.Struct, forbid_unknown_fields=True):
    """A user to add."""

    email: Email
    name: Annotated[str, msgspec.Meta(description="The address unless said.", examples=["Kim Example"])] = ""
    account_id: Annotated[
        str, msgspec.Meta(description="Id or name of their account; your own unless said.")
    ] = ""
    metadata: Metadata = {}
    role: Annotated[
        Role | None,
        msgspec.Meta(
            description="What they may do when they sign in; invite them next. null: they do not sign in."
        ),
    ] = None


class ChangeUser(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be different; a member left out stays as it is."""

    email: Email | msgspec.UnsetType = msgspec.UNSET
    name: Name | msgspec.UnsetType = msgspec.UNSET
    metadata: Metadata | msgspec.UnsetType = msgspec.UNSET
    role: NewRole | msgspec.UnsetType = msgspec.UNSET


_SUSPENDING = refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT, Reason.NOT_CONFIRMED)


@get("/", summary="List users", responses=refusals(Reason.INVALID_MEMBER, Reason.RESOURCE_NOT_FOUND))
async def list_users(
    request: Request[Any, Any, Any],
    management: Managed,
    *,
    account: Annotated[
        str, QueryParameter(description="Only those of the account with this id or name.")
    ] = "",
    search: Annotated[
        str, QueryParameter(description="Only users with this in name or address, or with this id.")
    ] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[UserObject]:
    """Newest first. A key sees those of its own account."""
    if cursor is not None and not ids.is_id(cursor, ids.USER):
        refuse(Reason.INVALID_MEMBER, "Not a cursor that a list has given", "cursor")
    wanted = UserFilter(account_id=account, search=search)
    page = await management.users.page(wanted, by=principal_of(request), cursor=cursor, limit=limit)
    found, next_cursor = granted(page)
    return Page(data=[user_object(user) for user in found], next_cursor=next_cursor)


@post(
    "/",
    summary="Create a user",
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.CONFLICT),
)
async def create_user(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        CreateUser,
        Body(
            examples=[
                Example(
                    summary="A person", id="person", value={"email": "kim@example.com", "name": "Kim Example"}
                )
            ]
        ),
    ],
) -> Response[Answer[UserObject]]:
    """Personal keys can be issued to them in projects they are members of."""
    wanted = NewUser(data.email, data.name, data.account_id, data.metadata, data.role)
    return _tagged(granted(await management.users.create(wanted, by=principal_of(request))))


@get("/{user_id:str}", summary="Show a user", responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT))
async def show_user(
    request: Request[Any, Any, Any], management: Managed, user_id: UserId
) -> Response[Answer[UserObject]]:
    """With the projects they are members of, and how many personal keys they have."""
    return _tagged(granted(await management.users.show(user_id, by=principal_of(request))))


@patch(
    "/{user_id:str}",
    summary="Change a user",
    responses=refusals(
        Reason.INVALID_MEMBER,
        Reason.INVALID_JSON,
        Reason.RESOURCE_NOT_FOUND,
        Reason.CONFLICT,
        Reason.VERSION_MISMATCH,
    ),
)
async def change_user(
    request: Request[Any, Any, Any],
    management: Managed,
    user_id: UserId,
    data: Annotated[
        ChangeUser,
        Body(examples=[Example(summary="Another name", id="rename", value={"name": "Kim Sample"})]),
    ],
    if_match: IfMatch = None,
) -> Response[Answer[UserObject]]:
    """Address, name, metadata or role; metadata is replaced as a whole. Only an owner changes an owner."""
    change = UserChange(data.email, data.name, data.metadata, data.role)
    changed = await management.users.edit(user_id, change, by=principal_of(request), if_match=if_match)
    return _tagged(granted(changed))


@delete(
    "/{user_id:str}",
    summary="Delete a user",
    status_code=200,
    responses=refusals(
        Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT, Reason.VERSION_MISMATCH, Reason.NOT_CONFIRMED
    ),
)
async def delete_user(
    request: Request[Any, Any, Any], management: Managed, user_id: UserId, if_match: IfMatch = None
) -> Answer[UserObject]:
    """Their personal keys are revoked with it, everywhere when the call returns. Service keys stay.

    Their sessions end. The last owner of an account can't be deleted.
    """
    deleted = await management.users.delete(user_id, by=principal_of(request), if_match=if_match)
    return Answer(data=user_object(granted(deleted)))


@post("/{user_id:str}/suspend", summary="Suspend a user", status_code=200, responses=_SUSPENDING)
async def suspend_user(
    request: Request[Any, Any, Any], management: Managed, user_id: UserId
) -> Response[Answer[UserObject]]:
    """No worker accepts their personal keys when the call returns: they answer 403 `account_inactive`.

    Their sessions end. The last owner of an account can't be suspended.
    """
    return _tagged(granted(await management.users.suspend(user_id, by=principal_of(request))))


@post("/{user_id:str}/resume", summary="Resume a user", status_code=200, responses=_SUSPENDING)
async def resume_user(
    request: Request[Any, Any, Any], management: Managed, user_id: UserId
) -> Response[Answer[UserObject]]:
    """Their personal keys work again, each as it did before."""
    return _tagged(granted(await management.users.resume(user_id, by=principal_of(request))))


@post(
    "/{user_id:str}/reset-second-factor",
    summary="Turn a user's second factor off",
    status_code=200,
    responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT),
)
async def reset_second_factor(
    request: Request[Any, Any, Any], management: Managed, user_id: UserId
) -> Response[Answer[UserObject]]:
    """For somebody who has lost it: their app, recovery codes and passkeys open nothing any more; the password stays.

    Their sessions end, and they are told by e-mail where there is a mail server. Only an owner does it to an owner.
    """
    reset = await management.people.lost_factors.reset(user_id, by=principal_of(request))
    return _tagged(granted(reset))


router = Router(
    "/users",
    tags=["Users"],
    route_handlers=[
        list_users,
        create_user,
        show_user,
        change_user,
        delete_user,
        suspend_user,
        resume_user,
        reset_second_factor,
    ],
)


def user_status(stored: StoredUser) -> OwnerStatus:
    """Say whether a user's personal keys may work, as far as it is up to the user."""
    return OwnerStatus.ACTIVE if stored.suspended_at is None else OwnerStatus.SUSPENDED


def _tagged(user: User) -> Response[Answer[UserObject]]:
    return tagged(user_object(user), user.stored.version)


def user_object(user: User) -> UserObject:
    """Return a user as the API shows them."""
    stored, standing = user.stored, user.standing
    return UserObject(
        id=stored.id,
        account_id=stored.account_id,
        email=stored.email,
        name=stored.name,
        status=user_status(stored),
        role=Role(user.role) if user.role else None,
        two_factor=standing is not None and standing.two_factor,
        last_sign_in_at=moment(seen) if standing and (seen := standing.last_sign_in_at) else None,
        invited=standing is not None and standing.invited_until is not None and not standing.able,
        metadata=read_metadata(stored.metadata),
        keys=user.keys,
        projects=user.projects,
        created_at=moment(stored.created_at),
        version=stored.version,
    )
