"""What fails, as the official OpenAI SDK says it, and what it tries again."""

import time
from typing import Any

import httpx2
import openai
import pytest

from fakes.recording_provider import RecordingProvider
from keyturn.domain.ids import is_id
from support.conversations import HELLO, user
from support.every_worker import statuses_of_every_worker
from support.node import Node, until

NEVER = {"demo_delay_ms": 60_000}
"""Later than any client here waits, however long it was held up itself."""


def tries(node: Node, key: str) -> tuple[openai.OpenAI, list[str]]:
    """Return a client that retries as it does by default, and the list of the requests it has made."""
    made: list[str] = []

    def note(request: httpx2.Request) -> None:
        made.append(str(request.url))

    http = openai.DefaultHttpxClient(event_hooks={"request": [note]})
    return openai.OpenAI(base_url=f"{node.url}/v1", api_key=key, http_client=http, timeout=20), made


def _rows(node: Node, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    rows = node.manage("GET", "/api/v1/usage")["data"]["rows"]
    return [row for row in rows if row["key_name"] == f"key of {request.node.name}"]


@pytest.mark.parametrize("wrong", ["sk-wrong", "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38", "anything"])
def test_a_wrong_key_is_an_authentication_error_and_not_tried_again(node: Node, wrong: str) -> None:
    """Asking again can't help, and looks like an attack."""
    client, made = tries(node, wrong)

    with client, pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="echo", messages=HELLO)

    assert caught.value.code == "invalid_api_key"
    assert caught.value.message.endswith("Invalid authentication credentials")
    assert is_id(str(caught.value.request_id), "req_")
    assert len(made) == 1


def test_a_key_without_the_permission_is_denied_and_not_tried_again(node: Node) -> None:
    """PermissionDeniedError is the SDK's 403."""
    _, writer = node.new_key("writer of the SDK", permissions=["write"])
    client, made = tries(node, writer)

    with client, pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(model="echo", messages=HELLO)

    assert (caught.value.code, caught.value.type) == ("insufficient_permissions", "permission_error")
    assert len(made) == 1


def test_an_unknown_model_is_not_found_and_near_ones_are_named(client: openai.OpenAI) -> None:
    """Nearly always it is a typo."""
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="demo-chta", messages=HELLO)

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert "demo-chta" in caught.value.message
    assert "Did you mean demo-chat" in caught.value.message
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("demo-chta")


def test_an_unknown_path_is_not_found(client: openai.OpenAI) -> None:
    """What is not built yet says so at once."""
    with pytest.raises(openai.NotFoundError) as caught:
        client.batches.list()

    assert caught.value.code == "path_not_found"


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
    ],
)
def test_a_wrong_member_is_a_bad_request_that_names_it(
    client: openai.OpenAI, members: dict[str, Any], param: str
) -> None:
    """``param`` is what tools highlight."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="echo", messages=HELLO, extra_body=members)

    assert caught.value.param == param
    assert param in caught.value.message


@pytest.mark.parametrize("size", [30_000, 3_000_000])
def test_a_body_that_is_too_large_is_refused_with_a_reason(strict_node: Node, size: int) -> None:
    """The SDK must get to read the answer although it is still sending."""
    client, made = tries(strict_node, strict_node.key)

    with client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="echo", messages=user("x" * size))

    assert caught.value.status_code == 413
    assert caught.value.code == "body_too_large"
    assert len(made) == 1


def test_a_provider_that_limits_is_waited_for_and_then_an_error(node: Node, key: str) -> None:
    """The provider's ``Retry-After`` reaches the SDK, which honours it."""
    client, made = tries(node, key)
    began = time.monotonic()

    with client, pytest.raises(openai.RateLimitError) as caught:
        client.with_options(max_retries=1).chat.completions.create(model="demo-429", messages=HELLO)

    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "1"
    assert len(made) == 2
    assert time.monotonic() - began >= 1.0


def test_a_provider_that_is_down_is_asked_again_and_then_an_error(node: Node, key: str) -> None:
    """5xx are worth another try, and the SDK makes it."""
    client, made = tries(node, key)

    with client, pytest.raises(openai.InternalServerError) as caught:
        client.with_options(max_retries=1).chat.completions.create(model="demo-503", messages=HELLO)

    assert caught.value.status_code == 503
    assert caught.value.code == "service_unavailable"
    assert len(made) == 2


def test_a_provider_that_can_not_be_reached_is_an_error_of_the_server(
    node: Node, client: openai.OpenAI
) -> None:
    """The message names the provider's fault and never its address."""
    body = {"name": "absent", "base_url": "http://127.0.0.1:9/v1", "models": ["absent-model"]}
    node.manage("POST", "/api/v1/upstreams", body=body)

    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="absent-model", messages=HELLO)

    node.manage("DELETE", "/api/v1/upstreams/absent")
    assert caught.value.status_code == 502
    assert caught.value.code == "upstream_unreachable"
    assert "127.0.0.1:9" not in caught.value.message


def test_a_client_that_gives_up_is_noted(node: Node, key: str, request: pytest.FixtureRequest) -> None:
    """A time-out of the client is the client's: what it asked for is counted as estimated."""

    def given_up() -> list[dict[str, Any]]:
        with (
            openai.OpenAI(base_url=f"{node.url}/v1", api_key=key, max_retries=0, timeout=0.2) as client,
            pytest.raises(openai.APITimeoutError),
        ):
            client.chat.completions.create(model="demo-slow", messages=HELLO, extra_body=NEVER)
        # Each worker has read by now what came before; of what had not gone on by then, nothing comes any more.
        statuses_of_every_worker(node, "/v1/models")
        return _rows(node, request)

    [row] = until(given_up, what="a client that gives up what is under way")
    assert (row["requests"], row["estimated"], row["output_tokens"]) == (1, 1, 0)


def test_a_stream_that_the_provider_cuts_off_raises(client: openai.OpenAI) -> None:
    """Half an answer must not look like a whole one."""
    stream = client.chat.completions.create(model="demo-cut", messages=HELLO, stream=True)
    texts: list[str] = []

    with pytest.raises((openai.APIError, httpx2.RemoteProtocolError)):
        texts.extend(chunk.choices[0].delta.content or "" for chunk in stream)

    assert "".join(texts).startswith("You")


def test_an_answer_that_the_provider_cuts_off_raises(client: openai.OpenAI) -> None:
    """The same without streaming."""
    with pytest.raises(openai.APIError):
        client.chat.completions.create(model="demo-cut", messages=HELLO)


def test_a_stream_that_the_client_leaves_is_cancelled_at_the_provider(
    recorder: RecordingProvider, client: openai.OpenAI, node: Node, request: pytest.FixtureRequest
) -> None:
    """Otherwise the provider would go on generating, and charging, for nobody."""
    recorder.left.clear()
    stream = client.chat.completions.create(model="endless", messages=HELLO, stream=True)
    first = next(iter(stream))
    assert first.choices[0].delta.content == "word "
    assert not recorder.left.is_set()

    stream.close()

    assert recorder.left.wait(10)
    [row] = until(lambda: _rows(node, request), what="the usage of the abandoned stream")
    assert (row["requests"], row["estimated"]) == (1, 1)
    assert row["output_tokens"] >= 1
