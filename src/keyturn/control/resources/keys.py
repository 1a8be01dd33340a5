"""``/api/v1/keys``: issue keys, list them, change them, end them."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, patch, post
from litestar.datastructures import ResponseHeader
from litestar.openapi.spec import Example
from litestar.params import Body, HeaderParameter, PathParameter, QueryParameter

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.handover import UNKEPT, WrapTtl, base_url, claim_object, wrap_ttl_s
from keyturn.control.idempotency import RENDER
from keyturn.control.management import Managed
from keyturn.control.resources.key_objects import CreatedKey, KeyObject, key_object
from keyturn.control.resources.key_requests import ChangeKey, CreateKey, new_key, terms_of
from keyturn.control.wire import Answer, Cursor, Limit, Page, refusals
from keyturn.domain import ids
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import Status
from keyturn.domain.refusals import Reason
from keyturn.domain.versions import entity_tag
from keyturn.services.claims import TTL_S
from keyturn.services.idempotency import KeptAnswer
from keyturn.services.keys import UNDELETE_DAYS, Issued, Key
from keyturn.store.keys import KeyFilter

AnyRequest = Request[Any, Any, Any]
KeyAnswer = Response[Answer[KeyObject]]
KeyId = Annotated[
    str,
    PathParameter(
        description="The key's `id`, or its name when only one key has it.",
        examples=[Example(value="key_VbXhUyUBKUlzDND0IYtt")],
    ),
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        description="The `ETag` of what was read: if it has changed since, nothing is changed.",
        examples=[Example(value=None)],
    ),
]
_ETAG = ResponseHeader(name="ETag", description="The key's version.", documentation_only=True)
_CHANGING = refusals(
    Reason.INVALID_MEMBER,
    Reason.INVALID_JSON,
    Reason.RESOURCE_NOT_FOUND,
    Reason.CONFLICT,
    Reason.VERSION_MISMATCH,
    Reason.NOT_CONFIRMED,
)
_ENDING = refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT, Reason.NOT_CONFIRMED)


@get("/", summary="List keys", responses=refusals(Reason.INVALID_MEMBER))
async def list_keys(
    request: AnyRequest,
    management: Managed,
    *,
    status: Annotated[Status | None, QueryParameter(description="Only keys in this state.")] = None,
    search: Annotated[
        str,
        QueryParameter(
            description="Only keys with this in name or description, with this id, or whose display begins so."
        ),
    ] = "",
    kind: Annotated[Kind | None, QueryParameter(description="Only keys of this kind.")] = None,
    account: Annotated[str, QueryParameter(description="Only keys of this account: id or name.")] = "",
    project: Annotated[str, QueryParameter(description="Only keys of this project: id or name.")] = "",
    user: Annotated[
        str, QueryParameter(description="Only personal keys of this user: id or e-mail address.")
    ] = "",
    environment: Annotated[str, QueryParameter(description="Only keys of this environment.")] = "",
    tag: Annotated[str, QueryParameter(description="Only keys with this tag.")] = "",
    deleted: Annotated[
        bool,
        QueryParameter(description="Deleted keys instead of the others; for the operator only."),
    ] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[KeyObject]:
    """Newest first, with usage up to now: those that the caller reaches."""
    if cursor is not None and not ids.is_id(cursor, ids.KEY):
        refuse(Reason.INVALID_MEMBER, "Not a cursor that a list has given", "cursor")
    await management.ingest.flush()
    wanted = KeyFilter(
        status=status,
        search=search,
        account_id=account,
        project_id=project,
        user_id=user,
        environment=environment,
        tag=tag,
        kind="" if kind is None else kind.value,
        deleted=deleted,
    )
    found, next_cursor = granted(
        await management.keys.page(wanted, by=principal_of(request), cursor=cursor, limit=limit)
    )
    return Page(data=[key_object(key) for key in found], next_cursor=next_cursor)


def _created(result: object) -> KeptAnswer | None:
    """Make the answer of a key that was just stored; the secret must reach its owner even if this process dies."""
    if not isinstance(result, Issued):
        return None
    answer = CreatedKey(data=key_object(result.key), key=result.secret.reveal())
    headers = [("content-type", "application/json"), *UNKEPT.items()]
    return KeptAnswer(201, headers, msgspec.json.encode(answer))


@post(
    "/",
    summary="Create a key",
    opt={RENDER: _created},
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON),
)
async def create_key(
    request: AnyRequest,
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
                    summary="A key for two models, from one network",
                    id="restricted",
                    value={
                        "name": "search",
                        "models": ["gpt-4o-mini", "text-embedding-*"],
                        "ip": ["203.0.113.0/24"],
                        "rotation": {"every_days": 90},
                    },
                ),
                Example(
                    summary="A publishable key",
                    id="publishable",
                    value={
                        "name": "demo page",
                        "kind": "publishable",
                        "origins": ["https://demo.example.com"],
                    },
                ),
                Example(
                    summary="A management key", id="management", value={"name": "ops", "kind": "management"}
                ),
            ],
        ),
    ],
    wrap_ttl: WrapTtl = None,
) -> Response[CreatedKey]:
    """The secret stands in `key`, this once; what is kept can't be turned back into it.

    A key makes only keys that are no stronger than itself.
    """
    ttl_s = wrap_ttl_s(wrap_ttl) or (TTL_S if data.delivery == "claim" else None)
    issued = granted(await management.keys.create(new_key(data), by=principal_of(request)))
    shown = key_object(issued.key)
    if ttl_s is None:
        created = CreatedKey(data=shown, key=issued.secret.reveal())
    else:
        secret_id = issued.key.secrets[-1].id
        claim = await management.claims.offer(shown.id, secret_id, issued.secret, ttl_s)
        address = base_url(request, management.settings.server)
        created = CreatedKey(data=shown, key=None, claim=claim_object(claim, address))
    return Response(created, status_code=201, headers=UNKEPT)


@get(
    "/{key_id:str}",
    summary="Show a key",
    responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT),
    response_headers=[_ETAG],
)
async def show_key(request: AnyRequest, management: Managed, key_id: KeyId) -> KeyAnswer:
    """Everything about a key except its secret, with usage up to now."""
    await management.ingest.flush()
    return _answer(granted(await management.keys.show(key_id, by=principal_of(request))))


@patch("/{key_id:str}", summary="Change a key", responses=_CHANGING, response_headers=[_ETAG])
async def change_key(
    request: AnyRequest,
    management: Managed,
    key_id: KeyId,
    data: Annotated[
        ChangeKey,
        Body(
            examples=[
                Example(summary="Let it expire", id="expire", value={"expires_at": "2027-01-31T00:00:00Z"}),
                Example(summary="Restrict it", id="restrict", value={"models": ["gpt-*"], "ip": []}),
            ]
        ),
    ],
    if_match: IfMatch = None,
) -> KeyAnswer:
    """In force in every worker when the call returns."""
    changed = await management.keys.edit(key_id, terms_of(data), by=principal_of(request), if_match=if_match)
    return _answer(granted(changed))


@delete("/{key_id:str}", summary="Delete a key", status_code=200, responses=_CHANGING)
async def delete_key(
    request: AnyRequest, management: Managed, key_id: KeyId, if_match: IfMatch = None
) -> Answer[KeyObject]:
    """No worker accepts the key any more when the call returns; its usage stays in reports."""
    deleted = await management.keys.delete(key_id, by=principal_of(request), if_match=if_match)
    return Answer(data=key_object(granted(deleted)))


@post(
    "/{key_id:str}/undelete",
    summary="Bring back a deleted key",
    description=f"For the operator only, for {UNDELETE_DAYS} days. The key is as it was before it was deleted.",
    status_code=200,
    responses=_ENDING,
)
async def undelete_key(request: AnyRequest, management: Managed, key_id: KeyId) -> Answer[KeyObject]:
    """For the operator only."""
    return Answer(data=key_object(granted(await management.keys.undelete(key_id, by=principal_of(request)))))


@post("/{key_id:str}/enable", summary="Enable a key", status_code=200, responses=_ENDING)
async def enable_key(request: AnyRequest, management: Managed, key_id: KeyId) -> Answer[KeyObject]:
    """Lets a disabled or quarantined key work again."""
    return Answer(data=key_object(granted(await management.keys.enable(key_id, by=principal_of(request)))))


@post("/{key_id:str}/disable", summary="Disable a key", status_code=200, responses=_ENDING)
async def disable_key(request: AnyRequest, management: Managed, key_id: KeyId) -> Answer[KeyObject]:
    """No worker accepts the key when the call returns; it can be enabled again."""
    return Answer(data=key_object(granted(await management.keys.disable(key_id, by=principal_of(request)))))


@post("/{key_id:str}/revoke", summary="Revoke a key", status_code=200, responses=_ENDING)
async def revoke_key(request: AnyRequest, management: Managed, key_id: KeyId) -> Answer[KeyObject]:
    """No worker accepts the key any more when the call returns. This can't be undone."""
    return Answer(data=key_object(granted(await management.keys.revoke(key_id, by=principal_of(request)))))


router = Router(
    "/keys",
    tags=["Keys"],
    route_handlers=[
        list_keys,
        create_key,
        show_key,
        change_key,
        delete_key,
        undelete_key,
        enable_key,
        disable_key,
        revoke_key,
    ],
)


def _answer(key: Key) -> KeyAnswer:
    return Response(Answer(data=key_object(key)), headers={"etag": entity_tag(key.stored.version)})
