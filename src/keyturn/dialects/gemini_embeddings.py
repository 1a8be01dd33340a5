"""Embeddings in Gemini's dialect: ``embedContent`` and ``batchEmbedContents``."""

from typing import Annotated

import msgspec

from keyturn.dialects import gemini_shapes as wire, json_scan
from keyturn.dialects.canonical import Loss, Written
from keyturn.dialects.embeddings import Embedding, ReadEmbedding, Vectors
from keyturn.dialects.gemini_usage import UsageMetadata, usage_of
from keyturn.dialects.strict_json import ERRORS, Reader, refusal, shape_of
from keyturn.domain.refusals import Reason, Refused

_WHY = "other dialects embed a text for no purpose in particular"
_Dimensions = Annotated[int, msgspec.Meta(ge=1, le=10**6)]


class _Config(wire.Wire):
    task_type: str = ""
    title: str = ""
    output_dimensionality: _Dimensions | None = None


class _One(wire.Wire):
    model: str = ""
    content: wire.Content | None = None
    task_type: str = ""
    title: str = ""
    output_dimensionality: _Dimensions | None = None
    embed_content_config: _Config | None = None


class _Batch(wire.Wire):
    model: str = ""
    requests: list[_One] = msgspec.field(default_factory=list)


class _Vector(msgspec.Struct, gc=False):
    values: tuple[float, ...] = ()


class _Answer(msgspec.Struct, rename="camel", omit_defaults=True):
    embedding: _Vector | None = None
    embeddings: list[_Vector] | None = None
    usage_metadata: UsageMetadata | None = None


_one = Reader(_One, shape_of(_One, proto=True), lax=True)
_batch = Reader(_Batch, shape_of(_Batch, proto=True), lax=True)
_answer = msgspec.json.Decoder(_Answer)
_encoder = msgspec.json.Encoder()


def read_embed(body: bytes, *, model: str = "", batch: bool = False) -> ReadEmbedding | Refused:
    """Read a request.

    Args:
        body: It.
        model: As the path names it.
        batch: Of ``batchEmbedContents``; otherwise of ``embedContent``.
    """
    found = json_scan.members(body)
    if isinstance(found, Refused):
        return found
    try:
        if batch:
            several, unknown = _batch.read(body)
            asked = several.requests
        else:
            one, unknown = _one.read(body)
            asked = [one]
    except ERRORS as error:
        return refusal(error)
    return _read(asked, model, [Loss(lost.path, _WHY) for lost in unknown], batch=batch)


def _read(asked: list[_One], model: str, losses: list[Loss], *, batch: bool) -> ReadEmbedding | Refused:
    if not asked:
        return Refused(Reason.INVALID_MEMBER, "You must provide requests", "requests")
    texts, lengths = [], set()
    for index, one in enumerate(asked):
        path = f"requests[{index}]." if batch else ""
        named = one.model.removeprefix("models/")
        model = model or named
        if named not in {"", model}:
            return Refused(
                Reason.INVALID_MEMBER,
                f"'model' must be 'models/{model}', as in the path, or left out",
                f"{path}model",
            )
        words = [part.text for part in one.content.parts if part.text is not None] if one.content else []
        if not words:
            return Refused(Reason.INVALID_MEMBER, "You must provide a text", f"{path}content")
        if one.content is not None and len(words) < len(one.content.parts):
            losses.append(Loss(f"{path}content", "only texts are embedded elsewhere"))
        texts.append("\n".join(words))
        lengths.add(_length(one, losses, path))
    if len(lengths) > 1:
        return Refused(
            Reason.INVALID_MEMBER,
            "All vectors of a translated request have one length",
            "requests[0].outputDimensionality",
        )
    return ReadEmbedding(Embedding(model, tuple(texts), lengths.pop()), tuple(losses))


def _length(one: _One, losses: list[Loss], path: str) -> int | None:
    config = one.embed_content_config or _Config()
    losses += [
        Loss(f"{path}{name}", _WHY)
        for name, value in (
            ("taskType", one.task_type),
            ("title", one.title),
            ("embedContentConfig.taskType", config.task_type),
            ("embedContentConfig.title", config.title),
        )
        if value
    ]
    return one.output_dimensionality or config.output_dimensionality


def write_embed(embedding: Embedding) -> Written:
    """Write a request of ``batchEmbedContents`` for a provider: one text or many."""
    name = "models/" + embedding.model.removeprefix("models/")
    requests = [
        _One(name, wire.Content([wire.Part(text=text)]), output_dimensionality=embedding.dimensions)
        for text in embedding.inputs
    ]
    return Written(_encoder.encode(_Batch(requests=requests)))


def read_vectors(body: bytes, *, model: str = "") -> Vectors | None:
    """Read an answer to either request, which doesn't say which model made it; ``None``: it is none."""
    try:
        found = _answer.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    vectors = found.embeddings
    if vectors is None:
        if found.embedding is None:
            return None
        vectors = [found.embedding]
    return Vectors(model, tuple(one.values for one in vectors), usage_of(found.usage_metadata))


def write_vectors(answer: Vectors, *, batch: bool) -> bytes:
    """Write an answer to the one request or the other."""
    told = (
        UsageMetadata(
            prompt_token_count=answer.usage.input_tokens, total_token_count=answer.usage.input_tokens
        )
        if answer.usage is not None
        else None
    )
    made = [_Vector(vector) for vector in answer.vectors]
    if batch:
        return _encoder.encode(_Answer(embeddings=made, usage_metadata=told))
    return _encoder.encode(_Answer(embedding=made[0], usage_metadata=told))
