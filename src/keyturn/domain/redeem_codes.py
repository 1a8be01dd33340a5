"""Codes that are worth credit: ``KT-7F2KM-QX9TZ-W4RBN-8CVD1``, 100 bits, made to be read out and typed."""

import re
from collections.abc import Callable

from keyturn.domain.secret import Secret

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: without the letters that look like others, 5 bits each."""
PREFIX = "KT"
LENGTH, GROUP = 20, 5
_MISREAD = str.maketrans("OIL", "011")
_BETWEEN = re.compile(r"[\s-]+")
_CODE = re.compile(f"{PREFIX}(?P<random>[{ALPHABET}]{{{LENGTH}}})")


def mint(choose: Callable[[str], str]) -> Secret:
    """Make a code; ``choose`` picks one letter, each as likely as the others."""
    letters = "".join(choose(ALPHABET) for _ in range(LENGTH))
    groups = [letters[start : start + GROUP] for start in range(0, LENGTH, GROUP)]
    return Secret("-".join([PREFIX, *groups]))


def normal(typed: str) -> str | None:
    """Return a code as it is hashed, however somebody typed it; ``None``: it can't be one."""
    found = _CODE.fullmatch(_BETWEEN.sub("", typed.upper()).translate(_MISREAD))
    return None if found is None else found["random"]
