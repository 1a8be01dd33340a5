"""Which prices are shipped with the program: the table in ``prices.toml``, read from its text.

Figures are looked up by provider and the provider's own name of the model. Who the provider is, an upstream's address
tells, or else its name; where neither does, the name of a model that only one provider has will do.
"""

import tomllib
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from urllib.parse import urlsplit
from zlib import crc32

import msgspec

from keyturn.domain.models import undated
from keyturn.domain.money import parse_usd
from keyturn.domain.prices import Origin, Price, PriceVersion

_LISTED_AS = "models/"
"""What Google's lists put before each name."""


class _Figures(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One price as it is written down; amounts are US dollars as text."""

    since: date | None = msgspec.field(name="from", default=None)
    input: str | None = None
    cached_input: str | None = None
    cache_write: str | None = None
    output: str | None = None
    reasoning: str | None = None
    image: str | None = None
    second: str | None = None
    characters: str | None = None
    max_output_tokens: int = 0
    aliases: tuple[str, ...] = ()
    note: str = ""
    source: str = ""
    read: date | None = None


class _Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    read: date
    hosts: tuple[str, ...]
    models: dict[str, _Figures | list[_Figures]]
    everywhere: bool = True
    """Its names of models are looked for at upstreams of unknown providers, too."""


class Listed(msgspec.Struct, frozen=True):
    """What the table says of a model."""

    provider: str
    model: str
    versions: tuple[PriceVersion, ...]
    """In order of time."""
    output_cap: int = 0
    """The most tokens that it writes; 0: the table does not say."""


class PriceTable:
    """The table, ready to be asked."""

    def __init__(
        self,
        listed: tuple[Listed, ...],
        hosts: Mapping[str, str],
        names: Mapping[str, str],
        apart: Collection[str] = (),
    ) -> None:
        """Index the rows.

        Args:
            listed: All of them.
            hosts: Host of an API → provider.
            names: ``provider/name`` → the ``provider/model`` that is meant.
            apart: Providers whose names of models mean nothing elsewhere.
        """
        self.listed = listed
        self._hosts = dict(hosts)
        self._rows = {f"{one.provider}/{one.model}": one for one in listed}
        self._names = dict(names)
        self._providers = {one.provider for one in listed}
        self._by_model: dict[str, list[Listed]] = {}
        for name, meant in names.items():
            provider, _, model = name.partition("/")
            if provider not in apart:
                self._by_model.setdefault(model, []).append(self._rows[meant])

    def names_at(self, upstream: str, base_url: str) -> list[str]:
        """Return the names that ``find`` knows at an upstream, but for dated ones."""
        provider = self._provider(upstream, base_url)
        if provider:
            before = f"{provider}/"
            return [name.removeprefix(before) for name in self._names if name.startswith(before)]
        return [name for name, found in self._by_model.items() if len(found) == 1]

    def _provider(self, upstream: str, base_url: str) -> str:
        host = urlsplit(base_url).hostname or ""
        return self._hosts.get(host) or (upstream if upstream in self._providers else "")

    def find(self, upstream: str, base_url: str, model: str) -> Listed | None:
        """Return what a model costs at an upstream.

        Args:
            upstream: Its name.
            base_url: Its address.
            model: The model's name there.
        """
        provider = self._provider(upstream, base_url)
        model = model.removeprefix(_LISTED_AS)
        for name in (model, undated(model)):
            if provider:
                meant = self._names.get(f"{provider}/{name}")
                if meant is not None:
                    return self._rows[meant]
            elif len(found := self._by_model.get(name, [])) == 1:
                return found[0]
        return None


def parse(text: str) -> PriceTable:
    """Read the table.

    Raises:
        ValueError: It is not one, or a figure in it is none; the text says where.
    """
    tree = msgspec.convert(tomllib.loads(text), dict[str, _Provider])
    listed: list[Listed] = []
    hosts: dict[str, str] = {}
    names: dict[str, str] = {}
    for provider, section in tree.items():
        hosts |= dict.fromkeys(section.hosts, provider)
        for model, written in section.models.items():
            figures = written if isinstance(written, list) else [written]
            try:
                versions = [_version(provider, model, section, one) for one in figures]
            except ValueError as error:
                raise ValueError(f"{provider}: {model}: {error}") from None
            versions.sort(key=lambda one: one.effective_from)
            listed.append(Listed(provider, model, tuple(versions), figures[0].max_output_tokens))
            for name in (model, *(alias for one in figures for alias in one.aliases)):
                if names.setdefault(f"{provider}/{name}", f"{provider}/{model}") != f"{provider}/{model}":
                    raise ValueError(f"{provider}: {name} is there twice")
    apart = [provider for provider, section in tree.items() if not section.everywhere]
    return PriceTable(tuple(listed), hosts, names, apart)


def _version(provider: str, model: str, section: _Provider, written: _Figures) -> PriceVersion:
    since = written.since
    price = Price(
        input_nano_usd=_nano(written.input) or 0,
        output_nano_usd=_nano(written.output) or 0,
        cached_input_nano_usd=_nano(written.cached_input),
        cache_write_nano_usd=_nano(written.cache_write),
        reasoning_nano_usd=_nano(written.reasoning),
        image_nano_usd=_nano(written.image) or 0,
        second_nano_usd=_nano(written.second) or 0,
        million_characters_nano_usd=_nano(written.characters) or 0,
    )
    # A figure that a later release corrects is another price: the identifier must tell them apart.
    mark = crc32(msgspec.json.encode((price, "" if since is None else since.isoformat())))
    return PriceVersion(
        id=f"{provider}/{model}#{mark:08x}",
        model=model,
        price=price,
        effective_from=0
        if since is None
        else int(datetime(since.year, since.month, since.day, tzinfo=UTC).timestamp()) * 1000,
        origin=Origin.SHIPPED,
        provider=provider,
        source=written.source or section.source,
        source_date=(written.read or section.read).isoformat(),
        note=written.note,
    )


def _nano(amount: str | None) -> int | None:
    return None if amount is None else parse_usd(amount)
