"""What the page makes of what it is asked for."""

from zoneinfo import ZoneInfo

from keyturn.control.dashboard.pages import usage
from keyturn.domain.roles import Person, Role
from keyturn.store.usage_rows import Rank

UTC = ZoneInfo("UTC")
NOW = 1_795_700_000.0
OWNER = Person("user_1", "acct_1", Role.OWNER, first_account=True)
MEMBER = Person("user_2", "acct_1", Role.MEMBER, first_account=True)


def test_a_question_keeps_all_of_itself_in_its_links() -> None:
    """Whoever changes one thing must not lose the others."""
    query = {
        "by": "model",
        "metric": "cost",
        "from": "2026-11-01",
        "to": "2026-11-20",
        "key": "a b",
        "x": "y",
    }

    asked, refused = usage.read(query, OWNER, NOW, UTC)

    assert refused is None
    assert asked.query().rank is Rank.COST
    link = "/dashboard/usage?by=model&metric=cost&from=2026-11-01&to=2026-11-20"
    assert asked.link() == f"{link}&key=a+b"
    assert asked.link(key="") == link
    assert asked.link(range="7d") == "/dashboard/usage?by=model&metric=cost&key=a+b&range=7d"


def test_nobody_groups_by_what_is_beyond_them() -> None:
    """A member has no people and no accounts to compare."""
    assert usage.read({"by": "account"}, MEMBER, NOW, UTC)[0].by == "key"
    assert "user" not in usage.dimensions_for(MEMBER)
    assert "account" in usage.dimensions_for(OWNER)
    assert usage.read({"by": "nonsense", "metric": "nonsense"}, OWNER, NOW, UTC)[0].metric == "requests"


def test_a_range_that_cannot_be_read_is_said_and_the_usual_one_shown() -> None:
    """A page without anything would help nobody."""
    asked, refused = usage.read({"from": "soon"}, OWNER, NOW, UTC)

    assert refused is not None
    assert asked.span.name == usage.DEFAULT_RANGE
