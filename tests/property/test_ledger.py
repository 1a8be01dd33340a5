"""Whatever happens to a ledger, in whatever order, the figures fit."""

from collections.abc import Callable

from hypothesis import given, strategies as st

from keyturn.domain.ledger import Book, EntryKind, Grant, GrantSource, Posting

NOON = 1_790_000_000_000
AMOUNTS = st.integers(1, 10**12)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("charge"), AMOUNTS, st.none()),
        st.tuples(st.just("grant"), AMOUNTS, st.none() | st.integers(0, 50)),
        st.tuples(st.just("reverse"), st.integers(0, 5), st.none()),
        st.tuples(st.just("wait"), st.integers(0, 20), st.none()),
    ),
    max_size=40,
)


def play(steps: list[tuple[str, int, int | None]], check: Callable[[Book, int], None]) -> Book:
    """Let things happen, as whoever writes a ledger does it: what has ended is taken off before anything else."""
    book, now = Book("acct_1"), NOON
    for number, (what, amount, lasts) in enumerate(steps):
        posting = Posting(now)
        if what == "wait":
            now += amount
        elif what == "charge":
            book.expire(posting)
            book.charge(amount, posting)
        elif what == "grant":
            ends = None if lasts is None else now + lasts
            new = Grant(f"grnt_{number}", "acct_1", GrantSource.GRANT, amount, amount, now, ends)
            book.expire(posting)
            book.grant(new, posting)
        elif book.open:
            book.reverse(book.open[amount % len(book.open)], posting)
        check(book, now)
    return book


@given(STEPS)
def test_the_balance_is_the_sum_of_the_entries_and_what_remains_is_never_less_than_nothing(
    steps: list[tuple[str, int, int | None]],
) -> None:
    """What `keyturn ledger verify` proves of the store holds by construction."""

    def check(book: Book, now: int) -> None:
        total = 0
        for number, entry in enumerate(book.entries, 1):
            total += entry.amount
            assert (entry.seq, entry.balance) == (number, total)
        assert book.balance == total
        assert all(0 < one.remaining <= one.amount for one in book.open)
        assert all(0 <= one.remaining <= one.amount for one in book.granted)
        assert sum(one.remaining for one in book.open) == max(0, book.balance)
        assert book.available(now) <= book.balance

    play(steps, check)


@given(STEPS)
def test_nothing_is_used_while_something_that_ends_sooner_remains(
    steps: list[tuple[str, int, int | None]],
) -> None:
    """Before and after each charge: only the first grants in the order of their ends have become less."""

    def ends(one: Grant) -> tuple[bool, int]:
        return one.expires_at is None, one.expires_at or 0

    def check(book: Book, now: int) -> None:
        before = {one.id: one for one in book.open}
        good = Book("acct_1", balance=book.balance, grants=before.values())
        good.expire(Posting(now))
        candidates = good.open
        good.charge(max(1, good.balance // 2), Posting(now))
        used = [one for one in candidates if one.id not in {kept.id for kept in good.open}]
        touched = [
            one for one in candidates if one.remaining != {k.id: k.remaining for k in good.open}.get(one.id)
        ]
        untouched = [one for one in candidates if one not in touched]
        assert all(ends(one) <= ends(other) for one in touched for other in untouched)
        assert all(one in touched for one in used)

    play(steps, check)


@given(STEPS)
def test_an_entry_that_gives_has_a_grant_and_each_grant_has_one(
    steps: list[tuple[str, int, int | None]],
) -> None:
    """Grants and entries are two views of the same."""
    book = play(steps, lambda _book, _now: None)

    given_by = [(one.grant_id, one.amount) for one in book.entries if one.kind is EntryKind.GRANT]

    assert sorted(given_by) == sorted((one.id, one.amount) for one in book.granted)
