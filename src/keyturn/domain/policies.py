"""What a project asks of its keys."""

import msgspec


class ProjectPolicy(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Rules for all keys of a project; ``None`` leaves it to the node or to the key."""

    locations: tuple[str, ...] | None = None
    """Where keys may be presented: any of ``header``, ``query``, ``body``."""
    longest_life_days: int | None = None
    """A key must expire within this many days of its creation."""
    unused_days: int | None = None
    """A key that nobody has used for so long is disabled."""
    recoverable: bool = True
    """Keys may be created that can be shown again."""
    rotate_every_days: int | None = None
    """What new keys start with."""
    store_bodies: bool = False
    """What is asked with its keys, and what is answered, is kept as long as the request log."""


NO_POLICY = "{}"
PLACES = ("header", "query", "body")
"""Where a key can be presented."""
MOST_DAYS = 3_650
"""The longest span that a policy may name: ten years."""
_decoder = msgspec.json.Decoder(ProjectPolicy)


def read_policy(text: str) -> ProjectPolicy:
    """Return a policy from the JSON it is kept as."""
    return _decoder.decode(text)


def problem_with(policy: ProjectPolicy) -> tuple[str, str] | None:
    """Return the member of a policy that makes no sense, as a path inside it, and why; ``None``: all do."""
    if policy.locations is not None:
        if not policy.locations:
            return (
                "locations",
                "Name at least one of header, query, body, or null for all that the node takes",
            )
        for number, place in enumerate(policy.locations):
            if place not in PLACES or place in policy.locations[:number]:
                return f"locations[{number}]", "Each place is one of header, query, body, and named once"
    spans = (
        ("longest_life_days", policy.longest_life_days),
        ("unused_days", policy.unused_days),
        ("rotate_every_days", policy.rotate_every_days),
    )
    for member, days in spans:
        if days is not None and not 1 <= days <= MOST_DAYS:
            return member, f"A number of days is 1 to {MOST_DAYS}, or null"
    return None


def write_policy(policy: ProjectPolicy) -> str:
    """Return a policy as the JSON it is kept as; what it leaves open is left out."""
    return msgspec.json.encode(policy).decode()
