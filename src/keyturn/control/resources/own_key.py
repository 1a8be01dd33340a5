"""``/api/v1/key``: the key that a caller presents, as its holder sees it."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get, post
from msgspec import Meta

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.handover import UNKEPT
from keyturn.control.idempotency import RENDER
from keyturn.control.management import Managed
from keyturn.control.resources.key_objects import KeyObject, key_object
from keyturn.control.resources.rotation import REFUSALS, RotatedKey, render, rotated_key
from keyturn.control.wire import Answer, refusals
from keyturn.domain.keys import KeyRecord
from keyturn.domain.refusals import Reason

AnyRequest = Request[Any, Any, Any]


class SealedObject(msgspec.Struct):
    """A new secret that waits for its holder, encrypted to the key's sealing key."""

    key_id: Annotated[str, Meta(examples=["key_VbXhUyUBKUlzDND0IYtt"])]
    secret_id: Annotated[str, Meta(examples=["sec_VbXhUyU1qGm2pTTyZ0aB"])]
    display: Annotated[str, Meta(examples=["sk-AbCd…"])]
    sealed: Annotated[str, Meta(description="Base64; `docs/how-to/rotate-keys.md` says how to open it.")]


@get("/", summary="Show the caller's own key", responses=refusals(Reason.RESOURCE_NOT_FOUND))
async def show_own_key(request: AnyRequest, management: Managed) -> Response[Answer[KeyObject]]:
    """Who am I: the key with its rights, limits and usage, and of its secrets only the one presented."""
    record = _own(request)
    await management.ingest.flush()
    shown = key_object(granted(await management.keys.show(record.id, by=principal_of(request))))
    shown.secrets = [one for one in shown.secrets if one.id == record.secret_id]
    return Response(Answer(data=shown), headers=UNKEPT)


@get("/successor", summary="Fetch a sealed successor", responses=refusals(Reason.RESOURCE_NOT_FOUND))
async def show_successor(request: AnyRequest, management: Managed) -> Response[Answer[SealedObject]]:
    """The new secret that a rotation has made for a key that has a sealing key.

    It may be asked for any number of times: only the holder of the private key can open it.
    """
    record = _own(request)
    secret, box = granted(await management.rotation.sealed_successor(by=principal_of(request)))
    found = SealedObject(record.id, secret.id, secret.display, box)
    return Response(Answer(data=found), headers=UNKEPT)


@post(
    "/rotate",
    summary="Rotate the caller's own key",
    status_code=200,
    opt={RENDER: render},
    responses={**REFUSALS, **refusals(Reason.KEY_QUARANTINED)},
)
async def rotate_own_key(request: AnyRequest, management: Managed) -> Response[RotatedKey]:
    """For keys that may rotate themselves. Send an `Idempotency-Key`: a lost answer is then given again.

    A secret that has had its successor and asks once more, without it, has two holders: the key is frozen until its
    operator has looked at it.
    """
    done = granted(await management.rotation.rotate_self(by=principal_of(request)))
    return Response(rotated_key(done, ""), status_code=200, headers=UNKEPT)


router = Router("/key", tags=["Keys"], route_handlers=[show_own_key, show_successor, rotate_own_key])


def _own(request: AnyRequest) -> KeyRecord:
    record = principal_of(request).key
    if record is None:
        refuse(Reason.RESOURCE_NOT_FOUND, "No key was presented: the control socket needs none")
    return record
