"""The JSON of ``/v1/messages`` as types: one set for the reader and the writer of requests.

What is not named here has no place in ``canonical`` and is cut out first, as ``anthropic_shape`` says.
Source: https://platform.claude.com/docs/en/api/messages/create, and the types of the official SDK.
"""

from typing import Annotated, Literal

import msgspec

from keyturn.dialects.canonical import Role

LARGEST = 10**9
"""More tokens are nonsense, and a number without bounds could not be written."""

Positive = Annotated[int, msgspec.Meta(ge=1, le=LARGEST)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Wire(msgspec.Struct, tag_field="type", omit_defaults=True, forbid_unknown_fields=True):
    """One of several, told apart by ``type``."""


class TextBlock(_Wire, tag="text"):
    """Words."""

    text: str


class Base64Source(_Wire, tag="base64"):
    """An image or a PDF, here and now."""

    media_type: str
    data: str


class UrlSource(_Wire, tag="url"):
    """An image or a PDF for the provider to fetch."""

    url: str


class TextSource(_Wire, tag="text"):
    """A document of plain text."""

    media_type: Literal["text/plain"]
    data: str


class ImageBlock(_Wire, tag="image"):
    """An image."""

    source: Base64Source | UrlSource


class DocumentBlock(_Wire, tag="document"):
    """A PDF or a text."""

    source: Base64Source | UrlSource | TextSource
    title: str | None = None


class ToolUseBlock(_Wire, tag="tool_use"):
    """The model wants a tool called."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    name: str
    input: msgspec.Raw


Shown = TextBlock | ImageBlock | DocumentBlock


class ToolResultBlock(_Wire, tag="tool_result"):
    """What a tool has answered."""

    tool_use_id: str
    content: str | list[Shown | None] | None = None
    is_error: bool | None = None


class ThinkingBlock(_Wire, tag="thinking"):
    """Thoughts, and the proof that they are the provider's."""

    thinking: str
    signature: str


class RedactedThinkingBlock(_Wire, tag="redacted_thinking"):
    """Thoughts that only the provider can read."""

    data: str


Block = Shown | ToolUseBlock | ToolResultBlock | ThinkingBlock | RedactedThinkingBlock


class WireMessage(msgspec.Struct, forbid_unknown_fields=True):
    """One turn. A block that was cut out has left ``None`` behind, so that the others keep their paths."""

    role: Role
    content: str | list[Block | None]


class WireTool(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A tool that the client runs."""

    name: str
    input_schema: msgspec.Raw
    description: str | None = None
    strict: bool | None = None
    type: Literal["custom"] | None = None


class AutoChoice(_Wire, tag="auto"):
    """The model may call tools."""

    disable_parallel_tool_use: bool | None = None


class AnyChoice(_Wire, tag="any"):
    """It has to call one."""

    disable_parallel_tool_use: bool | None = None


class NamedChoice(_Wire, tag="tool"):
    """It has to call this one."""

    name: str
    disable_parallel_tool_use: bool | None = None


class NoChoice(_Wire, tag="none"):
    """It may not call any."""


ToolChoice = AutoChoice | AnyChoice | NamedChoice | NoChoice
Display = Literal["summarized", "omitted"]


class Enabled(_Wire, tag="enabled"):
    """So many tokens of thought."""

    budget_tokens: Annotated[int, msgspec.Meta(ge=1024, le=LARGEST)]
    display: Display | None = None


class Adaptive(_Wire, tag="adaptive"):
    """As much thought as the model likes, steered by ``effort``."""

    display: Display | None = None


class Disabled(_Wire, tag="disabled"):
    """No thought."""


Thinking = Enabled | Adaptive | Disabled
EffortWord = Literal["low", "medium", "high", "xhigh", "max"]


class JsonSchema(_Wire, tag="json_schema"):
    """The answer is JSON of this schema."""

    schema: msgspec.Raw


class OutputConfig(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """How the answer is written."""

    effort: EffortWord | None = None
    format: JsonSchema | None = None


class Metadata(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """About the request."""

    user_id: str | None = None


class WireRequest(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """The body."""

    model: str
    messages: list[WireMessage]
    max_tokens: Positive | None = None
    system: str | list[TextBlock | None] | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0, le=LARGEST)] | None = None
    stop_sequences: list[str] | None = None
    tools: list[WireTool | None] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: JsonSchema | None = None
    """What ``output_config.format`` was called in the beta."""
    metadata: Metadata | None = None
    stream: bool | None = None
