"""What Gemini's requests are made of, as they stand on the wire; unknown members are refused by the decoder.

Source: https://ai.google.dev/api/generate-content and https://ai.google.dev/api/caching#Content (revision of 2026-04).
"""

from msgspec import Raw, Struct

NOTHING = Raw()
"""No JSON: what has this very value is left out."""


class Wire(Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """An object of the API; what has its default is left out."""


class Blob(Wire):
    """Bytes of a media type."""

    mime_type: str = ""
    data: str = ""
    """Base64, of either alphabet."""
    display_name: str = ""


class FileData(Wire):
    """A file by its address."""

    mime_type: str = ""
    file_uri: str = ""
    display_name: str = ""


class FunctionCall(Wire):
    """What the model wants called."""

    id: str = ""
    name: str = ""
    args: Raw = NOTHING


class ResponsePart(Wire):
    """A medium of a function's response."""

    inline_data: Blob | None = None
    file_data: FileData | None = None


class FunctionResponse(Wire):
    """What was called has said."""

    id: str = ""
    name: str = ""
    response: Raw = NOTHING
    parts: list[ResponsePart] = []


class Resolution(Wire):
    """How closely a medium is looked at."""

    level: str = ""


class Part(Wire):
    """One of ``text``, …, ``function_response``."""

    text: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    thought: bool = False
    thought_signature: str = ""
    media_resolution: Resolution | None = None


class Content(Wire):
    """One turn."""

    parts: list[Part] = []
    role: str = ""


class FunctionDeclaration(Wire):
    """A tool of the client's."""

    name: str = ""
    description: str = ""
    parameters: Raw = NOTHING
    """In OpenAPI's words."""
    parameters_json_schema: Raw = NOTHING
    response: Raw = NOTHING
    """Like the next, of what the function gives back. Passed over: the model sees it when it has been called; Google's
    client adds it to every function of Python's."""
    response_json_schema: Raw = NOTHING


class Tool(Wire):
    """Several tools of the client's."""

    function_declarations: list[FunctionDeclaration] = []


class FunctionCallingConfig(Wire):
    """Whether one must be called."""

    mode: str = ""
    allowed_function_names: list[str] = []


class ToolConfig(Wire):
    """How tools are used."""

    function_calling_config: FunctionCallingConfig | None = None


class ThinkingConfig(Wire):
    """How long the model thinks."""

    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: str = ""


class GenerationConfig(Wire):
    """How the answer is made."""

    candidate_count: int | None = None
    stop_sequences: list[str] = []
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_mime_type: str = ""
    response_schema: Raw = NOTHING
    """In OpenAPI's words."""
    response_json_schema: Raw = NOTHING
    response_modalities: list[str] = []
    response_logprobs: bool = False
    logprobs: int | None = None
    thinking_config: ThinkingConfig | None = None


class Request(Wire):
    """``generateContent`` and ``streamGenerateContent``."""

    model: str = ""
    contents: list[Content] = []
    system_instruction: Content | None = None
    tools: list[Tool] = []
    tool_config: ToolConfig | None = None
    generation_config: GenerationConfig | None = None
