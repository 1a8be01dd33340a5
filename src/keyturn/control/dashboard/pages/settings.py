"""The settings of the node: what can be changed while it runs, and what it runs with."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
from litestar import get, post

from keyturn import __version__, system
from keyturn.config.live import changeable
from keyturn.config.reference import Entry, descriptions, table
from keyturn.control.dashboard.fields import plainly
from keyturn.control.dashboard.guard import Form, for_, form_of, visitor_of
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.management import Managed, Management
from keyturn.control.resources.node import problems_with, workers_of
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.settings import Shown
from keyturn.store.migrations import HEAD

PATH = "/dashboard/settings"
REQUIRED, LOCATIONS = "auth.required", "auth.locations"
PLACES = (
    ("header", "Headers", "Authorization, X-API-Key and the like. What every SDK uses."),
    ("query", "The URL", "?api_key=…; proxies, histories and logs of others keep URLs."),
    ("body", "The JSON body", "A member api_key, for clients that can set nothing else."),
)
UNSAID = "Say whether a key is needed; nothing was changed"
LABELS = {
    "people.sign_up": "Who may make an account",
    "requests.kept_days": "Days that requests are kept",
    "usage.minutes_kept_days": "Days that sums by the minute are kept",
    "usage.hours_kept_days": "Days that sums by the hour are kept",
    "events.kept_days": "Days that events and alerts are kept",
    "support.contact": "Whom your users ask",
    "support.upgrade_url": "Where your users get more",
}
_SHOW, _CHANGE = for_(("GET", "/api/v1/node")), ("PATCH", "/api/v1/settings")


class Field(msgspec.Struct, frozen=True):
    """A setting as a form shows it."""

    path: str
    label: str
    hint: str
    value: str
    choices: tuple[str, ...] = ()
    """Empty: typed, not chosen."""
    is_number: bool = False


@get("/settings", include_in_schema=False, opt=_SHOW)
async def settings_page(request: AnyRequest, management: Managed) -> Page:
    """Show what can be changed, and below it everything else."""
    return await _page(request, management)


@get(
    "/settings/authentication",
    include_in_schema=False,
    opt=for_(_CHANGE, proof="change whether calls need a key"),
)
async def authentication_page(request: AnyRequest, management: Managed) -> Page:
    """Say what it means that no key is needed, before it is so."""
    return _authentication(request, management)


@post(
    "/settings/authentication",
    include_in_schema=False,
    opt=for_(_CHANGE, proof="change whether calls need a key"),
    status_code=200,
)
async def change_authentication(request: AnyRequest, management: Managed) -> Page:
    """Turn it on or off; on return, every worker goes by it."""
    wanted = form_of(request).text("required")
    if wanted not in {"yes", "no"}:
        return _authentication(request, management, Refused(Reason.INVALID_MEMBER, UNSAID, REQUIRED))
    required = wanted == "yes"
    by = visitor_of(request).principal
    changed = await management.node_settings.change({REQUIRED: required}, by=by)
    if isinstance(changed, Refused):
        return _authentication(request, management, changed)
    said = (
        "Every request needs a key again, on every worker"
        if required
        else "Models can be called without a key"
    )
    return see(request, PATH, said)


@post(
    "/settings/locations",
    include_in_schema=False,
    opt=for_(_CHANGE, proof="change where keys may stand"),
    status_code=200,
)
async def change_locations(request: AnyRequest, management: Managed) -> Page:
    """Say where keys may stand."""
    wanted: dict[str, object] = {LOCATIONS: form_of(request).each("place")}
    return await _changed(request, management, wanted, "Keys are taken there only, on every worker")


@post("/settings/other", include_in_schema=False, opt=for_(_CHANGE, proof="change settings"), status_code=200)
async def change_others(request: AnyRequest, management: Managed) -> Page:
    """Change what was typed otherwise than it is."""
    form = form_of(request)
    wanted = differing(form, management.node_settings.everything())
    if not wanted:
        return see(request, PATH, "Nothing was different")
    return await _changed(request, management, wanted, "Saved", form)


@post(
    "/settings/reset",
    include_in_schema=False,
    opt=for_(_CHANGE, proof="take back a change of settings"),
    status_code=200,
)
async def reset_setting(request: AnyRequest, management: Managed) -> Page:
    """Take a change back."""
    path = form_of(request).text("path")
    return await _changed(request, management, {path: None}, f"{path} is what the node was started with")


HANDLERS = [
    settings_page,
    authentication_page,
    change_authentication,
    change_locations,
    change_others,
    reset_setting,
]


def fields(shown: Sequence[Shown], typed: Form | None = None) -> list[Field]:
    """Return the settings that are typed or chosen, with what was typed before it was refused."""
    found = []
    for one in shown:
        if one.path in {REQUIRED, LOCATIONS}:
            continue
        entry = changeable()[one.path]
        value = str(one.value) if typed is None else typed.text(one.path, str(one.value))
        label = LABELS.get(one.path, one.path)
        hint = one.description.replace("``", "")
        found.append(Field(one.path, label, hint, value, choices(entry), isinstance(entry.default, int)))
    return found


def choices(entry: Entry) -> tuple[str, ...]:
    """Return the words that a setting can have; none if it is typed."""
    return get_args(entry.type) if get_origin(entry.type) is Literal else ()


def differing(form: Form, shown: Sequence[Shown]) -> dict[str, object]:
    """Return what a form has otherwise than it is; whether it can be so, the use case says."""
    found: dict[str, object] = {}
    for one in fields(shown):
        if one.path not in form.fields or form.text(one.path) == one.value:
            continue
        text = form.text(one.path)
        is_whole = one.is_number and text.isascii() and text.isdigit() and len(text) < 10
        found[one.path] = int(text) if is_whole else text
    return found


async def _changed(
    request: AnyRequest,
    management: Management,
    wanted: Mapping[str, object],
    said: str,
    typed: Form | None = None,
) -> Page:
    changed = await management.node_settings.change(wanted, by=visitor_of(request).principal)
    if isinstance(changed, Refused):
        said_plainly = plainly(changed.text.removeprefix(f"{changed.param}: "))
        refused = msgspec.structs.replace(changed, message=said_plainly)
        return await _page(request, management, refused=refused, typed=typed)
    return see(request, PATH, said)


async def _page(
    request: AnyRequest, management: Management, *, refused: Refused | None = None, typed: Form | None = None
) -> Page:
    shown = management.node_settings.everything()
    by_path = {one.path: one for one in shown}
    workers = workers_of(management)
    upstreams = await management.upstreams.everything()
    changers = await management.names.of(one.changed.by for one in shown if one.changed is not None)
    disk = shutil.disk_usage(management.store.path.parent)
    return render(
        request,
        "settings.html",
        title="Settings",
        section="settings",
        refused=refused,
        required=by_path[REQUIRED],
        locations=by_path[LOCATIONS],
        places=PLACES,
        exposed=not management.live.anonymous_allowed,
        fields=fields(shown, typed),
        changed={one.path: one.changed for one in shown if one.changed is not None},
        names=changers,
        rows=table(management.settings, management.live.origins),
        words=descriptions(),
        problems=problems_with(management, workers, connected=bool(upstreams)),
        workers=workers,
        facts=_facts(management),
        disk=disk,
    )


def _facts(management: Management) -> dict[str, Any]:
    path = Path(management.store.path)
    return {
        "version": __version__,
        "started_at": int(management.started_at * 1000),
        "database": str(path),
        "database_bytes": sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*")),
        "revision": HEAD,
        "memory": system.resident_bytes(os.getpid()),
    }


def _authentication(request: AnyRequest, management: Management, refused: Refused | None = None) -> Page:
    server = management.settings.server
    return render(
        request,
        "settings_authentication.html",
        title="Let calls in without a key",
        section="settings",
        refused=refused,
        possible=management.live.anonymous_allowed,
        host=server.host,
        required=management.settings.auth.required,
    )
