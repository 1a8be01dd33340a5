"""What the demo upstream answers to a request: bytes in, a ``Reply`` out, always the same one. No I/O, no clock."""

from collections.abc import Callable
from functools import partial

import msgspec

from keyturn.demo import (
    anthropic,
    bodies,
    conversing,
    gemini,
    hearing,
    imaging,
    moderating,
    prose,
    replies,
    response_shapes,
    shapes,
    speaking,
    vectors,
    wording,
)
from keyturn.demo.bodies import Body, Invalid
from keyturn.demo.models import MODELS, Behaviour, Task
from keyturn.demo.prose import Passage
from keyturn.demo.replies import Reply, Served
from keyturn.demo.shapes import Events, Told
from keyturn.demo.wording import Wording

HEALTH = b"/healthz"
_COMPATIBLE = "/v1beta/openai/"
"""Where Gemini takes OpenAI's dialect."""

_MODEL_PREFIX = "/v1/models/"


class Conversation(msgspec.Struct, frozen=True):
    """A request for text, whatever endpoint it came to."""

    body: Body
    prompts: list[str]
    """What to talk about: one per choice."""
    input_tokens: int
    limit: int | None
    stops: list[str]
    asks_usage: bool
    plain: Callable[[Told], bytes]
    events: Callable[[Told], Events]


class Answers:
    """The demo models. One instance answers alike for as long as it lives."""

    def __init__(self, *, created: int) -> None:
        """Make them ready.

        Args:
            created: Seconds since 1970 UTC that answers say they were created at.
        """
        self._created = created
        self._posts: dict[str, Callable[[bytes], Reply]] = {
            "/v1/chat/completions": self._chat,
            "/v1/completions": self._completions,
            "/v1/responses": self._responses,
            "/v1/embeddings": self._embeddings,
            "/v1/moderations": moderating.moderate,
            "/v1/audio/speech": speaking.speak,
            "/v1/audio/transcriptions": hearing.transcribe,
            "/v1/audio/translations": hearing.translate,
            "/v1/images/generations": partial(imaging.generate, created=created),
            "/v1/images/edits": partial(imaging.edit, created=created),
            "/v1/images/variations": partial(imaging.vary, created=created),
            "/v1/messages": partial(conversing.converse, wording.ANTHROPIC, created=created),
            "/v1/messages/count_tokens": anthropic.count_tokens,
        }
        listing = [shapes.model(name, created) for name in MODELS]
        self._gets = {
            HEALTH.decode(): replies.plain(b'{"status":"ok"}'),
            "/v1/models": replies.plain(shapes.encode({"object": "list", "data": listing})),
        }

    def prepare(self, method: bytes, target: bytes, body: bytes, *, anthropic_version: bool = False) -> Reply:
        """Answer one request.

        Args:
            method: Such as ``b"POST"``; HEAD is answered like GET, the server leaves the body out.
            target: The path, with or without a query, which matters in lists of models and in Gemini's dialect.
            body: The whole body.
            anthropic_version: The request says which version of Anthropic's API it means.
        """
        path, _, query = target.decode("latin-1").partition("?")
        verb = method.decode("latin-1")
        if path.startswith(_COMPATIBLE):
            path = f"/v1/{path.removeprefix(_COMPATIBLE)}"
        post = self._posts.get(path) or self._method(path, query)
        if post is not None and verb == "POST":
            return post(body)
        dialect = wording.of_path(path, anthropic=anthropic_version)
        if post is not None:
            return dialect.not_allowed(verb, path, "POST")
        got = self._get(path, query, dialect)
        if got is None:
            return dialect.error(404, f"Invalid URL ({verb} {path})")
        return got if verb in {"GET", "HEAD"} else dialect.not_allowed(verb, path, "GET, HEAD")

    def _method(self, path: str, query: str) -> Callable[[bytes], Reply] | None:
        if not path.startswith(wording.GEMINI_ROOT):
            return None
        return gemini.method(path, query, created=self._created)

    def _get(self, path: str, query: str, dialect: Wording) -> Reply | None:
        if dialect is wording.ANTHROPIC:
            return anthropic.models(path, query, created=self._created)
        if dialect is wording.GEMINI:
            return gemini.models(path, query)
        return self._gets.get(path) or self._model(path)

    def _model(self, path: str) -> Reply | None:
        if not path.startswith(_MODEL_PREFIX):
            return None
        name = path.removeprefix(_MODEL_PREFIX)
        if name not in MODELS:
            return wording.OPENAI.unknown_model(name)
        return replies.plain(shapes.encode(shapes.model(name, self._created)))

    def _chat(self, raw: bytes) -> Reply:
        body = bodies.read(raw, bodies.ChatBody)
        if isinstance(body, Invalid):
            return replies.invalid(body)
        if not (body.is_plain or _is_simple(body.model)):
            return conversing.converse(wording.OPENAI, raw, created=self._created)
        texts = [bodies.text_of(message.content) for message in body.messages]
        asked = [text for text, message in zip(texts, body.messages, strict=True) if message.role == "user"]
        conversation = Conversation(
            body=body,
            prompts=asked[-1:] * (body.n or 1) or texts[-1:],
            input_tokens=sum(map(prose.count_tokens, texts)),
            limit=body.max_completion_tokens or body.max_tokens,
            stops=bodies.listed(body.stop),
            asks_usage=body.stream_options is not None and bool(body.stream_options.include_usage),
            plain=shapes.chat,
            events=shapes.chat_events,
        )
        return self._converse(raw, conversation)

    def _completions(self, raw: bytes) -> Reply:
        body = bodies.read(raw, bodies.CompletionBody)
        if isinstance(body, Invalid):
            return replies.invalid(body)
        prompts = bodies.texts_of(body.prompt or "")
        conversation = Conversation(
            body=body,
            prompts=[prompt for prompt in prompts for _ in range(body.n or 1)],
            input_tokens=sum(map(prose.count_tokens, prompts)),
            limit=body.max_tokens,
            stops=bodies.listed(body.stop),
            asks_usage=body.stream_options is not None and bool(body.stream_options.include_usage),
            plain=shapes.completion,
            events=shapes.completion_events,
        )
        return self._converse(raw, conversation)

    def _responses(self, raw: bytes) -> Reply:
        body = bodies.read(raw, bodies.ResponseBody)
        if isinstance(body, Invalid):
            return replies.invalid(body)
        if not (body.is_plain or _is_simple(body.model)):
            return conversing.converse(wording.RESPONSES, raw, created=self._created)
        items = [bodies.Item("user", body.input)] if isinstance(body.input, str) else body.input or []
        texts = [bodies.text_of(item.content) for item in items]
        asked = [text for text, item in zip(texts, items, strict=True) if item.role == "user"]
        conversation = Conversation(
            body=body,
            prompts=asked[-1:] or [""],
            input_tokens=sum(map(prose.count_tokens, [*texts, body.instructions or ""])),
            limit=body.max_output_tokens,
            stops=[],
            asks_usage=True,
            plain=response_shapes.response,
            events=response_shapes.response_events,
        )
        return self._converse(raw, conversation)

    def _embeddings(self, raw: bytes) -> Reply:
        body = bodies.read(raw, bodies.EmbeddingBody)
        if isinstance(body, Invalid):
            return replies.invalid(body)
        behaviour = wording.OPENAI.model(body.model, Task.EMBEDDINGS)
        if isinstance(behaviour, Reply):
            return behaviour
        texts = bodies.texts_of(body.input)
        found = [vectors.embed(text, body.dimensions or vectors.DIMENSIONS) for text in texts]
        tokens = sum(map(prose.count_tokens, texts))
        answer = shapes.embeddings(
            body.model,
            [vectors.as_base64(vector) for vector in found] if body.encoding_format == "base64" else found,
            tokens=tokens if behaviour.counts else None,
        )
        served = Served(model=body.model, input_tokens=tokens, output_tokens=0, streamed=False, status=200)
        reply = replies.plain(answer, headers=wording.OPENAI.headers(raw))
        return replies.pace(reply, body, behaviour, served)

    def _converse(self, raw: bytes, asked: Conversation) -> Reply:
        body = asked.body
        behaviour = wording.OPENAI.model(body.model, Task.TEXT)
        if isinstance(behaviour, Reply):
            return behaviour
        told = Told(
            stamp=wording.stamp(raw),
            created=self._created,
            model=body.model,
            passages=tuple(_say(prompt, asked, behaviour) for prompt in asked.prompts),
            input_tokens=asked.input_tokens,
            says_usage=behaviour.counts,
            asks_usage=asked.asks_usage,
        )
        served = Served(
            model=body.model,
            input_tokens=told.input_tokens,
            output_tokens=told.output_tokens,
            streamed=bool(body.stream),
            status=200,
        )
        headers = wording.OPENAI.headers(raw)
        if not body.stream:
            return replies.pace(replies.plain(asked.plain(told), headers=headers), body, behaviour, served)
        events = asked.events(told)
        reply = replies.stream(events.pieces, events.tail, headers=headers)
        return replies.pace(reply, body, behaviour, served)


def _say(prompt: str, asked: Conversation, behaviour: Behaviour) -> Passage:
    text = prompt if behaviour.echoes else prose.reply_to(prompt)
    if asked.body.demo_words is not None:
        text = prose.stretch(text, asked.body.demo_words)
    return prose.finish(text, limit=asked.limit, stops=asked.stops)


def _is_simple(model: str) -> bool:
    """Whether a model does nothing but repeat words, whatever else it is asked for."""
    return model in MODELS and MODELS[model].echoes
