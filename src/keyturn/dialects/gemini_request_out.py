"""Requests of Gemini's dialect, written for a provider."""

import msgspec

from keyturn.dialects import gemini_shapes as wire
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Effort,
    Format,
    Loss,
    Media,
    Part,
    Reasoning,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Written,
)
from keyturn.dialects.effort import BUDGETS
from keyturn.dialects.gemini_parts import arguments_of, medium_of, response_of
from keyturn.dialects.gemini_signature import NO_SIGNATURE, is_base64

_MODES = {Choice.AUTO: "AUTO", Choice.NONE: "NONE", Choice.REQUIRED: "ANY", Choice.NAMED: "ANY"}
_LARGEST_BUDGET = 24_576
"""That all models of the 2.5 generation take, which know no levels."""
_WITHOUT_LEVELS = "gemini-2.5"
_WITHOUT_PROOF = ("gemini-1", "gemini-2")
"""Later ones refuse a turn whose first call is not signed.
Source: https://ai.google.dev/gemini-api/docs/thought-signatures."""

_encoder = msgspec.json.Encoder()


def write_request(chat: Chat) -> Written:
    """Write a request; the path names the model and says whether to stream.

    Passed over, because it changes no answer: ``user`` (the gateway knows whose request it is), a file's name, the name
    of the answer's schema and its strictness (Gemini's is always kept to).
    """
    losses: list[Loss] = []
    return Written(_encoder.encode(request_of(chat, losses)), tuple(losses))


def request_of(chat: Chat, losses: list[Loss]) -> wire.Request:
    """Return the request as it stands on the wire; what can't be said goes to ``losses``."""
    request = wire.Request(contents=_contents(chat, losses))
    if chat.model.startswith("gemini-") and not chat.model.startswith(_WITHOUT_PROOF):
        _vouch(request.contents)
    if chat.instructions:
        request.system_instruction = wire.Content([wire.Part(text=text.text) for text in chat.instructions])
    if chat.tools:
        request.tools = [wire.Tool([_declaration(tool) for tool in chat.tools])]
    request.tool_config = _tool_config(chat)
    if chat.parallel_tool_calls is False:
        losses.append(Loss("parallel_tool_calls", "Gemini may always call several tools at once"))
    config = _config(chat, losses)
    if config != _NO_CONFIG:
        request.generation_config = config
    return request


_NO_CONFIG = wire.GenerationConfig()


def _contents(chat: Chat, losses: list[Loss]) -> list[wire.Content]:
    """Return the turns, neighbours of one role joined: all responses to parallel calls belong into one."""
    contents: list[wire.Content] = []
    for message in chat.messages:
        if message.role is Role.SYSTEM:
            losses.append(Loss(message.path, "Gemini knows no instructions in mid-conversation"))
            continue
        parts = [written for part in message.parts if (written := _part(part, losses)) is not None]
        role = "user" if message.role is Role.USER else "model"
        if contents and contents[-1].role == role:
            contents[-1].parts.extend(parts)
        elif parts:
            contents.append(wire.Content(parts, role))
    return contents


def _vouch(contents: list[wire.Content]) -> None:
    """Sign the first call of each turn that comes without: another model's, or through a client that keeps none."""
    for content in contents:
        first = next((part for part in content.parts if part.function_call is not None), None)
        if first is not None and not first.thought_signature:
            first.thought_signature = NO_SIGNATURE


def _part(part: Part, losses: list[Loss]) -> wire.Part | None:
    if isinstance(part, Text):
        return wire.Part(text=part.text)
    if isinstance(part, ToolCall):
        return _call(part, losses)
    if isinstance(part, ToolResult):
        return wire.Part(function_response=response_of(part))
    if isinstance(part, Media):
        return medium_of(part)
    if isinstance(part, Reasoning):
        return _thought(part, losses)
    return wire.Part(text=part.text)  # a refusal is words to Gemini


def _call(part: ToolCall, losses: list[Loss]) -> wire.Part:
    arguments = arguments_of(part)
    if arguments is None:
        losses.append(Loss(part.path, "Gemini takes arguments that are a JSON object only"))
    call = wire.FunctionCall(part.id, part.name, arguments or msgspec.Raw(b"{}"))
    return wire.Part(function_call=call, thought_signature=_signature(part.signature, part.path, losses))


def _thought(part: Reasoning, losses: list[Loss]) -> wire.Part | None:
    if part.sealed:
        losses.append(
            Loss(part.path, "only the provider that sealed these thoughts can read them", minor=True)
        )
    signature = _signature(part.signature, part.path, losses)
    if not part.text:
        return wire.Part(text="", thought_signature=signature) if signature else None
    return wire.Part(text=part.text, thought=True, thought_signature=signature)


def _signature(signature: str, path: str, losses: list[Loss]) -> str:
    if not signature or is_base64(signature):
        return signature
    losses.append(Loss(path, "this signature is not Gemini's", minor=True))
    return ""


def _declaration(tool: Tool) -> wire.FunctionDeclaration:
    return wire.FunctionDeclaration(tool.name, tool.description, parameters_json_schema=_raw(tool.schema))


def _raw(schema: str) -> msgspec.Raw:
    return msgspec.Raw(schema.encode()) if schema else wire.NOTHING


def _tool_config(chat: Chat) -> wire.ToolConfig | None:
    choice = chat.tool_choice
    mode = "" if choice is None else _MODES[choice]
    if mode in {"", "AUTO"} and any(tool.strict for tool in chat.tools):
        mode = (
            "VALIDATED"  # as free as AUTO, but calls keep to the schema; in the other modes they do so anyway
        )
    if not mode:
        return None
    names = [chat.tool_name] if choice is Choice.NAMED else []
    return wire.ToolConfig(wire.FunctionCallingConfig(mode, names))


def _config(chat: Chat, losses: list[Loss]) -> wire.GenerationConfig:
    config = wire.GenerationConfig(
        stop_sequences=list(chat.stop),
        max_output_tokens=chat.max_output_tokens,
        temperature=chat.temperature,
        top_p=chat.top_p,
        top_k=chat.top_k,
        seed=chat.seed,
        presence_penalty=chat.presence_penalty,
        frequency_penalty=chat.frequency_penalty,
        thinking_config=_thinking(chat, losses),
    )
    if chat.format is not Format.TEXT:
        config.response_mime_type = "application/json"
        config.response_json_schema = _raw(chat.schema)
    if chat.schema_description:
        losses.append(
            Loss("schema_description", "Gemini takes a description inside the schema only", minor=True)
        )
    return config


def _thinking(chat: Chat, losses: list[Loss]) -> wire.ThinkingConfig | None:
    effort, budget = chat.effort, chat.reasoning_tokens
    level = ""
    if effort is Effort.NONE:
        budget = 0
    elif effort is not None and budget is not None:
        losses.append(Loss("effort", "Gemini takes a count of tokens or an effort, not both", minor=True))
    elif effort is not None and chat.model.startswith(_WITHOUT_LEVELS):
        budget = min(BUDGETS[effort], _LARGEST_BUDGET)
    elif effort is not None:
        level = effort.value.upper()
    if budget is None and not level and chat.show_reasoning is None:
        return None
    return wire.ThinkingConfig(chat.show_reasoning, budget, level)
