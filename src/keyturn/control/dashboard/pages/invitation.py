"""The page that an invitation leads to: choose a password, and come in."""

from litestar import get, post

from keyturn.control.dashboard.guard import ANYONE, for_, form_of
from keyturn.control.dashboard.pages.entrance import let_in
from keyturn.control.dashboard.shell import PATH, AnyRequest, Page, render
from keyturn.control.door import visit_of
from keyturn.control.management import Managed
from keyturn.domain.refusals import Refused
from keyturn.domain.secret import Secret

_TITLE = "Accept your invitation"


@get("/invite", include_in_schema=False, opt=for_(ANYONE))
async def invitation_page(request: AnyRequest) -> Page:
    """Ask for a name and a password. The token stands behind the ``#`` and comes with the form only."""
    return render(request, "invite_accept.html", title=_TITLE, token="", name="")


@post("/invite", include_in_schema=False, opt=for_(ANYONE), status_code=200)
async def accept_invitation(request: AnyRequest, management: Managed) -> Page:
    """Let somebody in who was invited."""
    form = form_of(request)
    token, name = form.text("token"), form.text("name")
    found = await management.invitations.accept(
        token, name, Secret(form.raw("password")), address=visit_of(request.scope).address
    )
    if isinstance(found, Refused):
        return render(request, "invite_accept.html", title=_TITLE, refused=found, token=token, name=name)
    return await let_in(request, management, found, PATH)


HANDLERS = [invitation_page, accept_invitation]
