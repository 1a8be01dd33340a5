"""Embeddings in OpenAI's dialect."""

from typing import Annotated

import msgspec

from keyturn.dialects import json_scan
from keyturn.dialects.canonical import Loss, Written
from keyturn.dialects.embeddings import Embedding, Encoding, ReadEmbedding, Vectors, packed, unpacked
from keyturn.dialects.strict_json import ERRORS, MOST_UNKNOWN, refusal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Usage

_Tokens = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
_KNOWN = frozenset({"model", "input", "dimensions", "encoding_format", "user"})


class _Request(msgspec.Struct, omit_defaults=True):
    input: str | list[str | int | list[int]]
    model: str = ""
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=10**6)] | None = None
    encoding_format: Encoding | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: _Tokens = 0
    total_tokens: _Tokens = 0


class _Vector(msgspec.Struct, gc=False):
    embedding: str | tuple[float, ...]
    index: int = 0
    object: str = "embedding"


class _Answer(msgspec.Struct):
    data: list[_Vector]
    model: str = ""
    usage: _Usage | None = None
    object: str = "list"


_request = msgspec.json.Decoder(_Request)
_answer = msgspec.json.Decoder(_Answer)
_encoder = msgspec.json.Encoder()


def read_embed(body: bytes) -> ReadEmbedding | Refused:
    """Read a request. ``user`` is passed over: it changes no vector."""
    found = json_scan.members(body)
    if isinstance(found, Refused):
        return found
    if "input" not in found:
        return Refused(Reason.INVALID_MEMBER, "You must provide an input", "input")
    try:
        request = _request.decode(body)
    except ERRORS as error:
        return refusal(error)
    inputs = [request.input] if isinstance(request.input, str) else request.input
    texts = tuple(text for text in inputs if isinstance(text, str))
    if len(texts) < len(inputs):
        return Refused(
            Reason.INVALID_MEMBER, "Tokens mean something to OpenAI's models only; send texts", "input"
        )
    if not texts:
        return Refused(Reason.INVALID_MEMBER, "You must provide an input", "input")
    names = [name for name in found if name not in _KNOWN][:MOST_UNKNOWN]
    losses = tuple(Loss(name, "no other dialect knows it") for name in names)
    encoding = request.encoding_format or Encoding.FLOAT
    return ReadEmbedding(Embedding(request.model, texts, request.dimensions, encoding), losses)


def write_embed(embedding: Embedding) -> Written:
    """Write a request for a provider."""
    form = embedding.encoding if embedding.encoding is Encoding.BASE64 else None
    request = _Request(list(embedding.inputs), embedding.model, embedding.dimensions, form)
    return Written(_encoder.encode(request))


def read_vectors(body: bytes) -> Vectors | None:
    """Read an answer; ``None``: it is none."""
    try:
        found = _answer.decode(body)
        vectors = tuple(
            unpacked(one.embedding) if isinstance(one.embedding, str) else one.embedding
            for one in sorted(found.data, key=lambda one: one.index)
        )
    except (ValueError, RecursionError):  # what msgspec raises is a ValueError
        return None
    usage = None if found.usage is None else Usage(found.usage.prompt_tokens)
    return Vectors(found.model, vectors, usage)


def write_vectors(answer: Vectors, encoding: Encoding) -> bytes:
    """Write an answer in the form that the client has asked for."""
    used = answer.usage.input_tokens if answer.usage is not None else 0
    data = [
        _Vector(packed(vector) if encoding is Encoding.BASE64 else vector, index)
        for index, vector in enumerate(answer.vectors)
    ]
    return _encoder.encode(_Answer(data, answer.model, _Usage(used, used)))
