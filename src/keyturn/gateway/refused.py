"""Refused requests, kept for whoever asks why: the newest in memory, and in the journal as many as a flood may fill.

A journalled refusal takes some 250 bytes, 1 KiB at the very most, for as long as requests are kept. So that nobody fills
a disk with requests that are refused, each worker journals them from two allowances, one for requests of known keys
and a smaller one for all others: guessing does not push out what the holders of keys will ask about. What is over the
allowance is counted and remembered all the same, in memory and until newer ones push it out.
"""

from collections import deque

from keyturn import system
from keyturn.domain.journal import Refused as RefusedRecord
from keyturn.domain.refusals import Refused
from keyturn.gateway.journal import Journal
from keyturn.telemetry.redact import redact

REMEMBERED = 2_000
BURST = 1_000
KNOWN_PER_S, UNKNOWN_PER_S = 5.0, 2.0
"""What the allowances come to over a longer time: 600,000 refusals a day and worker, both together."""
SHOWN_LENGTH, DETAIL_LENGTH = 200, 400
"""Bytes in UTF-8."""

_NO_NEWS = frozenset({"key_id", "hint", "reason"})
"""Details that stand elsewhere in the record, or in its text."""


class Allowance:
    """So many at once, and so many a second after that."""

    def __init__(self, burst: int, per_s: float, now: float) -> None:
        """Begin with all of ``burst``; ``now`` in seconds, on any clock that goes forward."""
        self._burst = float(burst)
        self._per_s = per_s
        self._left = self._burst
        self._since = now

    def take(self, now: float) -> bool:
        """Take one, if there is one."""
        self._left = min(self._burst, self._left + (now - self._since) * self._per_s)
        self._since = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Refusals:
    """What one worker has refused."""

    def __init__(self, journal: Journal) -> None:
        """Take in where refusals are written down."""
        self._journal = journal
        self._remembered: deque[RefusedRecord] = deque(maxlen=REMEMBERED)
        now = system.monotonic()
        self._known = Allowance(BURST, KNOWN_PER_S, now)
        self._unknown = Allowance(BURST, UNKNOWN_PER_S, now)

    def note(self, record: RefusedRecord) -> None:
        """Remember a refusal, and journal it if the allowance lets it."""
        self._remembered.append(record)
        allowance = self._known if record.key_id else self._unknown
        if allowance.take(system.monotonic()):
            self._journal.note(record)

    def find(self, request_id: str) -> RefusedRecord | None:
        """Return what is remembered of a refused request."""
        return next((one for one in self._remembered if one.request_id == request_id), None)


def unread(request_id: str, refused: Refused, status: int, path: bytes) -> RefusedRecord:
    """Return the record of a refusal that came before there was a request: nothing is known but its path, perhaps."""
    return RefusedRecord(
        request_id=request_id,
        key_id="",
        reason=refused.reason.value,
        status=status,
        at_us=int(system.now() * 1e6),
        operation="unknown",
        path=shown(path.decode("latin-1")),
        model="",
        location="",
        address="",
        detail=detail(refused),
    )


def shown(text: str) -> str:
    """Cut text that a client sent, without what looks like a key: one may stand anywhere, by mistake."""
    return _cut(text, SHOWN_LENGTH)


def detail(refused: Refused) -> str:
    """Say why, short, with what it ran into, such as the list that a model is not on.

    The caller's own words may stand in it.
    """
    facts = [f"{name}: {text}" for name, text in refused.details.items() if name not in _NO_NEWS]
    words = refused.details.get("hint", refused.text)
    whole = f"{words} ({', '.join(facts)})" if facts else words
    return _cut(whole, DETAIL_LENGTH)


def _cut(text: str, length: int) -> str:
    """Cut text twice, so that no half of a key is left over."""
    return redact(text[: 2 * length]).encode(errors="replace")[:length].decode(errors="ignore")
