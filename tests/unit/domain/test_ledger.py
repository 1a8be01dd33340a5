"""What a ledger does with credit and charges."""

import msgspec

from keyturn.domain.ledger import Book, EntryKind, Grant, GrantSource, Posting, available

NOON = 1_790_000_000_000
DAY = 86_400_000


def grant(grant_id: str, amount: int, *, ends: int | None = None, made: int = NOON) -> Grant:
    """Return a grant of which nothing is used."""
    return Grant(grant_id, "acct_1", GrantSource.GRANT, amount, amount, made, ends)


def book(*grants: Grant) -> Book:
    """Return a ledger in which these were granted before."""
    balance = sum(one.remaining for one in grants)
    return Book("acct_1", seq=len(grants), balance=balance, grants=grants)


def left(kept: Book) -> dict[str, int]:
    """Return what remains of each grant that is not used up."""
    return {one.id: one.remaining for one in kept.open}


def test_what_ends_first_is_used_first() -> None:
    """Whoever has bought credit must not lose it while credit with an end lies unused."""
    kept = book(grant("bought", 10), grant("month", 10, ends=NOON + DAY), grant("day", 10, ends=NOON + 1))

    kept.charge(12, Posting(NOON))

    assert left(kept) == {"month": 8, "bought": 10}
    assert kept.remaining_changed() == {"day": 0, "month": 8}


def test_of_grants_that_end_together_the_older_is_used_first() -> None:
    """An order that depends on nothing else can be explained."""
    kept = book(grant("b", 10, made=NOON), grant("a", 10, made=NOON - 1))

    kept.charge(1, Posting(NOON))

    assert left(kept) == {"a": 9, "b": 10}


def test_what_no_grant_covers_is_owed() -> None:
    """A charge is what was used, whether it was paid for or not."""
    kept = book(grant("g", 10))

    kept.charge(15, Posting(NOON, requests=3))

    assert (kept.balance, left(kept), kept.available(NOON)) == (-5, {}, -5)
    assert (kept.entries[-1].amount, kept.entries[-1].requests) == (-15, 3)


def test_new_credit_pays_what_is_owed_first() -> None:
    """Otherwise a debt would stand beside credit for ever."""
    kept = Book("acct_1", seq=1, balance=-4)

    small = kept.grant(grant("small", 3), Posting(NOON))
    large = kept.grant(grant("large", 10), Posting(NOON))

    assert (small.remaining, large.remaining) == (0, 9)
    assert kept.balance == kept.available(NOON) == 9
    assert {one.id for one in kept.granted} == {"small", "large"}


def test_an_end_takes_off_what_remains_and_no_more() -> None:
    """What was used of it stays used."""
    kept = book(grant("ended", 10, ends=NOON), grant("later", 10, ends=NOON + 1))
    kept.charge(4, Posting(NOON - 1))

    ended = kept.expire(Posting(NOON))
    again = kept.expire(Posting(NOON))

    assert ([one.id for one in ended], again) == (["ended"], [])
    assert (kept.balance, left(kept)) == (10, {"later": 10})
    last = kept.entries[-1]
    assert (last.kind, last.amount, last.grant_id) == (EntryKind.EXPIRY, -6, "ended")


def test_credit_that_has_ended_is_not_available_before_anybody_wrote_so() -> None:
    """The entry may come a second later; the credit is over at its end."""
    kept = book(grant("ended", 10, ends=NOON), grant("good", 5, ends=NOON + 1))

    assert kept.available(NOON - 1) == 15
    assert kept.available(NOON) == 5
    assert available(0, [], NOON) == 0


def test_a_grant_that_is_taken_back_leaves_what_was_used() -> None:
    """The entry is the rest of it."""
    kept = book(grant("g", 10), grant("other", 1))
    kept.charge(4, Posting(NOON))

    kept.reverse(kept.open[0], Posting(NOON, "operator", "Paid back"))

    last = kept.entries[-1]
    assert (last.kind, last.amount, last.note, last.actor) == (
        EntryKind.REVERSAL,
        -6,
        "Paid back",
        "operator",
    )
    assert left(kept) == {"other": 1}


def test_entries_are_numbered_on_and_stand_in_the_month_of_the_accounts_calendar() -> None:
    """23:30 in UTC on the last day is the next month in Berlin."""
    at = 1_793_489_400_000  # 2026-10-31T23:30:00Z
    kept = Book("acct_1", zone="Europe/Berlin", seq=7)

    kept.charge(1, Posting(at))
    kept.charge(2, Posting(at - 3_600_000), EntryKind.ADJUSTMENT)

    assert [(one.seq, one.month, one.kind, one.balance) for one in kept.entries] == [
        (8, "2026-11", EntryKind.CHARGE, -1),
        (9, "2026-10", EntryKind.ADJUSTMENT, -3),
    ]


def test_a_grant_of_the_same_book_can_be_used_at_once() -> None:
    """A batch may bring both."""
    kept = Book("acct_1")
    kept.grant(grant("g", 10), Posting(NOON))

    kept.charge(3, Posting(NOON))

    assert kept.granted == [msgspec.structs.replace(grant("g", 10), remaining=7)]
    assert kept.remaining_changed() == {}
