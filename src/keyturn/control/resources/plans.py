"""``/api/v1/plans``: what accounts may use, what they get, and whether they pay in advance."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, patch, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter
from msgspec import UNSET, Meta, UnsetType

from keyturn import system
from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.management import Managed
from keyturn.control.resources.accounts import Metadata
from keyturn.control.resources.limit_members import LimitObject, LimitTerms, limit_objects, limits_of
from keyturn.control.wire import (
    Answer,
    Cursor,
    IfMatch,
    Limit,
    Moment,
    Money,
    Page,
    Usd,
    moment,
    nano_usd,
    refusals,
    tagged,
)
from keyturn.domain import ids
from keyturn.domain.labels import NAME_LENGTH, read_metadata
from keyturn.domain.limits import read_limits
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason
from keyturn.services.plans import Plan, PlanMembers

PlanId = Annotated[
    str,
    PathParameter(
        description="The plan's `id`, or its name.", examples=[Example(value="plan_VbXhUyUBKUlzDND0IYtt")]
    ),
]
Name = Annotated[
    str, Meta(description=f"1 to {NAME_LENGTH} characters; no other plan has it.", examples=["Pro"])
]
Description = Annotated[str, Meta(description="For people.", examples=["For teams"])]
Tier = Annotated[int, Meta(description="Higher is better.", examples=[2])]
Prepaid = Annotated[bool, Meta(description="Accounts with it are served only while they have credit.")]
TrialDays = Annotated[
    int | None, Meta(description="How long the trial's credit lasts; null: until it is used.", examples=[14])
]


class PlanObject(msgspec.Struct):
    """What accounts with it may use and get."""

    id: Annotated[str, Meta(examples=["plan_VbXhUyUBKUlzDND0IYtt"])]
    name: Name
    description: Description
    tier: Tier
    prepaid: Prepaid
    trial_usd: Annotated[Usd, Meta(description="Granted once, to an account that never had a trial.")]
    trial_days: TrialDays
    monthly_usd: Annotated[
        Usd,
        Meta(
            description="Granted at the beginning of each month, for the month, in the account's time zone."
        ),
    ]
    limits: Annotated[list[LimitObject], Meta(description="Counted for each account that has the plan.")]
    metadata: Metadata
    accounts: Annotated[int, Meta(description="How many have it.")]
    created_at: Moment
    version: Annotated[int, Meta(description="Goes up by one with every change; also the `ETag`.")]


class CreatePlan(msgspec.Struct, forbid_unknown_fields=True):
    """A plan to add."""

    name: Name
    description: Description = ""
    tier: Tier = 0
    prepaid: Prepaid = False
    trial_usd: Money | UnsetType = UNSET
    trial_days: TrialDays = None
    monthly_usd: Money | UnsetType = UNSET
    limits: list[LimitTerms] = []
    metadata: Metadata = {}


class ChangePlan(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be different; a member left out stays as it is."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    tier: Tier | UnsetType = UNSET
    prepaid: Prepaid | UnsetType = UNSET
    trial_usd: Money | UnsetType = UNSET
    trial_days: TrialDays | UnsetType = UNSET
    monthly_usd: Money | UnsetType = UNSET
    limits: list[LimitTerms] | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


_CHANGING = refusals(
    Reason.INVALID_MEMBER,
    Reason.INVALID_JSON,
    Reason.RESOURCE_NOT_FOUND,
    Reason.CONFLICT,
    Reason.VERSION_MISMATCH,
    Reason.NOT_CONFIRMED,
)


@get("/", summary="List plans", responses=refusals(Reason.INVALID_MEMBER))
async def list_plans(
    management: Managed,
    *,
    search: Annotated[
        str, QueryParameter(description="Only plans with this in the name, or with this id.")
    ] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[PlanObject]:
    """Oldest first."""
    if cursor is not None and not ids.is_id(cursor, ids.PLAN):
        refuse(Reason.INVALID_MEMBER, "Not a cursor that a list has given", "cursor")
    found, next_cursor = await management.plans.page(search, cursor=cursor, limit=limit)
    return Page(data=[_show(plan) for plan in found], next_cursor=next_cursor)


@post(
    "/",
    summary="Create a plan",
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.CONFLICT),
)
async def create_plan(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        CreatePlan,
        Body(
            examples=[
                Example(
                    summary="Prepaid, with a trial",
                    id="prepaid",
                    value={"name": "Pay as you go", "prepaid": True, "trial_usd": "5", "trial_days": 14},
                ),
                Example(
                    summary="With credit each month",
                    id="monthly",
                    value={
                        "name": "Pro",
                        "tier": 2,
                        "monthly_usd": "20",
                        "limits": [{"metric": "requests", "window": "minute", "max": 60}],
                    },
                ),
            ]
        ),
    ],
) -> Response[Answer[PlanObject]]:
    """Nobody has it yet: give it to an account with `PATCH /api/v1/accounts/{id}`."""
    created = await management.plans.create(_members(data), by=principal_of(request))
    return _tagged(granted(created))


@get("/{plan_id:str}", summary="Show a plan", responses=refusals(Reason.RESOURCE_NOT_FOUND))
async def show_plan(management: Managed, plan_id: PlanId) -> Response[Answer[PlanObject]]:
    """With how many accounts have it."""
    return _tagged(granted(await management.plans.show(plan_id)))


@patch("/{plan_id:str}", summary="Change a plan", responses=_CHANGING)
async def change_plan(
    request: Request[Any, Any, Any],
    management: Managed,
    plan_id: PlanId,
    data: Annotated[
        ChangePlan,
        Body(examples=[Example(summary="More each month", id="more", value={"monthly_usd": "25"})]),
    ],
    if_match: IfMatch = None,
) -> Response[Answer[PlanObject]]:
    """In force for every account that has it when the call returns. Credit already granted stays as it is."""
    changed = await management.plans.edit(
        plan_id, _members(data), by=principal_of(request), if_match=if_match
    )
    return _tagged(granted(changed))


@delete(
    "/{plan_id:str}",
    summary="Delete a plan",
    status_code=200,
    responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT, Reason.VERSION_MISMATCH),
)
async def delete_plan(
    request: Request[Any, Any, Any], management: Managed, plan_id: PlanId, if_match: IfMatch = None
) -> Answer[PlanObject]:
    """Only when no account has it."""
    deleted = await management.plans.delete(plan_id, by=principal_of(request), if_match=if_match)
    return Answer(data=_show(granted(deleted)))


router = Router(
    "/plans",
    tags=["Plans"],
    route_handlers=[list_plans, create_plan, show_plan, change_plan, delete_plan],
)


def _members(data: CreatePlan | ChangePlan) -> PlanMembers:
    return PlanMembers(
        name=data.name,
        description=data.description,
        tier=data.tier,
        limits=data.limits if isinstance(data.limits, UnsetType) else limits_of(data.limits),
        prepaid=data.prepaid,
        trial_nano_usd=UNSET
        if isinstance(data.trial_usd, UnsetType)
        else nano_usd(data.trial_usd, "trial_usd"),
        trial_days=data.trial_days,
        monthly_nano_usd=UNSET
        if isinstance(data.monthly_usd, UnsetType)
        else nano_usd(data.monthly_usd, "monthly_usd"),
        metadata=data.metadata,
    )


def _tagged(plan: Plan) -> Response[Answer[PlanObject]]:
    return tagged(_show(plan), plan.stored.version)


def _show(plan: Plan) -> PlanObject:
    stored = plan.stored
    return PlanObject(
        id=stored.id,
        name=stored.name,
        description=stored.description,
        tier=stored.tier,
        prepaid=stored.prepaid,
        trial_usd=format_usd(stored.trial_nano_usd),
        trial_days=stored.trial_days,
        monthly_usd=format_usd(stored.monthly_nano_usd),
        limits=limit_objects(read_limits(stored.limits), system.now()),
        metadata=read_metadata(stored.metadata),
        accounts=plan.accounts,
        created_at=moment(stored.created_at),
        version=stored.version,
    )
