"""Signing in at an OpenID provider: the way there, and the way back."""

from typing import Annotated

from litestar import get
from litestar.params import FromQuery, QueryParameter
from litestar.response import Redirect

from keyturn.control import cookies
from keyturn.control.dashboard.guard import (
    ANYONE,
    SIGN_IN_PATH,
    SIGNED_IN,
    csrf_of,
    for_,
    known_visitor,
    visitor_of,
)
from keyturn.control.dashboard.pages.account import ACCOUNT_PATH
from keyturn.control.dashboard.pages.entrance import Next, admit, set_session
from keyturn.control.dashboard.shell import VISIT_S, AnyRequest, Page, render, safe_path, see
from keyturn.control.door import visit_of
from keyturn.control.errors import granted, refuse
from keyturn.control.handover import people_url
from keyturn.control.management import Managed, Management
from keyturn.control.visitors import still
from keyturn.domain.refusals import Reason
from keyturn.services.oidc import SOMEBODY_ELSE, TICKET_MS, Led
from keyturn.store.engine import BEFORE_CHANGE

State = Annotated[str, QueryParameter(name="state")]
Asked = Annotated[str, QueryParameter(name="ticket")]
CONNECT_PATH = f"{ACCOUNT_PATH}/identity/connect"
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
    answer = _led(request, led)
    if visitor is None:
        kept = cookies.write(request.headers, cookies.VISIT, csrf_of(request), max_age_s=VISIT_S)
        answer.cookies.append(kept)
    return answer


@get("/account/identity/connect", include_in_schema=False, opt=for_(SIGNED_IN, proof="connect an identity"))
async def connect_page(request: AnyRequest, management: Managed) -> Page:
    """Say what it means to connect an identity, and ask."""
    oidc = management.people.oidc
    if not oidc.name:
        refuse(Reason.PATH_NOT_FOUND, "There is no such page")
    return render(
        request,
        "identity_connect.html",
        title=f"Connect {oidc.name}",
        section="account",
        provider=oidc.name,
        ticket=oidc.ask_to_connect(csrf_of(request)).reveal(),
    )


@get("/oidc/connect", include_in_schema=False, opt=for_(SIGNED_IN, proof="connect an identity"))
async def connect(request: AnyRequest, management: Managed, ticket: Asked = "") -> Page:
    """Lead to the provider to connect who they are there; a link from elsewhere leads to the page that asks."""
    oidc = management.people.oidc
    if not oidc.wants_to_connect(csrf_of(request), ticket):
        return see(request, CONNECT_PATH)
    led = granted(
        await oidc.lead(
            csrf_of(request),
            redirect_uri=_redirect_uri(request, management),
            then=ACCOUNT_PATH,
            connects=visitor_of(request).person.session_id,
        )
    )
    return _led(request, led)


@get("/oidc/callback", include_in_schema=False, opt=for_(ANYONE))
async def arrive(
    request: AnyRequest,
    management: Managed,
    came_back: State = "",
    code: FromQuery[str] = "",
    error: FromQuery[str] = "",
) -> Page:
    """Take somebody in who comes back from the provider."""
    visitor = known_visitor(request)
    if visitor is not None:  # the provider is asked in between: the session may have ended meanwhile
        BEFORE_CHANGE.set(still(request.scope, request.headers, visitor))
    if error and visitor is not None:
        return see(request, ACCOUNT_PATH, "The provider did not say who you are", failed=True)
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
            visitor=visitor,
        )
    )
    if arrived.proves:
        return await _proved(request, management, arrived.user_id, arrived.then)
    if arrived.connected:
        said = f"You can sign in with {management.people.oidc.name} now, as {arrived.connected}"
        answer = see(request, arrived.then, said)
    else:
        found = granted(await management.people.sign_in.again(arrived.user_id))
        answer = await admit(request, management, found, arrived.then)
    answer.cookies.append(cookies.write(request.headers, cookies.LED, "", max_age_s=0))
    return answer


HANDLERS = [lead, connect_page, connect, arrive]


def _led(request: AnyRequest, led: Led) -> Page:
    answer = Redirect(led.address, status_code=303, headers={"cache-control": "no-store"})
    kept_s = TICKET_MS // 1000
    answer.cookies.append(cookies.write(request.headers, cookies.LED, led.ticket.reveal(), max_age_s=kept_s))
    return answer


async def _proved(request: AnyRequest, management: Management, user_id: str, then: str) -> Page:
    visitor = known_visitor(request)
    if visitor is None or visitor.person.id != user_id:
        refuse(Reason.INVALID_MEMBER, SOMEBODY_ELSE)
    answer = see(request, then)
    set_session(request, management, answer, await management.sessions.renew(visitor))
    return answer


def _redirect_uri(request: AnyRequest, management: Management) -> str:
    return f"{people_url(request, management.settings)}{CALLBACK_PATH}"
