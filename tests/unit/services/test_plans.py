"""Plans, and what holds for those who have them."""

import pytest

from fakes.billing import USD, House
from fakes.heard import Heard
from fakes.stored_keys import BY_OPERATOR, log_of
from keyturn.domain.limits import Limit, Metric, Window, read_limits
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.accounts import AccountChange, Accounts
from keyturn.services.plans import Plan, PlanMembers, Plans
from keyturn.services.subscriptions import Terms
from keyturn.store.engine import Store

PER_MINUTE = Limit(Metric.REQUESTS, Window.MINUTE, 60)


def done(result: Plan | Refused) -> Plan:
    """Return a plan that was not refused."""
    assert isinstance(result, Plan), result
    return result


def reason(result: object) -> tuple[Reason, str | None]:
    """Return why something was refused, and for which member."""
    assert isinstance(result, Refused)
    return result.reason, result.param


async def test_a_plan_is_found_by_id_and_by_name(plans: Plans, furnished: Store) -> None:
    """With everything that was said of it."""
    members = PlanMembers("Pro", "For teams", 2, (PER_MINUTE,), True, 5 * USD, 14, 20 * USD, {"a": "b"})

    made = done(await plans.create(members, by=BY_OPERATOR))

    assert made == done(await plans.show(made.stored.id)) == done(await plans.show("Pro"))
    assert read_limits(made.stored.limits) == (PER_MINUTE,)
    assert (await plans.page("pr", cursor=None, limit=1)) == ([made], None)
    assert (await log_of(furnished))[-1] == ("operator", "plan.create", made.stored.id)


async def test_two_plans_have_two_names(plans: Plans) -> None:
    """A name that could mean two prices means trouble; one that was deleted is free again."""
    await plans.create(PlanMembers("Pro"), by=BY_OPERATOR)
    await plans.create(PlanMembers("Free"), by=BY_OPERATOR)

    again = await plans.create(PlanMembers("Pro"), by=BY_OPERATOR)
    renamed = await plans.edit("Free", PlanMembers("Pro"), by=BY_OPERATOR)
    kept = await plans.edit("Free", PlanMembers("Free", tier=1), by=BY_OPERATOR)
    await plans.delete("Pro", by=BY_OPERATOR)

    assert reason(again) == reason(renamed) == (Reason.CONFLICT, "name")
    assert done(kept).stored.tier == 1
    done(await plans.create(PlanMembers("Pro"), by=BY_OPERATOR))


async def test_what_workers_go_by_is_forgotten_for_all_who_have_the_plan(
    plans: Plans, accounts: Accounts, acme: House, workers: Heard
) -> None:
    """A lower limit or prepayment holds when the call returns; a new description is nobody's business."""
    await plans.create(PlanMembers("Pro"), by=BY_OPERATOR)
    await accounts.edit("acme", AccountChange(terms=Terms("Pro")), by=BY_OPERATOR)
    workers.changes.clear()
    workers.reloaded.clear()

    await plans.edit("Pro", PlanMembers(description="x"), by=BY_OPERATOR)
    before = list(workers.changes)
    await plans.edit("Pro", PlanMembers(limits=(PER_MINUTE,)), by=BY_OPERATOR)
    await plans.edit("Pro", PlanMembers(prepaid=True), by=BY_OPERATOR)

    assert before == []
    assert workers.changes == [[acme.key_id], [acme.key_id]]
    assert workers.reloaded == [acme.account_id] * 2


async def test_a_plan_in_use_is_not_deleted(plans: Plans, accounts: Accounts, acme: House) -> None:
    """Its accounts would be left without limits."""
    await plans.create(PlanMembers("Pro"), by=BY_OPERATOR)
    await accounts.edit("acme", AccountChange(terms=Terms("Pro")), by=BY_OPERATOR)

    in_use = await plans.delete("Pro", by=BY_OPERATOR)
    await accounts.edit("acme", AccountChange(terms=Terms(plan=None)), by=BY_OPERATOR)
    gone = await plans.delete("Pro", by=BY_OPERATOR)

    assert reason(in_use) == (Reason.CONFLICT, None)
    done(gone)
    assert reason(await plans.show("Pro")) == (Reason.RESOURCE_NOT_FOUND, None)


async def test_a_change_of_what_was_read_before_is_refused(plans: Plans) -> None:
    """Two people at once."""
    await plans.create(PlanMembers("Pro"), by=BY_OPERATOR)

    changed = await plans.edit("Pro", PlanMembers(tier=1), by=BY_OPERATOR, if_match='"1"')
    late = await plans.edit("Pro", PlanMembers(tier=2), by=BY_OPERATOR, if_match='"1"')
    deleted = await plans.delete("Pro", by=BY_OPERATOR, if_match='"1"')

    assert done(changed).stored.version == 2
    assert reason(late)[0] is reason(deleted)[0] is Reason.VERSION_MISMATCH


@pytest.mark.parametrize(
    ("members", "param"),
    [
        (PlanMembers(""), "name"),
        (PlanMembers("p", description="x" * 2_001), "description"),
        (PlanMembers("p", tier=-1), "tier"),
        (PlanMembers("p", trial_nano_usd=-1), "trial_usd"),
        (PlanMembers("p", trial_days=0), "trial_days"),
        (PlanMembers("p", monthly_nano_usd=10**19), "monthly_usd"),
        (PlanMembers("p", limits=(PER_MINUTE, PER_MINUTE)), "limits[1]"),
        (PlanMembers("p", metadata={"": "x"}), "metadata"),
    ],
)
async def test_a_plan_that_can_not_be_is_refused_with_the_member_at_fault(
    plans: Plans, members: PlanMembers, param: str
) -> None:
    """The same for a change."""
    await plans.create(PlanMembers("there"), by=BY_OPERATOR)

    created = await plans.create(members, by=BY_OPERATOR)
    changed = await plans.edit("there", members, by=BY_OPERATOR)

    assert reason(created) == reason(changed) == (Reason.INVALID_MEMBER, param)


async def test_plans_are_listed_page_by_page(plans: Plans) -> None:
    """Oldest first."""
    for name in ("a", "b", "c"):
        await plans.create(PlanMembers(name), by=BY_OPERATOR)

    first, cursor = await plans.page("", cursor=None, limit=2)
    second, end = await plans.page("", cursor=cursor, limit=2)

    assert ([one.stored.name for one in first + second], end) == (["a", "b", "c"], None)
