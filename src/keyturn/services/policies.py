"""What policies ask as time goes by: unused keys are disabled, ends are announced, what was deleted is destroyed.

Called once a minute. Each call looks at a bounded number of keys and goes on where the one before stopped, so that
a large database costs more calls, not longer ones; everything here is a matter of days.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.events import EventKind, Notice
from keyturn.domain.keys import rfc3339
from keyturn.domain.policies import read_policy
from keyturn.domain.principal import SCHEDULER, Principal
from keyturn.services import events
from keyturn.services.audit import Facts, note
from keyturn.services.workers import Workers, forget
from keyturn.store import keys, policies
from keyturn.store.engine import Store
from keyturn.store.policies import Ending, Watched

DAY_MS = 86_400_000
ANNOUNCED_DAYS = (1, 7, 14, 30)
"""How long before a key's end it is announced."""
UNDELETE_DAYS = 30
"""How long a deleted key can be brought back; then its sealed secrets are destroyed."""
STEP = 2_000
"""Keys looked at in one call, for each duty."""
MOST_CHANGES = 200
"""Keys changed in one call: others wait to write meanwhile."""

_SCHEDULER = Principal(SCHEDULER)


class Policies:
    """The use cases. One instance remembers how far it has come; a new one begins anew, which is harmless."""

    def __init__(self, store: Store, workers: Workers) -> None:
        self._store = store
        self._workers = workers
        self._watched = ("", "")
        self._ending = (0, "")
        self._deleted = (0, "")
        self._unconfirmed: list[str] = []

    async def enforce(self, now_ms: int) -> None:
        """Do what is due; no worker accepts a key that was disabled when this returns.

        Args:
            now_ms: Milliseconds since 1970 UTC.

        Raises:
            Fault: ``NOT_CONFIRMED``: keys are disabled, but a worker may not know it yet. The next call tells it again.
        """
        await self._announce(now_ms)
        await self._destroy(now_ms)
        await self._disable_unused(now_ms)

    async def _disable_unused(self, now_ms: int) -> None:
        told: list[Notice] = []
        async with self._store.writing() as connection:
            found = await policies.watched(connection, after=self._watched, limit=STEP, now_ms=now_ms)
            place = ("", "") if len(found) < STEP else (found[-1].project_id, found[-1].key_id)
            for one in found:
                if not _is_unused(one, now_ms):
                    continue
                told.append(await _disable(connection, one, now_ms))
                if len(told) == MOST_CHANGES:
                    place = (one.project_id, one.key_id)
                    break
            await events.keep(connection, told)
        self._watched = place
        self._unconfirmed += [one.key_id for one in told]
        await forget(self._workers, self._unconfirmed)
        self._unconfirmed = []

    async def _announce(self, now_ms: int) -> None:
        after = max(self._ending, (now_ms, ""))
        until = now_ms + ANNOUNCED_DAYS[-1] * DAY_MS
        async with self._store.writing() as connection:
            found = await policies.ending(connection, after=after, until=until, limit=STEP)
            due = [(one, days) for one in found if (days := _announced_at(one, now_ms)) is not None]
            said = await policies.reminded(connection, [one.key_id for one, _ in due])
            new = [(one, days) for one, days in due if (one.key_id, _subject(one, days)) not in said]
            await policies.remember(
                connection, [(one.key_id, _subject(one, days)) for one, days in new], now_ms=now_ms
            )
            await events.keep(connection, [_ends_soon(one, days, now_ms) for one, days in new])
        self._ending = (0, "") if len(found) < STEP else (found[-1].expires_at, found[-1].key_id)

    async def _destroy(self, now_ms: int) -> None:
        until = now_ms - UNDELETE_DAYS * DAY_MS
        async with self._store.writing() as connection:
            found = await policies.deleted(connection, after=self._deleted, until=until, limit=MOST_CHANGES)
            sealed = await policies.with_sealed(connection, [key_id for _, key_id in found])
            if sealed:
                await policies.destroy_sealed(connection, sealed)
            for key_id in sealed:
                await note(connection, _SCHEDULER, "key.destroy_secrets", key_id)
        if found:
            self._deleted = found[-1]  # not from the start again: who is deleted later comes later


def _is_unused(key: Watched, now_ms: int) -> bool:
    days = read_policy(key.policy).unused_days
    return days is not None and now_ms - key.since >= days * DAY_MS


async def _disable(connection: AsyncConnection, key: Watched, now_ms: int) -> Notice:
    since = rfc3339(key.since / 1000)
    await keys.change(connection, key.key_id, {"enabled": False})
    await policies.remember_unused(connection, key.key_id, now_ms=now_ms)
    after: Facts = {"enabled": False, "why": "unused", "unused_since": since}
    await note(connection, _SCHEDULER, "key.disable", key.key_id, before={"enabled": True}, after=after)
    return Notice(EventKind.EXPIRED_UNUSED, now_ms / 1000, key.key_id, details={"unused_since": since})


def _announced_at(key: Ending, now_ms: int) -> int | None:
    """Return the days of the announcement that is due; none is where the key's whole life is no longer than that."""
    left, life = key.expires_at - now_ms, key.expires_at - key.created_at
    days = next((one for one in ANNOUNCED_DAYS if left <= one * DAY_MS), None)
    return None if days is None or life <= days * DAY_MS else days


def _subject(key: Ending, days: int) -> str:
    # With the time itself: a key that is given another end is announced anew.
    return f"expiry {days} {key.expires_at}"


def _ends_soon(key: Ending, days: int, now_ms: int) -> Notice:
    details = {"days": str(days), "expires_at": rfc3339(key.expires_at / 1000)}
    return Notice(EventKind.EXPIRY_NEAR, now_ms / 1000, key.key_id, details=details)
