"""What the scheduler does about rotation: rotate what is due, remind, and say when a rotation is stuck or over.

A key that is due gets its new secret where it can be delivered without anybody asking: written to its file, or sealed
to its public key. Where neither is set up nothing could reach the client, so nothing is issued: an event says that the
key waits for its holder (who may rotate it) or for the operator (who hands it over by a claim link).

Each event is told once: what was said stands in the table ``reminders``, written in the event's transaction.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import structlog

from keyturn import system
from keyturn.domain.events import EventKind, Notice
from keyturn.domain.faults import Fault
from keyturn.domain.keys import rfc3339
from keyturn.domain.principal import SCHEDULER, Principal
from keyturn.domain.refusals import Refused
from keyturn.domain.rotation import DAY_MS, REMIND_DAYS, Delivery
from keyturn.services import events
from keyturn.services.rotation import Rotation, Successor, Wish
from keyturn.store import rotation
from keyturn.store.engine import Store
from keyturn.store.keys import StoredKey, StoredSecret

BATCH = 200
"""Keys in one run of a job; the next run takes the next."""
KEPT_MS = 400 * DAY_MS
_HOUR_S = 3600


class Said(msgspec.Struct, frozen=True):
    """An event, and what keeps it from being told twice."""

    notice: Notice
    subject: str


class RotationPolicy:
    """The jobs. ``now_ms`` is the time, milliseconds since 1970 UTC; now, unless said."""

    def __init__(self, store: Store, rotation: Rotation) -> None:
        self._store = store
        self._rotation = rotation

    async def run_due(self, *, now_ms: int | None = None) -> None:
        """Rotate the keys whose policy says so, and tell of those that can't be."""
        at = system.now_ms() if now_ms is None else now_ms
        # A failure is tried again in the next hour.
        failed = f"rotation failed {at // (_HOUR_S * 1000)}"
        async with self._store.reading() as connection:
            due = await rotation.due_with_delivery(connection, at, unless_said=failed, limit=BATCH)
            stranded = await rotation.due_without_delivery(
                connection, at, subject="rotation due ", limit=BATCH
            )
        for key in due:
            if not await self._rotated(key, at):
                await self._remember(key.id, failed, at)
        await self._tell([_stranded(key, at) for key in stranded], at)

    async def remind(self, *, now_ms: int | None = None) -> None:
        """Tell of rotations that are 30, 14, 7 and 1 days away."""
        at = system.now_ms() if now_ms is None else now_ms
        for days in REMIND_DAYS:
            subject = f"rotation {days} "
            async with self._store.reading() as connection:
                found = await rotation.approaching(connection, at, days=days, subject=subject, limit=BATCH)
            await self._tell([Said(_near(at, one, days), f"{subject}{one.at}") for one in found], at)
        async with self._store.writing() as connection:
            await rotation.forget_said(connection, at - KEPT_MS)

    async def watch(self, *, now_ms: int | None = None) -> None:
        """Tell of rotations that do not get on, and of those that are over."""
        at = system.now_ms() if now_ms is None else now_ms
        today = f"unused {datetime.fromtimestamp(at / 1000, UTC).date().isoformat()}"
        async with self._store.reading() as connection:
            late = await rotation.still_used(connection, at, subject="stuck ", limit=BATCH)
            stuck = [
                _stuck(secret, await rotation.uses(connection, secret.id, since), at)
                for secret, since in late
            ]
            unused = await rotation.never_used(connection, at, subject=today, limit=BATCH)
            over = await rotation.ended(connection, at, subject="ended ", limit=BATCH)
        await self._tell(stuck, at)
        await self._tell([_unused(secret, today, at) for secret in unused], at)
        await self._tell([_over(secret, at) for secret in over], at)
        if over:
            async with self._store.writing() as connection:
                await rotation.forget_uses(connection, [one.id for one in over])

    async def _rotated(self, key: StoredKey, at: int) -> bool:
        """Rotate one key; what becomes of it does not touch the others."""
        by = Principal(SCHEDULER)
        try:
            done = await self._rotation.rotate(key.id, Wish(), by=by, now_ms=at)
        except Fault as error:
            structlog.get_logger().error(
                "a key was rotated, but workers may not know it yet", key_id=key.id, why=error.detail
            )
            return True
        if isinstance(done, Refused):
            structlog.get_logger().warning("a key that is due was not rotated", key_id=key.id, why=done.text)
            return False
        await self._tell([_issued(done, key, at)], at)
        return True

    async def _remember(self, key_id: str, subject: str, at: int) -> None:
        async with self._store.writing() as connection:
            await rotation.say(connection, key_id, subject, at)

    async def _tell(self, found: Sequence[Said], at: int) -> None:
        if not found:
            return
        async with self._store.writing() as connection:
            fresh = [
                one.notice
                for one in found
                if await rotation.say(connection, one.notice.key_id, one.subject, at)
            ]
            await events.keep(connection, fresh)


def _notice(kind: EventKind, at: int, key_id: str, **details: str) -> Notice:
    return Notice(kind, at / 1000, key_id, details=details)


def _near(at: int, moment: rotation.Moment, days: int) -> Notice:
    when = rfc3339(moment.at / 1000)
    return _notice(EventKind.ROTATION_NEAR, at, moment.key_id, days=str(days), when=when)


def _stranded(key: StoredKey, at: int) -> Said:
    ask = f"hand over its next secret: keyturn keys rotate {key.id} --claim"
    if key.self_rotation:
        ask = "its holder may rotate it: POST /api/v1/key/rotate"
    due = key.next_rotation_at or at
    notice = _notice(EventKind.ROTATION_PENDING, at, key.id, due_at=rfc3339(due / 1000), to_do=ask)
    return Said(notice, f"rotation due {due}")


def _issued(done: Successor, key: StoredKey, at: int) -> Said:
    details = {"delivery": done.delivery.value}
    if done.delivery is Delivery.SINK:
        details["written_to"] = key.sink
    else:
        details["sealed"] = done.sealed or ""
        details["to_do"] = "its holder fetches it: GET /api/v1/key/successor"
    return Said(
        _notice(EventKind.ROTATION_PENDING, at, key.id, **details), f"rotation issued {done.secret_id}"
    )


def _stuck(secret: StoredSecret, uses: Sequence[rotation.StoredUse], at: int) -> Said:
    addresses = [use.address for use in uses] or [secret.last_address]
    details = {
        "secret": secret.display,
        "why": "the old secret is still used in the last quarter of its overlap",
        "addresses": ", ".join(one for one in addresses if one),
        "ends_at": rfc3339((secret.expires_at or at) / 1000),
    }
    return Said(_notice(EventKind.ROTATION_STUCK, at, secret.key_id, **details), f"stuck {secret.id}")


def _unused(secret: StoredSecret, today: str, at: int) -> Said:
    details = {
        "secret": secret.display,
        "why": "the new secret has not been used, so the old one lives on",
        "issued_at": rfc3339(secret.created_at / 1000),
    }
    return Said(_notice(EventKind.ROTATION_STUCK, at, secret.key_id, **details), today)


def _over(secret: StoredSecret, at: int) -> Said:
    ended_at = rfc3339((secret.expires_at or at) / 1000)
    notice = _notice(EventKind.ROTATION_FINISHED, at, secret.key_id, secret=secret.display, ended_at=ended_at)
    return Said(notice, f"ended {secret.id}")
