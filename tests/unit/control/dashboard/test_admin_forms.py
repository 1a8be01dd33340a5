"""What people type into the forms of settings, alerts and billing, and how the audit log shows differences."""

from datetime import UTC, datetime

import pytest

from keyturn.config.live import Live
from keyturn.config.reference import entries
from keyturn.config.sections import Settings
from keyturn.control.dashboard import amounts
from keyturn.control.dashboard.entities import Entity, entity
from keyturn.control.dashboard.guard import Form
from keyturn.control.dashboard.pages.alerts import percents, summary, words_of
from keyturn.control.dashboard.pages.audit import Difference, differences
from keyturn.control.dashboard.pages.billing import MOST_MONTHS, months_since, new_credit
from keyturn.control.dashboard.pages.plans import limits_in, plan_members
from keyturn.control.dashboard.pages.settings import choices, differing, fields
from keyturn.domain.limits import Limit, Metric, Window
from keyturn.domain.refusals import Refused
from keyturn.services.credit import NewCredit
from keyturn.services.plans import PlanMembers
from keyturn.services.settings import Shown

USD = 10**9
KEY = "key_VbXhUyUBKUlzDND0IYtt"


def form(**fields: str) -> Form:
    """Fill in a form."""
    return Form({name: [text] for name, text in fields.items()})


@pytest.mark.parametrize(
    ("text", "nano_usd"),
    [("20", 20 * USD), ("$1,234.50", 1_234_500_000_000), ("0.000000001", 1), ("", 0)],
)
def test_amounts_are_read_as_people_write_them(text: str, nano_usd: int) -> None:
    """With a dollar sign and commas, or without."""
    assert amounts.dollars(form(amount=text), "amount", empty=0) == nano_usd


@pytest.mark.parametrize(
    ("text", "nano_usd"), [("-2.50", -2_500_000_000), ("\N{MINUS SIGN}1", -USD), ("3", 3 * USD)]
)
def test_a_correction_may_be_negative(text: str, nano_usd: int) -> None:
    """Also with the sign that pages write."""
    assert amounts.dollars(form(amount=text), "amount", negative=True) == nano_usd


@pytest.mark.parametrize("text", ["", "much", "-1", "0.0000000001"])
def test_what_is_no_amount_names_its_field(text: str) -> None:
    """Nothing is rounded or guessed."""
    found = amounts.dollars(form(amount=text), "amount")

    assert isinstance(found, Refused)
    assert found.param == "amount"


def test_whole_numbers_and_days_are_read() -> None:
    """A day ends by the clock of the account."""
    at = datetime(2026, 12, 31, 23, tzinfo=UTC).timestamp() * 1000

    assert amounts.whole(form(count="1,000"), "count") == 1000
    assert amounts.whole(form(), "count", empty=1) == 1
    assert isinstance(amounts.whole(form(count="-1"), "count"), Refused)
    assert amounts.end_of_day(form(day="2026-12-31"), "day", "Europe/Berlin") == at
    assert amounts.end_of_day(form(), "day", "UTC") is None
    assert isinstance(amounts.end_of_day(form(day="9999-12-31"), "day", "UTC"), Refused)


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


def test_a_plan_is_read_with_its_limits_one_a_line() -> None:
    """The line that is none says what would be one."""
    filled = form(name="Pro", limits="requests/minute=60\n\nconcurrency=5", monthly_usd="20", prepaid="on")

    assert plan_members(filled) == PlanMembers(
        "Pro",
        "",
        0,
        [Limit(Metric.REQUESTS, Window.MINUTE, 60), Limit(Metric.CONCURRENCY, Window.NONE, 5)],
        True,
        0,
        None,
        20 * USD,
    )
    assert isinstance(limits_in("requests=60"), Refused)
    assert isinstance(plan_members(form(name="Pro", tier="high")), Refused)


def test_shares_are_read_as_people_write_them() -> None:
    """Whether they make sense, the use case says."""
    assert percents("50, 80 %,100") == [50, 80, 100]
    assert percents(" ") == []
    assert isinstance(percents("half"), Refused)


def test_an_event_is_put_in_a_line() -> None:
    """The figures of a limit first; what was done before why."""
    limit = {"limit": "requests/day", "percent": "80", "used": "8", "max": "10"}

    assert summary(limit) == "80 % of requests/day: 8 of 10"
    assert (
        summary({"origin": "https://a", "effect": "quarantined", "to_do": "x"})
        == "quarantined, origin https://a"
    )
    assert words_of("limit.reached") == "A limit is used"
    assert words_of("key.new_kind") == "key.new_kind"


def test_differences_show_what_was_and_what_is() -> None:
    """Of something new, what it is; what somebody has meddled with is shown as it stands."""
    assert differences('{"a":1,"b":true,"c":"x"}', '{"a":2,"b":false,"c":"x"}') == [
        Difference("a", "1", "2"),
        Difference("b", "yes", "no"),
    ]
    assert differences("null", '{"name":"n","tags":[],"ip":["a","b"],"m":{}}') == [
        Difference("name", "", "n"),
        Difference("ip", "", "a, b"),
    ]
    assert differences('{"gone":null}', "null") == [Difference("gone", "none", "")]
    assert differences("{", "[1]") == [Difference("", "{", "[1]")]


def test_things_are_shown_by_name_with_their_page() -> None:
    """Parts of the program by what they are."""
    assert entity(KEY, {KEY: "app"}) == Entity(KEY, "app", f"/dashboard/keys/{KEY}")
    assert entity("operator", {}).name == "Operator at the machine"
    assert entity("key_<script>", {}) == Entity("key_<script>", "key_<script>")
    assert entity("first start", {}).href == ""


def test_only_what_is_otherwise_is_changed() -> None:
    """A form that is sent as it was shown changes nothing; words are left for the use case to judge."""
    shown = [
        Shown("requests.kept_days", "``words``", 30, 30, "default", None),
        Shown("support.contact", "", "me", "", "default", None),
        Shown("auth.required", "", True, True, "default", None),
    ]

    assert differing(form(**{"requests.kept_days": "30", "support.contact": "me"}), shown) == {}
    assert differing(form(**{"requests.kept_days": "7"}), shown) == {"requests.kept_days": 7}
    assert differing(form(**{"requests.kept_days": "soon"}), shown) == {"requests.kept_days": "soon"}
    assert [one.path for one in fields(shown)] == ["requests.kept_days", "support.contact"]
    assert fields(shown, form(**{"support.contact": "typed"}))[1].value == "typed"
    assert choices(entries()["log.level"]) == ("debug", "info", "warning", "error")
    assert choices(entries()["requests.kept_days"]) == ()


def test_origins_say_what_was_changed() -> None:
    """And by whom; the rest is as it was given."""
    live = Live(Settings(), {"log.level": "flag"})

    assert live.origins == {"log.level": "flag"}
