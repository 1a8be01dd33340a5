"""The members of OpenAI requests that the demo upstream reads; all others are ignored."""

import re
from typing import Annotated, Literal, TypeVar

import msgspec

from keyturn.demo import vectors
from keyturn.demo.prose import PIECES_LIMIT

Count = Annotated[int, msgspec.Meta(ge=1)]
Text = str | None
_PLAIN_FORM = "text"
_WORDS = frozenset({"text", "input_text", "output_text", "refusal"})


class Invalid(msgspec.Struct, frozen=True):
    """Why a body can't be answered."""

    message: str
    param: str | None
    code: str | None


class StreamOptions(msgspec.Struct, frozen=True):
    """How to stream."""

    include_usage: bool | None = None


class Paced(msgspec.Struct, frozen=True, kw_only=True):
    """The demo's own members, for tests and benchmarks."""

    demo_words: Annotated[int, msgspec.Meta(ge=1, le=PIECES_LIMIT)] | None = None
    """How many words to answer."""
    demo_interval_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] | None = None
    """How long to pause between two words of a stream."""
    demo_delay_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] | None = None
    """How long to wait before the first byte."""


class Body(Paced, frozen=True, kw_only=True):
    """What all requests of OpenAI's dialect have."""

    model: str
    stream: bool | None = None


class Part(msgspec.Struct, frozen=True):
    """One part of a message's content; those that are not text have no ``text``."""

    type: str
    text: Text = None


Content = str | list[Part] | None


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Content = None
    tool_calls: list[msgspec.Raw] | None = None


class Form(msgspec.Struct, frozen=True):
    """How an answer is to be written."""

    type: str = _PLAIN_FORM


class ChatBody(Body, frozen=True, kw_only=True):
    """POST /v1/chat/completions."""

    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    stop: str | list[str] | None = None
    tools: list[msgspec.Raw] | None = None
    functions: list[msgspec.Raw] | None = None
    response_format: Form | None = None
    reasoning_effort: str | None = None

    @property
    def is_plain(self) -> bool:
        """It is words that ask for words: no tools, no form, no thought, no pictures."""
        return not (
            self.tools
            or self.functions
            or self.reasoning_effort
            or (self.response_format is not None and self.response_format.type != _PLAIN_FORM)
            or any(
                message.tool_calls or message.role in {"tool", "function"} or not _is_text(message.content)
                for message in self.messages
            )
        )


class CompletionBody(Body, frozen=True, kw_only=True):
    """POST /v1/completions."""

    prompt: str | list[str | int | list[int]] | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    stop: str | list[str] | None = None


class Item(msgspec.Struct, frozen=True):
    """One item of a response's input; those that are not messages have no role."""

    role: str = ""
    content: Content = None
    type: str = "message"


class Written(msgspec.Struct, frozen=True):
    """How a response is written."""

    format: Form | None = None


class ResponseBody(Body, frozen=True, kw_only=True):
    """POST /v1/responses."""

    input: str | list[Item] | None = None
    instructions: str | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    tools: list[msgspec.Raw] | None = None
    text: Written | None = None
    reasoning: dict[str, msgspec.Raw] | None = None

    @property
    def is_plain(self) -> bool:
        """It is words that ask for words: no tools, no form, no thought, no pictures."""
        form = None if self.text is None else self.text.format
        items = [] if self.input is None or isinstance(self.input, str) else self.input
        return not (
            self.tools
            or self.reasoning
            or (form is not None and form.type != _PLAIN_FORM)
            or any(item.type != "message" or not _is_text(item.content) for item in items)
        )


class EmbeddingBody(Body, frozen=True, kw_only=True):
    """POST /v1/embeddings."""

    input: (
        Annotated[str, msgspec.Meta(min_length=1)]
        | Annotated[list[str | int | list[int]], msgspec.Meta(min_length=1)]
    )
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=vectors.MAX_DIMENSIONS)] | None = None


BodyType = TypeVar("BodyType", bound=Paced)

_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]*)`")


def read(body: bytes, kind: type[BodyType]) -> BodyType | Invalid:
    """Read a request's body."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        return explain(str(error))
    except (msgspec.DecodeError, RecursionError):
        return Invalid("We could not parse the JSON body of your request.", None, None)


def explain(text: str) -> Invalid:
    """Turn the decoder's sentence into OpenAI's: it names the member in ``param``."""
    where = _PATH.search(text)
    path = "" if where is None else where["path"]
    said = text if where is None else text[: where.start()]
    missing = _MISSING.search(text)
    if missing is not None:
        param = f"{path}.{missing['name']}" if path else missing["name"]
        return Invalid(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
    return Invalid(
        f"Invalid value for '{path}': {said}." if path else f"{said}.", path or None, "invalid_value"
    )


def _is_text(content: Content) -> bool:
    return content is None or isinstance(content, str) or all(part.type in _WORDS for part in content)


def text_of(content: Content) -> str:
    """Return what is text in a message, parts joined by newlines."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    return "\n".join(part.text for part in content if part.text)


def texts_of(inputs: str | list[str | int | list[int]]) -> list[str]:
    """Return the texts of a prompt or an input to embed: one, several, or token numbers as digits."""
    if isinstance(inputs, str):
        return [inputs]
    if inputs and all(isinstance(each, int) for each in inputs):
        return [" ".join(map(str, inputs))]
    return [
        each if isinstance(each, str) else " ".join(map(str, each if isinstance(each, list) else [each]))
        for each in inputs
    ]


def listed(stop: str | list[str] | None) -> list[str]:
    """Return the stop texts as a list."""
    return [stop] if isinstance(stop, str) else stop or []
