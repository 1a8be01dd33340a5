"""Give credit, in the transaction of whatever it is given for."""

from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.events import EventKind, Notice
from keyturn.domain.ledger import EntryKind, Grant, GrantSource, Posting
from keyturn.domain.money import format_usd
from keyturn.services import events
from keyturn.store import ledger

OURS = "keyturn:"
"""What begins so are references that no caller chooses."""
TRIAL = f"{OURS}trial"
"""Once in the life of an account."""


def monthly(month: str) -> str:
    """Return the reference of the credit that a plan includes in a month."""
    return f"{OURS}monthly {month}"


async def give(
    connection: AsyncConnection,
    account_id: str,
    source: GrantSource,
    amount: int,
    posting: Posting,
    *,
    expires_at: int | None = None,
) -> Grant:
    """Give an account credit and tell of it. Whoever counts must hear of it afterwards (``Counters.reload``).

    Args:
        connection: A writing one.
        account_id: An account that there is.
        source: How it came by it; an adjustment is an entry of its own kind.
        amount: Nano-dollars, positive.
        posting: What is written beside it.
        expires_at: Milliseconds since 1970 UTC; ``None``: never.

    Returns:
        The grant, with what remains of it once it has paid what was owed.
    """
    book = (await ledger.books(connection, [account_id]))[account_id]
    book.expire(Posting(posting.at, posting.actor))
    new = ledger.new_grant(account_id, source, amount, posting, expires_at=expires_at)
    kind = EntryKind.ADJUSTMENT if source is GrantSource.ADJUSTMENT else EntryKind.GRANT
    given = book.grant(new, posting, kind)
    await ledger.write(connection, [book])
    details = {"grant": given.id, "source": source.value, "amount_usd": format_usd(amount)}
    notice = Notice(EventKind.CREDIT_GRANTED, posting.at / 1000, details=details, account_id=account_id)
    await events.keep(connection, [notice])
    return given
