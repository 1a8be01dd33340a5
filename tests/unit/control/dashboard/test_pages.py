"""What pages make of what they are asked for, and what they say of requests."""

from zoneinfo import ZoneInfo

from fakes.usage_records import request_id, served
from keyturn.control.dashboard.pages import overview, requests, usage
from keyturn.control.dashboard.request_rows import row
from keyturn.control.resources.request_objects import show
from keyturn.domain.journal import Admitted, Refused as RefusedRequest
from keyturn.domain.roles import Person, Role
from keyturn.store.usage_reports import Rank

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


def test_an_upstream_that_fails_often_is_ill() -> None:
    """One failure in a hundred is life; one in five is not."""
    kinds = [overview.UpstreamHealth("x", *one).kind for one in [(0, 0), (100, 1), (100, 5), (100, 30)]]

    assert kinds == ["idle", "good", "warn", "bad"]


def test_times_of_a_request_add_up_to_the_whole() -> None:
    """The bars show where the time went, without gaps."""
    record = served(auth_us=100, sent_us=300, first_byte_us=0, total_us=1_000)

    found = requests.phases(show(record, ""))

    assert [(name, us) for name, us, _, _ in found] == [("Key", 100), ("Until sent", 200), ("Answer", 700)]
    assert sum(length for *_, length in found) == 100


def test_a_line_says_what_became_of_a_request() -> None:
    """Under way, refused, lost with its worker, or what it cost."""
    number = request_id()
    refused = RefusedRequest(
        number, "", "unknown_api_key", 401, 5, "chat", "/v1", "gpt", "authorization", "192.0.2.1", ""
    )
    under_way = Admitted(number, "key_1", "gpt", "openai", "chat", 5, 1, 1, 0, "192.0.2.1")
    lost = served(status=0, outcome="recovered")

    assert (row(refused, "").key, row(refused, "").why, row(refused, "").kind) == (
        "no key",
        "unknown api key",
        "warn",
    )
    assert (row(under_way, "app").status, row(under_way, "app").tokens) == ("under way", "\N{EN DASH}")
    assert (row(lost, "app").status, row(lost, "app").kind) == ("lost", "bad")
