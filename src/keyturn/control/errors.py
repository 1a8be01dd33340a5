"""Every answer of the management API that says no: one shape, from one table."""

from typing import Any, NoReturn, TypeVar

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.types import ExceptionHandlersMap
from sqlalchemy.exc import SQLAlchemyError

from keyturn.control.choices import explained
from keyturn.control.door import visit_of
from keyturn.dialects import errors, problem
from keyturn.dialects.errors import Dialect
from keyturn.dialects.help import NO_HELP, Help
from keyturn.domain.faults import Fault
from keyturn.domain.refusals import Reason, Refused
from keyturn.telemetry.redact import redact

T = TypeVar("T")
AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


class RefusedError(Exception):
    """Carries a refusal out of a handler; the application's edge turns it into the answer."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason.value)
        self.refused = refused


def refuse(reason: Reason, message: str = "", param: str | None = None) -> NoReturn:
    """End the request with a refusal.

    Raises:
        RefusedError: Always.
    """
    raise RefusedError(Refused(reason, message, param))


def granted(result: T | Refused) -> T:
    """Return what a use case gave, unless it is a refusal.

    Raises:
        RefusedError: It is.
    """
    if isinstance(result, Refused):
        raise RefusedError(result)
    return result


def help_of(request: AnyRequest) -> Help:
    """Return whom to ask, as the settings say now."""
    management = request.app.state.get("management")
    if management is None:
        return NO_HELP
    support = management.settings.support
    return Help(support.contact, support.upgrade_url)


def respond(request: AnyRequest, refused: Refused, dialect: Dialect = Dialect.ENVELOPE) -> AnyResponse:
    """Return the answer for a refusal."""
    request_id = visit_of(request.scope).request_id
    # What was not accepted may be quoted, and a key may stand anywhere, by mistake.
    shown = msgspec.structs.replace(
        refused, message=redact(refused.message), param=refused.param and redact(refused.param)
    )
    status, media_type, body = errors.render(
        dialect,
        shown,
        request_id,
        problem=problem.wanted(request.headers.get("accept", "").encode("latin-1", "replace")),
        support=help_of(request),
    )
    headers = dict(errors.headers(dialect, refused, request_id))
    return Response(body, status_code=status, headers=headers, media_type=media_type)


def _on_refused(request: AnyRequest, error: RefusedError) -> AnyResponse:
    return respond(request, error.refused)


def refusal_of(request: AnyRequest, error: Exception) -> Refused:
    """Write what went wrong on our side to the log, and return how whoever asked is told."""
    if isinstance(error, Fault):
        _log(request).error("management request failed", reason=error.reason.value, why=error.detail)
        return Refused(error.reason)
    if isinstance(error, SQLAlchemyError):
        _log(request).error("the database can't be used", why=str(error).partition("\n")[0])
        message = "The database can't be used at the moment; model traffic goes on"
        return Refused(Reason.CONTROL_UNAVAILABLE, message)
    _log(request).error("management request failed", exc_info=error)
    return Refused(Reason.INTERNAL)


def _on_validation(request: AnyRequest, error: ValidationException) -> AnyResponse:
    problems = error.extra if isinstance(error.extra, list) else []
    first = problems[0] if problems and isinstance(problems[0], dict) else {}
    param = str(first["key"]) if "key" in first else None
    if param == "data":  # the framework's name for the body, of which there was nothing to decode
        return respond(request, Refused(Reason.INVALID_JSON, "The request needs a body: a JSON object"))
    message = str(first.get("message") or error.detail)
    asked = request.route_handler.parsed_fn_signature.parameters.get(param or "")
    if asked is not None:
        message = explained(message, asked.annotation)
    return respond(request, Refused(Reason.INVALID_MEMBER, message, param))


def _on_http(request: AnyRequest, error: HTTPException) -> AnyResponse:
    if isinstance(error, NotFoundException):
        return respond(request, Refused(Reason.PATH_NOT_FOUND), _lost(request))
    if isinstance(error, MethodNotAllowedException):
        allow = (error.headers or {}).get("allow", "")
        return respond(request, Refused(Reason.METHOD_NOT_ALLOWED, allow=_with_head(allow)))
    if error.status_code == 413:
        return respond(request, Refused(Reason.BODY_TOO_LARGE))
    if error.status_code < 500:
        return respond(request, Refused(Reason.MALFORMED_REQUEST, error.detail))
    return _on_ours(request, error)


def _on_ours(request: AnyRequest, error: Exception) -> AnyResponse:
    return respond(request, refusal_of(request, error))


def _lost(request: AnyRequest) -> Dialect:
    """Guess who asks at a path that leads nowhere: at the operator's own door nobody but the command line."""
    if visit_of(request.scope).local:
        return Dialect.ENVELOPE
    path = request.scope["path"].encode("utf-8", "replace")
    return errors.of_nowhere(path, anthropic="anthropic-version" in request.headers)


def _with_head(allow: str) -> str:
    methods = {method.strip() for method in allow.split(",") if method.strip()}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _log(request: AnyRequest) -> Any:  # noqa: ANN401 -- structlog's loggers have no common type
    return structlog.get_logger().bind(
        request_id=visit_of(request.scope).request_id, method=request.method, path=request.scope["path"]
    )


HANDLERS: ExceptionHandlersMap = {
    RefusedError: _on_refused,
    Fault: _on_ours,
    SQLAlchemyError: _on_ours,
    ValidationException: _on_validation,
    HTTPException: _on_http,
    Exception: _on_ours,
}
"""Whatever a handler raises → the answer."""
