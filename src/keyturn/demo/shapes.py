"""Answers in the shapes of OpenAI's API, for chat completions, completions and embeddings.

Source: https://github.com/openai/openai-openapi (API version 2.3.0).
"""

from typing import Any

import msgspec

from keyturn.demo.prose import Passage, spoken_pieces

FINGERPRINT = "fp_keyturn_demo"
DONE = b"data: [DONE]\n\n"

encode = msgspec.json.encode


class Told(msgspec.Struct, frozen=True):
    """Everything an answer is made of."""

    stamp: str
    """Hexadecimal digits that tell this answer from others."""
    created: int
    """Seconds since 1970 UTC."""
    model: str
    passages: tuple[Passage, ...]
    """One per choice."""
    input_tokens: int
    says_usage: bool
    """A plain answer carries its usage; a stream does if it was asked for as well."""
    asks_usage: bool = False
    """``stream_options.include_usage`` was set."""

    @property
    def output_tokens(self) -> int:
        """Tokens of all choices."""
        return sum(passage.tokens for passage in self.passages)


class Events(msgspec.Struct, frozen=True):
    """A stream: its pieces, and the events that end it, sent together."""

    pieces: list[bytes]
    tail: bytes


def usage(told: Told) -> dict[str, Any]:
    """Return the usage of a chat or text completion."""
    return {
        "prompt_tokens": told.input_tokens,
        "completion_tokens": told.output_tokens,
        "total_tokens": told.input_tokens + told.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def finish_reason(passage: Passage) -> str:
    """Say why a passage ended."""
    return "length" if passage.cut_short else "stop"


def chat(told: Told) -> bytes:
    """Return a chat completion."""
    answer = {
        "id": f"chatcmpl-{told.stamp}",
        "object": "chat.completion",
        "created": told.created,
        "model": told.model,
        "choices": [
            {
                "index": index,
                "message": {"role": "assistant", "content": passage.text, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": finish_reason(passage),
            }
            for index, passage in enumerate(told.passages)
        ],
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }
    return encode(answer | {"usage": usage(told)} if told.says_usage else answer)


def chat_events(told: Told) -> Events:
    """Return a chat completion as a stream: role, words, finish, usage when asked for, ``[DONE]``."""

    def event(choices: list[dict[str, Any]], **more: object) -> bytes:
        chunk = {
            "id": f"chatcmpl-{told.stamp}",
            "object": "chat.completion.chunk",
            "created": told.created,
            "model": told.model,
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
            "choices": choices,
        }
        return b"data: %b\n\n" % encode(chunk | ({"usage": None} if reports else {}) | more)

    def delta(index: int, change: dict[str, Any], reason: str | None = None) -> bytes:
        return event([{"index": index, "delta": change, "logprobs": None, "finish_reason": reason}])

    reports = told.says_usage and told.asks_usage
    pieces, tail = [], []
    for index, passage in enumerate(told.passages):
        pieces.append(delta(index, {"role": "assistant", "content": "", "refusal": None}))
        pieces += [delta(index, {"content": word}) for word in spoken_pieces(passage.text)]
        tail.append(delta(index, {}, finish_reason(passage)))
    if reports:
        tail.append(event([], usage=usage(told)))
    return Events(pieces, b"".join([*tail, DONE]))


def completion(told: Told) -> bytes:
    """Return a completion of the legacy endpoint."""
    answer = _completion(
        told, [_text(index, each.text, finish_reason(each)) for index, each in enumerate(told.passages)]
    )
    return encode(answer | {"usage": usage(told)} if told.says_usage else answer)


def completion_events(told: Told) -> Events:
    """Return a completion of the legacy endpoint as a stream."""

    def event(choices: list[dict[str, Any]], **more: object) -> bytes:
        return b"data: %b\n\n" % encode(
            _completion(told, choices) | ({"usage": None} if reports else {}) | more
        )

    reports = told.says_usage and told.asks_usage
    pieces, tail = [], []
    for index, passage in enumerate(told.passages):
        pieces += [event([_text(index, word, None)]) for word in spoken_pieces(passage.text)]
        tail.append(event([_text(index, "", finish_reason(passage))]))
    if reports:
        tail.append(event([], usage=usage(told)))
    return Events(pieces or tail[:1], b"".join([*tail, DONE]))


def _completion(told: Told, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"cmpl-{told.stamp}",
        "object": "text_completion",
        "created": told.created,
        "model": told.model,
        "choices": choices,
        "system_fingerprint": FINGERPRINT,
    }


def _text(index: int, text: str, reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": reason}


def embeddings(model: str, vectors: list[list[float]] | list[str], *, tokens: int | None) -> bytes:
    """Return embeddings, as numbers or as base64; without usage when ``tokens`` is ``None``."""
    answer: dict[str, Any] = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(vectors)
        ],
        "model": model,
    }
    if tokens is not None:
        answer["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return encode(answer)


def model(name: str, created: int) -> dict[str, Any]:
    """Return a model as the list of models has it."""
    return {"id": name, "object": "model", "created": created, "owned_by": "keyturn-demo"}
