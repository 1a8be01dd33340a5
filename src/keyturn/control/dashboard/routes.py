"""All pages of the dashboard as one router, and what they answer when something goes wrong."""

from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.types import ExceptionHandlersMap
from sqlalchemy.exc import SQLAlchemyError

from keyturn.control.dashboard import assets
from keyturn.control.dashboard.guard import SIGNED_IN, Guard, SeeOtherError, for_, known_visitor
from keyturn.control.dashboard.pages import (
    account,
    accounts,
    alerts,
    audit,
    billing,
    codes,
    entrance,
    holder,
    invitation,
    key_changes,
    key_create,
    key_hygiene,
    key_page,
    key_secrets,
    key_simulate,
    keys,
    live,
    models,
    oidc,
    overview,
    passkeys,
    plans,
    playground,
    prices,
    projects,
    proof,
    recovery,
    requests,
    settings,
    sign_up,
    team,
    two_factor,
    upstreams,
    usage,
)
from keyturn.control.dashboard.proof_words import ProofWords
from keyturn.control.dashboard.shell import PATH, render, see
from keyturn.control.errors import RefusedError, refusal_of
from keyturn.control.routers import OnlyRouter
from keyturn.control.visitors import SAFE
from keyturn.domain.faults import Fault
from keyturn.domain.refusals import Reason, Refused

PAGES = (
    account,
    accounts,
    alerts,
    audit,
    billing,
    codes,
    entrance,
    holder,
    invitation,
    key_changes,
    key_create,
    key_hygiene,
    key_page,
    key_secrets,
    key_simulate,
    keys,
    live,
    models,
    oidc,
    overview,
    passkeys,
    plans,
    playground,
    prices,
    projects,
    proof,
    recovery,
    requests,
    settings,
    sign_up,
    team,
    two_factor,
    upstreams,
    usage,
)


@get("/{rest:path}", include_in_schema=False, opt=for_(SIGNED_IN))
async def elsewhere(request: Request[Any, Any, Any]) -> Response[Any]:
    """Say that there is no such page."""
    return _problem(request, Refused(Reason.PATH_NOT_FOUND, "There is no such page"))


def proof_words() -> ProofWords:
    """Return what the pages call what they ask proof for."""
    return ProofWords(handler for page in PAGES for handler in page.HANDLERS)


def router() -> OnlyRouter:
    """Return the router."""
    return OnlyRouter(
        PATH,
        middleware=[Guard],
        exception_handlers=_HANDLERS,
        route_handlers=[elsewhere, assets.asset, *(handler for page in PAGES for handler in page.HANDLERS)],
    )


def _on_see_other(request: Request[Any, Any, Any], error: SeeOtherError) -> Response[Any]:
    return see(request, error.path, error.said, failed=True)


def _on_refused(request: Request[Any, Any, Any], error: RefusedError) -> Response[Any]:
    return _problem(request, error.refused)


def _on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    if isinstance(error, NotFoundException):
        return _problem(request, Refused(Reason.PATH_NOT_FOUND, "There is no such page"))
    if isinstance(error, MethodNotAllowedException):
        return _problem(request, Refused(Reason.METHOD_NOT_ALLOWED))
    if error.status_code == 413:
        return _problem(request, Refused(Reason.BODY_TOO_LARGE))
    if error.status_code < 500:
        return _problem(request, Refused(Reason.MALFORMED_REQUEST, error.detail))
    return _on_ours(request, error)


def _on_ours(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    return _problem(request, refusal_of(request, error))


def _problem(request: Request[Any, Any, Any], refused: Refused) -> Response[Any]:
    title = "Not found" if refused.rule.status == 404 else "That did not work"
    template = "problem.html" if known_visitor(request) else "problem_outside.html"
    return render(request, template, title=title, refused=refused, opened=request.method in SAFE)


_HANDLERS: ExceptionHandlersMap = {
    SeeOtherError: _on_see_other,
    RefusedError: _on_refused,
    HTTPException: _on_http,
    Fault: _on_ours,
    SQLAlchemyError: _on_ours,
    Exception: _on_ours,
}
