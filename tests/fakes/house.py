"""What stands behind the bus, as the bus sees it."""

import asyncio
from collections.abc import Sequence

from keyturn import bus
from keyturn.control.worker_links import WorkerLink
from keyturn.domain.events import Notice
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.leases import Return
from keyturn.domain.limits import Bound
from keyturn.domain.models import Target
from keyturn.domain.permissions import Permission
from keyturn.services.configuration import Known

KNOWN = b"k" * 32
RECORD = KeyRecord("key_1", "app", Kind.SECRET, frozenset({Permission.READ}))


class Asked:
    """Hears whether calls were made before."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bus.Attempt | bus.AttemptEnded]] = []

    def take(self, message: bus.Attempt | bus.AttemptEnded, link: WorkerLink) -> None:
        """Hear what a worker says."""
        self.messages.append((link.worker, message))


class House:
    """What the bus asks the store for."""

    def __init__(self) -> None:
        self.models = {"m": Target("u", "m")}
        self.broken = False
        self.gate: asyncio.Event | None = None
        self.asked = asyncio.Event()
        self.first_uses: list[str] = []
        self.notices: list[Notice] = []
        self.takes: list[tuple[str, bus.Take]] = []
        self.returns: list[tuple[str, Return]] = []
        self.met_workers: list[tuple[str, list[tuple[Bound, int]]]] = []
        self.left_workers: list[str] = []
        self.attempts = Asked()
        self.bodies: list[bus.Bodies] = []

    async def look(self, digest: bytes) -> KeyRecord | None:
        """Answer when the gate is open."""
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.broken:
            raise RuntimeError("no database")
        return RECORD if digest == KNOWN else None

    async def configuration(self) -> Known:
        """Return what there is."""
        if self.broken:
            raise RuntimeError("no database")
        access = bus.Access(frozenset({"header"}))
        return Known(dict(self.models), {"u": bus.Upstream("u", "http://h/v1")}, access=access)

    async def first_used(self, secret_id: str) -> None:
        """Hear of a pending secret that was used."""
        self.first_uses.append(secret_id)

    async def noticed(self, notices: list[Notice]) -> None:
        """Hear what a worker saw."""
        self.notices += notices

    def take(self, message: bus.Take, link: WorkerLink) -> None:
        """Hear what a worker asks of limits."""
        self.takes.append((link.worker, message))

    def give(self, worker: str, returns: Sequence[Return]) -> None:
        """Hear what a worker gives back."""
        self.returns += [(worker, one) for one in returns]

    def met(self, worker: str, under_way: Sequence[tuple[Bound, int]]) -> None:
        """Hear of a worker that has connected."""
        self.met_workers.append((worker, list(under_way)))

    def left(self, worker: str) -> None:
        """Hear of a worker that has lost its connection."""
        self.left_workers.append(worker)
