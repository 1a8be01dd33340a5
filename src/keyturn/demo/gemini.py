"""Gemini's endpoints: the model and the method stand in the path."""

from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qs, unquote

from keyturn.demo import bodies, conversing, making, prose, replies, talking, vectors, wording
from keyturn.demo.bodies import Invalid, Paced
from keyturn.demo.models import MODELS, Task, find
from keyturn.demo.replies import Reply, Served
from keyturn.dialects import gemini_counts, gemini_embeddings
from keyturn.dialects.embeddings import Vectors
from keyturn.dialects.model_lists import GEMINI_PAGE, Listed, gemini_model, gemini_page
from keyturn.domain.refusals import Refused
from keyturn.domain.usage import Usage

_MODELS = f"{wording.GEMINI_ROOT}models"


def method(path: str, query: str, *, created: int) -> Callable[[bytes], Reply] | None:
    """Return what answers ``/v1beta/models/NAME:METHOD``; ``None``: there is nothing at that path."""
    name, colon, verb = unquote(path.removeprefix(f"{_MODELS}/")).rpartition(":")
    if not colon or not path.startswith(f"{_MODELS}/"):
        return None
    talk = partial(conversing.converse, wording.GEMINI, created=created, model=name)
    match verb:
        case "generateContent":
            return partial(making.make, name, created=created) if making.makes(name) else talk
        case "streamGenerateContent":
            return partial(talk, stream=True, as_array="sse" not in parse_qs(query).get("alt", []))
        case "countTokens":
            return partial(_count, name)
        case "embedContent":
            return partial(_embed, name, batch=False)
        case "batchEmbedContents":
            return partial(_embed, name, batch=True)
    return None


def models(path: str, query: str) -> Reply | None:
    """Return the models that talk or embed, a page of them, or one; ``None``: there is nothing at that path."""
    listed = sorted(name for name in MODELS if find(name, Task.TEXT) or find(name, Task.EMBEDDINGS))
    if path == _MODELS:
        asked = {name: values[-1] for name, values in parse_qs(query).items()}
        size = asked.get("pageSize", "")
        page = gemini_page(
            [Listed(name) for name in listed],
            size=int(size) if size.isdigit() else GEMINI_PAGE,
            token=asked.get("pageToken", ""),
        )
        return replies.plain(page)
    name = unquote(path.removeprefix(f"{_MODELS}/"))
    if not path.startswith(f"{_MODELS}/") or ":" in name:
        return None
    return replies.plain(gemini_model(name)) if name in listed else wording.GEMINI.unknown_model(name)


def _count(model: str, raw: bytes) -> Reply:
    read = gemini_counts.read_count(raw, model=model)
    if isinstance(read, Refused):
        return wording.GEMINI.refusal(read)
    behaviour = wording.GEMINI.model(model, Task.TEXT)
    if isinstance(behaviour, Reply):
        return behaviour
    body = gemini_counts.write_count(talking.count(read.chat))
    return replies.plain(body, headers=wording.GEMINI.headers(raw))


def _embed(model: str, raw: bytes, *, batch: bool) -> Reply:
    paced = bodies.read(raw, Paced)
    if isinstance(paced, Invalid):
        return wording.GEMINI.error(400, paced.message)
    read = gemini_embeddings.read_embed(raw, model=model, batch=batch)
    if isinstance(read, Refused):
        return wording.GEMINI.refusal(read)
    behaviour = wording.GEMINI.model(model, Task.EMBEDDINGS)
    if isinstance(behaviour, Reply):
        return behaviour
    asked = read.embedding
    length = min(asked.dimensions or vectors.DIMENSIONS, vectors.MAX_DIMENSIONS)
    tokens = sum(map(prose.count_tokens, asked.inputs))
    answer = Vectors(
        model,
        tuple(tuple(vectors.embed(text, length)) for text in asked.inputs),
        Usage(tokens) if behaviour.counts else None,
    )
    reply = replies.plain(
        gemini_embeddings.write_vectors(answer, batch=batch), headers=wording.GEMINI.headers(raw)
    )
    served = Served(model=model, input_tokens=tokens, output_tokens=0, streamed=False, status=200)
    return replies.pace(reply, paced, behaviour, served)
