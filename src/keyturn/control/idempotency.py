"""Idempotency-Key on every POST: the answer of the first request is given again.

Two layers around a handler: ``once_only`` comes after it is known who asks, because an answer belongs to whoever asked
for it; ``AnswerKeeper`` is outermost, because what a handler raises becomes an answer outside of it.
Handlers with ``REPEATABLE`` in their ``opt`` change nothing that a repetition could double; they are simply called again.
"""

from typing import Any

from litestar.connection import Request
from litestar.enums import ScopeType
from litestar.response import Response
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from keyturn.control.auth import known_principal
from keyturn.control.errors import RefusedError
from keyturn.control.management import Management
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.idempotency import KeptAnswer, Once

REPEATABLE = {"repeatable": True}
"""For ``opt`` of a handler."""
RENDER = "render"
"""In ``opt`` of a handler: makes the answer of what a use case keeps in the transaction of its change."""
_STATE = "once"
_HEADER = b"idempotency-key"


class AnsweredBeforeError(Exception):
    """Carries the answer of the first request out of ``once_only``."""

    def __init__(self, answer: KeptAnswer) -> None:
        super().__init__("answered before")
        self.answer = answer


def repeat(_request: Request[Any, Any, Any], error: AnsweredBeforeError) -> Response[Any]:
    """Give the answer of the first request again."""
    kept = error.answer
    headers = {name: value for name, value in kept.headers if name not in {"content-length", "content-type"}}
    media_type = dict(kept.headers).get("content-type", "application/json")
    headers["idempotency-replayed"] = "true"
    return Response(kept.body, status_code=kept.status, headers=headers, media_type=media_type)


async def once_only(scope: Scope, receive: Receive) -> None:
    """Let a request pass the first time.

    Raises:
        RefusedError: The Idempotency-Key is none, was used otherwise, or is in use right now.
        AnsweredBeforeError: The request was answered.
    """
    sent = [value for name, value in scope["headers"] if name == _HEADER]
    call: Any = scope
    if not sent or call["method"] != "POST" or call["route_handler"].opt.get("repeatable"):
        return
    by = known_principal(scope)
    if by is None or not by.name:
        return  # a stranger, at one of the few calls that need no key: nothing is kept for them
    if len(sent) > 1:
        raise RefusedError(Refused(Reason.IDEMPOTENCY_KEY_INVALID))
    management: Management = scope["litestar_app"].state["management"]
    # The framework keeps what is read here for the handler.
    request: Request[Any, Any, Any] = Request(scope, receive)
    begun = await management.idempotency.begin(
        sent[0].decode("latin-1"),
        caller=by.name,
        path=scope["path"],
        request=call["query_string"] + b"\n" + await request.body(),
        render=call["route_handler"].opt.get(RENDER, _nothing),
    )
    if isinstance(begun, Refused):
        raise RefusedError(begun)
    if isinstance(begun, KeptAnswer):
        raise AnsweredBeforeError(begun)
    scope["state"][_STATE] = begun


def is_kept(scope: Scope) -> bool:
    """Say whether the answer to a request will be kept."""
    return _STATE in scope["state"]


class AnswerKeeper:
    """An ASGI layer that keeps the answer of a request that ``once_only`` let pass, before the caller has it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def hold(message: Message) -> None:
            once = scope["state"].get(_STATE)
            if once is None:
                await send(message)
                return
            held.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                await _finish(scope, once, held)
                for one in held:
                    await send(one)

        await self._app(scope, receive, hold)


async def _finish(scope: Scope, once: Once, messages: list[Message]) -> None:
    management: Management = scope["litestar_app"].state["management"]
    status, headers, body = 500, [], b""
    for message in messages:
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = [
                (name.decode("latin-1").lower(), value.decode("latin-1"))
                for name, value in message["headers"]
            ]
        elif message["type"] == "http.response.body":
            body += message["body"]
    await management.idempotency.finish(once, KeptAnswer(status, headers, body))


def _nothing(_result: object) -> None:
    return None
