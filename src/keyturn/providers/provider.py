"""What a provider is to the gateway: what it can be asked, in which dialect, at which path, with which headers.

A provider is a value and does nothing by itself: ``codec`` says how a client's operation is said there, ``path`` where
that goes below the upstream's base URL, ``headers`` how a credential is shown. Whoever makes request heads asks once
for each upstream, operation and model, and keeps the answers; only where a provider ``signs`` its requests it is asked
for every one of them.
"""

from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import quote, urlsplit

import msgspec

# ── what clients can ask for ────────────────────────────────────────────────

CHAT, COMPLETIONS, RESPONSES, GENERATE = "chat", "completions", "responses", "generate"
MESSAGES, COUNT_TOKENS = "messages", "count_tokens"
GENERATE_CONTENT, CONTENT_TOKENS = "generate_content", "content_tokens"
EMBED_CONTENT, BATCH_EMBED_CONTENTS = "embed_content", "batch_embed_contents"
EMBEDDINGS, MODERATIONS = "embeddings", "moderations"
IMAGES, IMAGE_EDITS, IMAGE_VARIATIONS = "images", "image_edits", "image_variations"
SPEECH, TRANSCRIPTIONS, TRANSLATIONS = "speech", "transcriptions", "translations"
REALTIME = "realtime"

CHATS = frozenset({CHAT, RESPONSES, GENERATE, MESSAGES, GENERATE_CONTENT})
"""What can be said in the dialect of another chat operation, too."""
EMBEDS = frozenset({EMBEDDINGS, EMBED_CONTENT, BATCH_EMBED_CONTENTS})
"""Likewise of texts that become vectors."""


class Codec(StrEnum):
    """A way to write requests and answers. Of those in ``TRANSLATED`` one can be turned into another, likewise of ``EMBEDDED``."""

    OPENAI_CHAT = "openai_chat"
    OPENAI_RESPONSES = "openai_responses"
    OPENAI_COMPLETIONS = "openai_completions"
    ANTHROPIC_MESSAGES = "anthropic_messages"
    GEMINI = "gemini"
    BEDROCK_CONVERSE = "bedrock_converse"
    OPENAI_EMBEDDINGS = "openai_embeddings"
    OPENAI_IMAGES = "openai_images"
    OPENAI_AUDIO = "openai_audio"
    OPENAI_MODERATIONS = "openai_moderations"
    OPENAI_REALTIME = "openai_realtime"
    ANTHROPIC_TOKENS = "anthropic_tokens"
    GEMINI_EMBEDDINGS = "gemini_embeddings"
    GEMINI_TOKENS = "gemini_tokens"


TRANSLATED = frozenset(
    {
        Codec.OPENAI_CHAT,
        Codec.OPENAI_RESPONSES,
        Codec.ANTHROPIC_MESSAGES,
        Codec.GEMINI,
        Codec.BEDROCK_CONVERSE,
    }
)
EMBEDDED = frozenset({Codec.OPENAI_EMBEDDINGS, Codec.GEMINI_EMBEDDINGS})
NATIVE: Mapping[str, Codec] = {
    CHAT: Codec.OPENAI_CHAT,
    GENERATE: Codec.OPENAI_CHAT,
    COMPLETIONS: Codec.OPENAI_COMPLETIONS,
    RESPONSES: Codec.OPENAI_RESPONSES,
    MESSAGES: Codec.ANTHROPIC_MESSAGES,
    COUNT_TOKENS: Codec.ANTHROPIC_TOKENS,
    GENERATE_CONTENT: Codec.GEMINI,
    EMBED_CONTENT: Codec.GEMINI_EMBEDDINGS,
    BATCH_EMBED_CONTENTS: Codec.GEMINI_EMBEDDINGS,
    CONTENT_TOKENS: Codec.GEMINI_TOKENS,
    EMBEDDINGS: Codec.OPENAI_EMBEDDINGS,
    MODERATIONS: Codec.OPENAI_MODERATIONS,
    IMAGES: Codec.OPENAI_IMAGES,
    IMAGE_EDITS: Codec.OPENAI_IMAGES,
    IMAGE_VARIATIONS: Codec.OPENAI_IMAGES,
    SPEECH: Codec.OPENAI_AUDIO,
    TRANSCRIPTIONS: Codec.OPENAI_AUDIO,
    TRANSLATIONS: Codec.OPENAI_AUDIO,
    REALTIME: Codec.OPENAI_REALTIME,
}
"""How a client writes each operation: where a provider's codec is the same, the body passes as it is."""

# ── headers ─────────────────────────────────────────────────────────────────

Headers = tuple[tuple[str, str], ...]
"""Names in lower case, with values."""

FORWARDED = frozenset(
    {
        b"content-type",
        b"accept",
        b"user-agent",
        b"idempotency-key",
        b"traceparent",
        b"tracestate",
        b"baggage",
    }
)
"""Request headers that reach every provider: what changes the answer or ties traces together, and nothing that
names the caller, its network or its credential. No Accept-Encoding: usage is read from the answer."""

WITHHELD = frozenset(
    {
        # hop by hop, or framing that we write ourselves (RFC 9110 7.6.1)
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"content-length",
        # the provider's origin, not ours
        b"alt-svc",
        b"set-cookie",
        b"strict-transport-security",
        b"access-control-allow-origin",
        b"access-control-expose-headers",
        b"server",
        b"via",
        # who the operator is at the provider, and the limits of that account
        b"www-authenticate",
        b"x-request-id",
        b"server-timing",
        b"x-keyturn-target",
        b"x-ratelimit-limit-requests",
        b"x-ratelimit-limit-tokens",
        b"x-ratelimit-remaining-requests",
        b"x-ratelimit-remaining-tokens",
        b"x-ratelimit-reset-requests",
        b"x-ratelimit-reset-tokens",
    }
)
"""Answer headers that stay here, whoever sends them."""

# ── providers ───────────────────────────────────────────────────────────────


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """Where a host that speaks OpenAI's dialect speaks it differently."""

    legacy_cap: bool = False
    """It goes by ``max_tokens``; its documentation does not know ``max_completion_tokens``."""
    stream_options: bool = True
    """It takes ``stream_options.include_usage``; where not, it tells the usage without being asked."""
    strict: bool = False
    """It refuses requests with members that it does not know."""
    random_seed: bool = False
    """Its word for ``seed`` is ``random_seed``."""
    thoughts: str = ""
    """The member of an assistant's message in which it gives thoughts away and takes them back, so that the model goes on
    from them after a call: ``reasoning_content``, ``reasoning``, or ``reasoning_details``; empty: there is none."""
    top_k: bool = False
    """It takes ``top_k``."""
    source: str = ""
    """Where it says so of the last two; empty: where the rest stands."""


class BodyChange(msgspec.Struct, frozen=True):
    """What has to be changed in a body that is in the provider's codec already.

    Attributes:
        drop: Top-level members that must not be there.
        add: Top-level members that must be, with their values as JSON.
    """

    drop: frozenset[str] = frozenset()
    add: tuple[tuple[str, bytes], ...] = ()


UNCHANGED = BodyChange()


class ToSign(msgspec.Struct, frozen=True, kw_only=True):
    """A request of which a signature is asked for.

    Attributes:
        method: In capitals.
        url: As it goes out, percent-encoded, with its query.
        body: All of it.
        at: Seconds since 1970 UTC.
    """

    method: str = "POST"
    url: str
    body: bytes = b""
    at: int


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs models.

    Attributes:
        id: What it is called in settings, API and command line.
        title: What people call it.
        base_url: Where its API begins, without a slash at the end; empty: each operator has an own address.
        root: What the provider's SDKs append to a base URL themselves; added where one is a bare host.
        address: What that address looks like, with words in braces; empty where there is a ``base_url``.
        variables: Environment variables in which its credential usually stands, best first.
        credential: What the credential is, in a few words, where it is not simply an API key.
        local: It runs on machines of the operator's and mostly asks for no credential.
        lists_models: It can be asked which models it has.
        exchanges: Its credential stays with the control process, which gets access tokens for it (``services
            .access_tokens``); ``headers`` and workers see a token.
        signs: Its requests carry a signature over their body (``signature``), not ``headers`` of the credential.
        quirks: Of its OpenAI dialect.
        forwarded: Request headers of a client that reach it, in lower case.
        withheld: Answer headers that don't come back, in lower case.
        defaults: Headers to send where the client has not sent them itself.
        note: What an operator should know, in a sentence or two.
        source: Where the provider says so.
    """

    id: str
    title: str
    base_url: str = ""
    root: str = ""
    address: str = ""
    variables: tuple[str, ...] = ()
    credential: str = ""
    local: bool = False
    lists_models: bool = True
    exchanges: bool = False
    signs: bool = False
    quirks: Quirks = Quirks()
    forwarded: frozenset[bytes] = FORWARDED
    withheld: frozenset[bytes] = WITHHELD
    defaults: Headers = ()
    note: str = ""
    source: str

    def codec(self, operation: str, model: str = "") -> Codec | None:
        """Return how a client's operation is said here, ``None`` where it can't be.

        Args:
            operation: A name of ``NATIVE``.
            model: The provider's name of it, where it matters.
        """
        raise NotImplementedError

    def path(self, operation: str, model: str = "", *, stream: bool = False) -> str:
        """Return what comes after the base URL, percent-encoded, with a query if need be.

        Args:
            operation: One that has a codec.
            model: The provider's name of it.
            stream: The answer is to come in pieces.
        """
        raise NotImplementedError

    def base(self, base_url: str, operation: str) -> str:  # noqa: ARG002 -- some go by it
        """Return what ``path`` is put behind, of the base URL that the operator has given."""
        return base_url

    def headers(self, credential: str, operation: str = CHAT) -> Headers:  # noqa: ARG002 -- some go by it
        """Return what shows the credential; nothing without one."""
        return (("authorization", f"Bearer {credential}"),) if credential else ()

    def signature(self, request: ToSign, credential: str) -> Headers:  # noqa: ARG002 -- of those that sign
        """Return the headers that sign a request; without any, its provider does not sign."""
        return ()

    def change(self, operation: str, model: str = "") -> BodyChange:  # noqa: ARG002 -- some go by them
        """Return what must be changed in a body before it is sent."""
        return UNCHANGED

    def problem_with_address(self, base_url: str) -> str:  # noqa: ARG002 -- some go by it
        """Say what is wrong with a base URL for this provider, in a sentence; empty: nothing.

        Args:
            base_url: A URL with a host, without a slash at the end.
        """
        return ""

    def whole_address(self, base_url: str) -> str:
        """Return a base URL with what the provider's own SDKs append to it, where it is the bare host that those are told.

        Args:
            base_url: One without a problem.
        """
        return base_url if urlsplit(base_url).path else f"{base_url}{self.root}"

    def problem_with_credential(self, credential: str) -> str:
        """Say what is wrong with a credential for this provider, in a sentence; empty: nothing."""
        return "" if can_be_sent(credential) else NOT_TO_BE_SENT

    def models_url(self, base_url: str) -> str:
        """Return where ``GET`` lists models: the call that shows whether a connection works. Empty: there is none."""
        return f"{base_url}/models"

    def read_models(self, body: bytes) -> list[str]:
        """Return the names of models in an answer from ``models_url``.

        Raises:
            msgspec.DecodeError: It is no such answer.
        """
        return [one.id for one in _LISTING.decode(body).data]


class _Listed(msgspec.Struct):
    id: str


class _Listing(msgspec.Struct):
    data: list[_Listed]


_LISTING = msgspec.json.Decoder(_Listing)


NOT_TO_BE_SENT = "A credential is made of printable ASCII characters without blanks"


def can_be_sent(credential: str) -> bool:
    """Say whether a credential can stand in a header; a line end in it would begin another one."""
    return bool(credential) and credential.isascii() and credential.isprintable() and " " not in credential


def in_path(model: str) -> str:
    """Return the name of a model as one segment of a path."""
    return quote(model, safe="")
