"""``/api/v1/keys``: issue keys, list them, change them, end them."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, patch, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter

from keyturn import system
from keyturn.control.auth import actor_of
from keyturn.control.errors import granted, refuse
from keyturn.control.management import Managed
from keyturn.control.wire import Answer, Cursor, Limit, Moment, Page, Usd, moment, optional_moment, refusals
from keyturn.domain import ids
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import Status
from keyturn.domain.money import format_usd
from keyturn.domain.permissions import Permission, Preset
from keyturn.domain.refusals import Reason
from keyturn.services.keys import DESCRIPTION_LENGTH, NAME_LENGTH, Key, KeyChange, NewKey
from keyturn.store.keys import KeyFilter

LONGEST_LIFE_S = 100 * 365 * 86_400

KeyId = Annotated[
    str,
    PathParameter(
        description="The key's `id`, or its name when only one key has it.",
        examples=[Example(value="key_VbXhUyUBKUlzDND0IYtt")],
    ),
]
Name = Annotated[
    str,
    msgspec.Meta(description=f"1 to {NAME_LENGTH} characters; what it is for.", examples=["billing service"]),
]
Description = Annotated[str, msgspec.Meta(description=f"Up to {DESCRIPTION_LENGTH} characters.")]


class SecretObject(msgspec.Struct):
    """A secret of a key, without its text."""

    id: Annotated[str, msgspec.Meta(examples=["sec_VbXhUyU1qGm2pTTyZ0aB"])]
    display: Annotated[str, msgspec.Meta(description="What may be shown of it.", examples=["sk-AbCd…"])]
    state: Annotated[str, msgspec.Meta(description="`active` or `dead`.", examples=["active"])]
    created_at: Moment


class KeyUsageObject(msgspec.Struct):
    """What a key has used in its life."""

    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: Usd
    last_used_at: Moment | None
    last_ip: str | None
    seen_in_url: Annotated[
        bool,
        msgspec.Meta(description="It was sent in a URL, where proxies and histories keep it: replace it."),
    ]


class KeyObject(msgspec.Struct):
    """A key."""

    id: Annotated[str, msgspec.Meta(examples=["key_VbXhUyUBKUlzDND0IYtt"])]
    name: Name
    description: Description
    kind: Kind
    preset: Annotated[Preset | None, msgspec.Meta(description="null when the permissions were listed.")]
    status: Status
    display: Annotated[
        str, msgspec.Meta(description="What may be shown of its secret.", examples=["sk-AbCd…"])
    ]
    project_id: Annotated[str, msgspec.Meta(examples=["proj_VbXhUyU7kT3m9QwErTyU"])]
    permissions: list[Permission]
    expires_at: Moment | None
    secrets: list[SecretObject]
    usage: KeyUsageObject
    created_at: Moment
    created_by: Annotated[str, msgspec.Meta(description="`operator`, `first start`, or a key's id.")]
    version: Annotated[int, msgspec.Meta(description="Goes up by one with every change.")]


class CreatedKey(msgspec.Struct, kw_only=True):
    """A new key with its secret, which is shown this once."""

    success: Annotated[bool, msgspec.Meta(examples=[True])] = True
    data: KeyObject
    key: Annotated[
        str,
        msgspec.Meta(
            description="The secret. Nobody can see it again.",
            examples=["sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"],
        ),
    ]


class CreateKey(msgspec.Struct, forbid_unknown_fields=True):
    """A key to issue."""

    name: Name
    description: Description = ""
    kind: Annotated[
        Kind,
        msgspec.Meta(
            description="`secret` calls models, `management` manages the node and calls none; `publishable` can't be issued yet."
        ),
    ] = Kind.SECRET
    preset: Annotated[
        Preset | None, msgspec.Meta(description="A named set of permissions; `production` unless said.")
    ] = None
    permissions: Annotated[
        list[Permission] | None, msgspec.Meta(description="Permissions one by one, instead of a preset's.")
    ] = None
    expires_at: Moment | None = None
    expires_in_s: (
        Annotated[
            int,
            msgspec.Meta(ge=1, le=LONGEST_LIFE_S, description="Instead of `expires_at`.", examples=[7776000]),
        ]
        | None
    ) = None


class ChangeKey(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be different; a member left out stays as it is."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    description: Description | msgspec.UnsetType = msgspec.UNSET
    expires_at: Moment | msgspec.UnsetType | None = msgspec.UNSET
    """``null`` takes the expiry away."""


@get("/", summary="List keys", responses=refusals(Reason.INVALID_MEMBER))
async def list_keys(
    management: Managed,
    *,
    status: Annotated[Status | None, QueryParameter(description="Only keys in this state.")] = None,
    search: Annotated[
        str,
        QueryParameter(description="Only keys with this in name, description or display, or with this id."),
    ] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[KeyObject]:
    """Newest first, with usage up to now. Deleted keys are left out."""
    if cursor is not None and not ids.is_id(cursor, ids.KEY):
        refuse(Reason.INVALID_MEMBER, "Not a cursor that a list has given", "cursor")
    await management.ingest.flush()
    found, next_cursor = await management.keys.page(KeyFilter(status, search), cursor=cursor, limit=limit)
    return Page(data=[_show(key) for key in found], next_cursor=next_cursor)


@post("/", summary="Create a key", responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON))
async def create_key(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        CreateKey,
        Body(
            description="Only the name is needed.",
            examples=[
                Example(
                    summary="A key that lives 90 days",
                    id="ninety_days",
                    value={"name": "billing service", "expires_in_s": 7776000},
                ),
                Example(
                    summary="A management key", id="management", value={"name": "ops", "kind": "management"}
                ),
            ],
        ),
    ],
) -> CreatedKey:
    """The secret stands in `key`, this once; what is kept can't be turned back into it."""
    if data.expires_at is not None and data.expires_in_s is not None:
        refuse(Reason.INVALID_MEMBER, "Send either 'expires_at' or 'expires_in_s'", "expires_in_s")
    expires_at_ms = None if data.expires_at is None else _milliseconds(data.expires_at)
    if data.expires_in_s is not None:
        expires_at_ms = system.now_ms() + data.expires_in_s * 1000
    permissions = None if data.permissions is None else frozenset(data.permissions)
    wanted = NewKey(data.name, data.description, data.kind, data.preset, permissions, expires_at_ms)
    issued = granted(await management.keys.create(wanted, by=actor_of(request)))
    return CreatedKey(data=_show(issued.key), key=issued.secret.reveal())


@get("/{key_id:str}", summary="Show a key", responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT))
async def show_key(management: Managed, key_id: KeyId) -> Answer[KeyObject]:
    """Everything about a key except its secret, with usage up to now."""
    await management.ingest.flush()
    return Answer(data=_show(granted(await management.keys.show(key_id))))


_CHANGING = refusals(
    Reason.INVALID_MEMBER,
    Reason.INVALID_JSON,
    Reason.RESOURCE_NOT_FOUND,
    Reason.CONFLICT,
    Reason.NOT_CONFIRMED,
)
_ENDING = refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT, Reason.NOT_CONFIRMED)


@patch("/{key_id:str}", summary="Change a key", responses=_CHANGING)
async def change_key(
    management: Managed,
    key_id: KeyId,
    data: Annotated[
        ChangeKey,
        Body(
            examples=[
                Example(summary="Let it expire", id="expire", value={"expires_at": "2027-01-31T00:00:00Z"})
            ]
        ),
    ],
) -> Answer[KeyObject]:
    """In force in every worker when the call returns."""
    expires_at = data.expires_at
    change = KeyChange(
        data.name,
        data.description,
        _milliseconds(expires_at) if isinstance(expires_at, datetime) else expires_at,
    )
    return Answer(data=_show(granted(await management.keys.edit(key_id, change))))


@delete("/{key_id:str}", summary="Delete a key", status_code=200, responses=_ENDING)
async def delete_key(management: Managed, key_id: KeyId) -> Answer[KeyObject]:
    """No worker accepts the key any more when the call returns; its usage stays in reports."""
    return Answer(data=_show(granted(await management.keys.delete(key_id))))


@post("/{key_id:str}/enable", summary="Enable a key", status_code=200, responses=_ENDING)
async def enable_key(management: Managed, key_id: KeyId) -> Answer[KeyObject]:
    """Lets a disabled key work again."""
    return Answer(data=_show(granted(await management.keys.enable(key_id))))


@post("/{key_id:str}/disable", summary="Disable a key", status_code=200, responses=_ENDING)
async def disable_key(management: Managed, key_id: KeyId) -> Answer[KeyObject]:
    """No worker accepts the key when the call returns; it can be enabled again."""
    return Answer(data=_show(granted(await management.keys.disable(key_id))))


@post("/{key_id:str}/revoke", summary="Revoke a key", status_code=200, responses=_ENDING)
async def revoke_key(management: Managed, key_id: KeyId) -> Answer[KeyObject]:
    """No worker accepts the key any more when the call returns. This can't be undone."""
    return Answer(data=_show(granted(await management.keys.revoke(key_id))))


router = Router(
    "/keys",
    tags=["Keys"],
    route_handlers=[
        list_keys,
        create_key,
        show_key,
        change_key,
        delete_key,
        enable_key,
        disable_key,
        revoke_key,
    ],
)


def _show(key: Key) -> KeyObject:
    stored, used = key.stored, key.usage
    state = "dead" if key.status is Status.REVOKED else "active"
    secrets = [SecretObject(one.id, one.display, state, moment(one.created_at)) for one in key.secrets]
    return KeyObject(
        id=stored.id,
        name=stored.name,
        description=stored.description,
        kind=Kind(stored.kind),
        preset=Preset(stored.preset) if stored.preset else None,
        status=key.status,
        display=secrets[-1].display if secrets else "",
        project_id=stored.project_id,
        permissions=[Permission(one) for one in stored.permissions.split()],
        expires_at=optional_moment(stored.expires_at),
        secrets=secrets,
        usage=KeyUsageObject(
            requests=used.requests,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cost_usd=format_usd(used.cost_nano_usd),
            last_used_at=optional_moment(used.last_used_at),
            last_ip=used.last_address or None,
            seen_in_url=used.seen_in_url,
        ),
        created_at=moment(stored.created_at),
        created_by=stored.created_by,
        version=stored.version,
    )


def _milliseconds(at: datetime) -> int:
    if at.tzinfo is None:
        refuse(Reason.INVALID_MEMBER, "The time needs an offset, such as 'Z'", "expires_at")
    return int(at.timestamp() * 1000)
