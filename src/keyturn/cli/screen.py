"""What commands show: tables, dots, bars, amounts and times."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 200
"""Columns when nobody looks: wide enough that what a script greps for is not cut."""
DOTS = {
    "active": ("●", "green"),
    "disabled": ("○", "yellow"),
    "suspended": ("○", "yellow"),
    "expired": ("◌", "red"),
    "revoked": ("✗", "red"),
    "disconnected": ("✗", "red"),
}
NOTHING = "\N{EN DASH}"
"""Stands where there is nothing to show."""
ANONYMOUS = "no key is needed (auth.required = false): whoever reaches the port can call every model"
MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: (NOTHING, "bright_black")}
_EIGHTHS = " ▏▎▍▌▋▊▉"
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))
_DAYS_IN_WORDS = 60


def out() -> Console:
    """Return the console for what was asked for."""
    return _console(sys.stdout.isatty(), stderr=False)


def err() -> Console:
    """Return the console for remarks."""
    return _console(sys.stderr.isatty(), stderr=True)


def _console(is_terminal: bool, *, stderr: bool) -> Console:  # noqa: FBT001 -- the stream's own word
    return Console(stderr=stderr, highlight=False, width=None if is_terminal else PIPE_WIDTH)


def clean(text: str) -> Text:
    """Return text that somebody else wrote, unable to move the cursor or to be taken for markup."""
    return Text("".join(letter if letter.isprintable() else "\ufffd" for letter in text))


def table(
    columns: Sequence[str], rows: Iterable[Sequence[RenderableType]], *, right: Sequence[str] = ()
) -> Table:
    """Lay out rows.

    Args:
        columns: Titles.
        rows: One cell per column; a ``str`` is markup, other people's words go through ``clean``.
        right: Titles of the columns of figures.
    """
    laid_out = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        laid_out.add_column(
            column, justify="right" if column in right else "left", no_wrap=column in right or not column
        )
    for row in rows:
        laid_out.add_row(*row)
    return laid_out


def facts(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """Lay out names and values, one pair a line."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bright_black", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(name, value)
    return grid


def dot(status: str) -> Text:
    """Show a status."""
    sign, colour = DOTS.get(status, ("?", "white"))
    return Text.assemble((sign, colour), " ", status)


def mark(*, passed: bool | None) -> Text:
    """Show whether something holds; ``None``: nobody asked."""
    return Text(*MARKS[passed])


def bar(fraction: float, width: int) -> str:
    """Draw a bar in eighths of a letter; anything above zero is seen."""
    if fraction <= 0:
        return ""
    whole, eighth = divmod(max(1, round(min(fraction, 1.0) * width * 8)), 8)
    return "█" * whole + (_EIGHTHS[eighth] if eighth else "")


def dollars(amount: str) -> str:
    """Write an amount with at least two decimals and no trailing zeros beyond them."""
    whole, _, decimals = f"{Decimal(amount):f}".partition(".")
    return f"${int(whole):,}.{decimals.rstrip('0').ljust(2, '0')}"


def duration(microseconds: int) -> str:
    """Write a duration in the unit that suits it."""
    if microseconds < 1_000:
        return f"{microseconds} µs"
    if microseconds < 1_000_000:
        return f"{microseconds / 1_000:.1f} ms"
    return f"{microseconds / 1_000_000:.2f} s"


def size(count: int) -> str:
    """Write a number of bytes in the unit that suits it."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def ago(moment: str | None, now: float) -> str:
    """Write a time relative to ``now``, and as a date when it is far.

    Args:
        moment: RFC 3339; ``None``: never.
        now: Seconds since 1970 UTC.
    """
    if moment is None:
        return "never"
    at = datetime.fromisoformat(moment).astimezone(UTC)
    distance = abs(now - at.timestamp())
    if distance >= _DAYS_IN_WORDS * 86_400:
        return at.date().isoformat()
    for unit, seconds in _UNITS:
        if distance >= seconds:
            amount = f"{int(distance // seconds)} {unit}"
            return f"{amount} ago" if at.timestamp() <= now else f"in {amount}"
    return "just now" if at.timestamp() <= now else "in a moment"


def print_json(raw: bytes) -> None:
    """Print a JSON document on stdout, indented."""
    sys.stdout.write(msgspec.json.format(raw, indent=2).decode() + "\n")
