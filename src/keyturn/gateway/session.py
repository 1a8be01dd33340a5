"""A WebSocket from a client through to a provider, and what is charged of it.

Theory. Messages pass whole and as they came, in both directions; only what begins or ends a response is read. There is
no task and no timer for it.

| state   | entered by                                 | left by                                                   |
|---------|--------------------------------------------|-----------------------------------------------------------|
| OPENING | a handshake that may go on                 | the provider's answer, a refusal, a side that leaves      |
| OPEN    | 101, to the client                         | close frames from both sides, a refusal, a side that leaves |
| OVER    | everything settled                         |                                                           |

Where it is ended here, an event says why, then a close frame: 1008 if the client is to blame. See ``gateway.turns``.
"""

from base64 import b64encode
from collections import deque
from collections.abc import Iterable

from keyturn import system
from keyturn.dialects import openai_realtime, websocket
from keyturn.dialects.websocket import CLOSE, TEXT, Message
from keyturn.domain.refusals import Actor, Reason, Refused
from keyturn.domain.usage import NOTHING
from keyturn.gateway import handshake
from keyturn.gateway.duplex import Line
from keyturn.gateway.handshake import Opening
from keyturn.gateway.request import Duplex
from keyturn.gateway.turns import OPEN, OPENING, OVER, Turns

LONGEST_MESSAGE = 32 << 20
CLOSE_S = 5.0
"""How long the other side may take to answer a close frame."""
QUIET_S = 900.0
"""A session in which nobody says anything for so long is over; clients that live send pings."""

_LEFT = "client_left"
_KEY_BYTES, _MASK_BYTES = 16, 4


class Session(Turns):
    """One such connection: a ``Handling``, a ``Receiver`` of what the provider sends and an ``Owner`` of responses."""

    def __init__(self, opening: Opening, client: Duplex) -> None:
        """Take over from a handshake that may go on.

        Args:
            opening: The request.
            client: Its connection.
        """
        super().__init__(opening)
        self._client = client
        self._line: Line | None = None
        self._of_client = websocket.Reader(masked=True, limit=LONGEST_MESSAGE)
        self._of_provider = websocket.Reader(masked=False, limit=LONGEST_MESSAGE)
        self._held: deque[Message] = deque()
        """What the client has sent from a request for a response on that has to wait."""
        self._full = self._client_closed = self._provider_closed = False
        self._seen_at = system.monotonic()

    def begin(self) -> None:
        """Look for room for the first response, then dial."""
        self._arm()

    # ── to the provider ─────────────────────────────────────────────────────

    def _dial(self) -> None:
        opening = self._opening
        key = b64encode(system.random_bytes(_KEY_BYTES))
        pool = opening.route.pool
        self._line = Line(pool.origin.name, handshake.request(opening, key), key, self)
        self._seen_at = system.monotonic()
        self._plane.sessions.add(self)
        self._plane.tasks.spawn(
            self._line.dial(pool.origin, pool.settings), name=f"connect to {pool.origin.name}"
        )

    def line_opened(self, headers: dict[bytes, bytes]) -> None:
        """Answer the client's handshake."""
        opening, client = self._opening, self._client
        self._state = OPEN
        self._seen_at = system.monotonic()
        opening.note_use()
        opening.plane.counters.count(
            opening.operation.name, handshake.SWITCHING, self._seen_at - opening.request.received
        )
        lines = (
            b""
            if self._armed is None or self._armed.allowance is None
            else self._armed.allowance.lines(self._seen_at)
        )
        client.write(handshake.answer(opening, headers, lines))
        client.switch(self.take)

    def line_declined(self, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        """Tell the client what the provider has said."""
        opening = self._opening
        said = handshake.declined(opening, status, headers, body)
        if isinstance(said, bytes):
            if self._note_failure("ok", status):
                self._client.write(said)
                self._client.finish(False)
        elif said.reason is Reason.UPSTREAM_CREDENTIAL:
            if self._note_failure("ok", status):
                opening.say_no(said, status)
        else:
            self._fail_opening(said, said.reason.value, f"it answered the handshake with {status}")

    def line_lost(self, reason: Reason, detail: str) -> None:
        """Tell the client that there is nobody any more."""
        refused = Refused(reason, details={"upstream": self._opening.route.target.upstream})
        if self._state == OPENING:
            self._fail_opening(refused, reason.value, detail)
        elif self._provider_closed:
            self._leave()
        elif self._client_closed:
            self._client.write(websocket.close(websocket.NORMAL))
            self._leave()
        else:
            self._report(reason, detail)
            self._end(refused)

    def _fail_opening(self, refused: Refused, outcome: str, detail: str) -> None:
        self._report(refused.reason, detail)
        if self._note_failure(outcome, refused.rule.status):
            self._plane.counters.refuse(refused.reason.value)
            self._opening.say_no(refused)

    def _note_failure(self, outcome: str, status: int) -> bool:
        """Note a call that the provider has not taken, and be over.

        ``False``: that can't be noted, and the client knows.
        """
        armed, self._armed = self._armed, None
        noted = armed is not None and armed.begin()
        if armed is not None and noted:
            armed.end(NOTHING, outcome, status)
        self._over(outcome)
        return noted

    def _report(self, reason: Reason, detail: str) -> None:
        opening = self._opening
        self._plane.report_failure(opening.request_id, opening.route.target.upstream, reason, detail)

    # ── messages ────────────────────────────────────────────────────────────

    def take(self, data: bytes) -> None:
        """Take what the client sends."""
        if self._state != OPEN or self._client_closed:
            return
        self._seen_at = system.monotonic()
        messages = self._of_client.take(data)
        if self._held:
            self._held.extend(messages)
        else:
            self._pass_on(messages)
        if self._of_client.fault is not None and self._state == OPEN:
            self._cut(*self._of_client.fault, outcome=_LEFT)

    def _pass_on(self, messages: Iterable[Message]) -> None:
        """Send the client's messages on, up to a request for a response that has to wait."""
        waiting = deque(messages)
        passing: list[bytes] = []
        while waiting and not self._client_closed:
            message = waiting[0]
            if message.opcode == TEXT:
                if openai_realtime.read_create(message.payload) is not None and not self._may_create():
                    break
            elif message.opcode == CLOSE:
                self._client_closed = True
            passing.append(message.raw)
            waiting.popleft()
        if self._state != OPEN:
            return
        self._held = waiting
        if passing and self._line is not None:
            self._line.write(b"".join(passing))
        self._pace()
        if self._client_closed:
            self._held.clear()
            if self._provider_closed:
                self._leave()
        elif waiting and self._armed is None and self._arming is None and not self._looking:
            self._arm()

    def _may_create(self) -> bool:
        return self._key_holds() and self._armed is not None

    def _go_on(self) -> None:
        """Send on what was held."""
        if self._state == OPEN and self._held:
            held, self._held = self._held, deque()
            self._pass_on(held)

    def line_data(self, data: bytes) -> None:
        """Take what the provider sends."""
        if self._state != OPEN or self._provider_closed:
            return
        self._seen_at = system.monotonic()
        passing: list[bytes] = []
        for message in self._of_provider.take(data):
            passing.append(message.raw)
            if message.opcode == TEXT:
                self._look_at(message.payload)
            elif message.opcode == CLOSE:
                self._provider_closed = True
                break
        if self._state != OPEN:
            return
        if passing:
            self._client.write(b"".join(passing))
        self._after_data()

    def _after_data(self) -> None:
        if self._provider_closed:
            if self._client_closed:
                self._leave()
        elif self._of_provider.fault is not None:
            self._report(Reason.UPSTREAM_MALFORMED, self._of_provider.fault[1])
            self._end(Refused(Reason.UPSTREAM_MALFORMED))
        elif self._turned:
            self._turned = False
            self._check()

    def _refuse_asked(self, refused: Refused) -> None:
        """Refuse what has asked for a response and waits."""
        if self._held:
            asked = openai_realtime.read_create(self._held.popleft().payload)
            self._client.write(self._error(refused, asked or ""))
            self._plane.leases.soon(self._go_on)
            self._pace()

    # ── the end ─────────────────────────────────────────────────────────────

    def _error(self, refused: Refused, asked: str = "") -> bytes:
        event_id = f"event_{self._plane.next_request_id().removeprefix('req_')}"
        return websocket.frame(TEXT, openai_realtime.error(refused, event_id, answers=asked))

    def _end(self, refused: Refused) -> None:
        """Say why it ends, and end it."""
        if self._state != OPEN:
            return
        self._client.write(self._error(refused))
        code = websocket.POLICY if refused.rule.actor is Actor.CLIENT else websocket.INTERNAL
        self._cut(code, refused.reason.value, outcome=refused.reason.value)

    def _cut(self, code: int, words: str, *, outcome: str) -> None:
        """Close both sides."""
        self._client.write(websocket.close(code, words))
        self._leave(outcome)

    def _leave(self, outcome: str = "") -> None:
        self._hang_up()
        self._over(outcome or (_LEFT if self._client_closed else Reason.UPSTREAM_CLOSED.value))
        self._client.finish(False)

    def _hang_up(self) -> None:
        if self._line is not None:
            mask = system.random_bytes(_MASK_BYTES)
            self._line.close(b"" if self._client_closed else websocket.close(websocket.GOING_AWAY, mask=mask))

    def _over(self, outcome: str) -> None:
        """Settle what has begun and give back the rest."""
        self._plane.sessions.discard(self)
        self._held.clear()
        self._settle_all(outcome)

    def go_away(self) -> None:
        """End: the worker does."""
        if self._state == OPEN:
            self._cut(websocket.GOING_AWAY, "the gateway restarts", outcome=_LEFT)

    def sweep(self) -> None:
        """Let time pass."""
        quiet_s = system.monotonic() - self._seen_at
        if self._state == OPENING:
            if quiet_s > self._opening.route.pool.settings.first_byte_timeout_s:
                self._hang_up()
                self.line_lost(Reason.UPSTREAM_TIMEOUT, f"silent for {quiet_s:.0f} s")
        elif self._client_closed or self._provider_closed:
            if quiet_s > CLOSE_S:
                self._leave()
        elif quiet_s > QUIET_S:
            self._cut(websocket.GOING_AWAY, "nobody has said anything for long", outcome=_LEFT)
        elif self._key_holds():
            self._go_on()

    # ── what the client does meanwhile ──────────────────────────────────────

    def client_left(self) -> None:
        """Tell the provider."""
        self._opening.gone = True
        if self._state != OVER:
            self._hang_up()
            self._over(_LEFT)

    def answering(self) -> bool:
        """Say whether the handshake has been answered."""
        return self._state != OPENING

    def client_slow(self) -> None:
        """Stop reading from the provider."""
        if self._line is not None:
            self._line.pause()

    def client_ready(self) -> None:
        """Read on from the provider."""
        if self._line is not None:
            self._line.resume()

    def line_full(self) -> None:
        """Stop reading from the client."""
        self._full = True
        self._pace()

    def line_free(self) -> None:
        """Read on from the client."""
        self._full = False
        self._pace()

    def _pace(self) -> None:
        if self._full or self._held:
            self._client.pause()
        else:
            self._client.resume()
