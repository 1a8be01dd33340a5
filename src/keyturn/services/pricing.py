"""Which prices hold for which model: the operator's before those that are shipped, before the default."""

from zlib import crc32

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.config.sections import Prices
from keyturn.domain.models import STAR
from keyturn.domain.money import parse_usd
from keyturn.domain.prices import Origin, Price, PriceStep, PriceVersion, steps_of, version_at
from keyturn.providers.price_table import Listed, PriceTable
from keyturn.store import models, prices, upstreams
from keyturn.store.models import StoredModel


class PriceRules(msgspec.Struct, frozen=True):
    """What this node goes by, beside what its operator has said of single models."""

    table: PriceTable
    default: PriceVersion | None = None
    """Of models that nobody has priced."""
    refuses_unpriced: bool = False


def rules_of(settings: Prices, table: PriceTable) -> PriceRules:
    """Put the settings and the shipped table together."""
    default = None
    if settings.unknown == "default":
        given, made = settings.default_input_usd_per_million, settings.default_output_usd_per_million
        price = Price(parse_usd(given), parse_usd(made))
        mark = crc32(msgspec.json.encode(price))
        default = PriceVersion(f"default#{mark:08x}", "", price, origin=Origin.DEFAULT)
    return PriceRules(table, default, refuses_unpriced=settings.unknown == "refuse")


class Pricing:
    """All prices as they are known at one moment."""

    def __init__(
        self, rules: PriceRules, said: dict[str, list[PriceVersion]], addresses: dict[str, str]
    ) -> None:
        """Take them in.

        Args:
            rules: The node's.
            said: The operator's by model, in the order in which they were said.
            addresses: Of upstreams, by name.
        """
        self._rules = rules
        self._said = said
        self._addresses = addresses

    def said(self, model: str) -> list[PriceVersion]:
        """Return the operator's prices of a model, in the order in which they were said."""
        return self._said.get(model, [])

    def listed(self, upstream: str, upstream_model: str) -> Listed | None:
        """Return what the shipped table says of a model at an upstream."""
        return self._rules.table.find(upstream, self._addresses.get(upstream, ""), upstream_model)

    def names_like(self, upstream: str, pattern: str) -> list[str]:
        """Return the names in the shipped table that a name with a star stands for at an upstream."""
        before, _, after = pattern.partition(STAR)
        names = self._rules.table.names_at(upstream, self._addresses.get(upstream, ""))
        length = len(before) + len(after)
        return [one for one in names if len(one) > length and one.startswith(before) and one.endswith(after)]

    def steps(
        self, model: str, upstream: str, upstream_model: str, *, by_default: bool = True
    ) -> tuple[PriceStep, ...]:
        """Return what a model costs, from when on.

        Args:
            model: The name that clients use.
            upstream: Where it goes.
            upstream_model: Its name there.
            by_default: With the operator's price for models that have no other.
        """
        listed = self.listed(upstream, upstream_model)
        shipped = () if listed is None else listed.versions
        return steps_of(self.said(model), shipped, self._rules.default if by_default else None)

    def steps_for(self, model: StoredModel, *, by_default: bool = True) -> tuple[PriceStep, ...]:
        """Return what a model costs where it goes now."""
        return self.steps(model.name, model.upstream, model.upstream_model, by_default=by_default)


async def read(connection: AsyncConnection, rules: PriceRules) -> Pricing:
    """Return the prices as the store has them."""
    said: dict[str, list[PriceVersion]] = {}
    for stored in await prices.everything(connection):
        said.setdefault(stored.version.model, []).append(stored.version)
    addresses = {one.name: one.base_url for one in await upstreams.everything(connection)}
    return Pricing(rules, said, addresses)


async def per_million(connection: AsyncConnection, rules: PriceRules, now_ms: int) -> dict[str, int]:
    """Return what a million tokens of input and a million of output cost together, in nano-dollars, by model."""
    known = await read(connection, rules)
    found: dict[str, int] = {}
    for model in await models.everything(connection):
        version = version_at(known.steps_for(model), now_ms)
        if version is not None and version.price is not None:
            found[model.name] = version.price.input_nano_usd + version.price.output_nano_usd
    return found
