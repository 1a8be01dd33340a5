"""How the audit log shows what has changed."""

import pytest

from keyturn.control.dashboard.audit_lines import Difference, Line, differences
from keyturn.control.dashboard.entities import Entity
from keyturn.domain.audit import Entry

ENTRY = Entry(1, 0, "operator", "", "", "key.edit", "", "null", "null", bytes(32), bytes(32))


def test_differences_show_what_was_and_what_is() -> None:
    """Of something new, what it is; what somebody has meddled with is shown as it stands."""
    assert differences('{"a":1,"b":true,"c":"x"}', '{"a":2,"b":false,"c":"x"}') == [
        Difference("a", "1", "2"),
        Difference("b", "yes", "no"),
    ]
    assert differences("null", '{"name":"n","tags":[],"ip":["a","b"],"m":{}}') == [
        Difference("name", "", "n"),
        Difference("ip", "", "a, b"),
    ]
    assert differences('{"gone":null}', "null") == [Difference("gone", "none", "")]
    assert differences("{", "[1]") == [Difference("", "{", "[1]")]


@pytest.mark.parametrize(
    ("found", "long"),
    [
        ([], False),
        ([Difference(name, "1", "2") for name in "abcd"], False),
        ([Difference(name, "1", "2") for name in "abcde"], True),
        ([Difference("a", "x" * 200, "y" * 41)], True),
    ],
)
def test_much_that_has_changed_does_not_push_the_other_entries_away(
    found: list[Difference], *, long: bool
) -> None:
    """It is folded up, and there for whoever asks."""
    nobody = Entity("", "")

    assert Line(ENTRY, nobody, nobody, found).long is long
