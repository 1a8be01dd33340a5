"""``/api/v1/peppers``: what verifiers are made with."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted
from keyturn.control.management import Managed
from keyturn.control.wire import Page, refusals
from keyturn.domain.refusals import Reason
from keyturn.services.peppers import PepperState


class PepperObject(msgspec.Struct):
    """A pepper, without its value."""

    name: Annotated[str, msgspec.Meta(examples=["pepper-2"])]
    newest: Annotated[bool, msgspec.Meta(description="New verifiers are made with it.")]
    origin: Annotated[str, msgspec.Meta(description="`file` or `settings`.", examples=["file"])]
    secrets: Annotated[int, msgspec.Meta(description="How many verifiers were made with it.")]


@get("/", summary="List peppers", responses=refusals())
async def list_peppers(management: Managed) -> Page[PepperObject]:
    """Oldest first. A verifier moves to the newest pepper when its secret is next looked up."""
    return Page(data=_show(await management.peppers.status()))


@post(
    "/rotate",
    summary="Make a newer pepper",
    status_code=200,
    responses=refusals(Reason.CONFLICT, Reason.NOT_CONFIRMED),
)
async def rotate_peppers(request: Request[Any, Any, Any], management: Managed) -> Page[PepperObject]:
    """No key stops working: older peppers stay in force until nothing refers to them."""
    return Page(data=_show(granted(await management.peppers.rotate(by=principal_of(request)))))


@post("/prune", summary="Delete unused peppers", status_code=200, responses=refusals(Reason.CONFLICT))
async def prune_peppers(request: Request[Any, Any, Any], management: Managed) -> Page[PepperObject]:
    """Deletes the older peppers that no verifier was made with. Backups of the database may still need them."""
    return Page(data=_show(granted(await management.peppers.prune(by=principal_of(request)))))


router = Router("/peppers", tags=["Node"], route_handlers=[list_peppers, rotate_peppers, prune_peppers])


def _show(states: list[PepperState]) -> list[PepperObject]:
    return [
        PepperObject(one.name, one.newest, "file" if one.file else "settings", one.secrets) for one in states
    ]
