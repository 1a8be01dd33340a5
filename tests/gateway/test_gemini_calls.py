"""What clients of Google's ask beside chats, and what it costs."""

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from fakes.origin import JSON, Origin, Step, origin_server, plain
from gateway.pieces import CHUNKED, chunk
from gateway.providers import MODEL, UPSTREAM_SECRET
from support.node import Node, until

BARD, CLAUDE, ADA = "google-model", "count-model", "vectors-model"
CONTENT = {"parts": [{"text": "hello there"}]}
VECTOR = b'{"values":[0.1,0.2]}'
FIGURES = b'"usageMetadata":{"promptTokenCount":4}'


@pytest.fixture(scope="session")
def connected_google(node: Node) -> Iterator[Origin]:
    """One server behind three providers, its models priced; tests ask for ``google``."""
    price = {"input_usd_per_million": "100", "output_usd_per_million": "1000"}
    with origin_server() as origin:
        for provider, model in (("gemini", BARD), ("anthropic", CLAUDE), ("compatible", ADA)):
            name = f"asked-as-{provider}"
            body = {"name": name, "provider": provider, "base_url": origin.url, "api_key": UPSTREAM_SECRET}
            node.manage("POST", "/api/v1/upstreams", body=body | {"models": [f"own-of-{name}"]})
            body = {"name": model, "upstream": name, "upstream_model": MODEL}
            node.manage("POST", "/api/v1/models", body=body | price)
        yield origin


@pytest.fixture
def google(connected_google: Origin) -> Origin:
    """The same, with no memory of earlier tests."""
    connected_google.forget()
    connected_google.hang_up()
    return connected_google


def ask(node: Node, method: str, body: dict[str, Any]) -> httpx.Response:
    """Ask as Google's clients do."""
    path = f"/v1beta/models/{BARD}:{method}"
    return node.send("POST", path, headers={"x-goog-api-key": node.key}, json=body)


def noted(node: Node, answer: httpx.Response) -> tuple[int, int, float, str]:
    """Return tokens in and out, the cost in dollars, and how that is known."""
    path = f"/api/v1/requests/{answer.headers['x-request-id']}"
    found = until(lambda: node.manage("GET", path)["data"], what="the request in the log")
    source = str(found["usage_source"])
    return found["input_tokens"], found["output_tokens"], float(found["cost_usd"]), source


def test_a_batch_of_embeddings_is_asked_for_as_one(node: Node, google: Origin) -> None:
    """It has a method of its own, and every request in it names the model again."""
    google.arrange(plain(b'{"embeddings":[%b,%b],%b}' % (VECTOR, VECTOR, FIGURES)))

    requests = [{"model": f"models/{BARD}", "content": CONTENT}, {"content": CONTENT}]
    answer = ask(node, "batchEmbedContents", {"requests": requests})
    received = google.received[0]

    assert received.line == f"POST /v1/models/{MODEL}:batchEmbedContents HTTP/1.1"
    named = {"model": f"models/{MODEL}", "content": CONTENT}
    assert msgspec.json.decode(received.body) == {"requests": [named, named]}
    assert len(answer.json()["embeddings"]) == 2
    assert noted(node, answer) == (4, 0, 0.0004, "reported")


def test_a_batch_that_means_two_models_is_refused(node: Node, google: Origin) -> None:
    """Before anybody is asked."""
    requests = [{"model": f"models/{BARD}"}, {"model": "models/dearer"}]

    answer = ask(node, "batchEmbedContents", {"requests": requests})

    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert f"models/{BARD}" in answer.json()["error"]["message"]
    assert not google.received


LONG = b"[%b]" % b",".join([VECTOR] * 4000)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((plain(b'{"embedding":%b,%b}' % (VECTOR, FIGURES)),), (4, 0, 0.0004, "reported")),
        ((plain(b'{"embedding":%b}' % VECTOR),), (11, 0, 0.0011, "estimated")),
        (
            (JSON + CHUNKED + chunk(b'{"embeddings":%b,%b}' % (LONG, FIGURES)) + chunk(b""),),
            (4, 0, 0.0004, "reported"),
        ),
        (
            (JSON + CHUNKED + chunk(b'{%b,"embeddings":%b}' % (FIGURES, LONG)) + chunk(b""),),
            (4, 0, 0.0004, "reported"),
        ),
        (
            (JSON + CHUNKED + chunk(b'{"embeddings":%b}' % LONG) + chunk(b""),),
            (11, 0, 0.0011, "estimated"),
        ),
    ],
    ids=["told", "untold", "long", "long, told before", "long, untold"],
)
def test_vectors_are_no_output(
    node: Node, google: Origin, said: tuple[Step, ...], expected: tuple[int, int, float, str]
) -> None:
    """A thousand numbers are not a thousand words, and nobody charges for them."""
    google.arrange(*said)

    answer = ask(node, "embedContent", {"content": CONTENT})

    assert answer.status_code == 200, answer.text
    input_tokens, *others = noted(node, answer)
    if expected[-1] == "estimated":
        assert input_tokens == -(-len(google.received[0].body) // 4)
        assert (others[0], others[2]) == (0, "estimated")
    else:
        assert (input_tokens, *others) == expected


def test_vectors_in_openais_dialect_are_no_output_either(node: Node, google: Origin) -> None:
    """Some servers don't say what they used."""
    google.arrange(plain(b'{"data":[{"embedding":[0.1,0.2]}]}'))

    headers = {"authorization": f"Bearer {node.key}"}
    answer = node.send("POST", "/v1/embeddings", headers=headers, json={"model": ADA, "input": "hello"})

    assert answer.status_code == 200, answer.text
    _, output_tokens, _, source = noted(node, answer)
    assert (output_tokens, source) == (0, "estimated")


def test_counting_googles_tokens_is_free(node: Node, google: Origin) -> None:
    """The provider reads the prompt for it and charges nothing."""
    google.arrange(plain(b'{"totalTokens":31}'))

    whole = {"model": f"models/{BARD}", "contents": [CONTENT]}
    answer = ask(node, "countTokens", {"generateContentRequest": whole})

    assert answer.json() == {"totalTokens": 31}
    assert google.received[0].line == f"POST /v1/models/{MODEL}:countTokens HTTP/1.1"
    sent = msgspec.json.decode(google.received[0].body)
    assert sent == {"generateContentRequest": {"model": f"models/{MODEL}", "contents": [CONTENT]}}
    assert noted(node, answer) == (0, 0, 0.0, "reported")


def test_counting_anthropics_tokens_is_free(node: Node, google: Origin) -> None:
    """Likewise."""
    google.arrange(plain(b'{"input_tokens":31}'))

    body = {"model": CLAUDE, "messages": [{"role": "user", "content": "hello"}]}
    answer = node.send("POST", "/v1/messages/count_tokens", headers={"x-api-key": node.key}, json=body)

    assert answer.json() == {"input_tokens": 31}
    assert noted(node, answer) == (0, 0, 0.0, "reported")


def test_who_may_only_list_models_can_not_call_them_by_geminis_second_path(
    node: Node, google: Origin
) -> None:
    """Lists of endpoints know such a call by ``/v1beta``, whichever of the two paths it takes."""
    google.arrange(plain(b'{"candidates":[]}'))
    _, lists = node.new_key("lists", preset="read-only", endpoints=["/v1/models*"])
    _, calls = node.new_key("calls", preset="read-only", endpoints=["/v1beta/*"])
    path, body = f"/v1/models/{BARD}:generateContent", {"contents": [CONTENT]}

    refused = node.send("POST", path, headers={"x-goog-api-key": lists}, json=body)
    served = node.send("POST", path, headers={"x-goog-api-key": calls}, json=body)

    assert (refused.status_code, served.status_code) == (403, 200)
    assert len(google.received) == 1
