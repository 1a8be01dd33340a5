"""The text of a key: mint it, recognise it, show its first characters.

``sk-`` + 26 random base62 (154 bits) + 6 base62 of the CRC-32 over those 26. The checksum refuses
typos and random guesses without a look-up and lets a scanner recognise a leaked key offline.
"""

import hashlib
import re
import zlib
from collections.abc import Callable
from enum import StrEnum

from keyturn.domain import key_hints
from keyturn.domain.base62 import ALPHABET, encode
from keyturn.domain.secret import Secret

RANDOM_LENGTH = 26
CHECKSUM_LENGTH = 6
LENGTH = 3 + RANDOM_LENGTH + CHECKSUM_LENGTH
FOREIGN_MARK = key_hints.FOREIGN_MARK
"""Scanners would take a key of ours that held it for an OpenAI key."""

EXAMPLES = frozenset(
    {
        "sk-000000000000000000000000003vSKjy",
        "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38",
        "sk-Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2Rr4ME6hv",
    }
)
"""Published as test vectors: well formed, and never valid."""

_TEXT = re.compile(r"(sk|pk|ak|ck|cs|tk)-([0-9A-Za-z]{26})([0-9A-Za-z]{6})")

_BEGUN = re.compile(r"(?<![0-9A-Za-z])(?:sk|pk|ak|ck|cs|tk)-([^\s\"'`<>]{8,})")
_RUN = re.compile(r"[0-9A-Za-z_]{17}")
"""No word of a name is so long."""
_MIXTURE = (re.compile(r"[A-Z]"), re.compile(r"[a-z]"), re.compile(r"[0-9]"))


class Kind(StrEnum):
    """What a key is for; the value is what stands in the API."""

    SECRET = "secret"  # noqa: S105 -- the name of a kind
    PUBLISHABLE = "publishable"
    MANAGEMENT = "management"


PREFIXES = {Kind.SECRET: "sk-", Kind.PUBLISHABLE: "pk-", Kind.MANAGEMENT: "ak-"}


def checksum(random_part: str) -> str:
    """Return the six characters that follow ``random_part``."""
    return encode(zlib.crc32(random_part.encode()), CHECKSUM_LENGTH)


def is_well_formed(text: str) -> bool:
    """Say whether ``text`` is a key by its prefix, length, alphabet and checksum."""
    found = _TEXT.fullmatch(text)
    return found is not None and checksum(found[2]) == found[3]


def secret_in(text: str) -> str:
    """Return the first secret in what somebody typed, whatever stands around it; ``""``: there is none.

    It is a key of ours, or begins like one and can't be a name: it has a run of characters that no word has, or
    capital and small letters and digits without a space. What is cut short or mistyped, and other systems' keys with
    our prefix, are found by that.
    """
    ours = (found[0] for found in _TEXT.finditer(text) if checksum(found[2]) == found[3])
    others = (found[0] for found in _BEGUN.finditer(text) if _is_no_name(found[1]))
    return next(ours, "") or next(others, "")


def problem_with(text: str) -> str | None:
    """Say why ``text`` can't be a key that works, without a look-up; never echoes it. ``None``: it may be one."""
    if text in EXAMPLES:
        return key_hints.EXAMPLE
    return None if is_well_formed(text) else key_hints.hint(text, is_well_formed)


def reference(secret: bytes) -> str:
    """Return an opaque stand-in for the id of a key that is not known; can't be turned back."""
    return "key_" + hashlib.sha256(b"keyturn-reference" + secret).hexdigest()[:20]


def mint(kind: Kind, choose: Callable[[str], str]) -> Secret:
    """Make a new secret.

    Args:
        kind: Decides the prefix.
        choose: Draws one character of an alphabet, uniformly and unpredictably (``secrets.choice``).
    """
    while True:
        random_part = "".join(choose(ALPHABET) for _ in range(RANDOM_LENGTH))
        if FOREIGN_MARK not in random_part:
            return Secret(PREFIXES[kind] + random_part + checksum(random_part))


def display(secret: Secret) -> str:
    """Return what may be shown of a secret: its prefix and first four characters, ``sk-AbCd…``."""
    return secret.reveal()[:7] + "…"


def _is_no_name(text: str) -> bool:
    return _RUN.search(text) is not None or all(some.search(text) for some in _MIXTURE)
