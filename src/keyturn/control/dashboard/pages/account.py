"""What people see and change about themselves: name, password, and where they are signed in."""

from litestar import get, post
from litestar.params import FromPath

from keyturn.control import cookies
from keyturn.control.dashboard.agents import describe
from keyturn.control.dashboard.guard import (
    SIGNED_IN,
    TYPE_AGAIN,
    SeeOtherError,
    for_,
    form_of,
    prove_path,
    visitor_of,
)
from keyturn.control.dashboard.origins import place_of
from keyturn.control.dashboard.pages.entrance import set_session
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.errors import refuse
from keyturn.control.management import Managed, Management
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.own_account import NewPassword
from keyturn.services.passkeys import text_of
from keyturn.services.second_factors import FEW
from keyturn.services.sessions import Visitor
from keyturn.store.logins import StoredLogin
from keyturn.system import now_ms

ACCOUNT_PATH = "/dashboard/account"


@get("/account", include_in_schema=False, opt=for_(SIGNED_IN))
async def account_page(request: AnyRequest, management: Managed) -> Page:
    """Show it."""
    return await account(request, management)


@post("/account/profile", include_in_schema=False, opt=for_(SIGNED_IN), status_code=200)
async def change_profile(request: AnyRequest, management: Managed) -> Page:
    """Change the name."""
    name = form_of(request).text("name")
    refused = await management.people.own_account.rename(visitor_of(request), name)
    if refused is not None:
        return await account(request, management, refused, name=name)
    return see(request, ACCOUNT_PATH, "Your name is changed")


@post("/account/password", include_in_schema=False, opt=for_(SIGNED_IN), status_code=200)
async def change_password(request: AnyRequest, management: Managed) -> Page:
    """Set another password; who never had one shows in another way that it is them."""
    visitor, form, own = visitor_of(request), form_of(request), management.people.own_account
    login = await own.login(visitor)
    if _must_prove(visitor, login):
        raise SeeOtherError(prove_path(ACCOUNT_PATH), TYPE_AGAIN)
    wanted = NewPassword(Secret(form.raw("current")), Secret(form.raw("password")))
    refused = await own.change_password(visitor, wanted)
    if refused is not None:
        return await account(request, management, refused)
    answer = see(request, ACCOUNT_PATH, "Your password is changed; your other sessions have ended")
    set_session(request, management, answer, await management.sessions.renew(visitor))
    return answer


@post("/account/sessions/end-others", include_in_schema=False, opt=for_(SIGNED_IN), status_code=200)
async def end_other_sessions(request: AnyRequest, management: Managed) -> Page:
    """End all sessions but this one."""
    await management.sessions.end_others(visitor_of(request))
    return see(request, ACCOUNT_PATH, "Your other sessions have ended")


@post("/account/sessions/{session_id:str}/end", include_in_schema=False, opt=for_(SIGNED_IN), status_code=200)
async def end_session(request: AnyRequest, management: Managed, session_id: FromPath[str]) -> Page:
    """End one session; this one too."""
    visitor = visitor_of(request)
    if not await management.sessions.end_one(visitor, session_id):
        refuse(Reason.RESOURCE_NOT_FOUND, "You have no such session; it may be over already")
    answer = see(request, ACCOUNT_PATH, "The session has ended")
    if session_id == visitor.person.session_id:
        answer.cookies.append(cookies.write(request.headers, cookies.SESSION, "", max_age_s=0))
    return answer


@post(
    "/account/identity/forget",
    include_in_schema=False,
    opt=for_(SIGNED_IN, proof="disconnect an identity"),
    status_code=200,
)
async def forget_identity(request: AnyRequest, management: Managed) -> Page:
    """Sign in as one of them at the provider no more."""
    form = form_of(request)
    refused = await management.people.oidc.forget(
        visitor_of(request), form.raw("issuer"), form.raw("subject")
    )
    if refused is not None:
        return await account(request, management, refused)
    return see(request, ACCOUNT_PATH, "You sign in there no more")


HANDLERS = [
    account_page,
    change_profile,
    change_password,
    end_other_sessions,
    end_session,
    forget_identity,
]


async def account(
    request: AnyRequest, management: Management, refused: Refused | None = None, *, name: str | None = None
) -> Page:
    """Answer with the account page."""
    visitor, people = visitor_of(request), management.people
    sessions, login = await management.sessions.each(visitor), await people.own_account.login(visitor)
    return render(
        request,
        "account.html",
        title="Your account",
        section="account",
        refused=refused,
        name=visitor.signed_in.name if name is None else name,
        login=login,
        asks_proof=_must_prove(visitor, login),
        codes_left=await people.second_factors.codes_left(visitor),
        few=FEW,
        passkeys=[(text_of(one.id), one) for one in await people.passkeys.each(visitor)],
        takes_passkeys=place_of(request.headers).takes_passkeys,
        provider=people.oidc.name,
        identities=await people.oidc.each(visitor.person.id),
        sessions=[(one, describe(one.agent)) for one in sessions],
        sessions_here=visitor.person.session_id,
    )


def _must_prove(visitor: Visitor, login: StoredLogin) -> bool:
    """Say whether somebody shows that it is them before they type a new password.

    Changing it proves who they are: where a code is asked for, the old password alone is too little for that.
    """
    alone = bool(login.password_hash) and login.totp_confirmed_at is None
    return not alone and not visitor.person.proved(now_ms())
