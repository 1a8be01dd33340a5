"""Rows as CSV and as JSON Lines."""

import csv
from collections.abc import AsyncIterator
from io import StringIO

import msgspec
import pytest

from keyturn.control.exports import ROWS_AT_ONCE, Format, Row, stream


async def written(rows: list[Row], form: Format) -> tuple[str, list[int]]:
    """Return what is written of rows, and how long the pieces were."""

    async def pieces() -> AsyncIterator[list[Row]]:
        yield rows
        yield []

    answer = stream(pieces(), lambda row: row, ("name", "count", "flag"), form=form, name="things")
    found = [piece async for piece in answer.iterator]  # type: ignore[union-attr]
    return b"".join(found).decode(), [len(piece) for piece in found]  # type: ignore[arg-type]


def row(name: str, count: int | None = 1) -> Row:
    """Return a row."""
    return {"name": name, "count": count, "flag": True}


NASTY = [
    '=HYPERLINK("http://x")',
    "+1",
    "-1",
    "@x",
    "\tx",
    "\rx",
    "\nx",
    'a "quoted", name',
    "two\nlines",
    "ü",
    "",
]


async def test_no_text_becomes_a_formula_and_none_is_lost() -> None:
    """A customer names a key, and the operator opens the file."""
    text, _ = await written([row(name) for name in NASTY], Format.CSV)

    cells = [line[0] for line in csv.reader(StringIO(text, newline=""))][1:]
    plain = [name.replace("\r", "\n") for name in NASTY]
    assert cells == [f"'{name}" if name[:1] in set("=+-@\t\n") else name for name in plain]


async def test_numbers_stay_numbers_and_nothing_is_an_empty_cell() -> None:
    """They are there to be added up."""
    text, _ = await written([row("a", -5), row("b", None)], Format.CSV)

    assert text == "name,count,flag\na,-5,true\nb,,true\n"


async def test_every_line_is_a_json_object() -> None:
    """Whatever reads them reads one line at a time."""
    rows = [row(name) for name in NASTY]

    text, _ = await written(rows, Format.JSONL)

    assert [msgspec.json.decode(line) for line in text.splitlines()] == rows


@pytest.mark.parametrize(("form", "empty"), [(Format.CSV, "name,count,flag\n"), (Format.JSONL, "")])
async def test_nothing_is_a_file_without_rows(form: Format, empty: str) -> None:
    """Not an error: nothing was used."""
    assert (await written([], form))[0] == empty


@pytest.mark.parametrize("form", list(Format))
async def test_a_long_export_is_written_in_small_pieces(form: Format) -> None:
    """The control process has look-ups to answer meanwhile."""
    _, lengths = await written([row("x" * 10)] * 10_000, form)

    assert len(lengths) >= 10_000 // ROWS_AT_ONCE
    assert max(lengths) < ROWS_AT_ONCE * 60
