"""How often an address may say that keys are exposed."""

import pytest

from keyturn.services.leaks import CALLS_AN_HOUR, HourlyLimit


def allowed(limit: HourlyLimit, address: str, now: float, times: int = 100) -> int:
    """Return how many of some calls are taken."""
    return sum(limit.refuse(address, now) is None for _ in range(times))


def test_an_address_may_call_sixty_times_an_hour() -> None:
    """Enough for whoever cleans up, useless for whoever guesses."""
    limit = HourlyLimit()

    counts = [allowed(limit, "192.0.2.1", now) for now in (0.0, 3_599.0, 3_600.0)]

    assert counts == [CALLS_AN_HOUR, 0, CALLS_AN_HOUR]


def test_the_refusal_says_when_to_come_back() -> None:
    """To the second, rounded up."""
    limit = HourlyLimit()
    allowed(limit, "192.0.2.1", 0.0)

    refused = limit.refuse("192.0.2.1", 600.5)

    assert refused is not None
    assert refused.retry_after_s == 3_000


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("unknown", "other", False),
    ],
)
def test_addresses_count_by_subscriber(one: str, other: str, *, together: bool) -> None:
    """With IPv6, everybody has 2**64 addresses."""
    limit = HourlyLimit()
    allowed(limit, one, 0.0)

    assert allowed(limit, other, 0.0) == (0 if together else CALLS_AN_HOUR)


def test_the_operator_on_the_machine_is_not_counted() -> None:
    """Whoever may revoke everything anyway."""
    assert allowed(HourlyLimit(), "", 0.0) == 100


def test_memory_stays_bounded() -> None:
    """Anybody may call, from any number of addresses."""
    limit = HourlyLimit()
    for number in range(20_000):
        limit.refuse(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)

    assert len(limit._since) == 10_000
    assert allowed(limit, "10.0.78.31", 0.0) == CALLS_AN_HOUR - 1
