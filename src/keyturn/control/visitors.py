"""People who have signed in, as requests bring them: by a cookie, and for changes with what only our pages know."""

import hmac
from collections.abc import Awaitable, Callable

from litestar.datastructures import Headers
from litestar.types import Scope

from keyturn.control import cookies
from keyturn.control.door import visit_of
from keyturn.control.errors import refuse
from keyturn.control.management import Management
from keyturn.domain.refusals import Reason
from keyturn.services.sessions import Visitor

CSRF_HEADER = "x-csrf-token"
SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""


def session_token(headers: Headers) -> str:
    """Return the token of a session; empty where there is no cookie."""
    return cookies.read(headers, cookies.SESSION)


async def visitor_in(scope: Scope, headers: Headers, *, alone: bool = False) -> Visitor | None:
    """Return who has signed in, if the session is not over.

    Args:
        scope: Of the request.
        headers: Of the request.
        alone: An open page asks by itself, which is no use of the session: it runs out all the same.
    """
    token = session_token(headers)
    if not token:
        return None
    visit = visit_of(scope)
    sessions = _management(scope).sessions
    find = sessions.look if alone else sessions.find
    return await find(token, address=visit.address, request_id=visit.request_id)


def still(scope: Scope, headers: Headers, visitor: Visitor) -> Callable[[], Awaitable[None]]:
    """Return what looks once more, when a change has its turn, whether the session is what it was.

    The change waits for those before it: one of them may have ended the session, suspended the person or given them
    another role. What it returns raises ``RefusedError`` then, and writes nothing.
    """
    token, visit = session_token(headers), visit_of(scope)

    async def check() -> None:
        sessions = _management(scope).sessions
        now = await sessions.look(token, address=visit.address, request_id=visit.request_id)
        if now is None:
            refuse(Reason.SIGN_IN_REQUIRED)
        if (now.person.id, now.person.role, now.person.account_id) != (
            visitor.person.id,
            visitor.person.role,
            visitor.person.account_id,
        ):
            refuse(Reason.CONFLICT, "Your role was changed meanwhile; try again")

    return check


def own_origin(headers: Headers) -> str:
    """Return scheme and host as the browser sees them, as the worker passed them on."""
    host = headers.get("x-forwarded-host") or headers.get("host") or ""
    scheme = "https" if headers.get("x-forwarded-proto") == "https" else "http"
    return f"{scheme}://{host}"


def comes_from_us(headers: Headers) -> bool:
    """Say whether a page of ours sent this, as far as the browser tells."""
    origin = headers.get("origin")
    if origin is not None:
        return origin == own_origin(headers)
    return headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}


def is_ours(headers: Headers, sent: str, known: str) -> bool:
    """Say whether what would change something carries what only our pages know, and comes from one of them."""
    return comes_from_us(headers) and hmac.compare_digest(sent.encode(), known.encode())


def _management(scope: Scope) -> Management:
    management: Management = scope["litestar_app"].state["management"]
    return management
