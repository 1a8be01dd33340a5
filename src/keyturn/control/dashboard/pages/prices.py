"""Prices: what every model costs, what came with the program, and pricing requests again after a correction."""

from itertools import groupby
from zoneinfo import ZoneInfo

import msgspec
from litestar import get, post
from litestar.params import FromQuery

from keyturn import system
from keyturn.control.dashboard import fields, model_views
from keyturn.control.dashboard.figures import plural
from keyturn.control.dashboard.guard import for_, form_of, visitor_of
from keyturn.control.dashboard.lists import ways
from keyturn.control.dashboard.pages.models import here
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.management import Managed, Management
from keyturn.control.resources.prices import PriceObject, shown_prices
from keyturn.control.resources.rerate import place_of
from keyturn.control.wire import milliseconds
from keyturn.domain import ids
from keyturn.domain.prices import PriceStep
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.prices import ModelPrices
from keyturn.services.rerate import Portion, Repriced, RerateOrder

ROWS, SHIPPED_ROWS = 100, 90
"""What is shipped names its source in each row: with 100 the page weighs more than 150 KB."""
LIST, SHIPPED, RERATE = (
    ("GET", "/api/v1/prices"),
    ("GET", "/api/v1/prices/shipped"),
    ("POST", "/api/v1/prices/rerate"),
)
PORTIONS = 4
"""How far one answer walks: some 200,000 requests."""


class Walk(msgspec.Struct):
    """What a walk through the requests has found."""

    order: RerateOrder
    scanned: int
    rows: list[Repriced]
    reached_ms: int
    total: Repriced
    cursor: str
    """Where to go on; empty: it saw all there is."""


@get("/models/prices", include_in_schema=False, opt=for_(LIST))
async def prices_page(
    request: AnyRequest, management: Managed, search: FromQuery[str] = "", cursor: FromQuery[str] = ""
) -> Page:
    """List what models cost now and from when on."""
    now_ms = system.now_ms()
    found, total = await management.prices.page(search, after=cursor, limit=ROWS + 1)
    rows = [(one.model, _now_and_later(one, now_ms)) for one in found[:ROWS]]
    return render(
        request,
        "prices.html",
        title="Prices",
        section="models",
        rows=rows,
        figures=model_views.figures_in(one for _, prices in rows for one in prices),
        policy=management.settings.prices.unknown,
        prices=management.settings.prices,
        total=total,
        search=search,
        **ways(request, cursor, rows[-1][0] if len(found) > ROWS else None),
    )


@get("/models/prices/shipped", include_in_schema=False, opt=for_(SHIPPED))
async def shipped_page(
    request: AnyRequest, management: Managed, search: FromQuery[str] = "", cursor: FromQuery[str] = ""
) -> Page:
    """List what came with the program."""
    now_ms = system.now_ms()
    versions = management.prices.shipped()
    found = {
        f"{provider}/{model}": [PriceStep(one.effective_from, one) for one in group]
        for (provider, model), group in groupby(versions, lambda one: (one.provider, one.model))
    }
    names, following = model_views.page_of(list(found), search, cursor, SHIPPED_ROWS)
    rows = [_now_and_later(ModelPrices(name, tuple(found[name])), now_ms) for name in names]
    return render(
        request,
        "prices_shipped.html",
        title="Shipped prices",
        section="models",
        rows=list(zip(names, rows, strict=True)),
        figures=model_views.figures_in(one for row in rows for one in row),
        total=len(found),
        search=search,
        **ways(request, cursor, following),
    )


@get("/models/prices/rerate", include_in_schema=False, opt=for_(RERATE))
async def rerate_page(request: AnyRequest, model: FromQuery[str] = "") -> Page:
    """Ask what to price again."""
    return _rerate(request, {"since": "", "model": model})


@post("/models/prices/rerate", include_in_schema=False, opt=for_(RERATE), status_code=200)
async def rerate(request: AnyRequest, management: Managed) -> Page:
    """Say what would change, or change it."""
    form, visitor = form_of(request), visitor_of(request)
    typed = {"since": form.text("since"), "model": form.text("model")}
    order = order_of(typed["since"], typed["model"], ZoneInfo(visitor.signed_in.time_zone))
    if isinstance(order, Refused):
        return _rerate(request, typed, refused=order)
    if form.on("apply"):
        place = place_of(form.text("cursor") or None)
        order = msgspec.structs.replace(order, apply=True, after=place, id=form.text("id") or order.id)
    walk = await _walk(management, order, by=visitor.principal)
    if order.apply and not walk.cursor:
        return see(request, here("/prices"), f"{plural(walk.total.requests, 'request')} priced again")
    names = await management.names.of(row.key_id for row in walk.rows)
    return _rerate(request, typed, walk=walk, names=names)


HANDLERS = [prices_page, shipped_page, rerate_page, rerate]


def order_of(since: str, model: str, zone: ZoneInfo) -> RerateOrder | Refused:
    """Read what to price again: from a local time on."""
    at = fields.moment(since, "since", zone)
    if at is None:
        return Refused(Reason.INVALID_MEMBER, "Say from when on", "since")
    if isinstance(at, Refused):
        return at
    return RerateOrder(system.new_id(ids.RERATE), milliseconds(at, "since"), model)


def summed(portions: list[Portion], order: RerateOrder) -> Walk:
    """Put the portions of a walk, at least one, together: one row for each key and model, those that change most first."""
    found: dict[tuple[str, str], Repriced] = {}
    total = Repriced("", "", "")
    for row in (row for portion in portions for row in portion.rows):
        sum_ = found.setdefault((row.key_id, row.model), Repriced(row.account_id, row.key_id, row.model))
        for one in (sum_, total):
            one.requests += row.requests
            one.before += row.before
            one.after += row.after
    rows = sorted(found.values(), key=lambda one: (-abs(one.after - one.before), one.model, one.key_id))
    reached_ms = max((one.reached_ms for one in portions), default=0)
    after = portions[-1].after
    return Walk(
        order,
        sum(one.scanned for one in portions),
        rows,
        reached_ms,
        total,
        "" if after is None else ".".join(after),
    )


async def _walk(management: Management, order: RerateOrder, *, by: Principal) -> Walk:
    await management.ingest.flush()
    portions: list[Portion] = []
    while len(portions) < PORTIONS:
        after = portions[-1].after if portions else order.after
        portion = await management.rerate.run(msgspec.structs.replace(order, after=after), by=by)
        portions.append(portion)
        if portion.after is None:
            break
    if order.apply:
        await management.counting.reload_keys({row.key_id for one in portions for row in one.rows})
    return summed(portions, order)


def _now_and_later(prices: ModelPrices, now_ms: int) -> list[PriceObject]:
    """Return the price in force and those to come."""
    return [
        one
        for one in shown_prices(prices, now_ms)
        if one.id
        and (one.in_force or (one.effective_from and one.effective_from.timestamp() * 1000 > now_ms))
    ]


def _rerate(
    request: AnyRequest,
    typed: dict[str, str],
    *,
    walk: Walk | None = None,
    names: dict[str, str] | None = None,
    refused: Refused | None = None,
) -> Page:
    return render(
        request,
        "rerate.html",
        title="Price requests again",
        section="models",
        refused=refused,
        typed=typed,
        walk=walk,
        names=names or {},
        zone=visitor_of(request).signed_in.time_zone,
        most=ROWS,
    )
