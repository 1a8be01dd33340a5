"""``/api/v1/projects``: what keys belong to."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, patch, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter

from keyturn import system
from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.management import Managed
from keyturn.control.resources.accounts import Metadata, OwnerStatus
from keyturn.control.resources.limit_members import LimitObject, limit_objects
from keyturn.control.wire import Answer, Cursor, IfMatch, Limit, Moment, Page, moment, refusals, tagged
from keyturn.domain import ids
from keyturn.domain.labels import DESCRIPTION_LENGTH, NAME_LENGTH, read_metadata
from keyturn.domain.limits import read_limits
from keyturn.domain.policies import MOST_DAYS, ProjectPolicy
from keyturn.domain.refusals import Reason
from keyturn.services.projects import NewProject, PolicyChange, Project, ProjectChange
from keyturn.store.projects import ProjectFilter

ProjectId = Annotated[
    str,
    PathParameter(
        description="The project's `id`, or its name when only one has it.",
        examples=[Example(value="proj_VbXhUyU7kT3m9QwErTyU")],
    ),
]
Name = Annotated[str, msgspec.Meta(description=f"1 to {NAME_LENGTH} characters.", examples=["web shop"])]
Description = Annotated[str, msgspec.Meta(description=f"Up to {DESCRIPTION_LENGTH} characters.")]
Locations = Annotated[
    list[str] | None,
    msgspec.Meta(
        description="Where keys may be presented: any of `header`, `query`, `body`; null: wherever the node takes them.",
        examples=[["header"]],
    ),
]
LongestLife = Annotated[
    int | None,
    msgspec.Meta(description=f"New keys must expire within so many days, 1 to {MOST_DAYS}.", examples=[365]),
]
Unused = Annotated[
    int | None,
    msgspec.Meta(description="A key that nobody has used for so many days is disabled.", examples=[90]),
]
Recoverable = Annotated[
    bool, msgspec.Meta(description="Keys may be created that can be shown again.", examples=[True])
]
RotateEvery = Annotated[
    int | None, msgspec.Meta(description="The rotation that new keys start with, in days.", examples=[90])
]

StoreBodies = Annotated[
    bool,
    msgspec.Meta(
        description="The bodies of requests and answers are kept, sealed, as long as the request log.",
        examples=[False],
    ),
]


class PolicyObject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a project asks of its keys; null leaves it open."""

    locations: Locations = None
    longest_life_days: LongestLife = None
    unused_days: Unused = None
    recoverable: Recoverable = True
    rotate_every_days: RotateEvery = None
    store_bodies: StoreBodies = False


class ChangePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be different in a policy; a member left out stays as it is, null leaves it open again."""

    locations: Locations | msgspec.UnsetType = msgspec.UNSET
    longest_life_days: LongestLife | msgspec.UnsetType = msgspec.UNSET
    unused_days: Unused | msgspec.UnsetType = msgspec.UNSET
    recoverable: Recoverable | msgspec.UnsetType = msgspec.UNSET
    rotate_every_days: RotateEvery | msgspec.UnsetType = msgspec.UNSET
    store_bodies: StoreBodies | msgspec.UnsetType = msgspec.UNSET


class ProjectObject(msgspec.Struct):
    """A project."""

    id: Annotated[str, msgspec.Meta(examples=["proj_VbXhUyU7kT3m9QwErTyU"])]
    account_id: Annotated[str, msgspec.Meta(examples=["acct_VbXhUyUBKUlzDND0IYtt"])]
    name: Name
    description: Description
    status: Annotated[OwnerStatus, msgspec.Meta(description="`suspended` while its account is.")]
    policy: PolicyObject
    limits: Annotated[
        list[LimitObject], msgspec.Meta(description="Its own; `…/limits` shows what is used of them.")
    ]
    metadata: Metadata
    keys: int
    members: int
    created_at: Moment
    version: Annotated[int, msgspec.Meta(description="Goes up by one with every change; also the `ETag`.")]


class CreateProject(msgspec.Struct, forbid_unknown_fields=True):
    """A project to add."""

    name: Name
    account_id: Annotated[
        str, msgspec.Meta(description="Id or name of its account; your own unless said.")
    ] = ""
    description: Description = ""
    policy: PolicyObject = PolicyObject()
    metadata: Metadata = {}


class ChangeProject(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be different; a member left out stays as it is."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    description: Description | msgspec.UnsetType = msgspec.UNSET
    policy: ChangePolicy = ChangePolicy()
    metadata: Metadata | msgspec.UnsetType = msgspec.UNSET


@get("/", summary="List projects", responses=refusals(Reason.INVALID_MEMBER, Reason.RESOURCE_NOT_FOUND))
async def list_projects(
    request: Request[Any, Any, Any],
    management: Managed,
    *,
    account: Annotated[
        str, QueryParameter(description="Only those of the account with this id or name.")
    ] = "",
    search: Annotated[
        str, QueryParameter(description="Only projects with this in name or description, or with this id.")
    ] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ProjectObject]:
    """Newest first. A key sees those within its reach."""
    if cursor is not None and not ids.is_id(cursor, ids.PROJECT):
        refuse(Reason.INVALID_MEMBER, "Not a cursor that a list has given", "cursor")
    wanted = ProjectFilter(account_id=account, search=search)
    page = await management.projects.page(wanted, by=principal_of(request), cursor=cursor, limit=limit)
    found, next_cursor = granted(page)
    return Page(data=[_show(project) for project in found], next_cursor=next_cursor)


@post(
    "/",
    summary="Create a project",
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.CONFLICT),
)
async def create_project(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        CreateProject,
        Body(
            examples=[
                Example(summary="A project", id="project", value={"name": "web shop"}),
                Example(
                    summary="One whose keys stay out of URLs and end",
                    id="strict",
                    value={
                        "name": "payments",
                        "policy": {"locations": ["header"], "longest_life_days": 365, "unused_days": 90},
                    },
                ),
            ]
        ),
    ],
) -> Response[Answer[ProjectObject]]:
    """In your own account unless you name another."""
    wanted = NewProject(data.name, data.account_id, data.description, data.metadata, _policy(data.policy))
    return _tagged(granted(await management.projects.create(wanted, by=principal_of(request))))


@get(
    "/{project_id:str}",
    summary="Show a project",
    responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT),
)
async def show_project(
    request: Request[Any, Any, Any], management: Managed, project_id: ProjectId
) -> Response[Answer[ProjectObject]]:
    """With its policy, and how many keys and members it has."""
    return _tagged(granted(await management.projects.show(project_id, by=principal_of(request))))


@patch(
    "/{project_id:str}",
    summary="Change a project",
    responses=refusals(
        Reason.INVALID_MEMBER,
        Reason.INVALID_JSON,
        Reason.RESOURCE_NOT_FOUND,
        Reason.CONFLICT,
        Reason.VERSION_MISMATCH,
        Reason.NOT_CONFIRMED,
    ),
)
async def change_project(
    request: Request[Any, Any, Any],
    management: Managed,
    project_id: ProjectId,
    data: Annotated[
        ChangeProject,
        Body(
            examples=[
                Example(
                    summary="No keys in URLs any more",
                    id="strict",
                    value={"policy": {"locations": ["header"]}},
                )
            ]
        ),
    ],
    if_match: IfMatch = None,
) -> Response[Answer[ProjectObject]]:
    """In force in every worker when the call returns. Metadata is replaced as a whole, a policy member by member."""
    change = ProjectChange(data.name, data.description, data.metadata, _policy_change(data.policy))
    changed = await management.projects.edit(project_id, change, by=principal_of(request), if_match=if_match)
    return _tagged(granted(changed))


@delete(
    "/{project_id:str}",
    summary="Delete a project",
    status_code=200,
    responses=refusals(
        Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT, Reason.VERSION_MISMATCH, Reason.NOT_CONFIRMED
    ),
)
async def delete_project(
    request: Request[Any, Any, Any], management: Managed, project_id: ProjectId, if_match: IfMatch = None
) -> Answer[ProjectObject]:
    """Only when all its keys are revoked, deleted or expired. Its usage stays in reports."""
    deleted = await management.projects.delete(project_id, by=principal_of(request), if_match=if_match)
    return Answer(data=_show(granted(deleted)))


router = Router(
    "/projects",
    tags=["Projects"],
    route_handlers=[list_projects, create_project, show_project, change_project, delete_project],
)


def _policy(data: PolicyObject) -> ProjectPolicy:
    return ProjectPolicy(
        None if data.locations is None else tuple(data.locations),
        data.longest_life_days,
        data.unused_days,
        data.recoverable,
        data.rotate_every_days,
        data.store_bodies,
    )


def _policy_change(data: ChangePolicy) -> PolicyChange:
    locations = data.locations
    return PolicyChange(
        tuple(locations) if isinstance(locations, list) else locations,
        data.longest_life_days,
        data.unused_days,
        data.recoverable,
        data.rotate_every_days,
        data.store_bodies,
    )


def _tagged(project: Project) -> Response[Answer[ProjectObject]]:
    return tagged(_show(project), project.stored.version)


def _show(project: Project) -> ProjectObject:
    stored, policy = project.stored, project.policy
    return ProjectObject(
        id=stored.id,
        account_id=stored.account_id,
        name=stored.name,
        description=stored.description,
        status=OwnerStatus.SUSPENDED if project.suspended else OwnerStatus.ACTIVE,
        policy=PolicyObject(
            None if policy.locations is None else list(policy.locations),
            policy.longest_life_days,
            policy.unused_days,
            policy.recoverable,
            policy.rotate_every_days,
            policy.store_bodies,
        ),
        limits=limit_objects(read_limits(stored.limits), system.now()),
        metadata=read_metadata(stored.metadata),
        keys=project.counts.keys,
        members=project.counts.members,
        created_at=moment(stored.created_at),
        version=stored.version,
    )
