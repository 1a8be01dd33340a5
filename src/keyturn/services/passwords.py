"""Passwords: kept as Argon2id only, judged by their length and by how easily they are guessed, never by composition.

Source: NIST SP 800-63B 5.1.1.2, https://pages.nist.gov/800-63-3/sp800-63b.html
"""

import asyncio
import re
from functools import cached_property

import argon2
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret

SHORTEST, LONGEST = 12, 1_000
"""Characters."""
AT_ONCE = 2
"""Each takes 64 MiB and a core for some 50 ms."""
_FEWEST_DIFFERENT = 5
_LEAST_PART = 4
_LEAST_OWN = SHORTEST // 2
"""Characters that are neither known nor common."""
_SHORTEST_RUN = 3
_WORDS = (
    "password|passwort|motdepasse|contraseña|kennwort|passphrase|secret|letmein|welcome|willkommen|"
    "bienvenue|changeme|administrator|admin|root|user|guest|login|test|default|master|access|hello|"
    "iloveyou|trustno|sunshine|princess|monkey|dragon|shadow|football|baseball|basketball|superman|"
    "batman|starwars|pokemon|michael|jordan|charlie|summer|winter|spring|autumn|computer|internet|"
    "whatever|company|openai|keyturn|qazwsx|1qaz2wsx3edc|zaq12wsx|q1w2e3r4t5y6|1q2w3e4r5t6y"
)
"""What passwords that are found in leaks are mostly made of."""
_ROWS = (
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
)
_RUNS = {
    row[first:end]
    for forth in _ROWS
    for row in (forth, forth[::-1])
    for first in range(len(row))
    for end in range(first + _SHORTEST_RUN, len(row) + 1)
}
_COMMON = re.compile("|".join([_WORDS, *sorted(_RUNS, key=len, reverse=True)]))
_DISGUISED = str.maketrans("@4301!5$7", "aaeoiisst")
"""Digits and signs that stand for a letter."""


class Passwords:
    """Makes and checks hashes, a few at once, in threads: the event loop goes on meanwhile."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher()
        self._room = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: Secret) -> str:
        """Return what is kept of a password."""
        async with self._room:
            return await asyncio.to_thread(self._hasher.hash, password.reveal())

    async def matches(self, kept: str, password: Secret) -> bool:
        """Say whether it is the password; it takes as long when nothing is kept, because nobody is there."""
        async with self._room:
            right = await asyncio.to_thread(self._check, kept, password.reveal())
        return right and bool(kept)

    def outdated(self, kept: str) -> bool:
        """Say whether a hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(kept)

    @cached_property
    def _decoy(self) -> str:
        """What is compared with where nobody is there; it takes as long to make as one comparison."""
        return self._hasher.hash("nobody has this password")

    def _check(self, kept: str, password: str) -> bool:
        decoy = (
            self._decoy
        )  # also where it is not needed: the first comparison of a process tells nothing either
        try:
            return self._hasher.verify(kept or decoy, password)
        except (VerifyMismatchError, InvalidHashError):
            return False


def problem_with(password: Secret, *known: str) -> Refused | None:
    """Refuse a password that is easily guessed.

    Args:
        password: As it was typed.
        known: What whoever guesses knows, such as the person's name and address.
    """
    text = password.reveal()
    plain = text.casefold()
    said = ""
    if len(text) < SHORTEST:
        said = f"A password has at least {SHORTEST} characters; a few words in a row are easily kept in mind"
    elif len(text) > LONGEST:
        said = f"A password has up to {LONGEST} characters"
    elif len(set(plain)) < _FEWEST_DIFFERENT:
        said = "The password repeats itself; take some more different characters"
    elif any(part in plain and len(plain) - len(part) < _LEAST_OWN for part in _parts(known)):
        said = "The password is little more than your name or address"
    elif any(_is_common(one, known) for one in (plain, plain.translate(_DISGUISED))):
        said = "The password is among the first that are guessed; a few words that don't belong together are better"
    return Refused(Reason.INVALID_MEMBER, said, "password") if said else None


def _is_common(plain: str, known: tuple[str, ...]) -> bool:
    """Say whether hardly anything is left of a password without what it is commonly made of."""
    left = plain
    for part in sorted(_parts(known), key=len, reverse=True):
        left = left.replace(part, "")
    own = "".join(_COMMON.sub("", left).split())
    return len(own) < _LEAST_OWN


def _parts(known: tuple[str, ...]) -> set[str]:
    found = set()
    for one in known:
        plain = one.casefold()
        found |= {plain, *plain.replace("@", " ").replace(".", " ").split()}
    return {part for part in found if len(part) >= _LEAST_PART}
