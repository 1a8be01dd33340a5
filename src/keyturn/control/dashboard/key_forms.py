"""What is typed into the forms of keys, read into what the use cases take. Pure.

A form is a set of texts by name. ``texts_of`` writes a key as one, ``read_terms`` reads one; only what somebody has
changed is read, so that what a form can't show stays as it is.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from keyturn.control.dashboard import fields
from keyturn.control.errors import RefusedError, granted, refuse
from keyturn.control.resources.key_requests import ChangeKey, CreateKey, new_key, terms_of
from keyturn.domain.limit_text import BadLimitError, format_limit, parse_limit
from keyturn.domain.limits import Limit, Metric, read_limits
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.key_terms import NewKey, Terms
from keyturn.store.keys import StoredKey

LISTS = ("models", "endpoints", "ip", "origins", "tags")
CHOICES = ("permissions", "locations")
"""Boxes of one name, several of which may be ticked."""
BOXES = ("self_rotation", "recoverable", "delete_protected")
TIMES = ("expires_at", "not_before")
NUMBERS = ("every_days", "overlap_hours")
FIELDS = (
    "name",
    "description",
    "environment",
    "preset",
    *LISTS,
    *CHOICES,
    *BOXES,
    *TIMES,
    *NUMBERS,
    "limits",
)
"""What can be changed later."""
QUICK_LIMITS = {
    "requests_a_minute": "requests/minute",
    "tokens_a_day": "tokens/day",
    "usd_a_month": "cost_usd/month",
}
NEW_FIELDS = ("kind", "project_id", "user_id", "decoy", "expires_in", *QUICK_LIMITS)
"""What is said when a key is made, and not later."""
LIFETIMES = (
    ("", "Never"),
    ("7", "In 7 days"),
    ("30", "In 30 days"),
    ("90", "In 90 days"),
    ("365", "In a year"),
)
SHADOW = " shadow"
"""Behind a limit that is only watched."""

_FIELD_OF = {"expires_in_s": "expires_in", "permissions": "preset"}
_PATH = re.compile(r"(?:rotation\.)?(?P<name>[a-z_]+)")
_LABELS = {
    "name": "Name",
    "description": "Description",
    "environment": "Environment",
    "preset": "Preset",
    "models": "Models",
    "endpoints": "Endpoints",
    "ip": "Addresses",
    "origins": "Origins",
    "tags": "Tags",
    "permissions": "Permissions",
    "locations": "Where it may be presented",
    "self_rotation": "Rotation by its holder",
    "recoverable": "Recoverable",
    "delete_protected": "Protected from deletion",
    "expires_at": "Expiry",
    "not_before": "Works from",
    "every_days": "Rotation every so many days",
    "overlap_hours": "Overlap",
    "limits": "Limits",
}

Texts = dict[str, str]


def texts_in(sent: Mapping[str, Sequence[str]], names: Iterable[str]) -> Texts:
    """Return what a form was filled with; several ticked boxes of one name with blanks between them."""
    found: Texts = {}
    for name in names:
        values = [value.replace("\r\n", "\n").strip() for value in sent.get(name, [])]
        found[name] = (
            " ".join(sorted(filter(None, values))) if name in CHOICES else values[-1] if values else ""
        )
    return found


def texts_of(key: StoredKey, zone: ZoneInfo, now: float) -> Texts:
    """Return a key as its form shows it; limits that have ended are left out.

    Args:
        key: Which.
        zone: In which its times are written.
        now: Seconds since 1970 UTC.
    """
    return {
        "name": key.name.strip(),
        "description": key.description.replace("\r\n", "\n").strip(),
        "environment": key.environment,
        "preset": key.preset,
        **{name: "\n".join(getattr(key, name).split()) for name in LISTS if name != "tags"},
        "tags": key.tags,
        "permissions": "" if key.preset else " ".join(sorted(key.permissions.split())),
        "locations": "" if key.locations is None else " ".join(sorted(key.locations.split())),
        **{name: "on" if getattr(key, name) else "" for name in BOXES},
        "expires_at": _written(key.expires_at, zone),
        "not_before": _written(key.not_before, zone),
        "every_days": "" if key.rotate_every_days is None else str(key.rotate_every_days),
        "overlap_hours": str(key.overlap_hours),
        "limits": "\n".join(_limit_line(one) for one in standing_limits(key.limits, now)),
    }


def standing_limits(limits: str, now: float) -> list[Limit]:
    """Return the limits of a key that have not ended, each without a raise that has."""
    return [
        one
        if one.raised_max is None or now < one.raised_until
        else replace(one, raised_max=None, raised_until=0.0)
        for one in read_limits(limits)
        if not one.until or now < one.until
    ]


def read_terms(texts: Texts, was: Texts, zone: ZoneInfo, standing: Sequence[Limit] = ()) -> Terms | Refused:
    """Return what shall be different about a key.

    Args:
        texts: What the form was sent with.
        was: What it showed before.
        zone: Of its times.
        standing: The key's limits: a line that shows one of them stands for it, with all that a line can't say.
    """
    changed = {name for name in FIELDS if texts.get(name, "") != was.get(name, "")}
    try:
        members = _members(texts, changed, zone)
        limits = _limits(texts, {}, standing) if "limits" in changed else msgspec.UNSET
        terms = terms_of(granted(fields.shaped(members, ChangeKey)))
    except RefusedError as error:
        return at_field(error.refused)
    return replace(terms, limits=limits)


def read_new(texts: Texts, zone: ZoneInfo) -> NewKey | Refused:
    """Return the key that is asked for; ``texts`` has ``FIELDS`` and ``NEW_FIELDS``."""
    changed = {name for name in FIELDS if texts.get(name)} | {"name"}
    try:
        members = _members(texts, changed, zone)
        for name in ("kind", "project_id", "user_id"):
            if texts.get(name):
                members[name] = texts[name]
        members["decoy"] = bool(texts.get("decoy"))
        if texts.get("expires_in") and not texts.get("expires_at"):
            members["expires_in_s"] = granted(fields.whole(texts["expires_in"], "expires_in", 0)) * 86_400
        limits = _limits(texts, QUICK_LIMITS, ())
        wanted = new_key(granted(fields.shaped(members, CreateKey)))
    except RefusedError as error:
        return at_field(error.refused)
    return replace(wanted, limits=limits) if limits else wanted


def at_field(refused: Refused) -> Refused:
    """Return a refusal with the field of the form at fault, such as ``ip`` for ``ip[1]``."""
    found = _PATH.match(refused.param or "")
    if found is None:
        return refused
    return replace(refused, param=_FIELD_OF.get(found["name"], found["name"]), message=refused.text)


def read_was(text: str) -> Texts:
    """Return what a form showed before somebody typed, as it carries that along; what is none of that is left out."""
    try:
        found = msgspec.json.decode(text, type=dict[str, str])
    except msgspec.DecodeError:
        return {}
    return {name: found[name] for name in FIELDS if name in found}


def changes_between(was: Texts, now: Texts) -> list[tuple[str, str, str]]:
    """Return what another has changed: the field's label, what it was, and what it is now."""
    return [
        (_LABELS[name], was.get(name, ""), now[name]) for name in FIELDS if was.get(name, "") != now[name]
    ]


def merged(typed: Texts, was: Texts, now: Texts) -> Texts:
    """Return what a form shows after a conflict: what somebody typed, and elsewhere what it is by now."""
    return {name: typed[name] if typed[name] != was.get(name, "") else now[name] for name in FIELDS}


def _members(texts: Texts, changed: set[str], zone: ZoneInfo) -> dict[str, Any]:
    members: dict[str, Any] = {}
    rotation: dict[str, Any] = {}
    readers: dict[str, Callable[[Texts, str], Any]] = {
        **dict.fromkeys(LISTS, lambda texts, name: fields.words(texts[name])),
        "locations": lambda texts, name: fields.words(texts[name]) or None,
        **dict.fromkeys(BOXES, lambda texts, name: bool(texts[name])),
        **dict.fromkeys(TIMES, lambda texts, name: granted(fields.moment(texts[name], name, zone))),
        **dict.fromkeys(NUMBERS, lambda texts, name: granted(fields.whole(texts[name], name, None))),
    }
    for name in changed - {"limits", "preset", "permissions"}:
        value = readers.get(name, dict.__getitem__)(texts, name)
        (rotation if name in (*NUMBERS, "self_rotation") else members)[name] = value
    if "overlap_hours" in rotation and rotation["overlap_hours"] is None:
        message = "How many hours both secrets work; 0 ends the old one at once"
        refuse(Reason.INVALID_MEMBER, message, "overlap_hours")
    if rotation:
        members["rotation"] = rotation
    if changed & {"preset", "permissions"}:
        members |= _rights(texts)
    return members


def _rights(texts: Texts) -> dict[str, Any]:
    if texts["preset"]:
        return {"preset": texts["preset"]}
    wanted = fields.words(texts["permissions"])
    if not wanted:
        refuse(Reason.INVALID_MEMBER, "Choose a preset, or tick at least one permission", "preset")
    return {"permissions": wanted}


def _written(at_ms: int | None, zone: ZoneInfo) -> str:
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, zone).strftime("%Y-%m-%dT%H:%M")


def _limits(texts: Texts, quick: Mapping[str, str], standing: Sequence[Limit]) -> tuple[Limit, ...]:
    found = []
    for field, subject in quick.items():
        if texts.get(field):
            found.append(_quick(subject, texts[field], field))
    known = {_limit_line(one): one for one in standing}
    lines = filter(None, (one.strip() for one in texts["limits"].splitlines()))
    return (*found, *(known.get(line) or _limit(line, "limits") for line in lines))


def _quick(subject: str, text: str, field: str) -> Limit:
    in_money = subject.startswith(Metric.COST)
    amount = granted(fields.dollars(text, field) if in_money else fields.whole(text, field, 0))
    return parse_limit(f"{subject}={format_usd(amount) if in_money else amount}")


def _limit(line: str, field: str) -> Limit:
    shadow = line.endswith(SHADOW)
    try:
        return replace(parse_limit(line.removesuffix(SHADOW)), shadow=shadow)
    except BadLimitError as error:
        refuse(Reason.INVALID_MEMBER, str(error), field)


def _limit_line(limit: Limit) -> str:
    return format_limit(limit) + (SHADOW if limit.shadow else "")
