"""How people come in and go: the first owner by the link that the node prints, everybody by address and password."""

from typing import Annotated

from litestar import get, post
from litestar.params import QueryParameter

from keyturn.control.dashboard import cookies
from keyturn.control.dashboard.guard import (
    ANYONE,
    SIGN_IN_PATH,
    SIGNED_IN,
    for_,
    form_of,
    known_visitor,
    visitor_of,
)
from keyturn.control.dashboard.shell import PATH, AnyRequest, Page, render, safe_path, see
from keyturn.control.door import visit_of
from keyturn.control.management import Managed, Management
from keyturn.domain.refusals import Refused
from keyturn.domain.secret import Secret
from keyturn.services.sign_in import Newcomer

Next = Annotated[str, QueryParameter(name="next")]


@get("/sign-in", include_in_schema=False, opt=for_(ANYONE))
async def sign_in_page(request: AnyRequest, then: Next = "") -> Page:
    """Ask who it is; who has signed in already is led on."""
    if known_visitor(request) is not None:
        return see(request, safe_path(then))
    return render(request, "sign_in.html", title="Sign in", next=safe_path(then), email="")


@post("/sign-in", include_in_schema=False, opt=for_(ANYONE), status_code=200)
async def sign_in(request: AnyRequest, management: Managed) -> Page:
    """Begin a session for whoever knows the password."""
    form = form_of(request)
    email, then = form.text("email"), safe_path(form.text("next"))
    found = await management.sign_in.with_password(email, Secret(form.raw("password")))
    if isinstance(found, Refused):
        return render(
            request, "sign_in.html", title="Sign in", status=401, refused=found, next=then, email=email
        )
    return await let_in(request, management, found, then)


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
        kept = {"token": token, "email": newcomer.email, "name": newcomer.name}
        return render(
            request, "setup.html", title="Set up Keyturn", status=found.rule.status, refused=found, **kept
        )
    return await let_in(request, management, found, PATH)


@post("/sign-out", include_in_schema=False, opt=for_(SIGNED_IN), status_code=200)
async def sign_out(request: AnyRequest, management: Managed) -> Page:
    """End the session, here and on the node."""
    await management.sessions.end(visitor_of(request))
    answer = see(request, SIGN_IN_PATH, "You are signed out")
    answer.cookies.append(cookies.write(request.headers, cookies.SESSION, "", max_age_s=0))
    return answer


HANDLERS = [sign_in_page, sign_in, setup_page, set_up, sign_out]


async def let_in(request: AnyRequest, management: Management, user_id: str, then: str) -> Page:
    """Begin a session and lead on. The token is a new one: whatever the browser had before is worth nothing."""
    before = known_visitor(request)
    if before is not None:
        await management.sessions.end(before)
    token = await management.sessions.open(
        user_id, address=visit_of(request.scope).address, agent=request.headers.get("user-agent", "")
    )
    answer = see(request, then)
    kept_s = management.settings.people.session_days * 86_400
    answer.cookies.append(cookies.write(request.headers, cookies.SESSION, token.reveal(), max_age_s=kept_s))
    answer.cookies.append(cookies.write(request.headers, cookies.VISIT, "", max_age_s=0))
    return answer
