"""Tickets: what a browser brings back within minutes, such as "the password was right, the code is missing".

A ticket says what it is for, is signed with a key that lives as long as the process, and is worth something only with what
it was bound to: the token that forms of the same visitor carry. Nothing is stored but those that were spent.
"""

import base64
import binascii
import hashlib
import hmac

import msgspec

from keyturn import system
from keyturn.domain.secret import Secret

_KEY_LENGTH, _ID_LENGTH = 32, 16


class Ticket(msgspec.Struct, frozen=True):
    """What a ticket says."""

    id: bytes
    """Random: the challenge of a passkey is made of it."""
    purpose: str
    expires_at: int
    """Milliseconds since 1970 UTC."""
    facts: dict[str, str] = {}


class Tickets:
    """Issues and reads tickets. One for the life of the process."""

    def __init__(self) -> None:
        self._key = system.random_bytes(_KEY_LENGTH)
        self._spent: dict[bytes, int] = {}

    def issue(
        self, purpose: str, holder: str, facts: dict[str, str] | None = None, *, for_ms: int
    ) -> tuple[Ticket, Secret]:
        """Return a new ticket and its text.

        Args:
            purpose: What it is for; it is read for the same purpose only.
            holder: What the visitor's forms carry; it is read with the same only.
            facts: What it says.
            for_ms: How long it is worth something.
        """
        made = system.random_bytes(_ID_LENGTH)
        ticket = Ticket(made, purpose, system.now_ms() + for_ms, facts or {})
        body = msgspec.json.encode(ticket)
        signature = self._sign(body, holder)
        return ticket, Secret(f"{_encode(body)}.{_encode(signature)}")

    def read(self, text: str, purpose: str, holder: str) -> Ticket | None:
        """Return what a ticket says, unless it is another's, for something else, over, spent, or no ticket."""
        body_text, _, signature_text = text.partition(".")
        try:
            body, signature = _decode(body_text), _decode(signature_text)
            if not hmac.compare_digest(signature, self._sign(body, holder)):
                return None
            ticket = msgspec.json.decode(body, type=Ticket)
        except (ValueError, binascii.Error, msgspec.DecodeError):
            return None
        over = ticket.expires_at <= system.now_ms() or ticket.id in self._spent
        return None if over or ticket.purpose != purpose else ticket

    def spend(self, ticket: Ticket) -> bool:
        """Make a ticket worth nothing any more; say whether it was worth something until now."""
        if ticket.id in self._spent:
            return False
        now_ms = system.now_ms()
        self._spent = {one: until for one, until in self._spent.items() if until > now_ms}
        self._spent[ticket.id] = ticket.expires_at
        return True

    def _sign(self, body: bytes, holder: str) -> bytes:
        bound = hashlib.sha256(holder.encode("utf-8", "surrogatepass")).digest()
        return hmac.digest(self._key, bound + body, "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
