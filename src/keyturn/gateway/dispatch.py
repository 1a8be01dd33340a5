"""Which way a whole request goes: to a model, to the control process, or to an answer of our own."""

from keyturn.dialects import errors
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway import answers, key_notes, paths
from keyturn.gateway.admission import Admission
from keyturn.gateway.attempting import Attempting
from keyturn.gateway.count import CountExchange
from keyturn.gateway.form_exchange import FormExchange, OnceFormExchange
from keyturn.gateway.forward import Forward
from keyturn.gateway.forward_auth import ForwardAuth
from keyturn.gateway.models_list import ModelsList
from keyturn.gateway.once import HEADER, OnceExchange
from keyturn.gateway.paths import OPERATIONS, Operation
from keyturn.gateway.plane import Plane
from keyturn.gateway.realtime import Realtime
from keyturn.gateway.refused import shown, unread
from keyturn.gateway.request import Request

_KINDS: dict[int, type[Admission]] = {
    paths.PASS: Attempting,
    paths.ENGINE: Attempting,
    paths.FORM: FormExchange,
    paths.GENERATE: Attempting,
    paths.COUNT: CountExchange,
    paths.MODELS: ModelsList,
    paths.REALTIME: Realtime,
}
"""What handles a request, by how it is carried."""
_ONCE: dict[int, type[OnceExchange]] = {
    paths.PASS: OnceExchange,
    paths.ENGINE: OnceExchange,
    paths.FORM: OnceFormExchange,
    paths.GENERATE: OnceExchange,
}
"""Calls that are charged, so that they can be made once only."""


class Dispatch:
    """The worker's request handler."""

    def __init__(self, plane: Plane, *, secure: bool) -> None:
        """Take in the worker's state; ``secure`` says whether the port speaks TLS."""
        self._plane = plane
        self._secure = secure

    def handle(self, request: Request) -> None:
        """Answer a request, now or later."""
        plan = request.plan
        if plan is not None:
            Attempting(self._plane, request, plan.operation, b"").start_as_before(plan)
            return
        operation, model = OPERATIONS.get(request.path), b""
        if operation is None:
            operation, model = paths.find(request.path)
            if operation is None:
                Forward(self._plane, request, secure=self._secure).start()
                return
        if operation is paths.MODELS_OPERATION:
            operation = paths.models_for(request.headers)
        if request.method not in operation.methods:
            self._refuse_method(request, operation)
            return
        shape = operation.shape
        if shape in _KINDS:
            kind = _ONCE[shape] if HEADER in request.headers and shape in _ONCE else _KINDS[shape]
            kind(self._plane, request, operation, model).start()
        elif shape == paths.AUTH:
            ForwardAuth(self._plane, request, operation).start()
        else:
            self._answer_health(request, operation)

    def _refuse_method(self, request: Request, operation: Operation) -> None:
        unknown = not operation.methods
        if unknown:
            operation = paths.nowhere(request.path, anthropic=b"anthropic-version" in request.headers)
        exchange = Attempting(self._plane, request, operation, b"")
        if unknown:
            path = shown(request.path.decode("latin-1"))
            exchange.refuse(Refused(Reason.PATH_NOT_FOUND, f"There is nothing at {path}"))
        elif request.method == b"OPTIONS":
            methods = ", ".join([*_names(operation), "OPTIONS"])
            lines = f"allow: {methods}\r\n".encode()
            if b"origin" in request.headers:
                lines += key_notes.preflight_lines(request.headers, methods)
            self._answer(request, answers.empty(204, headers=lines, keep_alive=request.keep_alive))
        else:
            exchange.refuse(Refused(Reason.METHOD_NOT_ALLOWED, allow=", ".join(_names(operation))))

    def _answer_health(self, request: Request, operation: Operation) -> None:
        ready = operation.shape == paths.HEALTH or self._plane.ready
        status, word = (200, b"ok") if ready else (503, b"starting")
        body = b'{"status":"%b"}' % word
        self._answer(request, answers.document(status, body, keep_alive=request.keep_alive))

    @staticmethod
    def _answer(request: Request, answer: bytes) -> None:
        request.client.write(answers.without_body(answer) if request.method == b"HEAD" else answer)
        request.client.finish(request.keep_alive)

    def refuse(self, refused: Refused, path: bytes) -> bytes:
        """Render a refusal that came before there was a request; the connection closes after it."""
        operation = OPERATIONS.get(path) or paths.find(path)[0]
        dialect = errors.of_nowhere(path, anthropic=False) if operation is None else operation.dialect
        request_id = self._plane.next_request_id()
        self._plane.counters.refuse(refused.reason.value)
        status = errors.status_of(dialect, refused)
        self._plane.refusals.note(unread(request_id, refused, status, path))
        return answers.error(
            refused,
            dialect=dialect,
            request_id=request_id,
            keep_alive=False,
            support=self._plane.support,
        )


def _names(operation: Operation) -> list[str]:
    return sorted(method.decode() for method in operation.methods)
