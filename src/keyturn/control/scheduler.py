"""What has to happen with time: jobs, looked at once a minute, each on its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from keyturn import system
from keyturn.control.management import Management
from keyturn.services import filling

TICK_S = 60.0
QUARTER_S, HOUR_S = 900.0, 3_600.0


class Job(msgspec.Struct, frozen=True):
    """Something to be done again and again.

    Attributes:
        name: For the log.
        work: Does it; may take its time, and fail.
        every_s: How long to wait between two beginnings; no job runs more often than the scheduler looks.
    """

    name: str
    work: Callable[[], Awaitable[object]]
    every_s: float = TICK_S


class Scheduler:
    """Runs jobs, one after the other; ``run`` goes on until it is cancelled."""

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        tick_s: float = TICK_S,
        monotonic: Callable[[], float] = system.monotonic,
    ) -> None:
        """Take in the jobs.

        Args:
            jobs: In the order in which they run.
            tick_s: How often to look, in seconds.
            monotonic: A clock in seconds that only goes forward.
        """
        self._jobs = jobs
        self._tick_s = tick_s
        self._monotonic = monotonic
        self._due: dict[str, float] = {}

    async def run(self) -> None:
        """Look at once, and then again and again."""
        while True:
            await self.tick()
            await asyncio.sleep(self._tick_s)

    async def tick(self) -> None:
        """Run every job that is due. One that fails is logged, and the others run all the same."""
        for job in self._jobs:
            now = self._monotonic()
            if now < self._due.get(job.name, now):
                continue
            self._due[job.name] = now + job.every_s
            try:
                await job.work()
            except (
                SQLAlchemyError,
                OSError,
            ) as error:  # a full disk, or a database that is gone: no fault of ours
                why = str(error).partition("\n")[0]
                structlog.get_logger().error("a scheduled job could not be done", job=job.name, why=why)
            except Exception:  # noqa: BLE001 -- whatever it is, the other jobs must run, and this one again
                structlog.get_logger().exception("a scheduled job failed", job=job.name)


def jobs_of(management: Management) -> list[Job]:
    """Return what this node's scheduler does."""

    def forget_events() -> Awaitable[object]:
        return management.alerts.forget_old(management.settings.events.kept_days, system.now_ms())

    async def near_their_end() -> None:
        await management.ingest.flush()
        await management.attention.limits.look()

    return [
        Job("limits near their end", near_their_end, filling.LOOK_EVERY_S),
        Job("anomalies", management.anomalies.evaluate),
        Job("old events", forget_events, HOUR_S),
        Job("rotation", management.rotation_policy.run_due),
        Job("claims", management.claims.expire),
        Job("policies", lambda: management.policies.enforce(system.now_ms())),
        Job("credit reminders", lambda: management.credit_watch.remind(system.now_ms())),
        Job("rotation reminders", management.rotation_policy.remind, QUARTER_S),
        Job("rotation watch", management.rotation_policy.watch, QUARTER_S),
        Job("old sessions", lambda: management.sessions.end_old(system.now_ms()), HOUR_S),
        Job("old holder sessions", lambda: management.holder_sessions.end_old(system.now_ms()), HOUR_S),
        Job(
            "old failures to sign in", lambda: management.people.throttle.forget_old(system.now_ms()), HOUR_S
        ),
        Job("old answers", lambda: management.idempotency.forget_old(system.now_ms()), HOUR_S),
        Job("attempts", management.once_only.tend),
        Job("retention", lambda: management.retention.prune(system.now_ms()), HOUR_S),
        Job("access tokens", management.upstreams.renew_tokens),
        Job("audit checkpoint", lambda: management.audit.checkpoint_if_due(system.now_ms())),
    ]
