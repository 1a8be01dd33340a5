"""Reads a client's ``/v1/messages`` and ``/v1/messages/count_tokens``.

Not a loss, because nothing of the answer hangs on it: which tier serves it (``service_tier: auto``), in how large pieces
arguments come, the ``max`` effort (the highest there is) and empty text. ``adaptive`` thinking without an effort is what
models do that are not told anything, so it stays unsaid.

Source: https://platform.claude.com/docs/en/api/messages/create
"""

import base64

import msgspec

from keyturn.dialects import anthropic_wire as wire, json_scan
from keyturn.dialects.anthropic_shape import REQUEST, is_tuning
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Format,
    Loss,
    Media,
    Message,
    Part,
    Read,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from keyturn.dialects.effort import WORDS
from keyturn.dialects.strict_json import ERRORS, Reader, Unknown, refusal
from keyturn.domain.refusals import Reason, Refused

CARRIED = "keyturn-call:"
"""Begins the signature of a thinking block that carries the signature of a tool call: ``keyturn-call:ID:SIGNATURE``.

Anthropic's tool calls have none, and Gemini wants its own back; clients return thinking blocks as they were.
"""

_NO_COUNTERPART = "no other provider's API has a counterpart"


def read_request(body: bytes, *, model: str = "", stream: bool = False) -> Read | Refused:  # noqa: ARG001 -- one signature for all dialects; here the body says both
    """Read a request for an answer."""
    return _read(body, counting=False)


def read_count(body: bytes) -> Read | Refused:
    """Read a request to count the tokens of a request."""
    return _read(body, counting=True)


def _read(body: bytes, *, counting: bool) -> Read | Refused:
    found = json_scan.members(body)
    if isinstance(found, Refused):
        return found
    try:
        request, unknown = _reader.read(body)
        return Read(_chat(request, counting=counting), tuple(map(_loss, unknown)))
    except ERRORS as error:
        return refusal(error)
    except _WrongError as error:
        return Refused(Reason.INVALID_MEMBER, error.message, error.path)


def _loss(unknown: Unknown) -> Loss:
    if unknown.kind is None:
        return Loss(unknown.path, _NO_COUNTERPART, minor=is_tuning(unknown.path))
    return Loss(unknown.path, f"for the type '{unknown.kind}', {_NO_COUNTERPART}")


class _WrongError(Exception):
    """A member has a value that can't be."""

    def __init__(self, message: str, path: str) -> None:
        self.message, self.path = message, path


def _has_no_null(request: wire.WireRequest) -> bool:
    """Say whether the client has written no ``null`` where only what is cut out leaves one."""
    for message in request.messages:
        if type(message.content) is list:
            for block in message.content:
                if block is None or (
                    type(block) is wire.ToolResultBlock
                    and type(block.content) is list
                    and None in block.content
                ):
                    return False
    return not (
        (request.tools and None in request.tools) or (type(request.system) is list and None in request.system)
    )


_reader = Reader(wire.WireRequest, REQUEST, fits=_has_no_null, nulls=False)


# ── the whole ───────────────────────────────────────────────────────────────


def _chat(request: wire.WireRequest, *, counting: bool) -> Chat:
    if request.max_tokens is None and not counting:
        raise _WrongError("Object missing required field 'max_tokens'", "max_tokens")
    if not request.messages:
        raise _WrongError("At least one message is needed", "messages")
    choice, name, parallel = _choice(request.tool_choice)
    config = request.output_config
    effort = WORDS[config.effort] if config and config.effort else None
    tokens, shown = _thinking(request.thinking)
    schema = (config.format if config else None) or request.output_format
    return Chat(
        model=request.model,
        instructions=_instructions(request.system),
        messages=_messages(request.messages),
        tools=_tools(request.tools) if request.tools else (),
        tool_choice=choice,
        tool_name=name,
        parallel_tool_calls=parallel,
        format=Format.SCHEMA if schema else Format.TEXT,
        schema=_json_object(schema.schema, "output_config.format.schema") if schema else "",
        max_output_tokens=request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        stop=tuple(request.stop_sequences or ()),
        effort=effort,
        reasoning_tokens=tokens,
        show_reasoning=shown,
        stream=bool(request.stream),
        user=(request.metadata.user_id or "") if request.metadata else "",
    )


def _instructions(system: str | list[wire.TextBlock | None] | None) -> tuple[Text, ...]:
    if not system:
        return ()
    if isinstance(system, str):
        return (Text(system, "system"),)
    return tuple(
        Text(block.text, f"system[{index}]") for index, block in enumerate(system) if block and block.text
    )


def _tools(tools: list[wire.WireTool | None]) -> tuple[Tool, ...]:
    found = []
    for index, tool in enumerate(tools):
        if tool is not None:
            path = f"tools[{index}]"
            schema = _json_object(tool.input_schema, f"{path}.input_schema")
            found.append(Tool(tool.name, tool.description or "", schema, tool.strict, path))
    return tuple(found)


def _choice(choice: wire.ToolChoice | None) -> tuple[Choice | None, str, bool | None]:
    """Return whether a tool must be called, which one, and whether several may be at once."""
    if choice is None:
        return None, "", None
    if isinstance(choice, wire.NoChoice):
        return Choice.NONE, "", None
    parallel = None if choice.disable_parallel_tool_use is None else not choice.disable_parallel_tool_use
    if isinstance(choice, wire.NamedChoice):
        return Choice.NAMED, choice.name, parallel
    return Choice.AUTO if isinstance(choice, wire.AutoChoice) else Choice.REQUIRED, "", parallel


def _thinking(thinking: wire.Thinking | None) -> tuple[int | None, bool | None]:
    """Return the tokens of thought, where they are counted, and whether thoughts are shown."""
    if thinking is None:
        return None, None
    if isinstance(thinking, wire.Disabled):
        return 0, None
    shown = None if thinking.display is None else thinking.display == "summarized"
    return (thinking.budget_tokens if isinstance(thinking, wire.Enabled) else None), shown


# ── the conversation ────────────────────────────────────────────────────────


def _messages(messages: list[wire.WireMessage]) -> tuple[Message, ...]:
    found, names = [], dict[str, str]()
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        parts = _parts(message.content, f"{path}.content", names)
        if parts:  # an empty turn says nothing
            found.append(Message(message.role, parts, path))
    return tuple(found)


def _parts(content: str | list[wire.Block | None], path: str, names: dict[str, str]) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content, path),) if content else ()
    parts: list[Part] = []
    carried: dict[str, str] = {}
    for index, block in enumerate(content):
        if type(block) is wire.TextBlock:
            if block.text:
                parts.append(Text(block.text, f"{path}[{index}]"))
        elif type(block) is wire.ThinkingBlock and block.signature.startswith(CARRIED):
            call, _, signature = block.signature[len(CARRIED) :].partition(":")
            carried[call] = signature
        elif block is not None:
            parts.append(_part(block, f"{path}[{index}]", names))
    return tuple(_sign(parts, carried) if carried else parts)


def _part(block: wire.Block, path: str, names: dict[str, str]) -> Part:
    match block:
        case wire.ToolUseBlock():
            names[block.id] = block.name
            return ToolCall(block.id, block.name, _json_object(block.input, f"{path}.input"), path=path)
        case wire.ToolResultBlock():
            shown = _shown(block.content, f"{path}.content")
            name = names.get(block.tool_use_id, "")
            return ToolResult(block.tool_use_id, name, shown, bool(block.is_error), path)
        case wire.ThinkingBlock():
            return Reasoning(block.thinking, block.signature, path=path)
        case wire.RedactedThinkingBlock():
            return Reasoning("", sealed=block.data, path=path)
        case _:
            return _seen(block, path)


def _sign(parts: list[Part], carried: dict[str, str]) -> list[Part]:
    return [
        msgspec.structs.replace(part, signature=carried[part.id])
        if isinstance(part, ToolCall) and part.id in carried
        else part
        for part in parts
    ]


def _shown(content: str | list[wire.Shown | None] | None, path: str) -> tuple[Text | Media, ...]:
    if not content:
        return ()
    if isinstance(content, str):
        return (Text(content, path),)
    return tuple(
        _seen(block, f"{path}[{index}]")
        for index, block in enumerate(content)
        if block is not None and not (type(block) is wire.TextBlock and not block.text)
    )


def _seen(block: wire.Shown, path: str) -> Text | Media:
    if isinstance(block, wire.TextBlock):
        return Text(block.text, path)
    source = block.source
    # A document behind an address is a PDF, an image is of any kind.
    name, kind = (block.title or "", "application/pdf") if isinstance(block, wire.DocumentBlock) else ("", "")
    if isinstance(source, wire.UrlSource):
        return Media(kind, url=source.url, name=name, path=path)
    if isinstance(source, wire.TextSource):
        data = base64.b64encode(source.data.encode()).decode()
        return Media("text/plain", data, name=name, path=path)
    return Media(source.media_type, source.data, name=name, path=path)


def _json_object(raw: msgspec.Raw, path: str) -> str:
    data = bytes(raw)
    if not data.startswith(b"{"):
        raise _WrongError("Expected an object", path)
    return data.decode()
