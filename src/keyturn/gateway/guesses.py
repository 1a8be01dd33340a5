"""Bad keys by who sent them: one that is sent again and again is a program set up wrongly, different ones are guesses."""

from keyturn.domain.anomalies import GUESSES, GUESSING_S

TRACKED = 5_000
"""Addresses remembered at once; the oldest gives way. Some 1 KiB each at most."""


class Guesses:
    """What one worker has seen."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[int, float]] = {}

    def count(self, address: str, credential: bytes, now: float) -> int:
        """Note a bad key; return how many different ones came from there lately, if this one is new.

        Once there were ``GUESSES`` of them, it is 0 until some are ``GUESSING_S`` old.

        Args:
            address: The client's.
            credential: What was sent; not kept, only a number made of it.
            now: Seconds on any clock that goes forward.
        """
        seen = self._seen.pop(address, {})
        if len(self._seen) >= TRACKED:
            del self._seen[next(iter(self._seen))]
        self._seen[address] = seen
        number = hash(credential)
        if number in seen:
            return 0
        for old in [one for one, at in seen.items() if now - at >= GUESSING_S]:
            del seen[old]
        if len(seen) >= GUESSES:
            return 0
        seen[number] = now
        return len(seen)
