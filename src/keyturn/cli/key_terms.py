"""What is asked of a key on the command line → what the management API is asked for."""

from pathlib import Path

import msgspec

from keyturn.cli import expiry
from keyturn.cli.failure import CommandFailed

NONE = "none"
"""What takes something away."""
_NEVER = {NONE, "never"}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the options say, as they were written; ``None``: nothing."""

    name: str | None = None
    description: str | None = None
    preset: str | None = None
    permissions: list[str] | None = None
    models: list[str] | None = None
    endpoints: list[str] | None = None
    ip: list[str] | None = None
    origins: list[str] | None = None
    locations: list[str] | None = None
    not_before: str | None = None
    rotate_every: str | None = None
    overlap: str | None = None
    self_rotation: bool | None = None
    sealing_key: str | None = None
    sink: str | None = None
    recoverable: bool | None = None
    delete_protected: bool | None = None
    environment: str | None = None
    tags: list[str] | None = None
    metadata: list[str] | None = None
    limits: list[dict[str, object]] | None = None
    """As the management API takes them."""


def body(asked: Asked, now: float) -> dict[str, object]:
    """Return the members of a request that say the same; when the key expires is said elsewhere.

    Args:
        asked: What the options say.
        now: Seconds since 1970 UTC.

    Raises:
        CommandFailed: An option can't be understood.
    """
    plain: dict[str, object] = {
        "name": asked.name,
        "description": asked.description,
        "preset": asked.preset,
        "permissions": asked.permissions or None,
        "models": values_in(asked.models),
        "endpoints": values_in(asked.endpoints),
        "ip": values_in(asked.ip),
        "origins": values_in(asked.origins),
        "tags": values_in(asked.tags),
        "metadata": metadata_in(asked.metadata),
        "limits": asked.limits,
        "recoverable": asked.recoverable,
        "delete_protected": asked.delete_protected,
        "environment": "" if asked.environment == NONE else asked.environment,
    }
    members = {name: value for name, value in plain.items() if value is not None}
    if asked.locations:
        members["locations"] = values_in(asked.locations) or None
    if asked.not_before is not None:
        cleared = asked.not_before.strip().lower() in _NEVER
        members["not_before"] = None if cleared else expiry.instant(asked.not_before, now)
    rotation = _rotation(asked)
    return members | ({"rotation": rotation} if rotation else {})


def _rotation(asked: Asked) -> dict[str, object]:
    found: dict[str, object] = {}
    if asked.rotate_every is not None:
        found["every_days"] = days_in(asked.rotate_every)
    if asked.overlap is not None:
        found["overlap_hours"] = _hours(asked.overlap)
    if asked.self_rotation is not None:
        found["self_rotation"] = asked.self_rotation
    if asked.sealing_key is not None:
        found["sealing_key"] = None if asked.sealing_key == NONE else asked.sealing_key
    if asked.sink is not None:
        # A path means the same file wherever the node itself was started.
        found["sink"] = None if asked.sink == NONE else str(Path(asked.sink).absolute())
    return found


def values_in(given: list[str] | None) -> list[str] | None:
    """Return the values of a repeatable option; ``none`` alone says that there shall be none, ``None`` that nobody said."""
    if not given:
        return None
    return [] if given == [NONE] else given


def metadata_in(given: list[str] | None) -> dict[str, str] | None:
    """Return metadata as people write it, pair by pair; ``none`` alone takes all away.

    Raises:
        CommandFailed: It is not NAME=VALUE.
    """
    if not given:
        return None
    if given == [NONE]:
        return {}
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise CommandFailed(f"{one!r} is not NAME=VALUE")
        found[name] = value
    return found


def days_in(text: str) -> int | None:
    """Return a span in days, ``None`` for never.

    Raises:
        CommandFailed: It is none.
    """
    if text.strip().lower() in _NEVER:
        return None
    seconds = expiry.seconds_in(text)
    if seconds is None or seconds % 86_400:
        raise CommandFailed(f"{text!r} is not a number of days; write 90d, 12w or never")
    return seconds // 86_400


def _hours(text: str) -> int:
    if text.strip().lower() in {"0", "0h", "0d", NONE}:
        return 0
    seconds = expiry.seconds_in(text)
    if seconds is None or seconds % 3_600:
        raise CommandFailed(f"{text!r} is not a number of hours; write 7d, 12h or 0h")
    return seconds // 3_600
