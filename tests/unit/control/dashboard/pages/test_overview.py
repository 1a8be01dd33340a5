"""What the page says of the figures."""

from zoneinfo import ZoneInfo

from keyturn.control.dashboard.pages import overview
from keyturn.domain.roles import Person, Role

UTC = ZoneInfo("UTC")
OWNER = Person("user_1", "acct_1", Role.OWNER, first_account=True)
MEMBER = Person("user_2", "acct_1", Role.MEMBER, first_account=True)


def test_changes_are_told_as_people_say_them() -> None:
    """More, less, as before, or nothing to compare with."""
    told = [
        overview.Comparison(*pair).note
        for pair in [(150, 100), (50, 100), (100, 100), (5, 0), (None, 5), (0, 0), (5000, 1), (5, None)]
    ]

    assert told == [
        "50 % more than before",
        "50 % less than before",
        "as before",
        "nothing before",
        "",
        "",
        "far more than before",
        "",
    ]
