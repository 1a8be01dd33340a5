"""Embeddings in both dialects."""

import json
import math
from typing import Any

import pytest

from keyturn.dialects import gemini_embeddings as gemini, openai_embeddings as openai
from keyturn.dialects.embeddings import Embedding, Encoding, ReadEmbedding, Vectors, packed, unpacked
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Usage

VECTORS = Vectors("m", ((0.5, -1.0), (0.25, 2.0)), Usage(7))


def encoded(body: Any) -> bytes:
    """Return a body."""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


# ── OpenAI's ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"input": "a"}, Embedding("m", ("a",))),
        (
            {"input": ["a", "b"], "dimensions": 256, "encoding_format": "base64", "user": "u"},
            Embedding("m", ("a", "b"), 256, Encoding.BASE64),
        ),
        ({"input": "a", "encoding_format": "float", "dimensions": None}, Embedding("m", ("a",))),
    ],
)
def test_openais_request_is_read(said: Any, meant: Embedding) -> None:
    """Its Python client always asks for base64."""
    found = openai.read_embed(encoded({"model": "m", **said}))

    assert found == ReadEmbedding(meant)
    assert openai.read_embed(openai.write_embed(meant).body) == found


def test_what_gemini_does_not_know_of_openais_is_a_loss() -> None:
    """Nothing is lost in silence."""
    found = openai.read_embed(encoded({"model": "m", "input": "a", "input_type": "query"}))

    assert isinstance(found, ReadEmbedding)
    assert [loss.path for loss in found.losses] == ["input_type"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"no", None),
        (b'{"input":"\\ud800"}', None),
        ({"model": "m"}, "input"),
        ({"input": []}, "input"),
        ({"input": [1, 2]}, "input"),
        ({"input": [[1, 2]]}, "input"),
        ({"input": {}}, "input"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_openais_wrong_requests_are_refused(body: Any, param: str | None) -> None:
    """Token ids belong to one provider's models."""
    found = openai.read_embed(encoded(body))

    assert isinstance(found, Refused)
    assert found.param == param


@pytest.mark.parametrize("encoding", Encoding)
def test_openais_answer_is_written_in_the_form_that_was_asked_for(encoding: Encoding) -> None:
    """And read in either."""
    body = openai.write_vectors(VECTORS, encoding)

    assert openai.read_vectors(body) == VECTORS
    told = json.loads(body)
    assert told["object"] == "list"
    assert told["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert [(one["object"], one["index"]) for one in told["data"]] == [("embedding", 0), ("embedding", 1)]
    assert isinstance(told["data"][0]["embedding"], str if encoding is Encoding.BASE64 else list)


def test_openais_vectors_are_put_in_order() -> None:
    """An index tells which is which; usage may be missing."""
    found = openai.read_vectors(b'{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]}')

    assert found == Vectors("", ((1.0,), (2.0,)))
    assert json.loads(openai.write_vectors(Vectors("m", ()), Encoding.FLOAT))["usage"]["prompt_tokens"] == 0


@pytest.mark.parametrize(
    "body",
    [
        b"no",
        b"{}",
        b'{"data":[{"embedding":"AAA"}]}',
        b'{"data":[{"embedding":"A"}]}',
        b'{"data":[{"embedding":"AAAA"}]}',
    ],
)
def test_what_is_no_answer_of_openais_is_none(body: bytes) -> None:
    """Three bytes are no number."""
    assert openai.read_vectors(body) is None


def test_a_vector_survives_base64() -> None:
    """To 32 bits, as OpenAI's own does."""
    (found,) = unpacked(packed((0.1,)))

    assert math.isclose(found, 0.1, rel_tol=1e-6)


# ── Gemini's ────────────────────────────────────────────────────────────────


def test_geminis_request_for_one_text_is_read() -> None:
    """Several parts are one text."""
    found = gemini.read_embed(
        encoded({"content": {"parts": [{"text": "a"}, {"text": "b"}]}, "output_dimensionality": 10}),
        model="m",
    )

    assert found == ReadEmbedding(Embedding("m", ("a\nb",), 10))


def test_geminis_request_for_many_is_read() -> None:
    """As its client sends it even for one."""
    body = {
        "requests": [
            {
                "model": "models/m",
                "content": {"parts": [{"text": text}]},
                "embedContentConfig": {"outputDimensionality": 10},
            }
            for text in ("a", "b")
        ]
    }

    found = gemini.read_embed(encoded(body), batch=True)

    assert found == ReadEmbedding(Embedding("m", ("a", "b"), 10))


@pytest.mark.parametrize("meant", [Embedding("m", ("a", "b"), 10), Embedding("m", ("a",))])
def test_geminis_request_comes_back_as_it_was_written(meant: Embedding) -> None:
    """Always as a batch."""
    assert gemini.read_embed(gemini.write_embed(meant).body, model="m", batch=True) == ReadEmbedding(meant)


def test_what_openai_does_not_know_of_geminis_is_a_loss() -> None:
    """A task changes the vector."""
    found = gemini.read_embed(
        encoded(
            {
                "content": {"parts": [{"text": "a"}, {"inlineData": {"data": "AAAA"}}]},
                "taskType": "RETRIEVAL_DOCUMENT",
                "title": "t",
                "embedContentConfig": {"taskType": "X", "title": "y", "autoTruncate": True},
                "other": 1,
            }
        ),
        model="m",
    )

    assert isinstance(found, ReadEmbedding)
    assert {loss.path for loss in found.losses} == {
        "content",
        "taskType",
        "title",
        "embedContentConfig.taskType",
        "embedContentConfig.title",
        "embedContentConfig.autoTruncate",
        "other",
    }


A = {"content": {"parts": [{"text": "a"}]}}


@pytest.mark.parametrize(
    ("body", "batch", "reason", "param"),
    [
        (b"no", False, Reason.INVALID_JSON, None),
        (b'{"content":{"parts":[{"text":"\\ud800"}]}}', False, Reason.INVALID_JSON, None),
        ({}, False, Reason.INVALID_MEMBER, "content"),
        ({"content": 1}, False, Reason.INVALID_MEMBER, "content"),
        ({"taskType": "a", "task_type": "b"}, False, Reason.DUPLICATE_MEMBER, "task_type"),
        ({}, True, Reason.INVALID_MEMBER, "requests"),
        ({"requests": [A, {"content": {"parts": [{}]}}]}, True, Reason.INVALID_MEMBER, "requests[1].content"),
        ({"requests": [A, {**A, "model": "models/x"}]}, True, Reason.INVALID_MEMBER, "requests[1].model"),
        (
            {"requests": [A, {**A, "outputDimensionality": 3}]},
            True,
            Reason.INVALID_MEMBER,
            "requests[0].outputDimensionality",
        ),
    ],
)
def test_geminis_wrong_requests_are_refused(
    body: Any,
    batch: bool,  # noqa: FBT001 -- a case
    reason: Reason,
    param: str | None,
) -> None:
    """With the path."""
    found = gemini.read_embed(encoded(body), model="m", batch=batch)

    assert isinstance(found, Refused)
    assert (found.reason, found.param) == (reason, param)


def test_geminis_answers_are_written_and_read() -> None:
    """For one, and for many."""
    one = Vectors("m", ((0.5, -1.0),))

    assert gemini.read_vectors(gemini.write_vectors(VECTORS, batch=True), model="m") == VECTORS
    assert gemini.read_vectors(gemini.write_vectors(one, batch=False), model="m") == one
    assert json.loads(gemini.write_vectors(one, batch=False)) == {"embedding": {"values": [0.5, -1.0]}}
    assert [gemini.read_vectors(body) for body in (b"no", b"{}")] == [None, None]


def test_a_model_is_named_in_its_folder_once() -> None:
    """Operators write either."""
    embedding = Embedding(model="models/gemini-embedding-001", inputs=("a",))

    body = gemini.write_embed(embedding).body

    assert b'"model":"models/gemini-embedding-001"' in body
