"""What should be known: events, kept and logged."""

import logging
from collections.abc import Sequence

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids
from keyturn.domain.events import SEVERITIES, Notice, Severity
from keyturn.domain.principal import Principal
from keyturn.store import events
from keyturn.store.engine import Store
from keyturn.store.events import EventFilter, StoredEvent
from keyturn.telemetry.redact import redact

NOTHING = "{}"
LEVELS = {
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.CRITICAL: logging.ERROR,
}


class Events:
    """The use cases."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def noticed(self, notices: list[Notice]) -> None:
        """Keep what workers or use cases saw, with whose key it is, and log it.

        A notice of a key that nobody knows is kept without an owner. Credentials do not belong into a notice; what
        looks like one is cut out of the details all the same, because they may quote a URL.
        """
        if notices:
            async with self._store.writing() as connection:
                await keep(connection, notices)

    async def page(
        self, wanted: EventFilter, *, reach: Principal, cursor: str | None, limit: int
    ) -> tuple[list[StoredEvent], str | None]:
        """Return events within reach, newest first.

        Args:
            wanted: Which of them.
            reach: Who asks.
            cursor: What the page before gave; ``None`` for the first.
            limit: How many at most.

        Returns:
            The events, and the cursor of the next page where there is one.
        """
        own = msgspec.structs.replace(
            wanted, account_id=reach.account_id, project_id=reach.project_id, user_id=reach.holder_id
        )
        async with self._store.reading() as connection:
            found = await events.page(connection, own, before=cursor, limit=limit + 1)
        return found[:limit], found[limit - 1].id if len(found) > limit else None


async def keep(connection: AsyncConnection, notices: Sequence[Notice]) -> list[StoredEvent]:
    """Keep what a use case has to tell, in the transaction of what it did, and log it; see ``Events.noticed``."""
    owners = await events.owners(connection, (one.key_id for one in notices if one.key_id))
    kept = [stored_event(one, owners.get(one.key_id, (one.account_id, ""))) for one in notices]
    await keep_stored(connection, kept)
    return kept


async def keep_stored(connection: AsyncConnection, kept: Sequence[StoredEvent]) -> None:
    """Keep events that are whole, and log them."""
    await events.add(connection, kept)
    for one in kept:
        log(one)


def stored_event(notice: Notice, owner: tuple[str, str]) -> StoredEvent:
    """Return an event as it is kept; ``owner`` is the account and the project."""
    account_id, project_id = owner
    details = {name: redact(text) for name, text in notice.details.items()}
    return StoredEvent(
        id=system.new_id(ids.EVENT),
        at=int(notice.at * 1000),
        kind=notice.kind.value,
        severity=SEVERITIES[notice.kind].value,
        account_id=account_id,
        project_id=project_id,
        key_id=notice.key_id,
        address=notice.address,
        request_id=notice.request_id,
        details=msgspec.json.encode(details).decode(),
    )


def log(stored: StoredEvent) -> None:
    """Write an event into the log."""
    given = {"key_id": stored.key_id, "address": stored.address, "request_id": stored.request_id}
    told = {name: value for name, value in given.items() if value}
    level = LEVELS[Severity(stored.severity)]
    details = stored.details if stored.details != NOTHING else None
    structlog.get_logger().log(level, stored.kind, event_id=stored.id, **told, details=details)
