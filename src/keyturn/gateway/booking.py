"""What an exchange notes in the journal: that it was let in, before anything goes upstream, and how it ended."""

from keyturn import system
from keyturn.domain import journal
from keyturn.domain.faults import Fault
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Usage
from keyturn.gateway.admission import Admission
from keyturn.gateway.journal import NAME_LENGTH
from keyturn.gateway.meter import StreamMeter
from keyturn.gateway.plane import Route

CHECKING, WAITING, BUFFERING, STREAMING, OVER = range(5)
"""The stages of the table in ``gateway.exchange``; plain integers, because the hot path compares them."""


class Booking(Admission):
    """An admission with its entries in the journal.

    Attributes:
        stage: How far the exchange has come.
        route: Where the model goes.
        length: Of the request's body, in bytes.
        admitted_at: ``system.monotonic`` when there was room under its key's limits; 0: it has none.
        cap: The most output tokens it may ask for.
        expected: What it will use at most, where that is not text only; ``None``: it is.
        input_estimate: The input tokens that are reserved.
        cost_estimate: The nano-dollars that are reserved.
        sent_at: ``system.monotonic`` when it went upstream.
        first_byte_at: When the head of the answer came; 0 before.
        meter: Reads the usage of a stream.
    """

    __slots__ = (
        "admitted_at",
        "cap",
        "cost_estimate",
        "expected",
        "first_byte_at",
        "input_estimate",
        "length",
        "meter",
        "route",
        "sent_at",
        "stage",
        "started_us",
    )

    stage: int
    route: Route
    length: int
    admitted_at: float
    cap: int
    expected: Usage | None
    input_estimate: int
    cost_estimate: int
    sent_at: float
    first_byte_at: float
    started_us: int
    meter: StreamMeter | None

    def find_priced_route(self) -> Route | None:
        """Find where the model goes, and that it may be sold; ``None`` after a refusal."""
        route = self.find_route()
        if route is not None and not route.priced and self.plane.refuses_unpriced:
            self.refuse(Refused(Reason.MODEL_UNPRICED, param="model"), self.key.id)
            return None
        return route

    def note_admitted(self) -> bool:
        """Note that the request is let in, with its reservation; ``False`` after a refusal."""
        plane, request, route = self.plane, self.request, self.route
        self.started_us = started_us = int((request.received + plane.wall) * 1e6)
        try:
            plane.journal.admitted(
                (
                    journal.ADMITTED,
                    self.request_id,
                    self.key.id,
                    self.model[:NAME_LENGTH],
                    route.target.upstream,
                    self.operation.name,
                    started_us,
                    self.input_estimate,
                    self.cap,
                    self.cost_estimate,
                    request.address,
                )
            )
        except Fault as fault:
            self.refuse(Refused(fault.reason), self.key.id)
            return False
        self.stage = WAITING
        self.first_byte_at = 0.0
        return True

    def settle(self, status: int, usage: Usage, source: str, outcome: str) -> int:
        """Note how it ended; returns the cost in nano-dollars."""
        plane, request, target = self.plane, self.request, self.route.target
        if self.stage == STREAMING:
            plane.open_streams -= 1
        self.stage = OVER
        received = request.received
        total = system.monotonic() - received
        cost = self.route.cost(
            usage.input_tokens,
            usage.output_tokens,
            usage.cached_tokens,
            usage.reasoning_tokens,
            usage.cache_write_tokens,
        )
        if self.expected is not None:
            cost = self.route.cost_of(usage)
        plane.journal.served(
            (
                journal.SERVED,
                self.request_id,
                self.key.id,
                self.model[:NAME_LENGTH],
                target.upstream,
                target.model,
                self.operation.name,
                status,
                self.started_us,
                int((self.decided_at - received) * 1e6),
                int((self.sent_at - received) * 1e6),
                int((self.first_byte_at - received) * 1e6) if self.first_byte_at else 0,
                int(total * 1e6),
                usage.input_tokens,
                usage.output_tokens,
                usage.cached_tokens,
                usage.reasoning_tokens,
                cost,
                self.route.priced,
                source,
                self.meter is not None,
                outcome,
                self.location,
                request.address,
                self.key.secret_id,
                self.route.price_id,
                usage.cache_write_tokens,
                int((self.admitted_at - received) * 1e6) if self.admitted_at else 0,
                usage.images,
                usage.audio_ms,
                usage.characters,
            )
        )
        plane.counters.input_tokens += usage.input_tokens
        plane.counters.output_tokens += usage.output_tokens
        plane.counters.count(self.operation.name, status, total)
        return cost
