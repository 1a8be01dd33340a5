"""What a statement adds up to."""

from keyturn.domain.ledger import Entry, EntryKind
from keyturn.domain.statements import Line, Statement, Sum


def entry(kind: EntryKind, amount: int) -> Entry:
    """Return a change of the balance."""
    return Entry("acct_1", 1, 0, "2026-11", kind, amount, 0)


STATEMENT = Statement(
    account_id="acct_1",
    account_name="acme",
    month="2026-11",
    zone="UTC",
    starts_at=0,
    ends_at=1,
    known_until=0,
    opening=-3,
    entries=(
        entry(EntryKind.GRANT, 100),
        entry(EntryKind.RERATE, -1),
        entry(EntryKind.EXPIRY, -20),
        entry(EntryKind.ADJUSTMENT, 5),
        entry(EntryKind.REVERSAL, -2),
    ),
    lines=(
        Line("key_1", "app", "proj_1", "shop", "large", 1, 10, 20, 30),
        Line("key_2", "job", "proj_1", "shop", "small", 2, 1, 2, 6),
        Line("key_1", "app", "proj_1", "shop", "small", 3, 4, 5, 2),
    ),
    is_final=True,
)


def test_the_closing_balance_is_the_opening_one_with_everything_between() -> None:
    """What a customer checks with a pencil."""
    assert (STATEMENT.credited, STATEMENT.adjusted, STATEMENT.charged) == (78, 4, 38)
    assert STATEMENT.closing == -3 + 78 + 4 - 38


def test_usage_is_added_up_three_ways_to_the_same_total() -> None:
    """The most expensive first."""
    assert STATEMENT.by_model() == [
        Sum("large", "large", 1, 10, 20, 30),
        Sum("small", "small", 5, 5, 7, 8),
    ]
    assert [one.id for one in STATEMENT.by_key()] == ["key_1", "key_2"]
    assert STATEMENT.by_project() == [Sum("proj_1", "shop", 6, 15, 27, 38)]
