"""Usage that is stored and charged as ingest does it, and the ledger as it then stands."""

from collections.abc import Sequence

from sqlalchemy import func, select

from fakes.stored_keys import BY_OPERATOR, StoredKeys
from fakes.usage_records import admitted, payload, served
from keyturn import system
from keyturn.control.tally import Tally
from keyturn.domain.journal import Served
from keyturn.domain.ledger import Entry
from keyturn.services.accounts import Account, Accounts
from keyturn.services.projects import NewProject, Project, Projects
from keyturn.store import journals, ledger_pages, ledger_proof
from keyturn.store.credit_tables import ledger
from keyturn.store.engine import Store
from keyturn.store.ledger_proof import Difference

USD = 10**9


async def store_usage(store: Store, records: Sequence[Served]) -> None:
    """Store what a worker wrote."""
    tally = Tally()
    tally.add([payload(one) for one in records])
    batch = tally.batch(journal="", worker="", position=0, finished=False)
    async with store.writing() as connection:
        await journals.write(connection, batch)


async def use(
    store: Store, key_id: str, cost: int, *, at_ms: int | None = None, model: str = "demo-chat"
) -> None:
    """Have a key used once, for so many nano-dollars; now, if no time is said."""
    begun = admitted(key_id=key_id, model=model)
    at = system.now_ms() if at_ms is None else at_ms
    await store_usage(store, [served(begun, cost_nano_usd=cost, started_us=at * 1000)])


class House:
    """A customer: an account with a project and a key."""

    def __init__(self, account_id: str, project_id: str, key_id: str) -> None:
        self.account_id = account_id
        self.project_id = project_id
        self.key_id = key_id


async def house(accounts: Accounts, projects: Projects, stored_keys: StoredKeys, name: str = "acme") -> House:
    """Take in a customer."""
    account = await accounts.create(name, metadata={}, by=BY_OPERATOR)
    assert isinstance(account, Account)
    project = await projects.create(NewProject("shop", account.stored.id), by=BY_OPERATOR)
    assert isinstance(project, Project)
    key_id, _ = await stored_keys.put(project.stored.id)
    return House(account.stored.id, project.stored.id, key_id)


async def entries(store: Store, account_id: str) -> list[Entry]:
    """Return a ledger, oldest entry first."""
    async with store.reading() as connection:
        found = await ledger_pages.page(connection, account_id, kind=None, before=None, limit=1_000)
    return found[::-1]


async def differences(store: Store, account_id: str | None = None) -> list[Difference]:
    """Return what is not as it must be."""
    async with store.reading() as connection:
        return await ledger_proof.differences(connection, account_id, limit=100)


async def sum_of(store: Store, account_id: str, month: str | None = None) -> int:
    """Return the sum of all entries of an account, or of those up to the end of a month."""
    query = select(func.coalesce(func.sum(ledger.c.amount), 0)).where(ledger.c.account_id == account_id)
    if month is not None:
        query = query.where(ledger.c.month <= month)
    async with store.reading() as connection:
        return int(await connection.scalar(query) or 0)
