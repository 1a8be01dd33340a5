"""Whoever has a key, and nothing else: what is the key's own, and a new secret for it.

A session here is no session of a person: it belongs to one secret, and each page asks anew whether that may be used
from there, as the API does. Nothing of other keys, of the project or of the account is shown.
"""

from collections.abc import Awaitable, Callable

import msgspec
from litestar import get, post

from keyturn import system
from keyturn.control import cookies
from keyturn.control.auth import holder_of, refused_for_holder
from keyturn.control.dashboard import key_samples
from keyturn.control.dashboard.guard import ANYONE, for_, form_of, holder_in
from keyturn.control.dashboard.key_figures import course, gauges
from keyturn.control.dashboard.key_samples import Use
from keyturn.control.dashboard.once import new_nonce, once
from keyturn.control.dashboard.pages.key_secrets import rotated, sent_otherwise
from keyturn.control.dashboard.pages.keys import display_of
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.door import visit_of
from keyturn.control.errors import RefusedError, granted
from keyturn.control.management import Managed, Management
from keyturn.control.visitors import own_origin
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import SecretState, secret_state
from keyturn.domain.limits import Scope
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.holder_sessions import HeldKey
from keyturn.services.keys import Key
from keyturn.services.rotation import Successor
from keyturn.store.engine import BEFORE_CHANGE

HOLDER = "/dashboard/holder"
ZONE = "UTC"
_ENTRY = for_(ANYONE, holder=True)
LONGEST_KEY = 1_000
OVER = Refused(Reason.SIGN_IN_REQUIRED, "You are signed out; show your key again")
WAITS = (
    "This key has a new secret already that was not used yet, or you signed in with an older one. "
    "Sign in with the newest to rotate again"
)


class KeyHolder(msgspec.Struct, frozen=True):
    """A holder who may see their key now."""

    held: HeldKey
    by: Principal


@get("/holder", include_in_schema=False, opt=_ENTRY)
async def holder_page(request: AnyRequest, management: Managed) -> Page:
    """Show the key that somebody has signed in with, or ask for one."""
    found = await _holder(request, management)
    if isinstance(found, Refused):
        return _ask(request, None if found is OVER else found)
    return await _own_page(request, management, found)


@post("/holder", include_in_schema=False, opt=_ENTRY, status_code=200)
async def holder_sign_in(request: AnyRequest, management: Managed) -> Page:
    """Begin a session for whoever shows a key that may call the API from there."""
    visit, now = visit_of(request.scope), system.now()
    failures = management.holder_sessions
    refused = failures.refused_by_failures(visit.address, now)
    if refused is not None:
        return _ask(request, refused)
    text = form_of(request).text("key").encode("utf-8", "replace")[:LONGEST_KEY]
    if not text:
        return _ask(request, Refused(Reason.MISSING_API_KEY, param="key"))
    try:
        key = await holder_of(management, text, visit, own_origin(request.headers))
    except RefusedError as error:
        failures.failed(visit.address, now)
        return _ask(request, msgspec.structs.replace(error.refused, param="key", message=error.refused.text))
    before = holder_in(request)
    if before is not None:
        await failures.end(before.session)
    token = await failures.open(key)
    answer = see(request, HOLDER)
    answer.cookies.append(cookies.write(request.headers, cookies.HOLDER, token.reveal()))
    return answer


@post("/holder/sign-out", include_in_schema=False, opt=_ENTRY, status_code=200)
async def holder_sign_out(request: AnyRequest, management: Managed) -> Page:
    """End the session, here and on the node."""
    held = holder_in(request)
    if held is not None:
        await management.holder_sessions.end(held.session)
    answer = see(request, HOLDER, "You are signed out")
    answer.cookies.append(cookies.write(request.headers, cookies.HOLDER, "", max_age_s=0))
    return answer


@get("/holder/rotate", include_in_schema=False, opt=_ENTRY)
async def holder_rotate_page(request: AnyRequest) -> Page:
    """Lead to the key's page, where the form stands."""
    return see(request, HOLDER)


@post("/holder/rotate", include_in_schema=False, opt=_ENTRY, status_code=200)
async def holder_rotate(request: AnyRequest, management: Managed) -> Page:
    """Give the key a new secret because its holder asks, and show it."""
    found = await _holder(request, management)
    if isinstance(found, Refused):
        return _ask(request, found)
    key = granted(await management.keys.show(found.held.key.id, by=found.by))

    async def stands() -> None:
        # A change waits for those before it, and one of them may have ended this very secret.
        again = await _holder(request, management)
        if isinstance(again, Refused):
            raise RefusedError(again)

    path = request.scope["path"]
    form = form_of(request)
    async with once(management, form, caller=key.stored.id, path=path, made=rotated) as attempt:
        if attempt.before:
            return see(request, HOLDER, "The key was rotated; its new secret was shown once", failed=True)
        too_old = None if is_newest(key, found.held) else Refused(Reason.CONFLICT, WAITS)
        done = attempt.refused or too_old or await _rotate(management, found, stands)
        if isinstance(done, Successor):
            attempt.made = key.stored.id
    if isinstance(done, Refused):
        return await _own_page(request, management, found, sent_otherwise(done))
    secret = done.secret.reveal() if done.secret is not None else ""
    names = [one.stored.name for one in await management.models.everything()]
    model = key_samples.model_for(key.stored, names)
    use = Use(own_origin(request.headers), secret, Kind(key.stored.kind), model)
    return render(
        request,
        "holder/secret.html",
        title="New secret",
        held=found.held.key,
        secret=secret,
        sealed=done.sealed or "",
        overlap_hours=key.stored.overlap_hours,
        samples=key_samples.samples(use) if secret else [],
    )


HANDLERS = [holder_page, holder_sign_in, holder_sign_out, holder_rotate_page, holder_rotate]


def is_newest(key: Key, held: HeldKey) -> bool:
    """Say whether a holder has the newest secret of the key, in use.

    Whoever asks for a successor with a secret that has had one has the key frozen, because it seems to have two
    holders: a page must not let that happen to somebody who only looks at an old window.
    """
    now_ms = system.now_ms()
    living = [one for one in key.secrets if secret_state(one.life(), now_ms) is not SecretState.DEAD]
    return bool(living) and living[-1].id == held.session.secret_id


async def _rotate(
    management: Management, found: KeyHolder, stands: Callable[[], Awaitable[None]]
) -> Successor | Refused:
    BEFORE_CHANGE.set(stands)
    return await management.rotation.rotate_self(by=found.by)


async def _holder(request: AnyRequest, management: Management) -> KeyHolder | Refused:
    """Return whose page it is, if their secret may still be used from where they are."""
    held = holder_in(request)
    if held is None:
        return OVER
    visit = visit_of(request.scope)
    key = management.holder_sessions.key_of(held.session)
    if key is None:
        return OVER
    refused = refused_for_holder(key, visit, own_origin(request.headers))
    if refused is not None:
        await management.holder_sessions.end(held.session)
        return refused
    fresh = msgspec.structs.replace(held, key=key)
    return KeyHolder(fresh, Principal(key.id, visit.address, visit.request_id, key))


def _ask(request: AnyRequest, refused: Refused | None) -> Page:
    answer = render(
        request,
        "holder/sign_in.html",
        title="Your API key",
        refused=refused,
    )
    if cookies.read(request.headers, cookies.HOLDER):
        answer.cookies.append(cookies.write(request.headers, cookies.HOLDER, "", max_age_s=0))
    return answer


async def _own_page(
    request: AnyRequest, management: Management, found: KeyHolder, refused: Refused | None = None
) -> Page:
    await management.ingest.flush()
    key = granted(await management.keys.show(found.held.key.id, by=found.by))
    used = await course(management, key.stored.id, by=found.by, zone=ZONE)
    limits = granted(await management.limits.show(Scope.KEY, key.stored.id, by=found.by))
    secret = next((one for one in key.secrets if one.id == found.held.session.secret_id), None)
    return render(
        request,
        "holder/page.html",
        title=key.stored.name,
        refused=refused,
        held=found.held.key,
        key=key.stored,
        used=key.usage,
        course=None if isinstance(used, Refused) else used,
        gauges=gauges(limits.limits),
        display=display_of(key) if secret is None else secret.display,
        retires_at=None if secret is None else secret.expires_at,
        rotates=found.held.key.self_rotation,
        newest=is_newest(key, found.held),
        nonce=new_nonce(),
    )
