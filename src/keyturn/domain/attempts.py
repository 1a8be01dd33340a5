"""Calls of models that may be sent again: what names the first attempt, and what its end means for the next.

A caller who does not know what became of a call sends it again with the same ``Idempotency-Key``. The first attempt
holds that name from before it goes to a provider until it is known that nothing came of it, or for a day.
"""

from enum import StrEnum
from hashlib import sha256

import msgspec

from keyturn.domain.journal import Served
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Source

KEPT_MS = 24 * 3_600_000
"""How long an attempt holds its name, and its answer is given again."""
LONGEST_KEY = 255
LONGEST_ANSWER = 1 << 20
"""Bytes of an answer with its head: a longer one is not kept."""


class Fate(StrEnum):
    """What has become of an attempt that went to a provider. One that came to nothing has none: it is forgotten."""

    UNDER_WAY = ""
    SERVED = "served"
    """It was answered and charged."""
    BROKEN = "broken"
    """It was charged, and the client never got a whole answer."""
    UNKNOWN = "unknown"
    """Its worker died, and it was charged what was reserved."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """An answer as the client of the first attempt got it."""

    status: int
    lines: bytes
    """The provider's header lines, each with its end; nothing that is true of one request only."""
    body: bytes
    """Without framing."""


def is_idempotency_key(text: str) -> bool:
    """Say whether a text can name an attempt."""
    return 1 <= len(text) <= LONGEST_KEY and all("!" <= letter <= "~" for letter in text)


def attempt_id(key_id: str, path: bytes, name: str) -> bytes:
    """Return what stands for a name that a key's holder has chosen for a call of a path; 32 bytes."""
    return sha256(b"\0".join((key_id.encode(), path, name.encode()))).digest()


def fingerprint(query: bytes, body: bytes) -> bytes:
    """Return what is the same for the same request only; 32 bytes. Neither part may hold a credential."""
    return sha256(query + b"\n" + body).digest()


def fate_of(ended: Served) -> Fate | None:
    """Return what an attempt's last record says of it; ``None``: nothing was charged, so that it may be made anew."""
    if ended.source == Source.RECOVERED:
        return Fate.UNKNOWN
    if ended.outcome == "ok" and ended.status < 400:
        return Fate.SERVED
    units = ended.images or ended.audio_ms or ended.characters
    if ended.input_tokens or ended.output_tokens or units or ended.cost_nano_usd:
        return Fate.BROKEN
    return None


_WHY = {
    Fate.SERVED: "was served and charged, and its answer is not kept: it is too long, or made room for others",
    Fate.BROKEN: "broke off after it had begun, and was charged for what had come",
    Fate.UNKNOWN: "was cut short when the gateway failed, so its outcome is not known; it was charged what was reserved",
}


def not_again(fate: Fate, request_id: str) -> Refused:
    """Say why a call is neither made again nor answered.

    Args:
        fate: Of the first attempt; not ``UNDER_WAY`` for ever.
        request_id: The first attempt's.
    """
    if fate is Fate.UNDER_WAY:
        return Refused(Reason.IDEMPOTENCY_IN_FLIGHT)
    message = (
        f"The first request with this Idempotency-Key ({request_id}) {_WHY[fate]}. "
        "It is not made a second time under this Idempotency-Key; use another one to ask anew"
    )
    return Refused(Reason.CONFLICT, message, details={"first_request_id": request_id, "outcome": fate.value})
