import pytest

from keyturn.domain.journal import Refused, Served
from keyturn.domain.upstream_health import UpstreamHealth, health_of


def _served(
    at_ms: int, status: int = 200, outcome: str = "ok", attempts: str = "", upstream: str = "lab"
) -> Served:
    return Served(
        request_id=f"req_{at_ms}",
        key_id="key_1",
        model="fast",
        upstream=upstream,
        upstream_model="m",
        operation="chat",
        status=status,
        started_us=at_ms * 1000,
        auth_us=1,
        sent_us=2,
        first_byte_us=3,
        total_us=4,
        input_tokens=1,
        output_tokens=1,
        cached_tokens=0,
        reasoning_tokens=0,
        cost_nano_usd=0,
        priced=False,
        source="reported",
        streamed=False,
        outcome=outcome,
        location="authorization",
        address="127.0.0.1",
        attempts=attempts,
    )


def test_the_last_that_was_heard_decides_whether_an_upstream_is_well() -> None:
    """An operator looks at it during an outage, and again when it is over."""
    down = health_of([_served(1), _served(3, 503), _served(2)])
    up_again = health_of([_served(4), _served(3, 503)])

    assert down == {"lab": UpstreamHealth(2, 1, 2, 3, "503")}
    assert down["lab"].well is False
    assert up_again["lab"].well is True
    assert health_of([_served(1)])["lab"].well is True
    assert UpstreamHealth().well is None


def test_each_attempt_counts_for_the_upstream_that_it_was_made_at() -> None:
    """A request that a second provider saved still tells of the first."""
    attempts = "lab/m:unreachable:3ms lab/m:429:4ms far/m:ok:9ms"

    found = health_of([_served(1, attempts=attempts, upstream="far")])

    assert found == {"lab": UpstreamHealth(0, 2, None, 1, "429"), "far": UpstreamHealth(1, 0, 1)}


@pytest.mark.parametrize(
    ("status", "outcome", "failure"),
    [(502, "upstream_unreachable", "unreachable"), (200, "upstream_cut", "cut"), (500, "ok", "500")],
)
def test_how_it_failed_is_said_in_a_word(status: int, outcome: str, failure: str) -> None:
    """It is the first thing that an operator asks."""
    assert health_of([_served(1, status, outcome)])["lab"].failure == failure


def test_what_is_not_the_providers_doing_does_not_count() -> None:
    """A client's own mistake, its impatience, the operator's own limits, and what was refused before it went anywhere."""
    refused = Refused("req_1", "key_1", "unknown_api_key", 401, 1, "chat", "/v1", "", "", "", "")
    records: list[Served | Refused] = [
        refused,
        _served(1, 400),
        _served(2, 499, "client_left"),
        _served(3, 200, attempts="full/m:busy:0ms"),
        _served(4, 200, upstream=""),
    ]

    found = health_of(records)

    assert found == {"lab": UpstreamHealth(1, 0, 1)}


def test_it_can_be_asked_for_one_model_alone() -> None:
    """A provider may be well and one of its models not."""
    assert health_of([_served(1)], "slow") == {}
    assert set(health_of([_served(1)], "fast")) == {"lab"}
