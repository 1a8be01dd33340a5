"""Entity tags and preconditions."""

import pytest

from keyturn.domain.versions import entity_tag, holds


def test_a_version_has_a_strong_entity_tag() -> None:
    """RFC 9110 8.8.3."""
    assert entity_tag(7) == '"7"'


@pytest.mark.parametrize(
    ("if_match", "expected"),
    [
        (None, True),
        ("*", True),
        ('"7"', True),
        ('"6"', False),
        ('"6", "7"', True),
        ('W/"7"', False),
        ("7", False),
        ("", False),
        ('"77"', False),
    ],
)
def test_a_precondition_holds_for_what_was_read_only(if_match: str | None, *, expected: bool) -> None:
    """RFC 9110 13.1.1: whoever read something else must not overwrite it."""
    assert holds(if_match, 7) is expected
