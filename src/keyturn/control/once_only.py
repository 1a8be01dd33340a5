"""Where workers ask whether a call of a model was made before; ``services.attempts`` knows, once it is told.

What workers say is taken in together, one transaction for all that has come meanwhile, and in the order in which it
came: that a worker gave up on a call never overtakes that it asked for it. An attempt of a worker that is dead is looked
up in its journal first, which is read into the store for it; who asks waits for that. Who asks for a call that is under
way is let wait a moment, too: a client that has its answer and asks again may be quicker than what its worker says of it.
"""

import asyncio
from pathlib import Path

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from keyturn import bus, system
from keyturn.control.bus_server import BusServer
from keyturn.control.ingest import Ingest
from keyturn.control.journal_files import living_workers
from keyturn.control.worker_links import WorkerLink
from keyturn.domain.attempts import Answer, Fate, not_again
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.attempts import Again, Attempts, Begin, End, Go, Heard, Orphaned, Verdict

MOST_AT_ONCE = 512
REPEATS_AT_ONCE = 4
"""Answers on their way to workers: each may be a MiB, and look-ups go the same way."""
MOMENT_S = 0.05
SLOW_S = 5.0
"""How long a worker may take to read one."""
UNAVAILABLE = Refused(
    Reason.CONTROL_UNAVAILABLE,
    "Whether this was asked before can't be looked up at the moment, so it is not asked now; try again",
)


class _Said(msgspec.Struct, frozen=True):
    """What a worker has said."""

    message: bus.Attempt | bus.AttemptEnded
    link: WorkerLink
    again: bool = False
    """It was looked up before: what there was to wait for has been waited for."""


class OnceOnly:
    """Answers workers."""

    def __init__(self, attempts: Attempts, ingest: Ingest, workers: BusServer, *, journals: Path) -> None:
        """Take in what it stands between.

        Args:
            attempts: Knows what was asked before.
            ingest: Reads the journals of the dead.
            workers: Who is connected.
            journals: Whose locks say which workers live.
        """
        self._attempts = attempts
        self._ingest = ingest
        self._workers = workers
        self._journals = journals
        self._tasks = system.Tasks()
        self._said: list[_Said] = []
        self._orphans: list[_Said] = []
        self._deciding = self._settling = False
        self._repeats = asyncio.Semaphore(REPEATS_AT_ONCE)

    def take(self, message: bus.Attempt | bus.AttemptEnded, link: WorkerLink) -> None:
        """Answer a worker, later."""
        self._said.append(_Said(message, link))
        self._wake()

    async def tend(self) -> None:
        """Let go of what is old, and learn what became of the attempts of workers that have died."""
        await self._attempts.forget_old(system.now_ms())
        await self._settle()

    async def close(self) -> None:
        """Answer nobody any more."""
        await self._tasks.cancel()

    # ── questions ───────────────────────────────────────────────────────────

    def _wake(self) -> None:
        if not self._deciding:
            self._deciding = True
            self._tasks.spawn(self._decide(), name="attempts")

    async def _decide(self) -> None:
        try:
            while self._said:
                said, self._said = self._said[:MOST_AT_ONCE], self._said[MOST_AT_ONCE:]
                try:
                    verdicts = await self._attempts.decide([_asked(one) for one in said], self._living())
                except (SQLAlchemyError, OSError) as error:
                    structlog.get_logger().error("attempts can't be looked up", why=str(error))
                    self._decline(said)
                    continue
                for one, verdict in zip(said, verdicts, strict=True):
                    self._answer(one, verdict)
        finally:
            self._deciding = False

    def _answer(self, said: _Said, verdict: Verdict) -> None:
        message, link = said.message, said.link
        match verdict:
            case Go():
                link.send(bus.Proceed(message.attempt_id, message.request_id))
            case Heard():
                link.send(bus.Noted(message.request_id))
            case Refused(reason=Reason.IDEMPOTENCY_IN_FLIGHT) if not said.again:
                asyncio.get_running_loop().call_later(MOMENT_S, self._ask_again, [said])
            case Refused():
                link.send(bus.Refrain(message.request_id, verdict))
            case Again(first_id):
                self._tasks.spawn(self._repeat(said, first_id), name="answer of a first attempt")
            case Orphaned() if said.again:  # its journal can't be read to the end
                link.send(bus.Refrain(message.request_id, not_again(Fate.UNDER_WAY, "")))
            case Orphaned():
                self._orphans.append(said)
                if not self._settling:
                    self._settling = True
                    self._tasks.spawn(self._look(), name="attempts of dead workers")

    async def _repeat(self, said: _Said, first_id: str) -> None:
        request_id, link = said.message.request_id, said.link
        async with self._repeats:
            try:
                answer = await self._attempts.answer(first_id)
            except SQLAlchemyError:
                answer = UNAVAILABLE
            if isinstance(answer, Answer):
                link.send(bus.Repeat(request_id, first_id, answer))
                await link.drain(SLOW_S)
            else:
                link.send(bus.Refrain(request_id, answer))

    async def _look(self) -> None:
        try:
            while self._orphans:
                orphans, self._orphans = self._orphans, []
                if await self._settle():
                    self._ask_again(orphans)
                else:
                    self._decline(orphans)
        finally:
            self._settling = False

    def _ask_again(self, said: list[_Said]) -> None:
        self._said += [msgspec.structs.replace(one, again=True) for one in said]
        self._wake()

    def _decline(self, said: list[_Said]) -> None:
        """Refuse who asks; who tells of an end tells it again until it is noted."""
        for one in said:
            if isinstance(one.message, bus.Attempt):
                one.link.send(bus.Refrain(one.message.request_id, UNAVAILABLE))

    # ── workers ─────────────────────────────────────────────────────────────

    async def _settle(self) -> bool:
        """Learn what became of the attempts of workers that are dead; ``False`` where that can't be stored."""
        if not await self._ingest.flush():
            return False
        try:
            await self._attempts.settle(self._living())
        except SQLAlchemyError as error:
            structlog.get_logger().error("attempts can't be settled", why=str(error))
            return False
        return True

    def _living(self) -> set[str]:
        return living_workers(self._journals) | {link.worker for link in self._workers.links}


def _asked(said: _Said) -> Begin | End:
    message = said.message
    if isinstance(message, bus.Attempt):
        return Begin(message.attempt_id, message.fingerprint, message.request_id, said.link.worker)
    return End(message.attempt_id, message.request_id, message.fate, message.answer)
