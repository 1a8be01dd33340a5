"""The first half of an exchange: which key, may it, which model, where to. Ends in a refusal or in ``admit``."""

from hashlib import sha256
from urllib.parse import unquote_to_bytes

from keyturn import bus, system
from keyturn.dialects import json_scan, openai_calls
from keyturn.dialects.json_scan import Members
from keyturn.domain import key_text
from keyturn.domain.keys import KeyRecord
from keyturn.domain.models import near
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway import answers, gate
from keyturn.gateway.paths import Operation
from keyturn.gateway.plane import TRACE_PATH_LENGTH, Plane, Route
from keyturn.gateway.request import Plan, Request
from keyturn.schemes import body as body_scheme
from keyturn.schemes.presented import Presented
from keyturn.telemetry.redact import redact


class Admission:
    """Checks one request; a subclass says what happens to it when it has passed."""

    __slots__ = (
        "credential",
        "decided_at",
        "digest",
        "gone",
        "key",
        "location",
        "members",
        "model",
        "operation",
        "plane",
        "query",
        "request",
        "request_id",
    )

    key: KeyRecord
    members: Members | None
    decided_at: float

    def __init__(self, plane: Plane, request: Request, operation: Operation, model: bytes) -> None:
        """Take up a request.

        Args:
            plane: The worker's state.
            request: Whole.
            operation: What its path stands for.
            model: The model its path names, percent-encoded; empty where the body names it.
        """
        self.plane = plane
        self.request = request
        self.operation = operation
        self.request_id = plane.next_request_id()
        self.model = unquote_to_bytes(model).decode(errors="replace") if model else ""
        self.query = request.query
        self.members = None
        self.location = "authorization"
        self.credential = self.digest = b""
        self.gone = False
        request.handling = self

    def admitted(self) -> None:
        """Go on: the key may make this call."""
        raise NotImplementedError

    # ── whose key ───────────────────────────────────────────────────────────

    def start(self) -> None:
        """Find the key.

        The common case, a cached key in a lone ``Authorization: Bearer``, is decided here with one hash and one
        look-up; what is cached is well formed. Everything else takes the long way, in the documented order.
        """
        request = self.request
        headers = request.headers
        authorization = headers.get(b"authorization")
        if (
            authorization is not None
            and authorization[:7] == b"Bearer "
            and not request.query
            and request.repeated is None
            and b"x-api-key" not in headers
            and b"api-key" not in headers
            and b"x-goog-api-key" not in headers
            and self.plane.takes_headers
        ):
            self.credential = authorization[7:]
            digest = sha256(self.credential).digest()
            key = self.plane.keys.get(digest)
            if key is not None:
                self.digest = digest
                self._known(key)
                return
        self._find_credential()

    def start_as_before(self, plan: Plan) -> None:
        """Find the key of a request whose head has been seen before."""
        key = self.plane.keys.get(plan.digest)
        if key is not None and self.plane.takes_headers:
            self.credential = plan.credential
            self._known(key)
        else:
            self._find_credential()

    def _find_credential(self) -> None:
        request, locations = self.request, self.plane.locations
        found, self.query = gate.credential(request.headers, request.repeated, request.query, locations)
        if self.query != request.query:
            self.location = "query"  # also of what is refused: its answer must not be stored
        if found is None:
            found = self._credential_in_body()
        if isinstance(found, Refused):
            in_url = len(self.query) != len(request.query)
            self.location = "query" if in_url else found.details.get("location", "")
            self.refuse(found)
            return
        self.location, self.credential = found.location, found.text
        refused = gate.well_formed(found)
        if refused is not None:
            self.refuse(refused)
            return
        secret = sha256(found.text).digest()
        key = self.plane.keys.get(secret)
        if key is not None:
            self._known(key)
        else:
            self.plane.keys.look(secret, self._looked_up, system.monotonic())

    def _credential_in_body(self) -> Presented | Refused:
        missing = Refused(Reason.MISSING_API_KEY)
        if not self.request.body:
            return missing
        members = json_scan.members(self.request.body)
        if isinstance(members, Refused):
            return missing
        self.members = members
        found = body_scheme.read(members)
        if isinstance(found, Presented):
            return gate.permitted(found, self.plane.locations) or found
        return missing

    def _looked_up(self, key: KeyRecord | None, failed: bool) -> None:  # noqa: FBT001 -- the cache's callback
        if self.gone:
            return
        if failed:
            self.refuse(Refused(Reason.AUTH_UNAVAILABLE))
        elif key is None:
            self.refuse(
                Refused(Reason.UNKNOWN_API_KEY, details={"key_id": key_text.reference(self.credential)})
            )
        else:
            self._known(key)

    def _known(self, key: KeyRecord) -> None:
        self.key = key
        self.decided_at = now = system.monotonic()
        refused = gate.decide(key, self.operation.needs, now + self.plane.wall)
        if refused is None:
            self.admitted()
        else:
            self.refuse(refused, key.id)

    # ── what it asks for ────────────────────────────────────────────────────

    def read_body(self) -> Members | None:
        """Cut the body into members and take a credential out of it; ``None`` after a refusal."""
        members = self.members
        if members is None:
            found = json_scan.members(self.request.body)
            if isinstance(found, Refused):
                self.refuse(found, self.key.id)
                return None
            members = found
        if body_scheme.MEMBER in members:
            refused = self._strip_credential(members)
            if refused is not None:
                self.refuse(refused, self.key.id)
                return None
        return members

    def _strip_credential(self, members: Members) -> Refused | None:
        found = body_scheme.read(members)
        if isinstance(found, Refused):
            return found
        if found is not None:
            refused = gate.permitted(found, self.plane.locations) or gate.same(
                found, Presented(self.credential, self.location)
            )
            if refused is not None:
                return refused
        self.request.body = json_scan.remove(self.request.body, members, body_scheme.MEMBER)
        del members[body_scheme.MEMBER]
        return None

    def read_call(self, members: Members) -> openai_calls.Call | None:
        """Read what the gateway acts on; ``None`` after a refusal."""
        call = openai_calls.read(members, self.model)
        if isinstance(call, Refused):
            self.refuse(call, self.key.id)
            return None
        self.model = call.model
        return call

    def find_route(self) -> Route | None:
        """Find where the model goes; ``None`` after a refusal."""
        route = self.plane.routes.get(self.model)
        if route is None:
            close = near(self.model, self.plane.routes)
            meant = f" Did you mean {', '.join(close)}?" if close else ""
            message = f"The model '{redact(self.model[:100])}' does not exist or you do not have access to it.{meant}"
            self.refuse(Refused(Reason.MODEL_NOT_FOUND, message, "model"), self.key.id)
        return route

    # ── no ──────────────────────────────────────────────────────────────────

    def refuse(self, refused: Refused, key_id: str = "") -> None:
        """Answer no, count it and remember it for ``keyturn explain``."""
        plane, request = self.plane, self.request
        reason, status = refused.reason.value, refused.rule.status
        plane.counters.refuse(reason)
        plane.counters.count(self.operation.name, status, system.monotonic() - request.received)
        plane.refusals.append(
            bus.RefusalTrace(
                request_id=self.request_id,
                reason=reason,
                status=status,
                at=system.now(),
                operation=self.operation.name,
                path=redact(request.path[:TRACE_PATH_LENGTH].decode("latin-1")),
                model=redact(self.model[:TRACE_PATH_LENGTH]),  # a key may stand anywhere, by mistake
                key_id=key_id,
                location=self.location,
                address=request.address,
                detail=_detail(refused),
            )
        )
        if not self.gone:
            self.say_no(refused)

    def say_no(self, refused: Refused, status: int | None = None) -> None:
        """Write an error answer."""
        request = self.request
        answer = answers.error(
            refused,
            native=self.operation.native,
            request_id=self.request_id,
            keep_alive=request.keep_alive,
            status=status,
            no_store=self.location == "query",
        )
        request.client.write(answers.without_body(answer) if request.method == b"HEAD" else answer)
        request.client.finish(request.keep_alive)

    # ── what the client does meanwhile ──────────────────────────────────────

    def client_left(self) -> None:
        """Drop the request: nobody waits for the answer."""
        self.gone = True

    def answering(self) -> bool:
        """Nothing has been written yet."""
        return False

    def client_slow(self) -> None:
        """Nothing is being written yet."""

    def client_ready(self) -> None:
        """Nothing is being written yet."""


def _detail(refused: Refused) -> str:
    """Return why, short: the caller's own words may stand in it. Cut twice, so that no half of a key is left over."""
    return redact(refused.details.get("hint", refused.text)[: 2 * TRACE_PATH_LENGTH])[:TRACE_PATH_LENGTH]
