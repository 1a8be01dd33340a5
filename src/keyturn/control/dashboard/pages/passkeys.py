"""Passkeys: what the script on other pages asks for, and what it brings back."""

from litestar import Response, get, post
from litestar.params import FromPath

from keyturn.control.dashboard.guard import (
    ANYONE,
    SIGNED_IN,
    csrf_of,
    for_,
    form_of,
    visitor_of,
)
from keyturn.control.dashboard.origins import place_of
from keyturn.control.dashboard.pages.account import ACCOUNT_PATH, account
from keyturn.control.dashboard.pages.entrance import let_in, status_of
from keyturn.control.dashboard.shell import AnyRequest, Page, render, safe_path, see
from keyturn.control.door import visit_of
from keyturn.control.errors import refuse
from keyturn.control.management import Managed
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.passkeys import Answered, Asked


@get("/sign-in/passkey", include_in_schema=False, opt=for_(ANYONE))
async def ask_to_sign_in(request: AnyRequest, management: Managed) -> Page:
    """Return a challenge for a passkey to sign: to come in, or to show again that it is them."""
    place = place_of(request.headers)
    if not place.takes_passkeys:
        refuse(Reason.CONFLICT, "Passkeys need a name as the address, and HTTPS")
    return _asked(management.people.passkeys.ask_to_sign_in(csrf_of(request), place))


@post("/sign-in/passkey", include_in_schema=False, opt=for_(ANYONE), status_code=200)
async def sign_in(request: AnyRequest, management: Managed) -> Page:
    """Let in whoever has signed the challenge: a passkey is both factors."""
    found = await management.people.passkeys.sign_in(
        _answered(request), address=visit_of(request.scope).address
    )
    known = found if isinstance(found, Refused) else await management.people.sign_in.again(found)
    if isinstance(known, Refused):
        status = status_of(known)
        return render(
            request,
            "problem_outside.html",
            title="That did not work",
            status=status,
            refused=known,
            opened=False,
        )
    then = safe_path(form_of(request).text("next"))
    return await let_in(request, management, known.user_id, then)


@get("/account/passkeys/options", include_in_schema=False, opt=for_(SIGNED_IN))
async def ask_to_add(request: AnyRequest, management: Managed) -> Page:
    """Return what the browser needs to make a passkey."""
    place = place_of(request.headers)
    if not place.takes_passkeys:
        refuse(Reason.CONFLICT, "Passkeys need a name as the address, and HTTPS")
    return _asked(await management.people.passkeys.ask_to_add(visitor_of(request), place))


@get("/account/passkeys", include_in_schema=False, opt=for_(SIGNED_IN, proof="add a passkey"))
async def new_passkey(request: AnyRequest) -> Page:
    """Ask what a new passkey is to be called."""
    takes = place_of(request.headers).takes_passkeys
    return render(
        request, "passkey.html", title="New passkey", section="account", takes_passkeys=takes, name=""
    )


@post(
    "/account/passkeys", include_in_schema=False, opt=for_(SIGNED_IN, proof="add a passkey"), status_code=200
)
async def add(request: AnyRequest, management: Managed) -> Page:
    """Keep what the browser has made."""
    name = form_of(request).text("name")
    refused = await management.people.passkeys.add(visitor_of(request), name, _answered(request))
    if refused is not None:
        return render(
            request,
            "passkey.html",
            title="New passkey",
            section="account",
            refused=refused,
            takes_passkeys=place_of(request.headers).takes_passkeys,
            name=name,
        )
    return see(request, ACCOUNT_PATH, f"You can sign in with the passkey {name}")


@post(
    "/account/passkeys/{passkey_id:str}/name", include_in_schema=False, opt=for_(SIGNED_IN), status_code=200
)
async def rename(request: AnyRequest, management: Managed, passkey_id: FromPath[str]) -> Page:
    """Give a passkey another name."""
    name = form_of(request).text("name")
    refused = await management.people.passkeys.rename(visitor_of(request), passkey_id, name)
    if refused is not None:
        return await account(request, management, refused)
    return see(request, ACCOUNT_PATH, "The passkey has another name")


@post(
    "/account/passkeys/{passkey_id:str}/remove",
    include_in_schema=False,
    opt=for_(SIGNED_IN, proof="remove a passkey"),
    status_code=200,
)
async def remove(request: AnyRequest, management: Managed, passkey_id: FromPath[str]) -> Page:
    """Take a passkey away."""
    refused = await management.people.passkeys.remove(visitor_of(request), passkey_id)
    if refused is not None:
        return await account(request, management, refused)
    return see(request, ACCOUNT_PATH, "The passkey is removed")


HANDLERS = [ask_to_sign_in, sign_in, ask_to_add, new_passkey, add, rename, remove]


def _answered(request: AnyRequest) -> Answered:
    form = form_of(request)
    return Answered(form.raw("credential"), form.text("ticket"), csrf_of(request), place_of(request.headers))


def _asked(asked: Asked) -> Page:
    body = f'{{"ticket":"{asked.ticket.reveal()}","options":{asked.options}}}'
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(body.encode(), media_type="application/json", headers=headers)
