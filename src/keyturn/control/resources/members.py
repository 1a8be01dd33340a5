"""``/api/v1/projects/{id}/members``: who may hold personal keys in a project."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.openapi.spec import Example
from litestar.params import Body

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.management import Managed
from keyturn.control.resources.accounts import OwnerStatus
from keyturn.control.resources.projects import ProjectId
from keyturn.control.resources.users import Email, Name, UserId, user_status
from keyturn.control.wire import Answer, Cursor, Limit, Moment, Page, moment, refusals
from keyturn.domain import ids
from keyturn.domain.refusals import Reason
from keyturn.store.users import StoredMember


class MemberObject(msgspec.Struct):
    """A user in a project."""

    user_id: Annotated[str, msgspec.Meta(examples=["user_VbXhUyUBKUlzDND0IYtt"])]
    email: Email
    name: Name
    status: OwnerStatus
    keys: Annotated[int, msgspec.Meta(description="Personal keys in this project.")]
    added_at: Moment


class AddMember(msgspec.Struct, forbid_unknown_fields=True):
    """Who is to be a member."""

    user_id: Annotated[
        str,
        msgspec.Meta(
            description="Id or e-mail address of a user of the project's account.",
            examples=["kim@example.com"],
        ),
    ]


@get("/", summary="List members", responses=refusals(Reason.INVALID_MEMBER, Reason.RESOURCE_NOT_FOUND))
async def list_members(
    request: Request[Any, Any, Any],
    management: Managed,
    project_id: ProjectId,
    *,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[MemberObject]:
    """Newest users first."""
    if cursor is not None and not ids.is_id(cursor, ids.USER):
        refuse(Reason.INVALID_MEMBER, "Not a cursor that a list has given", "cursor")
    page = await management.users.members(project_id, by=principal_of(request), cursor=cursor, limit=limit)
    found, next_cursor = granted(page)
    return Page(data=[_show(member) for member in found], next_cursor=next_cursor)


@post(
    "/",
    summary="Add a member",
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.RESOURCE_NOT_FOUND),
)
async def add_member(
    request: Request[Any, Any, Any],
    management: Managed,
    project_id: ProjectId,
    data: Annotated[
        AddMember,
        Body(examples=[Example(summary="A person", id="person", value={"user_id": "kim@example.com"})]),
    ],
) -> Answer[MemberObject]:
    """Personal keys can be issued to them in the project. Who is a member already stays one."""
    added = await management.users.join(project_id, data.user_id, by=principal_of(request))
    return Answer(data=_show(granted(added)))


@delete(
    "/{user_id:str}",
    summary="Remove a member",
    status_code=200,
    responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.NOT_CONFIRMED),
)
async def remove_member(
    request: Request[Any, Any, Any], management: Managed, project_id: ProjectId, user_id: UserId
) -> Answer[MemberObject]:
    """Their personal keys in the project are revoked, everywhere when the call returns. Service keys stay."""
    removed = await management.users.leave(project_id, user_id, by=principal_of(request))
    return Answer(data=_show(granted(removed)))


router = Router(
    "/projects/{project_id:str}/members",
    tags=["Projects"],
    route_handlers=[list_members, add_member, remove_member],
)


def _show(member: StoredMember) -> MemberObject:
    user = member.user
    return MemberObject(
        user_id=user.id,
        email=user.email,
        name=user.name,
        status=user_status(user),
        keys=member.keys,
        added_at=moment(member.added_at),
    )
