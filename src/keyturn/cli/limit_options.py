"""Limits as the command line takes and shows them."""

from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_terms import NONE
from keyturn.domain.limit_text import BadLimitError, parse_limit
from keyturn.domain.limits import Limit, Metric, shown

COLUMNS = ("limit", "allowed", "used", "remaining", "", "resets", "of")
_BAR_WIDTH = 10

LimitsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="METRIC/WINDOW=MAX",
        help="How much may be used: `requests/minute=60`, `cost_usd/month=20.50`, `tokens/day:gpt-*=100000`, "
        "`concurrency=5`; repeatable, takes the place of what was there, `none` takes all away.",
    ),
]


class Raise(msgspec.Struct, frozen=True):
    """What stands for a limit for a while."""

    max: int | str
    until: str


class HeldLimit(msgspec.Struct, frozen=True):
    """A limit, with what is used of it where the node says."""

    metric: str
    max: int | str
    window: str = ""
    model: str = ""
    shadow: bool = False
    raised: Raise | None = msgspec.field(name="raise", default=None)
    used: int | str | None = None
    remaining: int | str | None = None
    resets_at: str | None = None
    scope: str = ""

    @property
    def subject(self) -> str:
        """What is limited, as it is written on the command line."""
        of_window = f"/{self.window}" if self.window else ""
        return f"{self.metric}{of_window}{f':{self.model}' if self.model else ''}"


class Limits(msgspec.Struct, frozen=True):
    """The limits of one owner."""

    id: str
    version: int
    limits: list[HeldLimit] = []
    inherited: list[HeldLimit] = []


def limits_in(given: list[str] | None, *, shadow: bool = False) -> list[dict[str, object]] | None:
    """Return limits as the management API takes them; ``none`` alone takes all away, ``None``: nobody said.

    Raises:
        CommandFailed: One is none.
    """
    if not given:
        return None
    return [] if given == [NONE] else [written(read(text), shadow=shadow) for text in given]


def read(text: str) -> Limit:
    """Return the limit that somebody has written.

    Raises:
        CommandFailed: It is none.
    """
    try:
        return parse_limit(text)
    except BadLimitError as error:
        raise CommandFailed(str(error)) from None


def written(limit: Limit, *, shadow: bool = False) -> dict[str, object]:
    """Return a limit as the management API takes it."""
    is_money = limit.metric is Metric.COST
    amount = shown(limit.metric, limit.max) if is_money else limit.max
    members: dict[str, object] = {"metric": limit.metric.value, "max": amount}
    optional = {"window": limit.window.value, "model": limit.model, "shadow": shadow}
    return members | {name: value for name, value in optional.items() if value}


def again(limit: HeldLimit) -> dict[str, object]:
    """Return a limit that the node has shown as the management API takes it."""
    members: dict[str, object] = {"metric": limit.metric, "max": limit.max}
    raised = None if limit.raised is None else msgspec.to_builtins(limit.raised)
    optional = {"window": limit.window, "model": limit.model, "shadow": limit.shadow, "raise": raised}
    return members | {name: value for name, value in optional.items() if value}


def words(limit: HeldLimit, at: float) -> str:
    """Return a limit in one line, ``at`` in seconds since 1970 UTC."""
    found = f"{limit.subject}={limit.max}"
    if limit.raised is not None:
        found += f", raised to {limit.raised.max} until {limit.raised.until}"
        found += f" ({screen.ago(limit.raised.until, at)})"
    return f"{found}, refuses nothing (shadow)" if limit.shadow else found


def table(limits: Limits, at: float) -> Table:
    """Lay out limits with what is used of them, ``at`` in seconds since 1970 UTC."""
    rows = [
        (
            screen.clean(one.subject),
            _allowed(one, at),
            _amount(one, one.used),
            _amount(one, one.remaining),
            Text(screen.bar(_fraction(one), _BAR_WIDTH), style="red" if _is_used_up(one) else "cyan"),
            screen.NOTHING if one.resets_at is None else screen.ago(one.resets_at, at),
            one.scope or "its own",
        )
        for one in [*limits.limits, *limits.inherited]
    ]
    figures = ("allowed", "used", "remaining")
    return screen.table(COLUMNS, rows, right=figures, spare=("", "remaining", "of", "resets"))


def _allowed(limit: HeldLimit, at: float) -> Text:
    if limit.raised is None:
        amount = Text(_amount(limit, limit.max))
    else:
        ends = screen.ago(limit.raised.until, at)
        span = f" for {ends.removeprefix('in ')}" if ends.startswith("in ") else f" until {ends}"
        amount = Text.assemble(_amount(limit, limit.raised.max), (span, "yellow"))
    return Text.assemble(amount, (" shadow", "magenta")) if limit.shadow else amount


def _amount(limit: HeldLimit, amount: float | str | None) -> str:
    if amount is None:
        return screen.NOTHING
    return screen.dollars(str(amount)) if limit.metric == "cost_usd" else f"{int(amount):,}"


def _fraction(limit: HeldLimit) -> float:
    if limit.used is None or limit.remaining is None:
        return 0.0
    used, left = float(limit.used), float(limit.remaining)
    return used / (used + left) if used + left else 0.0


def _is_used_up(limit: HeldLimit) -> bool:
    return limit.remaining is not None and float(limit.remaining) == 0
