"""Believing reports that are signed, and no others."""

from collections.abc import Iterator

import pytest

from fakes.published_keys import VECTOR_BODY, VECTOR_ID, VECTOR_SIGNATURE, Scanner, scanner
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.report_keys import ASK_AGAIN_S, KEPT_S, ReportKeys


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def published() -> Iterator[Scanner]:
    """Public keys behind a URL."""
    with scanner() as found:
        yield found


@pytest.fixture
def keys(published: Scanner, clock: Clock) -> ReportKeys:
    """Who may report."""
    return ReportKeys(published.url, monotonic=clock)


def reason(refused: Refused | None) -> Reason | None:
    """Return why, if at all."""
    return None if refused is None else refused.reason


async def test_githubs_own_example_is_believed(keys: ReportKeys) -> None:
    """The vector that GitHub's documentation publishes."""
    assert await keys.refuse(VECTOR_ID, VECTOR_SIGNATURE, VECTOR_BODY) is None


@pytest.mark.parametrize(
    ("identifier", "signature", "body"),
    [
        (VECTOR_ID, VECTOR_SIGNATURE, VECTOR_BODY + b"\n"),
        (VECTOR_ID, VECTOR_SIGNATURE, VECTOR_BODY.replace(b"some_token", b"any_token!")),
        (VECTOR_ID, VECTOR_SIGNATURE[:-8] + "AAAAAA==", VECTOR_BODY),
        (VECTOR_ID, "not base64!", VECTOR_BODY),
        (VECTOR_ID, "", VECTOR_BODY),
        ("", VECTOR_SIGNATURE, VECTOR_BODY),
        ("ours", VECTOR_SIGNATURE, VECTOR_BODY),
        ("nobody", VECTOR_SIGNATURE, VECTOR_BODY),
        ("damaged", VECTOR_SIGNATURE, VECTOR_BODY),
    ],
)
async def test_anything_else_is_not(keys: ReportKeys, identifier: str, signature: str, body: bytes) -> None:
    """Otherwise anybody could have keys disabled in GitHub's name."""
    assert reason(await keys.refuse(identifier, signature, body)) is Reason.INVALID_SIGNATURE


async def test_keys_are_kept_for_half_an_hour(keys: ReportKeys, published: Scanner, clock: Clock) -> None:
    """A wave of reports must not become a wave of fetches, and a key that GitHub withdrew must go."""
    for step_s in (0, KEPT_S - 1, 2):
        clock.now += step_s
        assert await keys.refuse(VECTOR_ID, VECTOR_SIGNATURE, VECTOR_BODY) is None

    assert published.asked == 2


async def test_a_new_key_is_fetched_but_made_up_ones_make_no_traffic(
    keys: ReportKeys, published: Scanner, clock: Clock
) -> None:
    """GitHub changes its keys; strangers invent names for some."""
    await keys.refuse(VECTOR_ID, VECTOR_SIGNATURE, VECTOR_BODY)
    for _ in range(5):
        assert reason(await keys.refuse("new", published.sign(b"[]"), b"[]")) is Reason.INVALID_SIGNATURE
    clock.now += ASK_AGAIN_S
    published.identifier = "new"

    assert await keys.refuse("new", published.sign(b"[]"), b"[]") is None
    assert published.asked == 2


async def test_keys_that_cannot_be_fetched_are_our_fault(
    keys: ReportKeys, published: Scanner, clock: Clock
) -> None:
    """A report that is told 401 does not come again; and a broken server is asked once a minute."""
    published.broken = True
    reasons = [reason(await keys.refuse(VECTOR_ID, VECTOR_SIGNATURE, VECTOR_BODY)) for _ in range(3)]
    published.broken = False
    clock.now += ASK_AGAIN_S

    assert reasons == [Reason.AUTH_UNAVAILABLE] * 3
    assert await keys.refuse(VECTOR_ID, VECTOR_SIGNATURE, VECTOR_BODY) is None
    assert published.asked == 2
