"""Two-factor sign-in: setting up an app, recovery codes, and turning it off again."""

import segno
from litestar import get, post
from markupsafe import Markup

from keyturn.control.dashboard.guard import SIGNED_IN, for_, form_of, visitor_of
from keyturn.control.dashboard.pages.account import ACCOUNT_PATH, account
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.management import Managed, Management
from keyturn.domain.refusals import Refused
from keyturn.domain.secret import Secret

PATH = f"{ACCOUNT_PATH}/two-factor"
_BORDER, _GROUP = 4, 4


@post(
    "/account/two-factor/begin",
    include_in_schema=False,
    opt=for_(SIGNED_IN, proof="turn on codes"),
    status_code=200,
)
async def begin(request: AnyRequest, management: Managed) -> Page:
    """Make a seed for an app."""
    refused = await management.people.second_factors.begin(visitor_of(request))
    if refused is not None:
        return await account(request, management, refused)
    return see(request, PATH)


@get("/account/two-factor", include_in_schema=False, opt=for_(SIGNED_IN, proof="turn on codes"))
async def enrol_page(request: AnyRequest, management: Managed) -> Page:
    """Show the seed, as a QR code and as text."""
    return await _enrol_page(request, management)


@post(
    "/account/two-factor",
    include_in_schema=False,
    opt=for_(SIGNED_IN, proof="turn on codes"),
    status_code=200,
)
async def confirm(request: AnyRequest, management: Managed) -> Page:
    """Ask for codes from now on, if the app's code is right; show the recovery codes."""
    codes = await management.people.second_factors.confirm(visitor_of(request), form_of(request).text("code"))
    if isinstance(codes, Refused):
        return await _enrol_page(request, management, codes)
    return _codes_page(request, codes)


@post(
    "/account/two-factor/off",
    include_in_schema=False,
    opt=for_(SIGNED_IN, proof="turn off codes"),
    status_code=200,
)
async def turn_off(request: AnyRequest, management: Managed) -> Page:
    """Ask for codes no more."""
    await management.people.second_factors.turn_off(visitor_of(request))
    return see(request, ACCOUNT_PATH, "Codes are not asked for any more")


@get("/account/recovery-codes", include_in_schema=False, opt=for_(SIGNED_IN))
async def codes_are_gone(request: AnyRequest) -> Page:
    """Lead back: codes are shown once."""
    return see(request, ACCOUNT_PATH)


@post(
    "/account/recovery-codes",
    include_in_schema=False,
    opt=for_(SIGNED_IN, proof="make new recovery codes"),
    status_code=200,
)
async def renew_codes(request: AnyRequest, management: Managed) -> Page:
    """Make new recovery codes in the place of the old ones, and show them."""
    codes = await management.people.second_factors.renew_codes(visitor_of(request))
    if isinstance(codes, Refused):
        return await account(request, management, codes)
    return _codes_page(request, codes)


HANDLERS = [begin, enrol_page, confirm, turn_off, codes_are_gone, renew_codes]


async def _enrol_page(request: AnyRequest, management: Management, refused: Refused | None = None) -> Page:
    enrolment = await management.people.second_factors.enrolment(visitor_of(request))
    if enrolment is None:
        said = refused.text if refused else ""
        return see(request, ACCOUNT_PATH, said, failed=bool(said))
    seed = enrolment.seed.reveal()
    return render(
        request,
        "two_factor.html",
        title="Two-factor sign-in",
        section="account",
        refused=refused,
        seed=" ".join(seed[at : at + _GROUP] for at in range(0, len(seed), _GROUP)),
        picture=qr_code(enrolment.address.reveal()),
        link=enrolment.address.reveal(),
    )


def _codes_page(request: AnyRequest, codes: list[Secret]) -> Page:
    shown = [one.reveal() for one in codes]
    return render(request, "recovery_codes.html", title="Recovery codes", section="account", codes=shown)


def qr_code(text: str) -> Markup:
    """Return a QR code as SVG: black on white in the dark too, because cameras want it so."""
    drawn = segno.make(text, error="m", micro=False)
    svg = drawn.svg_inline(
        border=_BORDER,
        omitsize=True,
        dark="#000",
        light="#fff",
        title="QR code",
        svgclass="qr",
        lineclass=None,
    )
    return Markup(svg)  # noqa: S704 -- the library writes numbers into it, and escapes the title
