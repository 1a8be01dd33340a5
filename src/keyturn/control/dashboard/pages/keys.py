"""The list of API keys: find them, switch them off and on, one or many."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from litestar import get, post
from litestar.params import PathParameter, QueryParameter

from keyturn.control.dashboard.guard import Form, for_, form_of, visitor_of
from keyturn.control.dashboard.key_search import instead_of
from keyturn.control.dashboard.lists import after, ways
from keyturn.control.dashboard.shell import AnyRequest, Page, render, safe_path, see
from keyturn.control.errors import granted, refuse
from keyturn.control.management import Managed, Management
from keyturn.control.visitors import own_origin
from keyturn.domain import ids
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import Status
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import Person, may
from keyturn.services.keys import Key
from keyturn.store.engine import BEFORE_CHANGE
from keyturn.store.keys import KeyFilter
from keyturn.store.projects import ProjectFilter

KEYS = "/dashboard/keys"
LIST, CREATE, SHOW = ("GET", "/api/v1/keys"), ("POST", "/api/v1/keys"), ("GET", "/api/v1/keys/{key_id}")
ENABLE, DISABLE, REVOKE = (
    ("POST", "/api/v1/keys/{key_id}/enable"),
    ("POST", "/api/v1/keys/{key_id}/disable"),
    ("POST", "/api/v1/keys/{key_id}/revoke"),
)
A_PAGE = 40
QUARANTINED = "quarantined"
SPARK_DAYS = 14
FILTERS = ("search", "status", "kind", "project", "user", "environment", "tag")
UNFOUND = "No key that you may see has this secret; the list shows those that begin like it"
MOST_PROJECTS = 100
_NAMES_SHOWN, _TAGS_SHOWN = 3, 4
_LONGEST_BACK = 500
"""Characters of an address that fit into a cookie beside as many keys as a page has."""

KeyId = Annotated[str, PathParameter()]
Text = Annotated[str, QueryParameter()]


class Row(msgspec.Struct, frozen=True):
    """A key in the list."""

    key: Key
    display: str
    days: list[int]
    """Requests of the last days, oldest first."""
    project: str
    holder: str

    @property
    def status(self) -> str:
        """What it would be refused for."""
        return key_status(self.key)

    @property
    def on(self) -> bool:
        """It may be used."""
        return self.key.status is Status.ACTIVE

    @property
    def switchable(self) -> bool:
        """Somebody may switch it off or on."""
        return self.key.status in {Status.ACTIVE, Status.DISABLED} and self.key.stored.frozen_at is None

    @property
    def tags(self) -> list[str]:
        """The first few."""
        return self.key.stored.tags.split()[:_TAGS_SHOWN]

    @property
    def more_tags(self) -> int:
        """How many are not shown."""
        return max(0, len(self.key.stored.tags.split()) - _TAGS_SHOWN)

    @property
    def labelled(self) -> bool:
        """There is something to say about it in short words."""
        key = self.key.stored
        plain = key.kind == Kind.SECRET and not key.environment and not key.tags
        return not plain or key.decoy or self.key.usage.seen_in_url

    @property
    def recent(self) -> int:
        """Requests of the last days."""
        return sum(self.days)

    @property
    def points(self) -> str:
        """The course as a line in a field of 24; empty: nothing happened."""
        top = max(self.days)
        return (
            " ".join(f"{day},{22 - count * 20 // top}" for day, count in enumerate(self.days)) if top else ""
        )


class May(msgspec.Struct, frozen=True):
    """What somebody may do with keys."""

    create: bool
    edit: bool
    switch: bool
    revoke: bool
    delete: bool
    rotate: bool
    end_secret: bool
    reveal: bool
    simulate: bool
    requests: bool
    audit: bool
    hygiene: bool


def what_may(person: Person) -> May:
    """Return what somebody may do with keys."""
    of_key = "/api/v1/keys/{key_id}"
    return May(
        create=may(person, *CREATE),
        edit=may(person, "PATCH", of_key),
        switch=may(person, *ENABLE) and may(person, *DISABLE),
        revoke=may(person, *REVOKE),
        delete=may(person, "DELETE", of_key),
        rotate=may(person, "POST", f"{of_key}/rotate"),
        end_secret=may(person, "DELETE", f"{of_key}/secrets/{{secret_id}}"),
        reveal=may(person, "POST", f"{of_key}/reveal"),
        simulate=may(person, "POST", f"{of_key}/simulate"),
        requests=may(person, "GET", "/api/v1/requests"),
        audit=may(person, "GET", "/api/v1/audit"),
        hygiene=may(person, "GET", "/api/v1/hygiene"),
    )


def checked_id(key_id: str) -> str:
    """Return the identifier of a key from a path; a name is none, because pages stay what they are.

    Raises:
        RefusedError: It is none.
    """
    if not ids.is_id(key_id, ids.KEY):
        refuse(Reason.RESOURCE_NOT_FOUND, "There is no such key")
    return key_id


def key_status(key: Key) -> str:
    """Return what a key would be refused for, in a word: a quarantined one is one that would be active."""
    quarantined = key.status is Status.ACTIVE and key.stored.frozen_at is not None
    return QUARANTINED if quarantined else key.status.value


def display_of(key: Key) -> str:
    """Return what may be shown of a key's newest secret."""
    return key.secrets[-1].display if key.secrets else ""


async def projects_for(management: Management, by: Principal) -> list[tuple[str, str]] | None:
    """Return the projects within reach by identifier and name; ``None``: too many to choose from."""
    found, more = granted(
        await management.projects.page(ProjectFilter(), by=by, cursor=None, limit=MOST_PROJECTS)
    )
    return None if more else sorted(((one.stored.id, one.stored.name) for one in found), key=_by_name)


@get("/keys", include_in_schema=False, opt=for_(LIST))
async def key_list(
    request: AnyRequest,
    management: Managed,
    *,
    search: Text = "",
    status: Text = "",
    kind: Text = "",
    project: Text = "",
    user: Text = "",
    environment: Text = "",
    tag: Text = "",
    cursor: Text = "",
) -> Page:
    """Show keys, newest first."""
    visitor = visitor_of(request)
    given = (search, status, kind, project, user, environment, tag)
    asked = {name: value.strip() for name, value in zip(FILTERS, given, strict=True)}
    led = await _led_from_secret(request, management, asked)
    if led is not None:
        return led
    await management.ingest.flush()
    found = await management.keys.page(
        _filter(asked), by=visitor.principal, cursor=after(cursor, ids.KEY), limit=A_PAGE
    )
    refused = found if isinstance(found, Refused) else None
    keys, more = ([], None) if isinstance(found, Refused) else found
    projects = await projects_for(management, visitor.principal)
    can = what_may(visitor.person)
    return render(
        request,
        "keys/list.html",
        title="API keys",
        section="keys",
        refused=refused,
        rows=await _rows(management, keys),
        asked=asked,
        filtered=any(asked.values()),
        projects=projects,
        homeless=can.create and projects == [],
        statuses=[*(one.value for one in Status), QUARANTINED],
        kinds=[one.value for one in Kind],
        days=SPARK_DAYS,
        can=can,
        **ways(request, cursor, more),
    )


@post("/keys", include_in_schema=False, opt=for_(LIST, looks=True), status_code=200)
async def search_keys(request: AnyRequest, management: Managed) -> Page:
    """Lead to the list of what is searched for: a secret that somebody types stands in no address then."""
    form = form_of(request)
    asked = {name: form.text(name) for name in FILTERS}
    wanted = urlencode({name: value for name, value in asked.items() if value})
    led = await _led_from_secret(request, management, asked)
    return led or see(request, f"{KEYS}?{wanted}" if wanted else KEYS)


@post("/keys/{key_id:str}/enable", include_in_schema=False, opt=for_(ENABLE), status_code=200)
async def enable(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Let a key work again."""
    key = granted(await management.keys.enable(checked_id(key_id), by=visitor_of(request).principal))
    undo = f"{KEYS}/{key_id}/disable"
    return see(request, back_to(request, key_id), f"{key.stored.name} is enabled", undo=undo)


@post("/keys/{key_id:str}/disable", include_in_schema=False, opt=for_(DISABLE), status_code=200)
async def disable(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Stop a key for now."""
    key = granted(await management.keys.disable(checked_id(key_id), by=visitor_of(request).principal))
    said = f"{key.stored.name} is disabled: every request with it is refused"
    return see(request, back_to(request, key_id), said, undo=f"{KEYS}/{key_id}/enable")


@get("/keys/bulk", include_in_schema=False, opt=for_(LIST))
async def bulk_page(request: AnyRequest) -> Page:
    """Lead back to the list: what was chosen on it is not known any more."""
    return see(request, KEYS)


@post("/keys/bulk", include_in_schema=False, opt=for_(REVOKE), status_code=200)
async def bulk(request: AnyRequest, management: Managed) -> Page:
    """Do the same with several keys; before they are revoked, each is named once more."""
    form, by = form_of(request), visitor_of(request).principal
    action, chosen = chosen_in(form, request.query_params.dict())
    back = form.text("back") or next(iter(request.query_params.getall("back", [])), "")
    back = safe_path(back) if back else KEYS
    if not chosen:
        return see(request, back, "Choose at least one key first", failed=True)
    acts: dict[str, Callable[..., Awaitable[Key | Refused]]] = {
        "enable": management.keys.enable,
        "disable": management.keys.disable,
        "revoke": management.keys.revoke,
    }
    act = acts.get(action)
    if act is None:
        refuse(Reason.INVALID_MEMBER, "There is no such action", "act")
    if action == "revoke" and not form.on("confirmed"):
        found = [await management.keys.show(one, by=by) for one in chosen]
        keys = [one for one in found if not isinstance(one, Refused)]
        return render(
            request,
            "keys/revoke_many.html",
            title="Revoke keys",
            section="keys",
            rows=await _rows(management, keys),
            back=back,
            week=7,
        )
    stands, done = BEFORE_CHANGE.get(), []
    for one in chosen:
        BEFORE_CHANGE.set(stands)  # each is a change of its own, and whoever asks must still be allowed to
        done.append(await act(one, by=by))
    names = [one.stored.name for one in done if not isinstance(one, Refused)]
    refusals = [one.text for one in done if isinstance(one, Refused)]
    undo = ""
    if action != "revoke" and names:
        other = "enable" if action == "disable" else "disable"
        changed = [one.stored.id for one in done if not isinstance(one, Refused)]
        filtered = back if len(back) <= _LONGEST_BACK else ""
        undo = f"{KEYS}/bulk?{urlencode({'act': other, 'id': ' '.join(changed), 'back': filtered})}"
    return see(request, back, said_of_many(action, names, refusals), failed=not names, undo=undo)


HANDLERS = [key_list, search_keys, enable, disable, bulk_page, bulk]


def chosen_in(form: Form, query: dict[str, list[str]]) -> tuple[str, list[str]]:
    """Return what is to be done, and with which keys; an undoing form says it in its address."""
    action = form.text("act") or next(iter(query.get("act", [])), "")
    named = form.each("id") or " ".join(query.get("id", [])).split()
    return action, [one for one in dict.fromkeys(named) if ids.is_id(one, ids.KEY)][:A_PAGE]


def said_of_many(action: str, names: Sequence[str], refusals: Sequence[str]) -> str:
    """Return what was done, and why some of it was not."""
    did = {"enable": "enabled", "disable": "disabled", "revoke": "revoked"}[action]
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    parts = [f"{did.capitalize()}: {shown}{more}"] if names else []
    if refusals:
        number = "1 key was" if len(refusals) == 1 else f"{len(refusals)} keys were"
        parts.append(f"{number} not {did}: {'; '.join(dict.fromkeys(refusals))}")
    return ". ".join(parts)


def back_to(request: AnyRequest, key_id: str) -> str:
    """Return the page that a form stood on, where it is one about keys; otherwise the key's."""
    referrer = request.headers.get("referer", "")
    path = referrer.removeprefix(own_origin(request.headers))
    return safe_path(path) if path.startswith(KEYS) and "//" not in path else f"{KEYS}/{key_id}"


async def _rows(management: Management, keys: Sequence[Key]) -> list[Row]:
    key_ids = [key.stored.id for key in keys]
    days = await management.reports.usage.days_of_keys(key_ids, days=SPARK_DAYS)
    whose = (one for key in keys for one in (key.stored.project_id, key.stored.user_id or ""))
    names = await management.names.of(whose)
    return [
        Row(
            key,
            display_of(key),
            days[key.stored.id],
            names.get(key.stored.project_id, ""),
            names.get(key.stored.user_id or "", ""),
        )
        for key in keys
    ]


async def _led_from_secret(request: AnyRequest, management: Management, asked: dict[str, str]) -> Page | None:
    """Lead from a search for a secret to one for its key."""
    found = await instead_of(asked["search"], management, visitor_of(request).principal)
    if found is None:
        return None
    text, known = found
    return see(request, f"{KEYS}?{urlencode({'search': text})}", "" if known else UNFOUND, failed=True)


def _filter(asked: dict[str, str]) -> KeyFilter:
    status = asked["status"]
    quarantined = {QUARANTINED: True, Status.ACTIVE.value: False}.get(status)
    return KeyFilter(
        status=next((one for one in Status if one.value == status), Status.ACTIVE if quarantined else None),
        quarantined=quarantined,
        search=asked["search"],
        project_id=asked["project"],
        user_id=asked["user"],
        environment=asked["environment"],
        tag=asked["tag"],
        kind=next((one.value for one in Kind if one.value == asked["kind"]), ""),
    )


def _by_name(project: tuple[str, str]) -> tuple[str, str]:
    return project[1].lower(), project[0]
