"""What an account's terms are: its plan, and whether it pays in advance."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.ledger import GrantSource, Posting
from keyturn.domain.months import end_of, month_of
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.audit import Facts
from keyturn.services.granting import TRIAL, give, monthly
from keyturn.services.named import only
from keyturn.store import credit, plans
from keyturn.store.accounts import StoredAccount
from keyturn.store.plans import StoredPlan

DAY_MS = 86_400_000
_SAME = msgspec.UNSET


class Terms(msgspec.Struct, frozen=True):
    """What is to be different; ``UNSET`` stays as it is.

    Attributes:
        plan: A plan's identifier or name; ``None`` takes it away.
        prepaid: Whether nothing is served without credit; a plan may say so too.
    """

    plan: str | msgspec.UnsetType | None = _SAME
    prepaid: bool | msgspec.UnsetType = _SAME

    @property
    def is_any(self) -> bool:
        """Whether something is to be different."""
        return not all(isinstance(one, msgspec.UnsetType) for one in (self.plan, self.prepaid))


NO_TERMS = Terms()
"""Everything stays."""


class Resolved(msgspec.Struct, frozen=True):
    """Terms that can be."""

    terms: Terms
    plan: StoredPlan | None
    """The one that is named; ``None``: none is."""


class Changed(msgspec.Struct, frozen=True):
    """What of an account's row is different, and what it was."""

    values: Facts
    before: Facts


async def resolve(connection: AsyncConnection, terms: Terms, by: Principal) -> Resolved | Refused:
    """Find what terms name, and refuse what can't be; nothing is written.

    Args:
        connection: The one that will write the change.
        terms: What is to be different.
        by: Who asks; only whoever reaches the node may.
    """
    if not terms.is_any:
        return Resolved(terms, None)
    if by.account_id:
        message = "Plan and prepayment are set by whoever runs the gateway"
        return Refused(Reason.INSUFFICIENT_PERMISSIONS, message)
    if not isinstance(terms.plan, str):
        return Resolved(terms, None)
    plan = await find(connection, terms.plan)
    return msgspec.structs.replace(plan, param="plan") if isinstance(plan, Refused) else Resolved(terms, plan)


async def apply(
    connection: AsyncConnection, account: StoredAccount, resolved: Resolved, by: Principal
) -> Changed:
    """Give the credit that goes with new terms, and say what changes; the account's row is the caller's."""
    terms, was = resolved.terms, msgspec.structs.asdict(account)
    values: Facts = {}
    if not isinstance(terms.prepaid, msgspec.UnsetType):
        values["prepaid"] = terms.prepaid
    if not isinstance(terms.plan, msgspec.UnsetType):
        values["plan_id"] = resolved.plan and resolved.plan.id
        if resolved.plan is not None:
            values |= await _welcome(connection, account, resolved.plan, by)
    return Changed(values, {name: was[name] for name in values})


async def find(connection: AsyncConnection, id_or_name: str) -> StoredPlan | Refused:
    """Return the plan with this identifier or name."""
    by_id = await plans.get(connection, id_or_name)
    found = [by_id] if by_id is not None else await plans.named(connection, id_or_name)
    return only(found, "plan", id_or_name)


async def give_monthly(
    connection: AsyncConnection, account_id: str, zone: str, amount: int, at: Posting
) -> bool:
    """Give the credit that a plan includes in the month of ``at``; ``False``: it was given before."""
    month = month_of(at.at / 1000, zone)
    reference = monthly(month)
    if await credit.amount_under(connection, account_id, reference) is not None:
        return False
    posting = msgspec.structs.replace(at, note=f"Included in {month}", reference=reference)
    ends = end_of(month, zone) * 1000
    await give(connection, account_id, GrantSource.PLAN, amount, posting, expires_at=ends)
    return True


async def _welcome(
    connection: AsyncConnection, account: StoredAccount, plan: StoredPlan, by: Principal
) -> dict[str, object]:
    """Give what a plan begins with; return what of the account's row changes by it."""
    values: dict[str, object] = {}
    now_ms = system.now_ms()
    posting = Posting(now_ms, by.name)
    ends = None if plan.trial_days is None else now_ms + plan.trial_days * DAY_MS
    had_trial = await credit.amount_under(connection, account.id, TRIAL) is not None
    if account.trial_ends_at is None and not had_trial:
        if plan.trial_nano_usd:
            trial = msgspec.structs.replace(posting, note="Free trial", reference=TRIAL)
            await give(connection, account.id, GrantSource.TRIAL, plan.trial_nano_usd, trial, expires_at=ends)
        if ends is not None:
            values["trial_ends_at"] = ends
    if plan.monthly_nano_usd:
        await give_monthly(connection, account.id, account.time_zone, plan.monthly_nano_usd, posting)
    return values
