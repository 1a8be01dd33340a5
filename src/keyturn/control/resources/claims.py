"""``/api/v1/claims``: take over a secret by a link that works once."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, post
from litestar.openapi.spec import Example
from litestar.params import Body
from msgspec import Meta

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted
from keyturn.control.handover import UNKEPT
from keyturn.control.idempotency import RENDER
from keyturn.control.management import Managed
from keyturn.control.wire import refusals
from keyturn.domain.refusals import Reason
from keyturn.services.claims import Claimed
from keyturn.services.idempotency import KeptAnswer

_STATUS = 200


class ClaimKey(msgspec.Struct, forbid_unknown_fields=True):
    """What the link holds."""

    token: Annotated[
        str,
        Meta(
            description="What stands behind the `#` of the link.",
            examples=["7fK2mQx9TzLw4RbN8cVd1HsYp6JgAe3u"],
        ),
    ]


class ClaimedObject(msgspec.Struct):
    """Whose secret it is."""

    key_id: Annotated[str, Meta(examples=["key_VbXhUyUBKUlzDND0IYtt"])]
    name: Annotated[str, Meta(examples=["billing service"])]
    secret_id: Annotated[str, Meta(examples=["sec_VbXhUyU1qGm2pTTyZ0aB"])]
    display: Annotated[str, Meta(examples=["sk-AbCd…"])]


class ClaimedKey(msgspec.Struct, kw_only=True):
    """A secret that was handed over, this once."""

    success: Annotated[bool, Meta(examples=[True])] = True
    data: ClaimedObject
    key: Annotated[str, Meta(description="The secret.", examples=["sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"])]


def _claimed_key(taken: Claimed) -> ClaimedKey:
    whose = ClaimedObject(taken.key.id, taken.key.name, taken.stored.id, taken.stored.display)
    return ClaimedKey(data=whose, key=taken.secret.reveal())


def _render(result: object) -> KeptAnswer | None:
    if not isinstance(result, Claimed):
        return None
    headers = [("content-type", "application/json"), *UNKEPT.items()]
    return KeptAnswer(_STATUS, headers, msgspec.json.encode(_claimed_key(result)))


@post(
    "/",
    summary="Claim a key",
    status_code=_STATUS,
    opt={RENDER: _render},
    security=[{}],
    responses=refusals(Reason.INVALID_MEMBER, Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT),
)
async def claim_key(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        ClaimKey,
        Body(
            examples=[
                Example(summary="A token", id="token", value={"token": "7fK2mQx9TzLw4RbN8cVd1HsYp6JgAe3u"})
            ]
        ),
    ],
) -> Response[ClaimedKey]:
    """Needs no key. Works once: a second attempt is refused, and whoever runs the gateway hears of it."""
    taken = granted(await management.claims.claim(data.token, by=principal_of(request)))
    return Response(_claimed_key(taken), status_code=_STATUS, headers=UNKEPT)


router = Router("/claims", tags=["Keys"], route_handlers=[claim_key])
