"""Rows without end, as CSV or as JSON Lines: written as they are read, so that a million take no more room than one."""

import asyncio
import csv
from collections.abc import AsyncIterator, Callable, Sequence
from enum import StrEnum
from io import StringIO
from typing import TypeVar

import msgspec
from litestar.response import Stream

T = TypeVar("T")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for a formula, or for the way into one, at the beginning of a cell."""

ROWS_AT_ONCE = 128

Cell = str | int | bool | None
Row = dict[str, Cell]


class Format(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSONL = "jsonl"


_TYPES = {Format.CSV: "text/csv; charset=utf-8; header=present", Format.JSONL: "application/jsonl"}


def stream(
    pieces: AsyncIterator[Sequence[T]],
    show: Callable[[T], Row],
    columns: Sequence[str],
    *,
    form: Format,
    name: str,
) -> Stream:
    """Return an answer that is written while it is read.

    Args:
        pieces: What to write, some at a time.
        show: Turns one into a row with these columns.
        columns: The names, in order; the head of a CSV file even where nothing follows.
        form: How to write it.
        name: What a browser calls the file, without the ending.
    """
    lines = _csv(pieces, show, columns) if form is Format.CSV else _json_lines(pieces, show)
    headers = {
        "content-disposition": f'attachment; filename="{name}.{form.value}"',
        "cache-control": "no-store",
    }
    return Stream(lines, media_type=_TYPES[form], headers=headers)


async def _csv(
    pieces: AsyncIterator[Sequence[T]], show: Callable[[T], Row], columns: Sequence[str]
) -> AsyncIterator[bytes]:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    yield _taken(text)
    async for piece in _small(pieces):
        for one in piece:
            row = show(one)
            writer.writerow([_cell(row[column]) for column in columns])
        yield _taken(text)


def _taken(text: StringIO) -> bytes:
    written = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return written


def _cell(value: Cell) -> Cell:
    """Return what stands in a cell: text that a spreadsheet would calculate is made text by an apostrophe.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace(
        "\r", "\n"
    )  # the writer quotes a cell for one, not for the other
    return f"'{text}" if text.startswith(FORMULA) else text


async def _json_lines(pieces: AsyncIterator[Sequence[T]], show: Callable[[T], Row]) -> AsyncIterator[bytes]:
    encode = msgspec.json.Encoder().encode_lines
    async for piece in _small(pieces):
        yield encode([show(one) for one in piece])


async def _small(pieces: AsyncIterator[Sequence[T]]) -> AsyncIterator[Sequence[T]]:
    """Yield pieces that are written in some milliseconds, and let the loop serve others between them."""
    async for piece in pieces:
        for start in range(0, len(piece), ROWS_AT_ONCE):
            yield piece[start : start + ROWS_AT_ONCE]
            await asyncio.sleep(0)
