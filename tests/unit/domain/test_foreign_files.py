"""Rows out of files that other systems' keys are exported to."""

from datetime import UTC, datetime

import pytest

from keyturn.domain.foreign_files import (
    Numbered,
    UnreadableFileError,
    members,
    moment_ms,
    rows,
    truth,
    words,
)

NOON_MS = int(datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp() * 1000)
EXPECTED = [("1", "a b"), ("2", "c")]


def pairs(found: list[Numbered]) -> list[tuple[str, str]]:
    """Return the two members of each row."""
    return [(str(one.row["id"]), str(one.row["name"])) for one in found]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('[\n {"id": 1, "name": "a b"},\n {"id": 2, "name": "c"}\n]', [2, 3]),
        ('{"total": 2, "keys": [{"id": 1, "name": "a b"},\n{"id": 2, "name": "c"}]}', [1, 2]),
        ('{"data": {"items":\n[{"id": 1, "name": "a b"}, {"id": 2, "name": "c"}]}}', [2, 2]),
        ('{"id": 1, "name": "a b"}\n{"id": 2, "name": "c"}\n', [1, 2]),
        ("id,name\n1,a b\n2,c\n", [2, 3]),
        ("id;name\r\n1;a b\r\n\r\n2;c", [2, 4]),
        ('\ufeffid\tname\n1\t"a b"\n2\tc', [2, 3]),
        ('--\nCOPY public."T" (id, "name") FROM stdin;\n1\ta b\n2\tc\n\\.\n\nmore', [3, 4]),
    ],
    ids=["array", "answer", "answer in an answer", "lines", "commas", "semicolons", "tabs", "copy"],
)
def test_each_form_gives_the_same_rows_with_their_lines(text: str, lines: list[int]) -> None:
    """People export with whatever tool they have, and must find a bad row again."""
    found = list(rows(text))

    assert pairs(found) == EXPECTED
    assert [one.line for one in found] == lines


def test_a_cell_over_two_lines_does_not_shift_the_count() -> None:
    """Metadata holds line breaks."""
    found = list(rows('id,name\n1,"a\nb"\n2,c\n'))

    assert [one.line for one in found] == [2, 4]


def test_a_dump_says_nothing_and_escapes_as_postgresql_does() -> None:
    r"""``\N`` is no text, and a backslash stands for itself when doubled."""
    [found] = rows("COPY t (a, b, c) FROM stdin;\n\\N\tx\\ty\t\\\\\n\\.\n")

    assert found.row == {"a": None, "b": "x\ty", "c": "\\"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "line 1: each member"),
        ('[{"a": 1},\n{"b": }]', "line 2: not valid JSON"),
        ('{"a": 1}\n[2]', "line 2: not an object"),
        ("hello", "line 1: neither"),
        ("", "line 1: neither"),
        ("a,b\n1,2\n3", "line 3: 1 cells instead of 2"),
        ("COPY t (a, b) FROM stdin;\n1\n\\.", "line 2: 1 cells instead of 2"),
        ("COPY t (a, b) FROM stdin;\n1\t2", "cut short"),
    ],
)
def test_a_file_of_no_known_form_is_refused_with_the_line(text: str, message: str) -> None:
    """Guessing would import half of it."""
    with pytest.raises(UnreadableFileError, match=message):
        list(rows(text))


@pytest.mark.parametrize(
    "value",
    [
        "2027-01-31T12:00:00Z",
        "2027-01-31 12:00:00",
        "2027-01-31 13:00:00.000+01",
        NOON_MS,
        NOON_MS // 1000,
        str(NOON_MS),
    ],
)
def test_times_are_read_in_every_way_databases_write_them(value: object) -> None:
    """A key must not live longer here than it did there."""
    assert moment_ms(value) == NOON_MS


@pytest.mark.parametrize("value", [None, "", -1, 0, "-1", "0", "\\N"])
def test_no_time_is_none(value: object) -> None:
    """one-api writes -1 for never."""
    assert moment_ms(value) is None


def test_what_is_no_time_is_refused() -> None:
    """Taken as never, it would give a key for ever."""
    with pytest.raises(ValueError, match="soon"):
        moment_ms("soon")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        ('["a","b"]', ["a", "b"]),
        ('{a,"b"}', ["a", "b"]),
        ("a,b", ["a", "b"]),
        ("a\nb", ["a", "b"]),
        ("{}", []),
        (None, []),
    ],
)
def test_lists_are_read_in_every_way_they_are_exported(value: object, expected: list[str]) -> None:
    """PostgreSQL, JSON and one-api each have their own."""
    assert words(value) == expected


def test_truth_and_objects() -> None:
    """CSV knows text only."""
    assert [truth(one) for one in (True, "t", "1", "TRUE", False, None, "f", "0")] == [True] * 4 + [False] * 4
    assert [members(one) for one in (None, "", "null", {"a": 1}, '{"a": 1}')] == [
        {},
        {},
        {},
        {"a": 1},
        {"a": 1},
    ]
    with pytest.raises(TypeError):
        members("[1]")
