"""A plan, as it is typed."""

from keyturn.control.dashboard.guard import Form
from keyturn.control.dashboard.pages.plans import limits_in, plan_members
from keyturn.domain.limits import Limit, Metric, Window
from keyturn.domain.refusals import Refused
from keyturn.services.plans import PlanMembers

USD = 10**9


def form(**fields: str) -> Form:
    """Fill in a form."""
    return Form({name: [text] for name, text in fields.items()})


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
