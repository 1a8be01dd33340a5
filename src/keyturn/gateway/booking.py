"""What an exchange notes in the journal: that it was let in, before anything goes upstream, and how it ended."""

from collections.abc import Sequence

from keyturn import system
from keyturn.dialects.calls import Call
from keyturn.domain import journal
from keyturn.domain.faults import Fault
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.routing import Asked
from keyturn.domain.usage import Usage, tokens_in
from keyturn.gateway.admission import Admission
from keyturn.gateway.journal import NAME_LENGTH
from keyturn.gateway.meter import StreamMeter
from keyturn.gateway.route import Route

CHECKING, WAITING, BUFFERING, STREAMING, OVER = range(5)
"""The stages of the table in ``gateway.exchange``; plain integers, because the hot path compares them."""


class Booking(Admission):
    """An admission with its entries in the journal.

    Attributes:
        stage: How far the exchange has come.
        route: Where the model goes.
        body: What goes to the provider.
        length: Of that, in bytes.
        admitted_at: ``system.monotonic`` when there was room under its key's limits; 0: it has none.
        cap: The most output tokens it may ask for.
        expected: What it will use at most, where that is not text only; ``None``: it is.
        input_estimate: The input tokens that are reserved.
        cost_estimate: The nano-dollars that are reserved.
        sent_at: ``system.monotonic`` when it went upstream.
        trail: The attempts, as in ``journal.Served``.
        first_byte_at: When the head of the answer came; 0 before.
        meter: Reads the usage of a stream.
    """

    __slots__ = (
        "admitted_at",
        "body",
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
        "trail",
    )

    stage: int
    route: Route
    body: bytes
    length: int
    admitted_at: float
    cap: int
    expected: Usage | None
    input_estimate: int
    cost_estimate: int
    sent_at: float
    first_byte_at: float
    started_us: int
    trail: str
    meter: StreamMeter | None

    def find_priced_route(self, _call: Call) -> Route | None:
        """Find where the model goes, and that it may be sold; ``None`` after a refusal."""
        route = self.find_route()
        if (
            route is not None
            and not route.priced
            and self.plane.refuses_unpriced
            and not any(one.priced for one in route.among)
        ):
            self.refuse(Refused(Reason.MODEL_UNPRICED, param="model"), self.key.id)
            return None
        return route

    def in_order(self, route: Route, call: Call) -> Sequence[Route]:
        """Return the targets of a model that take a call, who is asked first first; empty after a refusal."""
        among = route.among
        if not among:
            return (route,)
        key, plane = self.key, self.plane
        asked = Asked(
            call.stream,
            self.operation.name,
            tokens_in(len(self.request.body)),
            key.project_id,
            key.environment,
        )
        order = plane.routing.order([one.target for one in among], [one.standing for one in among], asked)
        routes = [among[place] for place in order if among[place].priced or not plane.refuses_unpriced]
        if not routes:
            message = f"No target of the model '{self.model[:100]}' takes this request"
            self.refuse(Refused(Reason.MODEL_NOT_FOUND, message, "model"), key.id)
        return routes

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
        self.trail = ""
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
        record: tuple[object, ...] = (
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
        plane.journal.served((*record, self.trail) if self.trail else record)
        plane.counters.input_tokens += usage.input_tokens
        plane.counters.output_tokens += usage.output_tokens
        plane.counters.count(self.operation.name, status, total)
        return cost
