"""The ledger, shown and proved. Reads what is in the store: ask ingest to flush first."""

import msgspec

from keyturn.domain.ledger import Entry, EntryKind
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Refused
from keyturn.services.accounts import find
from keyturn.services.credit import account_of
from keyturn.store import ledger_pages, ledger_proof
from keyturn.store.engine import Store
from keyturn.store.ledger_proof import Difference, Figures

MOST_DIFFERENCES = 100


class LedgerPage(msgspec.Struct, frozen=True):
    """Entries of an account, newest first."""

    account_id: str
    entries: list[Entry]
    next_cursor: int | None


class LedgerProof(msgspec.Struct, frozen=True):
    """What came of a comparison of all figures that are kept twice."""

    figures: Figures
    differences: list[Difference]
    """``MOST_DIFFERENCES`` at most."""


class Ledger:
    """The use cases."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self,
        named: str | None,
        *,
        by: Principal,
        kind: EntryKind | None = None,
        cursor: int | None = None,
        limit: int,
    ) -> LedgerPage | Refused:
        """Return entries of an account; without a name, of the caller's own."""
        async with self._store.reading() as connection:
            account = await account_of(connection, named, by)
            if isinstance(account, Refused):
                return account
            found = await ledger_pages.page(connection, account.id, kind=kind, before=cursor, limit=limit + 1)
        after = found[limit - 1].seq if len(found) > limit else None
        return LedgerPage(account.id, found[:limit], after)

    async def verify(self, named: str | None, *, by: Principal) -> LedgerProof | Refused:
        """Prove the ledger of one account, or of all that there are."""
        async with self._store.reading() as connection:
            account_id = None
            if named is not None:
                account = await find(connection, named, by)
                if isinstance(account, Refused):
                    return account
                account_id = account.id
            return LedgerProof(
                await ledger_proof.figures(connection, account_id),
                await ledger_proof.differences(connection, account_id, limit=MOST_DIFFERENCES),
            )
