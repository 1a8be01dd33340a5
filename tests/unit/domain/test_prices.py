"""What a request costs; tests/property has the exact sums."""

import pytest

from keyturn.domain.prices import (
    Price,
    PriceStep,
    PriceVersion,
    cost_nano_usd,
    from_now_on,
    next_step_ms,
    price_at,
    steps_of,
    version_at,
)
from keyturn.domain.usage import Usage

CHAT = Price(150_000_000, 600_000_000, 75_000_000, 187_500_000, 1_200_000_000)


@pytest.mark.parametrize(
    ("price", "usage", "cost"),
    [
        (CHAT, Usage(1000, 500), 150_000 + 300_000),
        (CHAT, Usage(1000, 0, 400), 90_000 + 30_000),
        (CHAT, Usage(1000, 0, 400, 0, 100), 75_000 + 30_000 + 18_750),
        (CHAT, Usage(0, 500, 0, 200), 180_000 + 240_000),
        (Price(150_000_000, 600_000_000), Usage(10, 10, 10, 10, 0), 1_500 + 6_000),
        (Price(1), Usage(1), 1),
        (Price(image_nano_usd=40_000_000), Usage(images=3), 120_000_000),
        (Price(second_nano_usd=100_000), Usage(audio_ms=1_500), 150_000),
        (Price(million_characters_nano_usd=15 * 10**9), Usage(characters=10), 150_000),
        (Price(), Usage(10**9, 10**9), 0),
    ],
)
def test_a_request_costs_each_of_its_parts_once(price: Price, usage: Usage, cost: int) -> None:
    """Cached and written tokens are parts of the input, reasoning is a part of the output."""
    assert cost_nano_usd(price, usage) == cost


def version(number: int, at: int, price: Price | None = CHAT) -> PriceVersion:
    """Return a version that begins at an instant."""
    return PriceVersion(f"prc_{number}", "m", price, at)


def test_of_two_prices_for_one_instant_the_later_said_holds() -> None:
    """A slip is corrected by saying it again."""
    assert price_at([version(1, 5), version(2, 5), version(3, 4)], 5) == version(2, 5)


def test_the_operators_price_stands_before_the_shipped_one_until_it_is_taken_back() -> None:
    """Taking it back is a statement with a time, too: what was charged stays explained."""
    said = [version(1, 10), version(2, 20, None)]
    shipped = [version(8, 0), version(9, 15)]

    steps = steps_of(said, shipped)

    assert steps == (PriceStep(0, shipped[0]), PriceStep(10, said[0]), PriceStep(20, shipped[1]))


def test_the_default_holds_where_nobody_says_anything() -> None:
    """And nowhere else."""
    default = version(7, 0)

    steps = steps_of([version(1, 10), version(2, 20, None)], (), default)

    assert [one.version.id if one.version else "" for one in steps] == ["prc_7", "prc_1", "prc_7"]
    assert steps_of([version(2, 20, None)]) == ()


def test_a_worker_is_told_the_price_in_force_and_those_to_come() -> None:
    """It switches by itself, with nobody to ask."""
    steps = steps_of([version(number, at) for number, at in enumerate((10, 20, 30))])

    assert from_now_on(steps, 25) == steps[1:]
    assert from_now_on(steps, 5) == steps
    assert (next_step_ms(steps, 25), next_step_ms(steps, 30)) == (30, None)
    assert version_at(steps, 9) is None
