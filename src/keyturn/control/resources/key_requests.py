"""Keys as the management API is asked for them."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from keyturn import system
from keyturn.control.errors import refuse
from keyturn.control.resources.key_members import (
    Decoy,
    DeleteProtected,
    Description,
    Endpoints,
    Environment,
    EveryDays,
    Locations,
    Metadata,
    Models,
    Name,
    Networks,
    Origins,
    OverlapHours,
    Recoverable,
    SealingKey,
    SelfRotation,
    Sink,
    Tags,
)
from keyturn.control.resources.limit_members import LimitTerms, limits_of
from keyturn.control.wire import Moment, milliseconds
from keyturn.domain.key_text import Kind
from keyturn.domain.permissions import Permission, Preset
from keyturn.domain.refusals import Reason
from keyturn.services.key_terms import NewKey, Terms

LONGEST_LIFE_S = 100 * 365 * 86_400


class RotationTerms(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How a key shall come by new secrets; a member left out stays as it is."""

    every_days: EveryDays | UnsetType = UNSET
    overlap_hours: OverlapHours | UnsetType = UNSET
    self_rotation: SelfRotation | UnsetType = UNSET
    sink: Sink | UnsetType = UNSET
    sealing_key: SealingKey | UnsetType = UNSET


class ChangeKey(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to be different; a member left out stays as it is, an empty list restricts nothing."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    preset: Annotated[Preset | None, Meta(description="A named set of permissions.")] | UnsetType = UNSET
    permissions: (
        Annotated[list[Permission] | None, Meta(description="Permissions one by one, instead of a preset's.")]
        | UnsetType
    ) = UNSET
    environment: Environment | UnsetType = UNSET
    models: Models | UnsetType = UNSET
    endpoints: Endpoints | UnsetType = UNSET
    ip: Networks | UnsetType = UNSET
    origins: Origins | UnsetType = UNSET
    locations: Locations | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    """``null`` takes the expiry away."""
    not_before: Moment | UnsetType | None = UNSET
    rotation: RotationTerms | UnsetType = UNSET
    recoverable: Recoverable | UnsetType = UNSET
    delete_protected: DeleteProtected | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    metadata: Annotated[Metadata, Meta(description="Takes the place of what was there.")] | UnsetType = UNSET
    limits: (
        Annotated[
            list[LimitTerms],
            Meta(
                description="How much may be used within a time; takes the place of what was there. A new publishable "
                "key starts with 60 requests a minute and 5 at once unless this is said."
            ),
        ]
        | UnsetType
    ) = UNSET


class CreateKey(ChangeKey, forbid_unknown_fields=True, kw_only=True):
    """A key to issue."""

    name: Name
    kind: Annotated[
        Kind,
        Meta(
            description="`secret` calls models, `publishable` does so from the pages of its `origins`, "
            "`management` manages and calls none."
        ),
    ] = Kind.SECRET
    preset: (
        Annotated[Preset | None, Meta(description="A named set of permissions; `production` unless said.")]
        | UnsetType
    ) = UNSET
    project_id: Annotated[
        str, Meta(description="Identifier or name; empty: that of the key that asks, or the first.")
    ] = ""
    user_id: Annotated[
        str | None,
        Meta(description="Whose personal key it is, a member of the project: identifier or e-mail address."),
    ] = None
    decoy: Decoy = False
    expires_in_s: (
        Annotated[
            int, Meta(ge=1, le=LONGEST_LIFE_S, description="Instead of `expires_at`.", examples=[7776000])
        ]
        | None
    ) = None
    delivery: Annotated[
        Literal["return", "claim"],
        Meta(description="`return`: the secret in the answer. `claim`: a link to it that works once."),
    ] = "return"


def new_key(data: CreateKey) -> NewKey:
    """Return what is asked for."""
    terms = terms_of(data)
    if data.expires_in_s is not None:
        if isinstance(data.expires_at, datetime):
            refuse(Reason.INVALID_MEMBER, "Send either 'expires_at' or 'expires_in_s'", "expires_in_s")
        ends_at_ms = system.now_ms() + data.expires_in_s * 1000
        terms = msgspec.structs.replace(terms, expires_at_ms=ends_at_ms)
    return NewKey(
        **{**msgspec.structs.asdict(terms), "name": data.name},
        kind=data.kind,
        project=data.project_id,
        user=data.user_id or "",
        decoy=data.decoy,
    )


def terms_of(data: ChangeKey) -> Terms:
    """Return what shall be different."""
    rotation = RotationTerms() if isinstance(data.rotation, UnsetType) else data.rotation
    return Terms(
        name=data.name,
        description=data.description,
        preset=data.preset,
        permissions=frozenset(data.permissions) if isinstance(data.permissions, list) else data.permissions,
        environment=data.environment,
        models=_texts(data.models),
        endpoints=_texts(data.endpoints),
        ip=_texts(data.ip),
        origins=_texts(data.origins),
        locations=None if data.locations is None else _texts(data.locations),
        not_before_ms=_time(data.not_before, "not_before"),
        expires_at_ms=_time(data.expires_at, "expires_at"),
        recoverable=data.recoverable,
        delete_protected=data.delete_protected,
        rotate_every_days=rotation.every_days,
        overlap_hours=rotation.overlap_hours,
        self_rotation=rotation.self_rotation,
        sealing_key=rotation.sealing_key,
        sink=rotation.sink or "" if not isinstance(rotation.sink, UnsetType) else UNSET,
        tags=_texts(data.tags),
        metadata=data.metadata,
        limits=limits_of(data.limits) if isinstance(data.limits, list) else data.limits,
    )


def _texts(texts: list[str] | UnsetType) -> tuple[str, ...] | UnsetType:
    return tuple(texts) if isinstance(texts, list) else texts


def _time(at: datetime | UnsetType | None, param: str) -> int | UnsetType | None:
    return milliseconds(at, param) if isinstance(at, datetime) else at
