"""What somebody should see to: keys that expire soon, what is suspended, models nobody has said a price for."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from keyturn import system
from keyturn.domain.limits import Bound, Scope
from keyturn.domain.prices import PriceVersion, version_at
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Refused
from keyturn.services import pricing
from keyturn.services.hygiene import Hygiene
from keyturn.services.pricing import PriceRules
from keyturn.store import attention, models
from keyturn.store.attention import Expiring, LimitOwner, Whose
from keyturn.store.engine import Store

SOON_DAYS = 14
ALARMING_PERCENT = 80
_SHOWN, _LOOKED_AT = 6, 200
_DAY_MS = 86_400_000
_REMEMBERED_S = 300.0
"""Tidiness changes by the day, and to look through 10,000 keys takes a while."""
_MOST_REMEMBERED = 1_000


class Suspended(msgspec.Struct, frozen=True):
    """How much is."""

    accounts: int
    users: int
    keys: int
    """In quarantine."""


class Filling(msgspec.Struct, frozen=True):
    """A limit that is nearly used up."""

    bound: Bound
    owner_name: str
    used: int
    """Money in nano-dollars, like ``allowed``."""
    allowed: int


class Counted(Protocol):
    """Knows what has been counted."""

    def filling(self, percent: int) -> list[tuple[Bound, int, int]]:
        """Return the limits of which at least so much is used: each with how much, and what is allowed."""
        ...


class Attention:
    """The use cases; each is about what is within the caller's reach."""

    def __init__(self, store: Store, hygiene: Hygiene, rules: PriceRules, counted: Counted) -> None:
        self._store = store
        self._hygiene = hygiene
        self._rules = rules
        self._counted = counted
        self._untidy: dict[Whose, tuple[float, int]] = {}

    async def expiring(self, *, by: Principal) -> tuple[int, list[Expiring]]:
        """Return how many keys expire within two weeks, and those that do first."""
        now_ms = system.now_ms()
        async with self._store.reading() as connection:
            return await attention.expiring(
                connection,
                whose(by),
                since_ms=now_ms,
                until_ms=now_ms + SOON_DAYS * _DAY_MS,
                limit=_SHOWN,
            )

    async def owners(self, ids: Sequence[str]) -> dict[str, LimitOwner]:
        """Return what these keys, projects and accounts are called, and whose they are; who reaches them is for the caller to ask."""
        async with self._store.reading() as connection:
            return await attention.owners(connection, ids)

    async def ever_used(self, *, by: Principal) -> bool:
        """Say whether any key within reach was ever used."""
        async with self._store.reading() as connection:
            return await attention.ever_used(connection, whose(by))

    async def suspended(self, *, by: Principal) -> Suspended:
        """Return how many accounts, users and keys are suspended."""
        async with self._store.reading() as connection:
            accounts, users = await attention.suspended(connection, by.account_id)
            return Suspended(accounts, users, await attention.quarantined(connection, whose(by)))

    async def unpriced(self) -> list[str]:
        """Return the models of the node that nobody has said a price for, by name."""
        now_ms = system.now_ms()
        async with self._store.reading() as connection:
            known = await pricing.read(connection, self._rules)
            stored = await models.everything(connection)
        return [one.name for one in stored if _unknown(version_at(known.steps_for(one), now_ms))]

    async def filling(self, *, by: Principal) -> list[Filling]:
        """Return limits of which four fifths are used, the fullest first."""
        found = self._counted.filling(ALARMING_PERCENT)
        found.sort(key=lambda one: one[1] / max(1, one[2]), reverse=True)
        found = found[:_LOOKED_AT]
        async with self._store.reading() as connection:
            owners = await attention.owners(connection, sorted({bound.owner_id for bound, _, _ in found}))
        shown = []
        for bound, used, allowed in found:
            owner = owners.get(bound.owner_id)
            if owner is not None and _reaches(by, bound.scope, owner):
                shown.append(Filling(bound, owner.name, used, allowed))
        return shown[:_SHOWN]

    async def untidy(self, *, by: Principal) -> int:
        """Return how many findings the hygiene report has, as of the last five minutes."""
        reach, now = whose(by), system.monotonic()
        at, count = self._untidy.get(reach, (-_REMEMBERED_S, 0))
        if now - at < _REMEMBERED_S:
            return count
        found = await self._hygiene.report(by=by, cursor=None, limit=1)
        count = 0 if isinstance(found, Refused) else sum(found.tidiness.findings.values())
        if len(self._untidy) >= _MOST_REMEMBERED:
            self._untidy.clear()
        self._untidy[reach] = now, count
        return count


def _unknown(version: PriceVersion | None) -> bool:
    return version is None or version.price is None


def _reaches(by: Principal, scope: Scope, owner: LimitOwner) -> bool:
    """Say whether somebody may know of a limit: of an account's or a project's, only who reaches all of it."""
    if scope is Scope.KEY:
        return by.reaches_key(owner.account_id, owner.project_id, owner.user_id or None)
    if by.holder_id or (by.project_id and scope is not Scope.PROJECT):
        return False
    return by.reaches(owner.account_id, owner.project_id)


def whose(by: Principal) -> Whose:
    """Return whose keys a caller reaches."""
    return Whose(by.account_id, by.project_id, by.holder_id)
