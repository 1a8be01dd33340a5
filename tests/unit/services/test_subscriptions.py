"""What an account gets with a plan."""

from sqlalchemy import text

from fakes.billing import USD, House, entries
from fakes.heard import Heard
from fakes.stored_keys import BY_OPERATOR, holder
from keyturn import system
from keyturn.domain.ledger import EntryKind
from keyturn.domain.months import end_of, month_of
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.accounts import Account, AccountChange, Accounts
from keyturn.services.plans import PlanMembers, Plans
from keyturn.services.subscriptions import Terms
from keyturn.store import credit as rows
from keyturn.store.engine import Store

DAY_MS = 86_400_000


async def subscribe(accounts: Accounts, plan: str | None) -> Account:
    """Give the customer a plan."""
    changed = await accounts.edit("acme", AccountChange(terms=Terms(plan)), by=BY_OPERATOR)
    assert isinstance(changed, Account), changed
    return changed


async def test_a_trial_is_had_once_whatever_plans_follow(
    plans: Plans, accounts: Accounts, acme: House, furnished: Store, workers: Heard
) -> None:
    """Else changing to and fro would be a mint."""
    for name in ("A", "B"):
        members = PlanMembers(name, prepaid=True, trial_nano_usd=5 * USD, trial_days=14)
        await plans.create(members, by=BY_OPERATOR)
    workers.reloaded.clear()

    first = await subscribe(accounts, "A")
    for plan in ("B", None, "A"):
        await subscribe(accounts, plan)

    (entry,) = await entries(furnished, acme.account_id)
    assert (entry.kind, entry.amount, entry.note) == (EntryKind.GRANT, 5 * USD, "Free trial")
    assert first.stored.trial_ends_at is not None
    assert abs(first.stored.trial_ends_at - system.now_ms() - 14 * DAY_MS) < 60_000
    assert first.out_of_credit is False
    assert workers.reloaded == [acme.account_id] * 4
    assert workers.changes == [[acme.key_id]] * 4


async def test_a_trial_may_have_no_end(
    plans: Plans, accounts: Accounts, acme: House, furnished: Store
) -> None:
    """It is over when it is used, and it is not had again either."""
    for name in ("A", "B"):
        await plans.create(PlanMembers(name, trial_nano_usd=USD), by=BY_OPERATOR)

    first = await subscribe(accounts, "A")
    await subscribe(accounts, "B")

    assert first.stored.trial_ends_at is None
    assert len(await entries(furnished, acme.account_id)) == 1


async def test_what_a_plan_includes_is_given_at_once_and_once_a_month(
    plans: Plans, accounts: Accounts, acme: House, furnished: Store
) -> None:
    """For the month by the account's own calendar."""
    async with furnished.writing() as connection:
        await connection.execute(text("UPDATE accounts SET time_zone = 'Pacific/Auckland'"))
    await plans.create(PlanMembers("Pro", monthly_nano_usd=20 * USD), by=BY_OPERATOR)
    await plans.create(PlanMembers("Max", monthly_nano_usd=50 * USD), by=BY_OPERATOR)

    for plan in ("Pro", None, "Pro", "Max"):
        await subscribe(accounts, plan)

    async with furnished.reading() as connection:
        (grant,) = await rows.open_grants(connection, acme.account_id, system.now_ms())
    month = month_of(system.now(), "Pacific/Auckland")
    assert grant.amount == 20 * USD
    assert grant.expires_at == end_of(month, "Pacific/Auckland") * 1000


async def test_only_whoever_runs_the_gateway_sets_terms(
    plans: Plans, accounts: Accounts, acme: House, furnished: Store
) -> None:
    """A customer's administrator must not be able to stop paying."""
    await plans.create(PlanMembers("Pro", monthly_nano_usd=USD), by=BY_OPERATOR)
    admin = holder(acme.account_id)

    for terms in (Terms("Pro"), Terms(None), Terms(prepaid=False)):
        refused = await accounts.edit("acme", AccountChange("renamed", terms=terms), by=admin)
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.INSUFFICIENT_PERMISSIONS

    shown = await accounts.show("acme", by=BY_OPERATOR)
    assert isinstance(shown, Account)
    assert await entries(furnished, acme.account_id) == []


async def test_a_plan_that_is_not_there_is_refused_and_nothing_is_changed(
    accounts: Accounts, acme: House
) -> None:
    """A typing error must not rename."""
    refused = await accounts.edit("acme", AccountChange("renamed", terms=Terms("Por")), by=BY_OPERATOR)
    created = await accounts.create("other", metadata={}, terms=Terms("Por"), by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert isinstance(created, Refused)
    assert (refused.reason, refused.param) == (Reason.RESOURCE_NOT_FOUND, "plan")
    assert isinstance(await accounts.show("acme", by=BY_OPERATOR), Account)
    assert isinstance(await accounts.show("other", by=BY_OPERATOR), Refused)


async def test_an_account_can_begin_with_a_plan(plans: Plans, accounts: Accounts, furnished: Store) -> None:
    """What sign-up does."""
    await plans.create(PlanMembers("Free", trial_nano_usd=USD, prepaid=True), by=BY_OPERATOR)

    made = await accounts.create("new", metadata={}, terms=Terms("Free"), by=BY_OPERATOR)

    assert isinstance(made, Account)
    assert made.stored.plan_id is not None
    assert [one.amount for one in await entries(furnished, made.stored.id)] == [USD]
