"""Names of models."""

from keyturn.domain.models import near

KNOWN = ["gpt-4o", "gpt-4o-mini", "gpt-4", "claude-sonnet", "demo-chat", "demo-embed"]


def test_a_mistyped_name_finds_what_was_meant() -> None:
    """A 404 that names the right model saves a search."""
    assert near("gtp-4o", KNOWN)[0] == "gpt-4o"


def test_three_names_at_most_are_offered() -> None:
    """More would be a list, not a hint."""
    assert len(near("gpt-4", KNOWN)) == 3


def test_a_name_like_no_other_finds_nothing() -> None:
    """A wild guess would mislead."""
    assert near("zzzzzz", KNOWN) == []
    assert near("gpt-4", []) == []
