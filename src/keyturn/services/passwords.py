"""Passwords: kept as Argon2id only, judged by their length and by how easily they are guessed, never by composition.

Source: NIST SP 800-63B 5.1.1.2, https://pages.nist.gov/800-63-3/sp800-63b.html
"""

import asyncio
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
    elif any(part in plain and len(plain) - len(part) < SHORTEST // 2 for part in _parts(known)):
        said = "The password is little more than your name or address"
    return Refused(Reason.INVALID_MEMBER, said, "password") if said else None


def _parts(known: tuple[str, ...]) -> set[str]:
    found = set()
    for one in known:
        plain = one.casefold()
        found |= {plain, *plain.replace("@", " ").replace(".", " ").split()}
    return {part for part in found if len(part) >= _LEAST_PART}
