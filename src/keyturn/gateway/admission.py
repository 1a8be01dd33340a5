"""The first half of an exchange: which key, may it, which model, where to. Ends in a refusal or in ``admit``."""

from hashlib import sha256
from urllib.parse import unquote_to_bytes

from keyturn import system
from keyturn.dialects import calls, errors, json_scan, problem
from keyturn.dialects.data_plane import spelled_as_in_lists
from keyturn.dialects.json_scan import Members
from keyturn.domain import anomalies, key_text
from keyturn.domain.decision import Facts, decide, refused_by_model
from keyturn.domain.events import EventKind
from keyturn.domain.journal import Refused as RefusedRecord
from keyturn.domain.keys import ANONYMOUS, KeyRecord
from keyturn.domain.models import near
from keyturn.domain.permissions import Permission
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway import answers, gate, key_notes
from keyturn.gateway.paths import Operation
from keyturn.gateway.plane import Plane
from keyturn.gateway.refused import detail, shown
from keyturn.gateway.request import Plan, Request
from keyturn.gateway.route import Route
from keyturn.schemes import body as body_scheme
from keyturn.schemes.presented import Presented
from keyturn.telemetry.redact import redact

_FAILURES = frozenset({401, 403})
"""Statuses of refused credentials."""
_BAD = frozenset({Reason.UNKNOWN_API_KEY, Reason.MALFORMED_API_KEY})


class Admission:
    """Checks one request; a subclass says what happens to it when it has passed."""

    __slots__ = (
        "credential",
        "decided_at",
        "digest",
        "extra",
        "gone",
        "key",
        "location",
        "members",
        "model",
        "needs",
        "operation",
        "path",
        "plane",
        "query",
        "request",
        "request_id",
    )

    key: KeyRecord
    needs: Permission
    path: str
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
        self.needs = operation.needs
        self.path = ""
        self.request_id = plane.next_request_id()
        self.model = unquote_to_bytes(model).decode(errors="replace") if model else ""
        self.query = request.query
        self.members = None
        self.location = "authorization"
        self.credential = self.digest = self.extra = b""
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
            and b"origin" not in headers
            and b"sec-fetch-site" not in headers
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
        request, places = self.request, self.plane.places
        found, self.query = gate.credential(
            request.headers, request.repeated, request.path, request.query, places
        )
        if self.query != request.query:
            self.location = "query"  # also of what is refused: its answer must not be stored
        if found is None:
            found = self._credential_in_body()
        if isinstance(found, Refused):
            in_url = len(self.query) != len(request.query)
            self.location = "query" if in_url else found.details.get("location", "")
            if found.reason is Reason.MISSING_API_KEY and self.plane.anonymous:
                self._known(ANONYMOUS)
            else:
                self.refuse(found)
            return
        self.location, self.credential = found.location, found.text
        if not gate.is_foreign(found.text, self.plane.foreign_shapes):
            refused = gate.well_formed(found)
            if refused is not None:
                self.refuse(refused)
                return
        secret = sha256(found.text).digest()
        key = self.plane.keys.get(secret)
        now = system.monotonic()
        if key is not None:
            self._identified(key)
        elif self.plane.failures.may_look(request.address, now):
            self.plane.keys.look(secret, self._looked_up, now)
        else:
            wait_s = self.plane.failures.wait_s(request.address, now)
            self.refuse(Refused(Reason.TOO_MANY_FAILURES, retry_after_s=wait_s))

    def _credential_in_body(self) -> Presented | Refused:
        missing = Refused(Reason.MISSING_API_KEY)
        if not self.request.body:
            return missing
        members = json_scan.members(self.request.body)
        if isinstance(members, Refused):
            return missing
        self.members = members
        return self._presented(members)

    def _presented(self, members: Members) -> Presented | Refused:
        found = body_scheme.read(members)
        if isinstance(found, Presented):
            return gate.permitted(found, self.plane.places.accepted) or found
        return Refused(Reason.MISSING_API_KEY)

    def _looked_up(self, key: KeyRecord | None, failed: bool) -> None:  # noqa: FBT001 -- the cache's callback
        if self.gone:
            return
        if failed:
            self.refuse(Refused(Reason.AUTH_UNAVAILABLE))
        elif key is None:
            self.refuse(self._unknown())
        else:
            self._identified(key)

    def _unknown(self) -> Refused:
        return Refused(Reason.UNKNOWN_API_KEY, details={"key_id": key_text.reference(self.credential)})

    def _identified(self, key: KeyRecord) -> None:
        """Go on with a key that did not come as keys usually do, and tell of what is wrong with that."""
        self.key = key
        if self.location == "query":
            self.notice(EventKind.KEY_IN_URL)
        if anomalies.key_in_browser(key.kind, marked=key_notes.from_browser(self.request.headers)):
            self.notice(EventKind.KEY_IN_BROWSER, origin=key_notes.origin_of(self.request.headers)[:200])
        self._known(key)

    def _known(self, key: KeyRecord) -> None:
        self.key = key
        self.decided_at = system.monotonic()
        if (key.plain and self.needs in key.permissions) or self._permitted(key):
            self.admitted()

    def _permitted(self, key: KeyRecord) -> bool:
        """Decide about a key that has something to check, or too few permissions; ``False`` after a refusal."""
        request, plane = self.request, self.plane
        now = self.decided_at + plane.wall
        place = self.location if self.location in {"query", "body"} else "header"
        origin = key_notes.origin_of(request.headers)
        facts = Facts(
            self.needs,
            self.path or spelled_as_in_lists(request.path.decode("latin-1")),
            request.address,
            place,
            origin,
        )
        # Whatever a decoy is used for: whoever has found it must not see that it is known.
        refused = self._unknown() if key.decoy else decide(key, facts, now)
        self.extra = b"" if key.decoy else key_notes.header_lines(key, origin, now)
        if refused is None:
            if key.pending:
                plane.notices.first_use(key.secret_id, now)
            if key.retires_at is not None:
                self.note_use()  # whoever has not changed over can be told
            return True
        kind = key_notes.event_of(key, refused)
        if kind is not None:
            self.notice(kind, reason=refused.reason.value)
        self.refuse(refused, key.id)
        return False

    def note_use(self) -> None:
        """Note that the key was used, apart from what is charged."""
        self.plane.uses.note(self.key, system.now(), location=self.location, address=self.request.address)

    def notice(self, kind: EventKind, **details: str) -> None:
        """Tell the operator of something about this request's key."""
        self.plane.notices.add(
            kind,
            system.now(),
            key_id=self.key.id,
            address=self.request.address,
            request_id=self.request_id,
            **details,
        )

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
        return self._without_credential(members)

    def _without_credential(self, members: Members) -> Members | None:
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
            refused = gate.permitted(found, self.plane.places.accepted) or gate.same(
                found, Presented(self.credential, self.location)
            )
            if refused is not None:
                return refused
        self._remove(members, body_scheme.MEMBER)
        return None

    def _remove(self, members: Members, name: str) -> None:
        self.request.body = json_scan.remove(self.request.body, members, name)
        del members[name]

    def read_call(self, members: Members) -> calls.Call | None:
        """Read what the gateway acts on; ``None`` after a refusal."""
        call = self.operation.read_call(members, self.model)
        if isinstance(call, Refused):
            self.refuse(call, self.key.id)
            return None
        self.model = call.model
        return call

    def find_route(self) -> Route | None:
        """Find where the model goes; ``None`` after a refusal."""
        if self.key.models:
            refused = refused_by_model(self.key, self.model)
            if refused is not None:
                self.refuse(refused, self.key.id)
                return None
        route = self.plane.routes.get(self.model) or self.plane.match(self.model)
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
        if refused.rule.status in _FAILURES:
            refused = self._counted(refused, key_id)
        reason, status = refused.reason.value, errors.status_of(self.operation.dialect, refused)
        plane.counters.refuse(reason)
        plane.counters.count(self.operation.name, status, system.monotonic() - request.received)
        plane.refusals.note(
            RefusedRecord(
                request_id=self.request_id,
                key_id=key_id,
                reason=reason,
                status=status,
                at_us=int(system.now() * 1e6),
                operation=self.operation.name,
                path=shown(request.path.decode("latin-1")),
                model=shown(self.model),
                location=self.location,
                address=request.address,
                detail=detail(refused),
            )
        )
        if not self.gone:
            self.say_no(refused)

    def _counted(self, refused: Refused, key_id: str) -> Refused:
        """Count a failure; where there were too many, the answer is to wait."""
        plane, address = self.plane, self.request.address
        now, wait_s = system.monotonic(), 0
        if refused.reason is Reason.UNKNOWN_API_KEY:
            key_id = ""  # a decoy's: it counts like any guess
        if refused.reason in _BAD and anomalies.guessing(plane.guesses.count(address, self.credential, now)):
            plane.notices.add(
                EventKind.GUESSING, system.now(), key_id="", address=address, request_id=self.request_id
            )
        for who in (address, key_id):
            if who:
                plane.failures.count(who, now)
                wait_s = max(wait_s, plane.failures.wait_s(who, now))
        if not wait_s:
            return refused
        return Refused(
            Reason.TOO_MANY_FAILURES, details={"refused_as": refused.reason.value}, retry_after_s=wait_s
        )

    def say_no(self, refused: Refused, status: int | None = None) -> None:
        """Write an error answer."""
        request = self.request
        answer = answers.error(
            refused,
            dialect=self.operation.dialect,
            request_id=self.request_id,
            keep_alive=request.keep_alive,
            problem=problem.wanted(request.headers.get(b"accept", b"")),
            support=self.plane.support,
            status=status,
            extra=self.extra + answers.NO_STORE if self.location == "query" else self.extra,
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
