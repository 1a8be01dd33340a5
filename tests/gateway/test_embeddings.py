"""Embeddings that are asked for in one dialect and made in another, over real sockets."""

import base64
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import openai
import pytest

from fakes.origin import Origin, origin_server, plain
from gateway.providers import MODEL, UPSTREAM_SECRET
from support.node import Node, until

GOOGLES, COMPATIBLE, BOTH = "google-vectors", "plain-vectors", "vectors-of-either"
BATCH = b'{"embeddings":[{"values":[0.5,-1.0]},{"values":[0.25,2.0]}],"usageMetadata":{"promptTokenCount":7}}'
ONE = b'{"embeddings":[{"values":[0.5,-1.0]}]}'
LIST = (
    b'{"object":"list","model":"text-x","data":[{"object":"embedding","index":1,"embedding":[0.25,2.0]},'
    b'{"object":"embedding","index":0,"embedding":[0.5,-1.0]}],"usage":{"prompt_tokens":7,"total_tokens":7}}'
)


@pytest.fixture(scope="session")
def connected_embedders(node: Node) -> Iterator[Origin]:
    """One server that answers as Gemini and as somebody compatible; tests ask for ``embedder``."""
    with origin_server() as origin:
        for provider, model in (("gemini", GOOGLES), ("compatible", COMPATIBLE)):
            name = f"embeds-as-{provider}"
            body = {"name": name, "provider": provider, "base_url": origin.url, "api_key": UPSTREAM_SECRET}
            node.manage("POST", "/api/v1/upstreams", body=body | {"models": [f"own-of-{name}"]})
            node.manage(
                "POST", "/api/v1/models", body={"name": model, "upstream": name, "upstream_model": MODEL}
            )
        targets = [
            {"upstream": "embeds-as-compatible", "model": MODEL},
            {"upstream": "embeds-as-gemini", "model": MODEL, "priority": 1},
        ]
        node.manage("POST", "/api/v1/models", body={"name": BOTH, "targets": targets})
        yield origin


@pytest.fixture
def embedder(connected_embedders: Origin) -> Origin:
    """The same, with no memory of earlier tests."""
    connected_embedders.forget()
    connected_embedders.hang_up()
    return connected_embedders


def embed(node: Node, model: str, *, headers: dict[str, str] | None = None, **members: Any) -> httpx.Response:
    """Ask in OpenAI's dialect."""
    sent = {"authorization": f"Bearer {node.key}"} | (headers or {})
    return node.send("POST", "/v1/embeddings", headers=sent, json={"model": model, **members})


def embed_content(node: Node, model: str, method: str, body: Any, **headers: str) -> httpx.Response:
    """Ask in Gemini's."""
    sent = {"x-goog-api-key": node.key} | {name.replace("_", "-"): value for name, value in headers.items()}
    return node.send("POST", f"/v1beta/models/{model}:{method}", headers=sent, json=body)


def served(node: Node, answer: httpx.Response) -> dict[str, Any]:
    """Return what was noted of a request."""
    path = f"/api/v1/requests/{answer.headers['x-request-id']}"
    found: dict[str, Any] = until(lambda: node.manage("GET", path)["data"], what="the request in the log")
    return found


def used(node: Node, answer: httpx.Response) -> tuple[int, int, str]:
    """Return the tokens that were noted, and who says so."""
    noted = served(node, answer)
    return noted["input_tokens"], noted["output_tokens"], noted["usage_source"]


def content(text: str, **members: Any) -> dict[str, Any]:
    """Return one request of Gemini's."""
    return {"content": {"parts": [{"text": text}]}, **members}


# ── OpenAI's clients at Gemini ──────────────────────────────────────────────


def test_an_openai_client_gets_vectors_of_gemini(node: Node, embedder: Origin) -> None:
    """The request is Gemini's to the last member, the answer OpenAI's, the usage what Gemini says."""
    embedder.arrange(plain(BATCH))

    answer = embed(node, GOOGLES, input=["one", "two"], dimensions=2)
    received = embedder.received[0]
    sent = msgspec.json.decode(received.body)

    assert received.line == f"POST /v1/models/{MODEL}:batchEmbedContents HTTP/1.1"
    assert received.values("x-goog-api-key") == [UPSTREAM_SECRET]
    assert sent == {
        "requests": [
            content(text, model=f"models/{MODEL}", outputDimensionality=2) for text in ("one", "two")
        ]
    }
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "object": "list",
        "model": GOOGLES,
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]},
            {"object": "embedding", "index": 1, "embedding": [0.25, 2.0]},
        ],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }
    assert used(node, answer) == (7, 0, "reported")


def test_vectors_come_in_base64_where_that_is_asked_for(node: Node, embedder: Origin) -> None:
    """OpenAI's Python client always does."""
    embedder.arrange(plain(ONE))

    (found,) = embed(node, GOOGLES, input="one", encoding_format="base64").json()["data"]

    assert struct.unpack("<2f", base64.b64decode(found["embedding"])) == (0.5, -1.0)


def test_usage_that_nobody_tells_is_estimated_from_the_texts(node: Node, embedder: Origin) -> None:
    """Vectors are no output, however long they are; the client is told what it is charged for."""
    embedder.arrange(plain(ONE))

    answer = embed(node, GOOGLES, input="four" * 10)

    assert answer.json()["usage"]["prompt_tokens"] == 10
    assert used(node, answer) == (10, 0, "estimated")


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input_type": "query"}, "input_type"),
        ({"input": [1, 2]}, "input"),
        ({"input": []}, "input"),
        ({"dimensions": 0}, "dimensions"),
        ({"stream": True}, "stream"),
    ],
)
def test_what_gemini_can_not_be_told_is_refused_by_name(
    node: Node, embedder: Origin, members: dict[str, Any], param: str
) -> None:
    """Before anybody is asked."""
    answer = embed(node, GOOGLES, **{"input": "one"} | members)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert not embedder.received


def test_what_gemini_can_not_be_told_is_dropped_where_the_client_allows_it(
    node: Node, embedder: Origin
) -> None:
    """And named."""
    embedder.arrange(plain(ONE))

    answer = embed(node, GOOGLES, headers={"x-keyturn-lossy": "allow"}, input="one", input_type="query")

    assert (answer.status_code, answer.headers["x-keyturn-dropped"]) == (200, "input_type")


def test_geminis_error_is_told_as_openai_tells_it(node: Node, embedder: Origin) -> None:
    """With its own words and status."""
    said = b'{"error":{"code":400,"message":"Too long","status":"INVALID_ARGUMENT"}}'
    embedder.arrange(plain(said, status=b"400 Bad Request"))

    answer = embed(node, GOOGLES, input="one")

    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Too long")


@pytest.mark.parametrize(
    "said",
    [
        b"<html>",
        b'{"embeddings":[]}',
        b'{"embeddings":[{"values":[1]},{"values":[2]}]}',
        b'{"embeddings":[{"values":[1e300]}]}',
    ],
)
def test_vectors_that_are_none_are_said_to_be_the_providers_fault(
    node: Node, embedder: Origin, said: bytes
) -> None:
    """One for each text, in numbers that the client can read: nothing else is an answer."""
    embedder.arrange(plain(said))

    answer = embed(node, GOOGLES, input="one", encoding_format="base64")

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_malformed")


def test_events_where_vectors_were_asked_for_are_the_providers_fault(node: Node, embedder: Origin) -> None:
    """Nobody could read them."""
    embedder.arrange(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9\r\n\r\ndata: {}\n"
    )

    answer = embed(node, GOOGLES, input="one")

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_malformed")


def test_vectors_of_another_make_stand_in_for_those_that_fail(node: Node, embedder: Origin) -> None:
    """A request is said anew for each target."""
    embedder.arrange(plain(b"{}", status=b"503 Service Unavailable"))
    embedder.arrange(plain(ONE))

    answer = embed(node, BOTH, input="one")

    assert [one.line.split()[1] for one in embedder.received] == [
        "/v1/embeddings",
        f"/v1/models/{MODEL}:batchEmbedContents",
    ]
    assert answer.json()["data"][0]["embedding"] == [0.5, -1.0]
    assert used(node, answer) == (1, 0, "estimated")


@pytest.mark.parametrize("model", ["demo-embed", "demo-gemini"])
@pytest.mark.parametrize("texts", ["hello", ["hello", "big world"]])
def test_the_sdk_reads_vectors_whoever_has_made_them(node: Node, model: str, texts: str | list[str]) -> None:
    """The same ones: the demo makes them of nothing but the text."""
    with openai.OpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0) as client:
        found = client.embeddings.create(model=model, input=texts, dimensions=8)
        same = client.embeddings.create(model="demo-embed", input=texts, dimensions=8)

    assert [one.index for one in found.data] == list(range(1 if isinstance(texts, str) else 2))
    assert [one.embedding for one in found.data] == [one.embedding for one in same.data]
    assert found.usage.prompt_tokens == same.usage.prompt_tokens


# ── Gemini's clients elsewhere ──────────────────────────────────────────────


def test_a_gemini_client_gets_a_batch_of_vectors_of_a_compatible_host(node: Node, embedder: Origin) -> None:
    """In the order of its texts, whatever order they come in."""
    embedder.arrange(plain(LIST))
    asked = {"requests": [content(text, model=f"models/{COMPATIBLE}") for text in ("one", "two")]}

    answer = embed_content(node, COMPATIBLE, "batchEmbedContents", asked)
    received = embedder.received[0]

    assert received.line == "POST /v1/embeddings HTTP/1.1"
    assert received.values("authorization") == [f"Bearer {UPSTREAM_SECRET}"]
    assert msgspec.json.decode(received.body) == {"model": MODEL, "input": ["one", "two"]}
    assert answer.json() == {
        "embeddings": [{"values": [0.5, -1.0]}, {"values": [0.25, 2.0]}],
        "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7},
    }
    assert used(node, answer) == (7, 0, "reported")


def test_a_gemini_client_gets_one_vector_of_a_compatible_host(node: Node, embedder: Origin) -> None:
    """Of the length that it asks for."""
    embedder.arrange(plain(b'{"data":[{"embedding":[0.5,-1.0]}]}'))

    answer = embed_content(node, COMPATIBLE, "embedContent", content("one", outputDimensionality=2))

    assert msgspec.json.decode(embedder.received[0].body) == {
        "model": MODEL,
        "input": ["one"],
        "dimensions": 2,
    }
    assert answer.json() == {"embedding": {"values": [0.5, -1.0]}}
    assert used(node, answer) == (1, 0, "estimated")


def test_a_purpose_can_only_be_dropped(node: Node, embedder: Origin) -> None:
    """Elsewhere a text is embedded for none in particular, and with another purpose it is another vector."""
    asked = {"requests": [content("one", taskType="RETRIEVAL_QUERY")]}

    refused = embed_content(node, COMPATIBLE, "batchEmbedContents", asked)
    embedder.arrange(plain(b'{"data":[{"embedding":[0.5]}]}'))
    dropped = embed_content(node, COMPATIBLE, "batchEmbedContents", asked, x_keyturn_lossy="allow")

    assert refused.status_code == 400
    assert "requests[0].taskType" in refused.json()["error"]["message"]
    assert dropped.headers["x-keyturn-dropped"] == "requests[0].taskType"
    assert dropped.json() == {"embeddings": [{"values": [0.5]}]}


@pytest.mark.parametrize("said", [b"<html>", b'{"data":[]}'])
def test_a_gemini_client_is_told_of_an_answer_without_vectors(
    node: Node, embedder: Origin, said: bytes
) -> None:
    """In its own dialect."""
    embedder.arrange(plain(said))

    answer = embed_content(node, COMPATIBLE, "embedContent", content("one"))

    assert (answer.status_code, answer.json()["error"]["status"]) == (502, "UNAVAILABLE")


def test_an_error_of_a_compatible_host_is_told_as_gemini_tells_it(node: Node, embedder: Origin) -> None:
    """With its own words and status."""
    said = b'{"error":{"message":"Too long","type":"invalid_request_error","code":null,"param":"input"}}'
    embedder.arrange(plain(said, status=b"400 Bad Request"))

    error = embed_content(node, COMPATIBLE, "embedContent", content("one")).json()["error"]

    assert (error["message"], error["status"]) == ("Too long", "INVALID_ARGUMENT")


def test_both_of_geminis_methods_reach_gemini_as_they_are(node: Node, embedder: Origin) -> None:
    """One is not the other."""
    embedder.arrange(plain(BATCH))
    embed_content(node, GOOGLES, "batchEmbedContents", {"requests": [content("one"), content("two")]})
    embedder.arrange(plain(b'{"embedding":{"values":[1]}}'))
    embed_content(node, GOOGLES, "embedContent", content("one"))

    assert [one.line.split()[1].rpartition(":")[2] for one in embedder.received] == [
        "batchEmbedContents",
        "embedContent",
    ]


@pytest.mark.parametrize("number", [100, 101])
def test_no_more_texts_are_translated_than_come_back(node: Node, embedder: Origin, number: int) -> None:
    """Their vectors would be made and charged by the provider, and too large an answer here."""
    embedder.arrange(plain(b'{"embeddings":[%b]}' % b",".join([b'{"values":[1.0]}'] * number)))

    answer = embed(node, GOOGLES, input=["hello"] * number)

    assert answer.status_code == (200 if number == 100 else 400)
    assert len(embedder.received) == (1 if number == 100 else 0)
    if number > 100:
        assert answer.json()["error"]["param"] == "input"
