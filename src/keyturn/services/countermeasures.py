"""What is done when a rule speaks about a key: a line in the log, an event, a throttle, a quarantine.

Whatever is done to a key is committed first and then confirmed by every live worker; only then the event is stored. So
whoever sees the event knows that it has come into force. A rule speaks about a key once in 24 hours, and what says so is
kept in the transaction of the event: where this process dies in between, the rule speaks again, and what was done to the
key is found done.
"""

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.config.sections import Alerts as Settings
from keyturn.domain import ids, throttle
from keyturn.domain.anomalies import KINDS, SPIKE_DAYS, TELL_AGAIN_MS, Action, Details, Rule, throttle_rate
from keyturn.domain.events import Notice
from keyturn.domain.faults import Fault
from keyturn.domain.keys import Status, rfc3339, status
from keyturn.domain.limits import read_limits, write_limits
from keyturn.domain.principal import ALERTS, Principal
from keyturn.services import audit, events
from keyturn.services.workers import Workers, forget
from keyturn.store import activity, alerts, events as stored_events, keys
from keyturn.store.engine import Store
from keyturn.store.keys import StoredKey

AT_LEAST_A_MINUTE = 10
"""Requests that a throttled key keeps, however few it usually makes."""
REMEMBERED = 10_000
_HOUR_S, _DAY_HOURS = 3_600, 24
_BY = Principal(ALERTS)


class Finding(msgspec.Struct, frozen=True):
    """That a rule speaks."""

    rule: Rule
    notice: Notice
    """What the event will say."""

    @property
    def subject(self) -> str:
        """What is told once; where no key is concerned, of an address."""
        where = "" if self.notice.key_id else f" {self.notice.address}"
        return f"alert {self.rule.value}{where}"


def finding(rule: Rule, key_id: str, details: Details, now_ms: int) -> Finding:
    """Return a finding about a key that comes from no single request."""
    return Finding(rule, Notice(KINDS[rule], now_ms / 1000, key_id, details=details))


class Countermeasures:
    """Does what the settings say."""

    def __init__(self, store: Store, workers: Workers, settings: Settings) -> None:
        self._store = store
        self._workers = workers
        self._settings = settings
        self._owed: dict[tuple[Rule, str], Finding] = {}
        """Done to the key, but not confirmed by every worker."""
        self._recovered = False
        self._told: dict[tuple[str, str], int] = {}
        """Since when is known that something was said: what goes on is found again every minute."""

    def action_of(self, rule: Rule) -> Action:
        """Return what the settings say about a rule."""
        return Action(getattr(self._settings, rule.value))

    async def take(self, found: Finding, now_ms: int) -> None:
        """Do what a finding calls for, unless that was done within the day."""
        if await self._was_told(found, now_ms):
            return
        action = self.action_of(found.rule)
        try:
            case_id, done = await self._done(found, action, now_ms)
        except Fault as fault:
            self._owed[found.rule, found.notice.key_id] = found
            structlog.get_logger().error(
                "an action on a key is not confirmed by every worker; it is asked for again",
                key_id=found.notice.key_id,
                rule=found.rule.value,
                why=fault.detail,
            )
            return
        details = {**found.notice.details, **done}
        await self._tell(found, msgspec.structs.replace(found.notice, details=details), case_id, now_ms)

    async def catch_up(self, now_ms: int) -> None:
        """Finish what was not confirmed, and take out the throttles that have ended.

        The first time also what an earlier run of this process did not come to: the audit log says it.
        """
        owed, self._owed = self._owed, {}
        if not self._recovered:
            async with self._store.reading() as connection:
                left = await alerts.unfinished(connection, now_ms - TELL_AGAIN_MS)
            self._recovered = True
            owed |= {(one.rule, one.notice.key_id): one for one in (_recalled(*row, now_ms) for row in left)}
        for one in owed.values():
            await self.take(one, now_ms)
        async with self._store.reading() as connection:
            over = await alerts.throttles_over(connection, now_ms)
        for key_id in over:
            await self._unthrottle(key_id, now_ms / 1000)
        try:
            await forget(self._workers, over)
        except Fault as fault:
            # A throttle allows everything from its end on, whoever still knows of it.
            structlog.get_logger().warning(
                "throttles that are over are still known to workers", why=fault.detail
            )

    async def _was_told(self, found: Finding, now_ms: int) -> bool:
        about = found.notice.key_id, found.subject
        if now_ms - self._told.get(about, now_ms - TELL_AGAIN_MS) < TELL_AGAIN_MS:
            return True
        self._told.pop(about, None)
        async with self._store.reading() as connection:
            told_ms = await alerts.said_at(connection, *about)
        if told_ms is None or now_ms - told_ms >= TELL_AGAIN_MS:
            return False
        if len(self._told) >= REMEMBERED:
            del self._told[next(iter(self._told))]
        self._told[about] = told_ms
        return True

    async def _done(self, found: Finding, action: Action, now_ms: int) -> tuple[str, Details]:
        """Do to the key what is to be done; return the identifier of the event, and what it says about that.

        Raises:
            Fault: ``NOT_CONFIRMED``: it is done, but a worker may not know it yet.
        """
        key_id = found.notice.key_id
        if key_id and action is Action.QUARANTINE:
            return await self._quarantine(found, now_ms)
        if key_id and action is Action.THROTTLE:
            return system.new_id(ids.EVENT), await self._throttle(found, now_ms)
        return system.new_id(ids.EVENT), {}

    async def _quarantine(self, found: Finding, now_ms: int) -> tuple[str, Details]:
        key_id, case_id = found.notice.key_id, system.new_id(ids.EVENT)
        async with self._store.writing() as connection:
            key = await _living(connection, key_id, now_ms)
            if key is None:
                return case_id, {}
            if not self._settings.quarantine_first_key and key_id == await alerts.first_key(connection):
                return case_id, {
                    "effect": "none: the first key is not quarantined unless the settings say so"
                }
            if key.frozen_at is None:
                await keys.change(connection, key_id, {"frozen_at": now_ms, "case_id": case_id})
                facts: audit.Facts = {"rule": found.rule.value, "case_id": case_id, **found.notice.details}
                await audit.note(connection, _BY, alerts.QUARANTINED, key_id, after=facts)
        await forget(self._workers, [key_id])
        if key.frozen_at is not None and key.case_id:
            # This process died, or a worker did not answer, before the event was stored; or there is another case.
            async with self._store.reading() as connection:
                if await alerts.get(connection, key.case_id) is None:
                    case_id = key.case_id
        return case_id, {
            "effect": "quarantined",
            "to_do": f"look into it, then: keyturn keys enable {key_id}",
        }

    async def _throttle(self, found: Finding, now_ms: int) -> Details:
        key_id = found.notice.key_id
        until = now_ms / 1000 + self._settings.throttle_minutes * 60
        this_hour = now_ms // 1000 // _HOUR_S * _HOUR_S
        hours = [this_hour - _HOUR_S * back for back in range(1, SPIKE_DAYS * _DAY_HOURS + 1)]
        async with self._store.writing() as connection:
            key = await _living(connection, key_id, now_ms)
            if key is None:
                return {}
            usual = await activity.requests_by_hour(connection, key_id, hours)
            per_minute = throttle_rate(usual, AT_LEAST_A_MINUTE)
            standing = throttle.unthrottled(read_limits(key.limits), now_ms / 1000)
            limits = write_limits(throttle.throttled(standing, per_minute, until=until))
            if limits != key.limits:
                await keys.change(connection, key_id, {"limits": limits})
                await alerts.note_throttle(connection, key_id, int(until * 1000))
                was, now = _facts(key.limits), {"rule": found.rule.value, **_facts(limits)}
                await audit.note(connection, _BY, "key.throttle", key_id, before=was, after=now)
        await forget(self._workers, [key_id])
        return {"effect": f"throttled to {per_minute} requests/minute until {rfc3339(until)}"}

    async def _unthrottle(self, key_id: str, now: float) -> None:
        async with self._store.writing() as connection:
            await alerts.forget_throttle(connection, key_id)
            key = await keys.get(connection, key_id)
            limits = "" if key is None else write_limits(throttle.unthrottled(read_limits(key.limits), now))
            if key is None or limits == key.limits:
                return  # deleted, or somebody has written its limits anew
            await keys.change(connection, key_id, {"limits": limits})
            await audit.note(
                connection, _BY, "key.unthrottle", key_id, before=_facts(key.limits), after=_facts(limits)
            )

    async def _tell(self, found: Finding, notice: Notice, event_id: str, now_ms: int) -> None:
        async with self._store.writing() as connection:
            if not await alerts.say(
                connection, notice.key_id, found.subject, now_ms, again_after_ms=TELL_AGAIN_MS
            ):
                return
            owners = await stored_events.owners(connection, [notice.key_id] if notice.key_id else [])
            event = events.stored_event(notice, owners.get(notice.key_id, ("", "")))
            event = msgspec.structs.replace(event, id=event_id)
            if self.action_of(found.rule) is Action.LOG:
                events.log(event)
            else:
                await events.keep_stored(connection, [event])


async def _living(connection: AsyncConnection, key_id: str, now_ms: int) -> StoredKey | None:
    """Return a key that is of use to somebody: one that has ended needs no action."""
    key = await keys.get(connection, key_id)
    return None if key is None or status(key, now_ms) in {Status.REVOKED, Status.EXPIRED} else key


def _recalled(key_id: str, entry: str, now_ms: int) -> Finding:
    """Return what a key was quarantined for, from its entry in the audit log."""
    facts = msgspec.json.decode(entry, type=dict[str, str])
    rule = Rule(facts["rule"])
    details = {name: text for name, text in facts.items() if name not in {"rule", "case_id"}}
    return finding(rule, key_id, details, now_ms)


def _facts(limits: str) -> audit.Facts:
    return {"limits": msgspec.json.decode(limits)}
