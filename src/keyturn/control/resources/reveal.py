"""``/api/v1/keys/{key_id}/reveal``: the secret of a recoverable key, once more."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, post
from litestar.openapi.spec import Example
from litestar.params import Body

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted
from keyturn.control.idempotency import REPEATABLE
from keyturn.control.management import Managed
from keyturn.control.resources.keys import KeyId
from keyturn.control.wire import refusals
from keyturn.domain.refusals import Reason
from keyturn.domain.secret import Secret
from keyturn.services.reveal import Proof


class RevealKey(msgspec.Struct, forbid_unknown_fields=True):
    """The proof that whoever asks is still who they were."""

    credential: Annotated[
        str | None, msgspec.Meta(description="The API key that the call is made with, once more.")
    ] = None
    confirm: Annotated[
        str | None, msgspec.Meta(description="The key's name; from the operator at the control socket.")
    ] = None


class RevealedObject(msgspec.Struct):
    """Whose secret it is."""

    id: Annotated[str, msgspec.Meta(examples=["key_VbXhUyUBKUlzDND0IYtt"])]
    name: str
    secret_id: Annotated[str, msgspec.Meta(examples=["sec_VbXhUyU1qGm2pTTyZ0aB"])]
    display: Annotated[str, msgspec.Meta(examples=["sk-AbCd…"])]


class RevealedKey(msgspec.Struct, kw_only=True):
    """A secret in the clear."""

    success: Annotated[bool, msgspec.Meta(examples=[True])] = True
    data: RevealedObject
    key: Annotated[
        str, msgspec.Meta(description="The secret.", examples=["sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"])
    ]


@post(
    "/{key_id:str}/reveal",
    summary="Reveal a key's secret",
    status_code=200,
    opt=REPEATABLE,
    responses=refusals(
        Reason.RESOURCE_NOT_FOUND, Reason.CONFIRMATION_REQUIRED, Reason.CONFLICT, Reason.RATE_LIMIT_EXCEEDED
    ),
)
async def reveal_key(
    request: Request[Any, Any, Any],
    management: Managed,
    key_id: KeyId,
    data: Annotated[
        RevealKey,
        Body(
            examples=[
                Example(
                    summary="With the key that calls",
                    id="credential",
                    value={"credential": "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"},
                )
            ]
        ),
    ],
) -> Response[RevealedKey]:
    """Only for keys that were created `recoverable`.

    Each time is written to the audit log, and a caller may see ten secrets an hour.
    """
    proof = Proof(None if data.credential is None else Secret(data.credential), data.confirm)
    shown = granted(await management.reveal.reveal(key_id, proof, by=principal_of(request)))
    whose = RevealedObject(shown.key.id, shown.key.name, shown.stored.id, shown.stored.display)
    return Response(RevealedKey(data=whose, key=shown.secret.reveal()), headers={"cache-control": "no-store"})


router = Router("/keys", tags=["Keys"], route_handlers=[reveal_key])
