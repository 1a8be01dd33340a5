"""Asks somebody who has signed in to show again that it is them: before what can't be taken back."""

from typing import Annotated

from litestar import get, post
from litestar.params import QueryParameter

from keyturn.control.dashboard.guard import (
    PROVE_PATH,
    SIGNED_IN,
    csrf_of,
    for_,
    form_of,
    kept_form,
    visitor_of,
)
from keyturn.control.dashboard.kept_forms import KEPT_FIELD
from keyturn.control.dashboard.origins import place_of
from keyturn.control.dashboard.pages.entrance import Next, set_session, status_of
from keyturn.control.dashboard.proof_words import ProofWords
from keyturn.control.dashboard.shell import PATH, AnyRequest, Page, render, safe_path, see
from keyturn.control.management import Managed, Management
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.passkeys import Answered
from keyturn.services.sessions import Visitor
from keyturn.system import now_ms

Kept = Annotated[str, QueryParameter(name=KEPT_FIELD)]
KEPT_PATH = f"{PROVE_PATH}?{KEPT_FIELD}="
GONE = "What you typed was sent already, or could not be kept so long: look whether it was done"


@get("/prove", include_in_schema=False, opt=for_(SIGNED_IN))
async def prove_page(request: AnyRequest, management: Managed, then: Next = "", kept: Kept = "") -> Page:
    """Ask; or send what somebody typed before they were asked."""
    if not kept:
        return await _page(request, management, safe_path(then))
    form = kept_form(request, kept)
    if form is None:
        return see(request, PATH, GONE, failed=True)
    if form.ours and not visitor_of(request).person.proved(now_ms()):
        return await _page(request, management, f"{KEPT_PATH}{kept}")
    return render(request, "prove_send.html", title="What you sent before", form=form, kept=kept)


@post("/prove", include_in_schema=False, opt=for_(SIGNED_IN), status_code=200)
async def prove(request: AnyRequest, management: Managed) -> Page:
    """Take a password, a code or a passkey, and lead on."""
    form, visitor = form_of(request), visitor_of(request)
    then = safe_path(form.text("next"))
    refused = await _judge(request, management, visitor)
    if refused is not None:
        return await _page(request, management, then, refused)
    answer = see(request, then)
    token = await management.sessions.renew(visitor)
    set_session(request, management, answer, token)
    return answer


HANDLERS = [prove_page, prove]


async def _judge(request: AnyRequest, management: Management, visitor: Visitor) -> Refused | None:
    form, people = form_of(request), management.people
    if form.raw("credential"):
        answered = Answered(
            form.raw("credential"), form.text("ticket"), csrf_of(request), place_of(request.headers)
        )
        found = await people.passkeys.sign_in(answered, address=visitor.principal.address)
        if isinstance(found, Refused):
            return found
        return (
            None if found == visitor.person.id else Refused(Reason.INVALID_MEMBER, "This is not your passkey")
        )
    login = await people.own_account.login(visitor)
    if login.totp_confirmed_at is None:
        return await people.own_account.judge(visitor, Secret(form.raw("password")))
    left = await people.second_factors.judge(
        visitor.person.id, form.text("code"), address=visitor.principal.address
    )
    return left if isinstance(left, Refused) else None


async def _page(
    request: AnyRequest, management: Management, then: str, refused: Refused | None = None
) -> Page:
    visitor, people = visitor_of(request), management.people
    login = await people.own_account.login(visitor)
    keys = await people.passkeys.each(visitor)
    linked = await people.oidc.each(visitor.person.id)
    keeps = then.startswith(KEPT_PATH)
    return render(
        request,
        "prove.html",
        title="Show that it is you",
        status=status_of(refused) if refused else 200,
        refused=refused,
        next=then,
        keeps=keeps,
        about_to=_about_to(request, then, keeps=keeps),
        login=login,
        takes_passkeys=bool(keys) and place_of(request.headers).takes_passkeys,
        provider=people.oidc.name if linked and login.totp_confirmed_at is None else "",
    )


def _about_to(request: AnyRequest, then: str, *, keeps: bool) -> str:
    """Return what waits for the answer; ``""``: it is not known."""
    words: ProofWords = request.app.state["proof_words"]
    if not keeps:
        return words.of("GET", then)
    form = kept_form(request, then.removeprefix(KEPT_PATH))
    return words.of("POST", form.path) if form is not None else ""
