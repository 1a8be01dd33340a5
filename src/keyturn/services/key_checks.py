"""Is what is asked of a key sound? Each check answers with the member at fault, as a path such as ``ip[1]``."""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Sequence

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from msgspec import UnsetType

from keyturn import system
from keyturn.domain.key_text import Kind
from keyturn.domain.labels import problem_with_description, problem_with_name
from keyturn.domain.limits import Limit, problem_with
from keyturn.domain.permissions import PRESETS, Permission, Preset
from keyturn.domain.policies import ProjectPolicy
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.restrictions import is_pattern, network_of, origin_of
from keyturn.domain.rights import PLACES
from keyturn.services.issuing import DAY_MS
from keyturn.services.key_terms import Terms
from keyturn.store.keys import StoredKey

LIST_LENGTH = 100
MOST_TAGS = 50
MOST_METADATA = 50
METADATA_NAME_LENGTH = 64
METADATA_VALUE_LENGTH = 500
LONGEST_OVERLAP_HOURS = 30 * 24
LONGEST_ROTATION_DAYS = 3_650
SINK_LENGTH = 1_000

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}")


def refused_by_form(terms: Terms) -> Refused | None:
    """Refuse terms that no key could have."""
    checks: tuple[Callable[[Terms], Refused | None], ...] = (
        _texts,
        _permissions,
        _environment,
        _models,
        _endpoints,
        _addresses,
        _origins,
        _locations,
        _rotation,
        _sealing_key,
        _sink,
        _tags,
        _metadata,
        _limits,
    )
    return next((refused for check in checks if (refused := check(terms)) is not None), None)


def refused_by_kind(key: StoredKey) -> Refused | None:
    """Refuse what the kind of a key rules out; the key is as it would be."""
    match Kind(key.kind):
        case Kind.MANAGEMENT:
            if key.permissions != Permission.ADMIN.value:
                return _bad("A management key always has the permission 'admin'", "permissions")
            if key.recoverable:
                return _bad("The secret of a management key can't be shown again", "recoverable")
        case Kind.PUBLISHABLE:
            if key.permissions != " ".join(PRESETS[Preset.READ_ONLY]):
                return _bad("A publishable key has the permission 'read' and no other", "permissions")
            if not key.origins:
                return _bad("A publishable key needs the origins of the pages it is used from", "origins")
            if key.self_rotation:
                message = "A publishable key is in everybody's hands, so it can't rotate itself"
                return _bad(message, "rotation.self_rotation")
        case Kind.SECRET:
            pass
    return None


def refused_by_time(key: StoredKey, before: StoredKey | None, now_ms: int) -> Refused | None:
    """Refuse a life that ends before it begins; ``before`` is ``None`` for a new key."""
    if before is None and key.expires_at is not None and key.expires_at <= now_ms:
        return _bad("The time is past; a new key must expire in the future", "expires_at")
    moved = before is None or (key.not_before, key.expires_at) != (before.not_before, before.expires_at)
    if key.not_before is None or key.expires_at is None or not moved:
        return None
    if now_ms < key.expires_at <= key.not_before:
        return _bad("The key would expire before it begins to work", "not_before")
    return None


def refused_by_policy(key: StoredKey, before: StoredKey | None, policy: ProjectPolicy) -> Refused | None:
    """Refuse what the project rules out, of what is new; a policy that came later leaves the rest in peace."""
    if before is None or key.expires_at != before.expires_at:
        days = policy.longest_life_days
        latest = None if days is None else key.created_at + days * DAY_MS
        if latest is not None and (key.expires_at is None or key.expires_at > latest):
            message = f"Keys of this project must expire within {days} days of their creation"
            return _bad(message, "expires_at")
    if key.recoverable and not policy.recoverable and (before is None or not before.recoverable):
        return _bad("This project has no keys whose secret can be shown again", "recoverable")
    if key.locations is not None and (before is None or key.locations != before.locations):
        allowed = PLACES if policy.locations is None else frozenset(policy.locations)
        if not frozenset(key.locations.split()) <= allowed:
            message = f"This project takes keys in these places only: {', '.join(sorted(allowed))}"
            return _bad(message, "locations")
    return None


def _texts(terms: Terms) -> Refused | None:
    name, description = terms.name, terms.description
    refused = problem_with_name(name) if isinstance(name, str) else None
    if refused is None and isinstance(description, str):
        refused = problem_with_description(description)
    return refused


def _permissions(terms: Terms) -> Refused | None:
    if terms.permissions == frozenset():
        return _bad("A key needs at least one permission", "permissions")
    return None


def _environment(terms: Terms) -> Refused | None:
    if isinstance(terms.environment, str) and terms.environment and not _WORD.fullmatch(terms.environment):
        return _bad("An environment is one word, such as 'staging'", "environment")
    return None


def _models(terms: Terms) -> Refused | None:
    message = "A model is a name or a pattern such as 'gpt-*': 1 to 200 visible ASCII characters"
    return _each("models", terms.models, lambda text: "" if is_pattern(text) else message)


def _endpoints(terms: Terms) -> Refused | None:
    message = "An endpoint is a path or a pattern such as '/v1/images/*': 1 to 200 visible ASCII characters"
    return _each(
        "endpoints",
        terms.endpoints,
        lambda text: "" if is_pattern(text) and text[0] in "/*" else message,
    )


def _addresses(terms: Terms) -> Refused | None:
    def problem(text: str) -> str:
        if network_of(text) is not None and "%" not in text:  # a zone means nothing on another machine
            return ""
        address, slash, _ = text.partition("/")
        if slash and network_of(address) is not None:
            return "The network has bits set behind its prefix, or its prefix is none; write '203.0.113.0/24'"
        return "This is no address and no network; write '203.0.113.7', '203.0.113.0/24' or '2001:db8::/32'"

    return _each("ip", terms.ip, problem)


def _origins(terms: Terms) -> Refused | None:
    def problem(text: str) -> str:
        origin = origin_of(text)
        if origin is None or set("/?#") & set(text.partition("://")[2].removesuffix("/")):
            return "This is no origin; write 'https://app.example.com' or 'https://*.example.com'"
        label, _, parent = origin.partition("://")[2].partition(".")
        if label == "*" and "." not in parent:
            return "The star would stand for every domain below a top-level domain"
        return ""

    return _each("origins", terms.origins, problem)


def _locations(terms: Terms) -> Refused | None:
    if isinstance(terms.locations, tuple) and not terms.locations:
        return _bad("A key must be allowed somewhere; null leaves it to the project", "locations")
    message = f"A place is one of {', '.join(sorted(PLACES))}"
    return _each("locations", terms.locations, lambda text: "" if text in PLACES else message)


def _rotation(terms: Terms) -> Refused | None:
    days, hours = terms.rotate_every_days, terms.overlap_hours
    if isinstance(days, int) and not 1 <= days <= LONGEST_ROTATION_DAYS:
        return _bad(f"A key rotates every 1 to {LONGEST_ROTATION_DAYS} days", "rotation.every_days")
    if isinstance(hours, int) and not 0 <= hours <= LONGEST_OVERLAP_HOURS:
        message = f"The old secret lives on for 0 to {LONGEST_OVERLAP_HOURS} hours, which are 30 days"
        return _bad(message, "rotation.overlap_hours")
    return None


def _sealing_key(terms: Terms) -> Refused | None:
    if not isinstance(terms.sealing_key, str):
        return None
    try:
        value = base64.b64decode(terms.sealing_key, validate=True)
        # A point of low order would seal for everybody.
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(value))
    except (binascii.Error, ValueError):
        return _bad("A sealing key is an X25519 public key: 32 bytes in base64", "rotation.sealing_key")
    return None


def _sink(terms: Terms) -> Refused | None:
    sink = terms.sink
    if not isinstance(sink, str) or not sink:
        return None
    folder, _, file = sink.rpartition("/")
    if not sink.startswith("/") or not file or file in {".", ".."} or ".." in folder.split("/"):
        return _bad("A sink is the absolute path of a file on the node", "rotation.sink")
    if len(sink) > SINK_LENGTH or not sink.isprintable():
        return _bad(f"A sink is a path of up to {SINK_LENGTH} printable characters", "rotation.sink")
    return None


def _tags(terms: Terms) -> Refused | None:
    if isinstance(terms.tags, tuple) and len(terms.tags) > MOST_TAGS:
        return _bad(f"A key has at most {MOST_TAGS} tags", "tags")
    message = "A tag is up to 63 letters, digits and . _ : / -, and begins with a letter or digit"
    return _each("tags", terms.tags, lambda text: "" if _WORD.fullmatch(text) else message)


def _metadata(terms: Terms) -> Refused | None:
    if not isinstance(terms.metadata, dict):
        return None
    if len(terms.metadata) > MOST_METADATA:
        return _bad(f"Metadata has at most {MOST_METADATA} members", "metadata")
    for name, value in terms.metadata.items():
        if not 1 <= len(name) <= METADATA_NAME_LENGTH or not name.isprintable():
            message = f"The name of metadata is 1 to {METADATA_NAME_LENGTH} printable characters"
            return _bad(message, "metadata")
        if len(value) > METADATA_VALUE_LENGTH:
            message = f"A value of metadata has at most {METADATA_VALUE_LENGTH} characters"
            return _bad(message, f"metadata.{name}")
    return None


def _limits(terms: Terms) -> Refused | None:
    return refused_limits(terms.limits) if isinstance(terms.limits, tuple) else None


def refused_limits(limits: Sequence[Limit]) -> Refused | None:
    """Refuse a list of limits in which one makes no sense."""
    found = problem_with(limits, system.now())
    return None if found is None else _bad(found[1], f"limits{found[0]}")


def _each(
    member: str, texts: Iterable[str] | UnsetType | None, problem: Callable[[str], str]
) -> Refused | None:
    """Refuse a list for its first bad item, or for being too long."""
    if texts is None or isinstance(texts, UnsetType):
        return None
    for place, text in enumerate(texts):
        found = f"A list has at most {LIST_LENGTH} items" if place == LIST_LENGTH else problem(text)
        if found:
            return _bad(found, member if place == LIST_LENGTH else f"{member}[{place}]")
    return None


def _bad(message: str, param: str) -> Refused:
    return Refused(Reason.INVALID_MEMBER, message, param)
