"""Looks for keys that are used as they never were: once a minute over what is in use, and at what workers notice."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import anomalies
from keyturn.domain.anomalies import (
    DAY_S,
    FAILING_REQUESTS,
    FAILING_WINDOW_S,
    HOUR_S,
    RULES,
    SPIKE_DAYS,
    SPIKE_DAYS_KNOWN,
    SPIKE_WINDOW_S,
    Rule,
    Use,
)
from keyturn.domain.events import Notice
from keyturn.services.countermeasures import Countermeasures, Finding, finding
from keyturn.services.probing import Probing
from keyturn.store import activity
from keyturn.store.activity import ModelUse
from keyturn.store.engine import Store

NANO_USD_PER_CENT = 10_000_000
MINUTE_S = 60
USUALLY_S = 600
"""How far back new models are looked for."""
_DAY_HOURS = 24

Prices = Callable[[AsyncConnection], Awaitable[Mapping[str, int]]]
"""Returns, by model, what a million tokens of input and a million of output cost together, in nano-dollars."""


class Anomalies:
    """The rules, where their facts are. ``now_ms`` is the time, milliseconds since 1970 UTC; now, unless said."""

    def __init__(
        self,
        store: Store,
        countermeasures: Countermeasures,
        noticed: Callable[[list[Notice]], Awaitable[None]],
        *,
        floor: Use,
        prices: Prices,
    ) -> None:
        """Wire it up.

        Args:
            store: Holds the rollups.
            countermeasures: Does what is to be done.
            noticed: Takes the notices that no rule is about.
            floor: What ``usage_spike`` never speaks of.
            prices: What models cost.
        """
        self._store = store
        self._countermeasures = countermeasures
        self._pass_on = noticed
        self._floor = floor
        self._prices = prices
        self._looked_far_s: int | None = None
        self.probing = Probing()

    async def noticed(self, notices: list[Notice]) -> None:
        """Take what workers or use cases saw: what a rule is about as its setting says, the rest as events."""
        await self._pass_on([one for one in notices if one.kind not in RULES])
        for one in notices:
            if one.kind in RULES:
                await self._countermeasures.take(Finding(RULES[one.kind], one), int(one.at * 1000))

    async def run(self) -> None:
        """Wait for keys that try what they may not do; goes on until it is cancelled."""
        while True:
            for last, details in await self.probing.found():
                kind = anomalies.KINDS[Rule.SCOPE_PROBING]
                told = Notice(kind, last.at, last.key_id, last.address, last.request_id, details)
                try:
                    await self._countermeasures.take(Finding(Rule.SCOPE_PROBING, told), int(last.at * 1000))
                except Exception:  # noqa: BLE001 -- whatever it is, the next key must be looked at
                    structlog.get_logger().exception(
                        "a key that probes was not dealt with", key_id=last.key_id
                    )

    async def evaluate(self, *, now_ms: int | None = None) -> None:
        """Look at every key that was in use lately.

        The cost grows with those, not with all keys. For new models the last minutes are looked at, once an hour the last
        two hours, because what a request used counts in the minute in which it began; and at first a day, because this
        process may have been away.
        """
        at = system.now_ms() if now_ms is None else now_ms
        now_s = at // 1000
        await self._countermeasures.catch_up(at)
        async with self._store.reading() as connection:
            found = await self._spikes(connection, now_s)
            found += await _failures(connection, now_s)
            since_s = (now_s - self._look_back_s(now_s)) // MINUTE_S * MINUTE_S
            used = await activity.models_in_use(connection, since_s)
            known = await activity.models_known(connection, (one.key_id for one in used))
            found += await self._models(connection, used, known, at)
        for one in found:
            await self._countermeasures.take(one, at)
        fresh = activity.news(used, known)
        if fresh:
            async with self._store.writing() as connection:
                await activity.note_models(connection, fresh)

    def _look_back_s(self, now_s: int) -> int:
        far_s = DAY_S if self._looked_far_s is None else 2 * HOUR_S
        if self._looked_far_s is not None and now_s - self._looked_far_s < HOUR_S:
            return USUALLY_S
        self._looked_far_s = now_s
        return far_s

    async def _spikes(self, connection: AsyncConnection, now_s: int) -> list[Finding]:
        since_s = (now_s - SPIKE_WINDOW_S) // MINUTE_S * MINUTE_S
        heavy = await activity.heavy(connection, since_s, self._floor)
        if not heavy:
            return []
        made_at = await activity.made_at(connection, list(heavy))
        wanted = {key_id: _days_since(made, now_s) for key_id, made in made_at.items()}
        known = [key_id for key_id, days in wanted.items() if days >= SPIKE_DAYS_KNOWN]
        hours = await activity.hours_of(connection, known, _same_hours(now_s))
        found = []
        for key_id in known:
            usual = anomalies.usual_use(hours[key_id], now_s, wanted[key_id])
            told = anomalies.usage_spike(heavy[key_id], usual, self._floor)
            if told is not None:
                found.append(finding(Rule.USAGE_SPIKE, key_id, told, now_s * 1000))
        return found

    async def _models(
        self,
        connection: AsyncConnection,
        used: Sequence[ModelUse],
        known: Mapping[str, Mapping[str, int]],
        at: int,
    ) -> list[Finding]:
        """Return keys that use a dearer model than ever, and keys that woke up."""
        found, woken = [], set()
        new = [one for one in used if known[one.key_id] and one.model not in known[one.key_id]]
        prices = await self._prices(connection) if new else {}
        for one in new:
            told = anomalies.dearer_model(one.model, prices, list(known[one.key_id]))
            if told is not None:
                found.append(finding(Rule.DEARER_MODEL, one.key_id, told, at))
        for one in sorted(used, key=lambda use: use.first_at):
            if one.key_id in woken or not known[one.key_id]:
                continue
            woken.add(one.key_id)
            told = anomalies.wake_up((one.first_at - max(known[one.key_id].values())) // 1000)
            if told is not None:
                found.append(finding(Rule.WAKE_UP, one.key_id, told, at))
        return found


async def _failures(connection: AsyncConnection, now_s: int) -> list[Finding]:
    since_s = (now_s - FAILING_WINDOW_S) // MINUTE_S * MINUTE_S
    recent = await activity.many_failures(connection, since_s, FAILING_REQUESTS)
    if not recent:
        return []
    this_hour = since_s // HOUR_S * HOUR_S
    hours = [this_hour - HOUR_S * back for back in range(1, _DAY_HOURS + 1)]
    before = await activity.outcomes_of(connection, list(recent), hours)
    judged = {key_id: anomalies.failing(recent[key_id], before[key_id]) for key_id in recent}
    return [
        finding(Rule.FAILING, key_id, told, now_s * 1000)
        for key_id, told in judged.items()
        if told is not None
    ]


def _same_hours(now_s: int) -> list[int]:
    """Return the hours that the window touches on each of the days before."""
    found = set()
    for day in range(1, SPIKE_DAYS + 1):
        for at in (now_s - SPIKE_WINDOW_S, now_s):
            found.add((at - day * DAY_S) // HOUR_S * HOUR_S)
    return sorted(found)


def _days_since(made_ms: int, now_s: int) -> int:
    return min(SPIKE_DAYS, (now_s - made_ms // 1000) // DAY_S)
