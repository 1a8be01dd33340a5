"""How often somebody may try to show who they are: by whom they say they are, and by where they come from.

In a browser in which a person has signed in before (``services.devices``) their attempts are counted apart: what strangers try
with their address makes strangers wait.

An attempt counts before it is judged, and is taken back when it was right: a hundred at once are a hundred. Whoever nobody
is counts as well, so that the answer tells nothing.
"""

import hashlib
import ipaddress

from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.events import EventKind, Notice
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.events import keep
from keyturn.store import sign_in_failures as failures
from keyturn.store.engine import Store

WINDOW_MS = 15 * 60_000
MOST_OF_ONE_PERSON, MOST_OF_ONE_ADDRESS = 5, 20
"""Failures within the window."""
_V6_NETWORK = 64
"""Bits that one customer's connection has; the rest they choose themselves."""


class Throttle:
    """Counts attempts in the store: they outlive the process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def attempt(self, person: str, address: str, device: str = "") -> Refused | None:
        """Count an attempt; refuse it if there were too many before.

        Args:
            person: Whom they try to be, such as an e-mail address in lower case; empty: nobody yet.
            address: Where they come from; empty: not known.
            device: The browser, if this person has signed in with it before.
        """
        subjects = _subjects(person, address, device)
        now_ms = system.now_ms()
        waits: list[int] = []
        async with self._store.writing() as connection:
            for subject, most in subjects:
                found = await failures.get(connection, subject)
                began, count = found if found and now_ms - found[0] < WINDOW_MS else (now_ms, 0)
                if count >= most:
                    waits.append(began + WINDOW_MS - now_ms)
                    if count == most:
                        await failures.put(connection, subject, began_at_ms=began, count=count + 1)
                        await _tell(connection, address)
            if not waits:
                await self._count(connection, subjects, now_ms)
        return too_many(max(waits)) if waits else None

    async def right(self, person: str, address: str, device: str = "") -> None:
        """Take an attempt back: it was right. Whoever they are begins anew, there."""
        async with self._store.writing() as connection:
            for subject, most in _subjects(person, address, device):
                if most == MOST_OF_ONE_PERSON:
                    await failures.drop(connection, subject)
                else:
                    await failures.take_back(connection, subject)

    async def forget_old(self, now_ms: int) -> None:
        """Forget windows that are over; to be called now and then."""
        async with self._store.writing() as connection:
            await failures.drop_old(connection, began_before_ms=now_ms - WINDOW_MS)

    async def _count(
        self, connection: AsyncConnection, subjects: list[tuple[bytes, int]], now_ms: int
    ) -> None:
        for subject, _ in subjects:
            found = await failures.get(connection, subject)
            began, count = found if found and now_ms - found[0] < WINDOW_MS else (now_ms, 0)
            await failures.put(connection, subject, began_at_ms=began, count=count + 1)


def too_many(wait_ms: int) -> Refused:
    """Return the refusal of an attempt too many, with how long to wait."""
    seconds = max(1, -(-wait_ms // 1000))
    minutes = -(-seconds // 60)
    wait = "a minute" if minutes == 1 else f"{minutes} minutes"
    message = f"Too many attempts that were wrong; wait {wait}, then try again"
    return Refused(Reason.TOO_MANY_FAILURES, message, retry_after_s=seconds)


def network_of(address: str) -> str:
    """Return what stands for everybody behind one connection: an IPv4 address, the /64 of an IPv6 one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _V6_NETWORK), strict=False))
    return str(found)


def _subjects(person: str, address: str, device: str) -> list[tuple[bytes, int]]:
    found = []
    if person:
        who = f"device:{device} {person}" if device else f"person:{person}"
        found.append((_hash(who), MOST_OF_ONE_PERSON))
    if address:
        found.append((_hash(f"address:{network_of(address)}"), MOST_OF_ONE_ADDRESS))
    return found


async def _tell(connection: AsyncConnection, address: str) -> None:
    await keep(connection, [Notice(EventKind.SIGN_IN_GUESSING, system.now(), address=address)])


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
