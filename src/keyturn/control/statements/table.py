"""A statement as CSV (RFC 4180): one row for each thing, whose amounts add up from the opening to the closing balance."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from keyturn.domain.money import format_usd
from keyturn.domain.statements import Statement

COLUMNS = (
    "section",
    "date",
    "description",
    "project",
    "key_id",
    "key",
    "model",
    "requests",
    "input_tokens",
    "output_tokens",
    "amount_usd",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a cell begins with that a spreadsheet takes for something to work out."""
_NOTHING = ("",) * 7


def as_csv(statement: Statement) -> str:
    """Return the table; what others have written can't be taken for a formula."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    writer.writerows(_rows(statement))
    return written.getvalue()


def harmless(text: str) -> str:
    """Return text that no spreadsheet works out."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _rows(statement: Statement) -> Iterator[tuple[str | int, ...]]:
    first_day = _day(statement.starts_at, statement.zone)
    last_day = _day(statement.known_until, statement.zone)
    balance = "Closing balance" if statement.is_final else "Balance so far"
    yield "opening", first_day, "Opening balance", *_NOTHING, format_usd(statement.opening)
    for entry in statement.entries:
        day, amount = _day(entry.at / 1000, statement.zone), format_usd(entry.amount)
        yield entry.kind.value, day, harmless(entry.note), *_NOTHING, amount
    for line in statement.lines:
        names = (line.project_name, line.key_id, line.key_name, line.model)
        figures = line.requests, line.input_tokens, line.output_tokens, format_usd(-line.cost_nano_usd)
        yield "charge", last_day, "Usage", *map(harmless, names), *figures
    yield "closing", last_day, balance, *_NOTHING, format_usd(statement.closing)


def _day(at: float, zone: str) -> str:
    return datetime.fromtimestamp(at, ZoneInfo(zone)).date().isoformat()
