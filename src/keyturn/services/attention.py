"""What somebody should see to: keys that expire soon, what is suspended, models nobody has said a price for."""

from collections.abc import Sequence

import msgspec

from keyturn import system
from keyturn.domain.prices import PriceVersion, version_at
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Refused
from keyturn.services import pricing
from keyturn.services.filling import Counted, FillingLimits
from keyturn.services.hygiene import Hygiene
from keyturn.services.pricing import PriceRules
from keyturn.store import attention, models
from keyturn.store.attention import Expiring, LimitOwner, Whose
from keyturn.store.engine import Store

SOON_DAYS = 14
_SHOWN = 6
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


class Attention:
    """The use cases; each is about what is within the caller's reach.

    Attributes:
        limits: Those near their end.
    """

    def __init__(self, store: Store, hygiene: Hygiene, rules: PriceRules, counted: Counted) -> None:
        self._store = store
        self._hygiene = hygiene
        self._rules = rules
        self.limits = FillingLimits(store, counted)
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
            keys = await attention.quarantined(connection, whose(by), now_ms=system.now_ms())
            return Suspended(accounts, users, keys)

    async def unpriced(self) -> list[str]:
        """Return the models of the node that nobody has said a price for, by name."""
        now_ms = system.now_ms()
        async with self._store.reading() as connection:
            known = await pricing.read(connection, self._rules)
            stored = await models.everything(connection)
        return [one.name for one in stored if _unknown(version_at(known.steps_for(one), now_ms))]

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


def whose(by: Principal) -> Whose:
    """Return whose keys a caller reaches."""
    return Whose(by.account_id, by.project_id, by.holder_id)
