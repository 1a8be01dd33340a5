"""Models: the names that clients use, where they go, and what they cost."""

from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import get, post
from litestar.params import FromQuery, QueryParameter

from keyturn import system
from keyturn.control.dashboard import model_forms, model_views
from keyturn.control.dashboard.guard import for_, form_of, visitor_of
from keyturn.control.dashboard.lists import ways
from keyturn.control.dashboard.model_forms import FIGURES, MEDIA, TargetRow
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.errors import RefusedError, granted
from keyturn.control.management import Managed, Management
from keyturn.control.resources.models import ChangeModel, change_of
from keyturn.control.resources.prices import CreatePrice, shown_prices, wanted_of
from keyturn.domain.prices import PriceVersion
from keyturn.domain.refusals import Refused
from keyturn.domain.roles import may
from keyturn.services.models import Model, ModelChange
from keyturn.services.targets import MOST_TARGETS
from keyturn.store.usage_rows import UsageRow

PATH = "/dashboard/models"
ROWS = 100
LIST, ADD = ("GET", "/api/v1/models"), ("POST", "/api/v1/models")
SHOW, EDIT, REMOVE = ((method, "/api/v1/models/{name}") for method in ("GET", "PATCH", "DELETE"))

Name = Annotated[str, QueryParameter(name="name")]


@get("/models", include_in_schema=False, opt=for_(LIST))
async def models_page(
    request: AnyRequest, management: Managed, search: FromQuery[str] = "", cursor: FromQuery[str] = ""
) -> Page:
    """List them."""
    found, total = await management.models.page(search, after=cursor, limit=ROWS + 1)
    shown = found[:ROWS]
    used = await model_views.lately(management, visitor_of(request))
    return render(
        request,
        "models.html",
        title="Models",
        section="models",
        models=shown,
        used={one.stored.name: used.get(one.stored.name, UsageRow()) for one in shown},
        policy=management.settings.prices.unknown,
        media=MEDIA,
        total=total,
        search=search,
        **ways(request, cursor, shown[-1].stored.name if len(found) > ROWS else None),
    )


@get("/models/new", include_in_schema=False, opt=for_(ADD))
async def new_model_page(request: AnyRequest, management: Managed, upstream: FromQuery[str] = "") -> Page:
    """Ask what to add."""
    return await _form(request, management, "", [TargetRow(upstream)])


@post("/models/new", include_in_schema=False, opt=for_(ADD), status_code=200)
async def add_model(request: AnyRequest, management: Managed) -> Page:
    """Add a model, or ask for more targets of it."""
    form = form_of(request)
    name, rows = form.text("name"), model_forms.rows_of(form)
    if form.on("more"):
        return await _form(request, management, "", rows, name=name)
    read = model_forms.new_model(form)
    change = read if isinstance(read, Refused) else _asked(read)
    if not isinstance(change, Refused):
        added = await management.models.add(name, change, by=visitor_of(request).principal)
        if isinstance(added, Model):
            return see(request, here("/model", name=name), f"Clients can use {name}")
        change = added
    return await _form(request, management, "", rows, name=name, refused=change)


@get("/models/model", include_in_schema=False, opt=for_(SHOW))
async def model_page(request: AnyRequest, management: Managed, name: Name = "") -> Page:
    """Show one."""
    return await _show(request, management, name)


@get("/models/edit", include_in_schema=False, opt=for_(EDIT))
async def edit_model_page(request: AnyRequest, management: Managed, name: Name = "") -> Page:
    """Ask where it goes instead."""
    found = granted(await management.models.show(name))
    return await _form(request, management, name, model_forms.rows_for(found.stored))


@post("/models/edit", include_in_schema=False, opt=for_(EDIT), status_code=200)
async def edit_model(request: AnyRequest, management: Managed, name: Name = "") -> Page:
    """Send it elsewhere, or ask for more targets of it."""
    form = form_of(request)
    rows = model_forms.rows_of(form)
    if form.on("more"):
        return await _form(request, management, name, rows)
    read = model_forms.changed_model(form)
    change = read if isinstance(read, Refused) else _asked(read)
    if not isinstance(change, Refused):
        edited = await management.models.edit(name, change, by=visitor_of(request).principal)
        if isinstance(edited, Model):
            return see(request, here("/model", name=name), "Its targets are in force")
        change = edited
    return await _form(request, management, name, rows, refused=change)


@get("/models/remove", include_in_schema=False, opt=for_(REMOVE))
async def remove_model_page(request: AnyRequest, management: Managed, name: Name = "") -> Page:
    """Say what would go, and ask."""
    found = granted(await management.models.show(name))
    used = (await model_views.lately(management, visitor_of(request), model=name)).get(name)
    return render(
        request,
        "model_remove.html",
        title="Remove a model",
        section="models",
        model=found,
        used=used or UsageRow(),
    )


@post("/models/remove", include_in_schema=False, opt=for_(REMOVE), status_code=200)
async def remove_model(request: AnyRequest, management: Managed, name: Name = "") -> Page:
    """Take it away."""
    granted(await management.models.remove(name, by=visitor_of(request).principal))
    return see(request, PATH, f"{name} is removed: clients that use it are told that there is no such model")


@post("/models/price", include_in_schema=False, opt=for_(("POST", "/api/v1/prices")), status_code=200)
async def add_price(request: AnyRequest, management: Managed, name: Name = "") -> Page:
    """Say what it costs, from when on."""
    visitor = visitor_of(request)
    read = model_forms.new_price(form_of(request), ZoneInfo(visitor.signed_in.time_zone))
    said: PriceVersion | Refused
    try:
        said = (
            read
            if isinstance(read, Refused)
            else await management.prices.add(wanted_of(_of_model(read, name)), by=visitor.principal)
        )
    except RefusedError as error:
        said = error.refused
    if isinstance(said, Refused):
        return await _show(request, management, name, refused=said)
    later = said.effective_from > system.now_ms()
    return see(request, here("/model", name=name), "The price is noted" if later else "The price is in force")


@post(
    "/models/price/remove",
    include_in_schema=False,
    opt=for_(("DELETE", "/api/v1/prices/{price_id}")),
    status_code=200,
)
async def remove_price(request: AnyRequest, management: Managed) -> Page:
    """Take back a price whose time has not come."""
    said = granted(
        await management.prices.remove(form_of(request).text("id"), by=visitor_of(request).principal)
    )
    return see(request, here("/model", name=said.model), "The price is taken back")


HANDLERS = [
    models_page,
    new_model_page,
    add_model,
    model_page,
    edit_model_page,
    edit_model,
    remove_model_page,
    remove_model,
    add_price,
    remove_price,
]


def here(below: str, **query: str) -> str:
    """Return the address of a page below this one; what is empty is left out of its query."""
    said = {name: value for name, value in query.items() if value}
    return f"{PATH}{below}" + (f"?{urlencode(said)}" if said else "")


def _asked(read: ChangeModel) -> ModelChange | Refused:
    try:
        return change_of(read)
    except RefusedError as error:
        return error.refused


def _of_model(read: CreatePrice, name: str) -> CreatePrice:
    read.model = name
    return read


async def _form(
    request: AnyRequest,
    management: Management,
    edited: str,
    rows: list[TargetRow],
    *,
    name: str = "",
    refused: Refused | None = None,
) -> Page:
    """Show the form of a model with what was typed, and a row for one more target."""
    form = form_of(request)
    more = [TargetRow()] * (2 if form.on("more") else 1 if not rows else 0)
    upstreams = [one.stored.name for one in await management.upstreams.everything()]
    return render(
        request,
        "model_form.html",
        title=f"Targets of {edited}" if edited else "New model",
        section="models",
        refused=refused,
        edited=edited,
        name=name,
        rows=(rows + more)[:MOST_TARGETS],
        upstreams=upstreams,
        figures=FIGURES[:3],
        typed={member: form.text(member) for member, _, _ in FIGURES},
    )


async def _show(
    request: AnyRequest, management: Management, name: str, *, refused: Refused | None = None
) -> Page:
    found = granted(await management.models.show(name))
    visitor, form = visitor_of(request), form_of(request)
    used = (await model_views.lately(management, visitor, model=name)).get(name)
    prices = shown_prices(granted(await management.prices.of(name)), system.now_ms())
    typed = {
        member: form.text(member) for member in ("effective_from", "note", *(one for one, _, _ in FIGURES))
    }
    return render(
        request,
        "model.html",
        title=name,
        section="models",
        refused=refused,
        model=found,
        used=used or UsageRow(),
        health=await model_views.health(management, visitor.principal, model=name),
        prices=prices,
        figures=FIGURES,
        columns=model_views.figures_in(prices),
        typed=typed,
        zone=visitor.signed_in.time_zone,
        policy=management.settings.prices.unknown,
        edits=may(visitor.person, *EDIT),
    )
