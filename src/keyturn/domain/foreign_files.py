"""Rows out of the files that other systems' keys are exported to: JSON, JSON Lines, CSV, and PostgreSQL's COPY."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

Row = dict[str, object]

_LISTS = frozenset({"data", "keys", "tokens", "items", "results", "rows"})
"""Members of an answer under which lists stand."""
_COPY = re.compile(r"COPY\s+(?:[\w.\"]+)\s*\((?P<columns>[^)]*)\)\s+FROM\s+stdin;", re.IGNORECASE)
_SPACE = re.compile(r"[\s,]*")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}
_SECONDS_UP_TO = 100_000_000_000
"""A larger number of a time counts milliseconds: as seconds it would be in the year 5138."""


class Numbered(msgspec.Struct, frozen=True):
    """A row and where it stands."""

    line: int
    """From 1."""
    row: Row


class UnreadableFileError(Exception):
    """The file is of none of the known forms; the text is one line for the operator, without what the file holds."""


def rows(text: str) -> Iterator[Numbered]:
    """Read the rows of a file.

    Args:
        text: All of it. An array, or an object with one under ``data``, ``keys`` or the like; objects line by line; a
            table with its column names in the first line, separated by commas, semicolons or tabs; or a dump with
            ``COPY … FROM stdin``.

    Raises:
        UnreadableFileError: While reading: it is something else from there on.
    """
    text = text.removeprefix("\ufeff")
    start = text.lstrip()[:1]
    if start == "[":
        yield from _elements(text, text.index("["))
    elif start == "{":
        yield from _objects(text)
    elif (copied := _COPY.search(text)) is not None:
        yield from _copied(text, copied)
    else:
        yield from _table(text)


def moment_ms(value: object) -> int | None:
    """Read a time as milliseconds since 1970 UTC; ``None`` for none (empty, 0, -1).

    Args:
        value: RFC 3339 or as databases write it, UTC where no zone is said; or a number of seconds or milliseconds.

    Raises:
        ValueError: It is neither.
    """
    if value is None or value in {"", "\\N"}:
        return None
    number = value if isinstance(value, int | float) else _number(str(value))
    if number is not None:
        if number <= 0:
            return None
        return int(number * 1000) if number < _SECONDS_UP_TO else int(number)
    at = datetime.fromisoformat(str(value))
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def truth(value: object) -> bool:
    """Read a yes or no; nothing is no."""
    return str(value).strip().lower() in {"true", "t", "1", "yes"}


def words(value: object) -> list[str]:
    """Read a list: JSON, PostgreSQL's ``{a,b}``, or separated by commas or white space."""
    if isinstance(value, list):
        return [str(one) for one in value if one]
    text = "" if value is None else str(value).strip()
    if text.startswith("["):
        return words(json.loads(text))
    return [word.strip('"') for word in re.split(r"[\s,]+", text.strip("{}")) if word.strip('"')]


def members(value: object) -> Row:
    """Read an object, or the JSON of one; nothing is empty.

    Raises:
        ValueError: It is not JSON.
        TypeError: It is something else.
    """
    if value is None or value == "":
        return {}
    found = json.loads(value) if isinstance(value, str) else value
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise TypeError("not an object")
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _elements(text: str, at: int) -> Iterator[Numbered]:
    """Read the objects of an array that begins at ``at``, one by one, to know where each stands."""
    decoder = json.JSONDecoder()
    line, counted = 1, 0
    at += 1
    while True:
        at = _skip(text, at)
        line += text.count("\n", counted, at)
        counted = at
        if text[at : at + 1] == "]":
            return
        value, at = _decode(decoder, text, at, line)
        if not isinstance(value, dict):
            raise UnreadableFileError(f"line {line}: each member of the list must be an object")
        yield Numbered(line, value)


def _objects(text: str) -> Iterator[Numbered]:
    """Read objects line by line, or one answer with a list inside."""
    decoder = json.JSONDecoder()
    start = text.index("{")
    first, end = _decode(decoder, text, start, 1)
    rest = _skip(text, end)
    if rest >= len(text) and isinstance(first, dict):
        inside = _list_inside(decoder, text, start)
        if inside >= 0:
            yield from _renumbered(text, inside)
            return
    at, line, counted = start, 1, 0
    while at < len(text):
        line += text.count("\n", counted, at)
        counted = at
        value, at = _decode(decoder, text, at, line)
        if not isinstance(value, dict):
            raise UnreadableFileError(f"line {line}: not an object")
        yield Numbered(line, value)
        at = _skip(text, at)


def _renumbered(text: str, at: int) -> Iterator[Numbered]:
    """Read the array at ``at``; its lines count from the beginning of the file, as everywhere."""
    return _elements(text, at)


def _list_inside(decoder: json.JSONDecoder, text: str, at: int) -> int:
    """Return where, in an object that is known to be well formed, the list of rows begins; -1: there is none."""
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
        at = _skip(text, at + 1)  # the colon
        if name in _LISTS and text[at] == "[":
            return at
        if name in _LISTS and text[at] == "{":
            inner = _list_inside(decoder, text, at)
            if inner >= 0:
                return inner
        _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
    return -1


def _decode(decoder: json.JSONDecoder, text: str, at: int, line: int) -> tuple[object, int]:
    try:
        return decoder.raw_decode(text, at)
    except (ValueError, RecursionError) as error:
        where = line + text.count("\n", at, error.pos) if isinstance(error, json.JSONDecodeError) else line
        raise UnreadableFileError(f"line {where}: not valid JSON") from None


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _table(text: str) -> Iterator[Numbered]:
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        columns = [name.strip() for name in next(reader, [])]
        if len(columns) < 2:
            raise UnreadableFileError("line 1: neither JSON nor a table with the names of its columns")
        line = reader.line_num
        for cells in reader:
            if cells:
                if len(cells) != len(columns):
                    raise UnreadableFileError(
                        f"line {line + 1}: {len(cells)} cells instead of {len(columns)}"
                    )
                yield Numbered(line + 1, dict(zip(columns, cells, strict=True)))
            line = reader.line_num
    except csv.Error as error:
        raise UnreadableFileError(f"line {reader.line_num}: {error}") from None


def _copied(text: str, copied: re.Match[str]) -> Iterator[Numbered]:
    columns = [name.strip().strip('"') for name in copied["columns"].split(",")]
    line = text.count("\n", 0, copied.end()) + 1
    for cells in text[copied.end() :].split("\n")[1:]:
        line += 1
        if cells.rstrip("\r") == "\\.":
            return
        values = [None if cell == "\\N" else _ESCAPED.sub(_unescape, cell) for cell in cells.split("\t")]
        if len(values) != len(columns):
            raise UnreadableFileError(f"line {line}: {len(values)} cells instead of {len(columns)}")
        yield Numbered(line, dict(zip(columns, values, strict=True)))
    raise UnreadableFileError(f"line {line}: the dump is cut short")


def _unescape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[1], found[1])
