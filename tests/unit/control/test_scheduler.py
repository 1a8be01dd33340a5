"""Jobs, each on its own."""

import asyncio

import pytest

from keyturn.control.scheduler import Job, Scheduler


class Clock:
    """A clock that stands still until it is moved, and work that notes when it was done."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done: list[tuple[str, float]] = []

    def job(self, name: str, every_s: float, *, fails: bool = False) -> Job:
        """Return a job that notes its runs."""

        async def work() -> None:
            self.done.append((name, self.now))
            if fails:
                raise RuntimeError(name)

        return Job(name, work, every_s)


async def test_each_job_runs_at_once_and_then_when_its_time_has_come() -> None:
    """What fell due while the node was down does not wait any longer."""
    clock = Clock()
    scheduler = Scheduler([clock.job("a", 60), clock.job("b", 180)], monotonic=lambda: clock.now)

    for at in (0.0, 60.0, 120.0, 180.0):
        clock.now = at
        await scheduler.tick()

    assert [at for name, at in clock.done if name == "a"] == [0, 60, 120, 180]
    assert [at for name, at in clock.done if name == "b"] == [0, 180]


async def test_a_job_that_fails_stops_no_other_and_runs_again(capsys: pytest.CaptureFixture[str]) -> None:
    """One broken key must not keep all claims from running out."""
    clock = Clock()
    scheduler = Scheduler([clock.job("a", 1, fails=True), clock.job("b", 1)], monotonic=lambda: clock.now)

    for at in (0.0, 1.0):
        clock.now = at
        await scheduler.tick()

    assert [name for name, _ in clock.done] == ["a", "b", "a", "b"]
    assert "a scheduled job failed" in capsys.readouterr().out


async def test_it_goes_on_until_it_is_cancelled() -> None:
    """The control process ends it with itself."""
    clock, often = Clock(), asyncio.Event()

    async def work() -> None:
        clock.now += 1
        if clock.now == 3:
            often.set()

    running = asyncio.ensure_future(
        Scheduler([Job("a", work, 0)], tick_s=0, monotonic=lambda: clock.now).run()
    )
    async with asyncio.timeout(5):
        await often.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
