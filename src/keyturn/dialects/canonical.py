"""The meeting point of the chat dialects: what is asked, what is answered, and how an answer comes in pieces.

Each dialect reads its bytes into these values and writes its bytes from them; none knows another. What a dialect can't
say is a ``Loss``, named by the path at which the client wrote it: it is refused, or dropped with a warning where the
client allows that. Free JSON (schemas, arguments) stays text, so that nothing in it is changed on the way.
"""

from enum import StrEnum

import msgspec

from keyturn.domain.usage import NOTHING, Usage

# ── what a message is made of ───────────────────────────────────────────────


class Text(msgspec.Struct, frozen=True, tag=True):
    """Words."""

    text: str
    path: str = ""
    """Where the client wrote it, in its own dialect's words (``messages[2].content[0]``); empty in answers."""


class Media(msgspec.Struct, frozen=True, tag=True):
    """An image, a document, a sound: by ``data`` (base64 as the client sent it) or by ``url``; one of both is empty."""

    mime_type: str
    """``image/png``, ``application/pdf``, …; empty: the address alone is known."""
    data: str = ""
    url: str = ""
    name: str = ""
    """Of the file."""
    detail: str = ""
    """How closely an image is looked at: ``low``, ``high``; empty: as the model likes."""
    path: str = ""


class ToolCall(msgspec.Struct, frozen=True, tag=True):
    """The model wants a tool called."""

    id: str
    """Never empty: a dialect without ids makes some from the position (``call_0_1``)."""
    name: str
    arguments: str
    """JSON as the model wrote it, usually an object; ``{}`` when there is none."""
    signature: str = ""
    """What the provider wants back with it, opaque (Gemini's ``thoughtSignature``)."""
    path: str = ""


class ToolResult(msgspec.Struct, frozen=True, tag=True):
    """What a tool has answered."""

    call_id: str
    name: str
    """Of the tool; empty where the dialect doesn't say it and no call before tells."""
    parts: tuple[Text | Media, ...]
    failed: bool = False
    path: str = ""


class Reasoning(msgspec.Struct, frozen=True, tag=True):
    """What the model thought."""

    text: str
    """May be empty where only ``signature`` or ``sealed`` is given away."""
    signature: str = ""
    """Proves to the provider that the text is its own."""
    sealed: str = ""
    """Thoughts that only the provider can read (``redacted_thinking``, ``encrypted_content``)."""
    id: str = ""
    path: str = ""


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """The model says why it will not."""

    text: str
    path: str = ""


Part = Text | Media | ToolCall | ToolResult | Reasoning | Refusal


class Role(StrEnum):
    """Whose message it is. Results of tools are parts of a user's message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Message(msgspec.Struct, frozen=True):
    """One turn. Neighbours may have the same role; a dialect that can't have that joins them."""

    role: Role
    parts: tuple[Part, ...]
    path: str = ""


# ── what is asked ───────────────────────────────────────────────────────────


class Tool(msgspec.Struct, frozen=True):
    """A function the model may call."""

    name: str
    description: str = ""
    schema: str = ""
    """JSON Schema of the arguments, an object as JSON text; empty: it takes none."""
    strict: bool | None = None
    path: str = ""


class Choice(StrEnum):
    """Whether the model must call a tool."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    """Any one."""
    NAMED = "named"
    """``Chat.tool_name``."""


class Format(StrEnum):
    """How the answer is written."""

    TEXT = "text"
    JSON = "json"
    """Any JSON object."""
    SCHEMA = "schema"
    """``Chat.schema``."""


class Effort(StrEnum):
    """How long the model may think before it answers."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    HIGHEST = "xhigh"


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """A request. ``None`` and empty stand for what the client has not said."""

    model: str
    instructions: tuple[Text, ...] = ()
    """What stands before the conversation."""
    messages: tuple[Message, ...] = ()
    """A message of role ``SYSTEM`` here stands in mid-conversation."""
    tools: tuple[Tool, ...] = ()
    tool_choice: Choice | None = None
    tool_name: str = ""
    parallel_tool_calls: bool | None = None
    format: Format = Format.TEXT
    schema: str = ""
    """JSON Schema of the answer as JSON text."""
    schema_name: str = ""
    schema_description: str = ""
    schema_strict: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    """As in OpenAI's dialect: 0 to 2."""
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    effort: Effort | None = None
    reasoning_tokens: int | None = None
    """The most tokens of thought, where the client counts them (Anthropic's and Gemini's budget); 0: no thought."""
    show_reasoning: bool | None = None
    """The client wants to read thoughts or a summary of them."""
    stream: bool = False
    stream_usage: bool = False
    """The client wants the usage in the stream; dialects that always tell it leave this as it is."""
    user: str = ""
    """The application's own name for its user."""


class Loss(msgspec.Struct, frozen=True):
    """Something the client wrote that the other dialect can't say.

    Attributes:
        path: A member of ``Chat`` (``top_k``) or the path of a part, a message or a tool as the client wrote it.
        why: A sentence without a full stop, for the client's developer.
        minor: The answer is hardly another without it: it is dropped, and named in a header, unasked.
    """

    path: str
    why: str
    minor: bool = False


class Read(msgspec.Struct, frozen=True):
    """A request that was read, and what of it has no place in ``Chat``.

    Attributes:
        chat: The request.
        losses: Members with a meaning that no other dialect knows, each with the client's own path.
    """

    chat: Chat
    losses: tuple[Loss, ...] = ()


class Written(msgspec.Struct, frozen=True):
    """A request as it goes to a provider.

    Attributes:
        body: JSON.
        losses: What could not be said; the body is whole without it.
    """

    body: bytes
    losses: tuple[Loss, ...] = ()


# ── what is answered ────────────────────────────────────────────────────────


class Stop(StrEnum):
    """Why an answer is over."""

    END = "end"
    LENGTH = "length"
    TOOLS = "tools"
    """It waits for the results of tools."""
    SEQUENCE = "sequence"
    """A stop sequence of the client's; OpenAI's dialect tells it as an end."""
    FILTERED = "filtered"
    """The provider's filter has cut it."""
    REFUSED = "refused"
    """The model will not."""
    PAUSED = "paused"
    """The turn goes on when the client sends it back (Anthropic's ``pause_turn``)."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. ``parts`` are of an assistant: no ``ToolResult``."""

    id: str
    """The provider's."""
    model: str
    """The provider's name for it."""
    parts: tuple[Part, ...]
    stop: Stop
    stop_sequence: str = ""
    usage: Usage | None = None
    created: int = 0
    """Seconds since 1970 UTC; 0: the provider does not say."""


# ── an answer in pieces ─────────────────────────────────────────────────────


class Started(msgspec.Struct, frozen=True, tag=True):
    """The first event of a stream."""

    id: str
    model: str
    created: int = 0
    usage: Usage = NOTHING
    """As far as it is known: the input, with some providers."""


class Opened(msgspec.Struct, frozen=True, tag=True):
    """Part ``index`` (0, 1, …; each opened once, in order) begins; its texts are empty, or what is there already."""

    index: int
    part: Text | ToolCall | Reasoning | Refusal | Media


class Grew(msgspec.Struct, frozen=True, tag=True):
    """Part ``index``, which is open, has more text: words, thoughts, or JSON of arguments."""

    index: int
    text: str


class Signed(msgspec.Struct, frozen=True, tag=True):
    """The signature of a ``Reasoning`` or ``ToolCall`` that is open."""

    index: int
    signature: str


class Closed(msgspec.Struct, frozen=True, tag=True):
    """Part ``index`` is whole. Parallel parts may be open at once; all are closed before ``Stopped``."""

    index: int


class Stopped(msgspec.Struct, frozen=True, tag=True):
    """The answer is over; ``usage`` follows in ``Finished``."""

    stop: Stop
    stop_sequence: str = ""


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The last event of a stream that came to its own end."""

    usage: Usage | None = None


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The last event of a stream that did not: the provider said so in the stream."""

    message: str
    code: str = ""


Event = Started | Opened | Grew | Signed | Closed | Stopped | Finished | Failed


class ProviderError(msgspec.Struct, frozen=True):
    """What a provider's error body says. Its texts may hold our credential until they are redacted."""

    message: str
    code: str = ""
    """The most specific word: ``context_length_exceeded``, ``overloaded_error``, ``RESOURCE_EXHAUSTED``."""
