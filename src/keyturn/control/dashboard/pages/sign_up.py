"""Signing up, where everybody may, and the page behind the link that shows that an address is theirs."""

from litestar import get, post

from keyturn.control.dashboard.guard import ANYONE, for_, form_of
from keyturn.control.dashboard.pages.entrance import admit
from keyturn.control.dashboard.shell import PATH, AnyRequest, Page, render
from keyturn.control.door import visit_of
from keyturn.control.management import Managed, Management
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.sign_up import CLOSED, Applicant


@get("/sign-up", include_in_schema=False, opt=for_(ANYONE))
async def sign_up_page(request: AnyRequest, management: Managed) -> Page:
    """Ask who it is, or say that nobody can sign up."""
    if not management.people.sign_up.is_open:
        refused = Refused(Reason.INSUFFICIENT_PERMISSIONS, CLOSED)
        return render(request, "problem_outside.html", title="Sign up", refused=refused, opened=True)
    return _page(request, management, Applicant("", "", "", Secret(""), accepts_terms=False))


@post("/sign-up", include_in_schema=False, opt=for_(ANYONE), status_code=200)
async def sign_up(request: AnyRequest, management: Managed) -> Page:
    """Make the account; whoever has it must show first that the address is theirs."""
    form = form_of(request)
    applicant = Applicant(
        form.text("email"),
        form.text("name"),
        form.text("account"),
        Secret(form.raw("password")),
        accepts_terms=form.on("terms"),
    )
    refused = await management.people.sign_up.apply(applicant, address=visit_of(request.scope).address)
    if refused is not None:
        return _page(request, management, applicant, refused)
    by_letter = management.letters.possible
    return render(
        request, "signed_up.html", title="One more step", email=applicant.email, by_letter=by_letter
    )


@get("/verify", include_in_schema=False, opt=for_(ANYONE))
async def verify_page(request: AnyRequest) -> Page:
    """Ask for the password."""
    return render(request, "verify.html", title="Confirm your address", token="")


@post("/verify", include_in_schema=False, opt=for_(ANYONE), status_code=200)
async def verify(request: AnyRequest, management: Managed) -> Page:
    """Let in whoever has both the link and the password."""
    form, address = form_of(request), visit_of(request.scope).address
    token, password = form.text("token"), Secret(form.raw("password"))
    found = await management.people.sign_up.verify(token, password, address=address)
    if isinstance(found, Refused):
        return render(request, "verify.html", title="Confirm your address", refused=found, token=token)
    return await admit(request, management, found, PATH)


HANDLERS = [sign_up_page, sign_up, verify_page, verify]


def _page(
    request: AnyRequest, management: Management, applicant: Applicant, refused: Refused | None = None
) -> Page:
    people = management.settings.people
    return render(
        request,
        "sign_up.html",
        title="Sign up",
        refused=refused,
        applicant=applicant,
        terms_url=people.terms_url,
        terms_required=people.terms_required,
    )
