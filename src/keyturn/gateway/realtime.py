"""``GET /v1/realtime``: the handshake of a WebSocket, checked like any call; what comes after it is a session's."""

from urllib.parse import unquote_plus

from keyturn.dialects import websocket
from keyturn.dialects.calls import Call
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway.handshake import Opening
from keyturn.gateway.request import Switching
from keyturn.gateway.session import Session

_OFFER = b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
_MODEL = "model"


class Realtime(Opening):
    """One such request."""

    __slots__ = ()

    def start(self) -> None:
        """See that it is a handshake, then find the key."""
        request = self.request
        headers = request.headers
        version = headers.get(b"sec-websocket-version", b"").strip()
        if not isinstance(request, Switching) or version != websocket.VERSION:
            self.extra = _OFFER
            self.refuse(Refused(Reason.UPGRADE_REQUIRED))
        elif not websocket.is_key(headers.get(b"sec-websocket-key", b"").strip()):
            message = "The handshake of a WebSocket carries sixteen bytes in base64 as Sec-WebSocket-Key"
            self.refuse(Refused(Reason.MALFORMED_REQUEST, message))
        else:
            self._find_credential()

    def admitted(self) -> None:
        """Find the provider and begin a session."""
        request = self.request
        if not self._read_query():
            return
        call = Call(self.model, stream=True, output_cap=None)
        route = self.find_priced_route(call)
        routes = () if route is None else self.in_order(route, call)
        if not routes:
            return
        ways = [(one, one.way(self.operation, stream=False)) for one in routes]
        route, way = next((found for found in ways if found[1] is not None), ways[0])
        if way is None:
            title = route.state.who.title
            message = (
                f"The model '{self.model}' can't be used here: {title}, which runs it, has no realtime API"
            )
            self.refuse(Refused(Reason.INVALID_MEMBER, message, _MODEL), self.key.id)
            return
        self.route, self.way = route, way
        assert isinstance(request, Switching)  # noqa: S101 -- seen at the start
        session = Session(self, request.client)
        request.handling = session
        session.begin()

    def _read_query(self) -> bool:
        """Find the model; ``False`` after a refusal."""
        named: list[str] = []
        self.rest = []
        for part in self.query.split(b"&"):
            name, _, value = part.decode("latin-1").partition("=")
            if unquote_plus(name) == _MODEL:
                named.append(unquote_plus(value))
            elif part:
                self.rest.append(part)
        if len(named) > 1:
            refused = Refused(Reason.DUPLICATE_MEMBER, "The query names the model twice", _MODEL)
        elif not named or not named[0]:
            message = "You must name the model in the query: /v1/realtime?model=…"
            refused = Refused(Reason.INVALID_MEMBER, message, _MODEL)
        else:
            self.model = named[0]
            return True
        self.refuse(refused, self.key.id)
        return False
