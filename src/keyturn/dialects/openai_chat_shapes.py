"""The shapes of chat completions on the wire: requests, answers and the pieces of streamed answers.

Members that OpenAI does not have and its compatible hosts agree on are here too: ``reasoning_content`` (DeepSeek,
Moonshot, Zhipu, Qwen), ``reasoning`` and ``reasoning_details`` (OpenRouter, Groq, vLLM), ``images`` (OpenRouter),
``extra_content`` (Gemini's own compatible endpoint).
Source: ``CreateChatCompletionRequest``, ``CreateChatCompletionResponse`` and ``CreateChatCompletionStreamResponse`` of the
OpenAI API description; https://openrouter.ai/docs/use-cases/reasoning-tokens;
https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
Cap = Annotated[int, msgspec.Meta(ge=1, le=10**9)]


class Shape(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """What all have in common: a member that isn't said isn't written."""


# ── pieces ──────────────────────────────────────────────────────────────────


class ImageUrl(Shape):
    """Where an image is; a ``data:`` URL holds it itself."""

    url: str
    detail: str | None = None


class InputAudio(Shape):
    """A sound in base64."""

    data: str
    format: str


class File(Shape):
    """A file: in base64 (``data:`` URL or bare), or one that was uploaded before."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class Part(Shape):
    """A part of a message's content; ``type`` says which other member it has."""

    type: str
    text: str | None = None
    image_url: ImageUrl | None = None
    input_audio: InputAudio | None = None
    file: File | None = None
    refusal: str | None = None
    prompt_cache_breakpoint: Any = None


class Function(Shape):
    """A call of a function. Some hosts give the arguments as an object instead of text."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    parsed_arguments: Any = None
    """OpenAI's own client adds them to what it hands out, and gets them back in the next request."""


class Google(Shape):
    """Gemini's own."""

    thought_signature: str | None = None


class Extra(Shape):
    """What a compatible host adds to a call."""

    google: Google | None = None


class Call(Shape):
    """A call of a tool, or a piece of one: ``index`` says of which."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: Function | None = None
    custom: Any = None
    extra_content: Extra | None = None


class Detail(Shape):
    """Reasoning of one provider with its proof: ``reasoning.text``, ``reasoning.summary``, ``reasoning.encrypted``."""

    type: str = ""
    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None
    id: str | None = None
    format: str | None = None
    index: int | None = None


class Image(Shape):
    """An image that was made."""

    image_url: ImageUrl
    type: str | UnsetType = UNSET


# ── what is asked ───────────────────────────────────────────────────────────


class Message(Shape):
    """A message of a request."""

    role: str
    content: str | list[Part] | UnsetType | None = UNSET
    name: str | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    function_call: Function | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Detail] | None = None
    images: list[Image] | None = None
    audio: Any = None
    annotations: Any = None
    parsed: Any = None
    """As ``parsed_arguments``: the content once more."""


class Definition(Shape):
    """A function that may be called."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw | UnsetType = UNSET
    strict: bool | None = None


class Tool(Shape):
    """A tool; ``type`` is always written."""

    type: str | UnsetType = UNSET
    function: Definition | None = None
    custom: Any = None


class Named(Shape):
    """The name of a function."""

    name: str


class ToolChoice(Shape):
    """A choice that is more than a word."""

    type: str
    function: Named | None = None
    allowed_tools: Any = None
    custom: Any = None


class JsonSchema(Shape):
    """How an answer in JSON is made."""

    name: str
    description: str | None = None
    schema: msgspec.Raw | UnsetType = UNSET
    strict: bool | None = None


class ResponseFormat(Shape):
    """``text``, ``json_object`` or ``json_schema``."""

    type: str
    json_schema: JsonSchema | None = None


class StreamOptions(Shape):
    """What a stream tells beside the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Request(Shape):
    """A whole request. The members behind ``user`` have no place in any other dialect."""

    messages: list[Message]
    model: str = ""
    max_completion_tokens: Cap | None = None
    max_tokens: Cap | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_k: int | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Tool] | None = None
    tool_choice: str | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None
    safety_identifier: str | None = None
    user: str | None = None
    audio: Any = None
    function_call: Any = None
    functions: Any = None
    logit_bias: Any = None
    logprobs: bool | None = None
    metadata: Any = None
    modalities: Any = None
    moderation: Any = None
    n: int | None = None
    prediction: Any = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Any = None
    prompt_cache_retention: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    top_logprobs: int | None = None
    verbosity: str | None = None
    web_search_options: Any = None


# ── what is answered ────────────────────────────────────────────────────────


class Spoken(Shape):
    """A part of an answer's content where a host gives a list: Mistral's thoughts stand in ``thinking``."""

    type: str = ""
    text: str | None = None
    thinking: str | list["Spoken"] | None = None


class Delta(Shape):
    """The message of an answer, or what a piece of a stream adds to it."""

    role: str | None = None
    content: str | list[Spoken] | UnsetType | None = UNSET
    refusal: str | UnsetType | None = UNSET
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Detail] | None = None
    images: list[Image] | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None


class Choice(Shape):
    """One of the answers."""

    index: int | UnsetType | None = UNSET
    message: Delta | None = None
    delta: Delta | None = None
    logprobs: Any | UnsetType = UNSET
    finish_reason: str | None = None


class Answer(Shape):
    """A whole answer, or a piece of a stream."""

    id: str | None = None
    object: str | None = None
    created: int | float | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: msgspec.Raw | UnsetType = UNSET
    error: Any = None
