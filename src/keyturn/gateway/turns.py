"""What the responses of a realtime session take from the limits of its key, and whether the key still holds.

| a response   | then                                                                                             |
|--------------|--------------------------------------------------------------------------------------------------|
| may come     | room for it is held (``_armed``), from the handshake on and again from the end of each response  |
| is asked for | the request waits until the key is known to hold and there is room; over a rate it is refused    |
| begins       | it is noted, with the room that was held; without any, room is sought while it runs              |
| ends         | what the provider says it used is charged, and room for the next one is looked for               |

A used-up budget, credit or quota ends the session, as does a key that does not hold any more. A rate only refuses what is
asked for.
"""

from hashlib import sha256

from keyturn import system
from keyturn.dialects import openai_realtime
from keyturn.dialects.openai_realtime import Turn
from keyturn.domain.decision import Facts, decide, refused_by_model
from keyturn.domain.keys import KeyRecord
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway import key_notes
from keyturn.gateway.handshake import Opening
from keyturn.gateway.response import Response
from keyturn.gateway.route import Route

OPENING, OPEN, OVER = range(3)


class Turns:
    """The responses of one session: an ``Owner`` of them."""

    def __init__(self, opening: Opening) -> None:
        """Begin with the request that opens it."""
        self._opening = opening
        self._plane = opening.plane
        self._digest = sha256(opening.credential).digest() if opening.credential else b""
        self._state = OPENING
        self._armed: Response | None = None
        self._arming: Response | None = None
        self._running: dict[str, Response] = {}
        self._unbooked: dict[str, Turn | None] = {}
        """Responses that began without room, with their end if it has come."""
        self._context_tokens = 0
        self._looking = self._turned = False

    # ── the session's side ──────────────────────────────────────────────────

    def _dial(self) -> None:
        """Go on with the handshake: there is room."""
        raise NotImplementedError

    def _go_on(self) -> None:
        """Try again what had to wait."""
        raise NotImplementedError

    def _refuse_asked(self, refused: Refused) -> None:
        """Refuse what has asked for a response and waits."""
        raise NotImplementedError

    def _end(self, refused: Refused) -> None:
        """Say why it ends, and end it."""
        raise NotImplementedError

    # ── responses ───────────────────────────────────────────────────────────

    def _look_at(self, payload: bytes) -> None:
        turn = openai_realtime.read_turn(payload)
        if turn is None:
            if self._running:
                self._running[next(reversed(self._running))].see(payload)
            return
        self._turned = True
        name = turn.response_id
        if name in self._running and turn.ended:
            self._ended(self._running.pop(name), turn)
        elif name in self._unbooked or self._armed is None:
            self._unbooked[name] = turn if turn.ended else None
        else:
            armed, self._armed = self._armed, None
            self._begun(name, armed, turn)

    def _begun(self, name: str, response: Response, turn: Turn | None) -> None:
        """Note a response for which there is room, and its end if that has come."""
        if response.begin():
            if turn is not None and turn.ended:
                self._ended(response, turn)
            else:
                self._running[name] = response

    def _ended(self, response: Response, turn: Turn) -> None:
        used = response.end(turn.usage, "ok")
        self._context_tokens = used.input_tokens + used.output_tokens

    def _check(self) -> None:
        """See that the key holds, and that there is room for what has begun or may come."""
        if self._key_holds() and self._armed is None and (self._unbooked or not self._running):
            self._arm()

    def _arm(self) -> None:
        if self._arming is not None:
            return
        opening = self._opening
        opening.route = self._route_now()
        self._arming = response = Response(self, opening, self._context_tokens)
        if self._state == OPENING:
            response.request_id = opening.request_id
        response.find_room()

    def _route_now(self) -> Route:
        """Return where the session goes, at the price of now."""
        route, model = self._opening.route, self._opening.model
        now = self._plane.routes.get(model) or self._plane.match(model)
        among = () if now is None else now.among or (now,)
        return next(
            (one for one in among if one.pool is route.pool and one.target.model == route.target.model), route
        )

    def found_room(self, response: Response) -> None:
        """Hold it, or give it to what has begun without."""
        self._arming = None
        if self._state == OVER:
            response.release()
        elif self._state == OPENING:
            self._armed = response
            self._dial()
        elif self._unbooked:
            name = next(iter(self._unbooked))
            self._begun(name, response, self._unbooked.pop(name))
            self._plane.leases.soon(self._again)
        else:
            self._armed = response
            self._go_on()

    def _again(self) -> None:
        if self._state == OPEN:
            self._check()
            self._go_on()

    def found_none(self, response: Response, refused: Refused) -> None:
        """End the session, or refuse what was asked for over a rate."""
        if self._arming is response:
            self._arming = None
        opening = self._opening
        if self._state == OPENING:
            opening.extra += response.extra
            self._settle_all(refused.reason.value)
            if not opening.gone:
                opening.say_no(refused)
        elif self._state == OPEN:
            if refused.reason is not Reason.RATE_LIMIT_EXCEEDED or self._unbooked:
                self._end(refused)
            else:
                self._refuse_asked(refused)

    # ── whose key ───────────────────────────────────────────────────────────

    def _key_holds(self) -> bool:
        """Say whether the key may go on; if that is not known now, it is asked."""
        if not self._digest:
            return True
        known = self._plane.keys.get(self._digest)
        if known is self._opening.key:
            return True
        if known is not None:
            return self._judge(known)
        if not self._looking:
            self._looking = True
            self._plane.keys.look(self._digest, self._looked, system.monotonic())
        return False

    def _looked(self, key: KeyRecord | None, failed: bool) -> None:  # noqa: FBT001 -- the cache's callback
        self._looking = False
        if self._state != OPEN or failed:  # the next sweep asks again
            return
        if key is None:
            self._refuse(Refused(Reason.UNKNOWN_API_KEY))
        elif self._judge(key):
            self._again()

    def _judge(self, key: KeyRecord) -> bool:
        """Take up a key as it is now; ``False`` after the end of the session."""
        opening, request = self._opening, self._opening.request
        place = "query" if opening.location == "query" else "header"
        path = request.path.decode("latin-1")
        facts = Facts(opening.needs, path, request.address, place, key_notes.origin_of(request.headers))
        refused = decide(key, facts, system.now()) or (
            refused_by_model(key, opening.model) if key.models else None
        )
        if refused is not None:
            self._refuse(refused)
            return False
        opening.key = key
        return True

    def _refuse(self, refused: Refused) -> None:
        """Note that a key does not hold any more, and end the session."""
        Response(self, self._opening, 0).refuse(refused, self._opening.key.id)

    def _settle_all(self, outcome: str) -> None:
        """Settle what has begun and give back the rest."""
        self._state = OVER
        armed, self._armed = self._armed, None
        if armed is not None:
            armed.release()
        if self._arming is not None:
            self._arming.gone = True
        for response in self._running.values():
            response.end(None, outcome)
        self._running.clear()
        for turn in self._unbooked.values():
            response = Response(self, self._opening, self._context_tokens)
            response.do_without_room()
            if response.begin():
                response.end(None if turn is None else turn.usage, outcome)
        self._unbooked.clear()
