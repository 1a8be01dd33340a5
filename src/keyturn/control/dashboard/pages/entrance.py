"""How people come in and go: the first owner by the link that the node prints, everybody by address and password."""

from typing import Annotated
from urllib.parse import quote

from litestar import get, post
from litestar.params import QueryParameter

from keyturn.control import cookies
from keyturn.control.dashboard.guard import (
    ANYONE,
    SIGN_IN_PATH,
    SIGNED_IN,
    csrf_of,
    for_,
    form_of,
    known_visitor,
    visitor_of,
)
from keyturn.control.dashboard.origins import place_of
from keyturn.control.dashboard.shell import PATH, AnyRequest, Page, render, safe_path, see
from keyturn.control.door import visit_of
from keyturn.control.management import Managed, Management
from keyturn.domain.refusals import Refused
from keyturn.domain.secret import Secret
from keyturn.services.second_factors import FEW
from keyturn.services.sign_in import Known, Newcomer
from keyturn.services.tickets import Ticket

Next = Annotated[str, QueryParameter(name="next")]
CODE_PATH = f"{SIGN_IN_PATH}/code"
PENDING, PENDING_MS = "a code is missing", 5 * 60_000
DEVICE_S = 365 * 86_400
_WRONG, _OTHERS = 401, {403, 429}


@get("/sign-in", include_in_schema=False, opt=for_(ANYONE))
async def sign_in_page(request: AnyRequest, management: Managed, then: Next = "") -> Page:
    """Ask who it is; who has signed in already is led on."""
    if known_visitor(request) is not None:
        return see(request, safe_path(then))
    owned = await management.sign_in.has_owner()
    return _sign_in_page(request, management, safe_path(then), owned=owned)


@post("/sign-in", include_in_schema=False, opt=for_(ANYONE), status_code=200)
async def sign_in(request: AnyRequest, management: Managed) -> Page:
    """Let in whoever knows the password, or ask them for a code."""
    form = form_of(request)
    email, then = form.text("email"), safe_path(form.text("next"))
    found = await management.people.sign_in.with_password(
        email,
        Secret(form.raw("password")),
        address=visit_of(request.scope).address,
        device=management.people.devices.known(cookies.read(request.headers, cookies.DEVICE), email),
    )
    if isinstance(found, Refused):
        return _sign_in_page(request, management, then, found, email=email)
    return await admit(request, management, found, then)


@get("/sign-in/code", include_in_schema=False, opt=for_(ANYONE))
async def code_page(request: AnyRequest, management: Managed) -> Page:
    """Ask for the second factor; who has given no password is led to the beginning."""
    ticket = _pending(request, management)
    if ticket is None:
        return see(request, PATH)
    return _code_page(request, ticket.facts["then"])


@post("/sign-in/code", include_in_schema=False, opt=for_(ANYONE), status_code=200)
async def give_code(request: AnyRequest, management: Managed) -> Page:
    """Let in whoever gives the code that belongs to the password they gave before."""
    people, ticket = management.people, _pending(request, management)
    found = await people.sign_in.again(ticket.facts["user"]) if ticket else None
    if isinstance(found, Refused):
        return _code_page(request, ticket.facts["then"] if ticket else "", found)
    if ticket is None or found is None or found.stamp != ticket.facts["stamp"]:
        said = "Signing in took too long; begin again"
        return see(request, SIGN_IN_PATH, said, failed=True)
    address, code = visit_of(request.scope).address, form_of(request).text("code")
    left = await people.second_factors.judge(found.user_id, code, address=address)
    if isinstance(left, Refused):
        return _code_page(request, ticket.facts["then"], left)
    if not people.tickets.spend(ticket):
        return see(request, SIGN_IN_PATH)
    said = ""
    if left >= 0:
        said = f"A recovery code is used up; {left} {'is' if left == 1 else 'are'} left"
        said += ". Make new ones on your account page" if left <= FEW else ""
    answer = await let_in(request, management, found.user_id, ticket.facts["then"], said=said)
    answer.cookies.append(cookies.write(request.headers, cookies.PENDING, "", max_age_s=0))
    return answer


@get("/setup", include_in_schema=False, opt=for_(ANYONE))
async def setup_page(request: AnyRequest) -> Page:
    """Ask who the first owner is."""
    return render(request, "setup.html", title="Set up Keyturn", token="", email="", name="")


@post("/setup", include_in_schema=False, opt=for_(ANYONE), status_code=200)
async def set_up(request: AnyRequest, management: Managed) -> Page:
    """Make the first owner and let them in."""
    form = form_of(request)
    newcomer = Newcomer(form.text("email"), form.text("name"), Secret(form.raw("password")))
    token = form.text("token")
    found = await management.sign_in.set_up(token, newcomer, address=visit_of(request.scope).address)
    if isinstance(found, Refused):
        return render(
            request,
            "setup.html",
            title="Set up Keyturn",
            refused=found,
            token=token,
            email=newcomer.email,
            name=newcomer.name,
        )
    return await let_in(request, management, found, PATH)


@post("/sign-out", include_in_schema=False, opt=for_(SIGNED_IN), status_code=200)
async def sign_out(request: AnyRequest, management: Managed) -> Page:
    """End the session, here and on the node."""
    await management.sessions.end(visitor_of(request))
    answer = see(request, SIGN_IN_PATH, "You are signed out")
    answer.cookies.append(cookies.write(request.headers, cookies.SESSION, "", max_age_s=0))
    return answer


HANDLERS = [sign_in_page, sign_in, code_page, give_code, setup_page, set_up, sign_out]


async def admit(request: AnyRequest, management: Management, found: Known, then: str) -> Page:
    """Let somebody in who has shown who they are, or ask for their second factor first."""
    if not found.needs_code:
        return await let_in(request, management, found.user_id, then)
    facts = {"user": found.user_id, "stamp": found.stamp, "then": then}
    _, ticket = management.people.tickets.issue(PENDING, csrf_of(request), facts, for_ms=PENDING_MS)
    answer = see(request, CODE_PATH)
    kept = cookies.write(request.headers, cookies.PENDING, ticket.reveal(), max_age_s=PENDING_MS // 1000)
    answer.cookies.append(kept)
    return answer


async def let_in(
    request: AnyRequest,
    management: Management,
    user_id: str,
    then: str,
    *,
    said: str = "",
) -> Page:
    """Begin a session and lead on. The token is a new one: whatever the browser had before is worth nothing."""
    before = known_visitor(request)
    if before is not None:
        await management.sessions.end(before)
    token = await management.sessions.open(
        user_id,
        address=visit_of(request.scope).address,
        agent=request.headers.get("user-agent", ""),
    )
    answer = see(request, then, said)
    set_session(request, management, answer, token)
    answer.cookies.append(cookies.write(request.headers, cookies.VISIT, "", max_age_s=0))
    known = await management.people.sign_in.again(user_id)
    if isinstance(known, Known):
        mark = management.people.devices.mark(known.email).reveal()
        answer.cookies.append(cookies.write(request.headers, cookies.DEVICE, mark, max_age_s=DEVICE_S))
    return answer


def set_session(request: AnyRequest, management: Management, answer: Page, token: Secret) -> None:
    """Have the browser keep the token of a session."""
    kept_s = management.settings.people.session_days * 86_400
    answer.cookies.append(cookies.write(request.headers, cookies.SESSION, token.reveal(), max_age_s=kept_s))


def status_of(refused: Refused) -> int:
    """Return the status of a page that says that somebody is not who they say."""
    return refused.rule.status if refused.rule.status in _OTHERS else _WRONG


def _pending(request: AnyRequest, management: Management) -> Ticket | None:
    kept = cookies.read(request.headers, cookies.PENDING)
    return management.people.tickets.read(kept, PENDING, csrf_of(request))


def _sign_in_page(
    request: AnyRequest,
    management: Management,
    then: str,
    refused: Refused | None = None,
    *,
    email: str = "",
    owned: bool = True,
) -> Page:
    people = management.people
    return render(
        request,
        "sign_in.html",
        title="Sign in",
        status=status_of(refused) if refused else 200,
        refused=refused,
        next=then,
        next_quoted=quote(then),
        email=email,
        owned=owned,
        provider=people.oidc.name,
        signs_up=people.sign_up.is_open,
        takes_passkeys=place_of(request.headers).takes_passkeys,
    )


def _code_page(request: AnyRequest, then: str, refused: Refused | None = None) -> Page:
    return render(
        request,
        "sign_in_code.html",
        title="Confirm that it is you",
        status=status_of(refused) if refused else 200,
        refused=refused,
        next=then,
        takes_passkeys=place_of(request.headers).takes_passkeys,
    )
