"""The timer wheel."""

import asyncio

from keyturn.demo.pacing import Pacer


async def test_steps_come_in_order_and_not_early() -> None:
    """A stream's pauses are at least as long as asked for."""
    loop = asyncio.get_running_loop()
    pacer = Pacer(loop)
    done = asyncio.Event()
    called: list[tuple[int, float]] = []
    began = loop.time()

    def step(delay_ms: int) -> None:
        called.append((delay_ms, loop.time() - began))
        if delay_ms == 40:
            done.set()

    for delay_ms in (40, 0, 20):
        pacer.after(delay_ms, lambda delay_ms=delay_ms: step(delay_ms))  # type: ignore[misc]
    async with asyncio.timeout(5):
        await done.wait()

    assert [delay_ms for delay_ms, _ in called] == [0, 20, 40]
    assert all(took * 1_000 >= delay_ms for delay_ms, took in called)


async def test_the_wheel_starts_again_after_standing_still() -> None:
    """It must not turn, and cost, while nothing waits."""
    pacer = Pacer(asyncio.get_running_loop())

    for _ in range(3):
        done = asyncio.Event()
        pacer.after(5, done.set)
        async with asyncio.timeout(5):
            await done.wait()

    assert pacer.waiting == 0


async def test_a_step_may_ask_for_the_next() -> None:
    """Every stream does."""
    pacer = Pacer(asyncio.get_running_loop())
    done = asyncio.Event()
    left = 3

    def step() -> None:
        nonlocal left
        left -= 1
        if left:
            pacer.after(0, step)
        else:
            done.set()

    pacer.after(0, step)
    async with asyncio.timeout(5):
        await done.wait()

    assert left == 0
