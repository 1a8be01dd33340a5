"""Keys as the management API shows them."""

import base64
from typing import Annotated

import msgspec
from msgspec import Meta

from keyturn import system
from keyturn.control.handover import ClaimObject
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
from keyturn.control.resources.limit_members import LimitObject, limit_objects
from keyturn.control.wire import Moment, Usd, moment, optional_moment
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import SecretState, Status, secret_state
from keyturn.domain.limits import read_limits
from keyturn.domain.money import format_usd
from keyturn.domain.permissions import Permission, Preset
from keyturn.services.keys import Key


class SecretObject(msgspec.Struct):
    """A secret of a key, without its text."""

    id: Annotated[str, Meta(examples=["sec_VbXhUyU1qGm2pTTyZ0aB"])]
    display: Annotated[str, Meta(description="What may be shown of it.", examples=["sk-AbCd…"])]
    state: Annotated[
        SecretState,
        Meta(
            description="`pending` until its first use, `retiring` until its overlap ends, `dead` for good."
        ),
    ]
    created_at: Moment
    activated_at: Annotated[Moment | None, Meta(description="When it came into use.")]
    expires_at: Annotated[Moment | None, Meta(description="When its overlap ends.")]
    last_used_at: Moment | None
    last_ip: str | None


class RotationObject(msgspec.Struct):
    """How a key comes by new secrets."""

    every_days: EveryDays
    overlap_hours: OverlapHours
    next_at: Annotated[Moment | None, Meta(description="When the next secret is due.")]
    self_rotation: SelfRotation
    sink: Sink
    sealing_key: SealingKey


class KeyUsageObject(msgspec.Struct):
    """What a key has used in its life."""

    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: Usd
    last_used_at: Moment | None
    last_ip: str | None
    seen_in_url: Annotated[
        bool, Meta(description="It was sent in a URL, where proxies and histories keep it: replace it.")
    ]


class KeyObject(msgspec.Struct):
    """A key."""

    id: Annotated[str, Meta(examples=["key_VbXhUyUBKUlzDND0IYtt"])]
    name: Name
    description: Description
    kind: Kind
    preset: Annotated[Preset | None, Meta(description="null when the permissions were listed.")]
    status: Status
    display: Annotated[
        str, Meta(description="What may be shown of its newest secret.", examples=["sk-AbCd…"])
    ]
    project_id: Annotated[str, Meta(examples=["proj_VbXhUyU7kT3m9QwErTyU"])]
    account_id: Annotated[str, Meta(examples=["acct_VbXhUyU0pLmK2jHgFdSa"])]
    user_id: Annotated[str | None, Meta(description="Whose personal key it is; null: a service key.")]
    environment: Environment
    permissions: list[Permission]
    models: Models
    endpoints: Endpoints
    ip: Networks
    origins: Origins
    locations: Locations
    expires_at: Moment | None
    not_before: Moment | None
    rotation: RotationObject
    limits: Annotated[list[LimitObject], Meta(description="Empty: none but those of its owners.")]
    recoverable: Recoverable
    decoy: Decoy
    delete_protected: DeleteProtected
    quarantined_at: Annotated[
        Moment | None,
        Meta(
            description="Since when it is refused because somebody else seems to have it; enabling it ends that."
        ),
    ]
    case_id: Annotated[str | None, Meta(description="The event that says why it is quarantined.")]
    deleted_at: Annotated[Moment | None, Meta(description="Shown to the operator, who can bring it back.")]
    secrets: Annotated[list[SecretObject], Meta(description="Oldest first.")]
    usage: KeyUsageObject
    tags: Tags
    metadata: Metadata
    created_at: Moment
    created_by: Annotated[str, Meta(description="`operator`, `scheduler`, `first start`, or a key's id.")]
    version: Annotated[int, Meta(description="Goes up by one with every change; also the ETag.")]


class CreatedKey(msgspec.Struct, kw_only=True):
    """A new key with its secret, which is shown this once."""

    success: Annotated[bool, Meta(examples=[True])] = True
    data: KeyObject
    key: Annotated[
        str | None,
        Meta(
            description="The secret. Unless the key is recoverable, nobody can see it again. null when a link was asked for.",
            examples=["sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"],
        ),
    ]
    claim: ClaimObject | None = None


def key_object(key: Key) -> KeyObject:
    """Return a key as it is shown."""
    stored = key.stored
    now_ms = system.now_ms()
    dead = key.status is Status.REVOKED or stored.deleted_at is not None
    secrets = [
        SecretObject(
            id=one.id,
            display=one.display,
            state=SecretState.DEAD if dead else secret_state(one.life(), now_ms),
            created_at=moment(one.created_at),
            activated_at=optional_moment(one.activated_at),
            expires_at=optional_moment(one.expires_at),
            last_used_at=optional_moment(one.last_used_at),
            last_ip=one.last_address or None,
        )
        for one in key.secrets
    ]
    return KeyObject(
        id=stored.id,
        name=stored.name,
        description=stored.description,
        kind=Kind(stored.kind),
        preset=Preset(stored.preset) if stored.preset else None,
        status=key.status,
        display=secrets[-1].display if secrets else "",
        project_id=stored.project_id,
        account_id=key.account_id,
        user_id=stored.user_id,
        environment=stored.environment,
        permissions=[Permission(one) for one in stored.permissions.split()],
        models=stored.models.split(),
        endpoints=stored.endpoints.split(),
        ip=stored.ip.split(),
        origins=stored.origins.split(),
        locations=None if stored.locations is None else stored.locations.split(),
        expires_at=optional_moment(stored.expires_at),
        not_before=optional_moment(stored.not_before),
        rotation=_rotation(key),
        limits=limit_objects(read_limits(stored.limits), now_ms / 1000),
        recoverable=stored.recoverable,
        decoy=stored.decoy,
        delete_protected=stored.delete_protected,
        quarantined_at=optional_moment(stored.frozen_at),
        case_id=stored.case_id or None,
        deleted_at=optional_moment(stored.deleted_at),
        secrets=secrets,
        usage=_usage(key),
        tags=stored.tags.split(),
        metadata=msgspec.json.decode(stored.metadata, type=dict[str, str]),
        created_at=moment(stored.created_at),
        created_by=stored.created_by,
        version=stored.version,
    )


def _rotation(key: Key) -> RotationObject:
    stored = key.stored
    sealing_key = stored.sealing_key
    return RotationObject(
        every_days=stored.rotate_every_days,
        overlap_hours=stored.overlap_hours,
        next_at=optional_moment(stored.next_rotation_at),
        self_rotation=stored.self_rotation,
        sink=stored.sink or None,
        sealing_key=None if sealing_key is None else base64.b64encode(sealing_key).decode(),
    )


def _usage(key: Key) -> KeyUsageObject:
    used = key.usage
    return KeyUsageObject(
        requests=used.requests,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cost_usd=format_usd(used.cost_nano_usd),
        last_used_at=optional_moment(used.last_used_at),
        last_ip=used.last_address or None,
        seen_in_url=used.seen_in_url,
    )
