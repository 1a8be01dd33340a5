"""Forgotten passwords: asking for a link, and setting a new password by it."""

from litestar import get, post

from keyturn.control.dashboard.guard import ANYONE, SIGN_IN_PATH, for_, form_of
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.door import visit_of
from keyturn.control.management import Managed, Management
from keyturn.domain.refusals import Refused
from keyturn.domain.secret import Secret


@get("/forgot", include_in_schema=False, opt=for_(ANYONE))
async def forgot_page(request: AnyRequest, management: Managed) -> Page:
    """Ask for the address, or say whom to ask."""
    return _forgot_page(request, management)


@post("/forgot", include_in_schema=False, opt=for_(ANYONE), status_code=200)
async def forgot(request: AnyRequest, management: Managed) -> Page:
    """Send a link, if somebody with this address can sign in; the page is the same if not."""
    email = form_of(request).text("email")
    refused = await management.people.recovery.ask(email, address=visit_of(request.scope).address)
    if refused is not None:
        return _forgot_page(request, management, refused, email=email)
    return _forgot_page(request, management, email=email, asked=True)


@get("/reset", include_in_schema=False, opt=for_(ANYONE))
async def reset_page(request: AnyRequest) -> Page:
    """Ask for a new password."""
    return render(request, "reset.html", title="Set a new password", token="")


@post("/reset", include_in_schema=False, opt=for_(ANYONE), status_code=200)
async def reset(request: AnyRequest, management: Managed) -> Page:
    """Set it. All sessions end; signing in with it, and with a code, is the next step."""
    form, address = form_of(request), visit_of(request.scope).address
    token, password = form.text("token"), Secret(form.raw("password"))
    refused = await management.people.recovery.reset(token, password, address=address)
    if refused is not None:
        return render(request, "reset.html", title="Set a new password", refused=refused, token=token)
    return see(request, SIGN_IN_PATH, "Your password is set; sign in with it")


HANDLERS = [forgot_page, forgot, reset_page, reset]


def _forgot_page(
    request: AnyRequest,
    management: Management,
    refused: Refused | None = None,
    *,
    email: str = "",
    asked: bool = False,
) -> Page:
    return render(
        request,
        "forgot.html",
        title="Forgotten password",
        refused=refused,
        email=email,
        asked=asked,
        by_letter=management.letters.possible,
    )
