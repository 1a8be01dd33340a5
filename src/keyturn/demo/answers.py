"""What the demo upstream answers to a request: bytes in, a ``Reply`` out, always the same one. No I/O, no clock."""

import hashlib
from collections.abc import Callable

import msgspec

from keyturn.demo import bodies, prose, replies, response_shapes, shapes, vectors
from keyturn.demo.bodies import Body, Invalid
from keyturn.demo.models import MODELS, Behaviour
from keyturn.demo.prose import Passage
from keyturn.demo.replies import Reply, Served
from keyturn.demo.shapes import Events, Told

HEALTH = b"/healthz"

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
        }
        listing = [shapes.model(name, created) for name in MODELS]
        self._gets = {
            HEALTH.decode(): replies.plain(b'{"status":"ok"}'),
            "/v1/models": replies.plain(shapes.encode({"object": "list", "data": listing})),
        }

    def prepare(self, method: bytes, target: bytes, body: bytes) -> Reply:
        """Answer one request.

        Args:
            method: Such as ``b"POST"``; HEAD is answered like GET, the server leaves the body out.
            target: The path, with or without a query, which is ignored.
            body: The whole body.
        """
        path = target.partition(b"?")[0].decode("latin-1")
        verb = method.decode("latin-1")
        post = self._posts.get(path)
        if post is not None:
            return post(body) if verb == "POST" else _not_allowed(verb, path, "POST")
        got = self._gets.get(path) or self._model(path)
        if got is None:
            return replies.error(404, f"Invalid URL ({verb} {path})")
        return got if verb in {"GET", "HEAD"} else _not_allowed(verb, path, "GET, HEAD")

    def _model(self, path: str) -> Reply | None:
        if not path.startswith(_MODEL_PREFIX):
            return None
        name = path.removeprefix(_MODEL_PREFIX)
        if name not in MODELS:
            return _unknown_model(name)
        return replies.plain(shapes.encode(shapes.model(name, self._created)))

    def _chat(self, raw: bytes) -> Reply:
        body = bodies.read(raw, bodies.ChatBody)
        if isinstance(body, Invalid):
            return replies.invalid(body)
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
        behaviour = MODELS.get(body.model)
        if behaviour is None or not behaviour.embeds:
            return _unknown_model(body.model)
        if behaviour.fails_with:
            return _fail(body.model, behaviour)
        texts = bodies.texts_of(body.input)
        found = [vectors.embed(text, body.dimensions or vectors.DIMENSIONS) for text in texts]
        tokens = sum(map(prose.count_tokens, texts))
        answer = shapes.embeddings(
            body.model,
            [vectors.as_base64(vector) for vector in found] if body.encoding_format == "base64" else found,
            tokens=tokens if behaviour.counts else None,
        )
        served = Served(model=body.model, input_tokens=tokens, output_tokens=0, streamed=False, status=200)
        return _pace(replies.plain(answer, headers=_provider_headers(raw)), body, behaviour, served)

    def _converse(self, raw: bytes, asked: Conversation) -> Reply:
        body = asked.body
        behaviour = MODELS.get(body.model)
        if behaviour is None or not behaviour.chats:
            return _unknown_model(body.model)
        if behaviour.fails_with:
            return _fail(body.model, behaviour)
        told = Told(
            stamp=_stamp(raw),
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
        if not body.stream:
            return _pace(
                replies.plain(asked.plain(told), headers=_provider_headers(raw)), body, behaviour, served
            )
        events = asked.events(told)
        return _pace(
            replies.stream(events.pieces, events.tail, headers=_provider_headers(raw)),
            body,
            behaviour,
            served,
        )


def _say(prompt: str, asked: Conversation, behaviour: Behaviour) -> Passage:
    text = prompt if behaviour.echoes else prose.reply_to(prompt)
    if asked.body.demo_words is not None:
        text = prose.stretch(text, asked.body.demo_words)
    return prose.finish(text, limit=asked.limit, stops=asked.stops)


def _pace(reply: Reply, body: Body, behaviour: Behaviour, served: Served) -> Reply:
    """Give an answer the pace that its model has or its client asked for."""
    paced = msgspec.structs.replace(
        reply,
        served=served,
        delay_ms=behaviour.delay_ms if body.demo_delay_ms is None else body.demo_delay_ms,
        interval_ms=behaviour.interval_ms if body.demo_interval_ms is None else body.demo_interval_ms,
    )
    return replies.cut_in_half(paced) if behaviour.cuts else paced


def _stamp(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:24]


def _provider_headers(raw: bytes) -> list[tuple[str, str]]:
    """Return what OpenAI adds to answers, so that clients of a gateway can tell whose they are."""
    return [
        ("openai-version", "2020-10-01"),
        ("openai-processing-ms", "1"),
        ("x-request-id", f"req_demo_{_stamp(raw)}"),
    ]


def _fail(model: str, behaviour: Behaviour) -> Reply:
    if behaviour.fails_with == 429:
        failed = replies.error(
            429,
            f"Rate limit reached for {model}. Please try again in 1s.",
            kind="requests",
            code="rate_limit_exceeded",
            headers=[("retry-after", "1")],
        )
    else:
        failed = replies.error(
            behaviour.fails_with,
            "The engine is currently overloaded, please try again later.",
            kind="server_error",
            code="service_unavailable",
        )
    served = Served(model=model, input_tokens=0, output_tokens=0, streamed=False, status=behaviour.fails_with)
    return msgspec.structs.replace(failed, served=served)


def _unknown_model(name: str) -> Reply:
    message = f"The model `{name}` does not exist or you do not have access to it."
    return replies.error(404, message, param="model", code="model_not_found")


def _not_allowed(verb: str, path: str, allowed: str) -> Reply:
    message = f"Not allowed to {verb} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)"
    return replies.error(405, message, code="method_not_supported", headers=[("allow", allowed)])
