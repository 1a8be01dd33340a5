"""Every row of the error contract, as the official SDKs of OpenAI and Anthropic take it.

The answer is what a worker writes, byte for byte; it comes from a server that sends nothing else, so that rows which
need time or money can be tried as well.
"""

import re
import time

import anthropic
import openai
import pytest
from msgspec import structs

from fakes.refusing_server import refusing_server
from support.conversations import HELLO
from support.refusals import REQUEST_ID, ROWS, answer

KEY = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"
RETRIES = 1

WORTH_A_RETRY = {"rate", "auth_unavailable", "idempotency_in_flight"}
"""All other rows are hopeless: the same request can't succeed."""

BAD_KEY = (openai.AuthenticationError, "invalid_api_key", anthropic.AuthenticationError)
DENIED = (openai.PermissionDeniedError, anthropic.PermissionDeniedError)

# Row → OpenAI's exception, its code, Anthropic's exception.
CONTRACT: dict[str, tuple[type[openai.APIStatusError], str, type[anthropic.APIStatusError]]] = {
    "missing": BAD_KEY,
    "malformed": BAD_KEY,
    "unknown": BAD_KEY,
    "revoked": BAD_KEY,
    "disabled": BAD_KEY,
    "expired": (openai.AuthenticationError, "expired_api_key", anthropic.AuthenticationError),
    "rotated": (openai.AuthenticationError, "rotated_api_key", anthropic.AuthenticationError),
    "two_credentials": (openai.BadRequestError, "multiple_credentials", anthropic.BadRequestError),
    "location": (
        openai.AuthenticationError,
        "api_key_location_not_allowed",
        anthropic.AuthenticationError,
    ),
    "account_inactive": (DENIED[0], "account_inactive", DENIED[1]),
    "ip": (DENIED[0], "ip_not_allowed", DENIED[1]),
    "origin": (DENIED[0], "origin_not_allowed", DENIED[1]),
    "validity_window": (DENIED[0], "outside_validity_window", DENIED[1]),
    "factor": (openai.AuthenticationError, "additional_factor_required", anthropic.AuthenticationError),
    "signature": (openai.AuthenticationError, "invalid_signature", anthropic.AuthenticationError),
    "permission": (DENIED[0], "insufficient_permissions", DENIED[1]),
    "endpoint": (DENIED[0], "endpoint_not_allowed", DENIED[1]),
    "model": (DENIED[0], "model_not_allowed", DENIED[1]),
    "rate": (openai.RateLimitError, "rate_limit_exceeded", anthropic.RateLimitError),
    "quota": (openai.RateLimitError, "insufficient_quota", anthropic.RateLimitError),
    "credits": (openai.RateLimitError, "insufficient_quota", anthropic.PaymentRequiredError),
    "quarantined": (DENIED[0], "key_quarantined", DENIED[1]),
    "auth_unavailable": (openai.InternalServerError, "auth_unavailable", anthropic.InternalServerError),
    "idempotency_invalid": (openai.BadRequestError, "idempotency_key_invalid", anthropic.BadRequestError),
    "idempotency_reused": (
        openai.UnprocessableEntityError,
        "idempotency_key_reused",
        anthropic.UnprocessableEntityError,
    ),
    "idempotency_in_flight": (openai.ConflictError, "idempotency_in_flight", anthropic.ConflictError),
}


def rendered(row: str, dialect: str) -> bytes:
    """Return the answer; where it asks for patience, for less: how long clients wait has a test of its own."""
    whole = answer(ROWS[row], dialect)
    return re.sub(rb"retry-after: \d+\r\nretry-after-ms: \d+", b"retry-after: 1\r\nretry-after-ms: 50", whole)


def test_every_row_is_tried() -> None:
    """A row that is left out here is one that nobody has seen an SDK take."""
    assert set(CONTRACT) == set(ROWS)


@pytest.mark.parametrize("row", list(CONTRACT))
def test_openais_sdk_raises_what_it_should_and_gives_up_when_it_should(row: str) -> None:
    """Class and code are what programs decide by; a hopeless request is sent once."""
    expected, code, _ = CONTRACT[row]

    with (
        refusing_server(rendered(row, "openai")) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=RETRIES, timeout=10) as client,
        pytest.raises(openai.APIStatusError) as caught,
    ):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)

    assert isinstance(caught.value, expected)
    assert (caught.value.code, caught.value.request_id) == (code, REQUEST_ID)
    assert server.asked == (1 + RETRIES if row in WORTH_A_RETRY else 1)


@pytest.mark.parametrize("row", list(CONTRACT))
def test_anthropics_sdk_raises_what_it_should_and_gives_up_when_it_should(row: str) -> None:
    """It goes by ``x-should-retry`` before anything else."""
    _, _, expected = CONTRACT[row]

    with (
        refusing_server(rendered(row, "anthropic")) as server,
        anthropic.Anthropic(base_url=server.url, api_key=KEY, max_retries=RETRIES, timeout=10) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        client.messages.create(
            model="any-model", max_tokens=5, messages=[{"role": "user", "content": "hello"}]
        )

    assert isinstance(caught.value, expected)
    assert (caught.value.request_id, caught.value.error_code) == (REQUEST_ID, ROWS[row].reason.value)
    assert caught.value.type is not None
    assert server.asked == (1 + RETRIES if row in WORTH_A_RETRY else 1)


def test_used_up_credit_is_a_billing_error_to_anthropics_clients() -> None:
    """402 and ``billing_error``, where OpenAI's know 429 and ``insufficient_quota``."""
    with (
        refusing_server(rendered("credits", "anthropic")) as server,
        anthropic.Anthropic(base_url=server.url, api_key=KEY, timeout=10) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        client.models.list()

    assert (caught.value.status_code, caught.value.type, server.asked) == (402, "billing_error", 1)


@pytest.mark.parametrize("row", ["missing", "permission", "quota", "credits"])
@pytest.mark.parametrize("rendering", ["envelope", "problem"])
def test_openais_sdk_reads_the_envelope_and_problem_documents_too(row: str, rendering: str) -> None:
    """Both have ``error.message``, which is what it shows."""
    with (
        refusing_server(rendered(row, rendering)) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, timeout=10) as client,
        pytest.raises(openai.APIStatusError) as caught,
    ):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)

    assert ROWS[row].text in caught.value.message
    assert server.asked == 1


def test_both_sdks_wait_as_long_as_a_rate_limit_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to 60 s either of them does; any limit per minute is within that."""
    waits, slept, sleep = [], [], time.sleep

    def noted_sleep(seconds: float) -> None:
        slept.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", noted_sleep)
    whole = answer(ROWS["rate"], "openai").replace(
        b"retry-after: 12\r\nretry-after-ms: 12000", b"retry-after: 1\r\nretry-after-ms: 300"
    )

    for sdk in (openai.OpenAI, anthropic.Anthropic):
        with (
            refusing_server(whole) as server,
            sdk(base_url=server.url, api_key=KEY, max_retries=1, timeout=10) as client,
            pytest.raises((openai.RateLimitError, anthropic.RateLimitError)),
        ):
            client.models.list()
        first, second = server.moments
        waits.append(second - first)

    assert all(wait >= 0.3 for wait in waits)
    assert slept == [0.3, 0.3]  # and no longer: what else held them up is the machine's doing


@pytest.mark.parametrize(
    ("sdk", "retry_after_s", "says", "asked"),
    [
        (openai.OpenAI, 1, True, 1),
        (openai.OpenAI, 1, False, 2),
        (openai.OpenAI, 121, True, 1),
        (openai.OpenAI, 121, False, 1),
        (anthropic.Anthropic, 1, True, 1),
        (anthropic.Anthropic, 1, False, 2),
        (anthropic.Anthropic, 121, True, 1),
    ],
)
def test_a_quota_needs_both_of_its_headers(
    sdk: type[openai.OpenAI | anthropic.Anthropic], retry_after_s: int, asked: int, *, says: bool
) -> None:
    """Without ``x-should-retry`` either would ask again at the reset, and Anthropic's would sleep until then.

    OpenAI's gives up by itself when ``retry-after`` is above 120 s; Anthropic's waits for as long as it is told.
    """
    whole = answer(structs.replace(ROWS["quota"], retry_after_s=retry_after_s), "openai")

    with (
        refusing_server(whole if says else whole.replace(b"x-should-retry: false\r\n", b"")) as server,
        sdk(base_url=server.url, api_key=KEY, max_retries=1, timeout=10) as client,
        pytest.raises((openai.RateLimitError, anthropic.RateLimitError)),
    ):
        client.models.list()

    assert server.asked == asked
