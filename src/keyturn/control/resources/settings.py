"""``/api/v1/settings``: what can be changed while the node runs."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Router, get, patch
from litestar.openapi.spec import Example
from litestar.params import Body

from keyturn.config.sections import KeptDays, Location
from keyturn.control.auth import principal_of
from keyturn.control.errors import granted
from keyturn.control.management import Managed
from keyturn.control.wire import Moment, Page, optional_moment, refusals
from keyturn.domain.refusals import Reason
from keyturn.services.settings import Shown

UNSET = msgspec.UNSET
Unset = msgspec.UnsetType


class ChangeableObject(msgspec.Struct):
    """A setting that can be changed while the node runs."""

    path: Annotated[str, msgspec.Meta(examples=["auth.required"])]
    description: str
    value: Annotated[Any, msgspec.Meta(description="As it is now.", examples=[True])]
    given: Annotated[Any, msgspec.Meta(description="What a reset leads back to.", examples=[True])]
    origin: Annotated[
        str, msgspec.Meta(examples=["default", "keyturn.toml:12", "changed at run time by operator"])
    ]
    changed_at: Moment | None
    changed_by: Annotated[
        str | None, msgspec.Meta(description="`operator`, or the id of a key or user.", examples=["operator"])
    ]


class ChangeSettings(
    msgspec.Struct,
    forbid_unknown_fields=True,
    rename={
        "auth_required": "auth.required",
        "auth_locations": "auth.locations",
        "people_sign_up": "people.sign_up",
        "requests_kept_days": "requests.kept_days",
        "usage_minutes_kept_days": "usage.minutes_kept_days",
        "usage_hours_kept_days": "usage.hours_kept_days",
        "events_kept_days": "events.kept_days",
        "support_contact": "support.contact",
        "support_upgrade_url": "support.upgrade_url",
    },
):
    """What is to change; what is left out stays, ``null`` leads back to what the node was started with."""

    auth_required: bool | Unset | None = UNSET
    auth_locations: list[Location] | Unset | None = UNSET
    people_sign_up: Literal["invite", "open"] | Unset | None = UNSET
    requests_kept_days: KeptDays | Unset | None = UNSET
    usage_minutes_kept_days: KeptDays | Unset | None = UNSET
    usage_hours_kept_days: KeptDays | Unset | None = UNSET
    events_kept_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] | Unset | None = UNSET
    support_contact: Annotated[str, msgspec.Meta(max_length=200)] | Unset | None = UNSET
    support_upgrade_url: Annotated[str, msgspec.Meta(max_length=500)] | Unset | None = UNSET


@get("/", summary="List settings that can be changed", responses=refusals())
async def list_settings(management: Managed) -> Page[ChangeableObject]:
    """While the node runs. `GET /api/v1/node` shows all others too."""
    return Page(data=_show(management.node_settings.everything()))


@patch(
    "/",
    summary="Change settings",
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.CONFLICT),
)
async def change_settings(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        ChangeSettings,
        Body(
            examples=[
                Example(summary="Keys in headers only", id="headers", value={"auth.locations": ["header"]}),
                Example(summary="Back to the file", id="reset", value={"auth.locations": None}),
            ]
        ),
    ],
) -> Page[ChangeableObject]:
    """All of them or none. A value stands above files, variables and flags until it is set to `null`.

    When the call has returned, every worker goes by it. That no key is needed is refused (409) where others than this
    machine reach the port, unless the node was started with `--allow-anonymous-on-network`.
    """
    wanted: dict[str, object] = msgspec.to_builtins(data)  # without what is unset
    changed = await management.node_settings.change(wanted, by=principal_of(request))
    return Page(data=_show(granted(changed)))


router = Router("/settings", tags=["Settings"], route_handlers=[list_settings, change_settings])


def _show(found: list[Shown]) -> list[ChangeableObject]:
    return [
        ChangeableObject(
            one.path,
            one.description,
            one.value,
            one.given,
            one.origin,
            None if one.changed is None else optional_moment(one.changed.at_ms),
            None if one.changed is None else one.changed.by,
        )
        for one in found
    ]
