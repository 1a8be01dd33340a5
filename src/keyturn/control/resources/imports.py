"""``/api/v1/keys/import``: keys of other systems, whose holders keep their secrets."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, post
from litestar.openapi.spec import Example
from litestar.params import Body

from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.management import Managed
from keyturn.control.resources.limit_members import LimitTerms, limits_of
from keyturn.control.wire import Answer, milliseconds, refusals
from keyturn.domain.foreign_keys import ForeignKey, Shape, Source
from keyturn.domain.labels import NAME_LENGTH
from keyturn.domain.refusals import Reason

LARGEST_BODY = 64 << 20
"""Bytes: some 200,000 keys through the control socket. Through the port ``server.max_body_bytes`` holds too."""


class ShapeObject(msgspec.Struct, forbid_unknown_fields=True):
    """What secrets look like; texts of no known shape are refused without a look-up."""

    prefix: Annotated[str, msgspec.Meta(max_length=64, examples=["sk-or-v1-"])]
    length: Annotated[int, msgspec.Meta(description="Characters, the prefix included.", examples=[73])]


class ImportedKey(msgspec.Struct, forbid_unknown_fields=True):
    """A key to take over."""

    digest: Annotated[
        str,
        msgspec.Meta(
            pattern="^[0-9a-f]{64}$",
            description="SHA-256 of the whole secret, in lower-case hexadecimal.",
            examples=["f01d52606dc8f0a8303a7b5cc3fa07109c2e346cec7c0a16b40de462992ce943"],
        ),
    ]
    name: Annotated[str, msgspec.Meta(max_length=NAME_LENGTH, examples=["billing service"])]
    display: Annotated[
        str,
        msgspec.Meta(
            max_length=NAME_LENGTH,
            description="What may be shown of the secret.",
            examples=["sk-or-v1-0e6…1c96"],
        ),
    ]
    shapes: Annotated[list[int], msgspec.Meta(description="Positions in `shapes`, from 0.", examples=[[0]])]
    enabled: bool = True
    expires_at: datetime | None = None
    models: list[str] = []
    ip: list[str] = []
    metadata: dict[str, str] = {}
    limits: Annotated[list[LimitTerms], msgspec.Meta(description="As a key that is created has them.")] = []


class ImportKeys(msgspec.Struct, forbid_unknown_fields=True):
    """Keys to take over, all of them or none."""

    source: Source
    shapes: Annotated[list[ShapeObject], msgspec.Meta(min_length=1, max_length=100)]
    keys: Annotated[list[ImportedKey], msgspec.Meta(min_length=1)]
    project_id: Annotated[
        str,
        msgspec.Meta(description="Identifier or name of the project they shall belong to; else the first."),
    ] = ""
    dry_run: Annotated[bool, msgspec.Meta(description="Say what would come of it, and change nothing.")] = (
        False
    )


class ImportedObject(msgspec.Struct):
    """What came of it."""

    project_id: Annotated[str, msgspec.Meta(examples=["proj_VbXhUyU7kT3m9QwErTyU"])]
    imported: int
    duplicates: Annotated[int, msgspec.Meta(description="Known before, or listed twice; skipped.")]
    dry_run: bool


_EXAMPLE = {
    "source": "openrouter",
    "shapes": [{"prefix": "sk-or-v1-", "length": 73}],
    "keys": [
        {
            "digest": "f01d52606dc8f0a8303a7b5cc3fa07109c2e346cec7c0a16b40de462992ce943",
            "name": "billing service",
            "display": "sk-or-v1-0e6…1c96",
            "shapes": [0],
        }
    ],
}


@post(
    "/import",
    summary="Import keys",
    status_code=200,
    request_max_body_size=LARGEST_BODY,
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.NOT_CONFIRMED),
)
async def import_keys(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        ImportKeys, Body(examples=[Example(summary="From OpenRouter", id="openrouter", value=_EXAMPLE)])
    ],
) -> Answer[ImportedObject]:
    """Whoever holds a key of the other system goes on using it here.

    It is taken over by the SHA-256 of its secret. A secret that is known already is skipped, so that an import can be
    repeated. `keyturn import` makes the call from an export of the other system.
    """
    shapes = [(one.prefix, one.length) for one in data.shapes]
    wanted = [_read(one, shapes, number) for number, one in enumerate(data.keys)]
    done = await management.imports.take(
        data.source, wanted, project=data.project_id, dry_run=data.dry_run, by=principal_of(request)
    )
    done = granted(done)
    return Answer(data=ImportedObject(done.project_id, done.imported, done.duplicates, done.dry_run))


router = Router("/keys", tags=["Keys"], route_handlers=[import_keys])


def _read(sent: ImportedKey, shapes: list[Shape], number: int) -> ForeignKey:
    if not sent.shapes or not all(0 <= position < len(shapes) for position in sent.shapes):
        refuse(Reason.INVALID_MEMBER, "Positions in 'shapes', at least one", f"keys[{number}].shapes")
    return ForeignKey(
        digest=bytes.fromhex(sent.digest),
        name=sent.name,
        display=sent.display,
        enabled=sent.enabled,
        expires_at_ms=None
        if sent.expires_at is None
        else milliseconds(sent.expires_at, f"keys[{number}].expires_at"),
        models=tuple(sent.models),
        ip=tuple(sent.ip),
        metadata=sent.metadata,
        limits=limits_of(sent.limits, f"keys[{number}].limits"),
        shapes=tuple(shapes[position] for position in sent.shapes),
    )
