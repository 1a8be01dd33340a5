"""Sixty-four workers on clocks of their own, a bus that is late, deaths: limits hold, and are used."""

from bisect import bisect_left
from collections import deque
from itertools import islice
from operator import itemgetter
from random import Random

import pytest

from fakes.exact_books import NOON
from fakes.lease_line import needs
from fakes.simulated_node import Node
from keyturn.domain.limits import WINDOW_S, Bound, Metric, Window
from support.asking import bound, concurrency

EXACT_S = 1e-6
ADMITTED = 0.97
"""Of a limit, at least, where there is demand."""


def most_within(node: Node, of: Bound) -> int:
    """Return the most that was used within any true window."""
    length, inside, total, most = WINDOW_S[of.limit.window] - EXACT_S, deque[tuple[float, int]](), 0, 0
    for at, request in node.used[of.counter]:
        inside.append((at, request.counted))
        total += request.counted
        while inside[0][0] <= at - length:
            total -= inside.popleft()[1]
        most = max(most, total)
    return most


def used_between(node: Node, of: Bound, begins: float, ends: float) -> int:
    """Return what was used from a time to another."""
    used = node.used[of.counter]
    first = bisect_left(used, begins, key=itemgetter(0))
    return sum(request.counted for at, request in islice(used, first, None) if at < ends)


def watch(node: Node, *, every_s: float, ends: float) -> list[str]:
    """Look now and then whether less is counted than was used; return what is found."""
    found: list[str] = []

    def look() -> None:
        control = node.control
        counters = control.authority._counters if control is not None and control.answers else {}
        for of in node.bounds:
            counter = counters.get(of.counter)
            if counter is None:
                continue
            counted = counter.used(node.now)
            if of.limit.metric is Metric.CONCURRENCY:
                used = node.under_way
            else:
                used = used_between(node, of, node.now - WINDOW_S.get(of.limit.window, 10**9), node.now)
            if counted < used:
                found.append(f"{of.name}: {counted} of {used} after {node.now - NOON:.3f} s")

    for step in range(1, int((ends - NOON) / every_s)):
        node.at(NOON + step * every_s, look)
    return found


def flood(node: Node, *, rate: float, lasts_s: float, ends: float) -> None:
    """Have requests come, each for some tokens, of which it uses a part."""
    when, chance = NOON, node.chance
    while when < ends:
        when += chance.expovariate(rate)
        reserved = chance.randint(10, 100)
        amounts = needs(tokens=reserved, output_tokens=reserved, cost=reserved)
        part = chance.choice((0, reserved // 3, reserved))
        used = needs(tokens=part, output_tokens=part, cost=part)
        node.at(when, lambda a=amounts, u=used: node.request(a, u, chance.expovariate(1 / lasts_s)))  # type: ignore[misc]


def case(seed: int) -> tuple[Window, int]:
    """Return a window and a limit from 1 to 10,000."""
    chance = Random(seed)  # noqa: S311 -- no secret
    return (Window.SECOND, Window.MINUTE)[seed % 2], round(10 ** chance.uniform(0, 4))


@pytest.mark.parametrize("seed", [0, 3, 4, 5, 6, 7])
async def test_no_window_ever_holds_more_than_is_allowed_and_nearly_all_of_it_is_used(seed: int) -> None:
    """The promise of a limit, to both sides."""
    window, most = case(seed)
    length = WINDOW_S[window]
    tight, wide = bound(window, most), bound(window, most * 3, owner="acc_1")
    node = Node(seed, [tight, wide, concurrency(1_000_000)])
    ends = NOON + 3.5 * length
    flood(node, rate=max(1.7 * most, 150) / length, lasts_s=0.05 * length, ends=ends)

    await node.run(ends)

    share = used_between(node, tight, NOON + length, NOON + 3 * length) / (2 * most)
    assert most_within(node, tight) <= most
    assert node.unanswered == 0
    assert share >= ADMITTED


def deaths(node: Node, *, workers: int, controls: int, ends: float) -> None:
    """Have processes die, at any time but the last second."""
    for _ in range(workers):
        node.at(node.chance.uniform(NOON, ends - 1), node.kill_worker)
    for number in range(controls):  # one is up again before the next dies
        part = (ends - NOON) / controls
        node.at(NOON + part * (number + node.chance.uniform(0.1, 0.3)), node.kill_control)


@pytest.mark.parametrize(
    ("seed", "window", "most", "under_way"),
    [(1, Window.SECOND, 20, 3), (2, Window.SECOND, 200, 900), (3, Window.MINUTE, 3_000, 900)],
)
async def test_no_window_ever_holds_more_than_is_allowed_whoever_dies(
    seed: int, window: Window, most: int, under_way: int
) -> None:
    """With tokens, of which much comes back, with several limits at once, and with requests under way."""
    bounds = [
        bound(window, most * 30, Metric.TOKENS),
        bound(Window.SECOND, most, owner="acc_1"),
        bound(Window.MINUTE, most * 25, owner="acc_1"),
        bound(Window.LIFETIME, 10**9, Metric.COST),
        concurrency(under_way),
    ]
    length = WINDOW_S[window]
    node = Node(seed, bounds)
    ends = NOON + max(1.5 * length, 20)
    flood(node, rate=1.5 * most / length, lasts_s=0.1, ends=ends)
    deaths(node, workers=15, controls=3, ends=ends)
    too_little = watch(node, every_s=0.11, ends=ends)

    await node.run(ends + 10)

    assert too_little == []
    for one in bounds[:3]:
        assert most_within(node, one) <= one.limit.max
    assert node.most_under_way <= bounds[-1].limit.max
    assert node.control is not None
    money, still_under_way = [(await node.control.authority.standing(one))[0] for one in bounds[-2:]]
    assert money == used_between(node, bounds[-2], NOON, node.now)
    assert still_under_way == 0


@pytest.mark.parametrize("seed", [1, 3])
async def test_a_budget_is_used_to_its_end_and_not_beyond_whoever_dies(seed: int) -> None:
    """What a dead worker had leased comes back, and what a new control process reads is what was used."""
    most = Random(seed).randint(500, 20_000)  # noqa: S311 -- no secret
    budget = bound(Window.LIFETIME, most, Metric.COST, owner="acc_1")
    node = Node(seed, [budget, bound(Window.MINUTE, 10**6)])
    ends = NOON + 40
    flood(node, rate=max(100, most / 400), lasts_s=0.5, ends=ends)
    deaths(node, workers=10, controls=2, ends=NOON + 20)

    await node.run(ends + 10)

    total = sum(request.counted for _, request in node.used[budget.counter])
    assert total <= most
    assert most - total < 100, "there was room for another request"
