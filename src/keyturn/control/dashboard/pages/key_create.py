"""A new API key: a short form, the rest behind it, and the secret that is shown once."""

from typing import Annotated
from zoneinfo import ZoneInfo

from litestar import get, post
from litestar.params import QueryParameter

from keyturn.control.dashboard.guard import for_, form_of, visitor_of
from keyturn.control.dashboard.key_forms import (
    FIELDS,
    LIFETIMES,
    NEW_FIELDS,
    Texts,
    at_field,
    read_new,
    texts_in,
)
from keyturn.control.dashboard.once import new_nonce, once
from keyturn.control.dashboard.pages.key_secrets import (
    DAY,
    LINK_LIVES,
    SHOWN_BEFORE,
    link_life,
    sent_otherwise,
    show_secret,
)
from keyturn.control.dashboard.pages.keys import CREATE, KEYS, projects_for
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.management import Managed, Management
from keyturn.domain.key_text import Kind
from keyturn.domain.permissions import Permission, Preset
from keyturn.domain.refusals import Refused
from keyturn.domain.roles import Role
from keyturn.services.keys import Issued

_DELIVERY = ("delivery", "link_s")


@get("/keys/new", include_in_schema=False, opt=for_(CREATE))
async def new_page(
    request: AnyRequest, management: Managed, project: Annotated[str, QueryParameter()] = ""
) -> Page:
    """Ask what key it shall be."""
    typed = dict.fromkeys((*FIELDS, *NEW_FIELDS, *_DELIVERY), "") | {"project_id": project, "link_s": DAY}
    visitor = visitor_of(request)
    if visitor.person.role is Role.MEMBER:
        typed["user_id"] = visitor.signed_in.email
    return await _form(request, management, typed)


@post("/keys/new", include_in_schema=False, opt=for_(CREATE), status_code=201)
async def create(request: AnyRequest, management: Managed) -> Page:
    """Make it, and show its secret."""
    visitor, form = visitor_of(request), form_of(request)
    typed = texts_in(form.fields, (*FIELDS, *NEW_FIELDS, *_DELIVERY))
    wanted = read_new(typed, ZoneInfo(visitor.signed_in.time_zone))
    if isinstance(wanted, Refused):
        return await _form(request, management, typed, wanted)
    path = request.scope["path"]
    async with once(management, form, caller=visitor.person.id, path=path, made=_made) as attempt:
        if attempt.before:
            return see(request, f"{KEYS}/{attempt.before}", SHOWN_BEFORE, failed=True)
        done = attempt.refused or await management.keys.create(wanted, by=visitor.principal)
        if isinstance(done, Issued):
            attempt.made = done.key.stored.id
    if isinstance(done, Refused):
        return await _form(request, management, typed, sent_otherwise(done))
    if typed["delivery"] != "link":
        return await show_secret(
            request, management, done.key, done.secret, title="New API key", created=True
        )
    whose = done.key.stored.id, done.key.secrets[-1].id
    claim = await management.claims.offer(*whose, done.secret, link_life(typed["link_s"]))
    return await show_secret(request, management, done.key, claim, title="New API key", created=True)


HANDLERS = [new_page, create]


def _made(result: object) -> str:
    return result.key.stored.id if isinstance(result, Issued) else ""


async def _form(
    request: AnyRequest, management: Management, typed: Texts, refused: Refused | None = None
) -> Page:
    visitor = visitor_of(request)
    refused = None if refused is None else at_field(refused)
    projects = await projects_for(management, visitor.principal)
    if projects:
        named = {name: one for one, name in projects} | {one: one for one, _ in projects}
        # The oldest, as for a call that names none.
        typed = {**typed, "project_id": named.get(typed["project_id"]) or min(projects)[0]}
    return render(
        request,
        "keys/new.html",
        title="New API key",
        section="keys",
        refused=refused,
        typed=typed,
        projects=projects,
        kinds=[one.value for one in Kind],
        presets=[one.value for one in Preset],
        permissions=[one.value for one in Permission],
        lifetimes=LIFETIMES,
        lives=LINK_LIVES,
        own_only=visitor.person.role is Role.MEMBER,
        zone=visitor.signed_in.time_zone,
        nonce=new_nonce(),
    )
