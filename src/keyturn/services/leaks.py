"""Secrets that somebody found where they should not be: ended by whoever holds one, or as a scanner's report says.

Only a whole secret counts. An identifier or a display would let strangers end keys that they can't use.
"""

from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv6Address, ip_address
from typing import Literal

import msgspec

from keyturn import system
from keyturn.domain import verifier
from keyturn.domain.events import EventKind, Notice
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.audit import note
from keyturn.services.events import Events
from keyturn.services.keys import Keys
from keyturn.services.workers import Workers
from keyturn.store import keys
from keyturn.store.engine import Store
from keyturn.store.events import EventFilter
from keyturn.telemetry.redact import redact

Action = Literal["disable", "revoke", "notify"]

CALLS_AN_HOUR = 60
HOLDER, REPORTER = "holder", "leak report"
"""Who acted, in the audit log: it is not known who holds a leaked secret."""
_HOUR_S = 3_600.0
_REMEMBERED = 10_000
"""Addresses; beyond that the one whose hour began first is forgotten."""
_REPEATS = 100
"""Events of a key among which a report that was sent again is looked for."""


class Report(msgspec.Struct, frozen=True):
    """One place where a secret was found."""

    token: Secret
    url: str = ""


class HourlyLimit:
    """Counts calls per address: fixed windows of an hour, from an address's first call on."""

    def __init__(self, calls: int = CALLS_AN_HOUR) -> None:
        self._calls = calls
        self._since: dict[str, tuple[float, int]] = {}

    def refuse(self, address: str, now: float) -> Refused | None:
        """Count a call; refuse one too many.

        Args:
            address: Where it comes from; an IPv6 address stands for its /64. Empty: this machine, which is not counted.
            now: Seconds on a clock that only goes forward.
        """
        if not address:
            return None
        who = _network(address)
        since, count = self._since.get(who, (now, 0))
        if now - since >= _HOUR_S:
            self._since.pop(who)
            since, count = now, 0
        if who not in self._since and len(self._since) >= _REMEMBERED:
            self._since.pop(next(iter(self._since)))
        if count >= self._calls:
            wait_s = int(since + _HOUR_S - now) + 1
            message = f"Only {self._calls} calls an hour are taken from one address"
            return Refused(Reason.RATE_LIMIT_EXCEEDED, message, retry_after_s=wait_s)
        self._since[who] = (since, count + 1)
        return None


class Leaks:
    """The use cases."""

    def __init__(
        self,
        store: Store,
        *,
        look: Callable[[bytes], Awaitable[KeyRecord | None]],
        keys: Keys,
        workers: Workers,
        events: Events,
        action: Action,
    ) -> None:
        """Take in where things are.

        Args:
            store: Holds the secrets.
            look: Finds who holds the secret with a digest.
            keys: Ends keys.
            workers: Forget them.
            events: Are told.
            action: What a report does to a key.
        """
        self._store = store
        self._look = look
        self._keys = keys
        self._workers = workers
        self._events = events
        self._action = action
        self.limit = HourlyLimit()

    async def revoke_exposed(self, secrets: Iterable[Secret], *, by: Principal) -> None:
        """End every key of which the whole secret is here; no worker accepts one of them any more on return.

        Args:
            secrets: What may be secrets of ours; what is not changes nothing.
            by: Where the call came from; whoever holds a secret may end it.
        """
        actor = msgspec.structs.replace(by, name=by.name or HOLDER)
        seen: set[str] = set()
        for secret in secrets:
            record = await self._holder(secret)
            if record is None or record.secret_id in seen or record.kind is Kind.PUBLISHABLE:
                continue  # what stands in a page is everybody's: its finder must not be able to end the page
            seen.add(record.secret_id)
            if record.decoy:
                await self._tell(EventKind.DECOY_USED, record, by, {"through": "revoke-exposed"})
            elif await self._end(record, "revoke", actor):
                await self._tell(EventKind.REVOKED_BY_HOLDER, record, by, {})

    async def reported(self, reports: Iterable[Report], *, by: Principal) -> list[bool]:
        """Do with reported keys what the settings say, and tell of each once; a report that comes again is harmless.

        Returns:
            For each report whether it is a secret of ours.
        """
        known = []
        for report in reports:
            record = await self._holder(report.token)
            known.append(record is not None)
            if record is None:
                continue
            done = self._action
            if record.decoy or record.kind is Kind.PUBLISHABLE or done == "notify":
                done = "notify"
            else:
                await self._end(record, done, msgspec.structs.replace(by, name=REPORTER))
            details = {"url": report.url, "action": done}
            if not await self._is_told(record, report.url):
                await self._tell(EventKind.LEAK_REPORTED, record, by, details)
        return known

    async def _holder(self, secret: Secret) -> KeyRecord | None:
        return await self._look(verifier.digest(secret.reveal().encode("utf-8", "replace")))

    async def _end(self, record: KeyRecord, action: Action, by: Principal) -> bool:
        """End a key, or only the secret of it that runs out anyway; return whether there was anything to end."""
        if record.revoked_at is not None:
            # Dead, but perhaps not every worker had confirmed the first time.
            await self._workers.invalidate([record.id])
            return False
        if record.retires_at is not None:
            return await self._end_secret(record, by)
        if action == "disable":
            if not record.enabled:
                return False
            return not isinstance(await self._keys.disable(record.id, by=by), Refused)
        return not isinstance(await self._keys.revoke(record.id, by=by), Refused)

    async def _end_secret(self, record: KeyRecord, by: Principal) -> bool:
        """End a secret in its overlap: the key's newer one did not leak."""
        async with self._store.writing() as connection:
            ended = await keys.end_secret(connection, record.secret_id, now_ms=system.now_ms())
            if ended:
                await note(connection, by, "secret.revoke", record.id, after={"secret": record.secret_id})
        await self._workers.invalidate([record.id])
        return ended

    async def _is_told(self, record: KeyRecord, url: str) -> bool:
        wanted = EventFilter(kind=EventKind.LEAK_REPORTED.value, key=record.id)
        earlier, _ = await self._events.page(wanted, reach=Principal(REPORTER), cursor=None, limit=_REPEATS)
        return any(msgspec.json.decode(event.details).get("url") == redact(url) for event in earlier)

    async def _tell(self, kind: EventKind, record: KeyRecord, by: Principal, details: dict[str, str]) -> None:
        told = {**details, "secret_id": record.secret_id}
        notice = Notice(kind, system.now(), record.id, by.address, by.request_id, told)
        await self._events.noticed([notice])


def _network(address: str) -> str:
    """Return what one subscriber has: an IPv4 address, or a /64 of IPv6."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return f"{int(parsed) >> 64:x}::/64"
    return address
