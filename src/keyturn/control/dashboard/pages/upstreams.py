"""Upstreams: connections to providers. Their credentials come in here and never go out."""

from litestar import get, post
from litestar.params import FromPath, FromQuery

from keyturn.control.dashboard import model_forms, model_views
from keyturn.control.dashboard.figures import plural
from keyturn.control.dashboard.guard import for_, form_of, visitor_of
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.errors import granted
from keyturn.control.management import Managed, Management
from keyturn.control.resources.upstreams import change_of, wanted_of
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Refused
from keyturn.providers.catalog import PROVIDERS
from keyturn.providers.hosts import COMPATIBLE
from keyturn.providers.provider import Provider
from keyturn.services.probe import Probe
from keyturn.services.upstreams import Added, Upstream, UpstreamChange

PATH = "/dashboard/models/upstreams"
LIST, ADD = ("GET", "/api/v1/upstreams"), ("POST", "/api/v1/upstreams")
EDIT, REMOVE = ("PATCH", "/api/v1/upstreams/{name}"), ("DELETE", "/api/v1/upstreams/{name}")
TEST = ("POST", "/api/v1/upstreams/{name}/test")


@get("/models/upstreams", include_in_schema=False, opt=for_(LIST))
async def upstreams_page(request: AnyRequest, management: Managed) -> Page:
    """List them."""
    return render(
        request,
        "upstreams.html",
        title="Upstreams",
        section="models",
        upstreams=await management.upstreams.everything(),
        providers=PROVIDERS,
        health=await model_views.health(management, visitor_of(request).principal),
    )


@get("/models/connect", include_in_schema=False, opt=for_(ADD))
async def new_upstream_page(
    request: AnyRequest, provider: FromQuery[str] = "", search: FromQuery[str] = ""
) -> Page:
    """Ask which provider, then how to reach it."""
    chosen = PROVIDERS.get(provider)
    if chosen is None:
        found = providers_like(search)
        return render(
            request,
            "upstream_catalog.html",
            title="New upstream",
            section="models",
            found=found,
            search=search,
        )
    name = "" if chosen is COMPATIBLE else chosen.id
    return _new(request, chosen, {"name": name, "base_url": chosen.base_url, "models": ""})


@post("/models/connect", include_in_schema=False, opt=for_(ADD), status_code=200)
async def add_upstream(request: AnyRequest, management: Managed) -> Page:
    """Connect a provider."""
    form = form_of(request)
    read = model_forms.new_upstream(form)
    refused = read if isinstance(read, Refused) else None
    if not isinstance(read, Refused):
        added = await management.upstreams.add(wanted_of(read), by=visitor_of(request).principal)
        if isinstance(added, Added):
            said = f"{read.name} is connected, with {plural(len(added.upstream.models), 'model')}"
            if added.problem:
                said = f"{read.name} is connected, but no models were found: {added.problem}"
            return see(request, f"{PATH}/{read.name}", said, failed=bool(added.problem))
        refused = added
    chosen = PROVIDERS.get(form.text("provider"), COMPATIBLE)
    typed = {name: form.text(name) for name in ("name", "base_url", "models")}
    return _new(request, chosen, typed, refused=refused)


@get("/models/upstreams/{name:str}", include_in_schema=False, opt=for_(LIST))
async def upstream_page(request: AnyRequest, management: Managed, name: FromPath[str]) -> Page:
    """Show one."""
    return await _show(request, management, name)


@post("/models/upstreams/{name:str}", include_in_schema=False, opt=for_(TEST), status_code=200)
async def test_upstream(request: AnyRequest, management: Managed, name: FromPath[str]) -> Page:
    """Make a real call to the provider and show what came back."""
    tested = granted(await management.upstreams.test(name))
    return await _show(request, management, name, tested=tested)


@post("/models/upstreams/{name:str}/room", include_in_schema=False, opt=for_(EDIT), status_code=200)
async def set_room(request: AnyRequest, management: Managed, name: FromPath[str]) -> Page:
    """Say how much it may be asked."""
    read = model_forms.changed_room(form_of(request))
    edited = read if isinstance(read, Refused) else await _edit(management, name, change_of(read), request)
    if isinstance(edited, Refused):
        return await _show(request, management, name, refused=edited)
    return see(request, f"{PATH}/{name}", "What it has room for is in force")


@get(
    "/models/upstreams/{name:str}/credentials",
    include_in_schema=False,
    opt=for_(EDIT, proof="replace the credentials of an upstream"),
)
async def credentials_page(request: AnyRequest, management: Managed, name: FromPath[str]) -> Page:
    """Ask for other credentials."""
    return await _credentials(request, management, name)


@post(
    "/models/upstreams/{name:str}/credentials",
    include_in_schema=False,
    opt=for_(EDIT, proof="replace the credentials of an upstream"),
    status_code=200,
)
async def set_credentials(request: AnyRequest, management: Managed, name: FromPath[str]) -> Page:
    """Put others in the place of those that are there."""
    read = model_forms.changed_credentials(form_of(request))
    edited = read if isinstance(read, Refused) else await _edit(management, name, change_of(read), request)
    if isinstance(edited, Refused):
        return await _credentials(request, management, name, refused=edited)
    return see(
        request, f"{PATH}/{name}", "The new credential is in force; requests under way end with the old one"
    )


@get("/models/upstreams/{name:str}/remove", include_in_schema=False, opt=for_(REMOVE))
async def remove_upstream_page(request: AnyRequest, management: Managed, name: FromPath[str]) -> Page:
    """Say what would go, and ask."""
    found = granted(await management.upstreams.show(name))
    known = {one.stored.name: one.stored for one in await management.models.everything()}
    elsewhere = {
        model for model in found.models if any(to.upstream != name for to in known[model].all_targets)
    }
    return render(
        request,
        "upstream_remove.html",
        title="Remove an upstream",
        section="models",
        upstream=found,
        dropped=[model for model in found.models if model not in elsewhere],
        kept=sorted(elsewhere),
    )


@post(
    "/models/upstreams/{name:str}/remove",
    include_in_schema=False,
    opt=for_(REMOVE, proof="remove an upstream"),
    status_code=200,
)
async def remove_upstream(request: AnyRequest, management: Managed, name: FromPath[str]) -> Page:
    """Disconnect it."""
    granted(await management.upstreams.remove(name, by=visitor_of(request).principal))
    return see(request, PATH, f"{name} is removed; nothing goes there any more")


HANDLERS = [
    upstreams_page,
    new_upstream_page,
    add_upstream,
    upstream_page,
    test_upstream,
    set_room,
    credentials_page,
    set_credentials,
    remove_upstream_page,
    remove_upstream,
]


def providers_like(search: str) -> list[Provider]:
    """Return the providers whose name, identifier or address holds what is sought; those without a match are left out."""
    sought = search.strip().lower()
    return [
        one
        for one in PROVIDERS.values()
        if sought in f"{one.id} {one.title} {one.base_url or one.address}".lower()
    ]


async def _edit(
    management: Management, name: str, change: UpstreamChange, request: AnyRequest
) -> Upstream | Refused:
    by: Principal = visitor_of(request).principal
    return await management.upstreams.edit(name, change, by=by)


def _new(
    request: AnyRequest, chosen: Provider, typed: dict[str, str], *, refused: Refused | None = None
) -> Page:
    return render(
        request,
        "upstream_new.html",
        title="New upstream" if chosen is COMPATIBLE else f"New upstream: {chosen.title}",
        section="models",
        refused=refused,
        provider=chosen,
        typed=typed,
    )


async def _credentials(
    request: AnyRequest, management: Management, name: str, *, refused: Refused | None = None
) -> Page:
    found = granted(await management.upstreams.show(name))
    return render(
        request,
        "upstream_credentials.html",
        title=f"Credentials of {name}",
        section="models",
        refused=refused,
        upstream=found,
        provider=PROVIDERS.get(found.stored.provider, COMPATIBLE),
        fields=range(max(2, min(len(found.stored.sealed_credentials), model_forms.MOST_KEYS))),
    )


async def _show(
    request: AnyRequest,
    management: Management,
    name: str,
    *,
    tested: Probe | None = None,
    refused: Refused | None = None,
) -> Page:
    found = granted(await management.upstreams.show(name))
    form = form_of(request)
    room = {
        member: form.text(member) if refused else str(getattr(found.room, member) or "")
        for member in ("max_concurrency", "requests_per_minute")
    }
    return render(
        request,
        "upstream.html",
        title=name,
        section="models",
        refused=refused,
        upstream=found,
        provider=PROVIDERS.get(found.stored.provider, COMPATIBLE),
        room=room,
        tested=tested,
        health=(await model_views.health(management, visitor_of(request).principal)).get(name),
    )
