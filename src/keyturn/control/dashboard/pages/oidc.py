"""Signing in at an OpenID provider: the way there, and the way back."""

from typing import Annotated

from litestar import get
from litestar.params import FromQuery, QueryParameter
from litestar.response import Redirect

from keyturn.control import cookies
from keyturn.control.dashboard.guard import (
    ANYONE,
    SIGN_IN_PATH,
    csrf_of,
    for_,
    known_visitor,
)
from keyturn.control.dashboard.pages.entrance import Next, admit, set_session
from keyturn.control.dashboard.shell import VISIT_S, AnyRequest, Page, safe_path, see
from keyturn.control.door import visit_of
from keyturn.control.errors import granted, refuse
from keyturn.control.handover import people_url
from keyturn.control.management import Managed, Management
from keyturn.domain.refusals import Reason
from keyturn.services.oidc import SOMEBODY_ELSE, TICKET_MS

State = Annotated[str, QueryParameter(name="state")]
CALLBACK_PATH = "/dashboard/oidc/callback"


@get("/oidc", include_in_schema=False, opt=for_(ANYONE))
async def lead(request: AnyRequest, management: Managed, then: Next = "") -> Page:
    """Lead to the provider; who has signed in already shows again that it is them."""
    visitor = known_visitor(request)
    led = granted(
        await management.people.oidc.lead(
            csrf_of(request),
            redirect_uri=_redirect_uri(request, management),
            then=safe_path(then),
            proves=visitor.person.session_id if visitor else "",
        )
    )
    answer = Redirect(led.address, status_code=303, headers={"cache-control": "no-store"})
    kept_s = TICKET_MS // 1000
    answer.cookies.append(cookies.write(request.headers, cookies.LED, led.ticket.reveal(), max_age_s=kept_s))
    if visitor is None:
        kept = cookies.write(request.headers, cookies.VISIT, csrf_of(request), max_age_s=VISIT_S)
        answer.cookies.append(kept)
    return answer


@get("/oidc/callback", include_in_schema=False, opt=for_(ANYONE))
async def arrive(
    request: AnyRequest,
    management: Managed,
    came_back: State = "",
    code: FromQuery[str] = "",
    error: FromQuery[str] = "",
) -> Page:
    """Take somebody in who comes back from the provider."""
    if error:
        return see(request, SIGN_IN_PATH, "The provider did not let you in", failed=True)
    arrived = granted(
        await management.people.oidc.arrive(
            csrf_of(request),
            cookies.read(request.headers, cookies.LED),
            state=came_back,
            code=code,
            redirect_uri=_redirect_uri(request, management),
            address=visit_of(request.scope).address,
        )
    )
    if arrived.proves:
        return await _proved(request, management, arrived.user_id, arrived.then)
    found = granted(await management.people.sign_in.again(arrived.user_id))
    answer = await admit(request, management, found, arrived.then)
    answer.cookies.append(cookies.write(request.headers, cookies.LED, "", max_age_s=0))
    return answer


HANDLERS = [lead, arrive]


async def _proved(request: AnyRequest, management: Management, user_id: str, then: str) -> Page:
    visitor = known_visitor(request)
    if visitor is None or visitor.person.id != user_id:
        refuse(Reason.INVALID_MEMBER, SOMEBODY_ELSE)
    answer = see(request, then)
    set_session(request, management, answer, await management.sessions.renew(visitor))
    return answer


def _redirect_uri(request: AnyRequest, management: Management) -> str:
    return f"{people_url(request, management.settings)}{CALLBACK_PATH}"
