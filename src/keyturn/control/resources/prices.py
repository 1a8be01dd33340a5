"""``/api/v1/prices``: what models cost, from when on."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter

from keyturn import system
from keyturn.control.auth import principal_of
from keyturn.control.errors import granted, refuse
from keyturn.control.management import Managed
from keyturn.control.wire import (
    Answer,
    Moment,
    Money,
    Page,
    Usd,
    milliseconds,
    moment,
    optional_usd,
    refusals,
)
from keyturn.domain.money import format_usd, parse_usd
from keyturn.domain.prices import Origin, Price, PriceStep, PriceVersion, next_step_ms, version_at
from keyturn.domain.refusals import Reason
from keyturn.services.prices import ModelPrices, NewPrice

PriceId = Annotated[
    str,
    PathParameter(description="The price's `id`.", examples=[Example(value="prc_VbXhUyUBKUlzDND0IYtt")]),
]
Figure = Money | None


class PriceObject(msgspec.Struct, kw_only=True):
    """What a model costs from a moment on. A figure of null costs what the whole that it is a part of does."""

    model: Annotated[str, msgspec.Meta(description="The name that clients use.", examples=["gpt-4o"])]
    id: Annotated[str, msgspec.Meta(description="Requests name it. Empty: from here on nobody says a price.")]
    origin: Annotated[
        Origin | None,
        msgspec.Meta(
            description="Who said so: `operator`, `shipped` (with the program), `default` (the setting)."
        ),
    ] = None
    effective_from: Annotated[Moment | None, msgspec.Meta(description="null: ever since.")] = None
    effective_until: Annotated[Moment | None, msgspec.Meta(description="null: no other is known yet.")] = None
    in_force: bool = False
    provider: str = ""
    upstream_model: Annotated[str, msgspec.Meta(description="The row of the shipped table.")] = ""
    input_usd_per_million: Usd | None = None
    cached_input_usd_per_million: Usd | None = None
    cache_write_usd_per_million: Usd | None = None
    output_usd_per_million: Usd | None = None
    reasoning_usd_per_million: Usd | None = None
    image_usd: Usd | None = None
    second_usd: Annotated[Usd | None, msgspec.Meta(description="Of audio.")] = None
    characters_usd_per_million: Usd | None = None
    source: Annotated[str, msgspec.Meta(description="Where a shipped price stands.")] = ""
    source_date: Annotated[str, msgspec.Meta(description="When it stood there.", examples=["2026-11-09"])] = (
        ""
    )
    note: str = ""


class CreatePrice(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A price to say. Tokens and characters by the million; figures that are left out cost nothing apart."""

    model: Annotated[str, msgspec.Meta(examples=["gpt-4o"])]
    effective_from: Annotated[
        datetime | None,
        msgspec.Meta(
            description="RFC 3339 with an offset; left out: now. In the past: it corrects, see `rerate`."
        ),
    ] = None
    input_usd_per_million: Figure = None
    cached_input_usd_per_million: Figure = None
    cache_write_usd_per_million: Figure = None
    output_usd_per_million: Figure = None
    reasoning_usd_per_million: Figure = None
    image_usd: Figure = None
    second_usd: Figure = None
    characters_usd_per_million: Figure = None
    note: str = ""


@get("/", summary="List prices", responses=refusals(Reason.INVALID_MEMBER, Reason.RESOURCE_NOT_FOUND))
async def list_prices(
    management: Managed,
    *,
    model: Annotated[
        str, QueryParameter(description="Only this model's, with those that are no more in force.")
    ] = "",
    at: Annotated[
        datetime | None,
        QueryParameter(description="Only those in force at this time; RFC 3339 with an offset."),
    ] = None,
) -> Page[PriceObject]:
    """By model and time: the price in force of each model, and those to come. A model without one is not there."""
    now_ms = system.now_ms()
    if model:
        found = [granted(await management.prices.of(model))]
    else:
        found = await management.prices.everything()
    if at is not None:
        at_ms = milliseconds(at, "at")
        data = [one for prices in found for one in shown_prices(prices, now_ms) if _holds(one, at_ms)]
    else:
        data = [
            one
            for prices in found
            for one in shown_prices(prices, now_ms)
            if model or (one.id and (one.in_force or _is_to_come(one, now_ms)))
        ]
    return Page(data=data)


@get("/shipped", summary="List the shipped prices", responses=refusals())
async def list_shipped_prices(management: Managed) -> Page[PriceObject]:
    """The whole table that came with the program, by provider and the provider's name of the model."""
    now_ms = system.now_ms()
    found: dict[tuple[str, str], list[PriceStep]] = {}
    for version in management.prices.shipped():
        found.setdefault((version.provider, version.model), []).append(
            PriceStep(version.effective_from, version)
        )
    return Page(
        data=[
            one
            for (_, model), steps in found.items()
            for one in shown_prices(ModelPrices(model, tuple(steps)), now_ms)
        ]
    )


@post(
    "/",
    summary="Set a price",
    responses=refusals(Reason.INVALID_MEMBER, Reason.INVALID_JSON, Reason.NOT_CONFIRMED),
)
async def add_price(
    request: Request[Any, Any, Any],
    management: Managed,
    data: Annotated[
        CreatePrice,
        Body(
            examples=[
                Example(
                    summary="A price from a day on",
                    id="later",
                    value={
                        "model": "gpt-4o",
                        "effective_from": "2026-12-01T00:00:00Z",
                        "input_usd_per_million": "2.50",
                        "cached_input_usd_per_million": "1.25",
                        "output_usd_per_million": "10.00",
                    },
                )
            ]
        ),
    ],
) -> Answer[PriceObject]:
    """It stands before the shipped price from its moment on, on every worker, without a restart."""
    version = granted(await management.prices.add(wanted_of(data), by=principal_of(request)))
    steps = (PriceStep(version.effective_from, version),)
    return Answer(data=shown_prices(ModelPrices(version.model, steps), system.now_ms())[0])


@delete(
    "/{price_id:str}",
    summary="Take back a price",
    status_code=200,
    responses=refusals(Reason.RESOURCE_NOT_FOUND, Reason.CONFLICT, Reason.NOT_CONFIRMED),
)
async def remove_price(
    request: Request[Any, Any, Any], management: Managed, price_id: PriceId
) -> Answer[PriceObject]:
    """Only one whose time has not come: requests name the price that they were charged at."""
    version = granted(await management.prices.remove(price_id, by=principal_of(request)))
    steps = (PriceStep(version.effective_from, version),)
    return Answer(data=shown_prices(ModelPrices(version.model, steps), system.now_ms())[0])


router = Router(
    "/prices",
    tags=["Prices"],
    route_handlers=[list_prices, list_shipped_prices, add_price, remove_price],
)


def wanted_of(data: CreatePrice) -> NewPrice:
    """Return what is asked for, as the use case takes it.

    Raises:
        RefusedError: An amount or the time is none.
    """
    at = data.effective_from
    figures = {
        "input_nano_usd": _nano(data.input_usd_per_million, "input_usd_per_million"),
        "cached_input_nano_usd": _nano(data.cached_input_usd_per_million, "cached_input_usd_per_million"),
        "cache_write_nano_usd": _nano(data.cache_write_usd_per_million, "cache_write_usd_per_million"),
        "output_nano_usd": _nano(data.output_usd_per_million, "output_usd_per_million"),
        "reasoning_nano_usd": _nano(data.reasoning_usd_per_million, "reasoning_usd_per_million"),
        "image_nano_usd": _nano(data.image_usd, "image_usd"),
        "second_nano_usd": _nano(data.second_usd, "second_usd"),
        "million_characters_nano_usd": _nano(data.characters_usd_per_million, "characters_usd_per_million"),
    }
    from_ms = None if at is None else milliseconds(at, "effective_from")
    return NewPrice(data.model, figures, from_ms, data.note)


def _nano(amount: Decimal | None, member: str) -> int | None:
    if amount is None:
        return None
    try:
        return parse_usd(str(amount))
    except ValueError as error:
        refuse(Reason.INVALID_MEMBER, str(error), member)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _is_to_come(one: PriceObject, now_ms: int) -> bool:
    return one.effective_from is not None and _ms(one.effective_from) > now_ms


def _holds(one: PriceObject, at_ms: int) -> bool:
    since, until = one.effective_from, one.effective_until
    return (since is None or _ms(since) <= at_ms) and (until is None or at_ms < _ms(until))


def shown_prices(prices: ModelPrices, now_ms: int) -> list[PriceObject]:
    """Return what a model costs, from when to when, in order of time."""
    current = version_at(prices.steps, now_ms)
    shown = []
    for step in prices.steps:
        until = next_step_ms(prices.steps, step.from_ms)
        holds = step.version is current and step.from_ms <= now_ms and (until is None or now_ms < until)
        shown.append(_price(prices.model, step, until, in_force=holds))
    return shown


def _price(model: str, step: PriceStep, until_ms: int | None, *, in_force: bool) -> PriceObject:
    version = step.version or PriceVersion("", model, None)
    price = version.price
    shown = PriceObject(
        model=model,
        id=version.id,
        origin=version.origin if step.version else None,
        effective_from=moment(step.from_ms) if step.from_ms else None,
        effective_until=None if until_ms is None else moment(until_ms),
        in_force=in_force,
        provider=version.provider,
        upstream_model=version.model if version.origin is Origin.SHIPPED else "",
        source=version.source,
        source_date=version.source_date,
        note=version.note,
    )
    return shown if price is None else _with_figures(shown, price)


def _with_figures(shown: PriceObject, price: Price) -> PriceObject:
    tokens = price.input_nano_usd or price.output_nano_usd
    media = price.image_nano_usd or price.second_nano_usd or price.million_characters_nano_usd
    if tokens or not media:
        shown.input_usd_per_million = format_usd(price.input_nano_usd)
        shown.output_usd_per_million = format_usd(price.output_nano_usd)
    shown.cached_input_usd_per_million = optional_usd(price.cached_input_nano_usd)
    shown.cache_write_usd_per_million = optional_usd(price.cache_write_nano_usd)
    shown.reasoning_usd_per_million = optional_usd(price.reasoning_nano_usd)
    shown.image_usd = optional_usd(price.image_nano_usd or None)
    shown.second_usd = optional_usd(price.second_nano_usd or None)
    shown.characters_usd_per_million = optional_usd(price.million_characters_nano_usd or None)
    return shown
