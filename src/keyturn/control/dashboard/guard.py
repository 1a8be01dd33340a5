"""Who may see which page. Every route says in its ``opt`` whom it is for; one that does not is closed to everybody.

``entry`` is ``ANYONE``, ``SIGNED_IN``, or the operation of the management API that the page stands for: a person may open
the page exactly if they may make that call. ``proof`` asks to have shown lately that it is them.
"""

from typing import Any, NoReturn
from urllib.parse import parse_qsl, quote

import msgspec
from litestar import Request
from litestar.datastructures import Headers
from litestar.types import ASGIApp, Receive, Scope, Send

from keyturn import system
from keyturn.control import cookies
from keyturn.control.auth import admit_person
from keyturn.control.dashboard.kept_forms import KEPT_FIELD, KeptForm, KeptForms
from keyturn.control.errors import refuse
from keyturn.control.management import Management
from keyturn.control.visitors import (
    CSRF_HEADER,
    SAFE,
    is_ours,
    own_origin,
    session_token,
    still,
    visitor_in,
)
from keyturn.domain.refusals import Reason
from keyturn.domain.roles import may
from keyturn.services.holder_sessions import HeldKey
from keyturn.services.sessions import Visitor
from keyturn.store.engine import BEFORE_CHANGE

ENTRY, PROOF, HOLDER, ALONE, LOOKS = "entry", "proof", "holder", "alone", "looks"
ANYONE, SIGNED_IN = "anyone", "signed in"
CSRF_FIELD = "csrf"
SIGN_IN_PATH, PROVE_PATH, SIGN_OUT_PATH = "/dashboard/sign-in", "/dashboard/prove", "/dashboard/sign-out"
MOST_FIELDS = 500
_VISITOR, _FORM, _CSRF, _HELD = "visitor", "form", "csrf", "held"
_OPEN_ALERTS = "open_alerts"
_LIST_ALERTS = ("GET", "/api/v1/alerts")
TYPE_AGAIN = (
    "Nothing was changed. What you typed is not kept, because a secret is in it or it is very long: "
    "type it again once you have shown that it is you"
)
ENDED, AWAY = "Your session ended", "You are signed out"
NOTHING_DONE, KEPT = ", and nothing was changed", ". What you typed is kept: sign in to send it"
NOT_KEPT = ". What you typed is not kept, because a secret is in it or it is very long"
NOT_KNOWN = ". What you typed is not kept, because it is not known any more whose session it was"
SINCE = "You have signed in anew since that page was opened; nothing was changed yet"
LOOK_AGAIN = "You have signed in anew since that page was opened: search once more"
STALE = "This page is too old to be sent: reload it and try again. Nothing was changed"

Entry = str | tuple[str, str]


class SeeOtherError(Exception):
    """Leads the browser to another page instead, which may say something once."""

    def __init__(self, path: str, said: str = "") -> None:
        super().__init__(path)
        self.path = path
        self.said = said


class Form(msgspec.Struct, frozen=True):
    """What a form was filled with."""

    fields: dict[str, list[str]] = {}

    def text(self, name: str, default: str = "") -> str:
        """Return a field without the space around it; the last one where it came several times."""
        return self.fields[name][-1].strip() if self.fields.get(name) else default

    def raw(self, name: str) -> str:
        """Return a field as it was typed, such as a password."""
        return self.fields[name][-1] if self.fields.get(name) else ""

    def each(self, name: str) -> list[str]:
        """Return the fields of this name that are not empty."""
        return [value.strip() for value in self.fields.get(name, []) if value.strip()]

    def on(self, name: str) -> bool:
        """Say whether a box is ticked."""
        return bool(self.text(name))


def for_(
    entry: Entry, *, proof: str = "", holder: bool = False, alone: bool = False, looks: bool = False
) -> dict[str, Any]:
    """Return the ``opt`` of a route.

    Args:
        entry: ``ANYONE``, ``SIGNED_IN``, or method and path as ``domain.operations`` has them.
        proof: Ask to have shown lately that it is them, before they do this, such as ``delete a key``.
        holder: It is for whoever has signed in with a key alone; what they may see, the page itself decides.
        alone: An open page asks for it by itself: nobody's session lasts longer for it.
        looks: Its form changes nothing and may have a secret in it, such as a search: it is never kept, and whoever
            can't send it is led to the page of the same address.
    """
    return {ENTRY: entry, PROOF: proof, HOLDER: holder, ALONE: alone, LOOKS: looks}


def prove_path(then: str) -> str:
    """Return the address of the page that asks somebody to show that it is them.

    Args:
        then: Where it leads on to.
    """
    return f"{PROVE_PATH}?next={quote(then)}"


class Guard:
    """An ASGI layer around all pages: it knows who visits, whether they may, and whether a form is one of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        state: Any = scope["state"]
        call: Any = scope
        headers = Headers.from_scope(scope)
        opt = call["route_handler"].opt
        visitor = state[_VISITOR] = await visitor_in(scope, headers, alone=bool(opt.get(ALONE)))
        state[_CSRF] = (
            visitor.signed_in.session.csrf if visitor else cookies.read(headers, cookies.VISIT)
        ) or system.new_token().reveal()
        if visitor is not None:
            admit_person(scope, visitor)
        held = state[_HELD] = await _held(scope, headers) if opt.get(HOLDER) else None
        if held is not None:
            state[_CSRF] = held.session.csrf
        if opt.get(ENTRY) != ANYONE:
            if visitor is None:
                await _ask_to_sign_in(scope, receive, headers)
            self._admit(visitor, opt)
        if call["method"] not in SAFE:
            await _take_form(scope, receive, headers)
        if visitor is not None and opt.get(PROOF) and not visitor.person.proved(system.now_ms()):
            _ask_for_proof(call, headers, visitor)
        if visitor is not None and opt.get(ENTRY) != ANYONE:
            if call["method"] not in SAFE:
                BEFORE_CHANGE.set(still(scope, headers, visitor))
            state[_OPEN_ALERTS] = await _open_alerts(call, visitor)
        await self._app(scope, receive, send)

    def _admit(self, visitor: Visitor, opt: dict[str, Any]) -> None:
        entry: Entry | None = opt.get(ENTRY)
        if entry == SIGNED_IN:
            return
        if entry is None or isinstance(entry, str) or not may(visitor.person, *entry):
            refuse(Reason.INSUFFICIENT_PERMISSIONS, "Your role in this account does not reach this page")


def visitor_of(request: Request[Any, Any, Any]) -> Visitor:
    """Return who visits a page that is for people who have signed in."""
    visitor: Visitor = request.scope["state"][_VISITOR]
    return visitor


def known_visitor(request: Request[Any, Any, Any]) -> Visitor | None:
    """Return who visits, where they have signed in."""
    visitor: Visitor | None = request.scope["state"].get(_VISITOR)
    return visitor


def holder_in(request: Request[Any, Any, Any]) -> HeldKey | None:
    """Return who has signed in with a key alone, on a page for them; whether the key is still good is not said."""
    held: HeldKey | None = request.scope["state"].get(_HELD)
    return held


def open_alerts_of(request: Request[Any, Any, Any]) -> int:
    """Return how many alerts wait for whoever visits; 0 where they are none of their business."""
    found: int = request.scope["state"].get(_OPEN_ALERTS, 0)
    return found


def form_of(request: Request[Any, Any, Any]) -> Form:
    """Return what a form was filled with; empty for a request that sends none."""
    form: Form = request.scope["state"].get(_FORM, Form())
    return form


def csrf_of(request: Request[Any, Any, Any]) -> str:
    """Return what forms of this visitor carry."""
    token: str = request.scope["state"].get(_CSRF, "")
    return token


async def _held(scope: Scope, headers: Headers) -> HeldKey | None:
    token = cookies.read(headers, cookies.HOLDER)
    if not token:
        return None
    management: Management = scope["litestar_app"].state["management"]
    return await management.holder_sessions.find(token)


async def _open_alerts(call: Any, visitor: Visitor) -> int:  # noqa: ANN401 -- a scope
    """Count the alerts that wait, for whoever may see them."""
    if not may(visitor.person, *_LIST_ALERTS):
        return 0
    management: Management = call["litestar_app"].state["management"]
    return await management.alerts.open_count(visitor.principal)


def kept_form(request: Request[Any, Any, Any], token: str) -> KeptForm | None:
    """Return what whoever visits has sent before, if it is kept still: in this session, or in one that ended."""
    kept: KeptForms = request.app.state["kept_forms"]
    return kept.find(token, visitor_of(request).person.id)


async def _ask_to_sign_in(scope: Scope, receive: Receive, headers: Headers) -> NoReturn:
    """Lead to where people sign in, say why, and keep what was typed."""
    call: Any = scope
    ended = ENDED if session_token(headers) else AWAY
    if call["method"] in SAFE:
        query = call["query_string"].decode("latin-1")
        back = call["path"] + (f"?{query}" if query else "")
        raise SeeOtherError(_sign_in_path(back), ENDED if ended == ENDED else "")
    if call["path"] == SIGN_OUT_PATH:
        raise SeeOtherError(SIGN_IN_PATH)
    if call["route_handler"].opt.get(LOOKS):
        raise SeeOtherError(_sign_in_path(call["path"]), ended)
    fields = _typed(await _fields(scope, receive, headers))
    if not fields or not _names_us(headers):
        raise SeeOtherError(_sign_in_path(_page_of(call, headers)), ended + NOTHING_DONE)
    state = call["litestar_app"].state
    management: Management = state["management"]
    kept: KeptForms = state["kept_forms"]
    user_id = await management.sessions.whose(session_token(headers))
    token = kept.keep(user_id, _address(call), fields, ours=False) if user_id else ""
    if not token:
        why = NOT_KEPT if user_id else NOT_KNOWN
        raise SeeOtherError(_sign_in_path(_page_of(call, headers)), ended + NOTHING_DONE + why)
    raise SeeOtherError(_sign_in_path(f"{PROVE_PATH}?{KEPT_FIELD}={token}"), ended + NOTHING_DONE + KEPT)


def _sign_in_path(then: str) -> str:
    return f"{SIGN_IN_PATH}?next={quote(then)}"


def _typed(fields: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: values for name, values in fields.items() if name not in {CSRF_FIELD, KEPT_FIELD}}


def _names_us(headers: Headers) -> bool:
    """Say whether the browser itself names a page of ours as what sent this; silence is no such word."""
    return headers.get("origin") == own_origin(headers)


async def _fields(scope: Scope, receive: Receive, headers: Headers) -> dict[str, list[str]]:
    # The framework keeps what is read here for the handler.
    body = await Request[Any, Any, Any](scope, receive).body()
    fields: dict[str, list[str]] = {}
    if headers.get("content-type", "").partition(";")[0].strip() == "application/x-www-form-urlencoded":
        try:
            pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            refuse(Reason.MALFORMED_REQUEST, "The form can't be read")
        for name, value in pairs:
            fields.setdefault(name, []).append(value)
    return fields


async def _take_form(scope: Scope, receive: Receive, headers: Headers) -> None:
    fields = await _fields(scope, receive, headers)
    sent = headers.get(CSRF_HEADER) or (fields.get(CSRF_FIELD) or [""])[-1]
    known: str = scope["state"][_CSRF]
    if not is_ours(headers, sent, known):
        _ask_once_more(scope, headers, fields)
        refuse(Reason.CSRF_MISMATCH, STALE)
    _forget_kept(scope, (fields.pop(KEPT_FIELD, None) or [""])[-1])
    scope["state"][_FORM] = Form(fields)


def _ask_once_more(scope: Scope, headers: Headers, fields: dict[str, list[str]]) -> None:
    """Lead whoever signed in anew meanwhile, in another window, to where they send the same form as one of today's."""
    call: Any = scope
    visitor: Visitor | None = call["state"][_VISITOR]
    typed = _typed(fields)
    inside = visitor is not None and call["route_handler"].opt.get(ENTRY) != ANYONE
    if visitor is None or not (inside and typed and any(fields.get(CSRF_FIELD, ())) and _names_us(headers)):
        return
    if call["route_handler"].opt.get(LOOKS):
        raise SeeOtherError(call["path"], LOOK_AGAIN)
    kept: KeptForms = call["litestar_app"].state["kept_forms"]
    token = kept.keep(visitor.person.id, _address(call), typed, ours=False)
    if token:
        raise SeeOtherError(f"{PROVE_PATH}?{KEPT_FIELD}={token}", SINCE)


def _forget_kept(scope: Scope, token: str) -> None:
    """Keep a form no longer that has come a second time, now that it is here."""
    visitor: Visitor | None = scope["state"][_VISITOR]
    if token and visitor is not None:
        kept: KeptForms = scope["litestar_app"].state["kept_forms"]
        kept.drop(token, visitor.person.id)


def _ask_for_proof(call: Any, headers: Headers, visitor: Visitor) -> NoReturn:  # noqa: ANN401 -- a scope
    """Lead to the page that asks; what was typed waits for the answer, unless it is secret."""
    if call["method"] in SAFE:
        raise SeeOtherError(prove_path(_page_of(call, headers)))
    form: Form = call["state"][_FORM]
    fields = {name: values for name, values in form.fields.items() if name != CSRF_FIELD}
    kept: KeptForms = call["litestar_app"].state["kept_forms"]
    token = kept.keep(visitor.person.id, _address(call), fields)
    if token:
        raise SeeOtherError(prove_path(f"{PROVE_PATH}?{KEPT_FIELD}={token}"))
    raise SeeOtherError(prove_path(_page_of(call, headers)), TYPE_AGAIN)


def _page_of(call: Any, headers: Headers) -> str:  # noqa: ANN401 -- a scope
    """Return the page to come back to: this one, or the one that holds the form."""
    if call["method"] in SAFE:
        return _address(call)
    referrer = headers.get("referer", "")
    origin = own_origin(headers)
    return referrer.removeprefix(origin) if referrer.startswith(f"{origin}/dashboard") else "/dashboard"


def _address(call: Any) -> str:  # noqa: ANN401 -- a scope
    """Return path and query as a browser writes them."""
    query = call["query_string"].decode("latin-1")
    return quote(call["path"]) + (f"?{query}" if query else "")
