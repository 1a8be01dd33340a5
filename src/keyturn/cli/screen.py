"""What commands show: tables, dots, bars, amounts and times."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 1_000
"""Columns when nobody looks: wide enough that what a script greps for is not cut."""
DOTS = {
    "active": ("●", "green"),
    "disabled": ("○", "yellow"),
    "suspended": ("○", "yellow"),
    "out_of_credit": ("○", "red"),
    "expired": ("◌", "red"),
    "revoked": ("✗", "red"),
    "disconnected": ("✗", "red"),
}
NOTHING = "\N{EN DASH}"
"""Stands where there is nothing to show."""
ANONYMOUS = "no key is needed (auth.required = false): whoever reaches the port can call every model"
MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: (NOTHING, "bright_black")}
_WHOLE = {"", "status", "severity", "when", "created", "last used", "expires", "added"}
"""Columns whose cells are short and stay on one line."""
_GAP, _FOLDED = 3, 28
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
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    right: Sequence[str] = (),
    spare: Sequence[str] = (),
) -> Table:
    """Lay out rows.

    Args:
        columns: Titles.
        rows: One cell per column; a ``str`` is markup, other people's words go through ``clean``.
        right: Titles of the columns of figures.
        spare: Titles of the columns to leave out where the terminal is too narrow, first one first: half a
            cell of everything is worse than all of what matters.
    """
    cells, whole = [tuple(row) for row in rows], _WHOLE | set(right)
    widths = {
        title: max([cell_len(title), *(_width(row[index], whole=title in whole) for row in cells)])
        for index, title in enumerate(columns)
    }
    room = out().width
    for title in spare:
        if sum(widths.values()) + _GAP * len(widths) <= room:
            break
        del widths[title]
    laid_out = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for title in widths:
        is_whole = title in whole
        laid_out.add_column(
            title,
            justify="right" if title in right else "left",
            no_wrap=is_whole,
            overflow="ellipsis" if is_whole else "fold",
        )
    for row in cells:
        laid_out.add_row(*(cell for title, cell in zip(columns, row, strict=True) if title in widths))
    return laid_out


def _width(cell: str | Text, *, whole: bool) -> int:
    """Return the columns that a cell asks for; a long text is folded, and asks for less than it could fill."""
    plain = Text.from_markup(cell).plain if isinstance(cell, str) else cell.plain
    width = max((cell_len(line) for line in plain.splitlines()), default=0)
    return width if whole else min(width, _FOLDED)


def listing(rows: Table, empty: str) -> None:
    """Print a table on stdout, or on stderr what to say when it has no rows: a head with nothing below helps nobody."""
    if rows.row_count:
        out().print(rows)
    else:
        err().print(empty)


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
    whole, _, decimals = f"{abs(Decimal(amount)):f}".partition(".")
    sign = "-" if Decimal(amount) < 0 else ""
    return f"{sign}${int(whole):,}.{decimals.rstrip('0').ljust(2, '0')}"


def duration(microseconds: int) -> str:
    """Write a duration in the unit that suits it."""
    if microseconds < 1_000:
        return f"{microseconds} µs"
    if microseconds < 1_000_000:
        return f"{microseconds / 1_000:.1f} ms"
    return f"{microseconds / 1_000_000:.2f} s"


def hours(count: int) -> str:
    """Write a number of hours, in days where it is whole days."""
    days, left = divmod(count, 24)
    if left or not days:
        return f"{count} h"
    return f"{days} day{'' if days == 1 else 's'}"


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
    if at.timestamp() > now:
        distance += min(60.0, distance / 100)  # what was to last 30 days is not told as 29 a second later
    for unit, seconds in _UNITS:
        if distance >= seconds:
            amount = f"{int(distance // seconds)} {unit}"
            return f"{amount} ago" if at.timestamp() <= now else f"in {amount}"
    return "just now" if at.timestamp() <= now else "in a moment"


def typed() -> str:
    """Return the line that was typed after a prompt; where nobody types, end the prompt's line on stderr."""
    line = sys.stdin.readline()
    if not line.endswith("\n") or not sys.stdin.isatty():
        sys.stderr.write("\n")
    return line.rstrip("\n")


def print_json(raw: bytes) -> None:
    """Print a JSON document on stdout, indented."""
    sys.stdout.write(msgspec.json.format(raw, indent=2).decode() + "\n")
