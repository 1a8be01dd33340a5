"""Keys of other systems, taken over so that their holders keep their secrets.

Each system keeps SHA-256 of the whole secret, or the secret itself; a verifier is made from the former. What can't be
carried over is named, never dropped in silence.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from enum import StrEnum

import msgspec

from keyturn.domain import foreign_limits, key_text
from keyturn.domain.foreign_files import Row, members, moment_ms, truth, words
from keyturn.domain.foreign_limits import Carried
from keyturn.domain.labels import NAME_LENGTH
from keyturn.domain.limits import Limit
from keyturn.domain.restrictions import network_of

Shape = tuple[str, int]
"""What a secret looks like: its prefix, and its length with the prefix, in characters."""

LITELLM_SHAPE: Shape = ("sk-", 25)
"""Source: litellm/proxy/management_endpoints/key_management_endpoints.py: ``sk-`` + ``token_urlsafe(16)``."""
OPENROUTER_SHAPE: Shape = ("sk-or-v1-", 73)
UNKEY_LENGTHS = (20, 21, 22)
"""Sixteen bytes in base58; a number with leading zeros has fewer digits."""
UNKEY_START = 4
"""How many characters of the random part ``start`` shows behind the prefix and its underscore."""
SHORTEST = 20
"""Characters of the shortest secret that is taken over; anything shorter can be guessed."""
LONGEST = 512
_METADATA_LENGTH = 500

_HEX = re.compile(r"[0-9A-Fa-f]{64}")
_ONE_API_KEY = re.compile(r"[0-9A-Za-z]{16,128}")
_DASHBOARD = "litellm-dashboard"
"""The team of the keys that LiteLLM's own pages make at each sign-in."""


class Source(StrEnum):
    """The systems whose keys are taken over."""

    LITELLM = "litellm"
    UNKEY = "unkey"
    ONE_API = "one-api"
    OPENROUTER = "openrouter"


class ForeignKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of another system, as far as it can be carried over."""

    digest: bytes
    """SHA-256 of the secret, 32 bytes."""
    name: str
    display: str
    enabled: bool = True
    expires_at_ms: int | None = None
    models: tuple[str, ...] = ()
    ip: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    limits: tuple[Limit, ...] = ()
    shapes: tuple[Shape, ...] = ()
    not_carried: tuple[str, ...] = ()
    """What is set there and has no place here: names of columns."""


class Skipped(msgspec.Struct, frozen=True):
    """A row that is no key in use."""

    why: str


class BadRowError(Exception):
    """A row can't be taken over; the text says why, without a secret."""


def read(source: Source, row: Row) -> ForeignKey | Skipped:
    """Read a row.

    Raises:
        BadRowError: It is not one of this system's, or holds something that can't be understood.
    """
    try:
        return _READERS[source](row)
    except (ValueError, TypeError, OverflowError):
        raise BadRowError("a time, a list or an object in it can't be read") from None


def problem_with_shape(shape: Shape) -> str | None:
    """Say why secrets of this shape can't be taken over, ``None``: they can."""
    prefix, length = shape
    if not SHORTEST <= length <= LONGEST or len(prefix) >= length:
        return f"a secret has {SHORTEST} to {LONGEST} characters, the prefix included"
    if not prefix.isascii() or not prefix.isprintable() or " " in prefix:
        return "a prefix is of visible ASCII characters"
    if length == key_text.LENGTH and any(
        prefix.startswith(own) or own.startswith(prefix) for own in key_text.PREFIXES.values()
    ):
        return "Keyturn's own keys look like this, and theirs must have a checksum"
    return None


def _litellm(row: Row) -> ForeignKey | Skipped:
    token = _text(row, "token")
    if _text(row, "team_id") == _DASHBOARD:
        return Skipped("made by LiteLLM's own pages at a sign-in")
    allowed = words(row.get("models"))
    carried = foreign_limits.of_litellm(row)
    limited = _left(
        row,
        carried,
        (
            "max_budget",
            "soft_budget",
            "budget_duration",
            "budget_id",
            "model_max_budget",
            "tpm_limit",
            "rpm_limit",
        ),
        ("max_parallel_requests", "aliases", "permissions", "allowed_routes", "config"),
    )
    if "all-team-models" in allowed:
        limited = (*limited, "models: all-team-models")
    shown = _text(row, "key_name")
    return ForeignKey(
        digest=hashlib.sha256(token.encode()).digest() if token.startswith("sk-") else _hex(token, "token"),
        name=_name(_text(row, "key_alias") or shown or "LiteLLM key"),
        display=_name(shown or "sk-…"),
        enabled=not truth(row.get("blocked")),
        expires_at_ms=moment_ms(row.get("expires")),
        models=tuple(name for name in allowed if name not in {"all-proxy-models", "all-team-models"}),
        metadata=_metadata(row, "user_id", "team_id", "organization_id"),
        limits=carried.limits,
        shapes=(("sk-", len(token)),) if token.startswith("sk-") else (LITELLM_SHAPE,),
        not_carried=limited,
    )


def _unkey(row: Row) -> ForeignKey | Skipped:
    if _first(row, "deletedAt", "deleted_at", "deletedAtM", "deleted_at_m"):
        return Skipped("deleted")
    hashed = row.get("hash")
    if isinstance(hashed, dict):
        if hashed.get("variant", "sha256_base64") != "sha256_base64":
            raise BadRowError("the hash is of another kind than sha256_base64")
        hashed = hashed.get("value")
    start = _text(row, "start")
    prefix = start[:-UNKEY_START] if len(start) > UNKEY_START else ""
    carried = foreign_limits.of_unkey(row)
    limited = _left(
        row,
        carried,
        (
            "remaining",
            "remaining_requests",
            "remainingRequests",
            "credits",
            "refill",
            "refill_amount",
            "refillAmount",
        ),
        ("ratelimit", "ratelimits", "ratelimit_limit", "ratelimitLimit", "permissions", "roles", "meta"),
    )
    enabled = row.get("enabled")
    return ForeignKey(
        digest=_base64(hashed),
        name=_name(_text(row, "name") or start or "Unkey key"),
        display=_name(f"{start}…"),
        enabled=enabled in {None, ""} or truth(enabled),
        expires_at_ms=moment_ms(row.get("expires")),
        metadata=_metadata(row, "id", "keyId", "externalId", "external_id", "ownerId", "owner_id"),
        limits=carried.limits,
        shapes=tuple((prefix, len(prefix) + length) for length in UNKEY_LENGTHS),
        not_carried=limited,
    )


def _openrouter(row: Row) -> ForeignKey:
    hashed = _text(row, "hash").removeprefix(OPENROUTER_SHAPE[0])
    carried = foreign_limits.of_openrouter(row)
    return ForeignKey(
        digest=_hex(hashed, "hash"),
        name=_name(_text(row, "name") or _text(row, "label") or "OpenRouter key"),
        display=_name(
            _text(row, "label")
            if "…" in _text(row, "label") or "..." in _text(row, "label")
            else "sk-or-v1-…"
        ),
        enabled=not truth(row.get("disabled")),
        expires_at_ms=moment_ms(_first(row, "expires_at", "expiresAt")),
        metadata=_metadata(row, "creator_user_id", "creatorUserId", "workspace_id", "workspaceId"),
        limits=carried.limits,
        shapes=(OPENROUTER_SHAPE,),
        not_carried=_left(
            row,
            carried,
            ("limit", "limit_reset", "limitReset", "include_byok_in_limit", "includeByokInLimit"),
        ),
    )


def _one_api(row: Row) -> ForeignKey | Skipped:
    if _first(row, "deleted_at", "deletedAt", "DeletedAt"):
        return Skipped("deleted")
    key = _text(row, "key").removeprefix("sk-")
    if not _ONE_API_KEY.fullmatch(key):
        raise BadRowError("'key' is not a token of letters and digits in the clear")
    secret = f"sk-{key}"
    if key_text.is_well_formed(secret):
        raise BadRowError("'key' is one of Keyturn's own")
    status = _text(row, "status") or "1"
    limited_models = words(row.get("model_limits")) if truth(row.get("model_limits_enabled")) else []
    carried = foreign_limits.of_one_api(row)
    left = () if truth(row.get("unlimited_quota")) else _left(row, carried, ("remain_quota",))
    return ForeignKey(
        digest=hashlib.sha256(secret.encode()).digest(),
        name=_name(_text(row, "name") or "one-api token"),
        display=f"{secret[:7]}…",
        enabled=status == "1",
        expires_at_ms=moment_ms(row.get("expired_time")),
        models=tuple(words(row.get("models")) or limited_models),
        ip=_networks([*words(row.get("subnet")), *words(row.get("allow_ips"))]),
        metadata=_metadata(row, "user_id"),
        limits=carried.limits,
        shapes=(("sk-", len(secret)),),
        not_carried=(
            *left,
            *_left(row, carried, ("group",)),
            *(("status: exhausted",) if status == "4" else ()),
        ),
    )


_READERS: dict[Source, Callable[[Row], ForeignKey | Skipped]] = {
    Source.LITELLM: _litellm,
    Source.UNKEY: _unkey,
    Source.ONE_API: _one_api,
    Source.OPENROUTER: _openrouter,
}


def _first(row: Row, *names: str) -> object:
    return next((row[name] for name in names if row.get(name) not in {None, ""}), None)


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value).strip()


def _hex(text: str, name: str) -> bytes:
    if not _HEX.fullmatch(text):
        raise BadRowError(f"'{name}' is not SHA-256 in hexadecimal")
    return bytes.fromhex(text)


def _base64(value: object) -> bytes:
    try:
        digest = base64.b64decode(
            str(value), altchars=b"-_" if set(str(value)) & set("-_") else None, validate=True
        )
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise BadRowError("'hash' is not SHA-256 in base64")
    return digest


def _networks(texts: list[str]) -> tuple[str, ...]:
    found = []
    for text in texts:
        network = network_of(text)
        if network is None:
            raise BadRowError("an address in it is neither an address nor a network")
        found.append(str(network))
    return tuple(found)


def _name(text: str) -> str:
    return (
        "".join(letter if letter.isprintable() else " " for letter in text).strip()[:NAME_LENGTH]
        or "imported key"
    )


def _metadata(row: Row, *names: str) -> dict[str, str]:
    return {name: _text(row, name)[:_METADATA_LENGTH] for name in names if _text(row, name)}


def _left(row: Row, carried: Carried, *names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the columns that hold something that had an effect there and has none here."""
    left = (name for name in sum(names, ()) if name not in carried.columns)
    return tuple(name for name in left if not _is_empty(row.get(name)))


def _is_empty(value: object) -> bool:
    if isinstance(value, str) and value[:1] in {"{", "["}:
        value = members(value) if value[:1] == "{" and ":" in value else words(value)
    return value in (None, "", "null", "false", "f", False, [], {})
