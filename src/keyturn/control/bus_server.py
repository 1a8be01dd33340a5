"""The control process's end of the bus: answers look-ups, hands out snapshots, and makes sure that revoked means revoked.

Every change gets the next sequence number. It has reached a worker when that worker has confirmed a number at
least as high, and it has been made when it has reached every worker that lives, connected or not: one that lost
the bus still serves from its cache. A worker that does not confirm in time is killed, because then, too, it
accepts the key no more.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog

from keyturn import bus, system
from keyturn.control.counts import Counts
from keyturn.control.journal_files import living_workers, pid_of
from keyturn.control.worker_links import Talk, WorkerLink
from keyturn.domain.events import Notice
from keyturn.domain.faults import Fault
from keyturn.domain.journal import Refused
from keyturn.domain.keys import KeyRecord
from keyturn.domain.leases import Return
from keyturn.domain.limits import Bound
from keyturn.domain.refusals import Reason
from keyturn.services.configuration import Known

T = TypeVar("T")
Hears = Callable[[T], Coroutine[Any, Any, None]]


class Patience:
    """How long workers are waited for, in seconds."""

    def __init__(
        self, *, kill_after: float = 5.0, give_up_after: float = 8.0, look_every: float = 0.05
    ) -> None:
        self.kill_after = kill_after
        self.give_up_after = give_up_after
        self.look_every = look_every


class Limits(Protocol):
    """Answers what workers ask of limits; ``control.counting`` does."""

    def take(self, message: bus.Take, link: WorkerLink) -> None:
        """Answer, now or later."""
        ...

    def give(self, worker: str, returns: Sequence[Return]) -> None:
        """Take what a worker gives back."""
        ...

    def met(self, worker: str, under_way: Sequence[tuple[Bound, int]]) -> None:
        """Learn of a worker that has connected."""
        ...

    def left(self, worker: str) -> None:
        """Learn that a worker has lost its connection; perhaps it is dead."""
        ...


class Attempts(Protocol):
    """Answers whether a call was made before; ``control.once_only`` does."""

    def take(self, message: bus.Attempt | bus.AttemptEnded, link: WorkerLink) -> None:
        """Answer, later."""
        ...


Heard = bus.Look | bus.Confirmed | bus.Counted | bus.Traced | bus.FirstUse | bus.Noticed
Said = Heard | bus.Take | bus.Give | bus.Attempt | bus.AttemptEnded | bus.Bodies
"""What a worker says after it has introduced itself."""


class BusServer:
    """Serves the bus socket; see the module. ``listen`` before anything else, ``close`` at the end."""

    def __init__(
        self,
        *,
        journals: Path,
        look: Callable[[bytes], Awaitable[KeyRecord | None]],
        configuration: Callable[[], Awaitable[Known]],
        patience: Patience | None = None,
    ) -> None:
        """Wire it up.

        Args:
            journals: Folder whose locked files say which workers live.
            look: Finds who holds the secret with a digest.
            configuration: Reads from the store what a snapshot tells.
            patience: How long workers are waited for.
        """
        self._journals = journals
        self._look = look
        self._configuration = configuration
        self._patience = patience or Patience()
        self._tasks = system.Tasks()
        self._links: dict[str, WorkerLink] = {}
        self._changed = asyncio.Event()
        self._snapshots = asyncio.Lock()
        self._traces: dict[int, asyncio.Future[Refused | None]] = {}
        self._next_trace = 0
        self._server: asyncio.Server | None = None
        # Higher than whatever an earlier run of this process has handed out.
        self.sequence = system.now_ms()
        self.counts = Counts()
        self.look_ups = 0
        """Questions of workers since this process started."""

    @property
    def links(self) -> list[WorkerLink]:
        """The connected workers, by name."""
        return [self._links[name] for name in sorted(self._links)]

    async def listen(
        self,
        path: Path,
        *,
        first_used: Hears[str],
        noticed: Hears[list[Notice]],
        limits: Limits,
        attempts: Attempts,
        bodies: Callable[[bus.Bodies], None],
    ) -> None:
        """Start to serve; the socket is for this user only.

        Args:
            path: Of the socket.
            first_used: Told the identifier of a pending secret that was used.
            noticed: Told what workers saw.
            limits: Answers what workers ask of limits.
            attempts: Answers whether calls were made before.
            bodies: Given what is to be kept of requests.
        """
        self._first_used, self._noticed, self._limits, self._attempts = first_used, noticed, limits, attempts
        self._bodies = bodies
        path.unlink(missing_ok=True)  # noqa: ASYNC240 -- once, before anybody waits
        before = os.umask(0o177)
        try:
            self._server = await asyncio.get_running_loop().create_unix_server(self._conversation, path)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Stop serving and hang up."""
        if self._server is not None:
            self._server.close()
        await self._tasks.cancel()

    async def invalidate(self, key_ids: Sequence[str]) -> None:
        """Have every live worker forget these keys; see ``services.workers``."""
        self.sequence += 1
        message = bus.Invalidate(self.sequence, list(key_ids))
        self._send_to_ready(message)
        await self._reached_everyone(self.sequence)

    async def publish(self) -> None:
        """Give every live worker a new snapshot; see ``services.workers``."""
        async with self._snapshots:
            configuration = await self._configuration()
            self.sequence += 1
            sequence = self.sequence
            self._send_to_ready(self._snapshot(sequence, configuration))
        await self._reached_everyone(sequence)

    async def recount(self, owner_ids: Sequence[str]) -> None:
        """Have every live worker let go of its leases on these owners' limits; raises as ``invalidate`` does."""
        self.sequence += 1
        sequence = self.sequence
        for link in self._links.values():
            link.send(bus.Recount(sequence, list(owner_ids)))
        await self._reached_everyone(sequence)

    async def trace(self, request_id: str, *, within_s: float = 1.0) -> Refused | None:
        """Ask all workers whether they remember refusing a request."""
        waiting = []
        for link in self.links:
            self._next_trace += 1
            future: asyncio.Future[Refused | None] = asyncio.get_running_loop().create_future()
            self._traces[self._next_trace] = future
            waiting.append((self._next_trace, future))
            link.send(bus.Trace(self._next_trace, request_id))
        try:
            async with asyncio.timeout(within_s):
                for answer in asyncio.as_completed([future for _, future in waiting]):
                    found = await answer
                    if found is not None:
                        return found
        except TimeoutError:
            pass
        finally:
            for call, future in waiting:
                self._traces.pop(call, None)
                future.cancel()
        return None

    @staticmethod
    def _snapshot(sequence: int, known: Known) -> bus.Snapshot:
        access = known.access
        return bus.Snapshot(
            sequence,
            known.models,
            known.upstreams,
            access.locations,
            known.foreign_shapes,
            known.others,
            access.anonymous,
            access.support,
        )

    def _send_to_ready(self, message: bus.FromControl) -> None:
        for link in self._links.values():
            if link.ready:
                link.send(message)

    def _conversation(self) -> bus.Conversation[bus.FromWorker]:
        """Return what hears a worker that connects."""
        talk = Talk()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talk.writer = writer
            self._tasks.spawn(self._see_off(reader, talk), name="bus connection")

        def hear(message: bus.FromWorker) -> None:
            if isinstance(message, bus.Hello):
                talk.link = self._welcome(message, talk.link, talk.writer)
            else:
                self._take(message, talk.link)

        return bus.Conversation(bus.FromWorker, hear, connected)  # type: ignore[arg-type]  # a union is no class

    async def _see_off(self, reader: asyncio.StreamReader, talk: Talk) -> None:
        """Wait until a connection ends, and forget the worker."""
        log = structlog.get_logger()
        try:
            await reader.read()
        except ValueError as error:
            log.warning("bus connection dropped", worker=talk.link and talk.link.worker, why=str(error))
        except OSError as error:
            log.info("bus connection lost", worker=talk.link and talk.link.worker, why=str(error))
        finally:
            talk.writer.close()
            link = talk.link
            if link is not None and self._links.get(link.worker) is link:
                del self._links[link.worker]
                self._changed.set()
                self._limits.left(link.worker)

    def _welcome(
        self, hello: bus.Hello, known: WorkerLink | None, writer: asyncio.StreamWriter
    ) -> WorkerLink:
        if known is not None:
            raise ValueError("a second Hello")
        link = WorkerLink(hello.worker, hello.pid, writer)
        earlier = self._links.get(hello.worker)
        if earlier is not None:
            earlier.writer.transport.abort()
        self._links[hello.worker] = link
        self._limits.met(hello.worker, hello.under_way)
        self._tasks.spawn(self._send_first_snapshot(link), name="first snapshot")
        return link

    async def _send_first_snapshot(self, link: WorkerLink) -> None:
        # Under the lock, so that no publication falls between reading the configuration and being ready for the next.
        try:
            async with self._snapshots:
                configuration = await self._configuration()
                link.send(self._snapshot(self.sequence, configuration))
                link.ready = True
        except BaseException:
            link.writer.transport.abort()  # it comes back and asks again
            raise

    def _take(
        self,
        message: Said,
        link: WorkerLink | None,
    ) -> None:
        if link is None:
            raise ValueError("a message before Hello")
        if isinstance(message, bus.Take):
            self._limits.take(message, link)
        elif isinstance(message, bus.Give):
            self._limits.give(link.worker, message.returns)
        elif isinstance(message, bus.Attempt | bus.AttemptEnded):
            self._attempts.take(message, link)
        elif isinstance(message, bus.Bodies):
            self._bodies(message)
        else:
            self._hear(message, link)

    def _hear(
        self,
        message: Heard,
        link: WorkerLink,
    ) -> None:
        match message:
            case bus.Look():
                self._tasks.spawn(self._answer(message, link), name="look-up")
            case bus.Confirmed():
                link.confirmed = max(link.confirmed, message.sequence)
                self._changed.set()
            case bus.Counted():
                link.counted = message
                self.counts.take(link.worker, message)
            case bus.FirstUse():
                self._tasks.spawn(self._first_used(message.secret_id), name="first use")
            case bus.Noticed():
                self._tasks.spawn(self._noticed(message.notices), name="notices")
            case bus.Traced():
                future = self._traces.get(message.call)
                if future is not None and not future.done():
                    future.set_result(message.found)

    async def _answer(self, look: bus.Look, link: WorkerLink) -> None:
        self.look_ups += 1
        sequence = self.sequence
        try:
            found = bus.Found(look.call, sequence, await self._look(look.digest))
        except Exception:  # noqa: BLE001 -- whatever it is, the worker must hear that there is no answer
            structlog.get_logger().exception("key look-up failed")
            found = bus.Found(look.call, sequence, None, failed=True)
        link.send(found)

    async def _reached_everyone(self, sequence: int) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        killed: set[str] = set()
        while True:
            self._changed.clear()
            pending = self._unconfirmed(sequence)
            if not pending:
                return
            waited = loop.time() - began
            if waited > self._patience.give_up_after:
                raise Fault(Reason.NOT_CONFIRMED, f"not confirmed by {', '.join(sorted(pending))}")
            if waited > self._patience.kill_after:
                for worker in pending - killed:
                    self._kill(worker)
                killed |= pending
            try:
                async with asyncio.timeout(self._patience.look_every):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _unconfirmed(self, sequence: int) -> set[str]:
        """Return the workers that live and have not confirmed ``sequence``."""
        confirmed = {name for name, link in self._links.items() if link.confirmed >= sequence}
        return (set(self._links) | living_workers(self._journals)) - confirmed

    def _kill(self, worker: str) -> None:
        link = self._links.get(worker)
        pid = link.pid if link is not None else pid_of(worker)
        log = structlog.get_logger().bind(worker=worker, pid=pid)
        if link is not None:
            link.writer.transport.abort()
        if pid is None or pid <= 1 or pid == os.getpid():
            log.error("a worker does not confirm a change and has no process id to end")
            return
        log.error("a worker does not confirm a change in time: killed, so that it can't go by what it knew")
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            log.info("it had ended already")
