"""``/api/v1/keys/{key_id}/rotate``: a new secret for a key, while the old one lives on."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter
from msgspec import Meta

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.handover import (
    UNKEPT,
    ClaimObject,
    WrapTtl,
    base_url,
    claim_object,
    wrap_ttl_s,
)
from keyturn.control.idempotency import RENDER
from keyturn.control.management import Managed
from keyturn.control.resources.key_objects import KeyObject, key_object
from keyturn.control.resources.keys import KeyId
from keyturn.control.wire import Answer, refusals
from keyturn.domain.refusals import Reason
from keyturn.domain.rotation import Delivery
from keyturn.services.claims import TTL_S
from keyturn.services.idempotency import KeptAnswer
from keyturn.services.key_checks import LONGEST_OVERLAP_HOURS
from keyturn.services.rotation import Successor, Wish

_STATUS = 200
SecretId = Annotated[
    str,
    PathParameter(
        description="The secret's `id`, as the key shows it.",
        examples=[Example(value="sec_VbXhUyU1qGm2pTTyZ0aB")],
    ),
]


class RotateKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to rotate; every member may be left out, and so may the body."""

    overlap_hours: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=LONGEST_OVERLAP_HOURS,
                description="How long the old secret lives on after the first use of the new one, this time; "
                "0 ends it at once.",
            ),
        ]
        | None
    ) = None
    revoke_old: Annotated[
        bool, Meta(description="End every old secret before the call returns: for one that has leaked.")
    ] = False
    delivery: Annotated[
        Delivery | None,
        Meta(
            description="`return`: in the answer. `sealed`: encrypted to the key's X25519 public key. `claim`: by a link "
            "that works once. `sink`: written to the key's file. Unless said, as the key is set up."
        ),
    ] = None


class RotatedKey(msgspec.Struct, kw_only=True):
    """A key with a new secret, in the one form in which it was delivered."""

    success: Annotated[bool, Meta(examples=[True])] = True
    data: KeyObject
    delivery: Delivery
    key: Annotated[
        str | None,
        Meta(
            description="The new secret; null unless it was to be returned.",
            examples=["sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"],
        ),
    ]
    sealed: Annotated[
        str | None, Meta(description="The new secret, encrypted to the key's sealing key.", examples=[None])
    ]
    claim: ClaimObject | None
    written_to: Annotated[str | None, Meta(description="The file that holds it now.", examples=[None])]


def rotated_key(done: Successor, address: str) -> RotatedKey:
    """Return a rotation as it is shown; ``address`` is where clients see this node."""
    return RotatedKey(
        data=key_object(done.key),
        delivery=done.delivery,
        key=None if done.secret is None else done.secret.reveal(),
        sealed=done.sealed,
        claim=None if done.claim is None else claim_object(done.claim, address),
        written_to=done.written_to,
    )


def render(result: object) -> KeptAnswer | None:
    """Return the answer that a rotation becomes, for whoever lost it and asks again."""
    if not isinstance(result, Successor):
        return None
    body = msgspec.json.encode(rotated_key(result, ""))
    headers = [("content-type", "application/json"), *UNKEPT.items()]
    return KeptAnswer(_STATUS, headers, body)


REFUSALS = refusals(
    Reason.INVALID_MEMBER,
    Reason.INVALID_JSON,
    Reason.RESOURCE_NOT_FOUND,
    Reason.CONFLICT,
    Reason.NOT_CONFIRMED,
)


@post(
    "/{key_id:str}/rotate",
    summary="Rotate a key",
    status_code=_STATUS,
    opt={RENDER: render},
    responses=REFUSALS,
)
async def rotate_key(
    request: Request[Any, Any, Any],
    management: Managed,
    key_id: KeyId,
    data: Annotated[
        RotateKey,
        Body(
            examples=[
                Example(summary="One day to change over", id="day", value={"overlap_hours": 24}),
                Example(summary="The secret has leaked", id="leaked", value={"revoke_old": True}),
                Example(summary="Hand it over by a link", id="claim", value={"delivery": "claim"}),
            ]
        ),
    ] = RotateKey(),  # noqa: B008 -- nobody changes it
    wrap_ttl: WrapTtl = None,
) -> Response[RotatedKey]:
    """The key keeps its id, usage and settings.

    The old secret goes on working until the new one is used for the first time, and then for the overlap. A new
    secret that was never used is replaced by the next rotation.
    """
    ttl_s = wrap_ttl_s(wrap_ttl)
    delivery = data.delivery
    if ttl_s is not None:
        if delivery not in {None, Delivery.CLAIM}:
            refuse(Reason.INVALID_MEMBER, "X-Wrap-TTL asks for the delivery 'claim'", "delivery")
        delivery = Delivery.CLAIM
    wish = Wish(data.overlap_hours, data.revoke_old, delivery, ttl_s or TTL_S)
    done = granted(await management.rotation.rotate(key_id, wish, by=principal_of(request)))
    return Response(
        rotated_key(done, base_url(request, management.settings.server)),
        status_code=_STATUS,
        headers=UNKEPT,
    )


@delete(
    "/{key_id:str}/secrets/{secret_id:str}",
    summary="Revoke one secret of a key",
    status_code=200,
    responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT, Reason.NOT_CONFIRMED),
)
async def revoke_secret(
    request: Request[Any, Any, Any], management: Managed, key_id: KeyId, secret_id: SecretId
) -> Answer[KeyObject]:
    """For one that was rotated and still has days to live, or that nobody has used yet. The key's others work on.

    No worker accepts it any more when the call returns. The newest one in use is not ended this way: rotate the key with
    `revoke_old`, or revoke the key.
    """
    ended = await management.key_secrets.revoke(key_id, secret_id, by=principal_of(request))
    return Answer(data=key_object(granted(ended)))


router = Router("/keys", tags=["Keys"], route_handlers=[rotate_key, revoke_secret])
