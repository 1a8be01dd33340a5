"""One response of a realtime session: what it takes from the limits of its key, and its own entry in the journal.

A session holds room for its next response before anybody asks for one: who has used up a budget hears it when a response
ends, and not in the middle of the next.
"""

from typing import Protocol

from keyturn import system
from keyturn.dialects import openai_realtime
from keyturn.dialects.calls import Call
from keyturn.domain.refusals import Refused
from keyturn.domain.usage import BYTES_PER_TOKEN, Usage
from keyturn.gateway.booking import CHECKING, STREAMING, Booking
from keyturn.gateway.meter import ESTIMATED, REPORTED
from keyturn.gateway.request import Request
from keyturn.gateway.reservation import Reservation

SERVED = 200
"""What is noted of a response that has begun."""


class Owner(Protocol):
    """The session."""

    def found_room(self, response: "Response") -> None:
        """Go on: there is room for a response."""

    def found_none(self, response: "Response", refused: Refused) -> None:
        """Go without."""


class Response(Reservation):
    """One response.

    Attributes:
        made: Output tokens seen so far, by estimate.
    """

    __slots__ = ("_context_tokens", "_owner", "made")

    def __init__(self, owner: Owner, opening: Booking, context_tokens: int) -> None:
        """Prepare it.

        Args:
            owner: Hears what comes of it.
            opening: What has opened the session; key and route are its as they are now.
            context_tokens: What the conversation has come to.
        """
        whole = Request()
        first = opening.request
        whole.method, whole.path, whole.query, whole.headers = first.method, first.path, b"", {}
        whole.repeated, whole.body, whole.plan, whole.http_10 = None, b"", None, False
        whole.address, whole.client, whole.keep_alive = first.address, first.client, False
        whole.received = system.monotonic()
        super().__init__(opening.plane, whole, opening.operation, b"")
        whole.handling = None  # who hears of the client is the session
        self._owner = owner
        self._context_tokens = context_tokens
        self.key, self.model, self.location = opening.key, opening.model, opening.location
        self.credential, self.route = opening.credential, opening.route
        self.stage, self.meter = CHECKING, None
        self.decided_at = self.sent_at = whole.received
        self.made = 0

    def find_room(self) -> None:
        """Take room for a response of unknown length."""
        self.reserve(Call(self.model, stream=True, output_cap=None))

    def do_without_room(self) -> None:
        """Be counted on no limit: it has happened already, and is to be charged."""
        self.allowance, self._taken, self.admitted_at = None, False, 0.0
        self.cap, self.cost_estimate, self.expected = 0, 0, None
        self.length = self.request_length()
        self.input_estimate = self._context_tokens

    def request_length(self) -> int:
        """Say what the conversation has come to."""
        return self._context_tokens * BYTES_PER_TOKEN

    def reserved(self) -> None:
        """Tell the session."""
        self._owner.found_room(self)

    def say_no(self, refused: Refused, status: int | None = None) -> None:
        """Tell the session."""
        del status
        self._owner.found_none(self, refused)

    def begin(self) -> bool:
        """Note that the provider has begun; ``False`` after a refusal, with what was taken given back."""
        self.request.received = self.decided_at = self.sent_at = system.monotonic()
        self.admitted_at = 0.0
        if not self.note_admitted():
            self.release()
            return False
        self.stage = STREAMING
        self.plane.open_streams += 1
        self.first_byte_at = self.request.received
        return True

    def end(self, usage: Usage | None, outcome: str, status: int = SERVED) -> Usage:
        """Note how it ended, and return what it used; ``usage``: what the provider says, ``None`` for nothing."""
        source = REPORTED
        if usage is None:
            usage, source = Usage(self._context_tokens, self.made), ESTIMATED
        self.settle(status, usage, source, outcome)
        return usage

    def see(self, payload: bytes) -> None:
        """Count what an event of the provider's brings."""
        self.made += openai_realtime.made_by(payload)
