"""When a key expires, as people write it."""

import pytest

from keyturn.cli import expiry
from keyturn.cli.failure import CommandFailed

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90d", 7_776_000), ("12h", 43_200), ("30m", 1_800), ("2w", 1_209_600), (" 1D ", 86_400)],
)
def test_spans_go_to_the_node_as_seconds(text: str, seconds: int) -> None:
    """The node's clock decides, not that of a laptop."""
    assert expiry.for_creation(text) == {"expires_in_s": seconds}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-31", "2027-01-31T00:00:00Z"),
        ("2027-01-31T10:00:00Z", "2027-01-31T10:00:00Z"),
        ("2027-01-31T10:00:00+02:00", "2027-01-31T08:00:00Z"),
        ("2027-01-31t10:00:00", "2027-01-31T10:00:00Z"),
    ],
)
def test_dates_go_to_the_node_in_utc(text: str, moment: str) -> None:
    """One meaning wherever the operator sits."""
    assert expiry.for_creation(text) == {"expires_at": moment}


@pytest.mark.parametrize("text", ["", "soon", "0d", "-1d", "90", "1.5h", "d", "2027-02-30", "90 days"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    """A guess here would be a key that lives too long."""
    with pytest.raises(CommandFailed, match="90d, 12h"):
        expiry.for_creation(text)


def test_not_said_is_not_sent() -> None:
    """Without --expires nothing is set and nothing is changed."""
    assert expiry.for_creation(None) == {}
    assert expiry.for_change(None, NOON) == {}


def test_a_change_counts_from_now() -> None:
    """The API takes a moment there."""
    assert expiry.for_change("1d", NOON) == {"expires_at": "2026-01-02T12:00:00Z"}


def test_never_takes_the_expiry_away() -> None:
    """A key that was to end may be kept."""
    assert expiry.for_change("Never", NOON) == {"expires_at": None}


def test_a_span_beyond_all_calendars_is_refused() -> None:
    """In one line."""
    with pytest.raises(CommandFailed, match="too far away"):
        expiry.for_change("999999999w", NOON)


def test_a_key_that_never_expires_says_nothing_of_it() -> None:
    """`never` is what a new key is anyway."""
    assert expiry.for_creation("never") == {}
