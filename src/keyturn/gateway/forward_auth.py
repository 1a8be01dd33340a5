"""``/auth``: a proxy asks whether a request to somebody else's API may pass (nginx ``auth_request``, Traefik, Caddy, Envoy).

The proxy hands on the client's credential headers and says in headers of its own which request it is about. The answer is
200 with the identity of the key in headers, 401 or 403; proxies take anything else for a failure, so a malformed credential
is a 401 here. What a key is asked for is ``?permission=``, by default ``read``; its list of endpoints is matched
against the path of the request in question.
"""

import re
from urllib.parse import parse_qs, quote

from keyturn import system
from keyturn.domain.permissions import Permission
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.restrictions import path_meant
from keyturn.gateway import answers
from keyturn.gateway.admission import Admission
from keyturn.gateway.paths import AUTH_PREFIX, Operation
from keyturn.gateway.plane import Plane
from keyturn.gateway.request import Request

TARGET_HEADERS = (b"x-forwarded-uri", b"x-original-uri", b"x-original-url")
"""Path and query of the request in question: Traefik and Caddy, nginx by custom, the nginx ingress for Kubernetes."""

_TARGET = re.compile(rb"(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?]*)?([^?]*)\??(.*)", re.DOTALL)

_STATUSES = {400: 401, 404: 403, 429: 403}


class ForwardAuth(Admission):
    """One such question."""

    __slots__ = ("_refused",)

    def __init__(self, plane: Plane, request: Request, operation: Operation) -> None:
        super().__init__(plane, request, operation, b"")
        self._refused: Refused | None = None
        own = request.path + b"/" == AUTH_PREFIX  # behind a prefix the query is the client's
        asked = parse_qs(request.query.decode("latin-1") if own else "").get("permission", ["read"])
        try:
            self.needs = Permission(asked[0])
        except ValueError:
            allowed = ", ".join(Permission)
            self._refused = Refused(Reason.INVALID_MEMBER, f"'permission' is one of {allowed}", "permission")
        target = _target(request)
        if isinstance(target, Refused):
            self._refused = target
        else:
            self.path, request.query = target

    def start(self) -> None:
        """Answer, after the same checks as for a model."""
        if self._refused is not None:
            self.refuse(self._refused)
        else:
            super().start()

    def admitted(self) -> None:
        """Say who it is."""
        self.note_use()
        key, request = self.key, self.request
        identity = {
            "key-id": key.id,
            "key-name": quote(key.name, safe=" "),
            "account-id": key.account_id,
            "project-id": key.project_id,
            "user-id": key.user_id,
            "environment": key.environment,
            "permissions": " ".join(sorted(key.permissions)),
        }
        lines = "".join(f"x-keyturn-{name}: {value}\r\n" for name, value in identity.items())
        headers = (
            f"x-request-id: {self.request_id}\r\n{lines}cache-control: no-store\r\n".encode() + self.extra
        )
        answer = answers.document(200, b'{"success":true}', headers=headers, keep_alive=request.keep_alive)
        self.plane.counters.count(self.operation.name, 200, system.monotonic() - request.received)
        request.client.write(answers.without_body(answer) if request.method == b"HEAD" else answer)
        request.client.finish(request.keep_alive)

    def say_no(self, refused: Refused, status: int | None = None) -> None:
        """Answer with a status that proxies understand."""
        super().say_no(refused, status or _STATUSES.get(refused.rule.status))


def _target(request: Request) -> tuple[str, bytes] | Refused:
    """Return path and query of the request in question; without a header, what follows ``/auth``.

    A proxy sets one of the headers and may pass on the others as the client sent them, so they must not contradict.
    """
    said = [value for name in TARGET_HEADERS if (value := request.headers.get(name)) is not None]
    if request.path.startswith(AUTH_PREFIX):
        said.append(request.path[len(AUTH_PREFIX) - 1 :] + b"?" + request.query)
    targets = {_split(value) for value in said}
    if len(targets) > 1 or any(b" " in value for value in said):  # repeated lines were joined with a space
        message = "The request in question is named twice, and not alike; let the proxy drop what clients say"
        return Refused(Reason.MALFORMED_REQUEST, message)
    return targets.pop() if targets else ("/", b"")


def _split(target: bytes) -> tuple[str, bytes]:
    found = _TARGET.fullmatch(target)
    path, query = found.groups() if found is not None else (b"", b"")
    return path_meant(path.decode("latin-1") or "/"), query
