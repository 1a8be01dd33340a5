"""``/api/v1/…/limits``: how much a key, project, account or plan may use within a time, and how much it has used."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get, put
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter
from msgspec import Meta

from keyturn import system
from keyturn.control.auth import principal_of
from keyturn.control.errors import granted
from keyturn.control.management import Managed, Management
from keyturn.control.resources.accounts import AccountId
from keyturn.control.resources.keys import KeyId
from keyturn.control.resources.limit_members import (
    LimitObject,
    LimitTerms,
    Shown,
    amount,
    limit_object,
    limits_of,
)
from keyturn.control.resources.projects import ProjectId
from keyturn.control.wire import Answer, IfMatch, Moment, moment, refusals, tagged
from keyturn.domain.limits import Scope
from keyturn.domain.refusals import Reason
from keyturn.services.limits import Held, Limited

AnyRequest = Request[Any, Any, Any]
PlanId = Annotated[
    str,
    PathParameter(
        description="The plan's `id`, or its name when only one has it.",
        examples=[Example(value="plan_VbXhUyU4kR7wBnVcXzLq")],
    ),
]


class HeldLimitObject(LimitObject, kw_only=True):
    """A limit, and how far it is used up now."""

    used: Annotated[
        Shown | None, Meta(description="In this window; null for a plan: each account has its own.")
    ]
    remaining: Annotated[
        Shown | None, Meta(description="Of what is allowed now, a raise included; never below zero.")
    ]
    resets_at: Annotated[
        Moment | None,
        Meta(description="When its window ends; null: it slides, or never ends."),
    ]


class InheritedLimitObject(HeldLimitObject, kw_only=True):
    """A limit of an owner, which holds too."""

    scope: Annotated[Scope, Meta(description="Whose it is; a plan's is counted for the account.")]


class LimitsObject(msgspec.Struct):
    """The limits of one owner."""

    id: Annotated[
        str, Meta(description="The key, project, account or plan.", examples=["key_VbXhUyUBKUlzDND0IYtt"])
    ]
    limits: Annotated[list[HeldLimitObject], Meta(description="Its own.")]
    inherited: Annotated[
        list[InheritedLimitObject],
        Meta(
            description="Those of its project, account and plan that hold too, as far as the caller reaches them."
        ),
    ]
    version: Annotated[int, Meta(description="Goes up by one with every change; also the `ETag`.")]


class SetLimits(msgspec.Struct, forbid_unknown_fields=True):
    """All limits that there shall be."""

    limits: Annotated[list[LimitTerms], Meta(description="Take the place of what was there; empty: none.")]


NewLimits = Annotated[
    SetLimits,
    Body(
        examples=[
            Example(
                summary="A rate, a budget, and how many at once",
                id="usual",
                value={
                    "limits": [
                        {"metric": "requests", "window": "minute", "max": 60},
                        {"metric": "cost_usd", "window": "month", "max": "20.50"},
                        {"metric": "concurrency", "max": 5},
                    ]
                },
            ),
            Example(
                summary="More for a while",
                id="raise",
                value={
                    "limits": [
                        {
                            "metric": "requests",
                            "window": "day",
                            "max": 1000,
                            "raise": {"max": 5000, "until": "2099-12-27T00:00:00Z"},
                        }
                    ]
                },
            ),
            Example(
                summary="See what one would do",
                id="shadow",
                value={
                    "limits": [
                        {
                            "metric": "tokens",
                            "window": "hour",
                            "max": 100000,
                            "model": "gpt-*",
                            "shadow": True,
                        }
                    ]
                },
            ),
        ]
    ),
]
LimitsAnswer = Response[Answer[LimitsObject]]
_SHOWING = refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT)
_CHANGING = refusals(
    Reason.INVALID_MEMBER,
    Reason.INVALID_JSON,
    Reason.RESOURCE_NOT_FOUND,
    Reason.CONFLICT,
    Reason.VERSION_MISMATCH,
    Reason.NOT_CONFIRMED,
)


@get("/keys/{key_id:str}/limits", summary="Show the limits of a key", responses=_SHOWING)
async def show_key_limits(request: AnyRequest, management: Managed, key_id: KeyId) -> LimitsAnswer:
    """Each with what is used of it in its own window, and those of its owners."""
    return await _show(management, request, Scope.KEY, key_id)


@put("/keys/{key_id:str}/limits", summary="Set the limits of a key", responses=_CHANGING)
async def set_key_limits(
    request: AnyRequest, management: Managed, key_id: KeyId, data: NewLimits, if_match: IfMatch = None
) -> LimitsAnswer:
    """In force in every worker when the call returns. A key can loosen neither its own nor make another stronger."""
    return await _set(management, request, (Scope.KEY, key_id, if_match), data)


@get("/projects/{project_id:str}/limits", summary="Show the limits of a project", responses=_SHOWING)
async def show_project_limits(
    request: AnyRequest, management: Managed, project_id: ProjectId
) -> LimitsAnswer:
    """All keys of the project are counted together."""
    return await _show(management, request, Scope.PROJECT, project_id)


@put("/projects/{project_id:str}/limits", summary="Set the limits of a project", responses=_CHANGING)
async def set_project_limits(
    request: AnyRequest, management: Managed, project_id: ProjectId, data: NewLimits, if_match: IfMatch = None
) -> LimitsAnswer:
    """In force in every worker when the call returns. A key can't loosen those of its own project."""
    return await _set(management, request, (Scope.PROJECT, project_id, if_match), data)


@get("/accounts/{account_id:str}/limits", summary="Show the limits of an account", responses=_SHOWING)
async def show_account_limits(
    request: AnyRequest, management: Managed, account_id: AccountId
) -> LimitsAnswer:
    """All keys of the account are counted together. Those of its plan stand in `inherited`."""
    return await _show(management, request, Scope.ACCOUNT, account_id)


@put("/accounts/{account_id:str}/limits", summary="Set the limits of an account", responses=_CHANGING)
async def set_account_limits(
    request: AnyRequest, management: Managed, account_id: AccountId, data: NewLimits, if_match: IfMatch = None
) -> LimitsAnswer:
    """In force in every worker when the call returns. For those who reach the whole node."""
    return await _set(management, request, (Scope.ACCOUNT, account_id, if_match), data)


@get("/plans/{plan_id:str}/limits", summary="Show the limits of a plan", responses=_SHOWING)
async def show_plan_limits(request: AnyRequest, management: Managed, plan_id: PlanId) -> LimitsAnswer:
    """They are counted for each account that has the plan; what is used, the account's own limits show."""
    return await _show(management, request, Scope.PLAN, plan_id)


@put("/plans/{plan_id:str}/limits", summary="Set the limits of a plan", responses=_CHANGING)
async def set_plan_limits(
    request: AnyRequest, management: Managed, plan_id: PlanId, data: NewLimits, if_match: IfMatch = None
) -> LimitsAnswer:
    """In force for every account that has the plan, in every worker, when the call returns."""
    return await _set(management, request, (Scope.PLAN, plan_id, if_match), data)


router = Router(
    "/",
    tags=["Limits"],
    route_handlers=[
        show_key_limits,
        set_key_limits,
        show_project_limits,
        set_project_limits,
        show_account_limits,
        set_account_limits,
        show_plan_limits,
        set_plan_limits,
    ],
)


async def _show(management: Management, request: AnyRequest, scope: Scope, named: str) -> LimitsAnswer:
    await management.ingest.flush()
    return _tagged(granted(await management.limits.show(scope, named, by=principal_of(request))))


async def _set(
    management: Management, request: AnyRequest, of: tuple[Scope, str, str | None], data: SetLimits
) -> LimitsAnswer:
    scope, named, if_match = of
    limits = limits_of(data.limits)
    await management.ingest.flush()
    changed = await management.limits.write(scope, named, limits, by=principal_of(request), if_match=if_match)
    return _tagged(granted(changed))


def _tagged(found: Limited) -> LimitsAnswer:
    now = system.now()
    shown = LimitsObject(
        found.id,
        [HeldLimitObject(**_members(one, now)) for one in found.limits],
        [InheritedLimitObject(**_members(one, now), scope=one.bound.scope) for one in found.inherited],
        found.version,
    )
    return tagged(shown, found.version)


def _members(held: Held, now: float) -> dict[str, Any]:
    limit, stand = held.bound.limit, held.stand
    members = {name: getattr(limit_object(limit, now), name) for name in LimitObject.__struct_fields__}
    if stand is None:
        return members | {"used": None, "remaining": None, "resets_at": None}
    return members | {
        "used": amount(limit.metric, stand.used),
        "remaining": amount(limit.metric, max(0, limit.max_at(now) - stand.used)),
        "resets_at": None if stand.resets_at is None else moment(int(stand.resets_at * 1000)),
    }
