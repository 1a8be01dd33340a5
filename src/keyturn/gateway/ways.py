"""How an operation reaches a provider: its path, its headers, and the codec in which it is said there."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from keyturn import system
from keyturn.dialects import (
    anthropic_messages,
    bedrock_converse,
    gemini,
    openai_chat,
    openai_responses,
    openai_stream_end,
    openai_usage,
    passed_seals,
)
from keyturn.dialects.canonical import Chat, Written
from keyturn.dialects.translators import PROVIDER_DIALECTS
from keyturn.domain.usage import Usage
from keyturn.gateway.paths import Operation
from keyturn.gateway.routing import UpstreamState
from keyturn.providers.hosts import COMPATIBLE
from keyturn.providers.provider import EMBEDDED, NATIVE, TRANSLATED, UNCHANGED, BodyChange, Codec, ToSign

_STREAMED = frozenset({Codec.OPENAI_CHAT, Codec.OPENAI_COMPLETIONS})
"""Codecs in which a stream has to be asked for its usage."""

_METHODS = {Codec.OPENAI_REALTIME: "GET"}
_ACCEPT = frozenset({b"accept"})
_DEFAULT_CAP = 4096
"""What Anthropic is asked for at most where neither the client nor anybody else has said how much."""
_NAMED_INSIDE = frozenset({Codec.GEMINI_EMBEDDINGS, Codec.GEMINI_TOKENS})
_OF_GEMINI = _NAMED_INSIDE | {Codec.GEMINI}


class Way:
    """What is the same for every request of one operation to one model of one upstream, worked out once.

    Attributes:
        start: The request's first line up to the query.
        head: What follows, up to what varies, with the credential that is used now.
        client: The codec in which the client speaks.
        provider: The codec in which the provider is spoken to.
        passes: Both are the same: the body goes as it is, but for the model's name and ``change``.
        takes_query: The client's query goes along.
        asks_usage: A stream that is not asked for its usage may be.
        change: What else must be different in the body.
        frames: Streams come in frames of the provider's own, not as server-sent events.
        heads: What the client's header lines that go along are kept by.
        names_model: The provider reads the model from the body, also where the client names it in the path.
        mark: A body that passes and holds this may hold what another maker has sealed; empty: none may.
        model_prefix: Stands before the model's name there.
        named_inside: Requests inside the body may name the model, too.
        who: Who runs the model.
    """

    __slots__ = (
        "_state",
        "asks_usage",
        "change",
        "client",
        "frames",
        "head",
        "heads",
        "mark",
        "model_prefix",
        "named_inside",
        "names_model",
        "passes",
        "provider",
        "start",
        "takes_query",
        "url",
        "who",
    )

    def __init__(
        self,
        state: UpstreamState,
        codec: Codec,
        operation: Operation,
        path: str,
        *,
        stream: bool,
    ) -> None:
        """Work it out.

        Args:
            state: The connection to the provider.
            codec: In which that is spoken to.
            operation: The client's.
            path: What comes after the base URL.
            stream: The answer is to come in pieces.
        """
        who = state.who
        base_url = who.base(state.upstream.base_url, operation.name)
        self.who, self._state = who, state
        self.url = base_url + path
        self.start = f"{_METHODS.get(codec, 'POST')} {urlsplit(base_url).path}{path}".encode()
        self.head = state.head(operation.name)
        self.client, self.provider = NATIVE[operation.name], codec
        self.passes = self.client is codec
        self.takes_query = self.passes and "?" not in path and codec not in _OF_GEMINI
        self.asks_usage = codec in _STREAMED and who.quirks.stream_options
        self.change: BodyChange = UNCHANGED
        self.heads = who.id
        self.frames = stream and codec is Codec.BEDROCK_CONVERSE
        if self.frames:
            self.heads += " in frames"
        of_gemini = codec in _OF_GEMINI
        self.mark = passed_seals.mark_of(codec) if self.passes else b""
        self.names_model = not of_gemini
        self.model_prefix = "models/" if of_gemini else ""
        self.named_inside = self.passes and codec in _NAMED_INSIDE

    @property
    def whose(self) -> str:
        """Who is asked, as it stands within a sentence."""
        return f"upstream '{self._state.upstream.name}'" if self.who is COMPATIBLE else self.who.title

    def forwarded(self, headers: Mapping[bytes, bytes]) -> bytes:
        """Return the client's header lines that the provider gets, and those it has to get."""
        who = self.who
        kept = who.forwarded - _ACCEPT if self.frames else who.forwarded
        lines = [b"%b: %b\r\n" % (name, value) for name, value in headers.items() if name in kept]
        if self.frames:
            lines.append(b"accept: application/vnd.amazon.eventstream\r\n")
        for name, value in who.defaults:
            if name.encode() not in headers:
                lines.append(f"{name}: {value}\r\n".encode())
        return b"".join(lines)

    def signature(self, body: bytes) -> bytes:
        """Return the header lines that sign a request."""
        signed = ToSign(url=self.url, body=body, at=int(system.now()))
        lines = self.who.signature(signed, self._state.secret)
        return "".join(f"{name}: {value}\r\n" for name, value in lines if name != "host").encode()

    def cut_short(self, head: bytes, tail: bytes) -> bytes:
        """Return the end of a stream that has to end early, from its first and its last bytes."""
        if self.provider is Codec.ANTHROPIC_MESSAGES:
            return anthropic_messages.cut_short(head, tail)
        return gemini.cut_short(head) if self.provider is Codec.GEMINI else openai_stream_end.cut_short(head)

    def usage_of_answer(self, body: bytes) -> Usage | None:
        """Read what an answer says it used."""
        if self.provider in PROVIDER_DIALECTS:
            return PROVIDER_DIALECTS[self.provider].usage_of_answer(body)
        if self.provider is Codec.GEMINI_EMBEDDINGS:
            return gemini.usage_of_answer(body)
        return openai_usage.from_answer(body)

    def usage_of_stream(self, head: bytes, tail: bytes) -> Usage | None:
        """Read what a stream says it used."""
        if self.provider is Codec.ANTHROPIC_MESSAGES:
            return anthropic_messages.usage_of_stream(head, tail)
        if self.provider is Codec.GEMINI:
            return gemini.usage_of_tail(tail)
        if self.provider is Codec.GEMINI_EMBEDDINGS:  # the figures stand before the vectors or behind them
            return gemini.usage_of_tail(tail) or gemini.usage_of_tail(head)
        return openai_usage.from_stream(head, tail)

    def write(self, chat: Chat, *, output_cap: int) -> Written:
        """Write a request as this provider takes it.

        Args:
            chat: What is asked; the model is the provider's name.
            output_cap: The most tokens that the model writes; 0: nobody knows.
        """
        if self.provider is Codec.ANTHROPIC_MESSAGES:
            return anthropic_messages.write_request(chat, default_cap=output_cap or _DEFAULT_CAP)
        if self.provider is Codec.OPENAI_CHAT:
            return self._write_chat(chat)
        if self.provider is Codec.OPENAI_RESPONSES:
            return openai_responses.write_request(chat)
        if self.provider is Codec.BEDROCK_CONVERSE:
            return bedrock_converse.write_request(chat)
        return gemini.write_request(chat)

    def _write_chat(self, chat: Chat) -> Written:
        quirks = self.who.quirks
        return openai_chat.write_request(
            chat,
            legacy_cap=quirks.legacy_cap,
            stream_options=quirks.stream_options,
            strict=quirks.strict,
            random_seed=quirks.random_seed,
            thoughts=quirks.thoughts,
            top_k=quirks.top_k,
        )


def find_way(state: UpstreamState, operation: Operation, model: str, *, stream: bool) -> Way | None:
    """Return how an operation reaches a model, ``None`` where it can't: nobody can say it there.

    Args:
        state: The connection to the provider.
        operation: The client's.
        model: The provider's name of the model.
        stream: The answer is to come in pieces.
    """
    who = state.who
    codec = who.codec(operation.name, model)
    client = NATIVE[operation.name]
    if codec is None:
        return None
    if codec is not client and not ({codec, client} <= TRANSLATED or {codec, client} <= EMBEDDED):
        return None
    way = Way(state, codec, operation, who.path(operation.name, model, stream=stream), stream=stream)
    way.change = who.change(operation.name, model)
    return way
