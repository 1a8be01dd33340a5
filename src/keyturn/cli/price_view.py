"""How prices, and what a rerate comes to, are shown."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from rich.table import Table
from rich.text import Text

from keyturn.cli import screen
from keyturn.system import now

PARTS = (
    ("cached_input_usd_per_million", "cached"),
    ("cache_write_usd_per_million", "cache write"),
    ("reasoning_usd_per_million", "reasoning"),
    ("image_usd", "an image"),
    ("second_usd", "a second"),
    ("characters_usd_per_million", "characters"),
)
"""Figures beside input and output, and what they are called."""
_COLOURS = {"operator": "cyan", "default": "yellow"}


class Price(msgspec.Struct, frozen=True):
    """What a model costs from a moment on."""

    model: str
    id: str
    origin: str | None = None
    effective_from: str | None = None
    effective_until: str | None = None
    in_force: bool = False
    provider: str = ""
    upstream_model: str = ""
    input_usd_per_million: str | None = None
    cached_input_usd_per_million: str | None = None
    cache_write_usd_per_million: str | None = None
    output_usd_per_million: str | None = None
    reasoning_usd_per_million: str | None = None
    image_usd: str | None = None
    second_usd: str | None = None
    characters_usd_per_million: str | None = None
    source: str = ""
    source_date: str = ""
    note: str = ""


class Repriced(msgspec.Struct):
    """What a rerate comes to for one key and model, or altogether."""

    model: str
    key_id: str
    key_name: str
    account_id: str
    requests: int
    before_usd: str
    after_usd: str
    difference_usd: str


class Portion(msgspec.Struct):
    """One portion of a rerate."""

    id: str
    scanned: int
    reached: str | None
    rows: list[Repriced]
    next_cursor: str | None


def prices_table(prices: Sequence[Price]) -> Table:
    """Lay out prices, a line each."""
    columns = ("model", "from", "input", "output", "besides", "who says", "id")
    rows = [
        (
            screen.clean(one.model),
            _since(one),
            _amount(one.input_usd_per_million),
            _amount(one.output_usd_per_million),
            ", ".join(_parts(one)),
            Text(one.origin or screen.NOTHING, _COLOURS.get(one.origin or "", "")),
            screen.clean(one.id),
        )
        for one in prices
    ]
    return screen.table(columns, rows, right=("input", "output"), spare=("id", "besides"))


def told(price: Price) -> str:
    """Say a price in words: ``$2.50 in, $10.00 out, $1.25 cached``."""
    words = [
        f"{screen.dollars(amount)} {name}"
        for amount, name in ((price.input_usd_per_million, "in"), (price.output_usd_per_million, "out"))
        if amount is not None
    ]
    return ", ".join([*words, *_parts(price)])


def difference(amount: str) -> Text:
    """Show what is paid more (red) or less (green)."""
    value = Decimal(amount)
    sign = "-" if value < 0 else "+"
    colour = "red" if value > 0 else "green"
    return Text(f"{sign}{screen.dollars(str(abs(value)))}", colour) if value else Text("$0.00")


def repriced_table(rows: Sequence[Repriced], total: Repriced) -> Table:
    """Lay out what changes, by model, account and key."""
    columns = ("model", "key", "account", "requests", "before", "after", "difference")
    cells = [
        (
            screen.clean(one.model),
            screen.clean(one.key_name or one.key_id or screen.NOTHING),
            screen.clean(one.account_id or screen.NOTHING),
            *_figures(one),
        )
        for one in rows
    ]
    cells.append((Text("total", "bold"), Text(""), Text(""), *_figures(total)))
    return screen.table(
        columns, cells, right=("requests", "before", "after", "difference"), spare=("account",)
    )


def _figures(one: Repriced) -> tuple[Text, Text, Text, Text]:
    return (
        Text(f"{one.requests:,}"),
        Text(screen.dollars(one.before_usd)),
        Text(screen.dollars(one.after_usd)),
        difference(one.difference_usd),
    )


def _amount(amount: str | None) -> str:
    return screen.NOTHING if amount is None else screen.dollars(amount)


def _parts(price: Price) -> list[str]:
    named = ((getattr(price, member), name) for member, name in PARTS)
    return [f"{screen.dollars(amount)} {name}" for amount, name in named if amount is not None]


def _since(price: Price) -> Text:
    if price.effective_from is None:
        return Text("ever")
    if price.in_force or price.effective_until is not None:
        return Text(price.effective_from)
    return Text(f"{price.effective_from} ({screen.ago(price.effective_from, now())})", "yellow")
