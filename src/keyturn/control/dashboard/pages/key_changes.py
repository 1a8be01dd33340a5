"""Change one API key: edit it, revoke it, delete it."""

import json
from zoneinfo import ZoneInfo

from litestar import get, post
from litestar.params import FromPath

from keyturn import system
from keyturn.control.dashboard.guard import for_, form_of, visitor_of
from keyturn.control.dashboard.key_forms import (
    FIELDS,
    Texts,
    at_field,
    changes_between,
    merged,
    read_terms,
    read_was,
    standing_limits,
    texts_in,
    texts_of,
)
from keyturn.control.dashboard.pages.key_page import frame, secret_rows, week_of
from keyturn.control.dashboard.pages.keys import KEYS, REVOKE, KeyId, checked_id, display_of
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.errors import granted
from keyturn.control.management import Managed, Management
from keyturn.domain.permissions import Preset
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.keys import Key

END = ("DELETE", "/api/v1/keys/{key_id}/secrets/{secret_id}")
EDIT, DELETE = ("PATCH", "/api/v1/keys/{key_id}"), ("DELETE", "/api/v1/keys/{key_id}")


@get("/keys/{key_id:str}/edit", include_in_schema=False, opt=for_(EDIT))
async def edit_page(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Show a key as a form."""
    key = granted(await management.keys.show(checked_id(key_id), by=visitor_of(request).principal))
    now = _texts_now(request, key)
    return _edit_form(request, key, now, now)


@post("/keys/{key_id:str}/edit", include_in_schema=False, opt=for_(EDIT), status_code=200)
async def edit(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Change what somebody has changed in the form; a key that is not what they saw stays as it is."""
    visitor, form = visitor_of(request), form_of(request)
    key = granted(await management.keys.show(checked_id(key_id), by=visitor.principal))
    typed, was = texts_in(form.fields, FIELDS), read_was(form.raw("was"))
    zone = ZoneInfo(visitor.signed_in.time_zone)
    terms = read_terms(typed, was, zone, standing_limits(key.stored.limits, system.now()))
    if isinstance(terms, Refused):
        return _edit_form(request, key, typed, was, terms, version=form.text("version"))
    version = f'"{form.text("version")}"'
    done = await management.keys.edit(key_id, terms, by=visitor.principal, if_match=version)
    if not isinstance(done, Refused):
        return see(request, f"{KEYS}/{key_id}", f"{done.stored.name} is changed, everywhere")
    if done.reason is not Reason.VERSION_MISMATCH:
        return _edit_form(request, key, typed, was, at_field(done), version=form.text("version"))
    now = _texts_now(request, key)
    changes = changes_between(was, now)
    answer = _edit_form(request, key, merged(typed, was, now), now, changes=changes)
    answer.status_code = done.rule.status
    return answer


@get("/keys/{key_id:str}/revoke", include_in_schema=False, opt=for_(REVOKE))
async def revoke_page(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Ask whether a key is to be ended for good."""
    return await _ending(request, management, key_id, "revoke")


@post("/keys/{key_id:str}/revoke", include_in_schema=False, opt=for_(REVOKE), status_code=200)
async def revoke(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """End a key for good."""
    key = granted(await management.keys.revoke(checked_id(key_id), by=visitor_of(request).principal))
    return see(request, f"{KEYS}/{key_id}", f"{key.stored.name} is revoked, everywhere")


@get(
    "/keys/{key_id:str}/secrets/{secret_id:str}/revoke",
    include_in_schema=False,
    opt=for_(END, proof="revoke one secret of a key"),
)
async def revoke_secret_page(
    request: AnyRequest, management: Managed, key_id: KeyId, secret_id: FromPath[str]
) -> Page:
    """Ask whether one secret of a key is to be ended."""
    await management.ingest.flush()
    key = granted(await management.keys.show(checked_id(key_id), by=visitor_of(request).principal))
    row = next((one for one in secret_rows(key) if one.secret.id == secret_id and one.ends_alone), None)
    if row is None:
        return see(request, f"{KEYS}/{key_id}", "This secret can't be ended alone", failed=True)
    return render(
        request,
        "keys/secret_ending.html",
        title="Revoke one secret",
        section="keys",
        key=key.stored,
        row=row,
    )


@post(
    "/keys/{key_id:str}/secrets/{secret_id:str}/revoke",
    include_in_schema=False,
    opt=for_(END, proof="revoke one secret of a key"),
    status_code=200,
)
async def revoke_secret(
    request: AnyRequest, management: Managed, key_id: KeyId, secret_id: FromPath[str]
) -> Page:
    """End one secret of a key."""
    by = visitor_of(request).principal
    done = await management.key_secrets.revoke(checked_id(key_id), secret_id, by=by)
    if isinstance(done, Refused) and done.reason is Reason.CONFLICT:
        return see(request, f"{KEYS}/{key_id}", done.text, failed=True)
    key = granted(done)
    return see(request, f"{KEYS}/{key_id}", f"One secret of {key.stored.name} is revoked, everywhere")


@get("/keys/{key_id:str}/delete", include_in_schema=False, opt=for_(DELETE, proof="delete a key"))
async def delete_page(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Ask whether a key is to be deleted."""
    return await _ending(request, management, key_id, "delete")


@post(
    "/keys/{key_id:str}/delete",
    include_in_schema=False,
    opt=for_(DELETE, proof="delete a key"),
    status_code=200,
)
async def delete(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Take a key out of sight."""
    done = await management.keys.delete(checked_id(key_id), by=visitor_of(request).principal)
    if isinstance(done, Refused) and done.reason is Reason.CONFLICT:
        return see(request, f"{KEYS}/{key_id}", done.text, failed=True)
    key = granted(done)
    return see(request, KEYS, f"{key.stored.name} is deleted; its usage stays in reports")


HANDLERS = [
    edit_page,
    edit,
    revoke_page,
    revoke,
    revoke_secret_page,
    revoke_secret,
    delete_page,
    delete,
]


def _texts_now(request: AnyRequest, key: Key) -> Texts:
    zone = ZoneInfo(visitor_of(request).signed_in.time_zone)
    return texts_of(key.stored, zone, system.now())


def _edit_form(
    request: AnyRequest,
    key: Key,
    typed: Texts,
    was: Texts,
    refused: Refused | None = None,
    *,
    version: str = "",
    changes: list[tuple[str, str, str]] | None = None,
) -> Page:
    """Answer with the form.

    Args:
        request: What is answered.
        key: As it is now.
        typed: What the fields show.
        was: What they showed when somebody began to type.
        refused: Why nothing was changed.
        version: Of the key that they saw; empty: this one.
        changes: What another has changed meanwhile.
    """
    visitor = visitor_of(request)
    return render(
        request,
        "keys/edit.html",
        **frame(visitor, key, "edit"),
        refused=refused,
        typed=typed,
        was=json.dumps(was),
        version=version or str(key.stored.version),
        changes=changes or [],
        presets=[one.value for one in Preset],
        zone=visitor.signed_in.time_zone,
    )


async def _ending(request: AnyRequest, management: Management, key_id: str, action: str) -> Page:
    visitor = visitor_of(request)
    await management.ingest.flush()
    key = granted(await management.keys.show(checked_id(key_id), by=visitor.principal))
    return render(
        request,
        "keys/ending.html",
        title=f"{action.capitalize()} the key",
        section="keys",
        key=key.stored,
        used=key.usage,
        display=display_of(key),
        week=await week_of(management, key_id),
        action=action,
    )
