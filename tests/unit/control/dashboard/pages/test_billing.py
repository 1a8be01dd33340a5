"""What is typed on the page of plans and credit."""

from datetime import UTC, datetime

from keyturn.control.dashboard.guard import Form
from keyturn.control.dashboard.pages.billing import MOST_MONTHS, months_since, new_credit
from keyturn.domain.refusals import Refused
from keyturn.services.credit import NewCredit

USD = 10**9


def form(**fields: str) -> Form:
    """Fill in a form."""
    return Form({name: [text] for name, text in fields.items()})


def test_a_grant_is_read_with_everything_that_was_said() -> None:
    """And refused for its first field that can't be."""
    filled = form(amount_usd="5", note="n", reference="r", expires_at="1970-01-01")

    assert new_credit(filled, "UTC") == NewCredit(5 * USD, "n", 86_400_000, "r")
    assert isinstance(new_credit(form(amount_usd="5", expires_at="x"), "UTC"), Refused)
    assert isinstance(new_credit(form(amount_usd="x"), "UTC"), Refused)


def test_months_are_those_of_an_accounts_life_newest_first() -> None:
    """By its own calendar; of an old account the last ones."""
    new_year = int(datetime(2026, 1, 1, 0, 30, tzinfo=UTC).timestamp() * 1000)
    march = int(datetime(2026, 3, 5, tzinfo=UTC).timestamp() * 1000)

    assert months_since(new_year, march, "UTC") == ["2026-03", "2026-02", "2026-01"]
    assert months_since(new_year, march, "America/New_York")[-1] == "2025-12"
    assert len(months_since(0, march, "UTC")) == MOST_MONTHS
